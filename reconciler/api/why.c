/*
 * Why: from what runs back to the commit that wants it, or why something does not run.  The answer
 * is a list of short statements, each with a label, in the order one would ask.
 */
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/plan/schedule.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/follow.h"
#include "reconciler/run/upkeep.h"
#include "spec/base/text.h"
#include "spec/last_lines.h"
#include "spec/names.h"

#define RECENT 5

struct story {
    struct app *app;
    struct plan_input input;
    struct arena *arena;
    struct json *lines;
    bool is_local; /* else without the words of programs */
};

/* Of a text of several lines those after the first are told once. */
static void cut_told(const struct story *story, char *text)
{
    char *more = strchr(text, '\n');

    for (size_t i = 0; more != NULL && i < json_count(story->lines); i++) {
        if (strstr(json_as_text(json_get(json_at(story->lines, i), "text"), ""), more) != NULL) {
            text_copy(more, strlen(more) + 1, "");
            return;
        }
    }
}

static void say(struct story *story, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct story *story, const char *label, const char *format, ...)
{
    struct json *line = json_object();
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, 64 * 1024);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    cut_told(story, text.data);
    json_set_text(line, "label", label);
    json_set_text(line, "text", buf_text(&text));
    json_append(story->lines, line);
}

static const char *time_text(struct story *story, int64_t ms)
{
    char *text = arena_alloc(story->arena, TEXT_TIME_SIZE);

    text_print_time(ms, text);
    return text;
}

static void tell_commit(struct story *story, const char *commit)
{
    struct history_commit found;

    if (commit[0] == '\0')
        return;
    if (history_commit(story->app->store, commit, story->arena, &found, NULL) < 0)
        say(story, "commit", "%.12s", commit);
    else
        say(story, "commit", "%.12s by %s, %s: %s", commit,
            found.author == NULL ? "unknown" : found.author, time_text(story, found.committed_ms),
            found.subject == NULL ? "" : found.subject);
}

static void tell_manifest(struct story *story, const char *key)
{
    const struct desired_service *desired = desired_service(story->app->desired, key);

    if (story->app->desired == NULL)
        say(story, "manifest", "not known: no commit is in force yet");
    else if (desired == NULL)
        say(story, "manifest", "no manifest declares it any more");
    else
        say(story, "manifest", "%s:%u: task definition '%s'",
            desired->pos.file == NULL ? "?" : desired->pos.file, desired->pos.line,
            desired->goal->target->task_name);
}

/* `told`: what was said before it, which may have its reason; NULL: nothing. */
static void tell_deployment(struct story *story, const struct deployment *deployment,
                            const char *told)
{
    bool has_reason = !text_is_empty(deployment->reason) &&
                      (told == NULL || strstr(told, deployment->reason) == NULL);

    say(story, "deployment", "%.12s %s since %s%s%s%s", deployment->id,
        rollout_state_text(deployment->state), time_text(story, deployment->updated_ms),
        deployment->rollback ? ", a rollback" : "", has_reason ? ": " : "",
        has_reason ? deployment->reason : "");
}

/* What failed is not what runs now, unless nothing took its place. */
static void tell_quarantine(struct story *story, const struct memory_service *memory)
{
    const struct deployment *failed = memory_failed(memory);

    if (memory == NULL || memory->quarantined[0] == '\0')
        return;
    say(story, "quarantined", "revision %.12s failed: `berth resume --retry %s` tries it again",
        memory->quarantined, memory->key);
    if (failed != NULL && failed != memory_primary(memory))
        say(story, "failed", "deployment %.12s of commit %.12s at %s%s%s", failed->id,
            failed->commit, time_text(story, failed->updated_ms),
            text_is_empty(failed->reason) ? "" : ": ",
            text_is_empty(failed->reason) ? "" : failed->reason);
}

