/*
 * libuv closes handles asynchronously: the memory of one may be freed only in its close callback.
 * Watches are freed there; timers, of which there are many, are stopped and kept for the next
 * start.
 */
#include "drivers/io/loop.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <uv.h>

#include "drivers/io/loop_int.h"
#include "spec/base/libraries.h"

#define NS_PER_MS 1000000

struct deferred {
    loop_fn *fn;
    void *ctx;
    struct deferred *next;
};

struct timer_handle {
    uv_timer_t uv;
    struct loop *loop;
    struct timer *owner; /* NULL while spare */
    loop_fn *fn;
    void *ctx;
    struct timer_handle *next; /* of the spare ones */
};

struct loop {
    uv_loop_t uv;
    uv_async_t alive; /* never sent: lets uv_run() wait when nothing else does */
    uv_idle_t idle;   /* active while something is deferred: uv does not sleep then */
    struct deferred *deferred;
    struct deferred **deferred_end;
    struct timer_handle *spare_timers;
    size_t watch_count; /* timers, descriptors and signals, for the check in loop_free() */
};

struct loop_watch {
    uv_poll_t uv;
    struct loop *loop;
    int fd;
    loop_fd_fn *fn;
    void *ctx;
};

struct loop_signal {
    uv_signal_t uv;
    struct loop *loop;
    loop_signal_fn *fn;
    void *ctx;
};

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

int loop_err(struct err *err, enum err_code code, int uv_status, const char *format, ...)
{
    char text[sizeof(((struct err *)NULL)->text)];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    return err_set(err, code, "%s: %s", text, uv_strerror(uv_status));
}

/* ---- Deferred calls ---- */

/* So many rounds of calls that others deferred run at once: the next one would wait for a look at
 * the descriptors, a system call that rarely finds anything. */
#define DEFER_ROUNDS 4

/* Only what was there at the start. */
static void run_round(struct loop *loop)
{
    struct deferred mark = { 0 };

    *loop->deferred_end = &mark;
    loop->deferred_end = &mark.next;
    while (loop->deferred != &mark) {
        struct deferred *first = loop->deferred;
        struct deferred call = *first;

        loop->deferred = first->next;
        free(first);
        call.fn(call.ctx);
    }
    loop->deferred = mark.next;
    if (loop->deferred == NULL)
        loop->deferred_end = &loop->deferred;
}

/* A call that defers itself again must not keep the loop from its descriptors. */
static void run_deferred(uv_idle_t *idle)
{
    struct loop *loop = idle->data;

    for (unsigned i = 0; i < DEFER_ROUNDS && loop->deferred != NULL; i++)
        run_round(loop);
    if (loop->deferred == NULL)
        (void)uv_idle_stop(idle);
}

void loop_defer(struct loop *loop, loop_fn *fn, void *ctx)
{
    struct deferred *call = mem_alloc(sizeof(*call));

    call->fn = fn;
    call->ctx = ctx;
    *loop->deferred_end = call;
    loop->deferred_end = &call->next;
    (void)uv_idle_start(&loop->idle, run_deferred);
}

void loop_defer_cancel(struct loop *loop, loop_fn *fn, void *ctx)
{
    struct deferred **slot = &loop->deferred;

    while (*slot != NULL) {
        struct deferred *call = *slot;

        if (call->fn == fn && call->ctx == ctx) {
            *slot = call->next;
            free(call);
        } else {
            slot = &call->next;
        }
    }
    loop->deferred_end = slot;
}

/* ---- Life ---- */

static void free_timer_handle(uv_handle_t *handle)
{
    free(handle->data);
}

struct loop *loop_new(struct err *err)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    int status;

    /* Where there is none libuv would only abort: this says why. */
    (void)uv_replace_allocator(library_alloc, library_resize, library_zeroed, free);
    status = uv_loop_init(&loop->uv);
    if (status < 0) {
        free(loop);
        (void)loop_err(err, ERR_CAPACITY, status, "event loop");
        return NULL;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    loop->deferred_end = &loop->deferred;
    status = uv_async_init(&loop->uv, &loop->alive, NULL);
    if (status < 0) {
        (void)uv_loop_close(&loop->uv);
        free(loop);
        (void)loop_err(err, ERR_CAPACITY, status, "event loop");
        return NULL;
    }
    (void)uv_idle_init(&loop->uv, &loop->idle);
    loop->idle.data = loop;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;

    ASSERT(loop->watch_count == 0);
    uv_unref((uv_handle_t *)&loop->alive);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* jobs, handles that are closing, deferred calls */
    ASSERT(loop->watch_count == 0);

    uv_close((uv_handle_t *)&loop->alive, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    while (loop->spare_timers != NULL) {
        struct timer_handle *spare = loop->spare_timers;

        loop->spare_timers = spare->next;
        spare->uv.data = spare;
        uv_close((uv_handle_t *)&spare->uv, free_timer_handle);
    }
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);

    int status = uv_loop_close(&loop->uv);
    ASSERT(status == 0);
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

int64_t loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

int64_t loop_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

int64_t loop_steady_ms(void)
{
    return (int64_t)(uv_hrtime() / NS_PER_MS);
}

/* ---- Timers ---- */

static void timer_fired(uv_timer_t *uv)
{
    struct timer_handle *handle = uv->data;
    loop_fn *fn = handle->fn;
    void *ctx = handle->ctx;

    timer_stop(handle->owner);
    fn(ctx);
}

static struct timer_handle *timer_handle_new(struct loop *loop)
{
    struct timer_handle *handle = loop->spare_timers;

    if (handle != NULL) {
        loop->spare_timers = handle->next;
    } else {
        handle = mem_alloc(sizeof(*handle));
        (void)uv_timer_init(&loop->uv, &handle->uv);
        handle->uv.data = handle;
        handle->loop = loop;
    }
    loop->watch_count++;
    return handle;
}

/* uv counts from the time it cached at the start of the iteration, in whole milliseconds: what has
 * passed since is added, and the sum rounded up, so that a timer is never early.  It is always in
 * the future: uv would run one that is due already before it looks at any descriptor again. */
static uint64_t uv_delay_ms(const struct loop *loop, int64_t delay_ms)
{
    uint64_t due_ns = uv_hrtime() + (uint64_t)delay_ms * NS_PER_MS;
    uint64_t due_ms = (due_ns + NS_PER_MS - 1) / NS_PER_MS;
    uint64_t now_ms = uv_now(&loop->uv);

    return due_ms > now_ms ? due_ms - now_ms : 1;
}

void timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms, loop_fn *fn, void *ctx)
{
    ASSERT(delay_ms >= 0);
    ASSERT(fn != NULL);

    if (timer->handle == NULL)
        timer->handle = timer_handle_new(loop);
    ASSERT(timer->handle->loop == loop);

    timer->handle->owner = timer;
    timer->handle->fn = fn;
    timer->handle->ctx = ctx;
    if (delay_ms > INT64_MAX / NS_PER_MS / 4)
        delay_ms = INT64_MAX / NS_PER_MS / 4; /* 73 years: no overflow in nanoseconds */
    (void)uv_timer_start(&timer->handle->uv, timer_fired, uv_delay_ms(loop, delay_ms), 0);
}

