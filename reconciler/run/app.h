/*
 * The running program: everything mutable hangs from one struct app, which is passed down. All of
 * it belongs to the loop's thread; workers get copies.
 */
#ifndef RECONCILER_RUN_APP_H
#define RECONCILER_RUN_APP_H

#include "drivers/driver.h"
#include "drivers/io/loop.h"
#include "reconciler/memory/history.h"
#include "reconciler/memory/store.h"
#include "reconciler/plan/plan.h"
#include "reconciler/run/log.h"
#include "reconciler/run/options.h"
#include "reconciler/run/outputs.h"
#include "reconciler/source/source.h"
#include "spec/base/err.h"
#include "spec/base/json.h"

struct app;
struct installer;
struct builds;
struct cycle;
struct executor;
struct follower;
struct metrics;
struct recall;
struct sampler;
struct scaler;
struct secrets;
struct teller;

/* X(constant, exit code of `berth apply`, text).  How the run ended. */
#define APP_OUTCOMES(X)                                                                            \
    X(CONVERGED, 0, "converged")                                                                   \
    X(FAILED, 1, "failed")                                                                         \
    X(INVALID, 2, "invalid")                                                                       \
    X(ROLLED_BACK, 3, "rolledBack")                                                                \
    X(TIMED_OUT, 4, "timedOut")

#define APP_ENUM_OUTCOME(name, code, text) APP_##name = (code),
enum app_outcome { APP_OUTCOMES(APP_ENUM_OUTCOME) APP_OUTCOME_COUNT };
#undef APP_ENUM_OUTCOME
const char *app_outcome_text(enum app_outcome outcome);

/* Someone who wants to hear what happens (the API's followers, `apply` on a terminal). */
struct app_listener {
    void (*line)(void *context, const char *topic, const char *text);
    void *context;
    struct app_listener *next;
};

/* What knows the program and is not known by it: the API. */
struct app_part {
    void *(*start)(struct app *app, struct err *err); /* NULL: failed */
    void (*stop)(void *part);
};

struct app {
    const struct run_options *options;
    const struct app_part *part; /* NULL: none */
    void *part_state;            /* NULL: not started */
    struct loop *loop;
    struct store *store;
    struct store_progress progress; /* its texts live in progress_arena */
    struct arena progress_arena;
    struct memory *memory;
    struct world *world;
    struct desired *desired; /* NULL until a commit was accepted */
    struct source_options source_options;
    char *branch;          /* of source_options, when HEAD was asked for */
    char sandbox[64];      /* tag of the sandbox image */
    struct driver *driver; /* the fleet (fleet.h); NULL until the repository's root is known */
    char *rest_told;       /* what waits for a window, a line for each; NULL: nothing was told */
    char *fleet_state;     /* as it was remembered last; NULL: never */
    const char *reporting; /* the instance whose report is being applied; NULL: none */
    struct secrets *secrets;
    struct builds *builds;
    struct follower *follower;
    struct executor *executor;
    struct cycle *cycle;
    struct teller *teller;
    struct installer *installer;
    struct metrics *metrics; /* what was measured; never NULL while it runs */
    struct sampler *sampler; /* NULL: nothing is measured */
    struct scaler *scaler;   /* NULL: of an apply */
    struct outputs outputs;  /* of builds */
    struct recall *recall;   /* NULL: something is remembered */
    struct app_listener *listeners;
    struct timer deadline; /* of an apply */
    int64_t started_ms;    /* wall clock */
    bool prune_allowed;    /* the current generation's removals were confirmed */
    bool letting_go;       /* instances that left the repository are looked at soon */
    bool stopping;
    enum app_outcome outcome;
    struct err failure; /* what made going on senseless; ERR_OK: nothing did */
};

/* How far the services of a commit are. */
struct app_verdict {
    size_t services;
    size_t pending; /* their deployment has not ended */
    size_t failed;
    size_t blocked;     /* suspended, or depend on one that failed or is blocked itself */
    size_t rolled_back; /* what the commit wants failed, and the former revision runs again */
};
/* Of the current commit; app->desired must be there. */
struct app_verdict app_judge(const struct app *app);
/* Somebody asks for it: builds that failed are tried again now, and their failures are forgotten.
 */
void app_build_again(struct app *app);
/* The services of the current commit that are not as it wants them, each {cluster, service,
 * standing, reason}: standing is "pending", "failed", "blocked" or "rolledBack"; reason may be
 * left out. One that failed or is rolled back has `lastLines`, {task, container, text} of each
 * container of its last task of which any are kept. */
struct json *app_undone(const struct app *app);
/* One of those lastLines, for people. */
const char *app_lines_text(const struct json *lines, struct arena *arena);

/* What is left of a run. */
struct app_end {
    enum app_outcome outcome;
    char commit[COMMIT_SIZE]; /* INVALID: the one that was rejected; else in force, "": none */
    struct app_verdict verdict;
    struct json *undone; /* as app_undone(); NULL: no commit is in force */
};
void app_end_release(struct app_end *end);

/* Runs until a signal, or, with options->once, until converged, failed or out of time.  0 and how
 * it ended, or -1 when it could not even begin. */
int app_run(const struct run_options *options, const struct app_part *part, struct app_end *out,
            struct err *err);

/* Lets app_run() return. */
void app_stop(struct app *app, enum app_outcome outcome);
/* Ends it as if it could not have begun. */
void app_fail(struct app *app, const struct err *failure);

/* What the planner may look at, now. */
struct plan_input app_plan_input(const struct app *app);
/* False: not yet; everything is marked for planning when it may. */
bool app_may_plan(struct app *app);

/* What a generation declares, or NULL and mistakes in `diags`: see desired_make(). */
struct desired *app_desire(struct app *app, struct generation *generation, struct diag_list *diags);
/* It takes over, and belongs to the app: services that changed are planned.  Called by the
 * follower. */
void app_adopt(struct app *app, struct desired *desired, bool prune_allowed);
/* Called by the cycle after each plan: nothing is left to do and a fresh observation agrees, or
 * not. */
void app_settled(struct app *app, bool converged);
/* Confirms the removals of the current commit, as `berth confirm` asks. */
int app_confirm(struct app *app, struct err *err);
/* Suspends (reason not empty) or resumes a service, "CLUSTER/SERVICE".  ERR_NOT_FOUND. */
int app_suspend(struct app *app, const char *key, const char *reason, struct err *err);
/* What was on an instance that will not come back counts as gone, as `berth hosts forget` asks.
 * ERR_CONFLICT: it answers; ERR_NOT_FOUND; ERR_INVALID: the local engine. */
int app_forget_host(struct app *app, const char *instance, struct err *err);
/* Lifts the quarantine of a service, so that its revision is tried again. */
int app_retry(struct app *app, const char *key, struct err *err);

/* Tells everyone who listens, and the log: topic is "commit", "deployment", "event", "progress",
 * "action", "build", "engine", "warning" or "error". */
void app_say(struct app *app, const char *topic, const char *format, ...) PRINTF_LIKE(3, 4);
/* Likewise, with what it is about. */
void app_tell(struct app *app, const char *topic, const struct log_fields *fields,
              const char *format, ...) PRINTF_LIKE(4, 5);

#endif
