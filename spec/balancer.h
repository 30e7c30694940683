/*
 * A load balancer: how one is to be, which a driver applies as a whole, and what a driver reports
 * of one that runs. In ECS's words a service that names a LoadBalancer has a target group there,
 * and its tasks are the targets (ecs.md 1.11).
 */
#ifndef SPEC_BALANCER_H
#define SPEC_BALANCER_H

#include "spec/base/base.h"
#include "spec/base/digest.h"
#include "spec/kinds/kinds.h"

struct goal;

/* A task behind the balancer. */
struct balancer_member {
    const char *task;    /* its id */
    const char *address; /* IPv4 */
    uint32_t port;       /* 1 .. 65535, */
    uint32_t check_port; /* and that of the health check */
    bool drains;         /* what is open may finish, nothing new comes */
};

/* The tasks of a service, on one of their ports. */
struct balancer_group {
    const char *name;                      /* "CLUSTER:SERVICE:CONTAINER:PORT" */
    const struct service_target *target;   /* which requests it takes, and how it is checked */
    const struct balancer_member *members; /* by task */
    size_t member_count;
    bool retired; /* git does not declare it any more: nothing leads to it, what is open ends */
    struct goal *goal; /* holds the target, when it is retired; drivers leave it alone */
};

struct balancer {
    const char *name; /* of the LoadBalancer */
    const struct load_balancer_spec *spec;
    const struct balancer_group *groups; /* by name */
    size_t group_count;
    char shape[SHA256_HEX_SIZE]; /* balancer_shape() */
};

/* The digest of all but the members: what differs in it needs another configuration. */
void balancer_shape(const struct balancer *balancer, char out[SHA256_HEX_SIZE]);

/* Does the group take requests of that listener?  One that is retired takes none.  Its protocol is
 * then the listener's. */
bool balancer_group_is_at(const struct balancer_group *group, const struct listener *listener);
/* Would the two take the same port of the same address? */
bool listeners_overlap(const struct listener *a, const struct listener *b);
/* Has it no condition, so that it takes what the others leave? */
bool service_target_is_default(const struct service_target *target);
/* Does it pass connections as they are?  Else it looks at requests: HTTP, HTTPS. */
bool listener_is_tcp(const struct listener *listener);
/* Of all listeners that it is at (generation_balancers.c: they agree); false when there is none. */
bool balancer_group_is_tcp(const struct balancer *balancer, const struct balancer_group *group);

/* The IPv4 address at which a balancer reaches the ports of an instance; NULL: it is not said. */
const char *instance_address(const struct container_instance *instance);

/* What a target is, ecs.md 1.11. */
#define TARGET_STATES(X)                                                                           \
    X(INITIAL, "initial") /* no health check has passed yet */                                     \
    X(HEALTHY, "healthy")                                                                          \
    X(UNHEALTHY, "unhealthy")                                                                      \
    X(DRAINING, "draining")

#define TARGET_STATE_ENUM(name, text) TARGET_##name,
enum target_state { TARGET_STATES(TARGET_STATE_ENUM) TARGET_STATE_COUNT };
#undef TARGET_STATE_ENUM
const char *target_state_text(enum target_state state);

struct target_report {
    const char *group;
    const char *task;
    const char *address;
    uint32_t port;
    uint32_t check_port;
    enum target_state state;
    /* UNHEALTHY, INITIAL after a failed check: ecs.md 1.11, "Health checks failed with these codes:
     * [500]", "Request timed out", "Health checks failed"; else NULL. */
    const char *reason;
    uint32_t connections; /* requests, of TCP connections, that are open to it: of all workers */
};

/* One that runs.  It is whole: a target that is not in it is none. */
struct balancer_report {
    const char *name;
    const char *shape; /* of what was applied last; NULL: not one of ours */
    const char
        *warning;  /* it runs, but not with the newest of its certificates; NULL: all is well */
    bool stopping; /* it takes nothing new, and ends when all that is open has ended */
    bool applied;  /* told at the end of an action that succeeded */
    const struct target_report *targets; /* by group, task */
    size_t target_count;
};

#endif
