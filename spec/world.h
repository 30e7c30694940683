/*
 * The world: what the drivers last reported, indexed for the planner.  It changes only through
 * world_apply(), which also marks what has to be planned again.  It holds no wishes and no history.
 *
 * Drivers fill `struct world_change` with pointers of their own; the world copies what it keeps.
 */
#ifndef SPEC_WORLD_H
#define SPEC_WORLD_H

#include "spec/base/base.h"
#include "spec/base/hash.h"
#include "spec/base/intern.h"
#include "spec/report.h"
#include "spec/world_balancer.h"
#include "spec/world_effort.h"

struct world_container {
    const char *id;
    const char *name;
    const char *container; /* this and the next two: world->texts */
    const char *digest;
    const char *image_id;
    char *address;
    char *bindings;
    char *error;
    char *drift;
    char *check_output;  /* the end of it, without blank lines; NULL: it wrote nothing, or passed */
    int check_exit_code; /* 0: it passed, or none ran */
    char *last_lines;    /* spec/last_lines.h; NULL: nothing, or not asked for */
    bool lines_asked;    /* once, whatever came of it */
    enum container_status status;
    enum health_status health;
    int exit_code;
    uint32_t restarts;
    bool inspected;
    bool oom_killed;
    bool on_host;
    bool stopping;  /* a stop was accepted by the engine, its end is not seen yet */
    bool signalled; /* since its start someone else told the engine to end it */
    uint64_t sweep; /* the listing that saw it last */
    int64_t created_ms;
    int64_t started_ms;
    int64_t finished_ms;
    int64_t clock_skew_ms;   /* the engine's clock minus ours when this start was first seen: */
    int64_t skewed_start_ms; /* started_ms then */
    struct world_task *task;
    UT_hash_handle by_id;
};

/* A running copy of a Task definition: the containers that carry one task id on one instance. */
struct world_task {
    char id[TASK_ID_SIZE];
    const char *instance; /* the name of `host` */
    const char *family;   /* this and the next four, and host_ports: world->texts */
    const char *group;
    const char *revision;
    const char *deployment;
    const char *commit;
    uint32_t slot;
    uint32_t attempt;
    uint32_t expected;   /* containers that make the task */
    uint32_t memory_mib; /* what it reserves; 0: its containers do not say */
    uint32_t cpu_units;
    const char *host_ports;              /* fixed ports of the host, "80/tcp 53/udp"; NULL: none */
    struct world_container **containers; /* by name, id */
    size_t container_count;
    struct world_container *only;     /* `containers`, as long as there is one */
    struct world_service *service;    /* NULL: runs outside services */
    struct world_instance *host;      /* whose list of tasks it is in: */
    struct world_task *host_next;     /* NULL: the last */
    struct world_task *host_previous; /* the first one's is the last */
    struct world_task *twin; /* same id on another instance (an instance that was lost came back) */
    UT_hash_handle by_id;    /* of the first twin only */
};

/* Of what a health check wrote so many bytes are kept. */
#define WORLD_CHECK_MAX 512

/* All tasks seen of one (cluster, service); key is "CLUSTER/SERVICE".  Gone with its last task. */
struct world_service {
    const char *key;
    const char *cluster;
    const char *service;
    struct world_task **tasks; /* by slot, attempt, id, instance */
    size_t task_count;
    UT_hash_handle by_key;
};

struct world_image {
    const char *id;
    const char **tags;
    size_t tag_count;
    const char **digests;
    size_t digest_count;
    const char *name;
    const char *owner;
    const char *key;
    int64_t created_ms;
    uint64_t size_bytes;
    uint64_t sweep;
    UT_hash_handle by_id;
};

struct world_named {
    const char *name;
    const char *owner;
    const char *cluster;
    const char *service;
    const char *root;
    uint64_t sweep;
    UT_hash_handle by_name;
};

/* A lost one is active again with the next complete listing: a connection alone proves nothing. */
#define INSTANCE_STATES(X)                                                                         \
    X(CONNECTING, "CONNECTING") /* never seen complete */                                          \
    X(ACTIVE, "ACTIVE")                                                                            \
    X(LOST, "LOST") /* its stream is down: what it runs is unknown, not gone */

#define WORLD_ENUM_INSTANCE(name, text) INSTANCE_##name,
enum instance_state { INSTANCE_STATES(WORLD_ENUM_INSTANCE) INSTANCE_STATE_COUNT };
#undef WORLD_ENUM_INSTANCE

