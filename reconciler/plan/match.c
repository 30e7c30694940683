/*
 * Match: from containers to a task and how it stands (ecs.md 1.3 to 1.5). Every judgement the
 * planner makes about something that runs is made here, from inspected data only.
 */
#include <string.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/place.h"
#include "reconciler/plan/traffic.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* How often a step that the engine could not do (not: would not) is tried before its task is over,
 * and for how long when the engine starts nothing at all: it may be about to stop, or come up, and
 * that is no evidence against the revision. */
#define TRIES      3
#define FAILING_MS (60 * 1000)

const struct container_definition *definition_find(const struct target *target, const char *name)
{
    if (target == NULL)
        return NULL;
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        if (text_equal(target->task->container_definitions[i].name, name))
            return &target->task->container_definitions[i];
    }
    return NULL;
}

bool container_is_up(const struct world_container *container)
{
    return container->status == CONTAINER_RUNNING || container->status == CONTAINER_PAUSED ||
           container->status == CONTAINER_RESTARTING;
}

bool container_is_over(const struct world_container *container)
{
    return container->status == CONTAINER_EXITED || container->status == CONTAINER_DEAD;
}

bool container_ran(const struct world_container *container)
{
    return container_is_up(container) || container->started_ms != 0;
}

/* ecs.md 1.3, restartPolicy: once per period, and only one that ran at least the period. */
bool container_restarts(const struct container_definition *definition,
                        const struct world_container *container)
{
    const struct restart_policy *policy = definition == NULL ? NULL : definition->restart_policy;

    if (policy == NULL || !policy->enabled || !container->inspected)
        return false;
    for (size_t i = 0; i < policy->ignored_exit_codes_count; i++) {
        if (container->exit_code == (int)policy->ignored_exit_codes[i])
            return false;
    }
    return container->finished_ms - container->started_ms >=
           (int64_t)policy->restart_attempt_period * 1000;
}

/* Of a task whose revision nobody remembers: one that ended well may have been there for the start
 * only, as long as anything else but the sandbox runs. */
static bool may_be_over(const struct world_task *task, const struct world_container *container)
{
    if (text_equal(container->container, SANDBOX_NAME) || container->exit_code != 0)
        return false;
    for (size_t i = 0; i < task->container_count; i++) {
        if (container_is_up(task->containers[i]) &&
            !text_equal(task->containers[i]->container, SANDBOX_NAME))
            return true;
    }
    return false;
}

/* Does its end end the task? */
static bool is_essential(const struct task_view *view, const struct world_container *container)
{
    const struct container_definition *definition =
        definition_find(view->target, container->container);

    if (view->target == NULL)
        return !may_be_over(view->task, container);
    return definition == NULL || definition->essential; /* the sandbox has none */
}

static void ended(struct task_view *view, enum stop_code code, const char *reason, int exit_code)
{
    if (view->ended)
        return;
    view->ended = true;
    view->stop_code = code;
    view->reason = reason;
    view->exit_code = exit_code;
}

/* An engine that stops or dies takes its containers along, and so may a stop that was lost with the
 * memory of it: no evidence against the revision.  Who signalled before the connection was made was
 * not told, and a program may take its time to obey. */
static bool ended_unwatched(const struct task_view *view, const struct world_container *container)
{
    int64_t connected_ms = view->instance->connected_ms;
    bool was_up = container->started_ms - container->clock_skew_ms < connected_ms;

    if (was_up && !container->oom_killed)
        connected_ms += FAILING_MS;
    return container->finished_ms - view->instance->clock_skew_ms < connected_ms;
}

/* Its stop was decided with the removal of its service, and the record of that was lost with the
 * process: what ends from then on has ended by it, but where something else is seen to be the
 * cause. Without the time (of an older version) nothing is known. */
static bool ended_by_removal(const struct task_view *view, const struct memory_service *memory,
                             const struct world_container *container)
{
    return memory != NULL && memory->removal_ms != 0 && !container->oom_killed &&
           !container->signalled &&
           container->finished_ms - view->instance->clock_skew_ms >= memory->removal_ms;
}

