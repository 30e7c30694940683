/*
 * Rollout in a pool: where the missing tasks go is chosen before anything is started or stopped
 * for them, so that what they need (images, network, volumes) is there by then, on every instance
 * at once.
 */
#include "reconciler/plan/daemon.h"
#include "reconciler/plan/rebalance.h"
#include "spec/names.h"

const char *slot_name(struct planner *planner, const struct deployment *deployment, uint32_t slot)
{
    return arena_printf(planner->scratch, "%s %u %u", deployment->goal->target->revision, slot,
                        deployment->attempt_max);
}

bool host_ready(struct planner *planner, const struct deployment *deployment,
                const struct world_instance *instance, bool starting)
{
    bool ready = images_ready(planner, deployment, instance, starting);

    return !unit_stated(planner) && place_ready(planner, deployment->goal->target, instance) &&
           ready;
}

/* Of every instance that is asked for, once; by its index: 0: not asked, 1: no, 2: yes. */
struct readiness {
    struct planner *planner;
    const struct service_view *view;
    struct sparse known;
    bool all;     /* that were asked are ready */
    bool no_room; /* for a task that may start */
};

static bool is_ready(void *context, const struct world_instance *instance)
{
    struct readiness *readiness = context;
    struct arena *arena = readiness->planner->scratch;
    size_t host = pool_index(readiness->view->pool, instance->name);

    if (sparse_get(&readiness->known, host) == 0) {
        sparse_add(&readiness->known, host, 1, arena);
        if (host_ready(readiness->planner, readiness->view->primary, instance,
                       /* starting= */ true))
            sparse_add(&readiness->known, host, 1, arena);
    }
    readiness->all &= sparse_get(&readiness->known, host) == 2;
    return sparse_get(&readiness->known, host) == 2;
}

static bool is_old(const struct service_view *view, const struct task_view *task)
{
    size_t host = pool_index(view->pool, task->task->instance);

    return is_alive(task) && !task->current && host < view->pool->count &&
           view->pool->hosts[host].why_not == NULL;
}

/* So many tasks of former revisions may be stopped at once, to make room for others. */
static uint32_t turns_of(const struct service_view *view, const struct count *count)
{
    uint32_t spare = count->healthy > count->lower ? count->healthy - count->lower : 0;
    uint32_t turns = 0;

    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (!is_alive(task) || task->current || task->unknown || (task->healthy && spare == 0))
            continue;
        spare -= task->healthy;
        turns++;
    }
    return turns;
}

/* There is no room for more tasks until some are stopped: before that, the instances of all that
 * follow them at once are prepared, and they are placed while what is being stopped still takes its
 * room; where one finds no place, the instances of those that are to make room. */
static void prepare_in_place(struct readiness *readiness, struct service_view *view,
                             const struct count *count, uint32_t slot)
{
    struct planner *planner = readiness->planner;
    const struct target *target = view->primary->goal->target;
    uint32_t turns = turns_of(view, count);
    const struct world_instance *instance;
    uint32_t placed = 0;

    do {
        instance = place_task(planner, target, slot_name(planner, view->primary, slot));
        if (placed == 0)
            view->has_place = instance != NULL;
        if (instance != NULL)
            view->may_start &= is_ready(readiness, instance);
        placed++;
        do
            slot++;
        while (slot < count->desired && count->holders[slot] != NULL);
    } while (instance != NULL && slot < count->desired && placed < turns && !unit_stated(planner));
    for (size_t i = 0; instance == NULL && i < view->task_count && !unit_stated(planner); i++) {
        if (is_old(view, &view->tasks[i]))
            view->may_start &= is_ready(readiness, view->tasks[i].instance);
    }
}

/* Nothing makes room before all is there for what follows it. */
static void prepare_instead(struct readiness *readiness, struct service_view *view)
{
    for (size_t i = 0; i < view->task_count && !unit_stated(readiness->planner); i++) {
        if (view->tasks[i].in_the_way)
            view->may_start &= is_ready(readiness, view->tasks[i].instance);
    }
}

static uint32_t missing_from(const struct count *count, uint32_t slot)
{
    uint32_t missing = 0;

    for (; slot < count->desired; slot++)
        missing += count->holders[slot] == NULL;
    return missing;
}

