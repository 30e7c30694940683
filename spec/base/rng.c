/*
 * splitmix64 by Sebastiano Vigna (public domain): one addition and one mix for each number, and any
 * seed is a good one, 0 too.
 */
#include "spec/base/rng.h"

uint64_t rng_next(struct rng *rng)
{
    rng->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = rng->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
    ASSERT(limit >= 1);
    /* 2^64 modulo limit: without these lowest numbers the rest divides evenly. */
    uint64_t skipped = (0 - limit) % limit;
    uint64_t number = rng_next(rng);

    while (number < skipped)
        number = rng_next(rng);
    return number % limit;
}

int64_t rng_between(struct rng *rng, int64_t min, int64_t max)
{
    ASSERT(min <= max);
    uint64_t span = (uint64_t)max - (uint64_t)min;
    uint64_t offset = span == UINT64_MAX ? rng_next(rng) : rng_below(rng, span + 1);

    return (int64_t)((uint64_t)min + offset);
}

bool rng_chance(struct rng *rng, uint32_t percent)
{
    return rng_below(rng, 100) < percent;
}