static void judge_exit(struct planner *planner, struct task_view *view,
                       const struct memory_service *memory, const struct world_container *container)
{
    const struct container_definition *definition =
        definition_find(view->target, container->container);

    if (view->ended || !container_is_over(container) || !is_essential(view, container) ||
        container_restarts(definition, container))
        return;
    if (ended_by_removal(view, memory, container)) {
        ended(view, STOP_SERVICE_SCHEDULER_INITIATED, SERVICE_REMOVED, container->exit_code);
        view->excused = true;
        return;
    }
    if (container->oom_killed)
        ended(view, STOP_ESSENTIAL_CONTAINER_EXITED,
              arena_printf(planner->arena,
                           "OutOfMemoryError: container %s was killed at its memory limit",
                           container->container),
              container->exit_code);
    else if (container->signalled)
        ended(view, STOP_USER_INITIATED,
              arena_printf(planner->arena,
                           "Task stopped by user: container %s was sent a signal, exit code %d",
                           container->container, container->exit_code),
              container->exit_code);
    else
        ended(view, STOP_ESSENTIAL_CONTAINER_EXITED,
              arena_printf(planner->arena, "Essential container in task exited: %s, exit code %d",
                           container->container, container->exit_code),
              container->exit_code);
    view->excused =
        (container->signalled && !container->oom_killed) || ended_unwatched(view, container);
}

/* What was tried again is seen done before its call is answered. */
static bool is_mended(const struct world_container *seen, enum action_kind kind)
{
    return seen != NULL && (kind == ACTION_CONTAINER_CREATE || container_is_up(seen));
}

/* Will repeating a create or start not mend it?  What an engine could not do before it was away is
 * no part of that. */
static bool is_hopeless(struct planner *planner, const struct world_instance *instance,
                        const struct world_effort *effort)
{
    int64_t since_ms = instance->connected_ms;

    if (err_class(effort->failure.code) != ERR_CLASS_RETRY)
        return true;
    if (effort->failure.code != ERR_FAILED || world_effort_failures(effort, since_ms) < TRIES)
        return false;
    since_ms = world_effort_failing_since(effort, since_ms) + FAILING_MS;
    /* Of several instances another one may be tried by now: time alone says nothing. */
    if (effort->starts_elsewhere || effort->at_ms >= since_ms ||
        (planner->input->now_ms >= since_ms && text_equal(instance->name, LOCAL_INSTANCE)))
        return true;
    if (planner->input->now_ms >= since_ms)
        return false;
    plan_wake(planner, since_ms);
    return false;
}

const char *step_failure(struct planner *planner, const struct world_instance *instance,
                         enum action_kind kind, const char *name)
{
    const struct world_effort *effort = effort_of(planner, instance, kind, name);

    ASSERT(kind == ACTION_CONTAINER_CREATE || kind == ACTION_CONTAINER_START);
    if (effort == NULL || effort->state != EFFORT_FAILED || !is_hopeless(planner, instance, effort))
        return NULL;
    return arena_printf(planner->arena, "%s: %s",
                        kind == ACTION_CONTAINER_CREATE ? "CannotCreateContainerError"
                                                        : "CannotStartContainerError",
                        effort->failure.text);
}

/* Somebody removed it: the next task finds another one. */
static bool misses_network(struct planner *planner, const struct task_view *view)
{
    return view->target != NULL && joins_network(view->target) &&
           world_network(view->instance, network_name(planner, view->target->cluster)) == NULL;
}

/* A create or start that no repetition mends ends the task: the next attempt is a new one. */
static void judge_failure(struct planner *planner, struct task_view *view, const char *container)
{
    static const enum action_kind steps[] = { ACTION_CONTAINER_CREATE, ACTION_CONTAINER_START };
    const struct world_container *seen = world_task_container(view->task, container);
    char name[CONTAINER_NAME_SIZE];

    if (view->instance->efforts == NULL)
        return;
    container_name(view->task->id, container, name);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        const char *failure = is_mended(seen, steps[i])
                                  ? NULL
                                  : step_failure(planner, view->instance, steps[i], name);

        if (failure == NULL)
            continue;
        ended(view, STOP_TASK_FAILED_TO_START, failure, -1);
        view->excused = misses_network(planner, view);
    }
}

