#include "reconciler/source/git_memory.h"

#include <stdlib.h>
#include <string.h>

#include <git2.h>
#include <git2/sys/alloc.h>

#include "spec/base/base.h"
#include "spec/base/libraries.h"

#define FROM const char *file, int line
#define NOWHERE                                                                                    \
    do {                                                                                           \
        (void)file;                                                                                \
        (void)line;                                                                                \
    } while (0)

static void *take(size_t size, FROM)
{
    NOWHERE;
    return library_alloc(size);
}

static void *take_zeroed(size_t count, size_t size, FROM)
{
    NOWHERE;
    return library_zeroed(count, size);
}

static char *take_text(const char *text, FROM)
{
    NOWHERE;
    return library_text(text);
}

static char *take_part(const char *text, size_t size, FROM)
{
    char *copy = take(size + 1, file, line);

    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static char *take_text_n(const char *text, size_t max, FROM)
{
    return take_part(text, strnlen(text, max), file, line);
}

static void *resize(void *memory, size_t size, FROM)
{
    NOWHERE;
    return library_resize(memory, size);
}

static void *resize_array(void *memory, size_t count, size_t size, FROM)
{
    ASSERT(size == 0 || count <= SIZE_MAX / size);
    return resize(memory, count * size, file, line);
}

static void *take_array(size_t count, size_t size, FROM)
{
    return resize_array(NULL, count, size, file, line);
}

void git_take_memory(void)
{
    static git_allocator allocator = { .gmalloc = take,
                                       .gcalloc = take_zeroed,
                                       .gstrdup = take_text,
                                       .gstrndup = take_text_n,
                                       .gsubstrdup = take_part,
                                       .grealloc = resize,
                                       .greallocarray = resize_array,
                                       .gmallocarray = take_array,
                                       .gfree = free };

    (void)git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator); /* it only copies it */
}
