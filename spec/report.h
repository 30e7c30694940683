/*
 * What a driver reports of an engine: containers, images, networks, volumes and long work. Pointers
 * are the driver's own and live only during the call; the world copies what it keeps.
 */
#ifndef SPEC_REPORT_H
#define SPEC_REPORT_H

#include "spec/balancer.h"
#include "spec/base/base.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"

/* Engine API 1.41, ContainerState.Status. */
#define CONTAINER_STATUSES(X)                                                                      \
    X(CREATED, "created")                                                                          \
    X(RUNNING, "running")                                                                          \
    X(PAUSED, "paused")                                                                            \
    X(RESTARTING, "restarting")                                                                    \
    X(REMOVING, "removing")                                                                        \
    X(EXITED, "exited")                                                                            \
    X(DEAD, "dead")

/* Engine API 1.41, Health.Status; NONE: the container has no check. */
#define HEALTH_STATUSES(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(STARTING, "starting")                                                                        \
    X(HEALTHY, "healthy")                                                                          \
    X(UNHEALTHY, "unhealthy")

#define WORLD_ENUM_CONTAINER(name, text) CONTAINER_##name,
enum container_status { CONTAINER_STATUSES(WORLD_ENUM_CONTAINER) CONTAINER_STATUS_COUNT };
#undef WORLD_ENUM_CONTAINER
#define WORLD_ENUM_HEALTH(name, text) HEALTH_##name,
enum health_status { HEALTH_STATUSES(WORLD_ENUM_HEALTH) HEALTH_STATUS_COUNT };
#undef WORLD_ENUM_HEALTH

const char *container_status_text(enum container_status status);
MUST_USE bool container_status_parse(const char *text, enum container_status *out);
const char *health_status_text(enum health_status status);
MUST_USE bool health_status_parse(const char *text, enum health_status *out);

#define TASK_ID_SIZE       33 /* 32 hexadecimal digits and the NUL */
#define TASK_DIGITS_MIN    4  /* so many name a task, where people do */
#define DEPLOYMENT_ID_SIZE 33 /* likewise 32 */
#define COMMIT_SIZE        65 /* SHA-1 or SHA-256 in hexadecimal */

/* Name of the sandbox in `berth.container`: no container of a task may be called so (it begins with
 * an underscore, which the language refuses). */
#define SANDBOX_NAME "_sandbox"

/* One container of ours: its labels (design: "What is on a container") and its state. */
struct container_report {
    const char *instance;
    const char *id;   /* the engine's, 64 hexadecimal digits */
    const char *name; /* without the engine's leading slash */

    const char *cluster;
    const char *service; /* NULL: a task outside services, then `group` says why it runs */
    const char *group;
    const char *task;
    const char *container;
    const char *family;
    const char *revision;
    const char *deployment;
    const char *digest; /* image that the deployment pinned for it */
    const char *commit;
    uint32_t containers; /* how many make the task, sandbox included */
    uint32_t slot;
    uint32_t attempt;
    uint32_t memory_mib; /* what its task reserves; 0: it does not say */
    uint32_t cpu_units;
    const char *host_ports; /* fixed ports of the host that its task takes, "80/tcp 53/udp"; NULL */

    /* Known from a listing: */
    enum container_status status;
    const char *image_id;

    /* Known only when `inspected`: */
    bool inspected;
    enum health_status health;
    int exit_code;
    bool oom_killed;
    uint32_t restarts;  /* done by the engine */
    int64_t created_ms; /* wall clock of the engine, 0: never */
    int64_t started_ms;
    int64_t finished_ms;
    const char *address;      /* IPv4 in the cluster's network; NULL or "" : none */
    const char *bindings;     /* ports of the host that lead to it: port_binding_next(); likewise */
    bool on_host;             /* its network is the host's */
    const char *error;        /* why the engine could not start it */
    int check_exit_code;      /* of the last run of its health check; 0: it passed, or none ran, */
    const char *check_output; /* else what it wrote; NULL or "": nothing */
    const char *drift; /* first field that is not as it was created ("Networks"); NULL: none */
};

struct image_report {
    const char *instance;
    const char *id;          /* "sha256:..." */
    const char *const *tags; /* "berth/hello:0123456789ab" */
    size_t tag_count;
    const char *const *digests; /* "registry/hello@sha256:..." */
    size_t digest_count;
    const char *name;  /* label berth.image.name; NULL: not made by us */
    const char *owner; /* label berth.image.owner */
    const char *key;   /* label berth.image.key, of the build */
    int64_t created_ms;
    uint64_t size_bytes;
};

/* Long work on an image: at most one per (instance, key). One that FAILED with ERR_CANCELLED is
 * forgotten. */