/* ecs.md 1.3: a dependent gives up when what it waits for takes longer than its startTimeout. */
static void judge_dependencies(struct planner *planner, struct task_view *view,
                               const struct container_definition *definition)
{
    for (size_t i = 0; i < definition->depends_on_count; i++) {
        const struct container_dependency *need = &definition->depends_on[i];
        const struct container_definition *on = definition_find(view->target, need->container_name);
        const struct world_container *seen = world_task_container(view->task, need->container_name);
        int64_t limit_ms;

        if (seen == NULL || on == NULL || !container_ran(seen))
            continue;
        if (need->condition == CONTAINER_CONDITION_SUCCESS && container_is_over(seen) &&
            seen->inspected && seen->exit_code != 0 && !container_restarts(on, seen))
            ended(view, STOP_TASK_FAILED_TO_START,
                  arena_printf(planner->arena,
                               "container %s waits for the success of %s, "
                               "which ended with exit code %d",
                               definition->name, on->name, seen->exit_code),
                  seen->exit_code);
        if (need->condition == CONTAINER_CONDITION_HEALTHY && container_is_over(seen) &&
            seen->inspected && !container_restarts(on, seen))
            ended(view, STOP_TASK_FAILED_TO_START,
                  arena_printf(planner->arena,
                               "container %s waits for the health of %s, "
                               "which ended with exit code %d",
                               definition->name, on->name, seen->exit_code),
                  seen->exit_code);
        if (on->start_timeout == 0 || need->condition == CONTAINER_CONDITION_START ||
            !container_is_up(seen) || seen->started_ms == 0 ||
            (need->condition == CONTAINER_CONDITION_HEALTHY && seen->health == HEALTH_HEALTHY))
            continue;
        limit_ms = seen->started_ms - seen->clock_skew_ms + (int64_t)on->start_timeout * 1000;
        if (planner->input->now_ms < limit_ms)
            plan_wake(planner, limit_ms);
        else
            ended(view, STOP_TASK_FAILED_TO_START,
                  arena_printf(planner->arena,
                               "container %s waited for %s longer than its "
                               "startTimeout of %u s",
                               definition->name, on->name, on->start_timeout),
                  -1);
    }
}

/* Is this container where the life of a task needs it: up, or rightly over? */
static bool is_settled(const struct world_container *container,
                       const struct container_definition *definition)
{
    if (container == NULL)
        return false;
    if (container_is_up(container))
        return true;
    return container_is_over(container) && !definition->essential;
}

static bool all_settled(const struct task_view *view)
{
    const struct task_spec *spec;

    if (view->target == NULL) {
        for (size_t i = 0; i < view->task->container_count; i++) {
            const struct world_container *container = view->task->containers[i];

            if (!container_is_up(container) &&
                !(container_is_over(container) && may_be_over(view->task, container)))
                return false;
        }
        return view->task->container_count >= view->task->expected;
    }
    spec = view->target->task;
    for (size_t i = 0; i < spec->container_definitions_count; i++) {
        const struct container_definition *definition = &spec->container_definitions[i];

        if (!is_settled(world_task_container(view->task, definition->name), definition))
            return false;
    }
    return view->task->container_count >= view->task->expected;
}

static bool anything_up(const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        if (container_is_up(task->containers[i]) ||
            task->containers[i]->status == CONTAINER_REMOVING)
            return true;
    }
    return false;
}

/* The end of a task that was healthy and has nothing else running is believed before it is
 * inspected: whatever the inspection tells, another task is wanted. One that never got going, or
 * may be restarted, is judged by what the inspection tells. */
static bool has_fallen(const struct task_view *view)
{
    const struct world_task *task = view->task;

    if (view->record == NULL || view->record->healthy_ms == 0 || anything_up(task))
        return false;
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];
        const struct container_definition *definition =
            definition_find(view->target, container->container);

        if (definition != NULL && definition->essential && !container->inspected &&
            container_is_over(container) &&
            (definition->restart_policy == NULL || !definition->restart_policy->enabled))
            return true;
    }
    return false;
}

/* A container that was paused, or is not as it was created. */
static void judge_drift(struct planner *planner, struct task_view *view,
                        const struct memory_service *memory,
                        const struct world_container *container)
{
    bool was_healthy = view->record != NULL && view->record->healthy_ms != 0;

    if (view->ended)
        return;
    if (container->status == CONTAINER_PAUSED) {
        view->unhealthy = true;
        view->reason = arena_printf(planner->arena, "container %s is paused", container->container);
    }
    if (container->drift == NULL || view->drifted)
        return;
    view->difference = container->drift;
    view->drifted = !is_frozen(memory, container->drift);
    if (!view->drifted)
        return;
    view->unhealthy = true;
    view->came_so = !was_healthy;
    view->reason =
        arena_printf(planner->arena, "%s %s (container %s)", container->drift,
                     was_healthy ? "was changed by hand" : CAME_SO, container->container);
}

