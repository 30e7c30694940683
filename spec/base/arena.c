/*
 * A list of chunks, the newest in front.  Chunks double up to a bound: the thousands of arenas that
 * hold one small manifest each stay small, the one of a whole cycle seldom asks for more.
 */
#include "spec/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#    define ARENA_SEPARATE 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define ARENA_SEPARATE 1
#    endif
#endif
#ifndef ARENA_SEPARATE
#    define ARENA_SEPARATE 0
#endif

#define CHUNK_MIN ((size_t)1024)
#define CHUNK_MAX ((size_t)256 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *previous;
    size_t capacity;
    size_t used;
    max_align_t data[]; /* capacity bytes */
};

static struct arena_chunk *chunk_new(size_t capacity)
{
    size_t size;

    if (__builtin_add_overflow(capacity, sizeof(struct arena_chunk), &size))
        size = SIZE_MAX; /* cannot be had: the heap says so and stops */
    struct arena_chunk *chunk = mem_resize(NULL, size);
    chunk->previous = NULL;
    chunk->capacity = capacity;
    chunk->used = 0;
    return chunk;
}

/* A chunk with room for `size` bytes. */
static struct arena_chunk *chunk_for(struct arena *arena, size_t size)
{
    struct arena_chunk *newest = arena->chunk;

    if (newest != NULL && size > newest->capacity / 2 && size >= CHUNK_MIN) {
        /* Its own chunk, behind the newest one, whose rest stays in use. */
        struct arena_chunk *single = chunk_new(size);
        single->previous = newest->previous;
        newest->previous = single;
        return single;
    }

    size_t capacity = CHUNK_MIN;
    if (newest != NULL)
        capacity = newest->capacity < CHUNK_MAX / 2 ? newest->capacity * 2 : CHUNK_MAX;
    struct arena_chunk *chunk = chunk_new(capacity > size ? capacity : size);
    chunk->previous = newest;
    arena->chunk = chunk;
    return chunk;
}

static void *alloc_separate(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = chunk_new(size);

    chunk->used = size;
    chunk->previous = arena->chunk;
    arena->chunk = chunk;
    arena->size_bytes += size;
    return chunk->data;
}

/* Room that is not zeroed, for those who fill all of it at once. */
static inline void *alloc_raw(struct arena *arena, size_t size)
{
    if (ARENA_SEPARATE)
        return alloc_separate(arena, size);

    struct arena_chunk *chunk = arena->chunk;
    size_t rounded;
    if (__builtin_add_overflow(size, ALIGNMENT - 1, &rounded))
        rounded = SIZE_MAX;
    rounded &= ~(ALIGNMENT - 1);
    if (__builtin_expect(chunk == NULL || rounded > chunk->capacity - chunk->used, 0))
        chunk = chunk_for(arena, rounded);

    void *memory = (char *)chunk->data + chunk->used;
    chunk->used += rounded;
    arena->size_bytes += size;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(alloc_raw(arena, size), 0, size);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX - ALIGNMENT; /* cannot be had: the heap says so and stops */
    return arena_alloc(arena, total);
}

/* Where the chunk is linked that has nothing else in it; NULL: it shares its chunk. */
static struct arena_chunk **own_chunk(struct arena *arena, const void *memory, size_t size)
{
    for (struct arena_chunk **at = &arena->chunk; *at != NULL; at = &(*at)->previous) {
        if ((*at)->data == memory)
            return (*at)->capacity - size < ALIGNMENT ? at : NULL;
    }
    return NULL;
}

void *arena_enlarge(struct arena *arena, void *array, size_t count, size_t larger, size_t size)
{
    struct arena_chunk **link;
    struct arena_chunk *chunk;
    size_t before;
    size_t after;
    void *copy;

    ASSERT(larger >= count);
    if (__builtin_mul_overflow(larger, size, &after))
        after = SIZE_MAX - ALIGNMENT; /* cannot be had: the heap says so and stops */
    before = count * size;
    link = before < CHUNK_MAX ? NULL : own_chunk(arena, array, before);
    if (link == NULL) {
        copy = arena_alloc(arena, after);
        return count == 0 ? copy : memcpy(copy, array, before);
    }
    chunk = mem_resize(*link, sizeof(*chunk) + after);
    chunk->capacity = after;
    chunk->used = after;
    *link = chunk;
    arena->size_bytes += after - before;
    memset((char *)chunk->data + before, 0, after - before);
    return chunk->data;
}

void *arena_copy(struct arena *arena, const void *memory, size_t size)
{
    void *copy = alloc_raw(arena, size);

    if (size > 0)
        memcpy(copy, memory, size);
    return copy;
}

char *arena_text_n(struct arena *arena, const char *text, size_t size)
{
    ASSERT(size < SIZE_MAX);
    char *copy = alloc_raw(arena, size + 1);

    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy(arena, text, strlen(text) + 1) : NULL;
}

/* What a format that only joins texts comes to; SIZE_MAX: it does more than that. */
static size_t joined_size(const char *format, va_list arguments)
{
    size_t size = 0;

    for (; *format != '\0'; format++) {
        if (*format != '%') {
            size++;
            continue;
        }
        const char *text = *++format == 's' ? va_arg(arguments, const char *) : NULL;
        if (text == NULL)
            return SIZE_MAX;
        size += strlen(text);
    }
    return size;
}

static void join(char *out, const char *format, va_list arguments)
{
    for (; *format != '\0'; format++) {
        if (*format == '%') {
            out = stpcpy(out, va_arg(arguments, const char *));
            format++;
        } else {
            *out++ = *format;
        }
    }
    *out = '\0';
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char small[256]; /* most texts fit, and are then formatted once */
    va_list arguments;

    /* Keys and names are joined all the time, and formatting costs several times as much. */
    va_start(arguments, format);
    size_t joined = joined_size(format, arguments);
    va_end(arguments);
    if (joined != SIZE_MAX) {
        char *text = alloc_raw(arena, joined + 1);
        va_start(arguments, format);
        join(text, format, arguments);
        va_end(arguments);
        return text;
    }

    va_start(arguments, format);
    int length = vsnprintf(small, sizeof(small), format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    if ((size_t)length < sizeof(small))
        return arena_copy(arena, small, (size_t)length + 1);

    char *text = alloc_raw(arena, (size_t)length + 1);
    va_start(arguments, format);
    int again = vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    ASSERT(again == length);
    return text;
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *previous = chunk->previous;
        free(chunk);
        chunk = previous;
    }
}

void arena_reset(struct arena *arena)
{
    if (arena == NULL || arena->chunk == NULL)
        return;
    if (ARENA_SEPARATE) {
        arena_release(arena); /* so that a use after the reset is seen */
        return;
    }
    free_chunks(arena->chunk->previous);
    arena->chunk->previous = NULL;
    arena->chunk->used = 0;
    arena->size_bytes = 0;
}

void arena_release(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_chunks(arena->chunk);
    *arena = (struct arena){ 0 };
}
