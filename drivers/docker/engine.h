/*
 * One Docker Engine as an instance: dialled, listed, followed by its events, and acted upon.  Both
 * launch types are made of these; a driver says which instances there are.
 *
 * Connecting: a whole listing is asked for together with /info, which takes the engine longest
 * and tells what all else is read by.  Then /events since the moment of asking, by the engine's
 * clock, and what the listing told; so nothing falls between the two.  An event carries no data
 * into the world: it only makes us look again.
 */
#ifndef DRIVERS_DOCKER_ENGINE_H
#define DRIVERS_DOCKER_ENGINE_H

#include "drivers/docker/client.h"
#include "drivers/docker/mandate.h"
#include "drivers/driver.h"

struct engine;

/* Everything is copied but http, which must outlive the engine, and what the contexts point to. */
struct engine_options {
    struct http *http;
    const char *docker_host; /* as docker_host_parse() takes it; NULL: the environment's */
    const char *called;      /* by texts; NULL: as its address */
    const char *instance;    /* the name that reports carry */
    struct mandate mandate;
    /* -1: the engine of that ID is not this instance's, and nothing is done with it.  Its context
     * is the mandate's sink's.  NULL: any is. */
    int (*take)(void *context, const char *engine_id, struct err *err);
};

int engine_new(const struct engine_options *options, struct engine **out, struct err *err);

/* Our wall clock was moved. */
void engine_clock_moved(struct engine *engine);

/* As the members of struct driver_ops of the same names (driver.h). */
void engine_start(struct engine *engine);
/* The way to it is gone: reports it as lost, and does not dial until engine_start(). */
void engine_stop(struct engine *engine, const struct err *failure);
int engine_apply(struct engine *engine, struct driver_call *call, struct err *err);
int engine_observe(struct engine *engine, struct driver_call *call, struct err *err);
void engine_cancel(struct driver_call *outer);
/* Work on other threads is waited for: `freed` (which may be NULL) is called when nothing is left,
 * at once or later. */
void engine_free(struct engine *engine, void (*freed)(void *context), void *context);

/* For exec and logs; lives as long as the engine. */
struct docker *engine_docker(struct engine *engine);

#endif
