/*
 * Looked at once a second at most, however much happens: a deployment of many services makes many
 * changes.
 */
#include "reconciler/run/tell.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/run/cycle.h"
#include "spec/base/text.h"

#define LOOK_EACH_MS 1000

struct teller {
    struct app *app;
    struct told_list list;
    struct timer timer;
    bool stirred; /* since the last look */
    bool pending; /* that look saw what was not due yet */
};

struct teller *tell_new(struct app *app)
{
    struct teller *teller = mem_alloc(sizeof(*teller));

    teller->app = app;
    return teller;
}

void tell_free(struct teller *teller)
{
    if (teller == NULL)
        return;
    timer_stop(&teller->timer);
    told_release(&teller->list);
    free(teller);
}

/* Of a deployment that failed, or a removal that is held, an event or a warning told already. */
static bool is_at_its_end(const struct app *app, const char *key)
{
    const struct memory_service *memory = memory_service(app->memory, key);
    const struct deployment *primary = memory_primary(memory);

    return memory != NULL &&
           (memory->hold != NULL || (primary != NULL && primary->state == ROLLOUT_FAILED));
}

static void note_wait(void *context, const char *key, const char *wait, size_t steady)
{
    struct teller *teller = context;

    if (!is_at_its_end(teller->app, key))
        (void)told_note(&teller->list, key, wait, steady, loop_now_ms(teller->app->loop));
}

/* Builds tell of themselves, by what they print. */
static void note_effort(struct teller *teller, const struct world_instance *instance,
                        const struct world_effort *effort)
{
    AUTO(arena) scratch = { 0 };
    struct told *told;

    if (effort->state != EFFORT_RUNNING || effort->progress == NULL ||
        text_starts(effort->key, "build ") || !action_effort_is_long(effort->key))
        return;
    told = told_note(&teller->list, arena_printf(&scratch, "%s %s", instance->name, effort->key),
                     effort->progress, SIZE_MAX, loop_now_ms(teller->app->loop));
    if (told->object == NULL)
        told->object = mem_text(effort->key);
}

static void hand(const struct told *told, tell_fn *fn, void *context)
{
    bool is_service = told->object == NULL;
    AUTO(arena) scratch = { 0 };
    const struct log_fields fields = { .service = is_service ? told->key : NULL,
                                       .object =
                                           is_service ? NULL : strchr(told->object, ' ') + 1 };

    fn(context, told->id, &fields,
       arena_printf(&scratch, "%s: %s", is_service ? told->key : told->object, told->said));
}

static void say_line(void *context, uint64_t id, const struct log_fields *fields, const char *text)
{
    struct app *app = context;

    (void)id;
    app_tell(app, "progress", fields, "%s", text);
}

static void say(void *context, const struct told *told)
{
    hand(told, say_line, context);
}

static void look(void *context)
{
    struct teller *teller = context;
    struct app *app = teller->app;

    if (app->stopping || (!teller->stirred && !teller->pending))
        return;
    teller->stirred = false;
    told_begin(&teller->list);
    cycle_waits(app->cycle, note_wait, teller);
    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        for (const struct world_effort *one = at->efforts; one != NULL; one = one->by_key.next)
            note_effort(teller, at, one);
    }
    teller->pending = told_end(&teller->list, loop_now_ms(app->loop), say, app);
    timer_start(app->loop, &teller->timer, LOOK_EACH_MS, look, teller);
}

void tell_stir(struct teller *teller)
{
    if (teller->app->desired == NULL || cycle_is_converged(teller->app->cycle)) {
        tell_renew(teller);
        return;
    }
    teller->stirred = true;
    if (!timer_is_running(&teller->timer))
        look(teller);
}

void tell_renew(struct teller *teller)
{
    timer_stop(&teller->timer);
    told_forget(&teller->list);
    teller->stirred = teller->pending = false;
}

void tell_each(const struct teller *teller, tell_fn *fn, void *context)
{
    for (const struct told *at = teller->list.items; at != NULL; at = at->by_key.next) {
        if (told_is_current(at))
            hand(at, fn, context);
    }
}