/* True when anything is kept of it. */
static bool tell_lines(struct story *story, const struct task_record *task)
{
    struct task_lines *kept;
    size_t count;

    if (!story->is_local ||
        history_lines(story->app->store, task->id, story->arena, &kept, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *words = last_lines_words(kept[i].text, LAST_LINES_COUNT, story->arena);

        say(story, "last lines", "task %.12s, %s wrote:\n%s", task->id, kept[i].container, words);
    }
    return count > 0;
}

static void tell_recent(struct story *story, const char *cluster, const char *service)
{
    struct history_filter filter = { .cluster = cluster, .service = service, .limit = RECENT };
    struct task_record *stopped;
    struct history_event *events;
    size_t count;

    if (history_tasks(story->app->store, &filter, story->arena, &stopped, &count, NULL) == 0) {
        for (size_t i = 0; i < count; i++)
            say(story, "stopped task", "%.12s at %s: %s", stopped[i].id,
                time_text(story, stopped[i].stopped_ms),
                text_is_empty(stopped[i].reason) ? stop_code_text(stopped[i].stop_code)
                                                 : stopped[i].reason);
        for (size_t i = 0; i < count && !tell_lines(story, &stopped[i]); i++)
            continue; /* of the newest of which something is kept */
    }
    if (history_events(story->app->store, &filter, story->arena, &events, &count, NULL) == 0) {
        for (size_t i = 0; i < count; i++)
            say(story, "event", "%s: %s", time_text(story, events[i].at_ms), events[i].text);
    }
}

/* What the checks of a task wrote, as far as they fail. */
static void tell_checks(struct story *story, const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];
        const char *failure =
            !story->is_local
                ? arena_printf(story->arena, "exit code %d", container->check_exit_code)
                : check_failure(container, /* last_line= */ false, story->arena);

        if (container->check_exit_code != 0)
            say(story, "health check", "task %.12s, %s: %s", task->id, container->container,
                failure);
    }
}

static void tell_patience(struct story *story, const struct world_task *task,
                          const struct task_state *state)
{
    int64_t left_ms = state->healthy_at_ms - story->input.now_ms;
    char left[TEXT_TIME_SIZE];

    if (left_ms <= 0)
        return;
    text_print_duration((left_ms + 999) / 1000 * 1000, left);
    say(story, "health",
        "task %.12s counts as healthy in %s: it has no health check, "
        "minReadySeconds is %u",
        task->id, left, state->min_ready_seconds);
}

/* What its first tasks have to wait for. */
static void tell_health(struct story *story, const char *cluster, const char *service)
{
    const struct world_service *seen = world_service(story->app->world, cluster, service);

    for (size_t i = 0; seen != NULL && i < seen->task_count && i < RECENT; i++) {
        struct task_state state;

        plan_task_state(&story->input, seen->tasks[i], story->arena, &state);
        tell_checks(story, seen->tasks[i]);
        tell_patience(story, seen->tasks[i], &state);
    }
}

/* Of those hosts that matter to whom is told of. */
struct upkeep_story {
    struct story *story;
    const char *cluster;  /* only hosts of it; NULL: */
    const char *instance; /* only that one */
};

static bool is_host_of(const struct app *app, const char *cluster, const char *instance)
{
    const struct resource *found =
        app->desired == NULL ? NULL
                             : generation_find(app->desired->generation, KIND_CLUSTER, cluster);
    const struct cluster_spec *spec = found == NULL ? NULL : resource_cluster(found);

    for (size_t i = 0; spec != NULL && i < spec->instances_count; i++) {
        if (text_equal(spec->instances[i].name, instance))
            return true;
    }
    return false;
}

static void tell_upkeep(void *context, const char *instance, const struct maintenance *maintenance,
                        const char *text)
{
    const struct upkeep_story *of = context;

    if (instance == NULL ||
        (of->cluster == NULL ? !text_equal(instance, of->instance)
                             : !is_host_of(of->story->app, of->cluster, instance)))
        return;
    say(of->story, "host", "%s: %s", instance,
        text == NULL ? maintenance_step_text(maintenance->step) : text);
}

static void tell_scale(void *context, const char *text)
{
    say(context, "scaling", "%s", text);
}

