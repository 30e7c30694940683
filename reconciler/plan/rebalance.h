/*
 * Rebalance: tasks of a service that is spread move to an instance that has fewer of them.
 */
#ifndef RECONCILER_PLAN_REBALANCE_H
#define RECONCILER_PLAN_REBALANCE_H

#include "reconciler/plan/rollout_int.h"

/* Of the tasks that may hold slots, one too many, which one is to take another one's place and is
 * not healthy yet: it is no surplus.  held_count: there is none. */
size_t rebalance_moving(const struct service_view *view, struct placing *placing,
                        struct task_view *const *held, size_t held_count);
/* Where there are fewer, and one more task is to start, when all is at rest; NULL: nowhere. */
const struct world_instance *rebalance_target(struct planner *planner, struct service_view *view,
                                              const struct count *count);
/* It starts there, when what it needs is there. */
void rebalance(struct planner *planner, struct service_view *view, const struct count *count);
/* Why that task was started, or is stopped, for people; NULL: for another reason. */
const char *rebalance_started(struct planner *planner, const struct service_view *view,
                              const struct task_view *task);
const char *rebalance_stopped(struct planner *planner, const struct service_view *view,
                              const struct task_view *task);

#endif
