/*
 * The planner: what is wanted, what is seen and what is remembered go in; single steps, facts and
 * the time to look again come out. Pure: same input, same plan, byte for byte. No clock, no I/O, no
 * globals, and it cannot fail: what it cannot act on becomes a reason to wait.
 */
#ifndef RECONCILER_PLAN_PLAN_H
#define RECONCILER_PLAN_PLAN_H

#include "reconciler/plan/goal.h"
#include "reconciler/plan/memory.h"
#include "spec/action.h"
#include "spec/base/arena.h"
#include "spec/world.h"

/* A task whose first container is being created: nothing of it is seen yet, but it counts. */
struct plan_pending {
    const char *unit;
    const char *task;
    const char *instance;
    uint32_t slot;
    const struct target *target;
};

/* What is kept from plan to plan, so that the next one costs what has changed and not what there
 * is.  It changes nothing in any plan. */
struct pools;
struct pools *pools_new(void);
void pools_free(struct pools *pools);

/* Everything the planner may look at.  If it is not here, the planner cannot depend on it. */
struct plan_input {
    const struct desired *desired; /* NULL: no commit was ever accepted; nothing is then touched */
    const struct world *world;
    const struct memory *memory;
    const struct plan_pending *pending;
    size_t pending_count;
    const char *const *setting_up; /* load balancers on which an action is under way */
    size_t setting_up_count;
    /* What the commits that running tasks name declared then, read again because nothing was
     * remembered; else none. */
    struct goal *const *recalled;
    size_t recalled_count;
    const char *owner;
    const char *root;    /* root commit of the repository, for the claim */
    bool take_over;      /* an engine that another repository claimed becomes ours */
    bool prune_allowed;  /* this generation's removals were confirmed */
    bool as_claimed;     /* a preview: as if engines were claimed, which a run does first */
    const char *sandbox; /* tag of the sandbox image */
    int64_t now_ms;      /* wall clock */
    struct pools *pools; /* of this world only, while it lives; NULL: none are kept */
};

/* One thing to plan: a service by "CLUSTER/SERVICE", an instance by name, or a load balancer by
 * BALANCER_KEY and its name, a schedule by SCHEDULE_KEY and its name. */
struct plan_unit {
    enum dirty_kind kind;
    const char *key;
};
enum dirty_kind plan_unit_kind(const char *key);
/* The load balancers that a service is, or was, behind: when it is planned they are, too. */
typedef void plan_balancer_fn(void *context, const char *key);
void plan_balancers_of(const struct plan_input *input, const char *service_key,
                       plan_balancer_fn *fn, void *context);

/* Why a unit does not move, for people. */
struct plan_wait {
    const char *unit;
    const char *reason;
    bool is_progress; /* its own work goes on, nothing is in its way */
    bool is_rest;     /* nothing is to be done before a time: everything is as it should be */
    size_t steady;    /* so much of the reason stays as it is while that work goes on */
};

/* Long work on an image that a unit waits for: it goes on, is about to, or pauses. */
struct plan_work {
    const char *unit;
    enum action_kind kind;
    const char *instance;
    const char *object;
};

struct plan {
    struct action *actions; /* in the order they should be tried */
    size_t action_count;
    struct fact *facts; /* to be made durable, applied, and then the same units planned again */
    size_t fact_count;
    struct plan_wait *waits;
    size_t wait_count;
    struct plan_work *works;
    size_t work_count;
    bool *looked;  /* of each unit: `works` has all that it needs; else there may be more */
    bool *watches; /* of each unit: it waits for nothing, and an instance may let it do more */
    int64_t *wake_at_ms; /* of each unit: plan it again no later; INT64_MAX: only on events */
};

/* Units are planned in the order given. When facts come out, actions of those units are incomplete:
 * apply the facts and plan again. */
void plan_compute(const struct plan_input *input, const struct plan_unit *units, size_t unit_count,
                  struct arena *arena, struct plan *out);

/* Every unit there is: desired, remembered, seen; services by key, then instances, then load
 * balancers by name. */
size_t plan_units(const struct plan_input *input, struct arena *arena, struct plan_unit **out);

/* An image that the service's newest deployment needs was built in vain, so often or in such a way
 * that another try would be no different: only a commit, or a person, helps. It is tried again all
 * the same, with growing pauses. */
bool plan_is_unbuildable(const struct plan_input *input, const struct memory_service *service);

/* Why an image whose Image is not declared any more stays until it is confirmed; NULL: it need
 * not. */
const char *image_guard(const struct plan_input *input, const char *name);

/* What a run of a job waits for begins so, when none of its tasks will do any more. */
#define JOB_IS_OVER "it is over"

/* How a task stands: of ecs.md 1.4 what there is here. */
#define TASK_STATUSES(X)                                                                           \
    X(PENDING, "PENDING")       /* it waits for a place, or for what it depends on */              \
    X(ACTIVATING, "ACTIVATING") /* images come, containers are created and started */              \
    X(RUNNING, "RUNNING")                                                                          \
    X(STOPPING, "STOPPING")                                                                        \
    X(DEPROVISIONING, "DEPROVISIONING") /* stopped; its containers are still there */              \
    X(STOPPED, "STOPPED")

#define PLAN_ENUM_TASK(name, text) TASK_##name,
enum task_status { TASK_STATUSES(PLAN_ENUM_TASK) TASK_STATUS_COUNT };
#undef PLAN_ENUM_TASK
const char *task_status_text(enum task_status status);

/* A task that is wanted now and of which nothing is seen yet. */
struct wanted_task {
    struct task_identity identity; /* as its containers will say */
    const struct target *target;
    const char *instance; /* NULL: it has no place yet */
    enum task_status status;
    const char *reason; /* what it waits for */
};

/* How a service stands, by the same rules the planner uses. */
struct service_status {
    const char *key;
    uint32_t desired;
    uint32_t running; /* RUNNING, ecs.md 1.4 */
    uint32_t pending; /* PENDING and ACTIVATING, `wanted` among them */
    uint32_t healthy; /* ecs.md 1.5 */
    uint32_t stopping;
    uint32_t current; /* alive tasks of the revision it is being brought to */
    const struct deployment *primary;
    const char *wait; /* NULL: nothing to wait for */
    bool steady;      /* primary COMPLETED and nothing to do */
    struct wanted_task *wanted;
    size_t wanted_count;
};
void plan_service_status(const struct plan_input *input, const char *key, struct arena *arena,
                         struct service_status *out);

struct task_state {
    const struct world_task *task;
    enum task_status status;
    enum health_status health;  /* ecs.md 1.4: NONE is UNKNOWN */
    bool healthy;               /* as deployments count it, ecs.md 1.5 */
    int64_t healthy_at_ms;      /* without a check: when it will count as healthy; 0: it does, or a
                                * check decides */
    uint32_t min_ready_seconds; /* for that it waits so long after its start */
    const char *reason;         /* stopping or stopped: why; activating: what it waits for */
};
/* Why a task was stopped for its checks: ECS's sentence, whole, since scripts look for it. What
 * follows it in brackets, to the end of the line, is the container's name and check_failure(). */
#define CHECK_FAILED "Task failed container health checks"
/* How the last run of a health check failed: "exit code 1: db is down", with `last_line` nothing
 * but the last line of what it wrote; NULL: it did not. */
const char *check_failure(const struct world_container *container, bool last_line,
                          struct arena *arena);
void plan_task_state(const struct plan_input *input, const struct world_task *task,
                     struct arena *arena, struct task_state *out);

#endif
