/*
 * Repeatable pseudo-random numbers (splitmix64): same seed, same sequence, on every machine.
 */
#ifndef SPEC_BASE_RNG_H
#define SPEC_BASE_RNG_H

#include "spec/base/base.h"

struct rng {
    uint64_t state;
};

uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t limit); /* 0 .. limit-1, unbiased; limit >= 1 */
int64_t rng_between(struct rng *rng, int64_t min, int64_t max); /* both included */
bool rng_chance(struct rng *rng, uint32_t percent);

#endif
