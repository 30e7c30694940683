/*
 * Daemon: a service that has one task on each instance that is fit for it (ecs.md 1.5). Its count
 * is that of these instances, and its slots are theirs. What runs on another instance is to leave
 * it, and counts for nothing.
 */
#ifndef RECONCILER_PLAN_DAEMON_H
#define RECONCILER_PLAN_DAEMON_H

#include "reconciler/plan/rollout_int.h"

#define NO_SLOT UINT32_MAX

/* Which instances of the pool are to have a task. */
struct daemon {
    uint32_t count;
    size_t *hosts;   /* by slot: index in the pool */
    uint32_t *slots; /* by host; NO_SLOT: it is to have none */
    bool *placed;    /* by host: a task was placed there in this plan */
};

bool is_daemon(const struct service_spec *spec);
/* As the current commit says: a former revision may have been of another kind of service. */
bool is_of_daemon(const struct planner *planner, const struct target *target);
/* Found once per plan.  NULL: a REPLICA, or no pool. */
const struct daemon *daemon_of(struct planner *planner, const struct target *target);
/* The spec, with the count of instances that are to have a task. */
const struct service_spec *daemon_spec(struct planner *planner, const struct target *target,
                                       const struct daemon *daemon);
/* The slot of the instance that the task is on, or NO_SLOT. */
uint32_t daemon_slot(const struct service_view *view, const char *instance);

/* The service is one, as it is declared or was last. */
bool daemon_owns(const struct planner *planner, const struct world_service *service);
/* Its tasks come before others (ecs.md 1.5): where one is missing, its room is kept. */
void daemons_keep_room(struct planner *planner);

/* ---- Rollout --------------------------------------------------------------------------------- */

/* Which tasks hold the slots of their instances; those are counted. */
void daemon_hold(struct planner *planner, struct service_view *view, struct count *count);
void daemon_hold_pending(const struct service_view *view, struct count *count,
                         const struct plan_pending *pending, bool current);
/* Where the missing tasks go, and what is not there yet; `is_ready` asks for it. */
typedef bool daemon_ready_fn(void *context, const struct world_instance *instance);
void daemon_prepare(struct planner *planner, struct service_view *view, const struct count *count,
                    daemon_ready_fn *is_ready, void *context);
/* May the task on its instance stop for a new one, which then starts? */
bool daemon_may_make_room(const struct planner *planner, const struct service_view *view,
                          const struct task_view *task);
/* What is unhealthy, one of two on an instance, and what is on one that is to have none: where it
 * is DRAINING, the last of all. */
void daemon_stop(struct planner *planner, struct service_view *view, struct count *count);

#endif