static void tell_service(struct story *story, const char *key)
{
    const struct memory_service *memory = memory_service(story->app->memory, key);
    const char *wait = cycle_wait(story->app->cycle, key);
    const char *slash = strchr(key, '/');
    const char *cluster = arena_text_n(story->arena, key, (size_t)(slash - key));
    struct service_status status;

    plan_service_status(&story->input, key, story->arena, &status);
    if (wait == NULL)
        wait = status.wait;
    say(story, "status", "%u of %u tasks run, %u pending, %u healthy, %u stopping%s",
        status.running, status.desired, status.pending, status.healthy, status.stopping,
        status.steady ? ": steady" : "");
    if (wait != NULL && (memory == NULL || memory->suspended == NULL))
        say(story, "waits for", "%s", wait);
    if (!status.steady) {
        struct upkeep_story upkeep = { .story = story, .cluster = cluster };

        upkeep_each(story->app, tell_upkeep, &upkeep);
    }
    tell_health(story, cluster, slash + 1);
    tell_scaling(story->app, key, story->arena, tell_scale, story);
    if (memory != NULL && memory->suspended != NULL)
        say(story, "suspended", "%s", memory->suspended);
    if (memory != NULL && memory->hold != NULL)
        say(story, "held", "%s: `berth confirm` lets it go", memory->hold);
    if (memory != NULL && memory->frozen != NULL)
        say(story, "frozen", "%s: `berth resume` tries again", memory->frozen);
    if (memory != NULL && memory->removal != NULL)
        say(story, "removal", "commit %.12s does not declare it any more", memory->removal);
    tell_quarantine(story, memory);
    if (status.primary != NULL) {
        tell_deployment(story, status.primary, wait);
        tell_commit(story, status.primary->commit);
    } else {
        say(story, "deployment", "none yet");
    }
    tell_manifest(story, key);
    if (!status.steady || (memory != NULL && memory->quarantined[0] != '\0'))
        tell_recent(story, cluster, slash + 1);
}

static void tell_origin(struct story *story, const char *key, const char *deployment_id,
                        const char *commit)
{
    const struct memory_service *memory = memory_service(story->app->memory, key);
    const struct deployment *deployment = memory_deployment(memory, deployment_id);
    const struct deployment *primary = memory_primary(memory);

    if (deployment != NULL)
        tell_deployment(story, deployment, NULL);
    else
        say(story, "deployment", "%.12s, not remembered", deployment_id);
    if (primary != NULL && !text_equal(primary->id, deployment_id))
        say(story, "replaced by", "deployment %.12s of commit %.12s", primary->id, primary->commit);
    tell_commit(story, commit);
    tell_manifest(story, key);
}

/* Of a job: who asked for it, and of which commit the Task is. */
static void tell_unit(struct story *story, const char *key, const char *deployment_id,
                      const char *commit, const char *task)
{
    const struct task_record *record = memory_task(story->app->memory, task);
    size_t cluster = strcspn(key, "/");

    if (!unit_is_job(key)) {
        say(story, "service", "%s", key);
        tell_origin(story, key, deployment_id, commit);
        return;
    }
    say(story, "job", "%s in cluster %.*s, run %.12s", job_group(story->arena, key + cluster + 1),
        (int)cluster, key, deployment_id);
    if (record != NULL && !text_is_empty(record->started_by))
        say(story, "started by", "%s", record->started_by);
    tell_commit(story, commit);
}

static void tell_task(struct story *story, const struct world_task *task)
{
    struct upkeep_story upkeep = { .story = story, .instance = task->instance };
    struct task_state state;

    plan_task_state(&story->input, task, story->arena, &state);
    say(story, "status", "%s, health %s%s%s", task_status_text(state.status),
        health_status_text(state.health), text_is_empty(state.reason) ? "" : ": ",
        text_is_empty(state.reason) ? "" : state.reason);
    upkeep_each(story->app, tell_upkeep, &upkeep);
    tell_checks(story, task);
    tell_patience(story, task, &state);
    say(story, "task", "%s, slot %u, attempt %u, on %s", task->id, task->slot, task->attempt,
        task->instance);
    say(story, "revision", "%.12s", task->revision);
    if (task->service != NULL)
        tell_unit(story, task->service->key, task->deployment, task->commit, task->id);
}

static void tell_container(struct story *story, const struct world_container *container)
{
    say(story, "container", "'%s', %.12s, is %s", container->name, container->id,
        container_status_text(container->status));
    if (container->inspected && container->finished_ms != 0)
        say(story, "ended", "%s with exit code %d%s", time_text(story, container->finished_ms),
            container->exit_code, container->oom_killed ? ", out of memory" : "");
    if (!text_is_empty(container->error))
        say(story, "engine", "%s", container->error);
    if (container->task != NULL)
        tell_task(story, container->task);
}

