/*
 * What must be true: at every step (docs: the rules the planner keeps), and at the end.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/process.h"

/* A revision that was completed with healthy tasks, by our own count, or carried its service when
 * the memory of that was deleted. */
struct proof {
    char revision[SHA256_HEX_SIZE];
    size_t service;
};

/* What was made again and again for a reason of its own. */
struct remade {
    uint32_t count;
    int64_t since_ms;
};

enum { SLOTS_MAX = 8 };

struct check {
    struct process *process;
    struct people *people;
    struct proof *proofs;
    size_t proof_count;
    bool programs_fail; /* by a fault, also those that are fine */
    struct remade remade[SERVICES_MAX][SLOTS_MAX];
    uint32_t leaving; /* bits of services whose removal has begun */
    bool failed;
    char text[1024]; /* the first thing that was not true */
};

void check_release(struct check *check);
/* People, or a new process, look at the service anew. */
void check_renew(struct check *check, size_t service);
/* The memory was deleted. */
void check_forgotten(struct check *check);
void check_failed(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

/* Hooks of the process, the store and the sim; their context is the check. */
void check_apply(void *context, const struct action *action);
void check_facts(void *context, const struct fact *facts, size_t count);
void check_engine(void *context, enum action_kind kind, const char *object,
                  const struct sim_container *container);

/* Planning everything anew finds nothing that planning what was dirty has not found. */
void check_whole_plan(struct check *check);
/* Everything runs as the last commit says: by the engine's truth and people's intentions alone. */
void check_end(struct check *check);

#endif
