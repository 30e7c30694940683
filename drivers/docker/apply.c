/*
 * The short actions: each is one call to the engine, then what it changed is reported, then done().
 *
 * What is done already is success: 304 on start and stop, 404 on remove, and a name that is taken
 * when the object that has it is the very one we wanted to make.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "drivers/docker/engine_int.h"
#include "drivers/docker/labels.h"
#include "drivers/docker/query.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define PATH_SIZE      1024
#define HTTP_FORBIDDEN 403 /* a bridge of that name is there already */
#define HTTP_CONFLICT  409
#define STOP_MARGIN_MS 10000 /* beyond the grace: killing and cleaning up take time too */
#define MS_PER_S       ((int64_t)1000)

void engine_call_send(struct engine_call *call, struct docker_request *request,
                      docker_done_fn *done)
{
    if (request->deadline_ms == 0)
        request->deadline_ms = call->call->timeout_ms;
    call->docker = docker_call(call->engine->docker, request, done, call);
}

void engine_name_path(struct buf *path, const char *before, const char *name, const char *after)
{
    buf_init(path, PATH_SIZE);
    buf_text_add(path, before);
    docker_url_add(path, name, "");
    buf_text_add(path, after);
}

/* ---- Create --------------------------------------------------------------------------------- */

/* Every label of ours that the action asks for is on the container. */
static bool has_labels(struct engine_call *call, const struct json *value)
{
    const struct json *labels = json_path(value, "Config.Labels");
    AUTO(json) *wanted = write_container_labels(&call->engine->writer, call->call->action);
    const struct json *text;
    const char *key;

    for (void *at = NULL; (at = json_next(wanted, at, &key, &text)) != NULL;) {
        if (!text_equal(json_as_text(text, ""),
                        json_as_text(json_get(labels, key), /* fallback= */ NULL)))
            return false;
    }
    return true;
}