static void prepare_missing(struct readiness *readiness, struct service_view *view,
                            const struct count *count)
{
    struct planner *planner = readiness->planner;
    uint32_t room = count->upper > count->alive ? count->upper - count->alive : 0;

    for (uint32_t slot = 0; slot < count->desired && !unit_stated(planner); slot++) {
        struct slot_place *place = &view->places[slot];

        if (count->holders[slot] != NULL)
            continue;
        if (room-- == 0) {
            prepare_in_place(readiness, view, count, slot);
            return;
        }
        place->instance = place_task(planner, view->primary->goal->target,
                                     slot_name(planner, view->primary, slot));
        readiness->no_room = place->instance == NULL;
        if (readiness->no_room) {
            uint32_t missing = missing_from(count, slot);

            rollout_make_way(planner, view, missing <= room ? missing : room + 1);
            prepare_instead(readiness, view);
            return;
        }
        place->ready = is_ready(readiness, place->instance);
        view->may_start &= place->ready; /* until then nothing is stopped to make room */
    }
}

/* One more than there are slots. */
static void prepare_move(struct readiness *readiness, struct service_view *view,
                         const struct count *count)
{
    struct slot_place *place = &view->places[count->desired];

    place->instance = rebalance_target(readiness->planner, view, count);
    if (place->instance != NULL)
        place->ready = is_ready(readiness, place->instance);
}

/* A task that lacks containers needs what they are made from, though none is started anew: its
 * revision may have been given up meanwhile, and its images with it. */
static void prepare_half_made(struct readiness *readiness, const struct service_view *view)
{
    struct planner *planner = readiness->planner;

    for (size_t i = 0; i < view->task_count && !unit_stated(planner); i++) {
        const struct task_view *task = &view->tasks[i];

        if (!task->current || task->leaving || task->status != TASK_ACTIVATING ||
            task->task->container_count >= task->task->expected)
            continue;
        if (task->deployment == NULL || task->deployment == view->primary)
            (void)is_ready(readiness, task->instance);
        else
            (void)host_ready(planner, task->deployment, task->instance, /* starting= */ true);
    }
}

/* Its successor can run nowhere else, where the data is: it stops for its host, after those that
 * may leave.  What the task itself has says nothing: the next revision may do without. */
static bool comes_back(const struct planner *planner, const struct world_task *task)
{
    const struct deployment *next =
        memory_primary(memory_service(planner->input->memory, task->service->key));

    return next != NULL && !service_is_job(task->service->service) &&
           has_named_volumes(next->goal->target);
}

/* Its successor waits for another service, which may wait for the host. */
static bool waits_on_maintained(const struct service_view *view, const struct task_view *task)
{
    size_t host = pool_index(view->pool, task->task->instance);

    return view->primary->state == ROLLOUT_IN_PROGRESS && !view->is_free &&
           host < view->pool->count && view->pool->hosts[host].drains &&
           view->pool->hosts[host].listed->state != CONTAINER_INSTANCE_DRAINING;
}

bool stops_for_its_host(struct planner *planner, const struct service_view *view,
                        const struct task_view *task)
{
    const struct target *next = view->primary->goal->target;

    if (!task->leaving || view->pool == NULL || view->daemon != NULL)
        return false;
    if (waits_on_maintained(view, task))
        return true;
    if (!has_named_volumes(next) || !instance_is_left(planner, view->cluster, next, task->instance))
        return false;
    for (const struct world_task *at = task->instance->tasks; at != NULL; at = at->host_next) {
        bool stays_last =
            at->service != NULL && (daemon_owns(planner, at->service) || comes_back(planner, at));

        if (at != task->task && !stays_last && !task_is_over(at)) {
            plan_progress(planner, "task %.12s stays on %s until others have left that",
                          task->task->id, task->task->instance);
            return false;
        }
    }
    return true;
}

void rollout_prepare(struct planner *planner, struct service_view *view)
{
    struct readiness readiness = { .planner = planner, .view = view, .all = true };
    struct count count = { 0 };
    struct wanted_list *wanted = planner->wanted;

    planner->wanted = NULL; /* whoever asks is told by rollout() */
    count_tasks(planner, view, &count);
    planner->wanted = wanted;
    view->places = arena_array(planner->scratch, struct slot_place, count.desired + 1);
    if (view->daemon != NULL)
        daemon_prepare(planner, view, &count, is_ready, &readiness);
    else
        prepare_missing(&readiness, view, &count);
    prepare_half_made(&readiness, view);
    if (!unit_stated(planner))
        prepare_move(&readiness, view, &count);
    if (readiness.all && !unit_stated(planner))
        (void)image_able_again(planner, view->primary);
    /* There was room when what is underway was begun, and there will be: others that are planned
     * with this one, and not the next time, take it and give it back. */
    planner->unit_looked = !readiness.no_room;
}
