/*
 * What an action asks of an Engine, written as its JSON (Engine API 1.41: ContainerCreate,
 * NetworkCreate, VolumeCreate).  Pure, but for the secrets, which a callback of the caller reads.
 */
#ifndef DRIVERS_DOCKER_WRITE_H
#define DRIVERS_DOCKER_WRITE_H

#include "spec/action.h"
#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"
#include "spec/base/json.h"

/* Appends the value of a secret ("file:PATH", "env:NAME") to *out.  Its errors never hold a value.
 * */
typedef int secret_fn(void *context, const char *value_from, struct buf *out, struct err *err);

struct writer {
    const char *owner;
    const char *root_commit; /* of the claim */
    secret_fn *secret;       /* NULL: containers with secrets are refused */
    void *secret_context;
};

/* The body of POST /containers/create for ACTION_CONTAINER_CREATE.  It may hold secrets: release it
 * with write_wipe(). */
MUST_USE int write_container(const struct writer *writer, const struct action *action,
                             struct buf *out, struct err *err);
/* The labels that body has, for comparing; the caller frees them. */
struct json *write_container_labels(const struct writer *writer, const struct action *action);
/* Overwrites and releases. */
void write_wipe(struct buf *body);

/* POST /networks/create, for ACTION_NETWORK_CREATE. */
void write_network(const struct writer *writer, const struct action *action, struct buf *out);
/* POST /volumes/create, for ACTION_VOLUME_CREATE and ACTION_CLAIM. */
void write_volume(const struct writer *writer, const struct action *action, struct buf *out);

#endif
