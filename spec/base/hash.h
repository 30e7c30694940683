/*
 * uthash as this program uses it: include this, never <uthash.h>.
 *
 * Its own hash falls through between cases, which clang refuses in code of ours, and its allocation
 * calls exit().  Iteration is in the order of insertion, whatever the hash.
 */
#ifndef SPEC_BASE_HASH_H
#define SPEC_BASE_HASH_H

#include <uthash.h>

#include "spec/base/base.h"

/* FNV-1a, 32 bits. */
static inline unsigned hash_bytes(const void *key, size_t size)
{
    const unsigned char *bytes = key;
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

#undef HASH_FUNCTION
#define HASH_FUNCTION(key, size, out) ((out) = hash_bytes((key), (size)))

/* Out of memory aborts with the size. */
#undef uthash_malloc
#define uthash_malloc(size) mem_alloc(size)

#endif
