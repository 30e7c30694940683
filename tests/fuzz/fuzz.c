/*
 * Inputs taken apart.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *copy(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);

    if (size > 0)
        memcpy(text, data, size);
    return text;
}

char *fuzz_take(struct fuzz_input *input, const char *separator, size_t *out_size)
{
    const uint8_t *found =
        input->size > 0 ? memmem(input->data, input->size, separator, strlen(separator)) : NULL;
    size_t size = found != NULL ? (size_t)(found - input->data) : input->size;
    size_t dropped = found != NULL ? size + strlen(separator) : size;
    char *text = copy(input->data, size);

    if (out_size != NULL)
        *out_size = size;
    if (dropped > 0)
        input->data += dropped;
    input->size -= dropped;
    return text;
}

char *fuzz_rest(struct fuzz_input *input, size_t *out_size)
{
    char *text = copy(input->data, input->size);

    if (out_size != NULL)
        *out_size = input->size;
    input->size = 0;
    return text;
}

uint32_t fuzz_choice(struct fuzz_input *input, uint32_t limit)
{
    AUTO_TEXT char *line = fuzz_take(input, "\n", NULL);
    uint32_t number = 0;

    for (const char *digit = line; *digit >= '0' && *digit <= '9'; digit++)
        number = number * 10 + (uint32_t)(*digit - '0');
    return number % limit;
}

size_t fuzz_piece(struct fuzz_cut *cut, size_t left)
{
    size_t size;

    ASSERT(left > 0 && cut->most > 0);
    cut->state = cut->state * 1664525U + 1013904223U;
    size = 1 + (cut->state >> 8) % cut->most;
    return size < left ? size : left;
}

void fuzz_file_set(struct fuzz_file *file, const void *data, size_t size)
{
    if (file->path[0] == '\0') {
        file->fd = memfd_create("fuzz", MFD_CLOEXEC);
        ASSERT(file->fd >= 0);
        (void)snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
    }
    int emptied = ftruncate(file->fd, 0);
    ASSERT(emptied == 0);
    ssize_t written = size > 0 ? pwrite(file->fd, data, size, 0) : 0;
    ASSERT(written == (ssize_t)size);
}