static void on_name_taken(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct container_report report;
    AUTO(buf) bindings = { 0 };
    struct err err = { 0 };

    call->docker = NULL;
    if (failure != NULL) {
        engine_call_done(call, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, &err);
    if (read_container(&call->engine->reader, value, &report) && has_labels(call, value)) {
        buf_init(&bindings, LIMIT_HOST_BINDINGS);
        read_bindings(value, &bindings);
        report.bindings = buf_text(&bindings);
        engine_report_container(call->engine, &report);
        engine_call_done(call, /* failure= */ NULL);
        return;
    }
    (void)err_set(&err, ERR_CONFLICT, "a container of another kind has the name %s",
                  json_as_text(json_get(value, "Name"), "?"));
    engine_call_done(call, &err);
}

static void created_name(const struct action *action, char out[CONTAINER_NAME_SIZE])
{
    const struct task_spec *task = action->target->task;
    const char *container = action->container == SANDBOX_INDEX
                                ? SANDBOX_NAME
                                : task->container_definitions[action->container].name;

    container_name(action->identity.task, container, out);
}

/* Its inspect would say no more than we just said ourselves. */
static void report_created(struct engine_call *call, const char *id)
{
    const struct action *action = call->call->action;
    const struct target *target = action->target;
    const struct task_spec *task = target->task;
    size_t count = task->container_definitions_count;
    char name[CONTAINER_NAME_SIZE];
    AUTO(arena) scratch = { 0 };
    struct container_report report = {
        .instance = call->engine->reader.instance,
        .id = id,
        .name = name,
        .cluster = target->cluster,
        .service = service_is_job(target->service) ? NULL : target->service,
        .task = action->identity.task,
        .container = action->container == SANDBOX_INDEX
                         ? SANDBOX_NAME
                         : task->container_definitions[action->container].name,
        .family = task->family != NULL ? task->family : target->task_name,
        .revision = target->revision,
        .deployment = action->identity.deployment,
        .digest = action->digest,
        .commit = action->identity.commit,
        .containers = (uint32_t)(count + (count > 1 ? 1 : 0)),
        .slot = action->identity.slot,
        .attempt = action->identity.attempt,
        .memory_mib = target_memory_mib(target),
        .cpu_units = target_cpu_units(target),
        .status = CONTAINER_CREATED,
        .image_id = action->image_id,
        .inspected = true,
        .created_ms = loop_wall_ms() + call->engine->clock_skew_ms,
    };

    if (service_is_job(target->service))
        report.group = job_group(&scratch, target->service);
    report.host_ports = target_host_ports(target, &scratch);
    created_name(action, name);
    engine_report_container(call->engine, &report);
}

static void on_created(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    struct err err = { 0 };

    call->docker = NULL;
    if (failure != NULL && answer->status == HTTP_CONFLICT) {
        AUTO(buf) path = { 0 };
        char name[CONTAINER_NAME_SIZE];
        created_name(call->call->action, name);
        engine_name_path(&path, "/containers/", name, "/json");
        struct docker_request request = { .method = "GET", .path = buf_text(&path) };
        engine_call_send(call, &request, on_name_taken);
        return;
    }
    if (failure != NULL && failure->code == ERR_NOT_FOUND) {
        /* No event that we follow tells that an image or its tag went away. */
        call->failed = true;
        call->failure = *failure;
        engine_image_look(call);
        return;
    }
    if (failure != NULL) {
        engine_call_done(call, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, &err);
    const char *id = json_text(value, "Id");
    if (text_is_empty(id)) {
        (void)err_set(&err, ERR_FAILED, "the engine created a container and did not say which");
        engine_call_done(call, &err);
        return;
    }
    report_created(call, id);
    engine_call_done(call, /* failure= */ NULL);
}

static int begin_create(struct engine_call *call, struct err *err)
{
    AUTO(buf) query = { 0 };
    struct buf body;
    char name[CONTAINER_NAME_SIZE];

    buf_init(&body, LIMIT_ENGINE_RESPONSE);
    if (write_container(&call->engine->writer, call->call->action, &body, err) < 0) {
        write_wipe(&body);
        return -1;
    }
    created_name(call->call->action, name);
    buf_init(&query, PATH_SIZE);
    docker_query_add(&query, "name", name);
    struct docker_request request = { .method = "POST",
                                      .path = "/containers/create",
                                      .query = buf_text(&query),
                                      .json = buf_text(&body) };
    engine_call_send(call, &request, on_created);
    write_wipe(&body);
    return 0;
}

/* ---- Start, stop, remove -------------------------------------------------------------------- */

/* The engine's event may have made us look already. */
static bool is_seen(const struct engine_call *call)
{
    const struct action *action = call->call->action;
    const struct tracked *tracked = engine_tracked(call->engine, action->container_id);

    if (tracked == NULL || tracked->gone || tracked->reported <= call->began)
        return false;
    if (action->kind == ACTION_CONTAINER_START)
        return tracked->status != CONTAINER_CREATED && !tracked->again && !tracked->started &&
               !tracked->queued;
    return tracked->status != CONTAINER_RUNNING && tracked->status != CONTAINER_PAUSED;
}

/* Its event may come later than the answer to the start that missed it. */
static void on_network_missed(void *ctx, const struct docker_answer *answer,
                              const struct err *failure)
{
    struct engine_call *call = ctx;

    (void)answer;
    call->docker = NULL;
    if (failure != NULL && failure->code == ERR_NOT_FOUND)
        engine_report_named(call->engine, WORLD_NETWORK_GONE, call->call->action->network);
    engine_await_inspect(call, call->call->action->container_id);
}

static void look_for_network(struct engine_call *call)
{
    AUTO(buf) path = { 0 };

    engine_name_path(&path, "/networks/", call->call->action->network, "");
    struct docker_request request = { .method = "GET", .path = buf_text(&path) };
    engine_call_send(call, &request, on_network_missed);
}

static void on_switched(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;
    const char *id = call->call->action->container_id;

    (void)answer;
    call->docker = NULL;
    if (failure != NULL && failure->code == ERR_NOT_FOUND &&
        call->call->action->kind == ACTION_CONTAINER_STOP) {
        engine_container_gone(call->engine, id);
        engine_call_done(call, /* failure= */ NULL);
        return;
    }
    if (failure != NULL) {
        call->failed = true; /* why a start failed stands in the container */
        call->failure = *failure;
        if (failure->code == ERR_NOT_FOUND && call->call->action->network != NULL) {
            look_for_network(call);
            return;
        }
    } else if (is_seen(call)) {
        engine_call_done(call, /* failure= */ NULL);
        return;
    }
    engine_await_inspect(call, id);
}

static int begin_start(struct engine_call *call, struct err *err)
{
    AUTO(buf) path = { 0 };

    (void)err;
    engine_name_path(&path, "/containers/", call->call->action->container_id, "/start");
    struct docker_request request = { .method = "POST", .path = buf_text(&path) };
    engine_call_send(call, &request, on_switched);
    return 0;
}

static int begin_stop(struct engine_call *call, struct err *err)
{
    uint32_t grace_s = call->call->action->stop_timeout_s;
    int64_t least_ms = grace_s * MS_PER_S + STOP_MARGIN_MS;
    AUTO(buf) path = { 0 };
    AUTO(buf) query = { 0 };

    (void)err;
    engine_name_path(&path, "/containers/", call->call->action->container_id, "/stop");
    buf_init(&query, PATH_SIZE);
    docker_query_add_int(&query, "t", grace_s);
    struct docker_request request = { .method = "POST",
                                      .path = buf_text(&path),
                                      .query = buf_text(&query),
                                      .is_long = true,
                                      .deadline_ms = call->call->timeout_ms };
    if (request.deadline_ms < least_ms)
        request.deadline_ms = least_ms;
    engine_call_send(call, &request, on_switched);
    return 0;
}

static void on_removed(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct engine_call *call = ctx;

    (void)answer;
    call->docker = NULL;
    if (failure != NULL && failure->code == ERR_NOT_FOUND)
        failure = NULL;
    if (failure == NULL)
        engine_container_gone(call->engine, call->call->action->container_id);
    engine_call_done(call, failure);
}

static int begin_remove(struct engine_call *call, struct err *err)
{
    AUTO(buf) path = { 0 };

    (void)err;
    engine_name_path(&path, "/containers/", call->call->action->container_id, "");
    /* v: with the nameless volumes of its image; ours have names and stay. */
    struct docker_request request = { .method = "DELETE", .path = buf_text(&path), .query = "v=1" };
    engine_call_send(call, &request, on_removed);
    return 0;
}

/* ---- Networks and volumes ------------------------------------------------------------------- */

static void report_network(struct engine_call *call)
{
    const struct action *action = call->call->action;

    engine_report(call->engine,
                  &(struct world_change){ .kind = WORLD_NETWORK,
                                          .named = { .instance = call->engine->reader.instance,
                                                     .name = action->name,
                                                     .owner = call->engine->reader.owner,
                                                     .cluster = action->cluster } });
}

static void on_network_found(void *ctx, const struct docker_answer *answer,
                             const struct err *failure)
{
    struct engine_call *call = ctx;
    struct named_report report;
    struct err err = { 0 };

    call->docker = NULL;
    if (failure != NULL) { /* why it was refused says more than that it is not there */
        engine_call_done(call, failure->code == ERR_NOT_FOUND ? &call->failure : failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, &err);
    if (!read_network(&call->engine->reader, value, &report)) {
        (void)err_set(&err, ERR_CONFLICT, "a network of others has the name %s",
                      call->call->action->name);
        engine_call_done(call, &err);
        return;
    }
    report_network(call);
    engine_call_done(call, /* failure= */ NULL);
}

static void on_network_created(void *ctx, const struct docker_answer *answer,
                               const struct err *failure)
{
    struct engine_call *call = ctx;

    call->docker = NULL;
    if (failure != NULL && (answer->status == HTTP_CONFLICT || answer->status == HTTP_FORBIDDEN)) {
        AUTO(buf) path = { 0 };

        call->failure = *failure;
        engine_name_path(&path, "/networks/", call->call->action->name, "");
        struct docker_request request = { .method = "GET", .path = buf_text(&path) };
        engine_call_send(call, &request, on_network_found);
        return;
    }
    if (failure == NULL)
        report_network(call);
    engine_call_done(call, failure);
}

static int begin_network_create(struct engine_call *call, struct err *err)
{
    AUTO(buf) body = { 0 };

    (void)err;
    buf_init(&body, LIMIT_MANIFEST_BYTES);
    write_network(&call->engine->writer, call->call->action, &body);
    struct docker_request request = { .method = "POST",
                                      .path = "/networks/create",
                                      .json = buf_text(&body) };
    engine_call_send(call, &request, on_network_created);
    return 0;
}

static void on_volume_created(void *ctx, const struct docker_answer *answer,
                              const struct err *failure)
{
    struct engine_call *call = ctx;
    struct world_change change = { .kind = WORLD_VOLUME };
    struct err err = { 0 };

    call->docker = NULL;
    if (failure != NULL) {
        engine_call_done(call, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, &err);
    if (!read_volume(&call->engine->reader, value, &change.named)) {
        (void)err_set(&err, ERR_FAILED, "the engine did not say which volume it made");
        engine_call_done(call, &err);
        return;
    }
    /* The engine answers with the volume that has the name, whoever made it. */
    engine_report(call->engine, &change);
    if (!text_equal(change.named.owner, call->engine->reader.owner)) {
        (void)err_set(&err, ERR_CONFLICT, "a volume of others has the name %s", change.named.name);
        engine_call_done(call, &err);
        return;
    }
    engine_call_done(call, /* failure= */ NULL);
}

static int begin_volume_create(struct engine_call *call, struct err *err)
{
    AUTO(buf) body = { 0 };

    (void)err;
    buf_init(&body, LIMIT_MANIFEST_BYTES);
    write_volume(&call->engine->writer, call->call->action, &body);
    struct docker_request request = { .method = "POST",
                                      .path = "/volumes/create",
                                      .json = buf_text(&body) };
    engine_call_send(call, &request, on_volume_created);
    return 0;
}

static void on_named_removed(void *ctx, const struct docker_answer *answer,
                             const struct err *failure)
{
    struct engine_call *call = ctx;
    const struct action *action = call->call->action;

    (void)answer;
    call->docker = NULL;
    if (failure != NULL && failure->code == ERR_NOT_FOUND)
        failure = NULL;
    if (failure == NULL)
        engine_report_named(call->engine,
                            action->kind == ACTION_NETWORK_REMOVE ? WORLD_NETWORK_GONE
                                                                  : WORLD_VOLUME_GONE,
                            action->name);
    engine_call_done(call, failure);
}

static int begin_named_remove(struct engine_call *call, struct err *err)
{
    const struct action *action = call->call->action;
    AUTO(buf) path = { 0 };

    (void)err;
    engine_name_path(&path, action->kind == ACTION_NETWORK_REMOVE ? "/networks/" : "/volumes/",
                     action->name, "");
    struct docker_request request = { .method = "DELETE", .path = buf_text(&path) };
    engine_call_send(call, &request, on_named_removed);
    return 0;
}

/* ---- The table ------------------------------------------------------------------------------ */

static int begin_long(struct engine_call *call, struct err *err)
{
    (void)err;
    engine_image_begin(call);
    return 0;
}

static int (*const begin[ACTION_KIND_COUNT])(struct engine_call *call, struct err *err) = {
    [ACTION_CLAIM] = begin_volume_create,
    [ACTION_NETWORK_CREATE] = begin_network_create,
    [ACTION_NETWORK_REMOVE] = begin_named_remove,
    [ACTION_VOLUME_CREATE] = begin_volume_create,
    [ACTION_VOLUME_REMOVE] = begin_named_remove,
    [ACTION_IMAGE_BUILD] = begin_long,
    [ACTION_IMAGE_PULL] = begin_long,
    [ACTION_IMAGE_PUSH] = begin_long,
    [ACTION_IMAGE_COPY] = begin_long,
    [ACTION_IMAGE_REMOVE] = engine_image_remove,
    [ACTION_SANDBOX_LOAD] = begin_long,
    [ACTION_CONTAINER_CREATE] = begin_create,
    [ACTION_CONTAINER_START] = begin_start,
    [ACTION_CONTAINER_STOP] = begin_stop,
    [ACTION_CONTAINER_LAST_LINES] = engine_last_lines,
    [ACTION_CONTAINER_REMOVE] = begin_remove,
};

int engine_apply(struct engine *engine, struct driver_call *call, struct err *err)
{
    struct engine_call *inner;

    if (!engine->connected)
        return err_set(err, ERR_UNREACHABLE, "%s is not connected", docker_name(engine->docker));
    ASSERT(begin[call->action->kind] != NULL);
    inner = mem_alloc(sizeof(*inner));
    inner->engine = engine;
    inner->call = call;
    inner->began = engine->reports;
    DL_APPEND(engine->calls, inner);
    call->state = inner;
    if (begin[call->action->kind](inner, err) < 0) {
        DL_DELETE(engine->calls, inner);
        free(inner);
        call->state = NULL;
        return -1;
    }
    return 0;
}

bool engine_has_call(const struct engine *engine, enum action_kind kind, const char *id_or_name)
{
    const struct engine_call *call;

    DL_FOREACH(engine->calls, call)
    {
        const struct action *action = call->call->action;
        char name[CONTAINER_NAME_SIZE];
        if (action == NULL || action->kind != kind)
            continue;
        if (kind == ACTION_CONTAINER_CREATE)
            created_name(action, name);
        if (text_equal(id_or_name, kind == ACTION_CONTAINER_CREATE ? name : action->container_id))
            return true;
    }
    return false;
}

/* ---- Cancelling ----------------------------------------------------------------------------- */

static void end_waiting(void *ctx)
{
    struct engine_call *call = ctx;
    struct err failure = { 0 };

    (void)err_set(&failure, ERR_CANCELLED, "cancelled");
    engine_call_done(call, &failure);
}

void engine_cancel(struct driver_call *outer)
{
    struct engine_call *call = outer->state;

    ASSERT(call != NULL);
    if (call->cancelled)
        return;
    call->cancelled = true;
    if (call->docker != NULL) {
        docker_cancel(call->docker);
    } else if (call->work != NULL) {
        engine_image_cancel(call);
    } else {
        engine_unwait(call);
        loop_defer(call->engine->loop, end_waiting, call);
    }
}
