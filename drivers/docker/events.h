/*
 * The engine's events about containers of ours, and about what they stand on, as they happen.
 *
 * Events only say where to look again; after a lost stream the whole is listed again, because the
 * engine replays no more than its last few hundred.  Actions: DOCKER_EVENT_ACTIONS, without exec_*,
 * of which every health probe emits two.
 */
#ifndef DRIVERS_DOCKER_EVENTS_H
#define DRIVERS_DOCKER_EVENTS_H

#include "drivers/docker/client.h"
#include "spec/base/json.h"

/* "health_status" also stands for "health_status: healthy" and its like. */
#define DOCKER_EVENT_ACTIONS(X)                                                                    \
    X("create")                                                                                    \
    X("start")                                                                                     \
    X("restart")                                                                                   \
    X("pause")                                                                                     \
    X("unpause")                                                                                   \
    X("kill")                                                                                      \
    X("oom")                                                                                       \
    X("die")                                                                                       \
    X("stop")                                                                                      \
    X("rename")                                                                                    \
    X("update")                                                                                    \
    X("health_status")                                                                             \
    X("destroy")

/* Of networks, volumes and images.  Events about these carry no labels, so all are told; those of
 * every day ("connect", "mount", "tag") are left out. */
#define DOCKER_GROUND_ACTIONS(X)                                                                   \
    X("disconnect")                                                                                \
    X("destroy")                                                                                   \
    X("delete")

struct docker_events;

struct docker_events_options {
    const char *since; /* engine's time, "1700000000.000000001": what came later is replayed */
    const char *label; /* "berth.owner=demo"; NULL: all containers */
    bool of_ground;    /* networks, volumes and images instead of containers; without label */
    /* One event: {"Type", "Action", "Actor": {"ID", "Attributes"}, "timeNano" ...}.  Valid during
     * the call. */
    void (*on_event)(void *ctx, const struct json *event);
    /* Once, from the loop: nothing more comes.  failure is never NULL: ERR_UNREACHABLE when the
     * engine ended the stream in order.  The caller still calls docker_events_close(), also from
     * here. */
    void (*on_lost)(void *ctx, const struct err *failure);
    void *ctx;
};

/* Texts are copied. */
struct docker_events *docker_events_open(struct docker *docker,
                                         const struct docker_events_options *options);
/* No callback follows.  Allowed from both callbacks.  NULL is allowed. */
void docker_events_close(struct docker_events *events);

#endif
