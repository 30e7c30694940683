#include "reconciler/run/installer.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/ec2/remote.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/installer_script.h"
#include "spec/base/text.h"

#define DEADLINE_MS  ((int64_t)30 * 60 * 1000)
#define PAUSE_MIN_MS ((int64_t)60 * 1000)
#define PAUSE_MAX_MS ((int64_t)30 * 60 * 1000)
#define AT_ONCE      4
#define LINES_MAX    1024  /* bytes of its last lines that are kept */
#define BEGINS_MS    60000 /* from the installation until its engine is reached */

struct host {
    struct installer *installer;
    char *name;
    struct remote *remote; /* NULL: it is not under way */
    struct buf lines;      /* of what it prints, the newest, with " / " between */
    char *text;            /* for people; NULL: nothing to say */
    int64_t pause_ms;
    int64_t retry_at_ms;     /* of the loop's clock; 0: now */
    int64_t begins_until_ms; /* was installed, and its engine begins; 0: not */
    bool is_there;           /* an engine: nothing is to be done */
    UT_hash_handle by_name;
};

struct installer {
    struct app *app;
    struct host *hosts;
    struct timer again;
    size_t running;
    bool is_stirred;
    bool is_stopped;
};

static void look(void *ctx);

struct installer *installer_new(struct app *app)
{
    struct installer *installer = mem_alloc(sizeof(*installer));

    installer->app = app;
    return installer;
}

void installer_stop(struct installer *installer)
{
    if (installer == NULL)
        return;
    installer->is_stopped = true;
    timer_stop(&installer->again);
    loop_defer_cancel(installer->app->loop, look, installer);
    for (struct host *at = installer->hosts; at != NULL; at = at->by_name.next)
        remote_free(TAKE(at->remote));
}

void installer_free(struct installer *installer)
{
    if (installer == NULL)
        return;
    ASSERT(installer->is_stopped || installer->hosts == NULL);
    while (installer->hosts != NULL) {
        struct host *host = installer->hosts;

        HASH_DELETE(by_name, installer->hosts, host);
        buf_release(&host->lines);
        free(host->text);
        free(host->name);
        free(host);
    }
    free(installer);
}

void installer_stir(struct installer *installer)
{
    if (installer->is_stirred || installer->is_stopped)
        return;
    installer->is_stirred = true;
    loop_defer(installer->app->loop, look, installer); /* not from within a report */
}

static struct host *host_get(struct installer *installer, const char *name)
{
    struct host *host;

    HASH_FIND(by_name, installer->hosts, name, strlen(name), host);
    if (host != NULL)
        return host;
    host = mem_alloc(sizeof(*host));
    host->installer = installer;
    host->name = mem_text(name);
    host->pause_ms = PAUSE_MIN_MS;
    buf_init(&host->lines, LINES_MAX);
    HASH_ADD_KEYPTR(by_name, installer->hosts, host->name, strlen(host->name), host);
    return host;
}

static void say(struct host *host, const char *topic, const char *text)
{
    free(host->text);
    host->text = text == NULL ? NULL : mem_text(text);
    if (text != NULL)
        app_tell(host->installer->app, topic, &(struct log_fields){ .instance = host->name },
                 "%s: %s", host->name, text);
}

/* ---- One host -------------------------------------------------------------------------------- */

static void on_line(void *ctx, bool is_error, const char *line, size_t size)
{
    struct buf *lines = &((struct host *)ctx)->lines;
    size_t kept = size < LINES_MAX / 4 ? size : LINES_MAX / 4;

    (void)is_error;
    if (size == 0)
        return;
    if (lines->size + kept + 3 > LINES_MAX)
        buf_drop_front(lines, lines->size + kept + 3 - LINES_MAX);
    buf_printf(lines, "%s%.*s", lines->size > 0 ? " / " : "", (int)kept, line);
}

