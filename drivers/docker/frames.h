/*
 * Cuts a stream of JSON values into values: separated by newlines, by any white space or by
 * nothing, arriving in chunks of any size.  Does not check what is inside a value; json_parse()
 * does.
 */
#ifndef DRIVERS_DOCKER_FRAMES_H
#define DRIVERS_DOCKER_FRAMES_H

#include "spec/base/buf.h"
#include "spec/base/err.h"

/* One value, NUL-terminated, valid during the call.  false: the reader wants no more (it may have
 * freed the frames). */
typedef bool frames_fn(void *ctx, const char *json, size_t size);

struct frames {
    struct buf value; /* the part of a value that came */
    uint32_t depth;   /* of brackets that are open */
    bool in_text;     /* between quotes */
    bool escaped;     /* the last byte was a backslash between quotes */
};

void frames_init(struct frames *frames, size_t value_max);
/* ERR_CAPACITY: a value is larger than value_max.  ERR_CANCELLED: fn returned false.  The frames
 * are of no further use after an error. */
MUST_USE int frames_feed(struct frames *frames, const char *data, size_t size, frames_fn *fn,
                         void *ctx, struct err *err);
/* At the end of the stream: ERR_UNREACHABLE when it ended inside a value. */
MUST_USE int frames_end(struct frames *frames, frames_fn *fn, void *ctx, struct err *err);
void frames_release(struct frames *frames);

#endif
