/*
 * See shelf.h.
 */
#include "reconciler/plan/shelf.h"

#include <string.h>

#define BLOCK_MAX 128

struct block {
    struct shelf_item items[BLOCK_MAX];
    size_t count;
    uint32_t most_other;
};

/* Where an instance is now. */
struct shelf_place {
    uint32_t left;
    bool is_there;
};

struct shelf {
    struct arena *arena;
    struct block **blocks;
    size_t count;
    size_t capacity;
    struct block **spare; /* emptied ones */
    size_t spare_count;
    struct shelf_place *places; /* by instance */
};

struct shelf *shelf_new(size_t count, struct arena *arena)
{
    struct shelf *shelf = arena_new(arena, struct shelf);

    shelf->arena = arena;
    /* Halves of blocks that were full at worst, and each emptied one is used again. */
    shelf->capacity = count + 1;
    shelf->blocks = arena_array(arena, struct block *, shelf->capacity);
    shelf->spare = arena_array(arena, struct block *, shelf->capacity);
    shelf->places = arena_array(arena, struct shelf_place, count + 1);
    return shelf;
}

static bool is_before(const struct shelf_item *item, uint32_t left, uint32_t index)
{
    return item->left < left || (item->left == left && item->index < index);
}

/* The first block whose last one is not before that; shelf->count: none. */
static size_t block_of(const struct shelf *shelf, uint32_t left, uint32_t index)
{
    size_t low = 0;
    size_t high = shelf->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct block *block = shelf->blocks[middle];

        if (is_before(&block->items[block->count - 1], left, index))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t item_of(const struct block *block, uint32_t left, uint32_t index)
{
    size_t low = 0;
    size_t high = block->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (is_before(&block->items[middle], left, index))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void find_most(struct block *block)
{
    block->most_other = 0;
    for (size_t i = 0; i < block->count; i++) {
        if (block->items[i].other > block->most_other)
            block->most_other = block->items[i].other;
    }
}

static struct block *block_add(struct shelf *shelf, size_t at)
{
    struct block *block = shelf->spare_count > 0 ? shelf->spare[--shelf->spare_count]
                                                 : arena_new(shelf->arena, struct block);

    ASSERT(shelf->count < shelf->capacity);
    memmove(&shelf->blocks[at + 1], &shelf->blocks[at],
            (shelf->count - at) * sizeof(*shelf->blocks));
    shelf->blocks[at] = block;
    shelf->count++;
    block->count = 0;
    block->most_other = 0;
    return block;
}

/* The higher half becomes a block of its own. */
static void split(struct shelf *shelf, size_t at)
{
    struct block *block = shelf->blocks[at];
    struct block *higher = block_add(shelf, at + 1);
    size_t half = block->count / 2;

    memcpy(higher->items, &block->items[half], (block->count - half) * sizeof(block->items[0]));
    higher->count = block->count - half;
    block->count = half;
    find_most(higher);
    find_most(block);
}

void shelf_remove(struct shelf *shelf, size_t index)
{
    struct shelf_place *place = &shelf->places[index];
    struct block *block;
    size_t at;
    size_t of;

    if (!place->is_there)
        return;
    of = block_of(shelf, place->left, (uint32_t)index);
    ASSERT(of < shelf->count);
    block = shelf->blocks[of];
    at = item_of(block, place->left, (uint32_t)index);
    ASSERT(at < block->count && block->items[at].index == index);
    place->is_there = false;
    block->count--;
    memmove(&block->items[at], &block->items[at + 1],
            (block->count - at) * sizeof(block->items[0]));
    find_most(block);
    if (block->count > 0)
        return;
    shelf->spare[shelf->spare_count++] = block;
    shelf->count--;
    memmove(&shelf->blocks[of], &shelf->blocks[of + 1],
            (shelf->count - of) * sizeof(*shelf->blocks));
}

void shelf_put(struct shelf *shelf, const struct shelf_item *item)
{
    struct block *block;
    size_t at;
    size_t of;

    shelf_remove(shelf, item->index);
    of = block_of(shelf, item->left, item->index);
    if (of == shelf->count && of > 0)
        of--; /* behind the last one */
    if (shelf->count == 0)
        (void)block_add(shelf, 0);
    if (shelf->blocks[of]->count == BLOCK_MAX) {
        split(shelf, of);
        block = shelf->blocks[of];
        of += is_before(&block->items[block->count - 1], item->left, item->index);
    }
    block = shelf->blocks[of];
    at = item_of(block, item->left, item->index);
    memmove(&block->items[at + 1], &block->items[at],
            (block->count - at) * sizeof(block->items[0]));
    block->items[at] = *item;
    block->count++;
    if (item->other > block->most_other)
        block->most_other = item->other;
    shelf->places[item->index] = (struct shelf_place){ item->left, true };
}

void shelf_begin(const struct shelf *shelf, uint32_t left, uint32_t other, struct shelf_walk *out)
{
    *out = (struct shelf_walk){ .shelf = shelf, .other = other };
    out->block = block_of(shelf, left, 0);
    if (out->block < shelf->count)
        out->at = item_of(shelf->blocks[out->block], left, 0);
}

const struct shelf_item *shelf_next(struct shelf_walk *walk)
{
    while (walk->block < walk->shelf->count) {
        const struct block *block = walk->shelf->blocks[walk->block];

        while (block->most_other >= walk->other && walk->at < block->count) {
            const struct shelf_item *item = &block->items[walk->at++];

            if (item->other >= walk->other)
                return item;
        }
        walk->block++;
        walk->at = 0;
    }
    return NULL;
}
