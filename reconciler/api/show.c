/*
 * The program's state as JSON.  No value of a secret or of an environment comes near here.
 */
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/execute.h"
#include "spec/base/text.h"
#include "spec/names.h"

struct plan_input input_of(struct request *request)
{
    const struct app *app = app_of(request);
    struct plan_input input = app_plan_input(app);
    struct plan_pending *pending;

    input.pending_count = executor_pending(app->executor, request_arena(request), &pending);
    input.pending = pending;
    return input;
}

void show_time(struct json *object, const char *key, int64_t ms)
{
    char text[TEXT_TIME_SIZE];

    if (ms == 0)
        return;
    text_print_time(ms, text);
    json_set_text(object, key, text);
}

static const char *text_or_null(const char *text)
{
    return text_is_empty(text) ? NULL : text;
}

struct json *show_deployment(const struct deployment *deployment)
{
    const struct target *target = deployment->goal->target;
    struct json *object = json_object();
    struct json *containers = json_array();

    json_set_text(object, "id", deployment->id);
    json_set_text(object, "rolloutState", rollout_state_text(deployment->state));
    json_set_text(object, "rolloutStateReason", text_or_null(deployment->reason));
    json_set_text(object, "commit", deployment->commit);
    json_set_text(object, "revision", target->revision);
    json_set_bool(object, "rollback", deployment->rollback);
    json_set_int(object, "failedTasks", deployment->failed_tasks);
    show_time(object, "createdAt", deployment->created_ms);
    show_time(object, "updatedAt", deployment->updated_ms);
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        struct json *container = json_object();

        json_set_text(container, "name", target->task->container_definitions[i].name);
        json_set_text(container, "image", target->images[i].reference);
        json_set_text(container, "imageId", deployment->pins[i].image_id);
        json_set_text(container, "digest", deployment->pins[i].digest);
        json_append(containers, container);
    }
    json_set(object, "containers", containers);
    return object;
}

void show_unit(struct json *object, const char *cluster, const char *service, struct arena *arena)
{
    json_set_text(object, "cluster", cluster);
    if (service_is_job(service)) {
        json_set_text(object, "group", job_group(arena, service));
        json_set_text(object, "run", strchr(service, '/') + 1);
    } else {
        json_set_text(object, "service", service);
    }
}

static void set_key(struct json *object, const char *key, struct arena *arena)
{
    const char *slash = strchr(key, '/');

    ASSERT(slash != NULL);
    show_unit(object, arena_text_n(arena, key, (size_t)(slash - key)), slash + 1, arena);
}

const char *effort_state_text(enum effort_state state)
{
    static const char *const texts[] = {
#define STATE_TEXT(name, text) text,
        EFFORT_STATES(STATE_TEXT)
#undef STATE_TEXT
    };

    ASSERT(state < EFFORT_STATE_COUNT);
    return texts[state];
}

struct json *show_service(const struct app *app, const struct plan_input *input, const char *key,
                          struct arena *arena)
{
    const struct memory_service *memory = memory_service(app->memory, key);
    const struct desired_service *desired = desired_service(app->desired, key);
    struct json *object = json_object();
    const char *wait = cycle_wait(app->cycle, key);
    struct service_status status;

    plan_service_status(input, key, arena, &status);
    set_key(object, key, arena);
    if (app->desired != NULL) /* else nobody knows */
        json_set_bool(object, "declared", desired != NULL);
    json_set_int(object, "desiredCount", status.desired);
    json_set_int(object, "runningCount", status.running);
    json_set_int(object, "pendingCount", status.pending);
    json_set_int(object, "healthyCount", status.healthy);
    json_set_int(object, "stoppingCount", status.stopping);
    json_set_int(object, "currentCount", status.current);
    json_set_bool(object, "steady", status.steady);
    json_set_text(object, "waitsFor", wait != NULL ? wait : status.wait);
    if (desired != NULL) {
        json_set_text(object, "taskDefinition", desired->goal->target->task_name);
        json_set_text(object, "file", desired->pos.file);
        json_set_int(object, "line", desired->pos.line);
    }
    if (memory != NULL) {
        json_set_text(object, "held", memory->hold);
        json_set_text(object, "suspended", memory->suspended);
        json_set_text(object, "frozen", memory->frozen);
        json_set_text(object, "quarantined", text_or_null(memory->quarantined));
        const struct throttle throttle =
            memory_throttle(memory, status.primary == NULL ? NULL : status.primary->id);
        json_set_int(object, "startFailures", throttle.start_failures);
        show_time(object, "retryAt", throttle.retry_at_ms);
    }
    if (status.primary != NULL)
        json_set(object, "deployment", show_deployment(status.primary));
    json_set(object, "scaling", show_scaling(app, input, key, arena));
    return object;
}

static struct json *show_container(const struct world_container *container)
{
    struct json *object = json_object();

