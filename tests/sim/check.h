/*
 * What must be true: at every step (docs: the rules the planner keeps), and at the end.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/process.h"
#include "tests/sim/trace.h"

/* A revision that was completed with healthy tasks, by our own count, or carried its service when
 * the memory of that was deleted. */
struct proof {
    char revision[SHA256_HEX_SIZE];
    size_t service;
    const char *images[CONTAINERS_MAX]; /* what it was made from */
    bool remembered;                    /* also by the program: a rollback may lead to it */
};

/* What was made again and again for a reason of its own. */
struct remade {
    uint32_t count;
    int64_t since_ms;
};

enum { SLOTS_MAX = 8, RETURNS_KEPT = 3 };

/* What we count of a service. */
struct ledger {
    uint32_t failures;                            /* of the deployment */
    int64_t returned_ms[SLOTS_MAX][RETURNS_KEPT]; /* replaced for a difference, newest first */
};

/* What a scaled service had to do, and how it stood when it was looked at last (loads.c). */
enum { LOAD_POINTS = 64, LOAD_METRICS = 2 };
struct load_seen {
    int64_t at_ms; /* 0: nothing is open */
    uint32_t desired;
    uint32_t running;
    bool deploying;
    bool full;     /* nothing could be stated */
    bool answered; /* it was scaled */
};
struct load {
    double work[LOAD_METRICS];                /* percent of one task */
    double points[LOAD_POINTS][LOAD_METRICS]; /* by their period */
    int64_t period;                           /* of the newest one */
    uint32_t count;                           /* as it was stated; 0: it was not */
    int64_t out_ms;
    uint32_t out_from;
    int64_t in_ms;
    struct load_seen seen;
};

struct repeated;
struct job_container; /* jobs.c */
struct noted_run;     /* schedules.c */

struct check {
    struct process *process;
    struct trace trace; /* of what was decided */
    struct people *people;
    struct proof *proofs;
    size_t proof_count;
    bool programs_fail; /* by a fault, also those that are fine */
    struct remade remade[SERVICES_MAX][SLOTS_MAX];
    struct ledger ledgers[SERVICES_MAX];
    struct repeated *repeated;
    char set_up[SHA256_HEX_SIZE]; /* how the load balancer was last */
    struct job_container *jobs;
    struct noted_run *runs;            /* newest first */
    int64_t watched_ms[SCHEDULES_MAX]; /* what was due later is looked after */
    struct load loads[SERVICES_MAX];
    bool loads_rest;
    struct arena arena;
    uint32_t leaving;   /* bits of services whose removal has begun */
    uint32_t held;      /* of those that must not be removed without a person's word */
    uint32_t said_held; /* and of which the program has said so */
    uint32_t may_run;   /* bits of hosts where a command was stated, and did not arrive yet */
    uint32_t begun[HOSTS_MAX]; /* which maintenance was, of each host, last */
    bool claimed;              /* the engine is another repository's */
    bool forgot;               /* the program lost its memory once */
    uint32_t memory_mib;       /* of the engine */
    bool failed;
    const char *rule; /* the first that was broken, */
    char text[1024];  /* and how */
};

void check_release(struct check *check);
/* People, or a new process, look at the service anew. */
void check_renew(struct check *check, size_t service);
/* A commit was adopted. */
void check_adopt(struct check *check, bool confirmed);
/* A new process has remembered what there was to remember. */
void check_reborn(struct check *check);
void check_repeated_reset(struct check *check);
/* The memory was deleted. */
void check_forgotten(struct check *check);
void check_failed(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

/* Hooks of the process, the store and the sim; their context is the check. */
void check_apply(void *context, const struct action *action);
void check_facts(void *context, const struct fact *facts, size_t count);
void check_engine(void *context, enum action_kind kind, const char *object,
                  const struct sim_container *container);

/* The program says that all is at rest. */
void check_rest(void *context);
/* No pause is older than what it holds back. */
void check_pauses(struct check *check);
/* Planning everything anew finds nothing that planning what was dirty has not found. */
void check_whole_plan(struct check *check);
/* Everything runs as the last commit says: by the engine's truth and people's intentions alone. */
void check_end(struct check *check);

#endif
