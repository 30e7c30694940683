/*
 * A task that may run finds no place, as others of its service hold it: the same fixed port, the
 * only instance that a constraint allows, memory.  Those make room, within the bounds (rollout.c,
 * steps 4 and 5).
 */
#include "reconciler/plan/place.h"
#include "reconciler/plan/placing.h"
#include "reconciler/plan/rollout_int.h"

static bool is_in_the_way(struct planner *planner, const struct service_view *view,
                          const struct task_view *task)
{
    const struct target *target = view->primary->goal->target;
    size_t host;

    if (task->unknown)
        return false;
    if (view->pool == NULL)
        return place_fits_without(planner, target, task->task);
    host = pool_index(view->pool, task->task->instance);
    return host < view->pool->count &&
           resources_fit_without(placing_of(planner, target), host, task->task) == FIT_YES;
}

enum turn { TURN_STOPPING, TURN_UNHEALTHY, TURN_OLD, TURN_COUNT };

static bool has_turn(const struct task_view *task, enum turn turn)
{
    switch (turn) {
    case TURN_STOPPING: return !is_alive(task);
    case TURN_UNHEALTHY: return is_alive(task) && task->unhealthy;
    case TURN_OLD: return is_alive(task) && !task->unhealthy && !task->current;
    case TURN_COUNT: break;
    }
    return false;
}

void rollout_make_way(struct planner *planner, struct service_view *view, uint32_t tasks)
{
    for (enum turn turn = TURN_STOPPING; turn < TURN_COUNT; turn++) {
        for (size_t i = view->task_count; tasks > 0 && i-- > 0;) {
            struct task_view *task = &view->tasks[i];

            if (!has_turn(task, turn) || !is_in_the_way(planner, view, task))
                continue;
            task->in_the_way = turn != TURN_STOPPING;
            tasks--;
        }
    }
}
