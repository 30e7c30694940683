/*
 * Place: which instance a task goes to, and what must be there before. A FARGATE cluster has one
 * elastic engine (place.c); an EC2 cluster has a pool of instances (pool.c), of which the policies
 * beside it choose: resources, constraints, strategies (ecs.md 1.6).
 */
#ifndef RECONCILER_PLAN_PLACE_H
#define RECONCILER_PLAN_PLACE_H

#include "reconciler/plan/chance.h"
#include "reconciler/plan/plan_int.h"
#include "reconciler/plan/shelf.h"

/* ---- place: the local engine, and what a task needs on any ----------------------------------- */

/* The instance for one more task of the target, or NULL and a wait. The name, any that the task
 * alone has, decides in a pool what nothing else does. */
const struct world_instance *place_task(struct planner *planner, const struct target *target,
                                        const char *name);
/* The local engine had room for one more of the target if that one, of its service, were gone. */
bool place_fits_without(struct planner *planner, const struct target *target,
                        const struct world_task *gone);
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
bool instance_is_seen(struct planner *planner, const struct world_instance *instance);
/* Likewise, without a word. */
bool instance_is_ours(struct planner *planner, const struct world_instance *instance);
/* True when network and volumes that the target needs exist. */
bool place_ready(struct planner *planner, const struct target *target,
                 const struct world_instance *instance);

/* Tasks of which nothing is seen yet, and which take their room: what is being created, and what
 * jobs have claimed.  Some may be seen meanwhile. */
size_t pending_all(struct planner *planner, const struct plan_pending *const **out);
/* Those of the unit. */
size_t pending_of(struct planner *planner, const char *unit,
                  const struct plan_pending *const **out);

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
    bool is_taken;    /* by the plan: what the world says is not all */
    bool ports_known; /* of this plan */
    uint32_t *ports;  /* port * 2, + 1 of UDP */
    size_t port_count;
    const struct kept *kept; /* not for replicas */
};

/* An instance, as one cluster lists it. */
struct host {
    const struct container_instance *listed;
    const struct world_instance *seen; /* NULL: nothing was told of it */
    struct host_use *use;              /* NULL with it */
    uint32_t cpu_units;                /* it has in all; 0 with it */
    uint32_t memory_mib;               /* likewise, but for what is reserved */
    bool drains;         /* its tasks are to leave: it is declared so, or maintained */
    const char *why_not; /* no new task goes there, in short; NULL: it may; pool_why_not() */
};

struct host_name {
    const char *name;
    size_t index;
};

/* Some of the instances, by index. */
struct host_set {
    uint32_t *items; /* sorted */
    size_t count;
};

/* What a placing packs. */
enum packed { PACKED_CPU, PACKED_MEMORY, PACKED_COUNT };

struct pool {
    const char *cluster;
    const struct cluster_spec *spec;
    const struct resource *resource;
    struct host *hosts; /* as they are listed */
    size_t count;
    struct host_name *by_name;           /* sorted */
    uint32_t *index_of;                  /* by the number of the use: pool_index_of() */
    struct host_set unknown;             /* what runs there is not known */
    struct host_set troubled;            /* something failed there */
    struct host_set working;             /* long work is done there */
    const char **names;                  /* as they are listed */
    struct chance_rings *rings;          /* NULL: nobody asked yet */
    struct shelf *shelves[PACKED_COUNT]; /* those that may take tasks; likewise */
    struct subset *subsets;              /* subset.h; likewise */
    size_t subset_count;
    struct arena *arena; /* of all these */
    struct round *round; /* maintain.c: of this plan; NULL: nobody asked yet */
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
/* Why no new task goes there, as it follows "the container-instance NAME". */
const char *pool_why_not(const struct pool *pool, size_t index, struct planner *planner);
/* Made when they are asked for first. */
struct chance_rings *pool_rings(struct pool *pool);
const struct shelf *pool_shelf(struct pool *pool, enum packed packed);
/* One more task of the target on an instance that fits, or NULL and a wait. */
const struct world_instance *pool_place(struct planner *planner, const struct target *target,
                                        const char *name);
bool use_has_port(struct planner *planner, struct host_use *use, uint32_t port);
void use_take(struct planner *planner, struct host_use *use, const struct target *target);
void use_keep(struct planner *planner, struct host_use *use, struct kept *kept);
/* As if that task had gone. */
void use_release(struct planner *planner, struct host_use *use, const struct world_task *task);
/* Likewise on that one. */
const struct world_instance *pool_place_on(struct planner *planner, const struct target *target,
                                           size_t host);
/* True once per plan. */
bool pools_keep_once(struct planner *planner);
/* Is an image that the deployment needs built, pulled or pushed there now? */
bool image_is_underway(struct planner *planner, const struct deployment *deployment,
                       const struct world_instance *instance);

#endif
