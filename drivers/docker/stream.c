/*
 * Taking frames apart.  The duplex connection is hijack.c.
 */
#include "drivers/docker/stream.h"

#include <string.h>

#define HEAD_SIZE ((uint32_t)sizeof(((struct demux *)NULL)->head))

/* Stream 3 carries an error of the engine itself. */
static enum stream_kind frame_kind(const struct demux *demux)
{
    switch (demux->head[0]) {
    case 0: return STREAM_IN;
    case 1: return STREAM_OUT;
    default: return STREAM_ERRORS;
    }
}

static int open_frame(struct demux *demux, struct err *err)
{
    const unsigned char *head = demux->head;

    if (head[0] > 3 || head[1] != 0 || head[2] != 0 || head[3] != 0)
        return err_set(err, ERR_INVALID,
                       "no frame of a container's output begins with %02x%02x%02x%02x", head[0],
                       head[1], head[2], head[3]);
    demux->left =
        (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];
    if (demux->left == 0)
        demux->head_size = 0; /* nothing follows */
    return 0;
}

int demux_feed(struct demux *demux, const char *data, size_t size, stream_fn *fn, void *ctx,
               struct err *err)
{
    if (demux->raw) {
        if (size > 0)
            fn(ctx, STREAM_OUT, data, size);
        return 0;
    }
    while (size > 0) {
        size_t part;

        if (demux->head_size < HEAD_SIZE) {
            part = HEAD_SIZE - demux->head_size < size ? HEAD_SIZE - demux->head_size : size;
            memcpy(demux->head + demux->head_size, data, part);
            demux->head_size += (uint32_t)part;
            if (demux->head_size == HEAD_SIZE && open_frame(demux, err) < 0)
                return -1;
        } else {
            part = demux->left < size ? demux->left : size;
            demux->left -= (uint32_t)part;
            if (demux->left == 0)
                demux->head_size = 0;
            fn(ctx, frame_kind(demux), data, part);
        }
        data += part;
        size -= part;
    }
    return 0;
}

int demux_end(const struct demux *demux, struct err *err)
{
    if (demux->raw || demux->head_size == 0)
        return 0;
    return err_set(err, ERR_UNREACHABLE, "the container's output ended in the middle");
}
