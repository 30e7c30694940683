/*
 * Rollout of a DAEMON (ecs.md 1.5): each instance that is to have a task has at most one, so that
 * the old one is over before the new one is made.
 */
#include "reconciler/plan/daemon.h"
#include "spec/base/text.h"

/* ---- Counting -------------------------------------------------------------------------------- */

static enum presence presence_of(const struct task_view *task)
{
    if (is_alive(task))
        return THERE_ALIVE;
    return task->status == TASK_STOPPING && !task->given_up ? THERE_ENDING : THERE_NONE;
}

/* What of an instance's tasks is best: of the revision that is wanted and fit to stay, then
 * healthy, then any. */
static int worth(const struct task_view *task)
{
    return !is_alive(task) ? 0 : 1 + task->healthy + (is_good(task) ? 2 : 0);
}

static void count_slot(struct count *count, uint32_t slot, struct task_view *task, bool healthy)
{
    if (task == NULL)
        return;
    task->holds = true;
    if (is_good(task))
        count->holders[slot] = task;
    count->alive++;
    count->healthy += healthy;
    count->healthy_current += task->healthy && task->current;
    count->old += !task->current;
    count->good_old += is_good_old(task);
}

void daemon_hold(struct planner *planner, struct service_view *view, struct count *count)
{
    struct task_view **best = arena_array(planner->arena, struct task_view *, count->desired + 1);
    bool *healthy = arena_array(planner->arena, bool, count->desired + 1);

    for (size_t i = 0; i < view->task_count; i++) {
        struct task_view *task = &view->tasks[i];
        uint32_t slot = daemon_slot(view, task->task->instance);

        if (slot == NO_SLOT)
            continue;
        if (presence_of(task) > count->there[slot])
            count->there[slot] = presence_of(task);
        healthy[slot] |= is_alive(task) && task->healthy;
        if (worth(task) > (best[slot] == NULL ? 0 : worth(best[slot])))
            best[slot] = task;
    }
    for (uint32_t slot = 0; slot < count->desired; slot++)
        count_slot(count, slot, best[slot], healthy[slot]);
}

void daemon_hold_pending(const struct service_view *view, struct count *count,
                         const struct plan_pending *pending, bool current)
{
    uint32_t slot = daemon_slot(view, pending->instance);

    if (slot == NO_SLOT)
        return;
    count->alive++;
    count->old += !current;
    count->good_old += !current;
    count->there[slot] = THERE_ALIVE;
    if (current && count->holders[slot] == NULL)
        count->holders[slot] = &count->unseen;
}

/* ---- What comes first ------------------------------------------------------------------------ */

static const struct task_view *task_on(const struct service_view *view, const char *instance)
{
    for (size_t i = 0; i < view->task_count; i++) {
        if (is_alive(&view->tasks[i]) && text_equal(view->tasks[i].task->instance, instance))
            return &view->tasks[i];
    }
    return NULL;
}

/* A task is there that is to make room: it stays as long as the next one could not start. */
static bool fits_after(struct planner *planner, const struct service_view *view, size_t host)
{
    const struct target *target = view->primary->goal->target;
    struct placing *placing = placing_of(planner, target);
    const char *name = view->pool->hosts[host].listed->name;
    const struct task_view *task = task_on(view, name);
    enum fit fit = task == NULL ? FIT_YES : resources_fit_without(placing, host, task->task);

    if (fit == FIT_YES)
        return true;
    if (fit != FIT_STATE) /* else it does not answer, which is said of it anyway */
        pool_wait(placing, host, fit);
    return false;
}

static void prepare_slot(struct planner *planner, struct service_view *view, uint32_t slot,
                         enum presence there, struct slot_place *place)
{
    size_t index = view->daemon->hosts[slot];
    const struct host *host = &view->pool->hosts[index];

    if (there == THERE_ALIVE && fits_after(planner, view, index))
        place->instance = host->seen;
    else if (there == THERE_ENDING)
        plan_progress(planner, "the task before it on %s is being stopped", host->listed->name);
    else if (there == THERE_NONE)
        place->instance = pool_place_on(planner, view->primary->goal->target, index);
    if (place->instance == NULL && unit_waits(planner))
        place->why_not = planner->plan->waits[planner->plan->wait_count - 1].reason;
}