#define EFFORT_STATES(X)                                                                           \
    X(RUNNING, "running")                                                                          \
    X(DONE, "done")                                                                                \
    X(FAILED, "failed")

#define WORLD_ENUM_EFFORT(name, text) EFFORT_##name,
enum effort_state { EFFORT_STATES(WORLD_ENUM_EFFORT) EFFORT_STATE_COUNT };
#undef WORLD_ENUM_EFFORT

struct effort_report {
    const char *instance;
    const char *key; /* of the action: "pull REFERENCE", "build TAG", "copy TAG" */
    enum effort_state state;
    int64_t at_ms;          /* started (RUNNING), ended (DONE, FAILED) */
    const char *image_id;   /* DONE: what it made */
    const char *digest;     /* DONE: "sha256:..." in the registry, NULL: none */
    const char *image_name; /* of the action: the Image it is done for; NULL: none */
    const char *giver;      /* of the action: the instance that an image is copied from; or NULL */
    bool
        is_named; /* DONE, of a pull: the image did not have the name before that it was asked by */
    bool is_new;  /* likewise: it was not on the engine before */
    const char *progress; /* RUNNING: "3 of 7 layers, 12 MiB of 40 MiB"; of a copy that is DONE: */
                          /* what it took */
    const char *boot;     /* of a HOST_RUN: which boot of the host it ended on; NULL: not told, */
    bool needs_reboot;    /* and whether the host asks for another one */
    const struct err *failure;
};

/* A network or a volume that carries our labels. */
struct named_report {
    const char *instance;
    const char *name;
    const char *owner;
    const char *cluster;
    const char *service; /* volumes */
    const char *root;    /* the claim volume: root commit of the repository */
};

struct instance_report {
    const char *instance; /* its name in the manifest, or LOCAL_INSTANCE */
    const char *engine_id;
    const char *engine_version;
    const char *architecture;
    uint32_t cpu_units; /* 1024 a processor */
    uint32_t memory_mib;
    int64_t clock_skew_ms; /* engine's clock minus ours */
    int64_t connected_ms;  /* our clock: what happened earlier, nobody watched; 0: not told */
};

/* What is not reported from LISTING_BEGIN to LISTING_END is gone.  BEGIN comes before the engine is
 * asked, so that what is made meanwhile counts as seen. One listing at a time per instance; one
 * that a lost connection cut short is not ended. */
#define WORLD_CHANGES(X)                                                                           \
    X(INSTANCE, instance)   /* connected; facts of the engine */                                   \
    X(INSTANCE_LOST, lost)  /* or never reached: who has to answer, and does not */                \
    X(INSTANCE_GONE, named) /* it is not looked at any more, nor is what runs there */             \
    X(LISTING_BEGIN, named)                                                                        \
    X(LISTING_END, named)                                                                          \
    X(CONTAINER, container)                                                                        \
    X(CONTAINER_GONE, named)                                                                       \
    X(CONTAINER_ENDED, named)                                                                      \
    X(CONTAINER_STOPPING, named)                                                                   \
    X(CONTAINER_SIGNALLED, named) /* by someone else, to end it */                                 \
    X(CONTAINER_LINES, lines)     /* what it wrote last was asked for */                           \
    X(IMAGE, image)                                                                                \
    X(IMAGE_GONE, named)                                                                           \
    X(EFFORT, effort)                                                                              \
    X(NETWORK, named)                                                                              \
    X(NETWORK_GONE, named)                                                                         \
    X(VOLUME, named)                                                                               \
    X(VOLUME_GONE, named)                                                                          \
    X(BALANCERS_KNOWN, named) /* all that run were told of; before that nothing is concluded */    \
    X(BALANCER, balancer)                                                                          \
    X(BALANCER_GONE, named)  /* it does not run */                                                 \
    X(BALANCER_FAILED, lost) /* an action on it did; `instance` is its name */

#define WORLD_ENUM_CHANGE(name, member) WORLD_##name,
enum world_change_kind { WORLD_CHANGES(WORLD_ENUM_CHANGE) WORLD_CHANGE_COUNT };
#undef WORLD_ENUM_CHANGE

struct world_change {
    enum world_change_kind kind;
    union {
        struct instance_report instance;
        struct container_report container;
        struct image_report image;
        struct effort_report effort;
        struct named_report named; /* *_GONE, *_ENDED, *_STOPPING: `name` is an id */
        struct balancer_report balancer;
        struct {
            const char *instance;
            const char *failure;
            int64_t at_ms; /* our clock */
        } lost;
        struct {
            const char *instance;
            const char *id;
            const char *text; /* spec/last_lines.h; NULL or "": nothing, or it cannot be had */
        } lines;
    };
};

#endif
