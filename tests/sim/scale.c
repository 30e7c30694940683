#include "tests/sim/scale.h"

#define MINUTES_MAX 60
#define LARGE_EVERY 40 /* lives, on average, between two large ones */

struct scale scale_large(void)
{
    return (struct scale){ .services = SERVICES_MAX,
                           .tasks = 4,
                           .hosts = HOSTS_MAX,
                           .versions = 100,
                           .density = 1,
                           .whole_every = 25,
                           .is_large = true };
}

/* 1 to `most`: each twice as large is half as likely. */
static uint32_t draw_small(struct rng *rng, uint32_t most)
{
    uint32_t bound = 1;

    while (bound < most && rng_chance(rng, 50))
        bound *= 2;
    return (uint32_t)rng_between(rng, (bound + 1) / 2, bound < most ? bound : most);
}

struct scale scale_draw(uint64_t seed)
{
    static const uint32_t looks[] = { 10, 25, 50, 200 };
    struct rng rng = { .state = seed ^ UINT64_C(0xbb67ae8584caa73b) };
    struct scale scale = scale_large();

    (void)rng_next(&rng);
    if (rng_below(&rng, LARGE_EVERY) == 0)
        return scale;
    scale.is_large = false;
    scale.services = draw_small(&rng, SERVICES_MAX);
    scale.tasks = draw_small(&rng, 4) + (uint32_t)rng_below(&rng, 2);
    scale.hosts = rng_chance(&rng, 50) ? 2 : HOSTS_MAX;
    scale.versions = rng_chance(&rng, 90) ? 20 : 100;
    scale.minutes =
        rng_chance(&rng, 50) ? rng_between(&rng, 1, 8) : rng_between(&rng, 4, MINUTES_MAX / 2);
    scale.density = (uint32_t)rng_between(&rng, 1, scale.minutes < 10 ? 8 : 2);
    scale.whole_every = looks[rng_below(&rng, ARRAY_COUNT(looks))];
    return scale;
}