void daemon_prepare(struct planner *planner, struct service_view *view, const struct count *count,
                    daemon_ready_fn *is_ready, void *context)
{
    for (uint32_t slot = 0; slot < count->desired && !unit_stated(planner); slot++) {
        struct slot_place *place = &view->places[slot];
        const struct host *host = &view->pool->hosts[view->daemon->hosts[slot]];

        if (count->holders[slot] != NULL)
            continue;
        prepare_slot(planner, view, slot, count->there[slot], place);
        if (host->why_not == NULL)
            place->ready = is_ready(context, host->seen) && place->instance != NULL;
        view->may_start &= place->ready;
    }
}

/* ---- What is stopped ------------------------------------------------------------------------- */

bool daemon_may_make_room(const struct planner *planner, const struct service_view *view,
                          const struct task_view *task)
{
    uint32_t slot = daemon_slot(view, task->task->instance);
    const struct throttle throttle = memory_throttle(view->memory, view->primary->id);

    return view->is_free && slot != NO_SLOT && view->places[slot].ready &&
           throttle.retry_at_ms <= planner->input->now_ms;
}

bool daemon_owns(const struct planner *planner, const struct world_service *service)
{
    const struct desired_service *desired = desired_service(planner->input->desired, service->key);
    const struct deployment *primary =
        memory_primary(memory_service(planner->input->memory, service->key));

    if (desired != NULL)
        return is_daemon(desired->goal->target->spec);
    return primary != NULL && is_daemon(primary->goal->target->spec);
}

bool task_is_over(const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        if (!container_is_over(task->containers[i]))
            return false;
    }
    return true;
}

/* Tasks of the cluster that are no daemon's. */
static bool has_others(const struct planner *planner, const struct service_view *view,
                       const struct world_instance *instance)
{
    for (const struct world_task *at = instance->tasks; at != NULL; at = at->host_next) {
        bool is_other = at->service == NULL || (text_equal(at->service->cluster, view->cluster) &&
                                                !daemon_owns(planner, at->service));

        if (is_other && !task_is_over(at))
            return true;
    }
    return false;
}

/* NULL: it stays. */
static const char *why_leave(struct planner *planner, const struct service_view *view,
                             const struct task_view *task)
{
    const char *name = task->task->instance;
    size_t index = pool_index(view->pool, name);

    if (index < view->pool->count && !view->pool->hosts[index].drains)
        return arena_printf(planner->arena,
                            "instance %s does not meet the placement constraints of the service "
                            "any more",
                            name);
    /* What has only begun to start goes at once (ecs.md 1.7). */
    if (task->status != TASK_ACTIVATING && has_others(planner, view, task->instance))
        return NULL;
    return arena_printf(planner->arena, "instance %s is DRAINING", name);
}

/* Another one has the slot.  It may be the healthy one of the two. */
static void stop_second(struct planner *planner, struct service_view *view, struct count *count,
                        struct task_view *task)
{
    uint32_t slot = daemon_slot(view, task->task->instance);
    const struct task_view *holder = count->holders[slot];
    bool is_needed = task->healthy && holder != NULL && !holder->healthy;

    if (is_needed && !rollout_may_lose(count, task))
        return;
    count->healthy -= is_needed;
    stop_task(planner, view, task, STOP_SERVICE_SCHEDULER_INITIATED,
              arena_printf(planner->arena, "Scaling activity initiated by (deployment %s)",
                           view->primary->id));
}

void daemon_stop(struct planner *planner, struct service_view *view, struct count *count)
{
    bool failed = view->primary->state == ROLLOUT_FAILED;

    for (size_t i = 0; i < view->task_count; i++) {
        struct task_view *task = &view->tasks[i];
        const char *why;

        if (!is_alive(task) || task->unknown)
            continue;
        if (task->leaving) {
            why = why_leave(planner, view, task);
            if (why != NULL)
                stop_task(planner, view, task, STOP_SERVICE_SCHEDULER_INITIATED, why);
        } else if (!task->holds) {
            stop_second(planner, view, count, task);
        } else if (task->current && task->unhealthy &&
                   (failed || daemon_may_make_room(planner, view, task))) {
            rollout_stop_task(planner, view, count, task, task->reason);
        }
    }
}
