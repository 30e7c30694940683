/*
 * What the policies of the planner share: the plan under construction, and the view of one service.
 */
#ifndef RECONCILER_PLAN_PLAN_INT_H
#define RECONCILER_PLAN_PLAN_INT_H

#include "reconciler/plan/plan.h"
#include "spec/kinds/kinds.h"

#define NEVER INT64_MAX
struct placement;
struct place_names;
struct placing;
struct pool;
struct slot_place;
struct service_view;
struct daemon;

/* Tasks that are wanted and not seen, for people. */
struct wanted_list {
    struct wanted_task *items;
    size_t count;
    size_t capacity;
};

struct planner {
    const struct plan_input *input;
    struct arena *arena;
    struct arena *scratch; /* of the unit: nothing of the plan is in it */
    struct plan *plan;
    size_t action_capacity, fact_capacity, wait_capacity, work_capacity, pending_count;
    const char *unit;  /* what is being planned */
    size_t unit_facts; /* stated before it */
    size_t unit_waits;
    bool unit_looked;
    bool unit_watches;
    int64_t wake_at_ms;                  /* of the unit */
    struct placement *placement;         /* place.c; NULL: not counted yet */
    struct pools *pools;                 /* pools.h; likewise */
    struct placing *placings;            /* place_pool.c: likewise */
    struct image_source *sources;        /* image_built.c: likewise */
    const struct plan_pending **pending; /* pending.c: by unit; likewise */
    struct place_names *names;           /* place.c; likewise */
    const struct service_view *view;     /* of the unit, once it is made */
    struct wanted_list *wanted;          /* NULL: nobody asks */
};

struct action *plan_action(struct planner *planner, enum action_kind kind, const char *instance,
                           const char *object);
struct fact *plan_fact(struct planner *planner, enum fact_kind kind, const char *cluster,
                       const char *service);
