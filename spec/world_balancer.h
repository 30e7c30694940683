/*
 * Load balancers and their targets, as they were last told.  Part of the world.
 */
#ifndef SPEC_WORLD_BALANCER_H
#define SPEC_WORLD_BALANCER_H

#include "spec/balancer.h"
#include "spec/base/hash.h"

struct world;

/* No instance and no service is called so. */
#define BALANCER_KEY "balancer:"

/* A load balancer that was told of: it runs, or something was tried on it in vain. */
struct world_balancer {
    char *key;        /* BALANCER_KEY and */
    const char *name; /* the name, part of it */
    bool runs;        /* else nothing of the next five is known */
    bool stopping;
    char *shape;                  /* NULL: none of ours */
    char *warning;                /* NULL: none */
    struct world_target *targets; /* by group, task */
    size_t target_count;
    char *failure; /* of the last action, when it failed, */
    int64_t failed_ms;
    uint32_t failures; /* and how often in a row */
    UT_hash_handle by_name;
};

struct world_target {
    char *group; /* this and the next two in one block */
    const char *task;
    const char *address;
    char *reason;
    uint32_t port;
    uint32_t check_port;
    uint32_t connections;
    enum target_state state;
};

const struct world_balancer *world_balancer(const struct world *world, const char *name);
/* NULL: there is none, or the balancer does not run. */
const struct world_target *world_target(const struct world_balancer *balancer, const char *group,
                                        const char *task);
/* Has it a target in a group whose name begins so? */
bool world_balancer_serves(const struct world_balancer *balancer, const char *prefix);

#endif
