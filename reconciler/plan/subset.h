/*
 * Subset: the instances of a pool for which the same expressions are true, of those that ask only
 * for what does not change while nothing else is connected: attributes and names.  Most services of
 * a pool share one: all of its instances.
 *
 * How the instances of a subset fall into groups (spread) is found once, too, and of each group it
 * is known how many of its instances may take tasks now: where none may, it is no reason that a
 * group has few tasks.
 */
#ifndef RECONCILER_PLAN_SUBSET_H
#define RECONCILER_PLAN_SUBSET_H

#include "reconciler/plan/placing.h"

/* By one field of `spread`. */
struct grouping {
    const char *field;
    uint32_t *group;    /* by host; NULL: each is a group of its own */
    uint32_t *able;     /* by group: instances of the subset that may take tasks; likewise */
    size_t able_groups; /* that have any */
    bool *open;         /* by group: it has one, in the subset or not, that is not to be left */
    size_t open_groups; /* of which that is true */
    const struct subset *subset;
    struct grouping *next;
};

struct subset {
    const char *key; /* the expressions, one behind the other */
    struct pool *pool;
    bool *has;       /* by host */
    uint32_t *hosts; /* those it has */
    size_t count;
    struct grouping *groupings;
    struct arena *arena;
    struct subset *next;
};

/* Of those for which all queries are true. */
struct subset *subset_of(struct planner *planner, struct pool *pool, const char *key,
                         const struct query *const *queries, size_t query_count);
const struct grouping *subset_grouping(struct subset *subset, const char *field);
/* An instance of the pool may take tasks now, or may not any more. */
void subsets_turn(struct pool *pool, size_t host);

size_t group_of(const struct grouping *grouping, size_t host);
/* May an instance of the group take tasks? */
bool group_is_able(const struct grouping *grouping, size_t group);
/* Has the group an instance, in the subset or not, that is not to be left? */
bool group_is_open(const struct grouping *grouping, size_t group);

#endif
