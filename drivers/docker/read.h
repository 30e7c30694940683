/*
 * What an Engine answered, read into reports (Engine API 1.41: ContainerSummary, ContainerInspect,
 * EventMessage, ImageSummary, ImageInspect, SystemInfo, Network, Volume).
 *
 * Pure, and safe on any JSON: what is absent or of another type is left zero.  Reports point into
 * the JSON and into the reader; they live as long as both.
 */
#ifndef DRIVERS_DOCKER_READ_H
#define DRIVERS_DOCKER_READ_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"
#include "spec/base/json.h"
#include "spec/world.h"

/* An engine's answer.  A NUL in a text, which a health check may print, becomes U+FFFD: what runs
 * in a container shall not be able to hide it.  NULL and *err when it is not JSON. */
struct json *read_json(const char *text, size_t size, struct err *err);

/* Whose engine it is and what it can do. */
struct reader {
    const char *instance;
    const char *owner;
    /* Kernels without a facility make the engine drop the limit: then it is no drift. */
    bool lacks_memory_limit;
    bool lacks_swap_limit;
    bool lacks_cpu_quota;
    bool lacks_cpu_shares;
};

/* Each returns true when the object is ours, whole enough to be reported, and *out is set. */

/* One element of GET /containers/json. */
bool read_container_summary(const struct reader *reader, const struct json *value,
                            struct container_report *out);
/* GET /containers/ID/json. */
bool read_container(const struct reader *reader, const struct json *value,
                    struct container_report *out);
/* The same: which ports of the host lead to it, for `bindings` of its report. */
void read_bindings(const struct json *value, struct buf *out);
/* The same: the signal that asks it to stop; SIGTERM unless it says another. */
int read_stop_signal(const struct json *value);

/* An image, ours or not: what a task needs may have been there before us.  `tags` and `digests` of
 * the report are the caller's arrays, as large as IMAGE_NAMES_MAX; further names are left out. */
#define IMAGE_NAMES_MAX 64
struct image_names {
    const char *tags[IMAGE_NAMES_MAX];
    const char *digests[IMAGE_NAMES_MAX];
};
/* One element of GET /images/json, or GET /images/NAME/json. */
bool read_image(const struct reader *reader, const struct json *value, struct image_names *names,
                struct image_report *out);

/* One element of GET /networks, or GET /networks/NAME: one that carries our label. */
bool read_network(const struct reader *reader, const struct json *value, struct named_report *out);
/* One element of Volumes of GET /volumes, or the answer of POST /volumes/create.  A volume without
 * labels is reported too (owner NULL): somebody else may hold a name of ours. */
bool read_volume(const struct reader *reader, const struct json *value, struct named_report *out);

/* GET /info.  `now_ms` is our wall clock when it was answered. */
void read_info(const struct json *value, int64_t now_ms, struct instance_report *out);
/* What /info says about limits, into the lacks_ members. */
void read_facilities(const struct json *value, struct reader *out);

enum event_type {
    EVENT_OTHER, /* nothing that we follow, or of others */
    EVENT_CONTAINER_CREATED,
    EVENT_CONTAINER_CHANGED,
    EVENT_CONTAINER_ENDED,
    EVENT_CONTAINER_KILLED, /* a signal was sent; it may go on */
    EVENT_CONTAINER_GONE,
    EVENT_NETWORK_LEFT, /* `id` is a container, of whomever */
    EVENT_NETWORK_GONE,
    EVENT_VOLUME_GONE,
    EVENT_IMAGE_GONE,
};

struct event_report {
    enum event_type type;
    const char *id;   /* the engine's; of a volume its name */
    const char *name; /* may be NULL */
    bool is_start;
    int signal;      /* of a kill; 0: not said */
    int64_t time_ms; /* engine's wall clock; 0: not said */
};

/* One line of GET /events. */
struct event_report read_event(const struct reader *reader, const struct json *value);

#endif
