/*
 * Rollout: how many tasks of which revision (ecs.md 1.5, "Rolling update"). The numbered steps are
 * the whole policy:
 *
 *   1. Each slot 0 .. desiredCount-1 wants one good task of the current revision.
 *   2. When a fault took the healthy ones below the lower bound, the last revision that proved
 *      itself fills up.
 *   3. Missing ones are started while the upper bound leaves room.
 *   4. An old task is stopped against a healthy new one, or first where the upper bound leaves no
 *      room, or no instance has any without (rollout_way.c).
 *   5. Unhealthy tasks are replaced, then stopped, or first likewise; surplus ones are stopped.
 *   6. No stop takes the healthy ones below the lower bound.
 *   7. When every slot has a healthy task and nothing old is left, the deployment is COMPLETED.
 *   8. In a pool a task on an instance that is left (DRAINING) is replaced like one that is not
 *      healthy, and counts as healthy as long as it is.
 */
#include "reconciler/plan/daemon.h"
#include "reconciler/plan/rebalance.h"
#include "spec/base/text.h"

/* NULL: it is not known before it has a place. */
static const char *slot_instance(const struct service_view *view, uint32_t slot)
{
    return view->daemon == NULL ? NULL : view->pool->hosts[view->daemon->hosts[slot]].listed->name;
}

/* A task that is started now counts as it will when its create is seen to be in flight. */
static void count_started(struct count *count, uint32_t slot, bool current)
{
    count->alive++;
    if (current) {
        count->holders[slot] = &count->unseen;
        count->missing--;
    } else {
        count->coming_old[slot] = true;
        count->old++;
        count->good_old++;
    }
}

static const char *last_wait(const struct planner *planner)
{
    ASSERT(unit_waits(planner));
    return planner->plan->waits[planner->plan->wait_count - 1].reason;
}

void rollout_start_task(struct planner *planner, const struct service_view *view,
                        const struct deployment *deployment, uint32_t slot,
                        const struct world_instance *instance)
{
    size_t actions = planner->plan->action_count;
    struct wanted_task task = { .target = deployment->goal->target, .status = TASK_PENDING };

    next_identity(view, deployment, slot,
                  view->pool == NULL || instance == NULL ? NULL : instance->name, &task.identity);
    if (instance != NULL) {
        task.instance = instance->name;
        task_advance(planner, deployment, &task.identity, instance, NULL);
    }
    task.reason =
        planner->plan->action_count > actions ? "it is about to be created" : last_wait(planner);
    plan_wanted(planner, &task);
}

static bool throttled(struct planner *planner, const struct service_view *view,
                      const struct deployment *of)
{
    const struct throttle throttle = memory_throttle(view->memory, of->id);

    if (throttle.retry_at_ms <= planner->input->now_ms)
        return false;
    plan_wake(planner, throttle.retry_at_ms);
    plan_wait(planner, "tasks%s keep failing to start (%u times): the next try is in %lld s",
              of == view->primary ? "" : " of the former revision", throttle.start_failures,
              (long long)((throttle.retry_at_ms - planner->input->now_ms + 999) / 1000));
    return true;
}

/* Where a task of the former revision goes; NULL: nowhere yet. */
static const struct world_instance *place_old(struct planner *planner,
                                              const struct service_view *view, uint32_t slot)
{
    const struct target *target = view->fallback->goal->target;
    const struct world_instance *instance =
        view->daemon != NULL
            ? pool_place_on(planner, target, view->daemon->hosts[slot])
            : place_task(planner, target, slot_name(planner, view->fallback, slot));

    if (view->pool == NULL || instance == NULL ||
        host_ready(planner, view->fallback, instance, /* starting= */ true))
        return instance;
    if (!unit_stated(planner) && !unit_waits(planner))
        plan_progress(planner, "instance %s is being prepared", instance->name);
    return NULL;
}

