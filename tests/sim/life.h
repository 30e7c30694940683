/*
 * One simulated life of the program: a seed draws the manifests and their changes, the faults, the
 * delays and the crashes. Rules are checked at every step; when faults have ended and the last
 * commit is a good one, everything must come to rest as it says.
 */
#ifndef TESTS_SIM_LIFE_H
#define TESTS_SIM_LIFE_H

#include <stdio.h>

#include "tests/sim/switches.h"
#include "tests/sim/trace.h"

struct outcome {
    bool failed;
    char rule[256];                      /* which was broken */
    char text[1024];                     /* how */
    uint32_t counts[SWITCH_LIMIT_COUNT]; /* what happened of that which can be limited */
    uint64_t steps;
    struct trace trace;
};

/* What happens is told to the log; NULL: nothing is. */
void life_run(uint64_t seed, const struct switches *switches, FILE *log, struct outcome *out);

/* Likewise in a process of its own, so that one that aborts or hangs is an outcome like others. */
void trial_run(uint64_t seed, const struct switches *switches, struct outcome *out);
/* False: no other life is wanted. */
typedef bool trial_over_fn(void *context, uint64_t seed, const struct switches *switches,
                           struct outcome *outcome);
/* One after the other, many in one process: it is another one after a life that ended it. */
void trial_run_all(uint64_t first, uint64_t count, const struct switches *switches,
                   trial_over_fn *over, void *context);
/* Turns off what a failing life fails without, by the same rule; `outcome` is that of the least. */
struct switches trial_shrink(uint64_t seed, const struct switches *from, struct outcome *outcome);

#endif
