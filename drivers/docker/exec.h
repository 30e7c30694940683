/*
 * A program run in a container that runs: its terminal or its three streams, and its exit code.
 */
#ifndef DRIVERS_DOCKER_EXEC_H
#define DRIVERS_DOCKER_EXEC_H

#include "drivers/docker/stream.h"

struct exec;

struct exec_options {
    const char *container;   /* id or name */
    const char *const *argv; /* NULL-terminated */
    const char *user;        /* NULL: the container's */
    const char *directory;   /* NULL: the container's */
    bool tty;
    bool input;    /* exec_write() is going to be used */
    uint32_t rows; /* of the terminal; 0: the engine's default */
    uint32_t columns;
    /* It runs; may write.  Optional. */
    void (*on_open)(void *ctx);
    stream_fn *on_data;
    /* All that was written has left.  Optional. */
    void (*on_drained)(void *ctx);
    /* Once, from the loop: it is over.  exit_code is -1 with a failure. */
    void (*on_end)(void *ctx, int exit_code, const struct err *failure);
    void *ctx;
};

/* Options are copied.  Never fails at once. */
struct exec *exec_open(struct docker *docker, const struct exec_options *options);
/* As hijack_write() and its like (stream.h); no effect before on_open and after on_end. */
void exec_write(struct exec *exec, const void *data, size_t size);
void exec_finish(struct exec *exec);
/* No callback follows; the program itself may go on, for the engine cannot end it.  Allowed from
 * any callback; after on_end it still has to be called.  NULL is allowed. */
void exec_close(struct exec *exec);

#endif