/* Step 2. */
static void restore_old(struct planner *planner, struct service_view *view, struct count *count)
{
    uint32_t slot = 0;
    bool ready;

    if (view->fallback == NULL || view->primary->state == ROLLOUT_COMPLETED ||
        count->good_old + count->healthy_current >= count->lower)
        return;
    /* Asked for during a pause too: a pull that nobody waits for would be cancelled. */
    ready = view->pool != NULL ||
            images_ready(planner, view->fallback, view->instance, /* starting= */ true);
    if (throttled(planner, view, view->fallback) || !ready)
        return;
    /* Likewise while those that keep failing take the room. */
    if (view->pool != NULL && view->daemon == NULL && count->alive >= count->upper)
        (void)place_old(planner, view, slot);
    while (count->good_old + count->healthy_current < count->lower && count->alive < count->upper &&
           slot < count->desired) {
        bool taken = count->coming_old[slot] || count->there[slot] != THERE_NONE;

        for (size_t i = 0; view->daemon == NULL && i < view->task_count; i++)
            taken |= is_alive(&view->tasks[i]) && !view->tasks[i].current &&
                     view->tasks[i].task->slot == slot;
        if (!taken) {
            const struct world_instance *instance = place_old(planner, view, slot);

            if (unit_stated(planner))
                return;
            rollout_start_task(planner, view, view->fallback, slot, instance);
            if (instance == NULL && view->daemon == NULL)
                return;
            if (instance != NULL)
                count_started(count, slot, /* current= */ false);
        }
        slot++;
    }
}

/* Those that step 3 would start, if something else did not have to come first. */
static void list_waiting(struct planner *planner, const struct service_view *view,
                         const struct count *count)
{
    uint32_t room = count->upper > count->alive ? count->upper - count->alive : 0;

    ASSERT(unit_waits(planner));
    for (uint32_t slot = 0; planner->wanted != NULL && slot < count->desired && room > 0; slot++) {
        struct wanted_task task = { .target = view->primary->goal->target };

        if (count->holders[slot] != NULL)
            continue;
        room--;
        next_identity(view, view->primary, slot, slot_instance(view, slot), &task.identity);
        task.instance = slot_instance(view, slot);
        task.status = view->is_free ? TASK_ACTIVATING : TASK_PENDING;
        task.reason = planner->plan->waits[planner->unit_waits].reason;
        plan_wanted(planner, &task);
    }
}

/* Where one finds no place, the next one finds none: they have the same needs. They are many where
 * somebody asks for far more than there is room for, and are told of once. */
static void leave_waiting(struct planner *planner, struct service_view *view, struct count *count,
                          uint32_t slot)
{
    uint32_t room = count->upper - count->alive;
    uint32_t rest = count->missing < room ? count->missing : room;
    const char *reason = last_wait(planner);

    if (view->pool == NULL)
        rollout_make_way(planner, view, rest + 1);
    count->wait_for_place = true;
    if (rest > 0)
        plan_wait(planner, "%u more %s for a place like that", rest,
                  rest == 1 ? "task waits" : "tasks wait");
    for (uint32_t left = rest; planner->wanted != NULL && left > 0; slot++) {
        struct wanted_task task = { .target = view->primary->goal->target,
                                    .status = TASK_PENDING,
                                    .reason = reason };

        if (count->holders[slot] != NULL)
            continue;
        next_identity(view, view->primary, slot, NULL, &task.identity);
        plan_wanted(planner, &task);
        left--;
    }
    count->alive += rest;
    count->missing -= rest;
}

/* In a pool it was chosen when the instance was prepared. */
static const struct world_instance *place_of(struct planner *planner,
                                             const struct service_view *view, uint32_t slot)
{
    if (view->pool != NULL)
        return view->places[slot].instance;
    return place_task(planner, view->primary->goal->target, "");
}

static void want_preparing(struct planner *planner, const struct service_view *view, uint32_t slot,
                           const struct world_instance *instance)
{
    struct wanted_task task = { .target = view->primary->goal->target,
                                .instance = instance->name,
                                .status = TASK_ACTIVATING,
                                .reason = "its instance gets what it needs" };

    if (planner->wanted == NULL)
        return;
    next_identity(view, view->primary, slot, instance->name, &task.identity);
    plan_wanted(planner, &task);
}