    json_set_text(object, "name", container->container);
    json_set_text(object, "id", container->id);
    json_set_text(object, "containerName", container->name);
    json_set_text(object, "status", container_status_text(container->status));
    json_set_text(object, "imageId", container->image_id);
    json_set_text(object, "digest", text_or_null(container->digest));
    json_set_text(object, "address", text_or_null(container->address));
    json_set_bool(object, "inspected", container->inspected);
    if (!container->inspected)
        return object;
    json_set_text(object, "health", health_status_text(container->health));
    if (container->check_exit_code != 0) {
        struct json *check = json_object();

        json_set_int(check, "exitCode", container->check_exit_code);
        json_set_text(check, "output", container->check_output);
        json_set(object, "failedCheck", check);
    }
    json_set_int(object, "exitCode", container->exit_code);
    json_set_bool(object, "oomKilled", container->oom_killed);
    json_set_int(object, "restarts", container->restarts);
    json_set_text(object, "error", text_or_null(container->error));
    json_set_text(object, "drift", text_or_null(container->drift));
    show_time(object, "createdAt", container->created_ms);
    show_time(object, "startedAt", container->started_ms);
    show_time(object, "finishedAt", container->finished_ms);
    return object;
}

struct json *show_task(const struct app *app, const struct plan_input *input,
                       const struct world_task *task, struct arena *arena)
{
    struct json *object = json_object();
    struct json *containers = json_array();
    struct task_state state;

    plan_task_state(input, task, arena, &state);
    json_set_text(object, "id", task->id);
    if (task->service != NULL)
        set_key(object, task->service->key, arena);
    if (text_is_empty(json_text(object, "group")))
        json_set_text(object, "group", text_or_null(task->group));
    json_set_text(object, "instance", task->instance);
    json_set_text(object, "status", task_status_text(state.status));
    json_set_text(object, "health", health_status_text(state.health));
    json_set_bool(object, "healthy", state.healthy);
    json_set_text(object, "reason", text_or_null(state.reason));
    json_set_text(object, "family", task->family);
    json_set_text(object, "revision", task->revision);
    json_set_text(object, "deployment", task->deployment);
    json_set_text(object, "commit", task->commit);
    json_set_int(object, "slot", task->slot);
    json_set_int(object, "attempt", task->attempt);
    for (size_t i = 0; i < task->container_count; i++)
        json_append(containers, show_container(task->containers[i]));
    show_network(app, task, object);
    json_set(object, "containers", containers);
    return object;
}

struct json *show_wanted_task(const struct wanted_task *task, struct arena *arena)
{
    const struct target *target = task->target;
    struct json *object = json_object();

    json_set_text(object, "id", task->identity.task);
    set_key(object, unit_key(arena, target->cluster, target->service), arena);
    json_set_text(object, "instance", task->instance);
    json_set_text(object, "status", task_status_text(task->status));
    json_set_text(object, "health", health_status_text(HEALTH_NONE));
    json_set_bool(object, "healthy", false);
    json_set_text(object, "reason", task->reason);
    json_set_text(object, "family", target->task_name);
    json_set_text(object, "revision", target->revision);
    json_set_text(object, "deployment", task->identity.deployment);
    json_set_text(object, "commit", task->identity.commit);
    json_set_int(object, "slot", task->identity.slot);
    json_set_int(object, "attempt", task->identity.attempt);
    json_set(object, "containers", json_array());
    return object;
}

struct json *show_stopped_task(const struct task_record *task, struct arena *arena)
{
    struct json *object = json_object();

    json_set_text(object, "id", task->id);
    show_unit(object, task->cluster, task->service, arena);
    json_set_text(object, "startedBy", text_or_null(task->started_by));
    show_time(object, "dueAt", task->due_ms);
    json_set_text(object, "instance", text_or_null(task->instance));
    json_set_text(object, "status", task_status_text(TASK_STOPPED));
    json_set_text(object, "stopCode", stop_code_text(task->stop_code));
    json_set_text(object, "reason", text_or_null(task->reason));
    if (task->exit_code >= 0)
        json_set_int(object, "exitCode", task->exit_code);
    json_set_bool(object, "failed", task->failed);
    json_set_text(object, "revision", task->revision);
    json_set_text(object, "deployment", task->deployment);
    json_set_text(object, "commit", task->commit);
    json_set_int(object, "slot", task->slot);
    json_set_int(object, "attempt", task->attempt);
    show_time(object, "claimedAt", task->claimed_ms);
    show_time(object, "startedAt", task->started_ms);
    show_time(object, "healthyAt", task->healthy_ms);
    show_time(object, "stoppingAt", task->stopping_ms);
    show_time(object, "stoppedAt", task->stopped_ms);
    return object;
}

struct json *show_event(const struct history_event *event)
{
    struct json *object = json_object();

    json_set_int(object, "id", event->id);
    show_time(object, "time", event->at_ms);
    json_set_text(object, "cluster", event->cluster);
    json_set_text(object, "service", event->service);
    json_set_text(object, "commit", text_or_null(event->commit));
    json_set_text(object, "text", event->text);
    return object;
}

struct json *show_mistakes(const struct diag_list *diags)
{
    struct json *list = json_array();

    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        struct json *entry = json_object();

        json_set_text(entry, "level", diag->level == DIAG_ERROR ? "error" : "warning");
        json_set_text(entry, "file", diag->file);
        if (diag->line > 0) {
            json_set_int(entry, "line", diag->line);
            json_set_int(entry, "column", diag->column);
        }
        json_set_text(entry, "text", diag->text);
        json_append(list, entry);
    }
    return list;
}
