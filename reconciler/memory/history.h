/*
 * History: what happened, for people.  Nothing is decided by it.
 *
 * What it keeps: HISTORY_EVENTS events per service, HISTORY_DEPLOYMENTS deployments per service,
 * stopped tasks for HISTORY_TASKS_MS and at most HISTORY_TASKS of them (those of jobs for
 * HISTORY_AGE_MS, HISTORY_JOBS of a family and HISTORY_JOBS_ALL of all), HISTORY_LINES_BYTES of
 * what they wrote last, HISTORY_ACTIVITIES of auto scaling per service, HISTORY_COMMITS commits;
 * nothing but deployments and commits longer than
 * HISTORY_AGE_MS.
 */
#ifndef RECONCILER_MEMORY_HISTORY_H
#define RECONCILER_MEMORY_HISTORY_H

#include "reconciler/memory/store.h"
#include "reconciler/plan/memory.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"

#define HISTORY_EVENTS      100 /* ecs.md 1.5: the latest 100 */
#define HISTORY_DEPLOYMENTS 1000
#define HISTORY_TASKS       2000
#define HISTORY_ACTIVITIES  100
#define HISTORY_COMMITS     10000
#define HISTORY_JOBS        100 /* of each family, */
#define HISTORY_JOBS_ALL    2000
#define HISTORY_LINES_BYTES (4 * 1024 * 1024)
#define HISTORY_TASKS_MS    (INT64_C(24) * 3600 * 1000)
#define HISTORY_AGE_MS      (INT64_C(90) * 24 * 3600 * 1000)
/* ecs.md 1.5: a cause that lasts is told again only after this time. It is over when another commit
 * or a steady state came in between. */
#define HISTORY_REPEAT_MS   (INT64_C(6) * 3600 * 1000)

/* What became of a commit. */
#define COMMIT_OUTCOMES(X)                                                                         \
    X(APPLIED, "applied")                                                                          \
    X(REJECTED, "rejected")                                                                        \
    X(SUPERSEDED, "superseded") /* a newer one came before it was looked at */

#define HISTORY_ENUM_OUTCOME(name, text) COMMIT_##name,
enum commit_outcome { COMMIT_OUTCOMES(HISTORY_ENUM_OUTCOME) COMMIT_OUTCOME_COUNT };
#undef HISTORY_ENUM_OUTCOME

const char *commit_outcome_text(enum commit_outcome outcome);

struct history_commit {
    int64_t number; /* grows; given by the store */
    char id[COMMIT_SIZE];
    const char *author;
    const char *email;
    const char *subject;
    int64_t committed_ms;
    int64_t seen_ms; /* when it got its outcome */
    enum commit_outcome outcome;
    const char *summary; /* "3 services changed"; of a rejected one its errors */
};

/* One transaction with where that leaves the installation.  On disk with the next durable fact:
 * what is lost is found again in the repository.  The same commit may be seen again with another
 * outcome: both rows stay. */
int history_add_commit(struct store *store, const struct history_commit *commit,
                       const struct store_progress *progress, struct err *err);

/* ecs.md 1.5, status of a deployment. */
#define DEPLOYMENT_STATUSES(X)                                                                     \
    X(PRIMARY, "PRIMARY")   /* the newest of its service */                                        \
    X(ACTIVE, "ACTIVE")     /* replaced, and some of its tasks are still there */                  \
    X(INACTIVE, "INACTIVE") /* replaced, or its service was removed */

#define HISTORY_ENUM_STATUS(name, text) DEPLOYMENT_##name,
enum deployment_status { DEPLOYMENT_STATUSES(HISTORY_ENUM_STATUS) DEPLOYMENT_STATUS_COUNT };
#undef HISTORY_ENUM_STATUS

const char *deployment_status_text(enum deployment_status status);

