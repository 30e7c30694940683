#include "drivers/ec2/dials.h"

#include <stdlib.h>
#include <utlist.h>

#include "spec/base/text.h"

struct dials {
    struct loop *loop;
    struct dial *waiting;
    struct dial *going;
    size_t counted;
    bool scheduled;
};

struct dials *dials_new(struct loop *loop)
{
    struct dials *dials = mem_alloc(sizeof(*dials));

    dials->loop = loop;
    return dials;
}

static void begin_some(void *ctx);

void dials_free(struct dials *dials)
{
    if (dials == NULL)
        return;
    ASSERT(dials->waiting == NULL && dials->going == NULL);
    loop_defer_cancel(dials->loop, begin_some, dials);
    free(dials);
}

static void schedule(struct dials *dials)
{
    if (!dials->scheduled)
        loop_defer(dials->loop, begin_some, dials);
    dials->scheduled = true;
}

static bool host_has_room(const struct dials *dials, const char *host)
{
    const struct dial *at;
    size_t count = 0;

    DL_FOREACH(dials->going, at)
    count += text_equal(at->host, host);
    return count < DIALS_PER_HOST_MAX;
}

static void count_no_more(struct dial *dial)
{
    if (dial->is_counted)
        dial->dials->counted--;
    dial->is_counted = false;
    timer_stop(&dial->timer);
}

static void takes_long(void *ctx)
{
    struct dial *dial = ctx;

    count_no_more(dial);
    schedule(dial->dials);
}

static void begin_some(void *ctx)
{
    struct dials *dials = ctx;
    struct dial *at;
    struct dial *next;

    dials->scheduled = false;
    DL_FOREACH_SAFE(dials->waiting, at, next)
    {
        if (dials->counted >= DIALS_MAX)
            return;
        if (!host_has_room(dials, at->host))
            continue;
        DL_DELETE(dials->waiting, at);
        DL_APPEND(dials->going, at);
        at->is_waiting = false;
        at->is_going = true;
        at->is_counted = true;
        dials->counted++;
        timer_start(dials->loop, &at->timer, DIAL_LONG_MS, takes_long, at);
        /* What it calls may change both lists, and then asks for another look. */
        at->go(at->ctx);
        schedule(dials);
        return;
    }
}

void dial_ask(struct dials *dials, struct dial *dial, const char *host, loop_fn *go, void *ctx)
{
    ASSERT(!dial->is_waiting && !dial->is_going);
    *dial = (struct dial){ .dials = dials, .host = host, .go = go, .ctx = ctx, .is_waiting = true };
    DL_APPEND(dials->waiting, dial);
    schedule(dials);
}

void dial_over(struct dial *dial)
{
    if (dial->is_waiting)
        DL_DELETE(dial->dials->waiting, dial);
    if (dial->is_going) {
        count_no_more(dial);
        DL_DELETE(dial->dials->going, dial);
        schedule(dial->dials);
    }
    dial->is_waiting = false;
    dial->is_going = false;
}
