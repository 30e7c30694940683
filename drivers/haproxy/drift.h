/*
 * From what the servers of a worker are to what they are to be: commands of HAProxy's runtime
 * interface.  Pure.
 *
 * A weight of 0 says that no check of a target has passed yet.  HAProxy 2.6 checks a server that
 * is added at run time for the first time after a whole interval (`downinter`: it counts as down),
 * and nothing makes it look sooner.  So beside each such target stands a probe: a server of the
 * same address with the weight 0, which is checked every PROBE_INTERVAL_MS.  When one of the two
 * has passed, the target gets its weight and the probe goes.  The target's own checks keep their
 * interval and thresholds all the while; when they find it down first, it gets its weight too, and
 * it is HAProxy that brings it back after healthyThreshold checks.
 */
#ifndef DRIVERS_HAPROXY_DRIFT_H
#define DRIVERS_HAPROXY_DRIFT_H

#include "drivers/haproxy/answers.h"
#include "spec/balancer.h"

#define PROBE_INTERVAL_MS 200

struct drift {
    struct arena *arena;
    const struct answers *current; /* of the worker that takes new connections */
    const struct balancer *wanted; /* NULL: the members that it has */
    /* Was it UNHEALTHY in the worker before this one? Optional. */
    bool (*was_unhealthy)(void *context, const char *group, const char *task);
    void *context;
    /* The worker is new: what its checks found out counts for nothing, for a server from the file
     * falls at the first one that fails, whatever its threshold. */
    bool is_fresh;

    const char **commands; /* what is to be said, one command each */
    size_t count;
    size_t capacity;
    /* It is not as wanted without these; else they only clear away what nothing goes to. */
    bool is_needed;
};

/* Of the current worker. */
void drift_current(struct drift *drift);
/* Of one that was replaced and still serves what is open: no checks run there any more, and it
 * follows the current one.  `adds`: servers that it lacks too. */
void drift_old(struct drift *drift, const struct answers *old, bool adds);

/* What `server` is, as it is reported. */
enum target_state drift_state(const struct answer_server *server);

#endif
