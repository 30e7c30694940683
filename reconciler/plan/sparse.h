/*
 * Sparse: how often there is something of each of many, of which few have any.
 */
#ifndef RECONCILER_PLAN_SPARSE_H
#define RECONCILER_PLAN_SPARSE_H

#include "spec/base/arena.h"

struct sparse_entry {
    uint32_t of; /* + 1; 0: none */
    uint32_t count;
};

/* All zero: none of any. */
struct sparse {
    struct sparse_entry *entries; /* open addressing, at most half full */
    size_t mask;
    size_t used;
};

uint32_t sparse_get(const struct sparse *sparse, size_t of);
/* How often there is something of *of, which was counted once, at or behind *at, which is moved on;
 * NULL: there is no more. In no order. */
const uint32_t *sparse_next(const struct sparse *sparse, size_t *at, size_t *of);
/* One more, or less; less only where there is one. */
void sparse_add(struct sparse *sparse, size_t of, int by, struct arena *arena);

#endif
