/*
 * Rollout: how many tasks of which revision (ecs.md 1.5, "Rolling update"). The numbered steps are
 * the whole policy:
 *
 *   1. Each slot 0 .. desiredCount-1 wants one good task of the current revision.
 *   2. When a fault took the healthy ones below the lower bound, the last revision that proved
 *      itself fills up.
 *   3. Missing ones are started while the upper bound leaves room.
 *   4. An old task is stopped against a healthy new one, or first where the upper bound leaves no
 *      room.
 *   5. Unhealthy tasks are replaced, then stopped; surplus ones are stopped.
 *   6. No stop takes the healthy ones below the lower bound.
 *   7. When every slot has a healthy task and nothing old is left, the deployment is COMPLETED.
 */
#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

struct count {
    uint32_t desired;
    uint32_t lower;
    uint32_t upper;
    uint32_t alive;
    uint32_t healthy;
    uint32_t healthy_current;
    uint32_t old;               /* alive, of another revision */
    uint32_t good_old;          /* of these, healthy or may yet get so */
    uint32_t missing;           /* slots without a good current task, and none was started */
    struct task_view **holders; /* by slot: its good current task, or NULL */
    bool *coming_old;           /* by slot: a task of another revision is being created */
    struct task_view unseen;    /* holds the slots of tasks that are being created */
};

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

static bool is_good(const struct task_view *task)
{
    return is_alive(task) && task->current && !task->unhealthy;
}

static bool is_good_old(const struct task_view *task)
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

    if (planner->wanted == NULL || made == NULL || pending->slot >= view->spec->desired_count)
        return;
    next_identity(view, made, pending->slot, &task.identity);
    text_copy(task.identity.task, sizeof(task.identity.task), pending->task);
    plan_wanted(planner, &task);
}

/* Tasks that are being created: they count as PENDING, and those of the current revision hold their
 * slot, so that nothing is started twice or beside the bounds. */
static void count_pending(struct planner *planner, const struct service_view *view,
                          struct count *count)
{
    const struct plan_input *input = planner->input;
    const char *revision = view->primary->goal->target->revision;

    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];
        bool current = text_equal(pending->target->revision, revision);

        if (!text_equal(pending->unit, planner->unit) ||
            world_task(input->world, pending->task) != NULL)
            continue;
        want_pending(planner, view, pending);
        count->alive++;
        count->old += !current;
        count->good_old += !current;
        if (pending->slot >= count->desired)
            continue;
        if (!current)
            count->coming_old[pending->slot] = true;
        else if (count->holders[pending->slot] == NULL)
            count->holders[pending->slot] = &count->unseen;
    }
}