/* Of a DAEMON: it goes to its instance, or waits for that. */
static void want_waiting(struct planner *planner, const struct service_view *view, uint32_t slot)
{
    struct wanted_task task = { .target = view->primary->goal->target,
                                .instance = slot_instance(view, slot),
                                .status = TASK_PENDING,
                                .reason = view->places[slot].why_not };

    if (planner->wanted == NULL)
        return;
    next_identity(view, view->primary, slot, task.instance, &task.identity);
    plan_wanted(planner, &task);
}

/* Step 3. */
static void start_missing(struct planner *planner, struct service_view *view, struct count *count)
{
    if (count->missing == 0 || view->primary->state == ROLLOUT_FAILED ||
        throttled(planner, view, view->primary))
        return;
    if (view->pool != NULL ? !view->is_free : !view->may_start) {
        list_waiting(planner, view, count);
        return;
    }
    for (uint32_t slot = 0; slot < count->desired && count->alive < count->upper; slot++) {
        const struct world_instance *instance;

        if (count->holders[slot] != NULL || count->there[slot] == THERE_ALIVE)
            continue;
        instance = place_of(planner, view, slot);
        count->alive++;
        count->missing--;
        if (instance == NULL && view->daemon != NULL) {
            want_waiting(planner, view, slot);
            continue;
        }
        if (instance != NULL && view->pool != NULL && !view->places[slot].ready) {
            want_preparing(planner, view, slot, instance);
            continue;
        }
        rollout_start_task(planner, view, view->primary, slot, instance);
        if (instance == NULL) {
            leave_waiting(planner, view, count, slot + 1);
            return;
        }
    }
}

/* Step 6. */
bool rollout_may_lose(const struct count *count, const struct task_view *task)
{
    return !task->healthy || count->healthy > count->lower;
}

/* Would step 3 not start it again at once? */
static bool may_spare(const struct service_view *view, const struct count *count,
                      const struct task_view *task)
{
    return view->fallback == NULL || !is_good_old(task) ||
           count->good_old + count->healthy_current > count->lower;
}

/* Is all there that the next one needs? */
static bool may_make_room(const struct planner *planner, const struct service_view *view,
                          const struct task_view *task)
{
    return view->daemon == NULL ? view->may_start : daemon_may_make_room(planner, view, task);
}

void rollout_stop_task(struct planner *planner, struct service_view *view, struct count *count,
                       struct task_view *task, const char *reason)
{
    count->alive--;
    count->healthy -= task->healthy;
    count->healthy_current -= task->healthy && task->current;
    count->old -= !task->current;
    count->good_old -= is_good_old(task);
    stop_task(planner, view, task, STOP_SERVICE_SCHEDULER_INITIATED, reason);
}

enum use { USE_NONE, USE_LATER, USE_NOW, USE_COUNT };

/* What a task is good for: nothing, it may yet get healthy, it is healthy. */
static enum use use_of(const struct task_view *task)
{
    return task->unhealthy ? USE_NONE : task->healthy ? USE_NOW : USE_LATER;
}

/* The upper bound leaves no room for what is missing, and there is some otherwise. */
static bool is_full(const struct count *count)
{
    return count->missing > 0 && count->alive - count->going >= count->upper &&
           !count->wait_for_place;
}

/* Step 4.  The least useful first, then the highest slots.  What is unknown, as its instance does
 * not answer, is no reason to stop what runs. */
