/*
 * How many tasks of a service there are, for the files of the rollout.
 */
#ifndef RECONCILER_PLAN_ROLLOUT_INT_H
#define RECONCILER_PLAN_ROLLOUT_INT_H

#include "reconciler/plan/place.h"

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
    struct task_view **strays;  /* in a pool: those that hold a slot, their own or another */
    size_t stray_count;
    struct task_view unseen; /* holds the slots of tasks that are being created */
};

/* Alive, of another revision than is wanted, and not unhealthy. */
bool is_good_old(const struct task_view *task);
void count_tasks(struct planner *planner, struct service_view *view, struct count *count);

/* ---- In a pool ------------------------------------------------------------------------------ */

/* What the next task of a slot is called before it has a place. */
const char *slot_name(struct planner *planner, const struct deployment *deployment, uint32_t slot);
/* Images, network and volumes are there; else they are brought, and it waits. */
bool host_ready(struct planner *planner, const struct deployment *deployment,
                const struct world_instance *instance, bool starting);

#endif
