/*
 * A table of hosts.  Each has a connection that is made again and again, and an engine that is
 * dialled only while the connection is up.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "drivers/docker/engine.h"
#include "drivers/ec2/connection.h"
#include "drivers/ec2/dials.h"
#include "drivers/ec2/ec2_int.h"
#include "drivers/ec2/host_run.h"
#include "drivers/ec2/host_sample.h"
#include "drivers/ec2/socket_dir.h"
#include "spec/base/arena.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"

/* Of a connection's pipes, of calls at once, and of all else together. */
#define DESCRIPTORS_PER_HOST 24
#define DESCRIPTORS_OTHERS   256
#define AGAIN_MS             (60 * 1000) /* an engine under two names is looked at again */

struct host *host_find(const struct ec2 *ec2, const char *name)
{
    struct host *host;

    HASH_FIND(by_name, ec2->hosts, name, strlen(name), host);
    return host;
}

static void report(const struct ec2 *ec2, const struct world_change *change)
{
    ec2->options.mandate.sink.change(ec2->options.mandate.sink.context, change);
}

static void report_lost(const struct host *host, const char *failure)
{
    report(host->ec2,
           &(struct world_change){
               .kind = WORLD_INSTANCE_LOST,
               .lost = { .instance = host->name, .failure = failure, .at_ms = loop_wall_ms() } });
}

/* ---- One engine, one name -------------------------------------------------------------------- */

static void refuse(void *ctx)
{
    struct host *host = ctx;

    engine_stop(host->engine, &host->refusal);
}

static void look_again(void *ctx)
{
    struct host *host = ctx;

    host->is_refused = false;
    engine_start(host->engine);
}

/* Whose engine is it already?  NULL: nobody's. */
static const char *holder(const struct host *host, const char *engine_id, struct host **out)
{
    const struct ec2 *ec2 = host->ec2;

    *out = NULL;
    if (text_equal(ec2->taken_id, engine_id))
        return ec2->taken_by;
    for (struct host *at = ec2->hosts; at != NULL; at = at->by_name.next) {
        if (at == host || at->is_refused || !text_equal(at->engine_id, engine_id))
            continue;
        *out = at;
        return at->name;
    }
    return NULL;
}

static void refuse_later(struct host *host, const char *name)
{
    host->is_refused = true;
    (void)err_set(&host->refusal, ERR_CONFLICT,
                  "its engine is the one of instance '%s': an engine has one name", name);
    loop_defer(host->ec2->loop, refuse, host); /* not from within the engine's report */
    timer_start(host->ec2->loop, &host->again, AGAIN_MS, look_again, host);
}

static int take_engine(void *ctx, const char *engine_id, struct err *err)
{
    struct host *host = ctx;
    struct host *other;
    const char *name = holder(host, engine_id, &other);

    if (other != NULL && other->is_leaving && !host->is_leaving) {
        host_drop(other); /* it was renamed */
        name = NULL;
    }
    if (name != NULL) {
        refuse_later(host, name);
        *err = host->refusal;
        return -1;
    }
    free(host->engine_id);
    host->engine_id = mem_text(engine_id);
    return 0;
}

static void let_refused_try(struct ec2 *ec2)
{
    for (struct host *at = ec2->hosts; at != NULL; at = at->by_name.next) {
        if (at->is_refused && !ec2->freeing)
            timer_start(ec2->loop, &at->again, 0, look_again, at);
    }
}

/* ---- Reports --------------------------------------------------------------------------------- */

static void on_engine_lost(struct host *host, const char *failure)
{
    const char *trouble =
        host->connection == NULL ? NULL : connection_take_trouble(host->connection);
    struct err text = { 0 };

    if (host->is_refused)
        trouble = NULL;
    (void)err_set(&text, ERR_UNREACHABLE, "%s%s",
                  trouble == NULL ? "" : "the engine cannot be reached: ",
                  trouble == NULL ? failure : trouble);
    report_lost(host, text.text);
}

static void on_change(void *context, const struct world_change *change)
{
    struct host *host = context;

    if (change->kind == WORLD_INSTANCE_LOST) {
        on_engine_lost(host, change->lost.failure);
        return;
    }
    if (!host->is_refused)
        report(host->ec2, change);
}

static void on_output(void *context, const char *object, const char *line)
{
    const struct driver_sink *sink = &((struct host *)context)->ec2->options.mandate.sink;

    sink->output(sink->context, object, line);
}

