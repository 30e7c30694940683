/*
 * uthash as this program uses it: include this, never <uthash.h>.
 *
 * Its own hash falls through between cases, which clang refuses in code of ours, and its allocation
 * calls exit().  Iteration is in the order of insertion, whatever the hash.
 */
#ifndef SPEC_BASE_HASH_H
#define SPEC_BASE_HASH_H

#include <string.h>
#include <uthash.h>

#include "spec/base/base.h"

/* A multiplication for eight bytes each: keys are ids and names of some dozens of them. */
static inline unsigned hash_bytes(const void *key, size_t size)
{
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    const unsigned char *bytes = key;
    uint64_t hash = size * factor;
    uint64_t word;

    for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, bytes, size);
    hash = (hash ^ word) * factor;
    return (unsigned)(hash >> 32);
}

#undef HASH_FUNCTION
#define HASH_FUNCTION(key, size, out) ((out) = hash_bytes((key), (size)))

/* Out of memory aborts with the size. */
#undef uthash_malloc
#define uthash_malloc(size) mem_alloc(size)

#endif
