/*
 * An action is one single step that a driver can do: one call.  The planner fills it; everything it
 * points to lives at least until the driver has answered (the executor keeps the generation and the
 * cycle's arena alive).
 */
#ifndef SPEC_ACTION_H
#define SPEC_ACTION_H

#include "spec/balancer.h"
#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/world.h"

struct target;
struct goal;

/* X(constant, text, mark, long).  The mark is what a plan prints in its first column. */
#define ACTION_KINDS(X)                                                                            \
    X(CLAIM, "claim engine", "+", false)                                                           \
    X(NETWORK_CREATE, "create network", "+", false)                                                \
    X(NETWORK_REMOVE, "remove network", "-", false)                                                \
    X(VOLUME_CREATE, "create volume", "+", false)                                                  \
    X(VOLUME_REMOVE, "remove volume", "-", false)                                                  \
    X(IMAGE_BUILD, "build image", "+", true)                                                       \
    X(IMAGE_PULL, "pull image", "+", true)                                                         \
    X(IMAGE_PUSH, "push image", "+", true)                                                         \
    X(IMAGE_COPY, "copy image", "+", true)                                                         \
    X(IMAGE_REMOVE, "remove image", "-", false)                                                    \
    X(SANDBOX_LOAD, "load sandbox image", "+", true)                                               \
    X(CONTAINER_CREATE, "create", "+", false)                                                      \
    X(CONTAINER_START, "start", "+", false)                                                        \
    X(CONTAINER_STOP, "stop", "-", false)                                                          \
    X(CONTAINER_LAST_LINES, "read last lines of", " ", false)                                      \
    X(CONTAINER_REMOVE, "remove", "-", false)                                                      \
    X(HOST_RUN, "maintain", "~", true)                                                             \
    X(BALANCER_APPLY, "set up load balancer", "~", false)                                          \
    X(BALANCER_STOP, "stop load balancer", "-", false)

#define ACTION_ENUM(name, text, mark, is_long) ACTION_##name,
enum action_kind { ACTION_KINDS(ACTION_ENUM) ACTION_KIND_COUNT };
#undef ACTION_ENUM

const char *action_kind_text(enum action_kind kind);
const char *action_kind_mark(enum action_kind kind);
bool action_kind_is_long(enum action_kind kind);

/* Key of the effort that an action is: the first word of its kind and its object, "pull redis:7".
 * */
void action_effort_key(enum action_kind kind, const char *object, struct buf *out);
/* Is it the key of long work on an image: of a build, pull, push, load? */
bool action_effort_is_long(const char *key);

/* Container names are berth-TASK12-CONTAINER. */
#define CONTAINER_NAME_SIZE (6 + 12 + 1 + 255 + 1)
void container_name(const char *task, const char *container, char out[CONTAINER_NAME_SIZE]);

/* Which task a container belongs to: everything that its labels say. */
struct task_identity {
    char task[TASK_ID_SIZE];
    uint32_t slot;
    uint32_t attempt;
    const char *deployment;
    const char *commit;
};

/* The first 128 bits of SHA-256(deployment, slot, attempt): the same inputs name the same task, so
 * a create whose answer was lost is recognised.  Where there are several instances the one it goes
 * to is part of it, and no two of them have the same task; else NULL. */
void task_id_make(const char *deployment, uint32_t slot, uint32_t attempt, const char *instance,
                  char out[TASK_ID_SIZE]);

/* Which container of a target an action creates: an index of containerDefinitions, or the sandbox.
 * */
#define SANDBOX_INDEX SIZE_MAX

/* Where load balancers run: beside Berth.  No instance is called so. */
#define BALANCER_HOST "load balancers"

struct action {
    enum action_kind kind;
    const char *instance;
    /* The object it works on; at most one call per (instance, object) is in flight. */
    const char *object;
    const char *cause; /* for people: "commit 1a2b3c4 changes image hello" */
    const char *unit;  /* "CLUSTER/SERVICE" it is done for; NULL: none */

    /* CONTAINER_CREATE */
    const struct target *target;
    struct goal *goal; /* holds the target; the executor counts itself in. Drivers leave it alone */
    struct task_identity identity;
    size_t container;       /* index, or SANDBOX_INDEX */
    const char *image_id;   /* "sha256:...": what it is created from */
    const char *digest;     /* for the label: what the deployment pinned */
    const char *sandbox_id; /* its namespaces are joined; NULL: the container has its own */

    /* CONTAINER_CREATE, _START: joined when the container has its own namespaces; NULL: none.  A
     * driver whose engine misses it at a start reports that (WORLD_NETWORK_GONE). */
    const char *network;

    /* CONTAINER_START, _STOP, _LAST_LINES, _REMOVE: the engine's id. */
    const char *container_id;
    uint32_t stop_timeout_s;

    /* IMAGE_*: `reference` is the tag or reference; a build takes name, key and commit as well.
     * CONTAINER_CREATE: a name that surely means image_id; NULL: there is none. */
    const char *reference;
    const char *image_name;
    const char *build_key;
    const char *commit;
    const char *repository;
    const char *giver; /* IMAGE_COPY: the instance that it comes from */

    /* HOST_RUN: for /bin/sh on the host, which ends it after so many seconds; NULL: nothing is run,
     * and how the host is is told all the same.  Then it is rebooted, if it is to. */
    const char *command;
    uint32_t timeout_s;
    bool reboots;

    /* NETWORK_*, VOLUME_*, CLAIM */
    const char *name;
    const char *cluster;
    const char *service;
    const struct volume *volume; /* its driver and options; NULL: defaults */

    /* BALANCER_*: `object` is its name, `instance` BALANCER_HOST. */
    const struct balancer *balancer; /* _APPLY: how it is to be, whole */
};

#endif
