/*
 * POST /v1/hosts/exec: one command on several hosts, what each writes as lines, and how it ended.
 *
 * So many run at a time; the others wait.  When the client is gone they are ended.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/ec2/remote.h"
#include "reconciler/api/api_int.h"
#include "reconciler/run/fleet.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define HOSTS_AT_ONCE 16

struct runs;

struct host_run {
    struct runs *runs;
    const char *name;
    struct remote *remote; /* NULL: not yet, or over */
};

/* Texts are the request's. */
struct runs {
    struct request *request;
    const struct app *app;
    const char **words;
    struct host_run *hosts; /* by name */
    size_t count;
    size_t next; /* to be started */
    size_t running;
    bool paused;
};

/* ---- What is told ---------------------------------------------------------------------------- */

static void pause_all(struct runs *runs, bool paused)
{
    if (runs->paused == paused)
        return;
    runs->paused = paused;
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->hosts[i].remote != NULL)
            remote_pause(runs->hosts[i].remote, paused);
    }
}

static void drained(void *context)
{
    pause_all(context, false);
}

static void on_line(void *ctx, bool is_error, const char *line, size_t size)
{
    struct host_run *host = ctx;
    struct runs *runs = host->runs;
    struct json *object = json_object();
    AUTO_TEXT char *text = mem_alloc(size + 1);
    size_t kept = 0;

    for (size_t i = 0; i < size; i++) {
        if (line[i] != '\0')
            text[kept++] = line[i];
    }
    text[kept] = '\0';
    json_set_text(object, "instance", host->name);
    json_set_text(object, "stream", is_error ? "stderr" : "stdout");
    json_set_text(object, "text", text);
    if (request_write_json(runs->request, object) >= STREAM_ENOUGH)
        pause_all(runs, true);
}

static void tell_end(struct host_run *host, int exit_code, const struct err *failure)
{
    struct json *object = json_object();

    json_set_text(object, "instance", host->name);
    if (failure != NULL)
        json_set_text(object, "error", failure->text);
    else
        json_set_int(object, "exitCode", exit_code);
    (void)request_write_json(host->runs->request, object);
}

/* ---- One after another ----------------------------------------------------------------------- */

static void start_some(struct runs *runs);

static void on_done(void *ctx, int exit_code, const struct err *failure)
{
    struct host_run *host = ctx;
    struct runs *runs = host->runs;

    tell_end(host, exit_code, failure);
    remote_free(TAKE(host->remote));
    runs->running--;
    start_some(runs);
}

/* Why it is not connected, if that is known. */
static void explain(const struct runs *runs, const char *name, struct err *err)
{
    const struct world_instance *seen = world_instance(runs->app->world, name);

    if (err->code == ERR_UNREACHABLE && seen != NULL && seen->failure != NULL)
        (void)err_set(err, ERR_UNREACHABLE, "not reachable: %s", seen->failure);
}

static void start(struct runs *runs, struct host_run *host)
{
    const struct remote_options options = {
        .words = runs->words, .on_line = on_line, .done = on_done, .ctx = host
    };
    const struct app *app = runs->app;
    struct err err = { 0 };

    if (app->driver == NULL)
        (void)err_set(&err, ERR_NOT_FOUND, "there is no instance '%s'", host->name);
    else
        host->remote = fleet_run(app->driver, host->name, &options, &err);
    if (host->remote == NULL) {
        explain(runs, host->name, &err);
        tell_end(host, -1, &err);
        return;
    }
    runs->running++;
    if (runs->paused)
        remote_pause(host->remote, true);
}

static void start_some(struct runs *runs)
{
    while (runs->next < runs->count && runs->running < HOSTS_AT_ONCE)
        start(runs, &runs->hosts[runs->next++]);
    if (runs->next == runs->count && runs->running == 0)
        request_finish(runs->request);
}

static void client_gone(void *context)
{
    struct runs *runs = context;

    for (size_t i = 0; i < runs->count; i++)
        remote_free(runs->hosts[i].remote);
    free(runs->hosts);
    free(runs);
}

/* ---- On which hosts -------------------------------------------------------------------------- */

static void add(struct runs *runs, const char *name)
{
    runs->hosts = mem_resize(runs->hosts, (runs->count + 1) * sizeof(*runs->hosts));
    runs->hosts[runs->count++] = (struct host_run){ .runs = runs, .name = name };
}

static void add_each(void *context, const char *name, bool leaving)
{
    struct runs *runs = context;

    (void)leaving; /* it is a host until it is gone */
    if (!text_equal(name, LOCAL_INSTANCE))
        add(runs, arena_text(request_arena(runs->request), name));
}

