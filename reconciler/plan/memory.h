/*
 * Memory: what must outlive a restart, as the planner reads it. It changes only through facts,
 * which the planner states and the shell makes durable before it releases the actions that depend
 * on them.
 */
#ifndef RECONCILER_PLAN_MEMORY_H
#define RECONCILER_PLAN_MEMORY_H

#include "reconciler/plan/goal.h"
#include "reconciler/plan/memory_words.h"
#include "reconciler/plan/scale.h"
#include "spec/base/base.h"
#include "spec/base/hash.h"
#include "spec/base/intern.h"
#include "spec/world.h"

/* What a deployment pinned for one container. */
struct pin {
    const char *image_id; /* "sha256:..." on the engine; NULL: not pinned yet */
    const char *digest;   /* "sha256:..." in the registry; NULL: none */
};

/* Bringing a service to one revision. */
struct deployment {
    char id[DEPLOYMENT_ID_SIZE];
    char commit[COMMIT_SIZE];
    enum rollout_state state;
    bool rollback;         /* made by the circuit breaker */
    bool proven;           /* it was completed with healthy tasks; a rollback leads to such a one */
    uint32_t failed_tasks; /* counts for the circuit breaker; reset when a task gets healthy */
    uint32_t attempt_max;  /* of all its tasks that are gone */
    int64_t created_ms;
    int64_t updated_ms;
    const char *reason; /* rolloutStateReason */
    struct goal *goal;  /* counted */
    struct pin *pins;   /* one per container of the goal */
};

/* What is remembered of a task: why it was stopped, and whether it was ever healthy. */
struct task_record {
    char id[TASK_ID_SIZE];
    const char *deployment; /* this and the next two: NULL, in a fact, is as good as "" */
    const char *revision;
    const char *commit;
    const char *cluster;
    const char *service;
    const char *instance;
    uint32_t slot;
    uint32_t attempt;
    enum stop_code stop_code;
    const char *started_by; /* of a job: who asked for it, in their words; NULL or "": not said */
    const char *begun;      /* likewise: its containers that were started, or about to be, each
                             * between spaces; NULL or "": none */
    const char *reason;     /* stoppedReason */
    int exit_code;          /* of the essential container that ended it; -1: none */
    bool failed;        /* it ended by itself or was unhealthy: counts for the circuit breaker */
    int64_t due_ms;     /* of a run of a schedule: when it was due; 0: of none */
    int64_t claimed_ms; /* of a job: when `instance` became the one it runs on; 0: not yet */
    int64_t started_ms;
    int64_t healthy_ms;  /* first seen healthy; 0: never */
    int64_t stopping_ms; /* decided to stop it; 0: not */
    int64_t stopped_ms;  /* recorded as stopped, counted; 0: not */
};

const char *task_word(const char *word); /* NULL is "" */

/* An image that a pull of ours brought to an engine, and the names that pulls of ours gave it. */
struct image_record {
    const char *engine;     /* its id */
    const char *image_id;   /* "sha256:..." */
    const char *references; /* as they were pulled, separated by spaces; "": it is ours no more */
    const char *name;       /* of the Image it was last pulled for; NULL: none */
    int64_t brought_ms;     /* when it was last given a name */
};

/* What is remembered of an instance. One of which nothing is, is all zero but for its name. */
struct host_record {
    const char *instance;
    /* When a person gave it up: what was there counts as gone until it is listed again; 0: not. */
    int64_t forgotten_ms;
    int64_t installed_ms;                  /* when we installed Docker there; 0: we did not */
    const struct maintenance *maintenance; /* maintenance.h; NULL: none was begun */
};

#define FACT_KINDS(X)                                                                              \
    X(DEPLOYMENT, "deployment") /* started, or changed: the whole record */                        \
    X(TASK, "task")             /* likewise */                                                     \
    X(QUARANTINE, "quarantine") /* `text` is the revision, "" lifts it */                          \
    X(HOLD, "hold")         /* its removal waits for a confirmation; `text` why, "" lifts it */    \
    X(REMOVAL, "removal")   /* it may go and does; `text` the commit, "": it is declared again */  \
    X(SUSPEND, "suspend")   /* `text` by whom and why, "" resumes */                               \
    X(FREEZE, "freeze")     /* `text` the differences that are left alone, "" lifts it */          \
    X(THROTTLE, "throttle") /* of the deployment `text`, as `throttle` says */                     \
    X(EVENT, "event")       /* `text` as ECS words it; service NULL: of a cluster */               \
    X(IMAGE, "image")       /* the whole record; of no service */                                  \
    X(HOST, "host")         /* the whole record; of no service */                                  \
    X(SCHEDULE, "schedule") /* the whole record; of no service */                                  \
    X(SCALE, "scale")       /* `scaling` from then on; not set: it is scaled no more */            \
    X(LINES, "lines")       /* what a container of a task wrote last */                            \
    X(FORGET, "forget")     /* the service is gone; its history stays */

#define MEMORY_ENUM_FACT(name, text) FACT_##name,
enum fact_kind { FACT_KINDS(MEMORY_ENUM_FACT) FACT_KIND_COUNT };
#undef MEMORY_ENUM_FACT

/* How tasks of one deployment fail to start: so often in a row; the next try is then. */
struct throttle {
    uint32_t start_failures;
    int64_t retry_at_ms;
};

/* spec/last_lines.h.  Memory only knows that they are kept: they are for people. */
struct task_lines {
    const char *task;
    const char *container;
    const char *text;
};