static void judge_containers(struct planner *planner, struct task_view *view,
                             const struct memory_service *memory)
{
    const struct world_task *task = view->task;

    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];

        if (!container->inspected) {
            view->unknown = true;
            continue;
        }
        judge_exit(planner, view, memory, container);
        judge_drift(planner, view, memory, container);
    }
    for (size_t i = 0; view->target != NULL && i < view->target->task->container_definitions_count;
         i++) {
        const struct container_definition *definition =
            &view->target->task->container_definitions[i];

        judge_failure(planner, view, definition->name);
        if (world_task_container(task, definition->name) == NULL)
            judge_dependencies(planner, view, definition);
    }
    if (view->target != NULL && view->target->task->container_definitions_count > 1)
        judge_failure(planner, view, SANDBOX_NAME);
    /* It is made first, and whoever joined its namespaces is not in those of another one. */
    if (task->expected > 1 && world_task_container(task, SANDBOX_NAME) == NULL)
        ended(view, STOP_ESSENTIAL_CONTAINER_EXITED, "the sandbox of the task was removed", -1);
    if ((view->record != NULL && view->record->started_ms != 0 &&
         task->container_count < task->expected) ||
        job_lacks_begun(view))
        ended(view, STOP_ESSENTIAL_CONTAINER_EXITED, "a container of the task was removed", -1);
}

bool in_grace(struct planner *planner, const struct service_spec *spec, int64_t started_ms)
{
    int64_t end_ms =
        started_ms + (spec == NULL ? 0 : spec->health_check_grace_period_seconds * INT64_C(1000));

    if (planner->input->now_ms >= end_ms)
        return false;
    plan_wake(planner, end_ms);
    return true;
}

static int64_t last_start_ms(const struct task_view *view)
{
    int64_t last_ms = 0;

    for (size_t i = 0; i < view->task->container_count; i++) {
        const struct world_container *container = view->task->containers[i];
        int64_t started_ms = container->started_ms - view->instance->clock_skew_ms;

        if (container->started_ms != 0 && started_ms > last_ms)
            last_ms = started_ms;
    }
    return last_ms;
}

/* Of a task whose definition is not known any more, those count that are checked. */
static bool counts_for_health(const struct target *target,
                              const struct container_definition *definition,
                              const struct world_container *container)
{
    if (target == NULL)
        return container->health != HEALTH_NONE;
    return definition != NULL && definition->health_check != NULL && definition->essential;
}

const char *check_failure(const struct world_container *container, bool last_line,
                          struct arena *arena)
{
    const char *output = container->check_output == NULL ? "" : container->check_output;
    const char *line = strrchr(output, '\n');

    if (container->check_exit_code == 0)
        return NULL;
    if (last_line && line != NULL)
        output = line + 1;
    if (container->check_exit_code < 0 && output[0] != '\0')
        return arena_text(arena, output); /* the engine's own words: it took too long */
    return arena_printf(arena, "exit code %d%s%s", container->check_exit_code,
                        output[0] == '\0' ? "" : ": ", output);
}

static const char *failed_check(struct planner *planner, const struct world_container *container)
{
    const char *failure = check_failure(container, /* last_line= */ true, planner->arena);

    return failure == NULL ? CHECK_FAILED
                           : arena_printf(planner->arena, CHECK_FAILED " (%s: %s)",
                                          container->container, failure);
}

/* ecs.md 1.4: HEALTHY if all essential containers with a check are, UNHEALTHY if one of them is. */
static void judge_health(struct planner *planner, struct task_view *view,
                         const struct service_spec *spec)
{
    const struct target *target = view->target;
    size_t checks = 0;
    size_t healthy = 0;

    for (size_t i = 0; i < view->task->container_count; i++) {
        const struct world_container *container = view->task->containers[i];
        const struct container_definition *definition =
            definition_find(target, container->container);
        int64_t started_ms = container->started_ms - container->clock_skew_ms;

        if (!counts_for_health(target, definition, container))
            continue;
        checks++;
        healthy += container->health == HEALTH_HEALTHY;
        if (container->health == HEALTH_UNHEALTHY && !in_grace(planner, spec, started_ms)) {
            view->unhealthy = true;
            view->reason = failed_check(planner, container);
        }
    }
    if (view->unhealthy)
        view->health = HEALTH_UNHEALTHY;
    else if (checks > 0)
        view->health = healthy == checks ? HEALTH_HEALTHY : HEALTH_STARTING;
    if (traffic_judge(planner, view, spec, healthy == checks) || view->status != TASK_RUNNING ||
        view->unhealthy || view->unknown)
        return; /* of what was only listed, nobody knows since when it runs */
    if (checks > 0 || spec == NULL) {
        view->healthy = healthy == checks;
        return;
    }
    /* Once proven it stays so, whatever the clocks say afterwards. */
    view->healthy =
        (view->record != NULL && view->record->healthy_ms != 0) ||
        planner->input->now_ms >= view->started_ms + (int64_t)spec->min_ready_seconds * 1000;
    if (view->healthy)
        return;
    view->min_ready_seconds = spec->min_ready_seconds;
    view->healthy_at_ms = view->started_ms + (int64_t)spec->min_ready_seconds * 1000;
    plan_wake(planner, view->healthy_at_ms);
}

