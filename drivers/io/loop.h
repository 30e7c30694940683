/*
 * The event loop: timers, deferred calls, file descriptors and signals, all on libuv.
 *
 * Everything below runs on one thread and calls back only from loop_run().  A callback may start,
 * stop and free anything, its own watcher included.  A loop with nothing to do sleeps in the
 * kernel: it never wakes up by itself.
 *
 * Functions without `struct err` cannot fail; running out of memory aborts.
 */
#ifndef DRIVERS_IO_LOOP_H
#define DRIVERS_IO_LOOP_H

#include "spec/base/base.h"
#include "spec/base/err.h"

struct loop;

typedef void loop_fn(void *ctx);

/* Ignores SIGPIPE for the whole process: a peer that hangs up is an error of its write, no death.
 * NULL and *err (ERR_CAPACITY) when the system has no descriptors left. */
struct loop *loop_new(struct err *err);
/* What was made on the loop must be stopped or freed before (asserted); worker jobs are waited for
 * and their callbacks called. */
void loop_free(struct loop *loop);
DEFINE_AUTO(loop, loop_free)

/* Runs until loop_stop(), even with nothing to wait for. */
void loop_run(struct loop *loop);
/* Lets loop_run() return after the callbacks of this iteration. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds, read once per iteration, so that one iteration has one "now". */
int64_t loop_now_ms(const struct loop *loop);
/* Milliseconds since 1970 by the wall clock, read now; it may jump. */
int64_t loop_wall_ms(void);
/* Milliseconds of a clock that nobody moves, read now: against it a jump of the other one shows. */
int64_t loop_steady_ms(void);

/* Calls fn(ctx) once from the next iteration, in the order of the calls. */
void loop_defer(struct loop *loop, loop_fn *fn, void *ctx);
/* Forgets every deferred call of exactly fn and ctx. */
void loop_defer_cancel(struct loop *loop, loop_fn *fn, void *ctx);

/* A timer is embedded in its owner; a zeroed one is valid and not running. */
struct timer {
    struct timer_handle *handle; /* NULL: not running */
};

/* Calls fn(ctx) once, no sooner than delay_ms (0 or more) from now.  A running timer starts anew.
 * It counts as stopped before fn is called, so fn may start it again or free its owner. */
void timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms, loop_fn *fn, void *ctx);
/* No effect on one that is not running.  fn is not called any more. */
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer);

enum loop_event {
    LOOP_READABLE = 1,
    LOOP_WRITABLE = 2,
};

struct loop_watch;
/* events: what is there, a set of enum loop_event; both when the descriptor is broken (its next
 * read or write then says why). */
typedef void loop_fd_fn(void *ctx, int fd, unsigned events);

/* Level-triggered.  The descriptor stays the caller's: unwatch first, close it then.  One watch per
 * descriptor.  Fails with ERR_INVALID for what cannot be polled (a regular file). */
struct loop_watch *loop_watch_fd(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn,
                                 void *ctx, struct err *err);
/* Another set of events, which may be empty. */
void loop_watch_change(struct loop_watch *watch, unsigned events);
/* Frees the watch; no callback follows.  NULL is allowed. */
void loop_unwatch(struct loop_watch *watch);

struct loop_signal;
typedef void loop_signal_fn(void *ctx, int signal_number);

/* The default effect of the signal is off while someone watches it.  Several may watch one. */
struct loop_signal *loop_watch_signal(struct loop *loop, int signal_number, loop_signal_fn *fn,
                                      void *ctx, struct err *err);
void loop_unwatch_signal(struct loop_signal *watch);

/* Of the library below, as it is loaded: "2.14". */
const char *loop_library_version(void);

#endif
