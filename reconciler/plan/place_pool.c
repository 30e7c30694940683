/*
 * Placement in a pool (ecs.md 1.6): what has the resources, of that what the constraints allow, of
 * that what the strategies like best.
 */
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "spec/base/text.h"

static void count_task(struct placing *placing, const struct world_task *task, bool stays)
{
    size_t host = pool_index(placing->pool, task->instance);

    if (host == placing->pool->count)
        return;
    placing->present[host]++;
    /* It is balanced what will be left when the tasks of other revisions are gone. */
    if (stays && text_equal(task->revision, placing->target->revision))
        strategies_count(placing, host);
}

static bool is_of(const struct placing *placing, const struct target *target)
{
    return text_equal(target->cluster, placing->target->cluster) &&
           text_equal(target->service, placing->target->service);
}

static void count_pending(struct placing *placing, const struct plan_pending *pending)
{
    size_t host = pool_index(placing->pool, pending->instance);

    if (host == placing->pool->count || !is_of(placing, pending->target) ||
        world_task(placing->planner->input->world, pending->task) != NULL)
        return;
    placing->present[host]++;
    if (text_equal(pending->target->revision, placing->target->revision))
        strategies_count(placing, host);
}

static void count_all(struct placing *placing)
{
    const struct plan_input *input = placing->planner->input;
    const struct service_view *view = placing->planner->view;
    const struct world_service *seen =
        world_service(input->world, placing->target->cluster, placing->target->service);
    bool is_viewed = view != NULL && text_equal(view->service, placing->target->service) &&
                     text_equal(view->cluster, placing->target->cluster);

    for (size_t i = 0; is_viewed && i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (is_alive(task) || task->status == TASK_STOPPING)
            count_task(placing, task->task, is_alive(task) && !task->leaving);
    }
    for (size_t i = 0; !is_viewed && seen != NULL && i < seen->task_count; i++)
        count_task(placing, seen->tasks[i], /* stays= */ true);
    for (size_t i = 0; i < input->pending_count; i++)
        count_pending(placing, &input->pending[i]);
}

/* The volumes of a service are on one instance, and its tasks go where they are. */
static void find_volumes(struct placing *placing)
{
    struct planner *planner = placing->planner;
    const struct task_spec *task = placing->target->task;
    size_t count = placing->pool->count;

    if (placing->is_daemon)
        return; /* each of its instances has its own */
    for (size_t v = 0; v < task->volumes_count; v++) {
        const char *name = volume_name(planner, placing->target, &task->volumes[v]);
        bool *has = arena_array(planner->arena, bool, count + 1);
        bool any = false;

        for (size_t i = 0; is_named_volume(&task->volumes[v]) && i < count; i++) {
            const struct world_instance *host = placing->pool->hosts[i].seen;

            has[i] = host != NULL && world_volume(host, name) != NULL;
            any |= has[i];
        }
        for (size_t i = 0; any && placing->holds != NULL && i < count; i++)
            has[i] &= placing->holds[i];
        if (any)
            placing->holds = has;
    }
}

/* The first task decides where they are made. */
static void bind_volumes(struct placing *placing, size_t host)
{
    if (!has_named_volumes(placing->target) || placing->holds != NULL || placing->is_daemon)
        return;
    placing->holds = arena_array(placing->planner->arena, bool, placing->pool->count + 1);
    placing->holds[host] = true;
}

/* Where a task goes depends on the others that are placed with it, which are not the same ones in
 * each plan. What was begun for it must not be cancelled for that, and begun elsewhere. */
static void find_underway(struct placing *placing)
{
    const struct service_view *view = placing->planner->view;
    const struct deployment *deployment = NULL;

    placing->underway = arena_array(placing->planner->arena, bool, placing->pool->count + 1);
    if (view != NULL && view->primary != NULL && view->primary->goal->target == placing->target)
        deployment = view->primary;
    else if (view != NULL && view->fallback != NULL &&
             view->fallback->goal->target == placing->target)
        deployment = view->fallback;
    for (size_t i = 0; deployment != NULL && i < placing->pool->count; i++) {
        const struct world_instance *seen = placing->pool->hosts[i].seen;

        placing->underway[i] =
            seen != NULL && image_is_underway(placing->planner, deployment, seen);
    }
}

