/*
 * What is to be planned again, after what.
 */
#include <string.h>

#include "reconciler/plan/memory_schedules.h"
#include "reconciler/run/cycle_int.h"
#include "reconciler/run/relies.h"
#include "spec/base/text.h"
#include "spec/names.h"

static void mark_balancer(struct cycle *cycle, const char *key)
{
    unit_get(cycle, DIRTY_BALANCER, key)->dirty = true;
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next)
        at->dirty |= (at->wait != NULL && at->kind == DIRTY_SERVICE &&
                      relies_on_balancer(cycle->app->desired, at->key, key)) ||
                     (at->watches && at->kind == DIRTY_SERVICE);
    cycle_schedule(cycle);
}

void cycle_mark(struct cycle *cycle, enum dirty_kind kind, const char *key)
{
    if (kind == DIRTY_BALANCER) {
        mark_balancer(cycle, key);
        return;
    }
    if (kind == DIRTY_SCHEDULE) {
        unit_get(cycle, kind, key)->dirty = true;
        cycle_schedule(cycle);
        return;
    }
    unit_get(cycle, kind == DIRTY_RELIERS ? DIRTY_INSTANCE : kind, key)->dirty = true;
    /* Images, networks and the claim belong to the instance: who waits may go on now, and when one
     * of them is gone, who does not wait may have to. */
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (kind != DIRTY_SERVICE)
            at->dirty |= at->wait != NULL || at->watches || kind == DIRTY_RELIERS;
        else
            at->dirty |= (at->wait != NULL && at->kind == DIRTY_SERVICE &&
                          relies_on_service(cycle->app->desired, at->key, key)) ||
                         (at->kind == DIRTY_INSTANCE && at->watches);
    }
    cycle_schedule(cycle);
}

void cycle_renew(struct cycle *cycle)
{
    cycle->converged = false;
    /* Whether a removal has to be confirmed depends on how many there are; what an instance has is
     * there as long as any manifest names it; what found no room may have got some (a Cluster's
     * cpuOvercommit); and what leaves an instance last may not be so any more. */
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next)
        at->dirty |= at->wait != NULL || at->watches || at->kind != DIRTY_SERVICE ||
                     desired_service(cycle->app->desired, at->key) == NULL;
    cycle_schedule(cycle);
}

void cycle_mark_all(struct cycle *cycle)
{
    const struct plan_input input = app_plan_input(cycle->app);
    AUTO(arena) scratch = { 0 };
    struct plan_unit *units;
    size_t count = plan_units(&input, &scratch, &units);

    for (size_t i = 0; i < count; i++)
        unit_get(cycle, units[i].kind, units[i].key)->dirty = true;
    cycle_schedule(cycle);
}

/* Few do: each is on its way back to be of use for services. */
static void mark_watchers(struct cycle *cycle)
{
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next)
        at->dirty |= at->kind == DIRTY_INSTANCE && at->watches;
}

/* A task of a job that had its place, and never came to it. */
static bool is_place_given_back(const struct fact *fact)
{
    return fact->kind == FACT_TASK && fact->task->claimed_ms != 0 &&
           text_is_empty(fact->task->begun) && fact->task->stopped_ms != 0;
}

/* A run of it may have ended. */
static void mark_schedule(struct cycle *cycle, const char *name)
{
    unit_get(cycle, DIRTY_SCHEDULE, arena_printf(&cycle->arena, SCHEDULE_KEY "%s", name))->dirty =
        true;
}

/* What a fact of one service may let others do: dependents go on, images are not needed any more,
 * be it that a deployment ended or that it is not the newest any more. */
void cycle_mark_affected(struct cycle *cycle, const struct fact *fact)
{
    if (fact->kind == FACT_IMAGE)
        return; /* whoever stated it is planned again anyway */
    if (fact->kind == FACT_SCHEDULE) {
        mark_schedule(cycle, fact->schedule->name);
        return;
    }
    if (fact->kind == FACT_HOST) { /* tasks leave it, others may follow it */
        for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next)
            at->dirty = true;
        return;
    }
    bool turning =
        fact->kind == FACT_FORGET || fact->kind == FACT_HOLD || fact->kind == FACT_REMOVAL ||
        fact->kind == FACT_QUARANTINE || is_place_given_back(fact) ||
        (fact->kind == FACT_DEPLOYMENT && (fact->deployment->state != ROLLOUT_IN_PROGRESS ||
                                           fact->deployment->created_ms == fact->at_ms));

    if (fact->kind != FACT_EVENT) {
        const char *key = unit_key(&cycle->arena, fact->cluster, fact->service);

        unit_get(cycle, DIRTY_SERVICE, key)->dirty = true;
        if (fact->kind == FACT_TASK && fact->task->started_by != NULL &&
            text_starts(fact->task->started_by, SCHEDULE_STARTER))
            mark_schedule(cycle, fact->task->started_by + strlen(SCHEDULE_STARTER));
        if (fact->kind == FACT_SUSPEND || fact->kind == FACT_DEPLOYMENT)
            mark_watchers(cycle);
    }
    if (!turning)
        return;
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next)
        at->dirty |= at->wait != NULL || at->kind == DIRTY_INSTANCE;
}
