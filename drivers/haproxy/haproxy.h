/*
 * LoadBalancer: an HAProxy process for each, beside Berth.  It outlives Berth, and the next one
 * takes it over as it is.
 */
#ifndef DRIVERS_HAPROXY_HAPROXY_H
#define DRIVERS_HAPROXY_HAPROXY_H

#include "drivers/driver.h"
#include "drivers/io/loop.h"

/* Texts are copied; the loop and what the sink's context points to must outlive the driver. */
struct haproxy_options {
    struct loop *loop;
    const char *program;   /* NULL: "haproxy", from PATH */
    const char *directory; /* absolute, short (folder.h), of a path that the workers can pass */
    const char *owner;     /* processes of others are left alone */
    struct driver_sink sink;
};

/* Nothing is looked at before driver_start().  ERR_INVALID: the directory's path is too long;
 * ERR_DENIED: it cannot be made. */
int haproxy_new(const struct haproxy_options *options, struct driver **out, struct err *err);

#endif
