/*
 * Lists are enough: a program has a handful of timers.
 */
#include "tests/sim/virtual.h"

#include <stdlib.h>
#include <utlist.h>

/* A turn that does so much does the same for ever. */
#define TURNS_MAX 100000

struct virtual_call {
    loop_fn *fn;
    void *context;
    struct virtual_call *prev;
    struct virtual_call *next;
};

struct timer_handle {
    struct loop *loop;
    struct timer *timer;
    int64_t at_ms;
    uint64_t order;
    loop_fn *fn;
    void *context;
    struct timer_handle *prev;
    struct timer_handle *next;
};

/* loop_wall_ms() has no argument, as the real clock has none: there is one time for the process. */
static const struct loop *clock_loop;

void virtual_use(struct loop *loop)
{
    clock_loop = loop;
}

int64_t loop_wall_ms(void)
{
    ASSERT(clock_loop != NULL);
    return clock_loop->now_ms;
}

int64_t loop_steady_ms(void)
{
    return loop_wall_ms();
}

void loop_defer(struct loop *loop, loop_fn *fn, void *ctx)
{
    struct virtual_call *call = mem_alloc(sizeof(*call));
    call->fn = fn;
    call->context = ctx;
    DL_APPEND(loop->deferred, call);
}

void loop_defer_cancel(struct loop *loop, loop_fn *fn, void *ctx)
{
    struct virtual_call *call;
    struct virtual_call *next;

    DL_FOREACH_SAFE(loop->deferred, call, next)
    {
        if (call->fn != fn || call->context != ctx)
            continue;
        DL_DELETE(loop->deferred, call);
        free(call);
    }
}

void timer_stop(struct timer *timer)
{
    struct timer_handle *handle = timer->handle;

    if (handle == NULL)
        return;
    timer->handle = NULL;
    DL_DELETE(handle->loop->timers, handle);
    free(handle);
}

void timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms, loop_fn *fn, void *ctx)
{
    ASSERT(delay_ms >= 0);
    timer_stop(timer);
    struct timer_handle *handle = mem_alloc(sizeof(*handle));
    handle->loop = loop;
    handle->timer = timer;
    handle->at_ms = loop->now_ms + delay_ms;
    handle->order = ++loop->order;
    handle->fn = fn;
    handle->context = ctx;
    timer->handle = handle;
    DL_APPEND(loop->timers, handle);
}

bool timer_is_running(const struct timer *timer)
{
    return timer->handle != NULL;
}

static struct timer_handle *first_timer(const struct loop *loop)
{
    struct timer_handle *first = loop->timers;
    struct timer_handle *at;

    DL_FOREACH(loop->timers, at)
    {
        if (at->at_ms < first->at_ms || (at->at_ms == first->at_ms && at->order < first->order))
            first = at;
    }
    return first;
}

int64_t virtual_next(const struct loop *loop)
{
    const struct timer_handle *first = first_timer(loop);
    return first == NULL ? INT64_MAX : first->at_ms;
}

void virtual_turn(struct loop *loop)
{
    for (int i = 0; i < TURNS_MAX && !loop->halted; i++) {
        const struct timer_handle *timer = first_timer(loop);
        struct virtual_call *call = loop->deferred;

        if (call != NULL) {
            DL_DELETE(loop->deferred, call);
            loop_fn *fn = call->fn;
            void *context = call->context;
            free(call);
            fn(context);
        } else if (timer != NULL && timer->at_ms <= loop->now_ms) {
            loop_fn *fn = timer->fn;
            void *context = timer->context;
            timer_stop(timer->timer);
            fn(context);
        } else {
            return;
        }
    }
    if (!loop->halted)
        assert_failed("a turn of the loop ends", __FILE__, __LINE__);
}

void virtual_end(struct loop *loop)
{
    ASSERT(loop->timers == NULL && loop->deferred == NULL);
    if (clock_loop == loop)
        clock_loop = NULL;
}
