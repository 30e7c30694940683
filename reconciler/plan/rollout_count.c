/*
 * How many tasks of a service there are, and which of them hold its slots.
 */
#include "reconciler/plan/daemon.h"
#include "reconciler/plan/rebalance.h"
#include "spec/base/text.h"

uint32_t lower_bound(const struct service_spec *spec)
{
    uint64_t percent = spec->deployment_configuration->minimum_healthy_percent;

    return (uint32_t)((spec->desired_count * percent + 99) / 100);
}

uint32_t upper_bound(const struct service_spec *spec)
{
    uint64_t percent = spec->deployment_configuration->maximum_percent;

    return (uint32_t)(spec->desired_count * percent / 100);
}

bool is_good(const struct task_view *task)
{
    return is_alive(task) && task->current && !task->unhealthy && !task->leaving;
}

bool is_good_old(const struct task_view *task)
{
    return is_alive(task) && !task->current && !task->unhealthy;
}

/* Of two tasks in one slot the healthy one holds it, else the older attempt. */
static void hold_slot(struct count *count, struct task_view *task)
{
    struct task_view **holder;

    if (!is_good(task) || task->task->slot >= count->desired)
        return;
    holder = &count->holders[task->task->slot];
    if (*holder == NULL || (task->healthy && !(*holder)->healthy))
        *holder = task;
}

static void want_pending(struct planner *planner, const struct service_view *view,
                         const struct plan_pending *pending)
{
    const struct deployment *made = memory_revision(view->memory, pending->target->revision);
    struct wanted_task task = { .target = pending->target,
                                .instance = pending->instance,
                                .status = TASK_ACTIVATING,
                                .reason = "its first container is being created" };

    if (planner->wanted == NULL || made == NULL || pending->slot > view->spec->desired_count)
        return;
    next_identity(view, made, pending->slot, NULL, &task.identity);
    text_copy(task.identity.task, sizeof(task.identity.task), pending->task);
    plan_wanted(planner, &task);
}

/* Its instance is left meanwhile. */
static bool is_going(const struct service_view *view, const struct plan_pending *pending)
{
    size_t host = view->pool == NULL ? 0 : pool_index(view->pool, pending->instance);

    return view->pool != NULL && (host == view->pool->count || view->pool->hosts[host].drains);
}

/* Tasks that are being created: they count as PENDING, and those of the current revision hold their
 * slot, so that nothing is started twice or beside the bounds. */
static void count_pending(struct planner *planner, const struct service_view *view,
                          struct count *count)
{
    const struct plan_input *input = planner->input;
    const char *revision = view->primary->goal->target->revision;
    const struct plan_pending *const *all;
    size_t all_count = pending_of(planner, planner->unit, &all);

    for (size_t i = 0; i < all_count; i++) {
        const struct plan_pending *pending = all[i];
        bool current = text_equal(pending->target->revision, revision);

        if (world_task(input->world, pending->task) != NULL)
            continue;
        want_pending(planner, view, pending);
        if (view->daemon != NULL) {
            daemon_hold_pending(view, count, pending, current);
            continue;
        }
        count->alive++;
        count->old += !current;
        count->good_old += !current;
        count->going += is_going(view, pending);
        if (pending->slot >= count->desired) {
            count->coming += current && view->pool != NULL && !is_going(view, pending);
            continue;
        }
        if (!current)
            count->coming_old[pending->slot] = true;
        else if (count->holders[pending->slot] == NULL)
            count->holders[pending->slot] = &count->unseen;
    }
}

/* ---- Slots of a pool ------------------------------------------------------------------------ */

/* Of the tasks of one slot the one that may hold it: the healthy one, else the older attempt. */
static struct task_view *best_of_slot(const struct service_view *view, size_t *at)
{
    uint32_t slot = view->tasks[*at].task->slot;
    struct task_view *best = NULL;

    for (; *at < view->task_count && view->tasks[*at].task->slot == slot; (*at)++) {
        struct task_view *task = &view->tasks[*at];

        if (is_good(task) && (best == NULL || (task->healthy && !best->healthy)))
            best = task;
    }
    return best;
}

/* Which of two is stopped first (ecs.md 1.5 and 1.6): what is not healthy, then what a volume keeps
 * on an instance that is not listed any more, then by the strategies, then the higher slot, which
 * comes later. */
static bool goes_before(const struct placing *placing, const struct task_view *a,
                        const struct task_view *b)
{
    size_t host_a = pool_index(placing->pool, a->task->instance);
    size_t host_b = pool_index(placing->pool, b->task->instance);

    if (a->healthy != b->healthy)
        return !a->healthy;
    if (host_a == placing->pool->count || host_b == placing->pool->count)
        return host_a == placing->pool->count;
    return strategies_compare_leaving(placing, host_a, host_b) <= 0;
}