static void tell_stopped(struct story *story, const struct task_record *task)
{
    say(story, "status", "%s at %s: %s", task_status_text(TASK_STOPPED),
        time_text(story, task->stopped_ms),
        text_is_empty(task->reason) ? stop_code_text(task->stop_code) : task->reason);
    if (task->exit_code >= 0)
        say(story, "exit code", "%d", task->exit_code);
    (void)tell_lines(story, task);
    say(story, "task", "%s, slot %u, attempt %u", task->id, task->slot, task->attempt);
    say(story, "revision", "%.12s", task->revision);
    if (task->service != NULL) {
        const char *key = unit_key(story->arena, task->cluster, task->service);

        tell_unit(story, key, task->deployment, task->commit, task->id);
    }
}

static void tell_wanted(struct story *story, const struct wanted_task *task)
{
    const struct target *target = task->target;
    const char *key = unit_key(story->arena, target->cluster, target->service);

    say(story, "status", "%s: %s", task_status_text(task->status), task->reason);
    say(story, "task", "%s, slot %u, attempt %u", task->identity.task, task->identity.slot,
        task->identity.attempt);
    say(story, "revision", "%.12s", target->revision);
    tell_unit(story, key, task->identity.deployment, task->identity.commit, task->identity.task);
}

/* An instance, by its whole name. */
static bool tell_host(struct story *story, const char *name)
{
    static const char *const states[] = { "CONNECTING", "ACTIVE", "LOST" };
    const struct app *app = story->app;
    const struct world_instance *seen = world_instance(app->world, name);
    const char *wait = cycle_wait(app->cycle, name);
    const char *upkeep = upkeep_text(app, name, story->arena);

    if (app->driver == NULL || fleet_host(app->driver, name) == NULL)
        return false;
    say(story, "status", "%s, %zu tasks%s%s", states[seen == NULL ? 0 : seen->state],
        seen == NULL ? 0 : seen->task_count, seen == NULL || seen->failure == NULL ? "" : ": ",
        seen == NULL || seen->failure == NULL ? "" : seen->failure);
    if (wait != NULL && !text_equal(wait, upkeep))
        say(story, "waits for", "%s", wait);
    if (upkeep != NULL)
        say(story, "host", "%s", upkeep);
    return true;
}

/* By its whole name. */
static bool tell_balancer(struct story *story, const char *name)
{
    const struct app *app = story->app;
    const struct world_balancer *seen = world_balancer(app->world, name);
    const struct resource *declared =
        app->desired == NULL ? NULL
                             : generation_find(app->desired->generation, KIND_LOAD_BALANCER, name);
    const char *wait = cycle_wait(app->cycle, arena_printf(story->arena, BALANCER_KEY "%s", name));

    if (seen == NULL && declared == NULL)
        return false;
    say(story, "status", "%s",
        seen == NULL || !seen->runs ? "it does not run"
        : seen->stopping            ? "it ends when what is open has ended"
                                    : "it runs");
    if (wait != NULL)
        say(story, "waits for", "%s", wait);
    if (seen != NULL && seen->warning != NULL)
        say(story, "warning", "%s", seen->warning);
    for (size_t i = 0; seen != NULL && i < seen->target_count; i++) {
        const struct world_target *target = &seen->targets[i];

        say(story, "target", "task %.12s of %s is %s%s%s", target->task, target->group,
            target_state_text(target->state), target->reason == NULL ? "" : ": ",
            target->reason == NULL ? "" : target->reason);
    }
    if (declared != NULL)
        say(story, "manifest", "%s:%u", declared->pos.file, declared->pos.line);
    return true;
}

