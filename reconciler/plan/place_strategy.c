/*
 * Strategies (ecs.md 1.6, step 3): best effort, in their order.  When they leave several instances
 * the name of the task decides, which is as good as chance and the same every time.
 */
#include <string.h>

#include "reconciler/plan/place.h"
#include "spec/base/text.h"
#include "spec/tree.h"

/* Of a service that says nothing. */
static const struct placement_strategy defaults[] = {
    { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "attribute:ecs.availability-zone" },
    { .type = PLACEMENT_STRATEGY_TYPE_SPREAD, .field = "instanceId" },
};

static const char attribute_prefix[] = "attribute:";

/* Hosts with the same value are one group; those without any are one, too. */
static void find_groups(struct placing *placing, struct spread *spread)
{
    const struct pool *pool = placing->pool;
    const char *field = spread->strategy->field;
    bool by_attribute = text_starts(field, attribute_prefix);
    AUTO(tree) groups = { 0 };

    for (size_t i = 0; i < pool->count; i++) {
        const char *value;
        size_t *group;

        spread->group[i] = i;
        if (!by_attribute)
            continue;
        value = host_attribute(&pool->hosts[i], field + strlen(attribute_prefix));
        group = tree_get(&groups, value == NULL ? "" : value);
        if (group != NULL)
            spread->group[i] = *group;
        else
            tree_put(&groups, value == NULL ? "" : value, &spread->group[i], /* owner= */ NULL);
    }
}

void strategies_prepare(struct placing *placing)
{
    const struct service_spec *spec = placing->target->spec;
    bool silent = spec->placement_strategy_count == 0;
    const struct placement_strategy *strategies = silent ? defaults : spec->placement_strategy;
    size_t hosts = placing->pool->count;
    struct arena *arena = placing->planner->arena;

    placing->spread_count = silent ? ARRAY_COUNT(defaults) : spec->placement_strategy_count;
    placing->spreads = arena_array(arena, struct spread, placing->spread_count);
    for (size_t i = 0; i < placing->spread_count; i++) {
        struct spread *spread = &placing->spreads[i];

        spread->strategy = &strategies[i];
        if (spread->strategy->type != PLACEMENT_STRATEGY_TYPE_SPREAD)
            continue;
        spread->group = arena_array(arena, size_t, hosts + 1);
        spread->tasks = arena_array(arena, uint32_t, hosts + 1);
        find_groups(placing, spread);
    }
}

void strategies_count(struct placing *placing, size_t host)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        struct spread *spread = &placing->spreads[i];

        if (spread->strategy->type == PLACEMENT_STRATEGY_TYPE_SPREAD)
            spread->tasks[spread->group[host]]++;
    }
}

void strategies_uncount(struct placing *placing, size_t host)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        struct spread *spread = &placing->spreads[i];

        if (spread->strategy->type == PLACEMENT_STRATEGY_TYPE_SPREAD)
            spread->tasks[spread->group[host]]--;
    }
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* What is left of the resource that is packed. */
static uint64_t left(const struct placing *placing, const struct spread *spread, size_t index)
{
    const struct host *host = &placing->pool->hosts[index];
    bool cpu = text_equal(spread->strategy->field, "cpu");
    uint64_t capacity;
    uint64_t used;

    if (host->seen == NULL)
        return 0;
    capacity = cpu ? host->seen->cpu_units : host->seen->memory_mib;
    used = cpu ? host->use->cpu_units : host->use->memory_mib + host->listed->reserved_memory;
    return used > capacity ? 0 : capacity - used;
}

/* FNV-1a. */
static uint64_t chance(const struct placing *placing, size_t host, const char *name)
{
    const char *texts[] = { name, placing->pool->hosts[host].listed->name };
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        for (const char *at = texts[i]; *at != '\0'; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    }
    return hash ^ (hash >> 29);
}

static int compare_by(const struct placing *placing, const struct spread *spread, size_t a,
                      size_t b)
{
    switch (spread->strategy->type) {
    case PLACEMENT_STRATEGY_TYPE_SPREAD:
        return compare(spread->tasks[spread->group[a]], spread->tasks[spread->group[b]]);
    case PLACEMENT_STRATEGY_TYPE_BINPACK:
        return compare(left(placing, spread, a), left(placing, spread, b));
    case PLACEMENT_STRATEGY_TYPE_RANDOM:
    case PLACEMENT_STRATEGY_TYPE_UNSET: break;
    }
    return 0;
}

int strategies_compare(const struct placing *placing, size_t a, size_t b, const char *name)
{
    for (size_t i = 0; i < placing->spread_count; i++) {
        const struct spread *spread = &placing->spreads[i];
        int order = compare_by(placing, spread, a, b);

        if (order != 0)
            return order;
        if (spread->strategy->type == PLACEMENT_STRATEGY_TYPE_RANDOM)
            break; /* nothing is left to decide for those behind it */
    }
    return compare(chance(placing, a, name), chance(placing, b, name));
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
