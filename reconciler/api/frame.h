/*
 * Frames of `berth-exec/1`, for both ends of it: one byte that says what it is, three of 0, the
 * size of what follows in four bytes (most significant first), and as many bytes.
 */
#ifndef RECONCILER_API_FRAME_H
#define RECONCILER_API_FRAME_H

#include "spec/base/base.h"
#include "spec/base/err.h"

#define EXEC_PROTOCOL "berth-exec/1"

enum frame_kind {
    FRAME_IN = 0,     /* from the client: standard input */
    FRAME_OUT = 1,    /* from the server: standard output */
    FRAME_ERRORS = 2, /* from the server: standard error */
    FRAME_IN_END = 3, /* from the client: standard input ends */
    FRAME_RESIZE = 4, /* from the client: rows and columns, two bytes each */
    FRAME_EXIT = 5,   /* from the server: the exit code, four bytes; the last */
    FRAME_ERROR = 6   /* from the server: why it could not run, text; the last */
};

#define FRAME_HEAD 8
#define FRAME_MAX  (64 * 1024) /* larger ones are a mistake of the sender */

void frame_head(unsigned char out[FRAME_HEAD], enum frame_kind kind, uint32_t size);

/* Reads frames from bytes that come in any portions.  Zeroed is valid. */
struct frame_reader {
    unsigned char head[FRAME_HEAD];
    uint32_t head_size; /* bytes of it that came */
    char *payload;      /* of FRAME_MAX, made when first needed */
    uint32_t size;      /* bytes of it that came */
};

/* A whole frame; `data` lives during the call. */
typedef void frame_fn(void *context, enum frame_kind kind, const char *data, uint32_t size);

/* ERR_INVALID: no such frame, or a larger one.  fn may not release the reader. */
MUST_USE int frame_feed(struct frame_reader *reader, const char *data, size_t size, frame_fn *fn,
                        void *context, struct err *err);
void frame_reader_release(struct frame_reader *reader);

#endif
