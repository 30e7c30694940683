/*
 * A value that begins with a bracket ends with the bracket that closes it; any other ends with its
 * line.
 */
#include "drivers/docker/frames.h"

#include <string.h>

void frames_init(struct frames *frames, size_t value_max)
{
    *frames = (struct frames){ 0 };
    buf_init(&frames->value, value_max);
}

void frames_release(struct frames *frames)
{
    buf_release(&frames->value);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_bracketed(char first)
{
    return first == '{' || first == '[';
}

/* How many of the bytes belong to the value; *out_whole: it ends with them. */
static size_t scan_bracketed(struct frames *frames, const char *data, size_t size, bool *out_whole)
{
    for (size_t i = 0; i < size; i++) {
        char c = data[i];

        if (frames->in_text) {
            if (frames->escaped)
                frames->escaped = false;
            else if (c == '\\')
                frames->escaped = true;
            else if (c == '"')
                frames->in_text = false;
        } else if (c == '"') {
            frames->in_text = true;
        } else if (c == '{' || c == '[') {
            frames->depth++;
        } else if (c == '}' || c == ']') {
            frames->depth--;
            if (frames->depth == 0) {
                *out_whole = true;
                return i + 1;
            }
        }
    }
    return size;
}

static size_t scan_line(const char *data, size_t size, bool *out_whole)
{
    const char *newline = memchr(data, '\n', size);

    *out_whole = newline != NULL;
    return newline != NULL ? (size_t)(newline - data) : size;
}

/* false: the reader wants no more, and the frames may be gone. */
static bool emit(struct frames *frames, frames_fn *fn, void *ctx)
{
    while (frames->value.size > 0 && is_space(frames->value.data[frames->value.size - 1]))
        frames->value.data[--frames->value.size] = '\0';
    if (!fn(ctx, frames->value.data, frames->value.size))
        return false;
    buf_reset(&frames->value);
    return true;
}

int frames_feed(struct frames *frames, const char *data, size_t size, frames_fn *fn, void *ctx,
                struct err *err)
{
    size_t at = 0;

    while (at < size) {
        bool whole = false;

        if (frames->value.size == 0 && is_space(data[at])) {
            at++;
            continue;
        }

        const char *first = frames->value.size > 0 ? frames->value.data : data + at;
        size_t part = is_bracketed(*first) ? scan_bracketed(frames, data + at, size - at, &whole)
                                           : scan_line(data + at, size - at, &whole);
        buf_add(&frames->value, data + at, part);
        at += part;
        if (frames->value.truncated)
            return err_set(err, ERR_CAPACITY,
                           "one JSON value of the stream is larger than %zu bytes",
                           frames->value.max);
        if (whole && !emit(frames, fn, ctx))
            return err_set(err, ERR_CANCELLED, "the stream was cancelled");
    }
    return 0;
}

int frames_end(struct frames *frames, frames_fn *fn, void *ctx, struct err *err)
{
    if (frames->value.size == 0)
        return 0;
    if (is_bracketed(frames->value.data[0]))
        return err_set(err, ERR_UNREACHABLE, "the stream ended inside a JSON value");
    if (!emit(frames, fn, ctx))
        return err_set(err, ERR_CANCELLED, "the stream was cancelled");
    return 0;
}
