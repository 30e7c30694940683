/*
 * What a container wrote, from the engine's log.
 */
#ifndef DRIVERS_DOCKER_LOGS_H
#define DRIVERS_DOCKER_LOGS_H

#include "drivers/docker/stream.h"

struct logs;

struct logs_options {
    const char *container; /* id or name */
    bool follow;           /* goes on until the container ends */
    bool timestamps;       /* each line begins with its time, RFC 3339 */
    int64_t tail;          /* this many last lines; below 0: all */
    int64_t since_ms;      /* engine's wall clock; 0: from the beginning */
    stream_fn *on_data;
    /* Once, from the loop: nothing more comes.  failure: NULL at the end of the log. */
    void (*on_end)(void *ctx, const struct err *failure);
    void *ctx;
};

/* Options are copied.  Never fails at once. */
struct logs *logs_open(struct docker *docker, const struct logs_options *options);
/* No callback follows.  Allowed from any callback; after on_end it still has to be called.  NULL is
 * allowed. */
void logs_close(struct logs *logs);

#endif
