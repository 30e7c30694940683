/*
 * How many tasks of a service there are, for the files of the rollout.
 */
#ifndef RECONCILER_PLAN_ROLLOUT_INT_H
#define RECONCILER_PLAN_ROLLOUT_INT_H

#include "reconciler/plan/placing.h"

/* What is on the instance of a slot of a DAEMON. */
enum presence {
    THERE_NONE,
    THERE_ENDING, /* a task that is being stopped */
    THERE_ALIVE
};

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
    bool wait_for_place;        /* some that may run: only what is in the way makes room */
    struct task_view **holders; /* by slot: its good current task, or NULL */
    bool *coming_old;           /* by slot: a task of another revision is being created */
    struct task_view **strays;  /* in a pool: those that hold a slot, their own or another */
    size_t stray_count;
    uint32_t coming; /* in a pool: good current tasks beyond the slots that are being created, */
    uint32_t going;  /* and those that are where they can't stay, which end as soon as they came */
    struct task_view *moving; /* it is to take another one's place: rebalance.c */
    enum presence *there;     /* by slot, of a DAEMON */
    struct task_view unseen;  /* holds the slots of tasks that are being created */
};

/* Alive, of the revision that is wanted, and fit to stay. */
bool is_good(const struct task_view *task);
/* Alive, of another revision than is wanted, and not unhealthy. */
bool is_good_old(const struct task_view *task);
/* It is a DAEMON's and leaves its instance, by a rule of its own. */
bool is_apart(const struct service_view *view, const struct task_view *task);
void count_tasks(struct planner *planner, struct service_view *view, struct count *count);

/* As if that deployment were the newest. */
void service_view_as(struct planner *planner, const struct desired_service *desired,
                     const struct deployment *primary, struct service_view *out);
void rollout(struct planner *planner, struct service_view *view);
/* Has a slot no good task, and none on its way? */
bool rollout_is_short(struct planner *planner, struct service_view *view);
/* In a pool: where the missing tasks go, and what has to be there first. */
void rollout_prepare(struct planner *planner, struct service_view *view);
/* So many tasks may run and find no place: marks those that are to make room (in_the_way), what is
 * unhealthy first; those that stop do already. */
void rollout_make_way(struct planner *planner, struct service_view *view, uint32_t tasks);

/* Step 6: the lower bound leaves room. */
bool rollout_may_lose(const struct count *count, const struct task_view *task);
void rollout_stop_task(struct planner *planner, struct service_view *view, struct count *count,
                       struct task_view *task, const char *reason);
/* With an instance: it is there that all is ready. */
void rollout_start_task(struct planner *planner, const struct service_view *view,
                        const struct deployment *deployment, uint32_t slot,
                        const struct world_instance *instance);

/* ---- In a pool ------------------------------------------------------------------------------ */

/* What the next task of a slot is called before it has a place. */
const char *slot_name(struct planner *planner, const struct deployment *deployment, uint32_t slot);
/* Images, network and volumes are there; else they are brought, and it waits. */
bool host_ready(struct planner *planner, const struct deployment *deployment,
                const struct world_instance *instance, bool starting);

/* All its containers have ended. */
bool task_is_over(const struct world_task *task);
/* A task that leaves its host is to stop before its successor runs.  Only where the data is can
 * some services run: while that host is maintained they do not, and stop when only the like of
 * them, and DAEMON services, are left there; others may depend on them until they moved.  And one
 * whose successor waits for such a service would keep the host from ever being empty. */
bool stops_for_its_host(struct planner *planner, const struct service_view *view,
                        const struct task_view *task);

#endif