static void on_note(void *context, const char *instance, const char *text)
{
    const struct driver_sink *sink = &((struct host *)context)->ec2->options.mandate.sink;

    if (sink->note != NULL)
        sink->note(sink->context, instance, text);
}

static void on_sample(void *context, const struct sample_report *sample)
{
    const struct driver_sink *sink = &((struct host *)context)->ec2->options.mandate.sink;

    if (sink->sample != NULL)
        sink->sample(sink->context, sample);
}

/* ---- The connection -------------------------------------------------------------------------- */

static void on_up(void *ctx)
{
    struct host *host = ctx;
    const struct driver_sink *sink = &host->ec2->options.mandate.sink;
    const char *note = connection_note(host->connection);

    if (note != NULL && sink->note != NULL)
        sink->note(sink->context, host->name, note);
    if (!host->is_refused)
        engine_start(host->engine);
}

static void on_down(void *ctx, const struct err *failure)
{
    struct host *host = ctx;

    engine_stop(host->engine, failure);
}

void host_connect(struct host *host)
{
    struct ec2 *ec2 = host->ec2;
    const struct docker_host *where = docker_where(engine_docker(host->engine));
    const struct connection_options options = { .loop = ec2->loop,
                                                .dials = ec2->dials,
                                                .target = host->target,
                                                .socket_path = where->unix_path,
                                                .on_up = on_up,
                                                .on_down = on_down,
                                                .ctx = host };
    struct err err;

    if (ssh_target_check(&host->target, &err) < 0)
        engine_stop(host->engine, &err);
    else
        host->connection = connection_new(&options);
}

/* ---- Which hosts there are ------------------------------------------------------------------- */

static const char *copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text(arena, text);
}

static void target_set(struct host *host, const struct ssh_target *target)
{
    struct ssh_target own = *target;
    struct arena arena = { 0 };

    own.host = copy(&arena, target->host);
    own.user = copy(&arena, target->user);
    own.identity_file = copy(&arena, target->identity_file);
    own.engine_socket = copy(&arena, target->engine_socket);
    arena_release(&host->arena);
    host->arena = arena;
    host->target = own;
}

static struct engine *engine_make(struct host *host, struct err *err)
{
    struct ec2 *ec2 = host->ec2;
    AUTO(arena) scratch = { 0 };
    struct engine_options options = { .http = ec2->http,
                                      .instance = host->name,
                                      .mandate = ec2->options.mandate,
                                      .take = take_engine };
    struct engine *engine = NULL;

    options.mandate.sink = (struct driver_sink){ .change = on_change,
                                                 .output = on_output,
                                                 .note = on_note,
                                                 .sample = on_sample,
                                                 .context = host };
    if (ec2->sockets.path == NULL && socket_dir_make(&ec2->sockets, err) < 0)
        return NULL;
    options.docker_host =
        arena_printf(&scratch, "unix://%s/%zu", ec2->sockets.path, ec2->sockets_made++);
    options.called = arena_printf(&scratch, "the engine of '%s'", host->name);
    return engine_new(&options, &engine, err) < 0 ? NULL : engine;
}

static void host_destroy(void *ctx)
{
    struct host *host = ctx;

    arena_release(&host->arena);
    free(host->engine_id);
    free(host->name);
    free(host);
}

void ec2_end(struct ec2 *ec2)
{
    if (!ec2->freeing || ec2->ending > 0)
        return;
    http_free(ec2->http);
    dials_free(ec2->dials);
    socket_dir_release(&ec2->sockets);
    arena_release(&ec2->arena);
    free(ec2->taken_by);
    free(ec2->taken_id);
    free(ec2);
}

static void on_engine_freed(void *ctx)
{
    struct host *host = ctx;
    struct ec2 *ec2 = host->ec2;

    host_destroy(host);
    ec2->ending--;
    ec2_end(ec2);
}

void host_drop(struct host *host)
{
    struct ec2 *ec2 = host->ec2;

    HASH_DELETE(by_name, ec2->hosts, host);
    timer_stop(&host->again);
    loop_defer_cancel(ec2->loop, refuse, host);
    if (host->run != NULL) {
        ec2->ending++;
        host_run_leave(TAKE(host->run), /* is_told= */ !ec2->freeing);
    }
    if (host->sample != NULL)
        host_sample_leave(TAKE(host->sample));
    connection_free(TAKE(host->connection));
    ec2->ending++;
    if (!ec2->freeing)
        report(ec2, &(struct world_change){ .kind = WORLD_INSTANCE_GONE,
                                            .named = { .instance = host->name } });
    engine_free(host->engine, on_engine_freed, host);
}

