/*
 * Memory that lives and dies together.  Allocations are zeroed, aligned for any type and never
 * freed one by one.  A zeroed struct arena is a valid empty one.  Out of memory aborts.
 *
 * Address-sanitizer builds give each allocation its own malloc, so that overruns are seen.
 */
#ifndef SPEC_BASE_ARENA_H
#define SPEC_BASE_ARENA_H

#include <stdarg.h>

#include "spec/base/base.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest; each points to the one before */
    size_t size_bytes;         /* handed out since the last reset */
};

void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
char *arena_text(struct arena *arena, const char *text);
char *arena_text_n(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
void *arena_copy(struct arena *arena, const void *memory, size_t size);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count)                                                            \
    ((type *)arena_alloc_array((arena), (size_t)(count), sizeof(type)))
void *arena_alloc_array(struct arena *arena, size_t count, size_t size); /* overflow aborts */

/* An array becomes larger: the old one is gone, what is new is zeroed.  A large one keeps its place
 * where it can.  NULL with count 0 is an array without elements. */
void *arena_enlarge(struct arena *arena, void *array, size_t count, size_t larger, size_t size);

void arena_reset(struct arena *arena);   /* drops the content, keeps one chunk for the next use */
void arena_release(struct arena *arena); /* drops everything */
DEFINE_AUTO_VALUE(arena, arena_release)

#endif
