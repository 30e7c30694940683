/*
 * Shelf: the instances of a pool by what they have left of one resource, the least first, for
 * packing.
 *
 * It is cut into blocks, which hold between one and BLOCK_MAX instances, all of them in order: the
 * last of a block comes before the first of the next one.  Each block knows the most that any of
 * its instances has left of the other resource, so that those that are full of that one are passed
 * over by the block.
 */
#ifndef RECONCILER_PLAN_SHELF_H
#define RECONCILER_PLAN_SHELF_H

#include "spec/base/arena.h"

struct shelf_item {
    uint32_t left;
    uint32_t other; /* what is left of the other resource */
    uint32_t index; /* the instance */
};

struct shelf;

/* For instances with indexes below `count`; none is on it. */
struct shelf *shelf_new(size_t count, struct arena *arena);
/* Puts it where it belongs now. */
void shelf_put(struct shelf *shelf, const struct shelf_item *item);
/* Takes it off, if it is there. */
void shelf_remove(struct shelf *shelf, size_t index);

/* Walks those that have at least so much left of both. The shelf stays as it is meanwhile. */
struct shelf_walk {
    const struct shelf *shelf;
    uint32_t other;
    size_t block;
    size_t at;
};
void shelf_begin(const struct shelf *shelf, uint32_t left, uint32_t other, struct shelf_walk *out);
/* NULL: that were all. */
const struct shelf_item *shelf_next(struct shelf_walk *walk);

#endif
