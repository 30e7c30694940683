/*
 * Place: which instance a task goes to, and what must be there before. A FARGATE cluster has one
 * elastic engine (place.c); an EC2 cluster has a pool of instances (pool.c), of which the policies
 * beside it choose: resources, constraints, strategies (ecs.md 1.6).
 */
#ifndef RECONCILER_PLAN_PLACE_H
#define RECONCILER_PLAN_PLACE_H

#include "reconciler/plan/plan_int.h"
#include "spec/query.h"

/* ---- place: the local engine, and what a task needs on any ----------------------------------- */

/* The instance for one more task of the target, or NULL and a wait. The name, any that the task
 * alone has, decides in a pool what nothing else does. */
const struct world_instance *place_task(struct planner *planner, const struct target *target,
                                        const char *name);
/* As if so many tasks of the target had gone already. */
void place_release(struct planner *planner, const struct target *target, uint32_t count);
const struct world_instance *place_engine(struct planner *planner); /* the local one, ready */
/* The instance has the architecture that the task needs; else a wait. */
bool place_architecture(struct planner *planner, const struct target *target,
                        const struct world_instance *instance);
bool is_architecture(enum cpu_architecture wanted, const char *name);
/* The engine is claimed for our repository; else a wait. */
bool place_is_ours(struct planner *planner, const struct world_instance *instance);
const char *network_name(struct planner *planner, const char *cluster);
/* Do tasks of the target join the network of their cluster? */
bool joins_network(const struct target *target);
const char *volume_name(struct planner *planner, const struct target *target,
                        const struct volume *volume);
/* Is it a volume of the engine, and no path of the host? */
bool is_named_volume(const struct volume *volume);
bool has_named_volumes(const struct target *target);
/* All that is there is known, and it may be acted on. */
bool instance_is_seen(const struct planner *planner, const struct world_instance *instance);
/* Likewise, without a word. */
bool instance_is_ours(const struct planner *planner, const struct world_instance *instance);
/* True when network and volumes that the target needs exist. */
bool place_ready(struct planner *planner, const struct target *target,
                 const struct world_instance *instance);

/* ---- pool: the instances of an EC2 cluster -------------------------------------------------- */

/* Room for a task of a DAEMON that is missing there: daemon.c. */
struct kept {
    uint64_t memory_mib;
    uint64_t cpu_units;
    const char *host_ports; /* NULL: none */
    const bool *placed;     /* then it is taken, and kept no more */
    const struct kept *next;
};

/* What is taken of an instance, whichever clusters list it. */
struct host_use {
    const struct world_instance *instance;
    uint64_t memory_mib;
    uint64_t cpu_units;
    uint32_t tasks;
    bool ports_known;
    uint32_t *ports; /* port * 2, + 1 of UDP */
    size_t port_count;
    const struct kept *kept; /* not for replicas */
};

/* An instance, as one cluster lists it. */
struct host {
    const struct container_instance *listed;
    const struct world_instance *seen; /* NULL: nothing was told of it */
    struct host_use *use;              /* NULL with it */
    const char *why_not;               /* no new task goes there; NULL: it may */
};

struct host_name {
    const char *name;
    size_t index;
};

struct pool {
    const char *cluster;
    const struct cluster_spec *spec;
    struct host *hosts; /* as they are listed */
    size_t count;
    struct host_name *by_name; /* sorted */
    struct pool *next;
};

/* NULL: the cluster is none of EC2, or not declared. */
struct pool *pool_of(struct planner *planner, const char *cluster);
/* Does any cluster list it? */
bool pool_lists(struct planner *planner, const char *name);
/* A person gave it up, and it was not listed since: nothing is there, nothing is waited for. */
bool instance_is_forgotten(const struct planner *planner, const char *name);
/* Its index, or pool->count when it is not listed. */
size_t pool_index(const struct pool *pool, const char *name);
/* Every instance that may have tasks or volumes of the target was seen, or is given up; else a
 * wait. */
bool pool_is_known(struct planner *planner, const struct pool *pool, const struct target *target);
/* An instance that does not answer for longer than the cluster waits: what runs there counts no
 * more.  Until then the planner is woken. */
bool instance_is_given_up(struct planner *planner, const char *cluster,
                          const struct world_instance *instance);
/* Is a task of the target to leave the instance: it is DRAINING, or not one of the cluster's? */
bool instance_is_left(struct planner *planner, const char *cluster, const struct target *target,
                      const struct world_instance *instance);
/* The image on any of the instances of the service; NULL: none has it. */
const struct world_image *pool_image(const struct service_view *view, const char *reference);
/* One more task of the target on an instance that fits, or NULL and a wait. */
const struct world_instance *pool_place(struct planner *planner, const struct target *target,
                                        const char *name);
bool use_has_port(struct planner *planner, struct host_use *use, uint32_t port);
void use_take(struct planner *planner, struct host_use *use, const struct target *target);
/* As if that task had gone. */
void use_release(struct planner *planner, struct host_use *use, const struct world_task *task);
/* Likewise on that one. */
const struct world_instance *pool_place_on(struct planner *planner, const struct target *target,
                                           size_t host);
/* True once per plan. */
bool pools_keep_once(struct planner *planner);

/* ---- The policies ---------------------------------------------------------------------------- */

/* Where the missing task of a slot goes. */
struct slot_place {
    const struct world_instance *instance; /* NULL: nowhere yet */
    bool ready;                            /* all that it needs is there */
    const char *why_not;                   /* of a DAEMON: why it does not go to its instance */
};

/* A strategy, and how the tasks of the service are spread by it. */
struct spread {
    const struct placement_strategy *strategy;
    size_t *group;   /* by host; of spread */
    uint32_t *tasks; /* by group */
};

/* One service in its pool. */
struct placing {
    struct planner *planner;
    struct pool *pool;
    const struct target *target;
    const char *service_group; /* "service:NAME" */
    uint32_t memory_mib;
    uint32_t cpu_units;
    const char *host_ports;
    bool *member;      /* by host: all expressions are true */
    bool *holds;       /* by host: it has the volumes; NULL: none has any */
    uint32_t *present; /* by host: tasks of the service that run, or are to */
    bool *underway;    /* by host: what a task needs is brought there, and none was placed yet */
    const struct query **queries;
    size_t query_count;
    bool asks_groups;
    bool is_distinct;
    bool is_daemon;
    struct daemon *daemon; /* daemon.c: as it was asked for */
    struct spread *spreads;
    size_t spread_count;
    struct placing *next;
};

/* Is an image that the deployment needs built, pulled or pushed there now? */
bool image_is_underway(struct planner *planner, const struct deployment *deployment,
                       const struct world_instance *instance);

/* Counted once per plan: the tasks of the service that is planned, else all that are seen. */
struct placing *placing_of(struct planner *planner, const struct target *target);

/* NULL: it has none. */
const char *host_attribute(const struct host *host, const char *name);
void constraints_prepare(struct placing *placing);
/* Asks again, as a task was placed there. */
void constraints_again(struct placing *placing, size_t host);

void strategies_prepare(struct placing *placing);
void strategies_count(struct placing *placing, size_t host);
/* Which of two instances that fit is better for a task that is named; < 0: the first. */
int strategies_compare(const struct placing *placing, size_t a, size_t b, const char *name);
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
/* What is left there of the resource that does not suffice. */
uint64_t resources_left(const struct placing *placing, size_t host, enum fit fit);
/* In ECS's words, what the instance lacks. */
const char *resources_lack(const struct placing *placing, size_t host, enum fit fit);

#endif