static void stop_old(struct planner *planner, struct service_view *view, struct count *count)
{
    const char *reason = arena_printf(
        planner->arena, "Scaling activity initiated by (deployment %s)", view->primary->id);
    uint32_t keep =
        count->desired > count->healthy_current ? count->desired - count->healthy_current : 0;

    if (view->primary->state == ROLLOUT_FAILED)
        return;
    for (size_t i = 0; view->pool != NULL && i < view->task_count; i++)
        keep += is_alive(&view->tasks[i]) && !view->tasks[i].current && view->tasks[i].unknown;
    for (enum use use = USE_NONE; use < USE_COUNT; use++) {
        for (size_t i = view->task_count; i-- > 0;) {
            struct task_view *task = &view->tasks[i];
            bool no_room = (is_full(count) || task->in_the_way) &&
                           may_make_room(planner, view, task) && may_spare(view, count, task);

            if (!is_alive(task) || task->current || task->unknown || use_of(task) != use ||
                (view->daemon != NULL && !task->holds))
                continue;
            if ((count->old > keep || no_room || stops_for_its_host(planner, view, task)) &&
                rollout_may_lose(count, task))
                rollout_stop_task(planner, view, count, task,
                                  task->came_so ? task->reason : reason);
        }
    }
}

/* Step 5. An unhealthy task goes when its replacement is healthy, or makes room for it; of a failed
 * deployment, which starts no replacement, it goes at once. */
static void stop_surplus(struct planner *planner, struct service_view *view, struct count *count)
{
    const char *reason = arena_printf(
        planner->arena, "Scaling activity initiated by (deployment %s)", view->primary->id);
    bool failed = view->primary->state == ROLLOUT_FAILED;

    for (size_t i = view->task_count; i-- > 0;) {
        struct task_view *task = &view->tasks[i];
        uint32_t slot = task->task->slot;
        const struct task_view *holder = slot < count->desired ? count->holders[slot] : NULL;

        if (!is_alive(task) || !task->current || task->unknown || task == holder ||
            !rollout_may_lose(count, task))
            continue;
        if (slot >= count->desired)
            rollout_stop_task(planner, view, count, task, reason);
        else if (holder != NULL && holder->healthy)
            rollout_stop_task(planner, view, count, task, task->unhealthy ? task->reason : reason);
        else if (task->unhealthy && (failed || is_full(count) || task->in_the_way))
            rollout_stop_task(planner, view, count, task, task->reason);
    }
}

static const char *surplus_reason(struct planner *planner, const struct service_view *view,
                                  const struct task_view *task)
{
    const char *moved = rebalance_stopped(planner, view, task);

    return moved != NULL
               ? moved
               : arena_printf(planner->arena, "Scaling activity initiated by (deployment %s)",
                              view->primary->id);
}

/* Steps 5 and 8 in a pool: whatever holds no slot goes. What is healthy, on an instance that is
 * left, goes when as many others are; what has only begun to start goes at once (ecs.md 1.7). */
static void stop_strays(struct planner *planner, struct service_view *view, struct count *count)
{
    bool failed = view->primary->state == ROLLOUT_FAILED;

    for (size_t i = view->task_count; i-- > 0;) {
        struct task_view *task = &view->tasks[i];
        bool replaced = count->healthy_current - task->healthy >= count->desired;
        bool no_room = (is_full(count) && (task->unhealthy || view->has_place)) ||
                       (task->in_the_way && view->may_start);

        if (!is_alive(task) || !task->current || task->unknown || task->holds ||
            !rollout_may_lose(count, task))
            continue;
        if (!task->unhealthy && !task->leaving)
            rollout_stop_task(planner, view, count, task, surplus_reason(planner, view, task));
        else if (replaced || no_room || (failed && task->unhealthy) ||
                 (task->leaving && task->status == TASK_ACTIVATING) ||
                 stops_for_its_host(planner, view, task))
            rollout_stop_task(planner, view, count, task,
                              task->unhealthy
                                  ? task->reason
                                  : arena_printf(planner->arena, "instance %s is DRAINING",
                                                 task->task->instance));
    }
}

/* Slots whose task is healthy.  One beyond them proves nothing for those that are to stay. */
static uint32_t healthy_slots(const struct count *count)
{
    uint32_t healthy = 0;

    for (uint32_t slot = 0; slot < count->desired; slot++)
        healthy += count->holders[slot] != NULL && count->holders[slot]->healthy;
    return healthy;
}