/* What the task was made from, as far as that is remembered or still wanted. */
static void find_target(struct task_view *view, const struct memory_service *memory,
                        const struct goal *current)
{
    const struct world_task *task = view->task;

    view->current = current != NULL && text_equal(task->revision, current->target->revision);
    view->deployment = memory_deployment(memory, task->deployment);
    if (view->deployment == NULL)
        view->deployment = memory_revision(memory, task->revision);
    if (view->deployment != NULL)
        view->target = view->deployment->goal->target;
    else if (view->current)
        view->target = current->target;
}

/* As it was last seen. */
static bool was_over(const struct world_task *task)
{
    bool over = false;

    for (size_t i = 0; i < task->container_count; i++)
        over |= container_is_over(task->containers[i]);
    return over && !anything_up(task);
}

/* Nothing is seen of it. With its only engine away a service is as healthy as it was; of several
 * instances the others have to carry it, and in the end to replace it. */
static void view_unseen(struct planner *planner, struct task_view *view)
{
    const struct world_service *service = view->task->service;

    view->unknown = true;
    view->status = TASK_RUNNING;
    view->given_up =
        service != NULL && instance_is_given_up(planner, service->cluster, view->instance);
    view->healthy = text_equal(view->instance->name, LOCAL_INSTANCE) && view->record != NULL &&
                    view->record->healthy_ms != 0;
    if (text_equal(view->instance->name, LOCAL_INSTANCE))
        return;
    if (was_over(view->task))
        view->status = TASK_DEPROVISIONING; /* nobody but us would start it again */
    if (view->record == NULL || view->record->stopping_ms == 0)
        return;
    view->ended = true; /* it goes on with that when it is seen again */
    view->status = TASK_STOPPING;
    view->stop_code = view->record->stop_code;
    view->reason = view->record->reason;
    view->healthy = false;
}

void task_view_make(struct planner *planner, const struct world_task *task,
                    const struct memory_service *memory, const struct goal *current,
                    struct task_view *out)
{
    struct task_view view = { .task = task, .exit_code = -1 };

    view.instance = task->host;
    view.record = memory_task(planner->input->memory, task->id);
    find_target(&view, memory, current);
    if (task->service != NULL)
        view.leaving =
            instance_is_left(planner, task->service->cluster, view.target, view.instance);
    if (!instance_is_seen(planner, view.instance)) {
        view_unseen(planner, &view);
        *out = view;
        return;
    }
    view.started_ms = last_start_ms(&view);
    judge_containers(planner, &view, memory);
    /* What was to stop, or did, is over, even when someone starts it again. */
    if (view.record != NULL && view.record->stopping_ms != 0) {
        view.stop_code = view.record->stop_code;
        view.reason = view.record->reason;
        view.ended = true;
    }
    if (view.ended)
        view.status = anything_up(task) ? TASK_STOPPING : TASK_DEPROVISIONING;
    else if (has_fallen(&view))
        view.status = TASK_DEPROVISIONING; /* its end is recorded when it was inspected */
    else
        view.status = all_settled(&view) ? TASK_RUNNING : TASK_ACTIVATING;
    if (!view.ended)
        judge_health(planner, &view,
                     current != NULL       ? current->target->spec
                     : view.target != NULL ? view.target->spec
                                           : NULL);
    *out = view;
}

bool is_alive(const struct task_view *view)
{
    return !view->given_up && (view->status == TASK_ACTIVATING || view->status == TASK_RUNNING);
}
