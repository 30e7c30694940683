/*
 * Strategies (ecs.md 1.6, step 3): best effort, in their order.  When they leave several instances
 * the name of the task decides, which is as good as chance and the same every time.
 */
#include <string.h>

#include "reconciler/plan/subset.h"
#include "spec/base/text.h"

/* Of a service that says nothing. */
static const struct placement_strategy defaults[] = {
    { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "attribute:ecs.availability-zone" },
    { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "instanceId" },
};

/* ---- How the tasks of the service are spread ------------------------------------------------- */

static bool is_spread(const struct spread *spread)
{
    return spread->strategy->type == PLACEMENT_STRATEGY_TYPE_SPREAD;
}

void strategies_prepare(struct placing *placing)
{
    const struct service_spec *spec = placing->target->spec;
    bool silent = spec->placement_strategy_count == 0;
    const struct placement_strategy *strategies = silent ? defaults : spec->placement_strategy;
    struct arena *arena = placing->arena;

    placing->spread_count = silent ? ARRAY_COUNT(defaults) : spec->placement_strategy_count;
    placing->spreads = arena_array(arena, struct spread, placing->spread_count);
    for (size_t i = 0; i < placing->spread_count; i++) {
        struct spread *spread = &placing->spreads[i];

        spread->strategy = &strategies[i];
        if (!is_spread(spread))
            continue;
        spread->grouping = subset_grouping(placing->subset, spread->strategy->field);
        spread->with_capacity = 8;
        spread->with = arena_array(arena, size_t, spread->with_capacity);
        spread->with[0] = spread->grouping->able_groups;
    }
}

/* One group that had so many tasks has another number of them. */
static void move_group(struct spread *spread, uint32_t from, uint32_t to, struct arena *arena)
{
    if (to == spread->with_capacity) {
        size_t *larger = arena_array(arena, size_t, 2 * spread->with_capacity);

        memcpy(larger, spread->with, spread->with_capacity * sizeof(*larger));
        spread->with = larger;
        spread->with_capacity *= 2;
    }
    spread->with[from]--;
    spread->with[to]++;
    if (to < spread->fewest || (from == spread->fewest && spread->with[from] == 0))
        spread->fewest = to; /* they are neighbours */
}

static void spread_count(struct placing *placing, size_t host, int by)
{
    struct arena *arena = placing->arena;

    for (size_t i = 0; i < placing->spread_count; i++) {
        struct spread *spread = &placing->spreads[i];
        uint32_t tasks;
        size_t group;

        if (!is_spread(spread))
            continue;
        group = group_of(spread->grouping, host);
        tasks = sparse_get(&spread->tasks, group);
        sparse_add(&spread->tasks, group, by, arena);
        if (group_is_able(spread->grouping, group))
            move_group(spread, tasks, by > 0 ? tasks + 1 : tasks - 1, arena);
    }
}

void strategies_count(struct placing *placing, size_t host)
{
    spread_count(placing, host, 1);
}

void strategies_uncount(struct placing *placing, size_t host)
{
    spread_count(placing, host, -1);
}

/* ---- Which instance is better ---------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

enum packed strategy_packed(const struct placement_strategy *strategy)
{
    return text_equal(strategy->field, "cpu") ? PACKED_CPU : PACKED_MEMORY;
}

uint32_t spread_tasks(const struct spread *spread, size_t host)
{
    return sparse_get(&spread->tasks, group_of(spread->grouping, host));
}

bool spread_is_same(const struct spread *spread, size_t a, size_t b)
{
    return group_of(spread->grouping, a) == group_of(spread->grouping, b);
}

/* What is left of the resource that is packed. */
static uint32_t left(const struct placing *placing, const struct spread *spread, size_t host)
{
    return host_left(&placing->pool->hosts[host], strategy_packed(spread->strategy));
}

static int compare_by(const struct placing *placing, const struct spread *spread, size_t a,
                      size_t b)
{
    switch (spread->strategy->type) {
    case PLACEMENT_STRATEGY_TYPE_SPREAD:
        return compare(spread_tasks(spread, a), spread_tasks(spread, b));
    case PLACEMENT_STRATEGY_TYPE_BINPACK:
        return compare(left(placing, spread, a), left(placing, spread, b));
    case PLACEMENT_STRATEGY_TYPE_RANDOM:
    case PLACEMENT_STRATEGY_TYPE_UNSET: break;
    }
    return 0;
}

int strategies_rank(const struct placing *placing, size_t a, size_t b)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        const struct spread *spread = &placing->spreads[i];
        int order = compare_by(placing, spread, a, b);

        if (order != 0)
            return order;
        if (spread->strategy->type == PLACEMENT_STRATEGY_TYPE_RANDOM)
            break; /* nothing is left to decide for those behind it */
    }
    return 0;
}

int strategies_compare(const struct placing *placing, size_t a, size_t b, const char *name)
{
    int order = strategies_rank(placing, a, b);

    return order != 0 ? order
                      : compare(chance_of(name, placing->pool->names[a]),
                                chance_of(name, placing->pool->names[b]));
}

bool strategies_are_met(const struct placing *placing, size_t host, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        const struct spread *spread = &placing->spreads[i];

        if (spread->strategy->type == PLACEMENT_STRATEGY_TYPE_RANDOM)
            return true;
        if (is_spread(spread) && spread_tasks(spread, host) > spread->fewest)
            return false;
    }
    return true;
}

size_t strategies_packing(const struct placing *placing)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        enum placement_strategy_type type = placing->spreads[i].strategy->type;

        if (type == PLACEMENT_STRATEGY_TYPE_BINPACK)
            return i;
        if (type == PLACEMENT_STRATEGY_TYPE_RANDOM)
            break;
    }
    return placing->spread_count;
}

/* The mirror image: from where there are most, or where most is left (ecs.md 1.6). */
int strategies_compare_leaving(const struct placing *placing, size_t a, size_t b)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        int order = compare_by(placing, &placing->spreads[i], b, a);

        if (order != 0)
            return order;
    }
    return 0;
}
