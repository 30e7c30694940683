/*
 * See subset.h.
 */
#include "reconciler/plan/subset.h"

#include <string.h>

#include "spec/base/text.h"
#include "spec/tree.h"

/* So many are kept of a pool: services may each have an expression of their own. */
#define SUBSETS_MAX 64

static const char attribute_prefix[] = "attribute:";

/* ---- Groups ---------------------------------------------------------------------------------- */

size_t group_of(const struct grouping *grouping, size_t host)
{
    return grouping->group == NULL ? host : grouping->group[host];
}

static bool is_able(const struct subset *subset, size_t host)
{
    return subset->has[host] && subset->pool->hosts[host].why_not == NULL;
}

bool group_is_able(const struct grouping *grouping, size_t group)
{
    return grouping->able == NULL ? is_able(grouping->subset, group) : grouping->able[group] > 0;
}

bool group_is_open(const struct grouping *grouping, size_t group)
{
    return grouping->open == NULL ? !grouping->subset->pool->hosts[group].drains
                                  : grouping->open[group];
}

/* Which instances are to be left is the same as long as there is the pool. */
static void find_open(struct grouping *grouping)
{
    const struct pool *pool = grouping->subset->pool;

    for (size_t i = 0; i < pool->count; i++) {
        size_t group = group_of(grouping, i);

        if (pool->hosts[i].drains || (grouping->open != NULL && grouping->open[group]))
            continue;
        grouping->open_groups++;
        if (grouping->open != NULL)
            grouping->open[group] = true;
    }
}

/* The instance is able now, or not any more. */
static void turn(struct grouping *grouping, size_t host)
{
    bool able = is_able(grouping->subset, host);
    uint32_t *count = grouping->able == NULL ? NULL : &grouping->able[group_of(grouping, host)];

    if (count == NULL) {
        grouping->able_groups += able ? 1 : (size_t)-1;
        return;
    }
    ASSERT(able || *count > 0);
    *count += able ? 1 : (uint32_t)-1;
    if (able && *count == 1)
        grouping->able_groups++;
    else if (!able && *count == 0)
        grouping->able_groups--;
}

void subsets_turn(struct pool *pool, size_t host)
{
    for (const struct subset *at = pool->subsets; at != NULL; at = at->next) {
        for (struct grouping *of = at->has[host] ? at->groupings : NULL; of != NULL; of = of->next)
            turn(of, host);
    }
}

/* Hosts with the same value are one group; those without any are one, too. */
static void find_groups(struct grouping *grouping, struct arena *arena)
{
    const struct pool *pool = grouping->subset->pool;
    const char *name = grouping->field + strlen(attribute_prefix);
    uint32_t count = 0;
    AUTO(tree) groups = { 0 };

    grouping->group = arena_array(arena, uint32_t, pool->count + 1);
    for (size_t i = 0; i < pool->count; i++) {
        const char *value = host_attribute(&pool->hosts[i], name);
        uint32_t *group = tree_get(&groups, value == NULL ? "" : value);

        if (group != NULL) {
            grouping->group[i] = *group;
            continue;
        }
        grouping->group[i] = count++;
        tree_put(&groups, value == NULL ? "" : value, &grouping->group[i], /* owner= */ NULL);
    }
    grouping->able = arena_array(arena, uint32_t, count + 1);
    grouping->open = arena_array(arena, bool, count + 1);
}

const struct grouping *subset_grouping(struct subset *subset, const char *field)
{
    struct grouping *grouping = subset->groupings;

    while (grouping != NULL && !text_equal(grouping->field, field))
        grouping = grouping->next;
    if (grouping != NULL)
        return grouping;
    grouping = arena_new(subset->arena, struct grouping);
    grouping->field = arena_text(subset->arena, field);
    grouping->subset = subset;
    if (text_starts(field, attribute_prefix))
        find_groups(grouping, subset->arena);
    find_open(grouping);
    for (size_t i = 0; i < subset->count; i++) {
        if (is_able(subset, subset->hosts[i]))
            turn(grouping, subset->hosts[i]);
    }
    grouping->next = subset->groupings;
    subset->groupings = grouping;
    return grouping;
}

/* ---- Subsets --------------------------------------------------------------------------------- */

static struct subset *subset_make(struct pool *pool, struct arena *arena, const char *key,
                                  const struct query *const *queries, size_t query_count)
{
    struct subset *subset = arena_new(arena, struct subset);

    subset->key = arena_text(arena, key);
    subset->pool = pool;
    subset->arena = arena;
    subset->has = arena_array(arena, bool, pool->count + 1);
    subset->hosts = arena_array(arena, uint32_t, pool->count + 1);
    memset(subset->has, true, pool->count);
    constraints_select(pool, queries, query_count, subset->has);
    for (size_t i = 0; i < pool->count; i++) {
        if (subset->has[i])
            subset->hosts[subset->count++] = (uint32_t)i;
    }
    return subset;
}

struct subset *subset_of(struct planner *planner, struct pool *pool, const char *key,
                         const struct query *const *queries, size_t query_count)
{
    struct subset *subset = pool->subsets;

    while (subset != NULL && !text_equal(subset->key, key))
        subset = subset->next;
    if (subset != NULL)
        return subset;
    if (pool->subset_count == SUBSETS_MAX)
        return subset_make(pool, planner->arena, key, queries, query_count);
    subset = subset_make(pool, pool->arena, key, queries, query_count);
    subset->next = pool->subsets;
    pool->subsets = subset;
    pool->subset_count++;
    return subset;
}
