/*
 * Record: what happened to tasks becomes facts, each once: it runs, it got healthy, it is to stop,
 * it has stopped. Counting failures from these records survives restarts and repeated observations.
 */
#include <stdarg.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/rebalance.h"
#include "spec/base/text.h"
#include "spec/names.h"

struct deployment *deployment_copy(struct planner *planner, const struct deployment *from)
{
    size_t count = from->goal->target->task->container_definitions_count;
    struct deployment *copy = arena_copy(planner->arena, from, sizeof(*from));

    copy->pins = arena_copy(planner->arena, from->pins, count * sizeof(*from->pins));
    copy->updated_ms = planner->input->now_ms;
    return copy;
}

void deployment_fact(struct planner *planner, const struct service_view *view,
                     const struct deployment *deployment)
{
    struct fact *fact = plan_fact(planner, FACT_DEPLOYMENT, view->cluster, view->service);

    fact->deployment = deployment;
    fact->commit = deployment->commit;
    fact->durable = true;
}

void service_event(struct planner *planner, const struct service_view *view, const char *format,
                   ...)
{
    struct fact *fact = plan_fact(planner, FACT_EVENT, view->cluster, view->service);
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, 4096);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    fact->text = arena_text(planner->arena, buf_text(&text));
    fact->commit = view->primary == NULL ? NULL : view->primary->commit;
}

/* The record of a task as it is remembered, or a new one. */
static struct task_record *record_copy(struct planner *planner, const struct service_view *view,
                                       const struct task_view *task)
{
    struct task_record *record = arena_new(planner->arena, struct task_record);

    if (task->record != NULL) {
        *record = *task->record;
        return record;
    }
    text_copy(record->id, sizeof(record->id), task->task->id);
    record->deployment = task->task->deployment;
    record->revision = task->task->revision;
    record->commit = task->task->commit;
    record->cluster = view->cluster;
    record->service = view->service;
    record->instance = task->task->instance;
    record->slot = task->task->slot;
    record->attempt = task->task->attempt;
    record->exit_code = -1;
    return record;
}

void task_fact(struct planner *planner, const struct service_view *view,
               const struct task_record *record, bool durable)
{
    struct fact *fact = plan_fact(planner, FACT_TASK, view->cluster, view->service);

    fact->task = record;
    fact->durable = durable;
}

/* The deployment whose tasks it is one of. */
static const struct deployment *deployment_of(const struct service_view *view,
                                              const struct task_view *task)
{
    return task->current && view->primary != NULL ? view->primary : task->deployment;
}

/* The memory of the deployment that made it was lost. */
static bool is_adopted(const struct service_view *view, const struct task_view *task)
{
    const struct deployment *made = memory_deployment(view->memory, task->task->deployment);

    return made == NULL || (made->reason != NULL && text_starts(made->reason, FOUND_RUNNING) &&
                            task->started_ms < made->updated_ms);
}

static bool record_start(struct planner *planner, const struct service_view *view,
                         const struct task_view *task)
{
    bool started = task->record != NULL && task->record->started_ms != 0;
    bool healthy = task->record != NULL && task->record->healthy_ms != 0;
    struct task_record *record;

    if (task->unknown || task->status != TASK_RUNNING)
        return false;
    if (started && (healthy || !task->healthy))
        return false;
    record = record_copy(planner, view, task);
    if (!started) {
        const char *why =
            service_is_job(view->service) ? NULL : rebalance_started(planner, view, task);

        /* Stated once, also of one whose engine can't say when. */
        record->started_ms = task->started_ms == 0 ? planner->input->now_ms : task->started_ms;
        service_event(planner, view, "(%s) has %s: (task %s).%s%s",
                      unit_title(planner, view->service),
                      is_adopted(view, task) ? "taken over 1 running tasks" : "started 1 tasks",
                      task->task->id, why == NULL ? "" : " ", why == NULL ? "" : why);
    }
    if (task->healthy && !healthy) {
        record->healthy_ms = planner->input->now_ms;
        throttle_end(planner, view, deployment_of(view, task));
    }
    task_fact(planner, view, record, false);
    return true;
}

/* What ends do to one deployment. */
struct tally {
    const struct deployment *of;
    uint32_t attempt_max;
    uint32_t failed;
    bool throttled;
    struct tally *next;
};

/* The ends of one plan: however many there are, they are one change of a deployment each, and one
 * failure to start of it. */
