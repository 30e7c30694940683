/*
 * For whom engines are acted upon, and with what.  Whoever runs a driver says it once; every driver
 * hands it on to its engines as it got it.
 */
#ifndef DRIVERS_DOCKER_MANDATE_H
#define DRIVERS_DOCKER_MANDATE_H

#include "drivers/docker/context.h"
#include "drivers/docker/transfer.h"
#include "drivers/docker/write.h"
#include "drivers/driver.h"
#include "spec/base/arena.h"

/* What the contexts point to must outlive whoever has it. */
struct mandate {
    const char *owner;
    const char *root_commit; /* of the repository, for the claim; NULL: nothing will be claimed */
    bool holds;              /* no other process of this machine may act for the owner (hold.h) */
    struct context_reader reader;
    secret_fn *secret; /* NULL: containers with secrets are refused */
    void *secret_context;
    struct transfers *transfers; /* images come from other engines by it; NULL: they do not */
    struct driver_sink sink;
};

/* Its texts are copied into the arena. */
struct mandate mandate_copy(const struct mandate *from, struct arena *arena);

#endif