static bool is_better(const struct placing *placing, size_t a, size_t b, const char *name)
{
    if (placing->underway[a] != placing->underway[b])
        return placing->underway[a];
    return strategies_compare(placing, a, b, name) < 0;
}

/* As the current commit says: a former revision may have been of another kind of service. */
static bool is_of_daemon(const struct planner *planner, const struct target *target)
{
    const struct desired_service *desired = desired_service(
        planner->input->desired, unit_key(planner->arena, target->cluster, target->service));

    return is_daemon(desired == NULL ? target->spec : desired->goal->target->spec);
}

struct placing *placing_of(struct planner *planner, const struct target *target)
{
    struct placing *placing = planner->placings;

    while (placing != NULL && placing->target != target)
        placing = placing->next;
    if (placing != NULL)
        return placing;
    placing = arena_new(planner->arena, struct placing);
    placing->planner = planner;
    placing->pool = pool_of(planner, target->cluster);
    placing->target = target;
    placing->is_daemon = is_of_daemon(planner, target);
    placing->service_group = arena_printf(planner->arena, "service:%s", target->service);
    placing->memory_mib = target_memory_mib(target);
    placing->cpu_units = target_cpu_units(target);
    placing->host_ports = target_host_ports(target, planner->arena);
    placing->present = arena_array(planner->arena, uint32_t, placing->pool->count + 1);
    strategies_prepare(placing);
    count_all(placing);
    constraints_prepare(placing);
    find_volumes(placing);
    find_underway(placing);
    placing->next = planner->placings;
    planner->placings = placing;
    return placing;
}

static void take(struct placing *placing, size_t host)
{
    use_take(placing->planner, placing->pool->hosts[host].use, placing->target);
    placing->present[host]++;
    placing->underway[host] = false;
    if (placing->daemon != NULL)
        placing->daemon->placed[host] = true;
    strategies_count(placing, host);
    bind_volumes(placing, host);
    constraints_again(placing, host);
}

/* In ECS's words. */
void pool_wait(const struct placing *placing, size_t closest, enum fit fit)
{
    struct planner *planner = placing->planner;

    if (placing->pool->count == 0)
        plan_wait(planner,
                  "service %s was unable to place a task because no container instances were found "
                  "in your cluster.",
                  placing->target->service);
    else
        plan_wait(planner,
                  "service %s was unable to place a task because no container instance met all of "
                  "its requirements. The closest matching container-instance %s %s.",
                  placing->target->service, placing->pool->hosts[closest].listed->name,
                  resources_lack(placing, closest, fit));
}

const struct world_instance *pool_place(struct planner *planner, const struct target *target,
                                        const char *name)
{
    struct placing *placing = placing_of(planner, target);
    size_t count = placing->pool->count;
    size_t best = count;
    size_t closest = 0;
    enum fit furthest = FIT_STATE;

    daemons_keep_room(planner);
    for (size_t i = 0; i < count; i++) {
        enum fit fit = resources_fit(placing, i);

        if (fit == FIT_YES && (best == count || is_better(placing, i, best, name)))
            best = i;
        if (fit > furthest || (fit == furthest && resources_left(placing, i, fit) >
                                                      resources_left(placing, closest, fit))) {
            furthest = fit;
            closest = i;
        }
    }
    if (best == count) {
        pool_wait(placing, closest, furthest);
        return NULL;
    }
    take(placing, best);
    return placing->pool->hosts[best].seen;
}

const struct world_instance *pool_place_on(struct planner *planner, const struct target *target,
                                           size_t host)
{
    struct placing *placing = placing_of(planner, target);
    enum fit fit = resources_fit(placing, host);

    if (fit != FIT_YES) {
        pool_wait(placing, host, fit);
        return NULL;
    }
    take(placing, host);
    return placing->pool->hosts[host].seen;
}