struct ends {
    struct tally *tallies;
};

static struct tally *tally_of(struct planner *planner, struct ends *ends,
                              const struct deployment *of)
{
    struct tally *entry = ends->tallies;

    while (entry != NULL && entry->of != of)
        entry = entry->next;
    if (entry == NULL) {
        entry = arena_new(planner->arena, struct tally);
        entry->of = of;
        entry->next = ends->tallies;
        ends->tallies = entry;
    }
    return entry;
}

/* A failure counts for the deployment that wants the task, its number for the one that made it: a
 * revision that is declared again takes over what an earlier deployment of it runs. */
static void tally_end(struct planner *planner, const struct service_view *view, struct ends *ends,
                      const struct deployment *of, const struct task_record *record)
{
    const struct deployment *made = memory_deployment(view->memory, record->deployment);
    struct tally *entry;

    if (service_is_job(view->service))
        return; /* none follows it */
    if (of != NULL)
        tally_of(planner, ends, of)->failed += record->failed;
    if (made == NULL)
        made = of;
    if (made == NULL)
        return;
    entry = tally_of(planner, ends, made);
    if (record->attempt > entry->attempt_max)
        entry->attempt_max = record->attempt;
}

static void throttle_once(struct planner *planner, const struct service_view *view,
                          struct ends *ends, const struct deployment *of, int64_t ran_ms)
{
    struct tally *entry =
        of == NULL || service_is_job(view->service) ? NULL : tally_of(planner, ends, of);

    if (entry != NULL && !entry->throttled)
        entry->throttled = throttle(planner, view, of, ran_ms);
}

/* A deployment counts failures, and remembers the highest attempt, so that ids never come back. The
 * count returns to 0 when a task gets healthy (ecs.md 1.5, resetOnHealthyTask). */
static void tally_state(struct planner *planner, const struct service_view *view, struct ends *ends,
                        bool healthier)
{
    bool reset =
        healthier && !service_is_job(view->service) && view->primary != NULL &&
        view->spec != NULL && view->primary->state == ROLLOUT_IN_PROGRESS &&
        view->spec->deployment_configuration->deployment_circuit_breaker->reset_on_healthy_task;

    if (reset && view->primary->failed_tasks > 0)
        (void)tally_of(planner, ends, view->primary);
    for (const struct tally *at = ends->tallies; at != NULL; at = at->next) {
        struct deployment *changed = deployment_copy(planner, at->of);

        if (at->attempt_max > changed->attempt_max)
            changed->attempt_max = at->attempt_max;
        changed->failed_tasks =
            reset && at->of == view->primary ? 0 : changed->failed_tasks + at->failed;
        if (changed->attempt_max != at->of->attempt_max ||
            changed->failed_tasks != at->of->failed_tasks)
            deployment_fact(planner, view, changed);
    }
}

void state_stopped(struct planner *planner, const struct service_view *view,
                   struct task_record *record)
{
    record->stopped_ms = planner->input->now_ms;
    if (record->stopping_ms == 0)
        record->stopping_ms = record->stopped_ms;
    /* What the breaker counts; and of a job there is no other try to learn it again from. */
    task_fact(planner, view, record,
              /* durable= */ record->failed || service_is_job(view->service));
    if (record->stop_code == STOP_TASK_FAILED_TO_START &&
        world_task(planner->input->world, record->id) == NULL)
        service_event(planner, view, "(%s) failed to launch a task (task %s) with (error %s).",
                      unit_title(planner, view->service), record->id, record->reason);
    else
        service_event(planner, view, "(%s) has stopped 1 running tasks: (task %s). %s",
                      unit_title(planner, view->service), record->id, record->reason);
}

/* It ended by itself, which is its reason unless we had decided to stop it. */
static struct task_record *record_of_end(struct planner *planner, const struct service_view *view,
                                         const struct task_view *task)
{
    struct task_record *record = record_copy(planner, view, task);

    if (record->stopping_ms == 0) {
        record->stop_code = task->stop_code;
        record->reason = task->reason;
        record->exit_code = task->exit_code;
        record->failed = service_is_job(view->service) ? task->exit_code != 0 : !task->excused;
    } else if (service_is_job(view->service) && record->exit_code < 0) {
        record->exit_code = task->exit_code; /* what it made of being stopped */
    }
    return record;
}

