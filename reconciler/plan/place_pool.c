/*
 * Placement in a pool (ecs.md 1.6): what has the resources, of that what the constraints allow, of
 * that what the strategies like best.
 */
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/job_int.h"
#include "reconciler/plan/pools.h"
#include "reconciler/plan/subset.h"
#include "spec/base/text.h"
#include "spec/names.h"

static void count_task(struct placing *placing, const struct world_task *task, bool stays)
{
    size_t host = pool_index(placing->pool, task->instance);

    if (host == placing->pool->count)
        return;
    sparse_add(&placing->present, host, 1, placing->arena);
    /* It is balanced what will be left when the tasks of other revisions are gone. */
    if (stays && text_equal(task->revision, placing->target->revision))
        strategies_count(placing, host);
}

static void count_pending(struct placing *placing, const struct plan_pending *pending)
{
    size_t host = pool_index(placing->pool, pending->instance);

    if (host == placing->pool->count ||
        world_task(placing->planner->input->world, pending->task) != NULL)
        return;
    sparse_add(&placing->present, host, 1, placing->arena);
    if (text_equal(pending->target->revision, placing->target->revision))
        strategies_count(placing, host);
}

static void count_all(struct placing *placing)
{
    const struct plan_input *input = placing->planner->input;
    const struct service_view *view = placing->planner->view;
    const struct world_service *seen =
        world_service(input->world, placing->target->cluster, placing->target->service);
    const struct plan_pending *const *pending;
    size_t pending_count;
    bool is_viewed = view != NULL && text_equal(view->service, placing->target->service) &&
                     text_equal(view->cluster, placing->target->cluster);

    for (size_t i = 0; is_viewed && i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (is_alive(task) || task->status == TASK_STOPPING)
            count_task(placing, task->task, is_alive(task) && !task->leaving);
    }
    for (size_t i = 0; !is_viewed && seen != NULL && i < seen->task_count; i++)
        count_task(placing, seen->tasks[i], /* stays= */ true);
    pending_count = pending_of(
        placing->planner,
        unit_key(placing->arena, placing->target->cluster, placing->target->service), &pending);
    for (size_t i = 0; i < pending_count; i++)
        count_pending(placing, pending[i]);
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
        if (!is_named_volume(&task->volumes[v]))
            continue;
        const char *name = volume_name(planner, placing->target, &task->volumes[v]);
        bool *has = arena_array(placing->arena, bool, count + 1);
        bool any = false;

        for (size_t i = 0; i < count; i++) {
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
    placing->holds = arena_array(placing->arena, bool, placing->pool->count + 1);
    placing->holds[host] = true;
}

/* Where a task goes depends on the others that are placed with it, which are not the same ones in
 * each plan. What was begun for it must not be cancelled for that, and begun elsewhere. */
static void find_underway(struct placing *placing)
{
    const struct service_view *view = placing->planner->view;
    const struct host_set *working = &placing->pool->working;
    const struct deployment *deployment = NULL;

    if (view != NULL && view->primary != NULL && view->primary->goal->target == placing->target)
        deployment = view->primary;
    else if (view != NULL && view->fallback != NULL &&
             view->fallback->goal->target == placing->target)
        deployment = view->fallback;
    if (deployment == NULL || working->count == 0)
        return;
    placing->underway = arena_array(placing->arena, uint32_t, working->count);
    for (size_t i = 0; i < working->count; i++) {
        const struct world_instance *seen = placing->pool->hosts[working->items[i]].seen;

        if (image_is_underway(placing->planner, deployment, seen))
            placing->underway[placing->underway_count++] = working->items[i];
    }
}

/* One task was placed there: what is brought is for that one. */
static void leave_underway(struct placing *placing, size_t host)
{
    for (size_t i = 0; i < placing->underway_count; i++) {
        if (placing->underway[i] != host)
            continue;
        placing->underway_count--;
        memmove(&placing->underway[i], &placing->underway[i + 1],
                (placing->underway_count - i) * sizeof(*placing->underway));
        return;
    }
}

struct placing *placing_of(struct planner *planner, const struct target *target)
{
    struct placing *placing = planner->placings;
    struct arena *arena;
    bool is_daemon;

    while (placing != NULL && placing->target != target)
        placing = placing->next;
    if (placing != NULL)
        return placing;
    is_daemon = is_of_daemon(planner, target);
    arena = is_daemon ? planner->arena : planner->scratch; /* as placings_drop() drops it */
    placing = arena_new(arena, struct placing);
    placing->planner = planner;
    placing->arena = arena;
    placing->pool = pool_of(planner, target->cluster);
    placing->target = target;
    placing->is_daemon = is_daemon;
    placing->service_group = service_is_job(target->service)
                                 ? job_group(arena, target->service)
                                 : arena_printf(arena, "service:%s", target->service);
    placing->memory_mib = target_memory_mib(target);
    placing->cpu_units = target_cpu_units(target);
    placing->host_ports = target_host_ports(target, arena);
    constraints_prepare(placing);
    strategies_prepare(placing);
    count_all(placing);
    constraints_count(placing);
    find_volumes(placing);
    find_underway(placing);
    placing->next = planner->placings;
    planner->placings = placing;
    return placing;
}

/* Of the unit before, which comes once; that of a DAEMON may have been asked for by any. */
void placings_drop(struct planner *planner)
{
    struct placing *next;
    struct placing *kept = NULL;

    for (struct placing *at = planner->placings; at != NULL; at = next) {
        next = at->next;
        if (!at->is_daemon)
            continue;
        at->next = kept;
        kept = at;
    }
    planner->placings = kept;
}

static void take(struct placing *placing, size_t host)
{
    use_take(placing->planner, placing->pool->hosts[host].use, placing->target);
    sparse_add(&placing->present, host, 1, placing->arena);
    leave_underway(placing, host);
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
    const char *title = unit_title(planner, placing->target->service);

    if (placing->pool->count == 0)
        plan_wait(planner,
                  "%s was unable to place a task because no container instances were found in your "
                  "cluster.",
                  title);
    else
        plan_wait(planner,
                  "%s was unable to place a task because no container instance met all of its "
                  "requirements. The closest matching container-instance %s %s.",
                  title, placing->pool->hosts[closest].listed->name,
                  resources_lack(placing, closest, fit));
}

/* The one that came closest; of those that are equal in that the first. */
static void wait_for_any(const struct placing *placing)
{
    enum fit furthest = FIT_STATE;
    size_t closest = 0;

    for (size_t i = 0; i < placing->pool->count; i++) {
        enum fit fit = resources_fit(placing, i);

        if (fit > furthest || (fit == furthest && resources_left(placing, i, fit) >
                                                      resources_left(placing, closest, fit))) {
            furthest = fit;
            closest = i;
        }
    }
    pool_wait(placing, closest, furthest);
}

const struct world_instance *pool_place(struct planner *planner, const struct target *target,
                                        const char *name)
{
    struct placing *placing = placing_of(planner, target);
    size_t best;

    daemons_keep_room(planner);
    best = choose_host(placing, name);
    if (best == placing->pool->count) {
        wait_for_any(placing);
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