static void count_tasks(struct planner *planner, struct service_view *view, struct count *count)
{
    count->desired = view->spec->desired_count;
    count->lower = lower_bound(view->spec);
    count->upper = upper_bound(view->spec);
    count->holders = arena_array(planner->arena, struct task_view *, count->desired + 1);
    count->coming_old = arena_array(planner->arena, bool, count->desired + 1);
    for (size_t i = 0; i < view->task_count; i++) {
        struct task_view *task = &view->tasks[i];

        hold_slot(count, task);
        if (!is_alive(task))
            continue;
        count->alive++;
        count->healthy += task->healthy;
        count->healthy_current += task->healthy && task->current;
        count->old += !task->current;
        count->good_old += is_good_old(task);
    }
    count_pending(planner, view, count);
    for (uint32_t slot = 0; slot < count->desired; slot++)
        count->missing += count->holders[slot] == NULL;
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

/* False when there is no place for it. */
static bool start_task(struct planner *planner, const struct service_view *view,
                       const struct deployment *deployment, uint32_t slot)
{
    const struct world_instance *instance = place_task(planner, deployment->goal->target);
    size_t actions = planner->plan->action_count;
    struct wanted_task task = { .target = deployment->goal->target, .status = TASK_PENDING };

    next_identity(view, deployment, slot, &task.identity);
    if (instance != NULL) {
        task.instance = instance->name;
        task_advance(planner, deployment, &task.identity, instance, NULL);
    }
    task.reason =
        planner->plan->action_count > actions ? "it is about to be created" : last_wait(planner);
    plan_wanted(planner, &task);
    return instance != NULL;
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

/* Step 2. */
static void restore_old(struct planner *planner, struct service_view *view, struct count *count)
{
    uint32_t slot = 0;
    bool ready;

    if (view->fallback == NULL || view->primary->state == ROLLOUT_COMPLETED ||
        count->good_old + count->healthy_current >= count->lower)
        return;
    /* Asked for during a pause too: a pull that nobody waits for would be cancelled. */
    ready = images_ready(planner, view->fallback, view->instance, /* starting= */ true);
    if (throttled(planner, view, view->fallback) || !ready)
        return;
    while (count->good_old + count->healthy_current < count->lower && count->alive < count->upper &&
           slot < count->desired) {
        bool taken = count->coming_old[slot];

        for (size_t i = 0; i < view->task_count; i++)
            taken |= is_alive(&view->tasks[i]) && !view->tasks[i].current &&
                     view->tasks[i].task->slot == slot;
        if (!taken) {
            if (!start_task(planner, view, view->fallback, slot))
                return;
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
        next_identity(view, view->primary, slot, &task.identity);
        task.status = view->is_free ? TASK_ACTIVATING : TASK_PENDING;
        task.reason = planner->plan->waits[planner->unit_waits].reason;
        plan_wanted(planner, &task);
    }
}

/* Where one finds no place, the next one finds none: they have the same needs. They are many where
 * somebody asks for far more than there is room for, and are told of once. */
static void leave_waiting(struct planner *planner, const struct service_view *view,
                          struct count *count, uint32_t slot)
{
    uint32_t room = count->upper - count->alive;
    uint32_t rest = count->missing < room ? count->missing : room;
    const char *reason = last_wait(planner);

    if (rest > 0)
        plan_wait(planner, "%u more %s for a place like that", rest,
                  rest == 1 ? "task waits" : "tasks wait");
    for (uint32_t left = rest; planner->wanted != NULL && left > 0; slot++) {
        struct wanted_task task = { .target = view->primary->goal->target,
                                    .status = TASK_PENDING,
                                    .reason = reason };

        if (count->holders[slot] != NULL)
            continue;
        next_identity(view, view->primary, slot, &task.identity);
        plan_wanted(planner, &task);
        left--;
    }
    count->alive += rest;
    count->missing -= rest;
}

/* Step 3. */
static void start_missing(struct planner *planner, struct service_view *view, struct count *count)
{
    if (count->missing == 0 || view->primary->state == ROLLOUT_FAILED ||
        throttled(planner, view, view->primary))
        return;
    if (!view->may_start) {
        list_waiting(planner, view, count);
        return;
    }
    for (uint32_t slot = 0; slot < count->desired && count->alive < count->upper; slot++) {
        bool placed;

        if (count->holders[slot] != NULL)
            continue;
        placed = start_task(planner, view, view->primary, slot);
        count->alive++;
        count->missing--;
        if (!placed) {
            leave_waiting(planner, view, count, slot + 1);
            return;
        }
    }
}

/* Step 6. */
static bool may_lose(const struct count *count, const struct task_view *task)
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

static void stop_one(struct planner *planner, struct service_view *view, struct count *count,
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

/* Step 4.  The least useful first, then the highest slots. */
static void stop_old(struct planner *planner, struct service_view *view, struct count *count)
{
    const char *reason = arena_printf(
        planner->arena, "Scaling activity initiated by (deployment %s)", view->primary->id);
    uint32_t keep =
        count->desired > count->healthy_current ? count->desired - count->healthy_current : 0;

    if (view->primary->state == ROLLOUT_FAILED)
        return;
    for (enum use use = USE_NONE; use < USE_COUNT; use++) {
        for (size_t i = view->task_count; i-- > 0;) {
            struct task_view *task = &view->tasks[i];
            bool no_room = count->missing > 0 && view->may_start && count->alive >= count->upper &&
                           may_spare(view, count, task);

            if (!is_alive(task) || task->current || task->unknown || use_of(task) != use)
                continue;
            if ((count->old > keep || no_room) && may_lose(count, task))
                stop_one(planner, view, count, task, task->came_so ? task->reason : reason);
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
            !may_lose(count, task))
            continue;
        if (slot >= count->desired)
            stop_one(planner, view, count, task, reason);
        else if (holder != NULL && holder->healthy)
            stop_one(planner, view, count, task, task->unhealthy ? task->reason : reason);
        else if (task->unhealthy &&
                 (failed || (count->missing > 0 && count->alive >= count->upper)))
            stop_one(planner, view, count, task, task->reason);
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
    stop_surplus(planner, view, &count);
    if (unit_stated(planner))
        return;
    complete(planner, view, &count);
    explain_deadlock(planner, view, &count);
    if (view->primary->state == ROLLOUT_FAILED)
        explain_failure(planner, view);
    view->healthy = healthy_slots(&count);
}