/* Until its first essential container ended; that the others took their time to stop is no life,
 * nor is what a container did for which the others waited: the task never was RUNNING. */
static int64_t ran_ms(const struct task_view *task, const struct task_record *record)
{
    return record->started_ms == 0 || task->started_ms == 0
               ? 0
               : record->stopping_ms - task->started_ms;
}

/* The next one waits from when this one failed: the others of its containers may take their time to
 * stop, and its slot is free already. */
static void record_end(struct planner *planner, const struct service_view *view,
                       const struct task_view *task, struct ends *ends)
{
    bool known = task->record != NULL && task->record->stopping_ms != 0;
    struct task_record *record;
    bool fails;

    if (!task->ended || (task->record != NULL && task->record->stopped_ms != 0))
        return;
    record = record_of_end(planner, view, task);
    fails = record->failed && (!known || record->stop_code == STOP_SERVICE_SCHEDULER_INITIATED);
    if (task->status == TASK_DEPROVISIONING) {
        state_stopped(planner, view, record);
        tally_end(planner, view, ends, deployment_of(view, task), record);
    } else if (!known) {
        record->stopping_ms = planner->input->now_ms;
        task_fact(planner, view, record, false);
    } else {
        return;
    }
    if (fails)
        throttle_once(planner, view, ends, deployment_of(view, task), ran_ms(task, record));
}

/* What the containers of a task that ended wrote last, as it comes. */
static void record_lines(struct planner *planner, const struct service_view *view,
                         const struct task_view *task)
{
    bool stopped = task->record != NULL && task->record->stopped_ms != 0;

    for (size_t i = 0; stopped && i < task->task->container_count; i++) {
        const struct world_container *container = task->task->containers[i];
        struct task_lines *lines;

        if (container->last_lines == NULL ||
            memory_has_lines(planner->input->memory, task->task->id, container->container))
            continue;
        lines = arena_new(planner->arena, struct task_lines);
        *lines = (struct task_lines){ task->task->id, container->container, container->last_lines };
        plan_fact(planner, FACT_LINES, view->cluster, view->service)->lines = lines;
    }
}

/* Why a task is not there any more that was, and why nobody asks for it; NULL: it may be there. */
static const char *why_gone(struct planner *planner, const struct task_record *record)
{
    const struct world_instance *instance = world_instance(planner->input->world, record->instance);

    if (instance != NULL && instance->state == INSTANCE_ACTIVE && instance->complete)
        return "the containers of the task were removed by hand";
    if (instance_is_forgotten(planner, record->instance))
        return arena_printf(planner->arena, "instance %s was given up", record->instance);
    /* No commit lists it and no connection is kept to it: nobody will hear of its tasks again. */
    if (instance == NULL && !text_equal(record->instance, LOCAL_INSTANCE) &&
        !pool_lists(planner, record->instance))
        return arena_printf(planner->arena, "instance %s is gone", record->instance);
    return NULL;
}

/* Of a job that never ran, or is on an instance that may tell of it later: job.c. */
static bool is_judged_here(struct planner *planner, const struct task_record *record)
{
    const struct world_instance *instance =
        record->instance == NULL ? NULL : world_instance(planner->input->world, record->instance);

    return job_has_begun(record) && instance != NULL && instance_is_seen(planner, instance);
}

/* Tasks that were there and are not: all their containers were removed, or their host given up. */
static void record_vanished(struct planner *planner, const struct service_view *view,
                            struct ends *ends)
{
    const struct world *world = planner->input->world;

    for (const struct memory_task *at = view->memory == NULL ? NULL : view->memory->tasks;
         at != NULL; at = at->next) {
        const struct deployment *of = memory_deployment(view->memory, at->record.deployment);
        struct task_record *record;
        const char *why;

        if (at->record.stopped_ms != 0 || world_task(world, at->record.id) != NULL ||
            (service_is_job(view->service) && !is_judged_here(planner, &at->record)))
            continue;
        why = why_gone(planner, &at->record);
        if (why == NULL) {
            plan_watch(planner); /* its instance may answer without it, and name no service then */
            continue;
        }
        record = arena_copy(planner->arena, &at->record, sizeof(at->record));
        if (record->stopping_ms == 0) {
            record->stop_code = STOP_USER_INITIATED;
            record->reason = why;
            record->failed = service_is_job(view->service);
        }
        state_stopped(planner, view, record);
        tally_end(planner, view, ends, of == NULL ? view->primary : of, record);
    }
}