struct world_instance {
    const char *name;
    char *engine_id;
    char *engine_version;
    char *architecture;
    uint32_t cpu_units;
    uint32_t memory_mib;
    int64_t clock_skew_ms;
    int64_t connected_ms;
    enum instance_state state;
    bool complete;     /* a whole listing was taken since connecting; else nothing may be removed */
    bool was_complete; /* of any connection */
    const char *same_as; /* another one with its engine, that comes first; what it tells counts */
    bool listing;        /* between LISTING_BEGIN and LISTING_END */
    uint64_t sweep;
    uint64_t starts;                       /* of containers, that were seen */
    uint64_t changed;                      /* world->changes, when it did last, */
    struct world_instance *changed_before; /* and what changed last before that; NULL: nothing */
    struct world_instance *changed_after;
    struct world_instance *engine_next; /* of the same engine, in no order */
    char *failure;                      /* LOST: why, */
    int64_t lost_ms;                    /* and since when, our clock */
    struct world_task *tasks;           /* linked by host_next, in the order they were first seen */
    size_t task_count;
    uint64_t used_memory_mib; /* by these tasks */
    uint64_t used_cpu_units;
    struct world_image *images;
    struct world_reference *references; /* world_int.h: a tag or digest, and the image it names */
    struct world_effort *efforts;
    struct world_named *networks;
    struct world_named *volumes;
    UT_hash_handle by_name;
};

/*
 * What has to be planned again:
 *
 *     container, task                        its service; the instance too if that frees something
 *     instance connected, complete, lost     the instance, and all services with tasks there
 *     image, effort, network, volume         the instance
 *     load balancer                          it, and the services of targets that changed
 *     one of these gone, or another          its reliers
 *     instance gone                          it, and all services that had tasks there
 *
 * Whom this concerns is not known here: whoever plans translates it.  What comes concerns those who
 * wait for something, and these are known.  What goes concerns whoever relied on it, which can be
 * any service, also one that waits for nothing and has no task there. Text for people only (the
 * progress of an effort, why a lost instance is still lost) is a change that dirties nothing.
 */
#define DIRTY_KINDS(X)                                                                             \
    X(SERVICE, "service")   /* key "CLUSTER/SERVICE" */                                            \
    X(INSTANCE, "instance") /* key: its name (claim, images, networks) */                          \
    X(RELIERS, "reliers")   /* key: an instance: it, and all services */                           \
    X(BALANCER, "balancer") /* key: BALANCER_KEY and its name */                                   \
    X(SCHEDULE, "schedule") /* key: SCHEDULE_KEY and its name; nothing in the world marks it */

#define WORLD_ENUM_DIRTY(name, text) DIRTY_##name,
enum dirty_kind { DIRTY_KINDS(WORLD_ENUM_DIRTY) DIRTY_KIND_COUNT };
#undef WORLD_ENUM_DIRTY

/* Called from inside world_apply(), while the world changes: it notes the key and looks at nothing.
 * One change may mark the same key many times. */
typedef void dirty_fn(void *context, enum dirty_kind kind, const char *key);

struct world {
    struct world_instance *instances;
    struct world_service *services;
    struct world_task *tasks;
    struct world_container *containers;
    struct world_engine *engines; /* world_int.h */
    struct world_balancer *balancers;
    bool balancers_known;  /* all that run were told of */
    struct interned texts; /* that tasks and containers share */
    uint64_t version;      /* grows with every change that was one */
    /* For who keeps something about each instance: what changed since is at the front of a list. */
    struct world_instance *latest;
    uint64_t changes;
    uint64_t fleets; /* grows when an instance comes or goes, or its engine is another one */
    dirty_fn *dirty; /* may be NULL */
    void *dirty_context;
};

struct world *world_new(dirty_fn *dirty, void *context);
void world_free(struct world *world);
DEFINE_AUTO(world, world_free)

/*
 * True when anything changed; a repeated report is no change and marks nothing.
 *
 * A container that is only listed keeps what an inspection told as long as its status is the same;
 * with another status it is unknown again.  `stopping` ends when the container is seen ended or
 * started once more (which also ends `signalled`), or its instance is lost. A container whose
 * labels changed (which no engine does) is gone and new.
 */
bool world_apply(struct world *world, const struct world_change *change);

/* Our clock was moved by so much: every time that was taken from it moves along. */
void world_clock_moved(struct world *world, int64_t moved_ms);

const struct world_instance *world_instance(const struct world *world, const char *name);
const struct world_service *world_service(const struct world *world, const char *cluster,
                                          const char *service);
/* The first of its twins. */
const struct world_task *world_task(const struct world *world, const char *id);
const struct world_container *world_container(const struct world *world, const char *id);
const struct world_container *world_task_container(const struct world_task *task,
                                                   const char *container);
/* By id, tag or digest reference ("registry/hello@sha256:..."); NULL when absent. */
const struct world_image *world_image(const struct world_instance *instance, const char *reference);
const struct world_named *world_network(const struct world_instance *instance, const char *name);
const struct world_named *world_volume(const struct world_instance *instance, const char *name);

#endif
