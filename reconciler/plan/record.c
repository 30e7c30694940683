/*
 * Record: what happened to tasks becomes facts, each once: it runs, it got healthy, it is to stop,
 * it has stopped. Counting failures from these records survives restarts and repeated observations.
 */
#include <stdarg.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

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
    text_copy(record->deployment, sizeof(record->deployment), task->task->deployment);
    text_copy(record->revision, sizeof(record->revision), task->task->revision);
    text_copy(record->commit, sizeof(record->commit), task->task->commit);
    record->cluster = view->cluster;
    record->service = view->service;
    record->instance = task->task->instance;
    record->slot = task->task->slot;
    record->attempt = task->task->attempt;
    record->exit_code = -1;
    return record;
}

static void task_fact(struct planner *planner, const struct service_view *view,
                      const struct task_record *record, bool durable)
{
    struct fact *fact = plan_fact(planner, FACT_TASK, view->cluster, view->service);

    fact->task = record;
    fact->durable = durable;
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
        record->started_ms = task->started_ms;
        service_event(planner, view, "(service %s) has started 1 tasks: (task %s).", view->service,
                      task->task->id);
    }
    if (task->healthy && !healthy) {
        record->healthy_ms = planner->input->now_ms;
        throttle_end(planner, view);
    }
    task_fact(planner, view, record, false);
    return true;
}

/* The count of failures returns to 0 when a task gets healthy (ecs.md 1.5, resetOnHealthyTask). */
static void reset_failures(struct planner *planner, const struct service_view *view)
{
    struct deployment *changed;

    if (view->primary == NULL || view->primary->failed_tasks == 0 ||
        view->primary->state != ROLLOUT_IN_PROGRESS ||
        !view->spec->deployment_configuration->deployment_circuit_breaker->reset_on_healthy_task)
        return;
    changed = deployment_copy(planner, view->primary);
    changed->failed_tasks = 0;
    deployment_fact(planner, view, changed);
}

/* A deployment also remembers the highest attempt of its tasks, so that ids never come back. */
static void count_end(struct planner *planner, const struct service_view *view,
                      const struct task_view *task, bool failed)
{
    const struct deployment *of =
        task->current && view->primary != NULL ? view->primary : task->deployment;
    struct deployment *changed;

    if (of == NULL)
        return;
    changed = deployment_copy(planner, of);
    if (task->task->attempt > changed->attempt_max)
        changed->attempt_max = task->task->attempt;
    if (failed)
        changed->failed_tasks++;
    deployment_fact(planner, view, changed);
    if (failed)
        throttle(planner, view, task);
}

static bool record_end(struct planner *planner, const struct service_view *view,
                       const struct task_view *task)
{
    struct task_record *record;

    if (!task->ended || (task->record != NULL && task->record->stopped_ms != 0))
        return false;
    if (task->status == TASK_STOPPED) {
        record = record_copy(planner, view, task);
        if (record->stopping_ms == 0) {
            record->stop_code = task->stop_code;
            record->reason = task->reason;
            record->exit_code = task->exit_code;
            record->failed = true;
        }
        record->stopped_ms = planner->input->now_ms;
        task_fact(planner, view, record, true);
        service_event(planner, view, "(service %s) has stopped 1 running tasks: (task %s). %s",
                      view->service, task->task->id, record->reason);
        count_end(planner, view, task, record->failed);
        return true;
    }
    if (task->record != NULL && task->record->stopping_ms != 0)
        return false;
    record = record_copy(planner, view, task);
    record->stop_code = task->stop_code;
    record->reason = task->reason;
    record->exit_code = task->exit_code;
    record->failed = true;
    record->stopping_ms = planner->input->now_ms;
    task_fact(planner, view, record, false);
    return true;
}

bool record_tasks(struct planner *planner, struct service_view *view)
{
    bool healthier = false;

    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];
        size_t facts = planner->plan->fact_count;
        bool was_healthy = task->record != NULL && task->record->healthy_ms != 0;

        if (record_end(planner, view, task) && planner->plan->fact_count > facts + 1)
            return true; /* it changed the deployment's record: the next one builds on that */
        if (record_start(planner, view, task) && task->healthy && !was_healthy && task->current)
            healthier = true;
    }
    if (healthier)
        reset_failures(planner, view);
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
    record->failed = task->unhealthy;
    task_fact(planner, view, record, false);
    task->ended = true;
    task->status = TASK_STOPPING;
    task->healthy = false;
}
