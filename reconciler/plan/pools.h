/*
 * Pools: what all EC2 clusters together are made of, the instances of the world, each with what is
 * taken of it.  It follows from the commit and the world alone, so it is the same whether it was
 * counted for this plan, or kept since the last one and brought up to date: the second costs as
 * much as has changed (world->latest), the first as much as there is.
 *
 * What a plan takes is taken here too, so that the next unit finds less; the next plan begins with
 * what the world says again.
 */
#ifndef RECONCILER_PLAN_POOLS_H
#define RECONCILER_PLAN_POOLS_H

#include "reconciler/plan/placing.h"

#define NOT_LISTED UINT32_MAX

struct pools {
    struct arena *arena; /* of all that is below: its own, or that of the only plan it is for */
    struct arena own;

    /* Of which world and commit, as of when. */
    const struct world *world;
    uint64_t fleets;
    uint64_t changes;
    uint64_t host_changes; /* of the memory */
    const char *owner;
    const char *root;
    bool as_claimed;
    bool take_over;
    struct generation *generation; /* counted, unless it is for one plan */

    const char *claim; /* the name of the volume that says whose an engine is */
    struct host_use *uses;
    size_t use_count;
    uint32_t *slots; /* a table of uses + 1 by the address of their instance */
    size_t mask;
    uint32_t *taken; /* uses that the plan changed, each once */
    size_t taken_count;
    bool is_kept;       /* room for daemons is, in this plan */
    struct pool *first; /* those that were asked for */
};

/* As the plan finds them; opened when they are asked for first. */
struct pools *pools_of(struct planner *planner);
/* NULL: the world has no such instance. */
struct host_use *pools_use(const struct pools *pools, const struct world_instance *instance);

/* The index of it in the pool; NOT_LISTED: it is none of its instances. */
uint32_t pool_index_of(const struct pool *pool, const struct pools *pools,
                       const struct host_use *use);
/* Looks at the instance anew. */
void pool_refresh(const struct pools *pools, struct pool *pool, size_t index);
/* What is left there has changed. */
void pool_shelve(struct pool *pool, size_t index);

#endif
