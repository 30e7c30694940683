/*
 * Rebalance (ecs.md 1.5, availabilityZoneRebalancing): an instance that joined, or is back, gets
 * its share of what runs.
 *
 *   1. Only what is spread first, whose tasks keep nothing on their host, and of which one more may
 *      run than is declared; a DAEMON never.
 *   2. Only while the service is at rest: the deployment of what is declared is COMPLETED, as many
 *      tasks as are declared are healthy, nothing else of it is there, and no instance is away for
 *      which it waits.
 *   3. A task is started where there are at least two fewer than where another one is, by the first
 *      spread that tells the two apart: so every move makes it more even, and there is an end.
 *   4. Once it is healthy, the rollout stops one too many, from where there are most. Until then it
 *      is not that one.
 *   5. One at a time. Not to an instance that has not answered for as long as the cluster waits for
 *      a lost one, nor to one where a task of the revision failed a short while ago.
 */
#include "reconciler/plan/rebalance.h"

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/subset.h"
#include "spec/base/text.h"

#define FAILED_MS (15 * 60 * 1000)

static bool is_movable(const struct service_view *view)
{
    const struct service_spec *spec = view->spec;
    const struct placement_strategy *first = spec == NULL ? NULL : spec->placement_strategy;

    return spec != NULL && view->pool != NULL && view->daemon == NULL &&
           spec->availability_zone_rebalancing == AVAILABILITY_ZONE_REBALANCING_ENABLED &&
           (spec->placement_strategy_count == 0 || first->type == PLACEMENT_STRATEGY_TYPE_SPREAD) &&
           upper_bound(spec) > spec->desired_count && view->primary != NULL &&
           view->primary->state == ROLLOUT_COMPLETED &&
           text_equal(view->primary->goal->target->revision,
                      view->desired->goal->target->revision) &&
           !has_named_volumes(view->primary->goal->target);
}

/* ---- What is uneven -------------------------------------------------------------------------- */

/* Would it be more even if a task moved? */
static bool gains(const struct placing *placing, size_t from, size_t to)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        const struct spread *spread = &placing->spreads[i];

        if (spread->strategy->type != PLACEMENT_STRATEGY_TYPE_SPREAD)
            return false;
        if (!spread_is_same(spread, from, to))
            return spread_tasks(spread, from) >= spread_tasks(spread, to) + 2;
    }
    return false;
}

/* The instance from which it gains most; placing->pool->count: none. */
static size_t fullest(const struct placing *placing, size_t to)
{
    size_t count = placing->pool->count;
    size_t best = count;

    for (size_t from = 0; from < count; from++) {
        if (sparse_get(&placing->present, from) > 0 && gains(placing, from, to) &&
            (best == count || strategies_compare_leaving(placing, from, best) < 0))
            best = from;
    }
    return best;
}

static bool is_open(const struct placing *placing, size_t host)
{
    return !placing->pool->hosts[host].drains;
}

/* The fewest that a group has with an instance that is not to be left. */
static uint32_t least_of(const struct spread *spread)
{
    const struct sparse *tasks = &spread->tasks;
    uint32_t least = UINT32_MAX;
    const uint32_t *count;
    size_t open = 0;
    size_t group;

    for (size_t at = 0; (count = sparse_next(tasks, &at, &group)) != NULL;) {
        if (!group_is_open(spread->grouping, group))
            continue;
        open++;
        least = *count < least ? *count : least;
    }
    return open < spread->grouping->open_groups ? 0 : least;
}

/* The most that a group has where one is. */
static uint32_t most_of(const struct placing *placing, const struct spread *spread)
{
    uint32_t most = 0;
    const uint32_t *count;
    size_t host;

    for (size_t at = 0; (count = sparse_next(&placing->present, &at, &host)) != NULL;) {
        uint32_t tasks = spread_tasks(spread, host);

        most = *count > 0 && tasks > most ? tasks : most;
    }
    return most;
}

/* Mostly it is even, which is found out with one look at each of its tasks. */
static bool is_uneven(const struct placing *placing)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        const struct spread *spread = &placing->spreads[i];
        uint32_t most;

        if (spread->strategy->type != PLACEMENT_STRATEGY_TYPE_SPREAD)
            return false;
        most = most_of(placing, spread);
        if (most > 1 && most - 2 >= least_of(spread))
            return true;
    }
    return false;
}

