/*
 * What every driver owes (drivers/driver.h), tested from outside: the same tests for the simulated
 * fleet and for real engines.
 */
#ifndef TESTS_UNIT_DRIVER_CONFORMANCE_H
#define TESTS_UNIT_DRIVER_CONFORMANCE_H

#include "drivers/driver.h"

struct conformance {
    const char *name; /* of the group, for the output */

    /* A new driver for an engine that has `image` and nothing else of the owner's. */
    struct driver *(*open)(void *context, const struct driver_sink *sink);
    /* Everything that open() made, after the driver was freed.  NULL: nothing to do. */
    void (*close)(void *context);
    /* Lets some time pass: done() and reports come from inside. */
    void (*turn)(void *context);
    int64_t (*now_ms)(void *context); /* of any clock that turn() moves */
    /* `docker rm --force ID`, past the driver. */
    void (*remove_by_hand)(void *context, const char *id);
    void *context;

    const char *instance;
    const char *owner;
    const char *root;
    /* Reference of an image whose `command` runs for ever and does not end on SIGTERM. */
    const char *image;
    const char **command; /* NULL-terminated */
    const char *pull;     /* a reference that can be pulled and is not there; NULL: none */
    const char *missing;  /* one that cannot; NULL: none */
};

/* Runs all tests; what main() returns. */
int conformance_run(const struct conformance *conformance);

#endif