struct history_deployment {
    int64_t number; /* grows from deployment to deployment */
    char id[DEPLOYMENT_ID_SIZE];
    char revision[SHA256_HEX_SIZE];
    char commit[COMMIT_SIZE];
    const char *cluster;
    const char *service;
    const char *author;                   /* of the commit; NULL: it was not seen */
    const char *subject;                  /* likewise */
    enum rollout_state state;             /* the last: nothing moves it once it is replaced */
    enum deployment_status status;        /* now */
    char replaced_by[DEPLOYMENT_ID_SIZE]; /* the next of its service; "": none */
    bool rollback;
    uint32_t failed_tasks;
    const char *reason;
    int64_t created_ms;
    int64_t updated_ms;
};

struct history_event {
    int64_t id; /* grows */
    int64_t at_ms;
    const char *cluster; /* NULL: of no service */
    const char *service; /* likewise */
    char commit[COMMIT_SIZE];
    const char *text;
};

/* Which rows; zeroed: the newest of everything. */
struct history_filter {
    const char *cluster; /* NULL: all */
    const char *service; /* NULL: all */
    int64_t since;       /* event id: only those after it; 0: the newest, unless `after` */
    bool after;          /* the first that follow `since`, even when that is 0 */
    int64_t before;      /* number: only those before it (for the next page); 0: the newest */
    size_t limit;        /* 0: HISTORY_EVENTS; at most HISTORY_COMMITS */
};

/* Arrays and their texts go into the arena.  `filter` says which members count: */

/* cluster, service, since, limit.  In the order they happened; with `since` the first that follow
 * it, without the newest. */
int history_events(struct store *store, const struct history_filter *filter, struct arena *arena,
                   struct history_event **out, size_t *out_count, struct err *err);
/* cluster, service, before, limit.  Newest first. */
int history_deployments(struct store *store, const struct history_filter *filter,
                        struct arena *arena, struct history_deployment **out, size_t *out_count,
                        struct err *err);
/* before, limit.  Newest first. */
int history_commits(struct store *store, const struct history_filter *filter, struct arena *arena,
                    struct history_commit **out, size_t *out_count, struct err *err);
/* The last thing that happened to one commit, which `id` may name by its first digits (at least 4);
 * ERR_NOT_FOUND when there is none, ERR_INVALID when there are several. */
int history_commit(struct store *store, const char *id, struct arena *arena,
                   struct history_commit *out, struct err *err);
/* cluster, service, limit.  Stopped tasks of services, last stopped first. */
int history_tasks(struct store *store, const struct history_filter *filter, struct arena *arena,
                  struct task_record **out, size_t *out_count, struct err *err);
/* cluster, service (the group of a job, "family:FAMILY"), limit.  Stopped tasks of jobs, last
 * stopped first. */
int history_jobs(struct store *store, const struct history_filter *filter, struct arena *arena,
                 struct task_record **out, size_t *out_count, struct err *err);
/* ecs.md 1.8, StatusCode of a ScalingActivity. */
#define ACTIVITY_STATUSES(X)                                                                       \
    X(IN_PROGRESS, "InProgress") /* not all of the tasks run yet, or still do */                   \
    X(SUCCESSFUL, "Successful")                                                                    \
    X(OVERRIDDEN, "Overridden") /* the next one came before */                                     \
    X(FAILED, "Failed")

#define HISTORY_ENUM_ACTIVITY(name, text) ACTIVITY_##name,
enum activity_status { ACTIVITY_STATUSES(HISTORY_ENUM_ACTIVITY) ACTIVITY_STATUS_COUNT };
#undef HISTORY_ENUM_ACTIVITY

const char *activity_status_text(enum activity_status status);

/* One change of the count of a scaled service. */
struct history_activity {
    int64_t at_ms;
    int64_t ended_ms; /* 0: it is in progress */
    uint32_t from;
    uint32_t to;
    enum activity_status status;
    const char *cause;
    const char *inputs; /* NULL: no policy made it */
};

/* Newest first. */
int history_activities(struct store *store, const char *cluster, const char *service,
                       struct arena *arena, struct history_activity **out, size_t *out_count,
                       struct err *err);
/* Of a stopped task, each container's, by name; spec/last_lines.h.  Words of a program: the socket
 * serves them only. */
int history_lines(struct store *store, const char *task, struct arena *arena,
                  struct task_lines **out, size_t *out_count, struct err *err);

#endif
