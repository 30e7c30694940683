/*
 * See sparse.h.
 */
#include "reconciler/plan/sparse.h"

#define CAPACITY_MIN 16

static struct sparse_entry *entry_of(const struct sparse *sparse, size_t of)
{
    size_t at = of * (size_t)0x9E3779B97F4A7C15 >> 32;

    for (at &= sparse->mask; sparse->entries[at].of != 0; at = (at + 1) & sparse->mask) {
        if (sparse->entries[at].of == of + 1)
            break;
    }
    return &sparse->entries[at];
}

uint32_t sparse_get(const struct sparse *sparse, size_t of)
{
    return sparse->entries == NULL ? 0 : entry_of(sparse, of)->count;
}

const uint32_t *sparse_next(const struct sparse *sparse, size_t *at, size_t *of)
{
    while (sparse->entries != NULL && *at <= sparse->mask) {
        const struct sparse_entry *entry = &sparse->entries[(*at)++];

        if (entry->of == 0)
            continue;
        *of = entry->of - 1;
        return &entry->count;
    }
    return NULL;
}

static void enlarge(struct sparse *sparse, struct arena *arena)
{
    struct sparse before = *sparse;
    size_t capacity = before.entries == NULL ? CAPACITY_MIN : 2 * (before.mask + 1);

    sparse->entries = arena_array(arena, struct sparse_entry, capacity);
    sparse->mask = capacity - 1;
    for (size_t i = 0; before.entries != NULL && i <= before.mask; i++) {
        if (before.entries[i].of != 0)
            *entry_of(sparse, before.entries[i].of - 1) = before.entries[i];
    }
}

void sparse_add(struct sparse *sparse, size_t of, int by, struct arena *arena)
{
    struct sparse_entry *entry;

    ASSERT(by == 1 || by == -1);
    ASSERT(of < UINT32_MAX);
    if (sparse->entries == NULL || 2 * (sparse->used + 1) > sparse->mask + 1)
        enlarge(sparse, arena);
    entry = entry_of(sparse, of);
    sparse->used += entry->of == 0;
    entry->of = (uint32_t)of + 1;
    ASSERT(by > 0 || entry->count > 0);
    entry->count += (uint32_t)by;
}