static void host_add(struct ec2 *ec2, const struct ec2_instance *instance)
{
    struct host *host = mem_alloc(sizeof(*host));
    struct err err;

    host->ec2 = ec2;
    host->name = mem_text(instance->name);
    host->is_wanted = true;
    host->is_leaving = instance->is_leaving;
    target_set(host, &instance->target);
    host->engine = engine_make(host, &err);
    if (host->engine == NULL) {
        report_lost(host, err.text);
        host_destroy(host);
        return;
    }
    HASH_ADD_KEYPTR(by_name, ec2->hosts, host->name, strlen(host->name), host);
    if (ec2->started)
        host_connect(host);
}

static void host_change(struct host *host, const struct ec2_instance *instance)
{
    struct err failure = { 0 };

    host->is_wanted = true;
    host->is_leaving = instance->is_leaving;
    if (ssh_target_equal(&host->target, &instance->target))
        return;
    connection_free(TAKE(host->connection));
    target_set(host, &instance->target);
    host->is_refused = false;
    timer_stop(&host->again);
    loop_defer_cancel(host->ec2->loop, refuse, host);
    (void)err_set(&failure, ERR_UNREACHABLE, "the way to it changed: it is dialled anew");
    engine_stop(host->engine, &failure);
    if (host->ec2->started)
        host_connect(host);
}

/* As many as the system allows; who gets none says so. */
static void allow_descriptors(size_t hosts)
{
    rlim_t wanted = DESCRIPTORS_OTHERS + DESCRIPTORS_PER_HOST * hosts;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void ec2_set(struct driver *driver, const struct ec2_instance *instances, size_t count)
{
    struct ec2 *ec2 = of(driver);
    struct host *at;
    struct host *next;
    bool dropped = false;

    allow_descriptors(count);
    for (at = ec2->hosts; at != NULL; at = at->by_name.next)
        at->is_wanted = false;
    for (size_t i = 0; i < count; i++) {
        struct host *host = host_find(ec2, instances[i].name);

        if (host != NULL)
            host_change(host, &instances[i]);
    }
    HASH_ITER(by_name, ec2->hosts, at, next)
    {
        if (at->is_wanted)
            continue;
        host_drop(at);
        dropped = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (host_find(ec2, instances[i].name) == NULL)
            host_add(ec2, &instances[i]);
    }
    if (dropped)
        let_refused_try(ec2);
}

void ec2_taken(struct driver *driver, const char *instance, const char *engine_id)
{
    struct ec2 *ec2 = of(driver);

    free(ec2->taken_by);
    free(ec2->taken_id);
    ec2->taken_by = mem_text(instance);
    ec2->taken_id = mem_text(engine_id);
    for (struct host *at = ec2->hosts; at != NULL; at = at->by_name.next) {
        if (!at->is_refused && text_equal(at->engine_id, engine_id))
            refuse_later(at, instance);
    }
}

const char *ec2_note(const struct driver *driver, const char *instance)
{
    const struct host *host = host_find(of_const(driver), instance);

    return host == NULL || host->connection == NULL ? NULL : connection_note(host->connection);
}

struct docker *ec2_docker(const struct driver *driver, const char *instance)
{
    const struct host *host = host_find(of_const(driver), instance);

    return host == NULL ? NULL : engine_docker(host->engine);
}

void ec2_redial(struct driver *driver, const char *instance)
{
    struct host *host = host_find(of(driver), instance);
    struct err failure = { 0 };

    if (host == NULL || host->connection == NULL)
        return;
    connection_free(TAKE(host->connection));
    (void)err_set(&failure, ERR_UNREACHABLE, "it is dialled anew");
    engine_stop(host->engine, &failure);
    host_connect(host);
}

struct remote *ec2_run(const struct driver *driver, const char *instance,
                       const struct remote_options *options, struct err *err)
{
    const struct ec2 *ec2 = of_const(driver);
    const struct host *host = host_find(ec2, instance);

    if (host == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
        return NULL;
    }
    if (host->connection == NULL || !connection_is_up(host->connection)) {
        (void)err_set(err, ERR_UNREACHABLE, "there is no connection to it");
        return NULL;
    }
    return remote_start(ec2->loop, &host->target,
                        docker_where(engine_docker(host->engine))->unix_path, options, err);
}
