/*
 * FARGATE: the local engine as one elastic, isolated instance.  The user never names a machine.
 */
#ifndef DRIVERS_FARGATE_FARGATE_H
#define DRIVERS_FARGATE_FARGATE_H

#include "drivers/docker/mandate.h"
#include "drivers/driver.h"
#include "drivers/io/loop.h"

/* Texts are copied; the loop and what the contexts point to must outlive the driver. */
struct fargate_options {
    struct loop *loop;
    const char *docker_host; /* "unix:///..." or "tcp://..."; NULL: DOCKER_HOST, else the default */
    const char *instance;    /* NULL: LOCAL_INSTANCE */
    struct mandate mandate;
};

/* Nothing is dialled before driver_start().  ERR_INVALID: docker_host cannot be understood. */
int fargate_new(const struct fargate_options *options, struct driver **out, struct err *err);

/* The engine's client, for exec and logs; lives as long as the driver. */
struct docker;
struct docker *fargate_docker(struct driver *driver);

#endif
