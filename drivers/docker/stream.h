/*
 * What containers write: the framed form of logs, attach and exec, and the duplex connection of an
 * exec.
 *
 * Frame: one byte stream (0 stdin, 1 stdout, 2 stderr), three of 0, four of big-endian size,
 * payload.  With a terminal there are no frames, all is stdout.
 * Source: https://docs.docker.com/engine/api/v1.43/#tag/Container/operation/ContainerAttach
 */
#ifndef DRIVERS_DOCKER_STREAM_H
#define DRIVERS_DOCKER_STREAM_H

#include "drivers/docker/client.h"

enum stream_kind { STREAM_IN, STREAM_OUT, STREAM_ERRORS };

/* A part of what was written, not a line and not a frame. */
typedef void stream_fn(void *ctx, enum stream_kind kind, const char *data, size_t size);

struct demux {
    bool raw;              /* a terminal's: no frames */
    unsigned char head[8]; /* of the frame that is arriving */
    uint32_t head_size;    /* bytes of it that came */
    uint32_t left;         /* bytes of payload that are still to come */
};

/* Passes data on at once, never keeps any, so frames may be of any size.  ERR_INVALID: not such a
 * stream.  fn may not free the demux. */
MUST_USE int demux_feed(struct demux *demux, const char *data, size_t size, stream_fn *fn,
                        void *ctx, struct err *err);
/* At the end of the stream: ERR_UNREACHABLE when it ended inside a frame. */
MUST_USE int demux_end(const struct demux *demux, struct err *err);

/* A connection taken over from HTTP: bytes both ways. */
struct hijack;

struct hijack_options {
    const char *path;  /* "/exec/ID/start", "/containers/ID/attach" */
    const char *query; /* NULL: none */
    const char *json;  /* body of the POST; NULL: none */
    bool tty;          /* what comes has no frames */
    /* The engine agreed; may write.  Optional. */
    void (*on_open)(void *ctx);
    stream_fn *on_data;
    /* All that was written has left.  Optional. */
    void (*on_drained)(void *ctx);
    /* Once, from the loop: nothing more comes.  failure: NULL at an orderly end. */
    void (*on_end)(void *ctx, const struct err *failure);
    void *ctx;
};

/* Options are copied.  ERR_INVALID at once for an engine behind TLS.  One that is open may outlive
 * the docker. */
struct hijack *hijack_open(struct docker *docker, const struct hijack_options *options,
                           struct err *err);
/* Copies.  What is written before on_open is kept, but more than HIJACK_QUEUE_MAX bytes end the
 * connection with ERR_CAPACITY: writers of much wait for on_open and then watch hijack_unsent(). */
#define HIJACK_QUEUE_MAX ((size_t)1024 * 1024)
void hijack_write(struct hijack *hijack, const void *data, size_t size);
size_t hijack_unsent(const struct hijack *hijack); /* bytes that have not left: for slowing down */
/* Ends standard input; what the process still writes arrives.  On a terminal it hangs up instead,
 * and the engine may drop what the process still writes: there, send the end as a character (4). */
void hijack_finish(struct hijack *hijack);
/* Stops and starts reading. */
void hijack_pause(struct hijack *hijack, bool paused);
/* Closes at once; no callback follows.  Allowed from any callback.  NULL is allowed. */
void hijack_free(struct hijack *hijack);

#endif