void plan_wait(struct planner *planner, const char *format, ...) PRINTF_LIKE(2, 3);
/* Likewise, for what ends by itself; for what begins at a time, all being well until then. */
void plan_progress(struct planner *planner, const char *format, ...) PRINTF_LIKE(2, 3);
void plan_rest(struct planner *planner, const char *format, ...) PRINTF_LIKE(2, 3);
/* And how far it is. */
void plan_progress_at(struct planner *planner, const char *where, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The unit waits for this work. */
void plan_work(struct planner *planner, enum action_kind kind, const char *instance,
               const char *object);
/* A task of the deployment is wanted and not seen, if anybody asks. */
void plan_wanted(struct planner *planner, const struct wanted_task *task);
void placings_drop(struct planner *planner);
/* Did the unit state a fact, find something to wait for? */
bool unit_stated(const struct planner *planner);
bool unit_waits(const struct planner *planner);
void plan_wake(struct planner *planner, int64_t at_ms);
/* Whatever an instance has, or is, may change what the unit does; of an instance: a service. */
void plan_watch(struct planner *planner);

/* When work that failed is tried again: 1 s, 2 s, 4 s ... up to 15 minutes after its last end. */
int64_t retry_at_ms(uint32_t failures, int64_t ended_ms);

/* May this step be tried now?  False after a failure until its pause is over (the planner is then
 * woken), and for ever when only other input mends it. */
bool effort_allows(struct planner *planner, const struct world_instance *instance,
                   enum action_kind kind, const char *object);
/* Likewise, and the unit waits for the end of the pause, or of the step that is under way: whoever
 * waits for nothing is at rest. */
bool step_allowed(struct planner *planner, const struct world_instance *instance,
                  enum action_kind kind, const char *object);
/* As effort_allows(), with failures before that time forgotten: they held back something older. */
bool effort_allows_since(struct planner *planner, const struct world_instance *instance,
                         enum action_kind kind, const char *object, int64_t since_ms);
const struct world_effort *effort_of(struct planner *planner, const struct world_instance *instance,
                                     enum action_kind kind, const char *object);

/* Why a task ends whose service git does not declare any more. */
#define SERVICE_REMOVED "the service was removed from the repository"

/* ---- match: what a task is and how it stands ------------------------------------------------ */

struct task_view {
    const struct world_task *task;
    const struct world_instance *instance;
    const struct target *target;         /* what it was made from; NULL: not remembered */
    const struct deployment *deployment; /* NULL: not remembered */
    const struct task_record *record;    /* NULL: nothing remembered of it */
    enum task_status status;
    enum health_status health;
    bool current;           /* of the revision its service is being brought to */
    bool unknown;           /* not inspected, or its instance is lost: no conclusion is drawn */
    bool healthy;           /* ecs.md 1.5 */
    bool unhealthy;         /* a check failed, someone paused or altered it */
    bool ended;             /* it cannot go on: it is wound down and recorded as failed, */
    bool excused;           /* unless its end says nothing about its revision */
    const char *difference; /* a field that is not as it was created; NULL: none */
    bool drifted;           /* for that it is to be replaced: it is not frozen */
    bool leaving;           /* healthy or not, it is to be replaced: its instance is DRAINING */
    bool holds;             /* a slot, in a pool: rollout_count.c */
    bool in_the_way;        /* of one that finds no place: without it there is one */
    bool given_up;          /* its instance does not answer for too long: it counts no more */
    bool came_so;           /* likewise, and it was never healthy without */
    enum stop_code stop_code;
    const char *reason;
    int exit_code;
    int64_t healthy_at_ms; /* without a check, when it will be healthy; 0: no matter of time */
    uint32_t min_ready_seconds;
    const char *traffic; /* why its targets are not healthy; NULL: they are, or it has none */
    int64_t started_ms;  /* the last start of any container of it, our clock; 0: none was started */
};

void task_view_make(struct planner *planner, const struct world_task *task,
                    const struct memory_service *memory, const struct goal *current,
                    struct task_view *out);
const struct container_definition *definition_find(const struct target *target, const char *name);
bool container_ran(const struct world_container *container); /* it was started once */
bool container_is_up(const struct world_container *container);
bool container_is_over(const struct world_container *container);
bool container_restarts(const struct container_definition *definition,
                        const struct world_container *container);
/* Why a create or start of a container is not tried any more; NULL: it did not fail for good. */
const char *step_failure(struct planner *planner, const struct world_instance *instance,
                         enum action_kind kind, const char *name);
bool is_alive(const struct task_view *view); /* counts as RUNNING or PENDING, ecs.md 1.5 */

/* ---- order: the next steps of one task ------------------------------------------------------ */

/* The next steps of one that is there. */
void task_step(struct planner *planner, const struct task_view *task,
               const struct deployment *primary);
/* Brings a task up.  `task` is NULL for one that does not exist yet. */
void task_advance(struct planner *planner, const struct deployment *deployment,
                  const struct task_identity *identity, const struct world_instance *instance,
                  const struct world_task *task);
/* Takes it down, dependents first, and removes it once its end is recorded. */
void task_wind_down(struct planner *planner, const struct task_view *view, bool recorded);

/* ---- image: what containers are created from ------------------------------------------------ */

/* True when every container of the deployment has its image on the instance and is pinned. When no
 * task is about to start, tags that are looked up anew for each are left alone. */
bool images_ready(struct planner *planner, const struct deployment *deployment,
                  const struct world_instance *instance, bool starting);
/* The id of an image that was built and needs no push; NULL: there is none. */
const char *image_built(const struct service_view *view, const struct target_image *image);
/* What is pinned, or the same as that on the instance; NULL: it is not there. */
const char *image_there(struct planner *planner, const struct deployment *deployment, size_t index,
                        const struct world_instance *instance);
/* It was told that a task cannot start, and now it can.  True when that was stated. */
bool image_able_again(struct planner *planner, const struct deployment *deployment);
/* How often an image could not be had, in a row and since the deployment began. */
uint32_t image_failures(struct planner *planner, const struct service_view *view);
const char *image_failure(struct planner *planner, const struct service_view *view);

/* ---- retain: which images stay -------------------------------------------------------------- */

/* States what pulls brought, and what is gone. True when facts came out. */
bool images_recorded(struct planner *planner, const struct world_instance *instance);
void prune_images(struct planner *planner, const struct world_instance *instance);

/* ---- rollout, breaker, prune ---------------------------------------------------------------- */

struct service_view {
    const struct desired_service *desired;
    const struct service_spec *spec; /* of the current commit: counts (of a DAEMON, of its
                                      * instances) and percentages */
    const struct memory_service *memory;
    const struct deployment *primary;
    const struct deployment *fallback;     /* memory_fallback() */
    const struct world_instance *instance; /* the local engine, of FARGATE; */
    struct pool *pool;                     /* else the instances, */
    const struct daemon *daemon;           /* and those that are to have a task; NULL: REPLICA */
    struct slot_place *places;             /* of a pool, by slot: rollout_prepare() */
    const char *cluster;
    const char *service;
    struct task_view *tasks; /* by slot, attempt, id */
    size_t task_count;
    uint32_t *attempts; /* by slot of the current commit: the highest that is seen */
    uint32_t healthy;   /* slots of the current revision, as the rollout left them */
    bool has_place;     /* in a pool without room for more: an instance could take one more */
    bool is_free;       /* no service that it depends on holds it back */
    bool may_start;     /* images, network and dependencies are ready */
};

uint32_t lower_bound(const struct service_spec *spec); /* ceil and floor of ecs.md 1.5, */
uint32_t upper_bound(const struct service_spec *spec); /* "Rolling update" */
/* ecs.md 1.5, "Circuit breaker". */
uint32_t breaker_threshold(const struct service_spec *spec);

void service_view_make(struct planner *planner, const struct desired_service *desired,
                       struct service_view *out);
/* Of a service that git no longer declares. */
void removed_view_make(struct planner *planner, const char *key, struct service_view *view);
/* Who the next task of a slot will be, on that instance (of a pool; else NULL): one that was never
 * seen. */
void next_identity(const struct service_view *view, const struct deployment *deployment,
                   uint32_t slot, const char *instance, struct task_identity *out);
void plan_service(struct planner *planner, const char *key);
void plan_removed(struct planner *planner, const char *key);
/* Why a removal has to be confirmed; NULL: it need not.  As it is now, or between two commits. */
const char *removal_guard(const struct plan_input *input, const struct memory_service *memory,
                          struct arena *arena);
const char *removal_guard_between(const struct desired *before, const struct desired *after,
                                  const struct desired_service *removed, struct arena *arena);
/* Is an undeclared service held, or not judged yet?  Then all else that goes waits, too. */
bool removal_is_open(const struct plan_input *input);
void plan_instance(struct planner *planner, const char *name);
/* What its containers are created from, as far as that is known without asking anyone. */
void pins_make(const struct planner *planner, const struct service_view *view,
               struct deployment *deployment);
#define FOUND_RUNNING "found running, as commit " /* then recall() stated the deployment */
/* With nothing remembered: states the revision that runs, if that is known.  True when it did. */
bool recall(struct planner *planner, const struct service_view *view);
/* States which tasks run, got healthy, ended.  True when facts came out. */
bool record_tasks(struct planner *planner, struct service_view *view);
/* A task of the deployment (NULL: none that is remembered) ended that ran for so long (0: never):
 * when it never got going, that deployment's next one waits (ecs.md 1.5, throttle), and true. */
bool throttle(struct planner *planner, const struct service_view *view, const struct deployment *of,
              int64_t ran_ms);
void throttle_end(struct planner *planner, const struct service_view *view,
                  const struct deployment *of);
bool breaker(struct planner *planner, const struct service_view *view); /* true: it just failed */
void stop_task(struct planner *planner, const struct service_view *view, struct task_view *task,
               enum stop_code code, const char *reason);
struct deployment *deployment_copy(struct planner *planner, const struct deployment *from);
void service_event(struct planner *planner, const struct service_view *view, const char *format,
                   ...) PRINTF_LIKE(3, 4);
void deployment_fact(struct planner *planner, const struct service_view *view,
                     const struct deployment *deployment);

/* ---- oscillate: what comes back as often as it is mended ------------------------------------- */

bool oscillate(struct planner *planner, const struct service_view *view); /* true: it froze one */
bool is_frozen(const struct memory_service *memory, const char *field);
#define CAME_SO "is not as it was created" /* behind a field: the task came with the difference */
void name_frozen(struct planner *planner, const struct service_view *view); /* it waits for that */

#endif
