/*
 * A load balancer as HAProxy's configuration.  Pure.
 */
#ifndef DRIVERS_HAPROXY_RENDER_H
#define DRIVERS_HAPROXY_RENDER_H

#include "spec/balancer.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

/* The weight of a server in service; slow starts and shifts of traffic go below it. */
#define RENDER_WEIGHT 100

/* How long a process whose work is over waits for what is still open, beyond the longest
 * deregistrationDelay. */
#define RENDER_STOP_EXTRA_S 5

/* Beside the balancer itself. */
struct render_options {
    const char *owner;
    uint32_t maxconn;
    const char *folder; /* absolute: where the files of certificates are */
    const char *log;    /* path of the datagram socket that tells of each change */
    const char *user;   /* whom the workers run as, and their group; NULL: whoever starts them */
    /* Is it to get requests at once, for it was HEALTHY a moment ago? */
    bool (*is_in_service)(void *context, const char *group, const struct balancer_member *member);
    void *context;
};

/* ERR_INVALID: a text that HAProxy has no words for, such as an address that is none. */
int render(const struct balancer *balancer, const struct render_options *options, struct buf *out,
           struct err *err);

/* The words of a server line that say how the group is checked: "inter 30s rise 5 fall 2". */
void render_check(const struct service_target *target, struct buf *out);

#endif