/* What is told of a change of the count, for people. */
struct scaling_words {
    const char *cause;
    const char *inputs; /* the datapoints and counts that led to it; NULL: none did */
};

struct fact {
    enum fact_kind kind;
    bool durable; /* false: learnt from results, may be lost with the process */
    const char *cluster;
    const char *service;
    int64_t at_ms;
    const char *text;
    const char *commit; /* QUARANTINE, EVENT: the commit it belongs to; may be NULL */
    const struct deployment *deployment;
    const struct task_record *task;
    const struct image_record *image;
    const struct host_record *host;
    const struct schedule_record *schedule; /* memory_schedules.h */
    const struct task_lines *lines;
    const struct scaling *scaling;
    const struct scaling_words *words; /* of a new count; NULL: it is the old one */
    struct throttle throttle;
};

/* A deployment owns its texts. */
struct memory_deployment {
    struct deployment record;
    struct throttle throttle;
    struct arena arena;
    struct memory_deployment *older;
};

struct memory_task {
    struct task_record record;      /* its texts are the memory's: most tasks share them */
    char *has_lines;                /* names of containers, each between spaces; NULL: none */
    struct memory_service *service; /* NULL: it was forgotten, or never remembered */
    struct memory_task *next;       /* of the service, in no order */
    struct memory_task *previous;   /* the first one's is the last */
    struct memory_task *claim_next; /* in memory->claims; */
    struct memory_task *claim_previous;
    bool is_claim; /* it is in there */
    UT_hash_handle by_id;
};

struct memory_image {
    struct image_record record;
    struct arena arena;
    char *key;
    UT_hash_handle by_key;
};

struct memory_service {
    char *key;
    char *cluster;
    char *service;
    struct memory_deployment *newest; /* PRIMARY; older ones follow */
    struct memory_task *tasks;
    char quarantined[SHA256_HEX_SIZE];
    char *hold;         /* NULL: none */
    char *removal;      /* the commit that removes it, from when it was allowed to; NULL: none */
    int64_t removal_ms; /* when that was */
    char *suspended;    /* NULL: not */
    char *frozen;       /* differences that are left alone, separated by ", "; NULL: none */
    int64_t thawed_ms;
    struct scaling scaling;
    UT_hash_handle by_key;
};

struct memory {
    struct memory_service *services;
    struct memory_task *tasks;
    struct memory_task *claims; /* of jobs: those that have an instance, and have not stopped */
    struct memory_image *images;
    struct memory_schedule *schedules; /* memory_schedules.h */
    struct memory_host *hosts;         /* memory_hosts.h */
    struct memory_host *hosts_by_engine;
    uint64_t host_changes; /* grows with each of them */
    struct interned texts; /* of the tasks */
};

struct memory *memory_new(void);
void memory_free(struct memory *memory);
DEFINE_AUTO(memory, memory_free)

void memory_apply(struct memory *memory, const struct fact *fact);
/* A memory of its own, to try facts on. */
struct memory *memory_copy(const struct memory *memory);
/* Drops records of tasks that stopped before `before_ms` and are not in the world any more, and
 * deployments that nothing refers to, all instances known, and images of engines long gone. */
void memory_expire(struct memory *memory, const struct world *world, int64_t before_ms);

/* The clock was moved by so much: remembered times move along.  (In memory only: the store keeps
 * what was true when it was written.) */
void memory_clock_moved(struct memory *memory, int64_t moved_ms);
/* Nothing that is remembered can be of the future: the clock was moved back while nobody looked. */
void memory_clock_limit(struct memory *memory, int64_t now_ms);

const struct memory_service *memory_service(const struct memory *memory, const char *key);
const struct task_record *memory_task(const struct memory *memory, const char *id);
/* Is it kept what this container of a remembered task wrote last? */
bool memory_has_lines(const struct memory *memory, const char *task, const char *container);
/* NULL: no pull of ours brought it. */
const struct image_record *memory_image(const struct memory *memory, const char *engine,
                                        const char *image_id);
/* NULL: nothing is remembered of it; by the ID of the engine that was maintained. */
const struct host_record *memory_host(const struct memory *memory, const char *instance);
const struct host_record *memory_host_of(const struct memory *memory, const char *engine);
/* The newest deployment: ECS's PRIMARY; NULL: none yet. */
const struct deployment *memory_primary(const struct memory_service *service);
/* Where a rollback would go, and what stands in for tasks that PRIMARY lacks: the newest deployment
 * of another revision that has proved itself, and did not fail since; one that led back to such a
 * revision is as good, though another one overtook it.  NULL: PRIMARY has, or none did. */
const struct deployment *memory_fallback(const struct memory_service *service);
/* Not forgotten for its age: a rollback leads to it, it has tasks, or a volume to be removed. */
bool memory_needs_deployment(const struct memory_service *service, const struct world *world,
                             const struct deployment *deployment);
const struct deployment *memory_deployment(const struct memory_service *service, const char *id);
/* The volumes that its remembered deployments name, each once, as the newest of those says. */
size_t memory_volumes(const struct memory_service *service, struct arena *arena,
                      const struct volume ***out);
/* All zero for one that is not remembered. */
struct throttle memory_throttle(const struct memory_service *service, const char *deployment);
/* The one whose revision is quarantined; NULL: none is, or it is not remembered. */
const struct deployment *memory_failed(const struct memory_service *service);
/* The newest one of a revision. */
const struct deployment *memory_revision(const struct memory_service *service,
                                         const char *revision);

#endif