void timer_stop(struct timer *timer)
{
    struct timer_handle *handle = timer->handle;

    if (handle == NULL)
        return;
    ASSERT(handle->owner == timer);

    (void)uv_timer_stop(&handle->uv);
    timer->handle = NULL;
    handle->owner = NULL;
    handle->next = handle->loop->spare_timers;
    handle->loop->spare_timers = handle;
    handle->loop->watch_count--;
}

bool timer_is_running(const struct timer *timer)
{
    return timer->handle != NULL;
}

/* ---- Descriptors ---- */

static void watch_fired(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *watch = uv->data;
    unsigned seen = 0;

    if (status < 0 || (events & UV_READABLE) != 0)
        seen |= LOOP_READABLE;
    if (status < 0 || (events & UV_WRITABLE) != 0)
        seen |= LOOP_WRITABLE;
    watch->fn(watch->ctx, watch->fd, seen);
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct loop_watch *loop_watch_fd(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn,
                                 void *ctx, struct err *err)
{
    struct loop_watch *watch = mem_alloc(sizeof(*watch));
    int status = uv_poll_init(&loop->uv, &watch->uv, fd);

    if (status < 0) {
        free(watch);
        (void)loop_err(err, ERR_INVALID, status, "cannot watch descriptor %d", fd);
        return NULL;
    }
    watch->uv.data = watch;
    watch->loop = loop;
    watch->fd = fd;
    watch->fn = fn;
    watch->ctx = ctx;
    loop->watch_count++;
    loop_watch_change(watch, events);
    return watch;
}

void loop_watch_change(struct loop_watch *watch, unsigned events)
{
    int wanted = 0;

    if ((events & LOOP_READABLE) != 0)
        wanted |= UV_READABLE;
    if ((events & LOOP_WRITABLE) != 0)
        wanted |= UV_WRITABLE;

    int status =
        wanted == 0 ? uv_poll_stop(&watch->uv) : uv_poll_start(&watch->uv, wanted, watch_fired);
    ASSERT(status == 0);
}

void loop_unwatch(struct loop_watch *watch)
{
    if (watch == NULL)
        return;
    watch->loop->watch_count--;
    uv_close((uv_handle_t *)&watch->uv, watch_closed);
}

/* ---- Signals ---- */

static void signal_fired(uv_signal_t *uv, int signal_number)
{
    struct loop_signal *watch = uv->data;

    watch->fn(watch->ctx, signal_number);
}

struct loop_signal *loop_watch_signal(struct loop *loop, int signal_number, loop_signal_fn *fn,
                                      void *ctx, struct err *err)
{
    struct loop_signal *watch = mem_alloc(sizeof(*watch));
    int status = uv_signal_init(&loop->uv, &watch->uv);

    if (status < 0) {
        free(watch);
        (void)loop_err(err, ERR_CAPACITY, status, "cannot watch signals");
        return NULL;
    }
    watch->uv.data = watch;
    watch->loop = loop;
    watch->fn = fn;
    watch->ctx = ctx;
    status = uv_signal_start(&watch->uv, signal_fired, signal_number);
    if (status < 0) {
        uv_close((uv_handle_t *)&watch->uv, watch_closed);
        (void)loop_err(err, ERR_INVALID, status, "cannot watch signal %d", signal_number);
        return NULL;
    }
    loop->watch_count++;
    return watch;
}

void loop_unwatch_signal(struct loop_signal *watch)
{
    if (watch == NULL)
        return;
    watch->loop->watch_count--;
    uv_close((uv_handle_t *)&watch->uv, watch_closed);
}

const char *loop_library_version(void)
{
    return uv_version_string();
}