static bool any_create_failed(const struct world_instance *instance)
{
    for (const struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        if (at->state == EFFORT_FAILED && text_starts(at->key, "create "))
            return true;
    }
    return false;
}

static const struct task_record *
record_unborn(struct planner *planner, const struct service_view *view, const struct deployment *of,
              const struct task_identity *identity, const char *instance, const char *failure)
{
    struct task_record *record = arena_new(planner->arena, struct task_record);

    text_copy(record->id, sizeof(record->id), identity->task);
    record->deployment = of->id;
    record->revision = of->goal->target->revision;
    record->commit = of->commit;
    record->cluster = view->cluster;
    record->service = view->service;
    record->instance = instance;
    record->slot = identity->slot;
    record->attempt = identity->attempt;
    record->stop_code = STOP_TASK_FAILED_TO_START;
    record->reason = failure;
    record->exit_code = -1;
    record->failed = true;
    state_stopped(planner, view, record);
    return record;
}

/* The task whose first container the engine does not create is never seen: of its end only the
 * failed call tells. */
static void record_uncreated(struct planner *planner, const struct service_view *view,
                             const struct deployment *of, const struct world_instance *instance,
                             struct ends *ends)
{
    const struct plan_input *input = planner->input;
    const struct task_spec *spec = of->goal->target->task;
    const char *first =
        spec->container_definitions_count > 1 ? SANDBOX_NAME : spec->container_definitions[0].name;

    /* In a pool one more, for the task that is to take another one's place. */
    uint32_t slots = view->spec->desired_count + (view->pool != NULL ? 1 : 0);

    for (uint32_t slot = 0; slot < slots; slot++) {
        struct task_identity identity;
        char name[CONTAINER_NAME_SIZE];
        const char *failure;

        next_identity(view, of, slot, view->pool == NULL ? NULL : instance->name, &identity);
        container_name(identity.task, first, name);
        failure = step_failure(planner, instance, ACTION_CONTAINER_CREATE, name);
        if (failure == NULL || world_task(input->world, identity.task) != NULL ||
            is_being_created(input, identity.task))
            continue;
        tally_end(planner, view, ends, of,
                  record_unborn(planner, view, of, &identity, instance->name, failure));
        throttle_once(planner, view, ends, of, /* ran_ms= */ 0);
    }
}

static void record_uncreated_on(struct planner *planner, const struct service_view *view,
                                const struct world_instance *instance, struct ends *ends)
{
    if (!any_create_failed(instance))
        return;
    record_uncreated(planner, view, view->primary, instance, ends);
    if (view->fallback != NULL)
        record_uncreated(planner, view, view->fallback, instance, ends);
}

static void record_all_uncreated(struct planner *planner, const struct service_view *view,
                                 struct ends *ends)
{
    if (view->spec == NULL || view->primary == NULL || service_is_job(view->service))
        return;
    if (view->pool == NULL)
        record_uncreated_on(planner, view, view->instance, ends);
    for (size_t i = 0; view->pool != NULL && i < view->pool->troubled.count; i++)
        record_uncreated_on(planner, view, view->pool->hosts[view->pool->troubled.items[i]].seen,
                            ends);
}

bool record_tasks(struct planner *planner, struct service_view *view)
{
    struct ends ends = { 0 };
    bool healthier = false;

    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];
        bool was_healthy = task->record != NULL && task->record->healthy_ms != 0;

        record_end(planner, view, task, &ends);
        record_lines(planner, view, task);
        if (record_start(planner, view, task) && task->healthy && !was_healthy && task->current)
            healthier = true;
    }
    record_vanished(planner, view, &ends);
    record_all_uncreated(planner, view, &ends);
    tally_state(planner, view, &ends, healthier);
    return unit_stated(planner);
}

void stop_task(struct planner *planner, const struct service_view *view, struct task_view *task,
               enum stop_code code, const char *reason)
{
    struct task_record *record = record_copy(planner, view, task);

    ASSERT(!task->ended);
    record->stop_code = code;
    record->reason = reason;
    record->stopping_ms = planner->input->now_ms;
    /* What an engine, or someone, made of it is no evidence against the revision. */
    record->failed = task->unhealthy && !task->drifted;
    task_fact(planner, view, record, false);
    task->ended = true;
    task->status = TASK_STOPPING;
    task->healthy = false;
}
