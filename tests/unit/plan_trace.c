/*
 * One line for each thing that a plan says, in its order. Ids are cut to what people are shown.
 */
#include "tests/unit/plan_trace.h"

#include "reconciler/plan/memory_schedules.h"
#include "spec/base/text.h"

static void trace_deployment(const struct deployment *deployment, struct buf *out)
{
    size_t count = deployment->goal->target->task->container_definitions_count;
    size_t pinned = 0;

    for (size_t i = 0; i < count; i++)
        pinned += deployment->pins[i].image_id != NULL;
    buf_printf(out, "deployment %.12s of %s is %s%s%s, %zu of %zu images pinned, %u tasks failed",
               deployment->id, deployment->commit, rollout_state_text(deployment->state),
               deployment->rollback ? ", a rollback" : "", deployment->proven ? ", proven" : "",
               pinned, count, deployment->failed_tasks);
}

static void trace_task(const struct task_record *task, struct buf *out)
{
    buf_printf(out, "task %.12s, slot %u, attempt %u:", task->id, task->slot, task->attempt);
    if (task->stopped_ms != 0)
        buf_printf(out, " stopped%s, %s: %s", task->failed ? ", failed" : "",
                   stop_code_text(task->stop_code), task->reason);
    else if (task->stopping_ms != 0)
        buf_printf(out, " to stop: %s", task->reason);
    else
        buf_printf(out, " %s", task->healthy_ms != 0 ? "healthy" : "started");
}

static void trace_fact(const struct fact *fact, struct buf *out)
{
    const char *text = text_is_empty(fact->text) ? "none" : fact->text;

    buf_printf(out, "    %s  ", fact->durable ? "FACT" : "fact");
    if (fact->kind == FACT_EVENT && fact->service == NULL)
        buf_printf(out, "%s: ", fact->cluster);
    else if (fact->cluster != NULL)
        buf_printf(out, "%s/%s: ", fact->cluster, fact->service);
    switch (fact->kind) {
    case FACT_DEPLOYMENT: trace_deployment(fact->deployment, out); break;
    case FACT_TASK: trace_task(fact->task, out); break;
    case FACT_QUARANTINE: buf_printf(out, "quarantined revision %.12s", text); break;
    case FACT_HOLD: buf_printf(out, "held: %s", text); break;
    case FACT_REMOVAL: buf_printf(out, "removed by %s", text); break;
    case FACT_SUSPEND: buf_printf(out, "suspended: %s", text); break;
    case FACT_FREEZE: buf_printf(out, "frozen: %s", text); break;
    case FACT_THROTTLE:
        buf_printf(out, "failed to start %u times", fact->throttle.start_failures);
        break;
    case FACT_EVENT: buf_printf(out, "event: %s", text); break;
    case FACT_IMAGE:
        buf_printf(out, "%.19s of image %s was brought as %s", fact->image->image_id,
                   fact->image->name == NULL ? "none" : fact->image->name,
                   text_is_empty(fact->image->references) ? "nothing" : fact->image->references);
        break;
    case FACT_HOST: buf_printf(out, "instance %s: %s", fact->host->instance, text); break;
    case FACT_SCHEDULE:
        buf_printf(out, "schedule %s: %s, try %u", fact->schedule->name,
                   fact->schedule->timing == NULL ? "forgotten"
                                                  : schedule_result_text(fact->schedule->result),
                   fact->schedule->tries);
        break;
    case FACT_SCALE:
        buf_printf(out, "scaled: %s", fact->scaling->set ? "" : "no more");
        if (fact->scaling->set)
            buf_printf(out, "%u, was %u", fact->scaling->desired, fact->scaling->from);
        if (fact->words != NULL)
            buf_printf(out, ", as %s", fact->words->cause);
        break;
    case FACT_LINES:
        buf_printf(out, "%s of task %.12s wrote: %s", fact->lines->container, fact->lines->task,
                   fact->lines->text);
        return;
    case FACT_FORGET: buf_text_add(out, "forgotten"); break;
    case FACT_KIND_COUNT: break;
    }
    buf_char(out, '\n');
}

void plan_trace(const struct plan *plan, int64_t at_ms, struct buf *out)
{
    if (plan->fact_count + plan->action_count + plan->wait_count == 0)
        return;
    buf_printf(out, "%lld.%03lld s\n", (long long)(at_ms / 1000), (long long)(at_ms % 1000));
    for (size_t i = 0; i < plan->fact_count; i++)
        trace_fact(&plan->facts[i], out);
    /* Of a plan that states facts the rest is incomplete, and nobody acts by it. */
    for (size_t i = 0; plan->fact_count == 0 && i < plan->action_count; i++)
        buf_printf(out, "    %s     %s %s: %s\n", action_kind_mark(plan->actions[i].kind),
                   action_kind_text(plan->actions[i].kind), plan->actions[i].object,
                   plan->actions[i].cause);
    for (size_t i = 0; plan->fact_count == 0 && i < plan->wait_count; i++)
        buf_printf(out, "    wait  %s: %s\n", plan->waits[i].unit, plan->waits[i].reason);
}
