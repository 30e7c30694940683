/*
 * Frames of an exec.
 */
#include "reconciler/api/frame.h"

#include <stdlib.h>
#include <string.h>

void frame_head(unsigned char out[FRAME_HEAD], enum frame_kind kind, uint32_t size)
{
    memset(out, 0, FRAME_HEAD);
    out[0] = (unsigned char)kind;
    for (int i = 0; i < 4; i++)
        out[4 + i] = (unsigned char)(size >> (24 - 8 * i));
}

static uint32_t payload_size(const struct frame_reader *reader)
{
    uint32_t size = 0;

    for (int i = 4; i < FRAME_HEAD; i++)
        size = size << 8 | reader->head[i];
    return size;
}

static int head_check(const struct frame_reader *reader, struct err *err)
{
    if (reader->head[0] > FRAME_ERROR || reader->head[1] != 0 || reader->head[2] != 0 ||
        reader->head[3] != 0)
        return err_set(err, ERR_INVALID, "this is no frame of " EXEC_PROTOCOL);
    if (payload_size(reader) > FRAME_MAX)
        return err_set(err, ERR_INVALID, "a frame of %u bytes, at most %d are allowed",
                       payload_size(reader), FRAME_MAX);
    return 0;
}

/* Copies what is missing of `want` bytes; returns how many that were. */
static size_t take(void *to, uint32_t *have, uint32_t want, const char *data, size_t size)
{
    size_t count = want - *have;

    if (count > size)
        count = size;
    if (count > 0)
        memcpy((char *)to + *have, data, count);
    *have += (uint32_t)count;
    return count;
}

int frame_feed(struct frame_reader *reader, const char *data, size_t size, frame_fn *fn,
               void *context, struct err *err)
{
    if (reader->payload == NULL)
        reader->payload = mem_alloc(FRAME_MAX);
    while (size > 0) {
        size_t count = take(reader->head, &reader->head_size, FRAME_HEAD, data, size);
        uint32_t want;

        data += count;
        size -= count;
        if (reader->head_size < FRAME_HEAD)
            return 0;
        if (head_check(reader, err) < 0)
            return -1;
        want = payload_size(reader);
        count = take(reader->payload, &reader->size, want, data, size);
        data += count;
        size -= count;
        if (reader->size < want)
            return 0;
        reader->head_size = 0;
        reader->size = 0;
        fn(context, (enum frame_kind)reader->head[0], reader->payload, want);
    }
    return 0;
}

void frame_reader_release(struct frame_reader *reader)
{
    free(reader->payload);
    *reader = (struct frame_reader){ 0 };
}