static void installed(struct host *host)
{
    struct app *app = host->installer->app;
    const struct host_record *known = memory_host(app->memory, host->name);
    struct host_record record = { .instance = host->name };
    const struct fact fact = { .kind = FACT_HOST,
                               .durable = true,
                               .at_ms = loop_wall_ms(),
                               .host = &record,
                               .text = "Docker was installed there" };
    struct err err = { 0 };

    if (known != NULL)
        record = *known;
    record.installed_ms = fact.at_ms;
    say(host, NULL, NULL);
    host->is_there = true;
    host->begins_until_ms = loop_now_ms(app->loop) + BEGINS_MS;
    if (cycle_state(app->cycle, &fact, 1, &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
    fleet_redial(app->driver, host->name); /* its user is in another group now */
}

static void failed(struct host *host, const char *why)
{
    AUTO(arena) arena = { 0 };
    int64_t now_ms = loop_now_ms(host->installer->app->loop);

    host->retry_at_ms = now_ms + host->pause_ms;
    say(host, "error",
        arena_printf(&arena, "Docker could not be installed there: %s; next try in %lld s", why,
                     (long long)(host->pause_ms / 1000)));
    host->pause_ms = host->pause_ms * 2 < PAUSE_MAX_MS ? host->pause_ms * 2 : PAUSE_MAX_MS;
    if (host->installer->app->options->once)
        fleet_redial(host->installer->app->driver, host->name); /* then `apply` may give up */
}

static void on_done(void *ctx, int exit_code, const struct err *failure)
{
    struct host *host = ctx;
    struct installer *installer = host->installer;
    AUTO(arena) arena = { 0 };

    remote_free(TAKE(host->remote));
    installer->running--;
    if (host->lines.size > 0)
        text_disarm(host->lines.data);
    if (failure != NULL)
        failed(host, failure->text);
    else if (exit_code == 0)
        installed(host);
    else if (exit_code == INSTALLER_IS_THERE)
        host->is_there = true;
    else
        failed(host, arena_printf(&arena, "exit code %d: %s", exit_code, buf_text(&host->lines)));
    if (exit_code == INSTALLER_IS_THERE)
        say(host, NULL, NULL);
    installer_stir(installer);
}

static void start(struct host *host)
{
    static const char *const words[] = { "/bin/sh", "-c", INSTALLER_SCRIPT, NULL };
    const struct remote_options options = {
        .words = words, .deadline_ms = DEADLINE_MS, .on_line = on_line, .done = on_done, .ctx = host
    };
    struct err err = { 0 };

    buf_reset(&host->lines);
    host->remote = fleet_run(host->installer->app->driver, host->name, &options, &err);
    if (host->remote == NULL && err.code != ERR_UNREACHABLE)
        failed(host, err.text);
    if (host->remote == NULL)
        return; /* not reached now: that is told, and stirs */
    host->installer->running++;
    if (host->text == NULL)
        say(host, "engine", "its engine does not answer: is Docker there? It is installed if not");
}

/* ---- All ------------------------------------------------------------------------------------- */

static bool may_need_it(const struct installer *installer, const struct host *host)
{
    const struct app *app = installer->app;
    const struct world_instance *seen = world_instance(app->world, host->name);
    const struct host_record *known = memory_host(app->memory, host->name);

    return host->remote == NULL && !host->is_there && seen != NULL &&
           seen->state == INSTANCE_LOST && !seen->was_complete &&
           (known == NULL || known->installed_ms == 0);
}

static void look_at(struct installer *installer, const char *name, int64_t *next_ms)
{
    struct host *host = host_get(installer, name);

    if (!may_need_it(installer, host) || installer->running >= AT_ONCE)
        return;
    if (host->retry_at_ms > loop_now_ms(installer->app->loop)) {
        if (host->retry_at_ms < *next_ms)
            *next_ms = host->retry_at_ms;
        return;
    }
    start(host);
}

static void look(void *ctx)
{
    struct installer *installer = ctx;
    const struct app *app = installer->app;
    const struct generation *generation = app->desired == NULL ? NULL : app->desired->generation;
    size_t count = generation == NULL ? 0 : generation_count(generation, KIND_CLUSTER);
    int64_t next_ms = INT64_MAX;

    installer->is_stirred = false;
    timer_stop(&installer->again);
    for (size_t c = 0; c < count && app->driver != NULL; c++) {
        const struct cluster_spec *spec =
            resource_cluster(generation_at(generation, KIND_CLUSTER, c));

        if (spec->bootstrap == NULL || !spec->bootstrap->install)
            continue;
        for (size_t i = 0; i < spec->instances_count; i++)
            look_at(installer, spec->instances[i].name, &next_ms);
    }
    if (next_ms != INT64_MAX)
        timer_start(app->loop, &installer->again, next_ms - loop_now_ms(app->loop), look,
                    installer);
}

bool installer_is_busy(const struct installer *installer)
{
    int64_t now_ms = loop_now_ms(installer->app->loop);

    for (const struct host *at = installer->hosts; at != NULL; at = at->by_name.next) {
        if (at->remote != NULL || at->begins_until_ms > now_ms)
            return true;
    }
    return false;
}

const char *installer_text(const struct installer *installer, const char *instance)
{
    const struct app *app = installer->app;
    const struct world_instance *seen = world_instance(app->world, instance);
    const struct host *host;

    HASH_FIND(by_name, installer->hosts, instance, strlen(instance), host);
    return host == NULL || (seen != NULL && seen->state == INSTANCE_ACTIVE) ? NULL : host->text;
}