/* By its whole name. */
static bool tell_schedule(struct story *story, const char *name)
{
    const struct resource *declared = find_schedule(story->app, name);
    const char *key = arena_printf(story->arena, SCHEDULE_KEY "%s", name);
    const char *wait = cycle_wait(story->app->cycle, key);
    struct schedule_status status;

    if (declared == NULL)
        return false;
    plan_schedule_status(&story->input, name, &status);
    say(story, "status", "%s, %u of its tasks have not stopped",
        enumeration_text(&schedule_state_values, status.spec->state), status.live);
    if (wait != NULL)
        say(story, "next", "%s", wait);
    if (status.record != NULL && status.record->due_ms != 0)
        say(story, "last", "due %s: %s, run %.12s, try %u%s%s",
            time_text(story, status.record->due_ms), schedule_result_text(status.record->result),
            status.record->run[0] == '\0' ? "none" : status.record->run, status.record->tries,
            status.record->reason == NULL ? "" : ": ",
            status.record->reason == NULL ? "" : status.record->reason);
    if (status.record != NULL && status.record->missed_ms != 0)
        say(story, "missed", "due %s: %s", time_text(story, status.record->missed_ms),
            status.record->missed);
    say(story, "manifest", "%s:%u", declared->pos.file, declared->pos.line);
    return true;
}

/* One of which nothing is seen yet. */
static const struct wanted_task *find_wanted(struct story *story, const char *name)
{
    const struct desired *desired = story->input.desired;

    if (strlen(name) < 4)
        return NULL;
    for (const struct desired_service *at = desired == NULL ? NULL : desired->services; at != NULL;
         at = at->by_key.next) {
        struct service_status status;

        plan_service_status(&story->input, at->key, story->arena, &status);
        for (size_t i = 0; i < status.wanted_count; i++) {
            if (text_starts(status.wanted[i].identity.task, name))
                return &status.wanted[i];
        }
    }
    return NULL;
}

/* What is not known yet may be in a commit that was refused. */
static void tell_unknown(struct story *story, const char *name, struct err *err)
{
    const char *rejected = NULL;

    (void)err_set(
        err, ERR_NOT_FOUND,
        "there is no service, task, container, instance, load balancer or schedule '%s'%s", name,
        task_hint(name));
    if (follower_rejected(story->app->follower, &rejected) != NULL)
        (void)err_set(
            err, ERR_NOT_FOUND,
            "there is no service, task, container, instance, load balancer or schedule '%s'%s; of "
            "commit %.8s, which has mistakes, nothing is done: see `berth status`",
            name, task_hint(name), rejected);
}

/* A service first, then a task, a container, a task that is to come, one that stopped, an instance,
 * a load balancer, a schedule.
 * NULL and *err: none of them. */
static const char *tell(struct story *story, const char *name, struct err *err)
{
    const struct world_container *container;
    const struct world_task *task;
    const struct wanted_task *wanted;
    const struct task_record *stopped;
    const char *key;

    if (find_service(story->app, name, story->arena, &key, err) == 0) {
        tell_service(story, key);
        return "service";
    }
    if (err->code != ERR_NOT_FOUND)
        return NULL;
    if (find_task(story->app, name, &task, err) == 0) {
        tell_task(story, task);
        return "task";
    }
    if (err->code != ERR_NOT_FOUND)
        return NULL;
    container = find_container(story->app, name);
    if (container != NULL) {
        tell_container(story, container);
        return "container";
    }
    wanted = find_wanted(story, name);
    if (wanted != NULL) {
        tell_wanted(story, wanted);
        return "task";
    }
    stopped = find_stopped(story->app, name, story->arena);
    if (stopped != NULL) {
        tell_stopped(story, stopped);
        return "task";
    }
    if (tell_host(story, name))
        return "instance";
    if (tell_balancer(story, name))
        return "load balancer";
    if (tell_schedule(story, name))
        return "schedule";
    tell_unknown(story, name, err);
    return NULL;
}

static void answer_why(struct request *request, const char *name)
{
    struct app *app = app_of(request);
    struct story story = { .app = app,
                           .input = input_of(request),
                           .arena = request_arena(request),
                           .is_local = request_is_local(request) };
    AUTO(json) *answer = json_object();
    struct err err = { 0 };
    const char *kind;

    story.lines = json_array();
    json_set(answer, "lines", story.lines);
    kind = tell(&story, name, &err);
    if (kind == NULL) {
        request_fail(request, &err);
        return;
    }
    json_set_text(answer, "kind", kind);
    json_set_text(answer, "name", name);
    request_answer(request, TAKE(answer));
}

void get_why(struct request *request)
{
    answer_why(request, request_param(request, "name"));
}

void get_why_service(struct request *request)
{
    answer_why(request, unit_key(request_arena(request), request_param(request, "cluster"),
                                 request_param(request, "service")));
}