static bool lists(const struct cluster_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->instances_count; i++) {
        if (text_equal(spec->instances[i].name, name))
            return true;
    }
    return false;
}

/* The cluster that is asked for; *out NULL: none is. */
static int find_cluster(const struct runs *runs, const char *name, const struct cluster_spec **out,
                        struct err *err)
{
    const struct desired *desired = runs->app->desired;
    const struct resource *cluster = desired == NULL || name == NULL
                                         ? NULL
                                         : generation_find(desired->generation, KIND_CLUSTER, name);

    *out = NULL;
    if (name == NULL)
        return 0;
    if (cluster == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no cluster '%s'", name);
    *out = resource_cluster(cluster);
    if ((*out)->launch_type != LAUNCH_TYPE_EC2)
        return err_set(err, ERR_INVALID, "cluster '%s' is of FARGATE, and has no hosts", name);
    return 0;
}

static void keep_listed(struct runs *runs, const struct cluster_spec *spec)
{
    size_t kept = 0;

    for (size_t i = 0; i < runs->count; i++) {
        if (lists(spec, runs->hosts[i].name))
            runs->hosts[kept++] = runs->hosts[i];
    }
    runs->count = kept;
}

static int keep_named(struct runs *runs, const struct json *names, const char *cluster,
                      struct err *err)
{
    struct host_run *all = runs->hosts;
    size_t all_count = runs->count;
    int status = 0;

    runs->hosts = NULL;
    runs->count = 0;
    for (size_t i = 0; i < json_count(names) && status == 0; i++) {
        const char *name = json_as_text(json_at(names, i), "");
        size_t at = 0;
        bool again = false;

        while (at < all_count && !text_equal(all[at].name, name))
            at++;
        for (size_t k = 0; k < runs->count; k++)
            again |= text_equal(runs->hosts[k].name, name);
        if (at == all_count && text_equal(name, LOCAL_INSTANCE))
            status = err_set(err, ERR_INVALID,
                             "'%s' is the local engine, which is reached without ssh", name);
        else if (at == all_count)
            status = err_set(err, ERR_NOT_FOUND, "there is no instance '%s'%s%s", name,
                             cluster == NULL ? "" : " in cluster ", cluster == NULL ? "" : cluster);
        else if (!again)
            add(runs, all[at].name);
    }
    free(all);
    return status;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct host_run *)a)->name, ((const struct host_run *)b)->name);
}

static int choose(struct runs *runs, const struct json *body, struct err *err)
{
    const char *cluster = json_text(body, "cluster");
    const struct json *names = json_get(body, "instances");
    const struct cluster_spec *spec;

    if (find_cluster(runs, cluster, &spec, err) < 0)
        return -1;
    if (runs->app->driver != NULL)
        fleet_each(runs->app->driver, add_each, runs);
    if (spec != NULL)
        keep_listed(runs, spec);
    if (names != NULL && keep_named(runs, names, cluster, err) < 0)
        return -1;
    if (runs->count == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no host: no cluster of EC2 lists one");
    qsort(runs->hosts, runs->count, sizeof(*runs->hosts), compare);
    return 0;
}

/* ---- The request ----------------------------------------------------------------------------- */

static int words_of(struct runs *runs, const struct json *command, struct err *err)
{
    size_t count = json_count(command);

    runs->words = arena_array(request_arena(runs->request), const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        runs->words[i] = json_as_text(json_at(command, i), NULL);
        if (runs->words[i] == NULL)
            count = 0;
    }
    if (count == 0 || text_is_empty(runs->words[0]))
        return err_set(err, ERR_INVALID, "'command' must be a list of at least one text");
    return 0;
}

static int begin(struct runs *runs, struct err *err)
{
    static const char *const members[] = { "command", "cluster", "instances" };
    const struct json *body;
    struct json *names = NULL;

    if (request_json(runs->request, &body, err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), err) < 0 ||
        words_of(runs, json_get(body, "command"), err) < 0 || choose(runs, body, err) < 0)
        return -1;
    request_keep(runs->request, client_gone, runs);
    request_stream(runs->request, "application/x-ndjson", drained);
    names = json_array();
    for (size_t i = 0; i < runs->count; i++)
        json_append_text(names, runs->hosts[i].name);
    struct json *object = json_object();
    json_set(object, "instances", names);
    (void)request_write_json(runs->request, object);
    start_some(runs);
    return 0;
}

void post_hosts_exec(struct request *request)
{
    struct runs *runs = mem_alloc(sizeof(*runs));
    struct err err = { 0 };

    runs->request = request;
    runs->app = app_of(request);
    if (begin(runs, &err) == 0)
        return;
    client_gone(runs);
    request_fail(request, &err);
}