/* ---- Where to -------------------------------------------------------------------------------- */

/* It has answered for as long as the cluster waits for a lost one. */
static bool is_settled(struct planner *planner, const struct service_view *view,
                       const struct world_instance *instance)
{
    int64_t at_ms =
        instance->connected_ms + (int64_t)view->pool->spec->instance_lost_timeout * 1000;

    if (planner->input->now_ms >= at_ms)
        return true;
    plan_wake(planner, at_ms);
    plan_progress(planner, "tasks of it move to instance %s when that has answered for %u s",
                  instance->name, view->pool->spec->instance_lost_timeout);
    return false;
}

static bool has_failed(struct planner *planner, const struct service_view *view, const char *name)
{
    const char *revision = view->primary->goal->target->revision;

    for (const struct memory_task *at = view->memory->tasks; at != NULL; at = at->next) {
        int64_t end_ms = at->record.stopped_ms + FAILED_MS;

        if (!at->record.failed || at->record.stopped_ms == 0 || planner->input->now_ms >= end_ms ||
            !text_equal(at->record.instance, name) || !text_equal(at->record.revision, revision))
            continue;
        plan_wake(planner, end_ms);
        return true;
    }
    return false;
}

/* placing->pool->count: nowhere. */
static size_t find_target(struct planner *planner, const struct service_view *view,
                          const struct placing *placing, const char *name)
{
    size_t count = placing->pool->count;
    size_t best = count;

    daemons_keep_room(planner);
    for (size_t to = 0; to < count; to++) {
        const struct world_instance *seen = placing->pool->hosts[to].seen;

        if (!is_open(placing, to) || fullest(placing, to) == count)
            continue;
        if (resources_fit(placing, to) == FIT_YES && !has_failed(planner, view, seen->name) &&
            is_settled(planner, view, seen) &&
            (best == count || strategies_compare(placing, to, best, name) < 0))
            best = to;
    }
    return best;
}

/* ---- When ------------------------------------------------------------------------------------ */

static bool is_at_rest(struct planner *planner, const struct service_view *view,
                       const struct count *count)
{
    const struct throttle throttle = memory_throttle(view->memory, view->primary->id);

    if (count->alive != count->desired || count->healthy_current != count->desired ||
        count->missing > 0)
        return false;
    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (!task->given_up && (!is_alive(task) || !task->healthy || task->leaving))
            return false;
    }
    for (size_t i = 0; i < view->pool->count; i++) {
        const struct world_instance *seen = view->pool->hosts[i].seen;

        if (is_open(placing_of(planner, view->primary->goal->target), i) && seen != NULL &&
            seen->lost_ms != 0 && !instance_is_given_up(planner, view->cluster, seen))
            return false;
    }
    if (throttle.retry_at_ms <= planner->input->now_ms)
        return true;
    plan_wake(planner, throttle.retry_at_ms);
    return false;
}

static bool is_used(const struct service_view *view, uint32_t slot)
{
    for (size_t i = 0; i < view->task_count; i++) {
        if (!view->tasks[i].given_up && view->tasks[i].task->slot == slot)
            return true;
    }
    return false;
}

/* There is one more slot than there are tasks. */
static uint32_t free_slot(const struct service_view *view)
{
    uint32_t slot = 0;

    while (is_used(view, slot))
        slot++;
    ASSERT(slot <= view->spec->desired_count);
    return slot;
}

static const char *words(struct planner *planner, const struct placing *placing, size_t from,
                         size_t to, uint32_t there)
{
    return arena_printf(planner->arena,
                        "Rebalancing: container-instance %s has %u tasks of the service, %s has "
                        "%u.",
                        placing->pool->hosts[from].listed->name,
                        sparse_get(&placing->present, from), placing->pool->hosts[to].listed->name,
                        there);
}

/* As if that task were not there: the instance from which it would gain most.  One that leaves its
 * instance is not counted there. */
static size_t fullest_without(struct placing *placing, const struct task_view *task)
{
    size_t to = pool_index(placing->pool, task->task->instance);
    size_t from;

    if (to == placing->pool->count || task->leaving)
        return placing->pool->count;
    strategies_uncount(placing, to);
    from = fullest(placing, to);
    strategies_count(placing, to);
    return from;
}

