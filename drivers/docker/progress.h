/*
 * The stream of a build, pull, push or load, one JSON value a time, made into what a person wants
 * to know: how far it is, why it failed, what came out.
 */
#ifndef DRIVERS_DOCKER_PROGRESS_H
#define DRIVERS_DOCKER_PROGRESS_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"
#include "spec/base/json.h"

#define PROGRESS_LAYERS_MAX  128 /* an image has no more; further ones are not counted */
#define PROGRESS_TAIL_BYTES  2048
/* In the texts of failures it stands before what a build printed last, which ends them. */
#define PROGRESS_LAST_OUTPUT "; last output:"

struct progress_layer {
    uint64_t name; /* hash of the layer's short id */
    int64_t done_bytes;
    int64_t all_bytes;
    bool is_done;
};

/* Zeroed is empty. */
struct progress {
    struct progress_layer layers[PROGRESS_LAYERS_MAX];
    size_t layer_count;
    char image_id[80]; /* "sha256:...": of a build */
    char digest[80];   /* "sha256:...": of a pull or push */
    char step[200];    /* last "Step 3/4 : RUN make", or "[3/4] RUN make" of BuildKit */
    char error[1024];  /* the engine's; "": none */
    struct buf tail;   /* last output of a build */
    struct buf line;   /* output that has no line end yet */
};

typedef void progress_line_fn(void *ctx, const char *line);

/* Lines of output that are whole go to fn. */
void progress_feed(struct progress *progress, const struct json *value, progress_line_fn *fn,
                   void *ctx);
/* A line of the docker client's output (BuildKit, --progress=plain). */
void progress_client_line(struct progress *progress, const char *text, progress_line_fn *fn,
                          void *ctx);
/* After the client failed: what it said last is the error. */
void progress_client_error(struct progress *progress);
/* "3 of 7 layers, 12 MiB of 40 MiB", or the step; "" when there is nothing to say yet. */
void progress_text(const struct progress *progress, char *out, size_t size);
/* The classic builder's word for what only BuildKit can. */
bool progress_needs_buildkit(const struct progress *progress);
/* The error, and the last lines before it. */
int progress_fail(const struct progress *progress, struct err *err);
void progress_release(struct progress *progress);

#endif
