/*
 * Images on their way from one engine to others.  No host reaches another: what an engine gives is
 * read here, once for all that wait for it, into a file without a name; from there each gets what
 * it lacks (copy.c).  The file goes with the last of them.
 */
#ifndef DRIVERS_DOCKER_TRANSFER_H
#define DRIVERS_DOCKER_TRANSFER_H

#include "drivers/docker/client.h"
#include "drivers/docker/image_tar.h"
#include "spec/base/json.h"

struct transfers;
struct transfer;

struct transfers_options {
    struct loop *loop;
    /* The client of an instance, as long as the instance is there; NULL: it is not. */
    struct docker *(*docker)(void *context, const char *instance);
    void *context;
};

struct transfers *transfers_new(const struct transfers_options *options);
/* Nothing is begun any more.  The memory goes when those that wait have left. */
void transfers_free(struct transfers *transfers);

/* Who waits for an image; its owner's storage, from transfer_join() to transfer_leave(). */
struct transfer_user {
    /* From the loop, at most once: all of it is here, or *failure says why not. */
    void (*ready)(void *ctx, const struct err *failure);
    void *ctx;
    struct transfer *transfer;
    bool told;
    struct transfer_user *prev;
    struct transfer_user *next;
};

/* The giver's image of that reference.  ready() follows. */
void transfer_join(struct transfers *transfers, const char *giver, const char *reference,
                   struct transfer_user *user);
/* ready() is not called any more.  No effect on one that never joined. */
void transfer_leave(struct transfer_user *user);

/* What came so far, in bytes, and how much it is about; 0: not known yet. */
int64_t transfer_got(const struct transfer_user *user);
int64_t transfer_size(const struct transfer_user *user);

/* Once it is ready, until it is left. */
struct transfer_image {
    int fd;
    struct image_tar tar;
    size_t layer_count;
    const char *layers[IMAGE_LAYERS_MAX]; /* digests of what they hold, the lowest first */
};
const struct transfer_image *transfer_image(const struct transfer_user *user);

/* How many of an image's layers, the lowest first, are those of another (its inspect's JSON). */
size_t transfer_common_layers(const struct transfer_image *image, const struct json *other);

#endif
