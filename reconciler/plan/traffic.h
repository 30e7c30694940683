/*
 * Traffic: load balancers and the tasks behind them (ecs.md 1.5, 1.11).  Health before traffic: a
 * task counts as healthy when its targets are.  Out of the balancer, then drained, then SIGTERM.
 */
#ifndef RECONCILER_PLAN_TRAFFIC_H
#define RECONCILER_PLAN_TRAFFIC_H

#include "reconciler/plan/plan_int.h"

/* Says of a task that is to be behind a load balancer whether it is healthy: when its own checks
 * pass and its targets are.  One whose balancer does not run is as it was.  False: it is not. */
bool traffic_judge(struct planner *planner, struct task_view *view, const struct service_spec *spec,
                   bool checks_pass);
/* ecs.md 1.5, healthCheckGracePeriodSeconds: so long failed checks do not count (match.c). */
bool in_grace(struct planner *planner, const struct service_spec *spec, int64_t started_ms);

/* The unit of that key: how its load balancer is to be (balancer.c). */
void plan_balancer(struct planner *planner, const char *key);

/* What the unit waits for because a load balancer it needs could not be set up; NULL: nothing. */
const char *traffic_failure(struct planner *planner, const struct service_spec *spec);

/* May a task that is to stop be told so: does nothing lead to it any more?  Else the unit waits,
 * for no longer than the deregistration delay once the balancer was told. */
bool traffic_is_over(struct planner *planner, const struct task_view *view);

/* It leaves, and nothing is open to it. */
bool target_is_drained(const struct world_target *target);

/* "CLUSTER:SERVICE:CONTAINER:PORT" */
const char *target_group_name(struct arena *arena, const char *cluster, const char *service,
                              const struct service_target *target);
/* What `other`, another version of the service, says in the place of this entry of `spec`: of the
 * same port, or else of the one that came for it.  NULL: nothing.  It goes both ways. */
const struct service_target *counterpart(const struct service_spec *spec,
                                         const struct service_target *entry,
                                         const struct service_spec *other);
/* What git declares of the service; NULL: nothing any more. */
const struct service_spec *declared_spec(const struct planner *planner, const char *key);

#endif
