/*
 * Placing: one service in its pool, and what the policies say about it: resources, constraints,
 * strategies (ecs.md 1.6).
 */
#ifndef RECONCILER_PLAN_PLACING_H
#define RECONCILER_PLAN_PLACING_H

#include "reconciler/plan/place.h"
#include "reconciler/plan/sparse.h"
#include "spec/query.h"

/* Where the missing task of a slot goes. */
struct slot_place {
    const struct world_instance *instance; /* NULL: nowhere yet */
    bool ready;                            /* all that it needs is there */
    const char *why_not;                   /* of a DAEMON: why it does not go to its instance */
};

/* A strategy, and how the tasks of the service are spread by it. */
struct spread {
    const struct placement_strategy *strategy;
    const struct grouping *grouping; /* of spread */
    struct sparse tasks;             /* by group */
    /* Of the groups that have an instance for the service: how many have so many tasks; and the
     * fewest that any has. */
    size_t *with;
    size_t with_capacity;
    uint32_t fewest;
};

/* One service in its pool. */
struct placing {
    struct planner *planner;
    struct arena *arena; /* of what is counted here */
    struct pool *pool;
    const struct target *target;
    const char *service_group; /* "service:NAME"; of a job "family:FAMILY" */
    uint32_t memory_mib;
    uint32_t cpu_units;
    const char *host_ports;
    struct subset *subset; /* those for which what never changes is true */
    bool *member;          /* by host: so are the other expressions; NULL: there are none */
    bool *holds;           /* by host: it has the volumes; NULL: none has any */
    struct sparse present; /* by host: tasks of the service that run, or are to */
    /* What a task needs is brought there, and none was placed yet. */
    uint32_t *underway;
    size_t underway_count;
    const struct query **queries; /* those of `member` */
    size_t query_count;
    bool asks_groups;
    bool is_distinct;
    bool is_daemon;
    struct daemon *daemon; /* daemon.c: as it was asked for */
    struct spread *spreads;
    size_t spread_count;
    struct placing *next;
};

/* Counted once per plan: the tasks of the service that is planned, else all that are seen. */
struct placing *placing_of(struct planner *planner, const struct target *target);

/* NULL: it has none. */
const char *host_attribute(const struct host *host, const char *name);
/* Finds the subset; and, when the tasks of the service are counted, for which instances all else is
 * true. */
void constraints_prepare(struct placing *placing);
void constraints_count(struct placing *placing);
/* Leaves in `has` those for which all are true; they ask for nothing that changes. */
void constraints_select(const struct pool *pool, const struct query *const *queries, size_t count,
                        bool *has);
/* Asks again, as a task was placed there. */
void constraints_again(struct placing *placing, size_t host);

/* True when it may take a task: neither expression nor volume forbids it. */
bool constraints_allow(const struct placing *placing, size_t host);

void strategies_prepare(struct placing *placing);
void strategies_count(struct placing *placing, size_t host);
/* Of `spread`: the tasks that are in the group of the instance; are two in the same one? */
uint32_t spread_tasks(const struct spread *spread, size_t host);
bool spread_is_same(const struct spread *spread, size_t a, size_t b);
/* Which of two instances that fit is better for a task that is named; < 0: the first. */
int strategies_compare(const struct placing *placing, size_t a, size_t b, const char *name);
/* Likewise, but for what chance decides between them. */
int strategies_rank(const struct placing *placing, size_t a, size_t b);
/* Is no other one better, by the strategies before `end`? */
bool strategies_are_met(const struct placing *placing, size_t host, size_t end);
/* The first one that packs, or placing->spread_count; those behind `random` decide nothing. */
size_t strategies_packing(const struct placing *placing);
/* What the strategy packs. */
enum packed strategy_packed(const struct placement_strategy *strategy);
/* Which of two tasks is stopped first, by their instances; < 0: the first. */
int strategies_compare_leaving(const struct placing *placing, size_t a, size_t b);
void strategies_uncount(struct placing *placing, size_t host);

/* How far an instance gets on the way to take a task. */
enum fit {
    FIT_STATE,
    FIT_ARCHITECTURE,
    FIT_CONSTRAINTS,
    FIT_VOLUME,
    FIT_DISTINCT,
    FIT_PORTS,
    FIT_CPU,
    FIT_MEMORY,
    FIT_NETWORK,
    FIT_YES
};
enum fit resources_fit(const struct placing *placing, size_t host);
/* It lacks that: the unit waits, in ECS's words. */
void pool_wait(const struct placing *placing, size_t host, enum fit fit);
/* The instance is large enough, if nothing else were there. */
bool resources_suffice(const struct placing *placing, size_t host);
/* Likewise, when that task is gone. */
enum fit resources_fit_without(struct placing *placing, size_t host, const struct world_task *gone);
/* What is left there of a resource, but for what is reserved. */
uint32_t host_left(const struct host *host, enum packed packed);
/* Of the one that does not suffice. */
uint64_t resources_left(const struct placing *placing, size_t host, enum fit fit);
/* The best instance that fits, for a task of that name; pool->count: none does. */
size_t choose_host(const struct placing *placing, const char *name);
/* In ECS's words, what the instance lacks. */
const char *resources_lack(const struct placing *placing, size_t host, enum fit fit);

#endif
