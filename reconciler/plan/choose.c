/*
 * Choose: the best instance of a pool for one more task, without a look at all of them.
 *
 * What is best is said elsewhere: an instance that fits (resources_fit()), where work for it is
 * under way already, by the strategies, by chance.  Here it is only seen to that those which cannot
 * win are not compared:
 *
 *   1. Where work is under way there are few, and one of these that fits wins.
 *   2. Without `binpack` they are looked at in the order of chance.  Of those that are equal by the
 *      strategies the first one wins, and when one is seen that no other can be better than, it is
 *      over.
 *   3. With `binpack` they are looked at in the order of what they have left of what is packed. As
 *      soon as one fits, by which the strategies before are met as well as can be, only those with
 *      as much left as it are looked at.
 *   4. Where the volumes of the service are decides almost alone, and a small subset is looked at
 *      whole.
 */
#include "reconciler/plan/pools.h"
#include "reconciler/plan/subset.h"

/* A subset with less than one in so many of the instances is looked at whole. */
#define SMALL 16

/* The better one of those that fit; pool->count is none. */
static size_t better(const struct placing *placing, size_t best, size_t host, const char *name)
{
    if (resources_fit(placing, host) != FIT_YES)
        return best;
    return best == placing->pool->count || strategies_compare(placing, host, best, name) < 0 ? host
                                                                                             : best;
}

static size_t choose_among(const struct placing *placing, const uint32_t *hosts, size_t count,
                           const char *name)
{
    size_t best = placing->pool->count;

    for (size_t i = 0; i < count; i++)
        best = better(placing, best, hosts[i], name);
    return best;
}

static size_t choose_by_chance(const struct placing *placing, const char *name)
{
    struct chance_rings *rings = pool_rings(placing->pool);
    size_t best = placing->pool->count;
    size_t host;

    for (chance_walk(rings, name); chance_next(rings, &host);) {
        if (!placing->subset->has[host] ||
            (best != placing->pool->count && strategies_rank(placing, host, best) >= 0) ||
            resources_fit(placing, host) != FIT_YES)
            continue;
        best = host;
        if (strategies_are_met(placing, best, placing->spread_count))
            break;
    }
    return best;
}

static size_t choose_by_left(const struct placing *placing, size_t packing, const char *name)
{
    enum packed packed = strategy_packed(placing->spreads[packing].strategy);
    bool cpu = packed == PACKED_CPU;
    size_t best = placing->pool->count;
    const struct shelf_item *item;
    struct shelf_walk walk;
    uint32_t enough = UINT32_MAX;

    shelf_begin(pool_shelf(placing->pool, packed), cpu ? placing->cpu_units : placing->memory_mib,
                cpu ? placing->memory_mib : placing->cpu_units, &walk);
    while ((item = shelf_next(&walk)) != NULL && item->left <= enough) {
        size_t before = best;

        best = better(placing, best, item->index, name);
        if (best != before && strategies_are_met(placing, best, packing))
            enough = item->left;
    }
    return best;
}

size_t choose_host(const struct placing *placing, const char *name)
{
    const struct subset *subset = placing->subset;
    size_t packing = strategies_packing(placing);
    size_t best = choose_among(placing, placing->underway, placing->underway_count, name);

    if (best != placing->pool->count)
        return best;
    if (placing->holds != NULL || subset->count < placing->pool->count / SMALL)
        return choose_among(placing, subset->hosts, subset->count, name);
    return packing < placing->spread_count ? choose_by_left(placing, packing, name)
                                           : choose_by_chance(placing, name);
}
