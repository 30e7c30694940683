/*
 * Scope cleanup, assertions and the heap.  Everything here may stop the program, nothing else does.
 */
#include "spec/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static NO_RETURN void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "berth: out of memory: %zu bytes wanted\n", size);
    abort();
}

void text_auto(char **slot)
{
    free(*slot);
}

void fd_auto(int *slot)
{
    /* Cleanup often runs between a failing call and the look at its errno. */
    int saved = errno;

    if (*slot >= 0)
        (void)close(*slot);
    errno = saved;
}

int fd_take(int *slot)
{
    int taken = *slot;

    *slot = -1;
    return taken;
}

void assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "berth: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

void *mem_alloc(size_t size)
{
    /* calloc(0) may answer NULL, which would look like having none. */
    void *memory = calloc(1, size > 0 ? size : 1);

    if (memory == NULL)
        out_of_memory(size);
    return memory;
}

void *mem_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size > 0 ? size : 1);

    if (resized == NULL)
        out_of_memory(size);
    return resized;
}

char *mem_text(const char *text)
{
    ASSERT(text != NULL);
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    if (copy == NULL)
        out_of_memory(size);
    memcpy(copy, text, size);
    return copy;
}