/* Before it came; NULL: it makes nothing more even. */
static const char *arrival_words(struct planner *planner, const struct service_view *view,
                                 const struct task_view *task)
{
    struct placing *placing = placing_of(planner, view->primary->goal->target);
    size_t to = pool_index(placing->pool, task->task->instance);
    size_t from = fullest_without(placing, task);

    return from == placing->pool->count
               ? NULL
               : words(planner, placing, from, to, sparse_get(&placing->present, to) - 1);
}

const struct world_instance *rebalance_target(struct planner *planner, struct service_view *view,
                                              const struct count *count)
{
    struct placing *placing;
    size_t to;

    if (!is_movable(view) || count->moving != NULL)
        return NULL;
    placing = placing_of(planner, view->primary->goal->target);
    if (!is_uneven(placing))
        return NULL;
    plan_watch(planner); /* what hinders it now may be over with the next word of an instance */
    if (!is_at_rest(planner, view, count))
        return NULL;
    to = find_target(planner, view, placing, slot_name(planner, view->primary, free_slot(view)));
    return to == placing->pool->count ? NULL : placing->pool->hosts[to].seen;
}

/* A task comes to the place that was found for it. */
static void start(struct planner *planner, struct service_view *view,
                  const struct slot_place *place)
{
    const struct target *target = view->primary->goal->target;
    struct placing *placing = placing_of(planner, target);
    size_t to = pool_index(placing->pool, place->instance->name);
    size_t actions = planner->plan->action_count;
    const char *why =
        words(planner, placing, fullest(placing, to), to, sparse_get(&placing->present, to));

    plan_progress(planner, "%s", why);
    if (!place->ready)
        return;
    rollout_start_task(planner, view, view->primary, free_slot(view),
                       pool_place_on(planner, target, to));
    if (planner->plan->action_count > actions)
        planner->plan->actions[actions].cause = why;
}

void rebalance(struct planner *planner, struct service_view *view, const struct count *count)
{
    const struct slot_place *place =
        view->pool == NULL || view->places == NULL ? NULL : &view->places[count->desired];

    if (count->moving != NULL)
        plan_progress(planner, "%s", arrival_words(planner, view, count->moving));
    else if (place != NULL && place->instance != NULL && is_movable(view))
        start(planner, view, place);
}

/* ---- While it goes on ------------------------------------------------------------------------ */

size_t rebalance_moving(const struct service_view *view, struct placing *placing,
                        struct task_view *const *held, size_t held_count)
{
    size_t moving = held_count;

    if (!is_movable(view) || held_count != view->spec->desired_count + 1)
        return held_count;
    for (size_t i = 0; i < held_count; i++) {
        if (held[i]->healthy)
            continue;
        if (moving < held_count)
            return held_count;
        moving = i;
    }
    if (moving < held_count && fullest_without(placing, held[moving]) < placing->pool->count)
        return moving;
    return held_count;
}

/* One that came after the deployment was over, or changed: else it is none of ours. */
static bool came_later(const struct service_view *view, const struct task_view *task)
{
    return is_alive(task) && task->current && !task->unknown &&
           task->started_ms > view->primary->updated_ms;
}

const char *rebalance_started(struct planner *planner, const struct service_view *view,
                              const struct task_view *task)
{
    return is_movable(view) && came_later(view, task) ? arrival_words(planner, view, task) : NULL;
}

/* As if that task had not come: it gains from there. */
static bool gains_without(struct placing *placing, size_t from, const struct task_view *task)
{
    size_t to = pool_index(placing->pool, task->task->instance);
    bool does;

    if (from == placing->pool->count || to == placing->pool->count || task->leaving)
        return false;
    strategies_uncount(placing, to);
    does = gains(placing, from, to);
    strategies_count(placing, to);
    return does;
}

const char *rebalance_stopped(struct planner *planner, const struct service_view *view,
                              const struct task_view *task)
{
    for (size_t i = 0; is_movable(view) && i < view->task_count; i++) {
        struct placing *placing = placing_of(planner, view->primary->goal->target);
        size_t from = pool_index(placing->pool, task->task->instance);
        const struct task_view *other = &view->tasks[i];
        size_t to = pool_index(placing->pool, other->task->instance);

        if (other != task && other->healthy && came_later(view, other) &&
            gains_without(placing, from, other))
            return words(planner, placing, from, to, sparse_get(&placing->present, to));
    }
    return NULL;
}
