/*
 * See chance.h.
 */
#include "reconciler/plan/chance.h"

#include <stdlib.h>
#include <string.h>

#define BASIS UINT64_C(0xcbf29ce484222325)
#define PRIME UINT64_C(0x100000001b3)
#define RINGS 256 /* one for each lowest byte */

/* The states of one stretch are equal in all that the last mixing leaves as it is. */
#define MIX_SHIFT     29
#define STRETCH_SHIFT (64 - MIX_SHIFT)

struct ring_entry {
    uint64_t state; /* behind the name, begun with nothing but the lowest byte */
    uint32_t index;
};

/* The instances whose names have so many characters. */
struct chance_length {
    size_t size;
    uint64_t power; /* PRIME to the power of that */
    uint32_t *members;
    size_t count;
    struct ring_entry *rings[RINGS]; /* by their states; NULL: not sorted yet */

    /* The walk. */
    const struct ring_entry *ring;
    uint64_t offset; /* what the task adds to the states */
    size_t begin;    /* where it is lowest */
    size_t passed;   /* of the ring, those of the stretch included */
    size_t stretch;  /* so many of these are the stretch */
    size_t given;    /* so many of the stretch were given */
    uint64_t last;   /* the last that was given, */
    uint32_t last_index;
    uint64_t next; /* and the one that comes next */
    uint32_t next_index;
    bool is_over;
};

struct chance_rings {
    const char *const *names;
    struct arena *arena;
    struct chance_length *lengths;
    size_t length_count;
};

static uint64_t fnv(uint64_t state, const char *text)
{
    for (; *text != '\0'; text++)
        state = (state ^ (unsigned char)*text) * PRIME;
    return state;
}

static uint64_t mix(uint64_t state)
{
    return state ^ (state >> MIX_SHIFT);
}

uint64_t chance_of(const char *task, const char *instance)
{
    return mix(fnv(fnv(BASIS, task), instance));
}

static uint64_t power_of(size_t size)
{
    uint64_t power = 1;

    while (size-- > 0)
        power *= PRIME;
    return power;
}

static struct chance_length *length_of(struct chance_rings *rings, size_t size)
{
    size_t at = 0;

    while (at < rings->length_count && rings->lengths[at].size != size)
        at++;
    if (at == rings->length_count) {
        rings->lengths[rings->length_count++] =
            (struct chance_length){ .size = size, .power = power_of(size) };
    }
    return &rings->lengths[at];
}

struct chance_rings *chance_rings_new(const char *const *names, size_t count, struct arena *arena)
{
    struct chance_rings *rings = arena_new(arena, struct chance_rings);
    bool *known;
    size_t longest = 0;
    size_t different = 0;

    rings->names = names;
    rings->arena = arena;
    for (size_t i = 0; i < count; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    known = arena_array(arena, bool, longest + 1);
    for (size_t i = 0; i < count; i++) {
        different += !known[strlen(names[i])];
        known[strlen(names[i])] = true;
    }
    rings->lengths = arena_array(arena, struct chance_length, different + 1);
    for (size_t i = 0; i < count; i++)
        length_of(rings, strlen(names[i]))->count++;
    for (size_t i = 0; i < rings->length_count; i++) {
        rings->lengths[i].members = arena_array(arena, uint32_t, rings->lengths[i].count);
        rings->lengths[i].count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct chance_length *length = length_of(rings, strlen(names[i]));

        length->members[length->count++] = (uint32_t)i;
    }
    return rings;
}

static int compare_entries(const void *a, const void *b)
{
    const struct ring_entry *left = a;
    const struct ring_entry *right = b;

    if (left->state != right->state)
        return left->state < right->state ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static const struct ring_entry *ring_of(struct chance_rings *rings, struct chance_length *length,
                                        unsigned char lowest)
{
    struct ring_entry *ring = length->rings[lowest];

    if (ring != NULL)
        return ring;
    ring = arena_array(rings->arena, struct ring_entry, length->count);
    for (size_t i = 0; i < length->count; i++) {
        ring[i].index = length->members[i];
        ring[i].state = fnv(lowest, rings->names[length->members[i]]);
    }
    qsort(ring, length->count, sizeof(*ring), compare_entries);
    length->rings[lowest] = ring;
    return ring;
}

/* The first one with that state or a higher one; length->count: none. */
static size_t first_from(const struct chance_length *length, uint64_t state)
{
    size_t low = 0;
    size_t high = length->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (length->ring[middle].state < state)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* On the ring, so far behind the beginning. */
static const struct ring_entry *entry_at(const struct chance_length *length, size_t position)
{
    size_t at = length->begin + position;

    return &length->ring[at < length->count ? at : at - length->count];
}

/* All that follow and are the same in the highest bits: the last mixing puts them in another order
 * among themselves. */
static void enter_stretch(struct chance_length *length)
{
    size_t first = length->passed;
    uint64_t bits = (entry_at(length, first)->state + length->offset) >> STRETCH_SHIFT;

    while (length->passed < length->count &&
           (entry_at(length, length->passed)->state + length->offset) >> STRETCH_SHIFT == bits)
        length->passed++;
    length->stretch = length->passed - first;
    length->given = 0;
}

static bool comes_before(uint64_t a, uint32_t a_index, uint64_t b, uint32_t b_index)
{
    return a < b || (a == b && a_index < b_index);
}

/* Finds the one that comes next: there is mostly one in a stretch. */
static void find_next(struct chance_length *length)
{
    bool found = false;

    if (length->given == length->stretch) {
        if (length->passed == length->count) {
            length->is_over = true;
            return;
        }
        enter_stretch(length);
    }
    for (size_t i = length->passed - length->stretch; i < length->passed; i++) {
        const struct ring_entry *entry = entry_at(length, i);
        uint64_t chance = mix(entry->state + length->offset);

        if (length->given > 0 &&
            !comes_before(length->last, length->last_index, chance, entry->index))
            continue;
        if (found && !comes_before(chance, entry->index, length->next, length->next_index))
            continue;
        length->next = chance;
        length->next_index = entry->index;
        found = true;
    }
    ASSERT(found);
}

void chance_walk(struct chance_rings *rings, const char *task)
{
    uint64_t state = fnv(BASIS, task);
    unsigned char lowest = (unsigned char)state;

    for (size_t i = 0; i < rings->length_count; i++) {
        struct chance_length *length = &rings->lengths[i];

        length->ring = ring_of(rings, length, lowest);
        length->offset = (state - lowest) * length->power;
        length->begin = first_from(length, 0 - length->offset);
        if (length->begin == length->count)
            length->begin = 0;
        length->passed = 0;
        length->stretch = 0;
        length->given = 0;
        length->is_over = false;
        find_next(length);
    }
}

bool chance_next(struct chance_rings *rings, size_t *out)
{
    struct chance_length *best = NULL;

    for (size_t i = 0; i < rings->length_count; i++) {
        struct chance_length *length = &rings->lengths[i];

        if (!length->is_over && (best == NULL || comes_before(length->next, length->next_index,
                                                              best->next, best->next_index)))
            best = length;
    }
    if (best == NULL)
        return false;
    *out = best->next_index;
    best->last = best->next;
    best->last_index = best->next_index;
    best->given++;
    find_next(best);
    return true;
}