/* Step 7. */
static void complete(struct planner *planner, struct service_view *view, const struct count *count)
{
    struct deployment *done;

    if (view->primary->state != ROLLOUT_IN_PROGRESS || healthy_slots(count) < count->desired ||
        count->missing > 0 || count->old > 0)
        return;
    for (size_t i = 0; i < view->task_count; i++) {
        if (view->tasks[i].given_up || is_apart(view, &view->tasks[i]))
            continue;
        if (view->tasks[i].unknown ||
            (!view->tasks[i].current && view->tasks[i].status != TASK_DEPROVISIONING) ||
            view->tasks[i].status == TASK_STOPPING)
            return;
    }
    done = deployment_copy(planner, view->primary);
    done->state = ROLLOUT_COMPLETED;
    done->proven = done->proven || count->healthy_current > 0;
    done->reason =
        arena_printf(planner->arena, "ECS deployment ecs-svc/%.12s completed.", done->id);
    deployment_fact(planner, view, done);
    /* Lost, it would be found out again; and what depends on it is durable, and takes it along. */
    planner->plan->facts[planner->plan->fact_count - 1].durable = false;
    service_event(planner, view, "(service %s) (deployment %.12s) deployment completed.",
                  view->service, done->id);
    service_event(planner, view, "(service %s) has reached a steady state.", view->service);
}

/* Neither side can move (ecs.md 1.5): say so instead of standing still without a word. */
static void explain_deadlock(struct planner *planner, const struct service_view *view,
                             const struct count *count)
{
    if (count->missing == 0 || !view->may_start || count->alive < count->upper ||
        view->primary->state != ROLLOUT_IN_PROGRESS || count->healthy < count->alive)
        return;
    plan_wait(planner,
              "(service %s) was unable to stop or start tasks during a deployment because of the "
              "service deployment configuration: %u of %u tasks run, at least %u must, at most %u "
              "may",
              view->service, count->healthy, count->desired, count->lower, count->upper);
}

/* Nothing is started any more; what runs of revisions of which nothing is remembered stays. */
static void explain_failure(struct planner *planner, const struct service_view *view)
{
    const struct deployment *failed = view->primary;
    const struct world_task *strange = NULL;
    unsigned count = 0;

    for (size_t i = 0; i < view->task_count; i++) {
        if (!is_alive(&view->tasks[i]) || view->tasks[i].target != NULL)
            continue;
        count++;
        strange = view->tasks[i].task;
    }
    if (count == 0)
        plan_wait(planner, "deployment %.12s of commit %.8s failed: %s", failed->id, failed->commit,
                  failed->reason == NULL ? "" : failed->reason);
    else
        plan_wait(
            planner,
            "deployment %.12s of commit %.8s failed: %s; %u tasks of revision %.12s (commit "
            "%.8s) are kept, but nothing else is remembered of it, so that none is made again",
            failed->id, failed->commit, failed->reason == NULL ? "" : failed->reason, count,
            strange->revision, strange->commit);
}

bool rollout_is_short(struct planner *planner, struct service_view *view)
{
    struct wanted_list *wanted = planner->wanted;
    struct count count = { 0 };

    planner->wanted = NULL; /* whoever asks is told by rollout() */
    count_tasks(planner, view, &count);
    planner->wanted = wanted;
    return count.missing > 0;
}

void rollout(struct planner *planner, struct service_view *view)
{
    struct count count = { 0 };

    count_tasks(planner, view, &count);
    restore_old(planner, view, &count);
    start_missing(planner, view, &count);
    stop_old(planner, view, &count);
    if (view->pool == NULL)
        stop_surplus(planner, view, &count);
    else if (view->daemon != NULL)
        daemon_stop(planner, view, &count);
    else
        stop_strays(planner, view, &count);
    rebalance(planner, view, &count);
    if (unit_stated(planner))
        return;
    complete(planner, view, &count);
    explain_deadlock(planner, view, &count);
    if (view->primary->state == ROLLOUT_FAILED)
        explain_failure(planner, view);
    view->healthy = healthy_slots(&count);
}
