/*
 * Child processes: ssh, credential helpers, git's own transports, haproxy.
 *
 * A child gets its own session and process group: it has no terminal to ask questions on, and it is
 * signalled together with what it started.  Of our descriptors it gets the three standard ones
 * only.
 */
#ifndef DRIVERS_IO_PROCESS_H
#define DRIVERS_IO_PROCESS_H

#include "drivers/io/loop.h"

struct process;

enum process_input {
    PROCESS_INPUT_NONE, /* /dev/null */
    PROCESS_INPUT_DATA, /* `input`, then end of file */
    PROCESS_INPUT_FD,   /* input_fd becomes its standard input; it stays the caller's too */
};

/* One line without its end ("\n" or "\r\n").  Longer ones than PROCESS_LINE_MAX arrive in parts.
 * The text is NUL-terminated and valid during the call. */
typedef void process_line_fn(void *ctx, const char *line, size_t size);
#define PROCESS_LINE_MAX ((size_t)64 * 1024)

struct process_result {
    int exit_code;      /* -1 when a signal ended it */
    int signal_number;  /* 0 when it exited */
    const char *out;    /* captured standard output, never NULL; valid during the call */
    size_t out_size;    /* bytes */
    bool out_truncated; /* more than out_max came; the rest was dropped */
    const char *errors; /* captured standard error, never NULL; valid during the call */
    size_t errors_size; /* bytes */
    bool errors_truncated;
};

/* failure: NULL when it exited with 0; else ERR_FAILED with how it ended and its last line of
 * standard error, ERR_TIMEOUT after the deadline, ERR_CANCELLED after process_kill(). */
typedef void process_done_fn(void *ctx, const struct process_result *result,
                             const struct err *failure);

/* Zeroed but for argv and done is valid.  Everything is copied. */
struct process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env;  /* NULL-terminated "NAME=value", complete; NULL: ours */
    const char *directory;   /* NULL: ours */
    enum process_input input;
    const void *input_data;
    size_t input_size;
    int input_fd;
    size_t out_max; /* bytes kept of each output that has no line function; 0: PROCESS_OUTPUT_MAX */
    size_t errors_max;              /* likewise */
    process_line_fn *on_out_line;   /* NULL: captured */
    process_line_fn *on_error_line; /* NULL: captured */
    int64_t deadline_ms;            /* from the start; 0: none */
    int64_t grace_ms;               /* from SIGTERM to SIGKILL; 0: PROCESS_GRACE_MS */
    process_done_fn *done;
    void *ctx;
};
#define PROCESS_OUTPUT_MAX ((size_t)1024 * 1024)
#define PROCESS_GRACE_MS   5000
/* What was written before the end is read to its end, but a grandchild that holds the pipe open (an
 * ssh master) is waited for only so long. */
#define PROCESS_DRAIN_MS   500

/* NULL and *err when it cannot be started (ERR_NOT_FOUND: no such program); `done` does not follow
 * then.  Otherwise it is called exactly once, after the exit, and the process is gone after it. */
struct process *process_start(struct loop *loop, const struct process_options *options,
                              struct err *err);

/* Its outputs are read no further until this is called again: it waits once the pipes are full, and
 * is not over before. */
void process_pause(struct process *process, bool paused);
/* SIGTERM to its group now, SIGKILL after the grace; `done` follows. */
void process_kill(struct process *process);
/* SIGKILL at once, no `done`: for shutting down.  NULL is allowed. */
void process_free(struct process *process);

#endif
