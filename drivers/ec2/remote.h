/*
 * One command on a host, through ssh: over the connection that its engine is reached by, or, where
 * that one cannot be shared, by a login of its own.
 */
#ifndef DRIVERS_EC2_REMOTE_H
#define DRIVERS_EC2_REMOTE_H

#include "drivers/ec2/ssh_command.h"
#include "drivers/io/loop.h"

struct remote;

/* A line without its end; longer ones than PROCESS_LINE_MAX come in parts. */
typedef void remote_line_fn(void *ctx, bool is_error, const char *line, size_t size);
/* exit_code: the command's; -1: it was not run, or nobody knows how it ended, and failure says why
 * (ERR_TIMEOUT: the deadline, and it was ended). */
typedef void remote_done_fn(void *ctx, int exit_code, const struct err *failure);

struct remote_options {
    const char *const *words; /* NULL-terminated; copied */
    int64_t deadline_ms;      /* from the start; 0: none */
    remote_line_fn *on_line;
    remote_done_fn *done; /* once; what it is called with may be freed from within */
    void *ctx;
};

/* NULL and *err when it cannot be started; `done` does not follow then. */
struct remote *remote_start(struct loop *loop, const struct ssh_target *target,
                            const char *local_socket, const struct remote_options *options,
                            struct err *err);
/* Reads no further until it is called again: the command waits once the pipes are full. */
void remote_pause(struct remote *remote, bool paused);
/* Ends it, and the command there; nothing is called any more.  Also from within `done`. */
void remote_free(struct remote *remote);

#endif