static struct task_view *take_out(struct task_view **held, size_t *held_count, size_t at)
{
    struct task_view *task = held[at];

    (*held_count)--;
    for (size_t i = at; i < *held_count; i++)
        held[i] = held[i + 1];
    return task;
}

/* Takes out the one that goes first. */
static struct task_view *take_surplus(const struct placing *placing, struct task_view **held,
                                      size_t *held_count)
{
    size_t at = 0;

    for (size_t i = 1; i < *held_count; i++) {
        if (goes_before(placing, held[i], held[at]))
            at = i;
    }
    return take_out(held, held_count, at);
}

/* In a pool it matters which tasks stay, and not which slots they have. */
static void hold_slots(struct planner *planner, struct service_view *view, struct count *count)
{
    struct placing *placing = placing_of(planner, view->primary->goal->target);
    struct task_view **held =
        arena_array(planner->scratch, struct task_view *, view->task_count + 1);
    struct task_view **gone =
        arena_array(planner->scratch, struct task_view *, view->task_count + 1);
    size_t held_count = 0;
    size_t gone_count = 0;
    size_t moving;

    for (size_t i = 0; i < view->task_count;) {
        struct task_view *best = best_of_slot(view, &i);

        if (best != NULL)
            held[held_count++] = best;
    }
    moving = rebalance_moving(view, placing, held, held_count);
    if (moving < held_count) {
        count->moving = take_out(held, &held_count, moving);
        count->moving->holds = true;
    }
    while (held_count > count->desired) {
        struct task_view *task = take_surplus(placing, held, &held_count);

        if (pool_index(placing->pool, task->task->instance) == placing->pool->count)
            continue; /* it was not counted */
        gone[gone_count++] = task;
        strategies_uncount(placing, pool_index(placing->pool, task->task->instance));
    }
    for (size_t i = 0; i < gone_count; i++) /* they are there until they are stopped */
        strategies_count(placing, pool_index(placing->pool, gone[i]->task->instance));
    for (size_t i = 0; i < held_count; i++) {
        if (held[i]->task->slot < count->desired)
            count->holders[held[i]->task->slot] = held[i];
    }
    count->strays = held;
    count->stray_count = held_count;
}

/* Those that stay and whose slot is not wanted any more hold what is free, then those that are
 * being created, be it to take the place of one that is gone since. */
static void hold_free_slots(struct count *count)
{
    uint32_t slot = 0;
    uint32_t at;

    for (size_t i = 0; i < count->stray_count; i++) {
        struct task_view *task = count->strays[i];

        task->holds = true;
        if (task->task->slot < count->desired)
            continue;
        while (slot < count->desired && count->holders[slot] != NULL)
            slot++;
        at = slot;
        if (at == count->desired) /* what is only being created gives way */
            for (at = 0; at < count->desired && count->holders[at] != &count->unseen;)
                at++;
        if (at < count->desired)
            count->holders[at] = task;
    }
    for (slot = 0; slot < count->desired && count->coming > 0; slot++) {
        if (count->holders[slot] != NULL)
            continue;
        count->holders[slot] = &count->unseen;
        count->coming--;
    }
}

bool is_apart(const struct service_view *view, const struct task_view *task)
{
    return view->daemon != NULL && task->leaving;
}

void count_tasks(struct planner *planner, struct service_view *view, struct count *count)
{
    count->desired = view->spec->desired_count;
    count->lower = lower_bound(view->spec);
    count->upper = upper_bound(view->spec);
    count->holders = arena_array(planner->scratch, struct task_view *, count->desired + 1);
    count->coming_old = arena_array(planner->scratch, bool, count->desired + 1);
    count->there = arena_array(planner->scratch, enum presence, count->desired + 1);
    for (size_t i = 0; i < view->task_count; i++) {
        struct task_view *task = &view->tasks[i];

        task->holds = false;
        if (view->pool == NULL)
            hold_slot(count, task);
        if (!is_alive(task) || view->daemon != NULL)
            continue;
        count->alive++;
        count->healthy += task->healthy;
        count->healthy_current += task->healthy && task->current;
        count->old += !task->current;
        count->good_old += is_good_old(task);
    }
    if (view->daemon != NULL)
        daemon_hold(planner, view, count);
    else if (view->pool != NULL)
        hold_slots(planner, view, count);
    count_pending(planner, view, count);
    if (view->pool != NULL && view->daemon == NULL)
        hold_free_slots(count);
    for (uint32_t slot = 0; slot < count->desired; slot++)
        count->missing += count->holders[slot] == NULL;
}
