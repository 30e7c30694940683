#include "reconciler/run/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/metrics/metrics.h"
#include "reconciler/run/fleet.h"
#include "spec/base/buf.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define TIMEOUT_MIN_MS ((int64_t)10 * 1000)
#define AFTER_MS       50 /* a period's end: a timer may be early */
#define SPREAD         4  /* hosts follow one another within this part of the interval */
#define MINUTE_MS      60000
#define SAVED_MAX      ((size_t)16 * 1024 * 1024)
#define SAVED_LATE_MS  ((int64_t)2 * 60 * 1000) /* a minute is saved, or never */

/* Who is sampled: an instance, or all load balancers. */
struct sampled {
    struct sampler *sampler;
    char *name;
    struct driver_call call;
    int64_t due_ms; /* by the loop's clock */
    bool is_busy;
    bool is_there; /* while they are counted */
    UT_hash_handle by_name;
};

struct sampler {
    struct app *app;
    struct sampled *all;
    struct timer timer;
    int64_t saved_minute; /* the last one that was kept; 0: none */
    size_t busy;
    bool is_stopped;
    bool has_told_room;
};

/* ---- What is kept ---------------------------------------------------------------------------- */

struct restoring {
    struct metrics *metrics;
    int64_t now_minute;
};

static void restore_number(void *context, uint32_t number, const char *service)
{
    const struct restoring *restoring = context;

    metrics_restore_number(restoring->metrics, number, service);
}

/* A clock that was set back would measure it again. */
static void restore_minute(void *context, int64_t minute, const void *data, size_t size)
{
    const struct restoring *restoring = context;

    if (minute < restoring->now_minute)
        metrics_restore(restoring->metrics, minute, data, size);
}

static void restore(struct app *app)
{
    struct restoring restoring = { app->metrics, loop_wall_ms() / MINUTE_MS };
    const struct store_metrics_reader reader = { .number = restore_number,
                                                 .minute = restore_minute,
                                                 .context = &restoring };
    struct err err;

    if (store_metrics_read(app->store, &reader, &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
    metrics_forget(app->metrics, loop_wall_ms());
}

struct numbers {
    struct arena arena;
    struct store_number *items;
    size_t count;
    size_t capacity;
};

static void number_add(void *context, uint32_t number, const char *service)
{
    struct numbers *numbers = context;

    if (numbers->count == numbers->capacity) {
        size_t larger = numbers->capacity == 0 ? 64 : numbers->capacity * 2;

        numbers->items = arena_enlarge(&numbers->arena, numbers->items, numbers->capacity, larger,
                                       sizeof(*numbers->items));
        numbers->capacity = larger;
    }
    numbers->items[numbers->count++] = (struct store_number){ number, service };
}

static void save_minute(struct sampler *sampler, int64_t minute)
{
    struct app *app = sampler->app;
    struct numbers numbers = { 0 };
    AUTO(buf) data = { 0 };
    struct store_minute row = { .minute = minute, .oldest = minute - METRICS_DAY_MS / MINUTE_MS };
    struct err err;

    buf_init(&data, SAVED_MAX);
    metrics_save(app->metrics, minute, &data);
    row.data = buf_text(&data);
    row.size = data.size;
    number_add(&numbers, 0, ""); /* it is there, should there be none */
    numbers.count = 0;
    metrics_numbers(app->metrics, number_add, &numbers);
    if (store_metrics_write(app->store, &row,
                            metrics_numbers_changed(app->metrics) ? numbers.items : NULL,
                            numbers.count, &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
    else
        metrics_numbers_kept(app->metrics);
    arena_release(&numbers.arena);
}

static void tell_room(struct sampler *sampler)
{
    size_t left_out = metrics_left_out(sampler->app->metrics);

    if (left_out > 0 && !sampler->has_told_room)
        app_say(sampler->app, "warning",
                "metrics have reached %zu MiB: further services are not measured",
                METRICS_BYTES_MAX / 1024 / 1024);
    sampler->has_told_room = left_out > 0;
}

/* The last minute that all hosts were sampled in. */
static void save(struct sampler *sampler)
{
    int64_t interval_ms = sampler->app->options->metrics_interval_ms;
    int64_t wall_ms = loop_wall_ms();
    int64_t minute = (wall_ms - interval_ms / SPREAD - AFTER_MS) / MINUTE_MS - 1;

    if (minute == sampler->saved_minute)
        return;
    if (sampler->saved_minute > 0 && minute > sampler->saved_minute + 1 &&
        wall_ms - (sampler->saved_minute + 2) * MINUTE_MS < SAVED_LATE_MS)
        minute = sampler->saved_minute + 1;
    sampler->saved_minute = minute;
    tell_room(sampler);
    metrics_forget(sampler->app->metrics, wall_ms);
    save_minute(sampler, minute);
}

/* ---- Who is sampled -------------------------------------------------------------------------- */

static void on_due(void *context);

static int64_t phase_ms(const struct sampler *sampler, const char *name)
{
    int64_t spread_ms = sampler->app->options->metrics_interval_ms / SPREAD;

    if (text_equal(name, LOCAL_INSTANCE) || text_equal(name, BALANCER_HOST))
        return AFTER_MS;
    return AFTER_MS + (int64_t)hash_bytes(name, strlen(name)) % spread_ms;
}

/* The next end of an interval, and what its turn is behind that. */
static void set_due(struct sampled *sampled)
{
    const struct app *app = sampled->sampler->app;
    int64_t interval_ms = app->options->metrics_interval_ms;
    int64_t wall_ms = loop_wall_ms() - phase_ms(sampled->sampler, sampled->name);

    sampled->due_ms = loop_now_ms(app->loop) + interval_ms - wall_ms % interval_ms;
}

static void add(struct sampler *sampler, const char *name)
{
    struct sampled *sampled;

    HASH_FIND(by_name, sampler->all, name, strlen(name), sampled);
    if (sampled == NULL) {
        sampled = mem_alloc(sizeof(*sampled));
        sampled->sampler = sampler;
        sampled->name = mem_text(name);
        HASH_ADD_KEYPTR(by_name, sampler->all, sampled->name, strlen(name), sampled);
        set_due(sampled);
    }
    sampled->is_there = true;
}

static void add_instance(void *context, const char *instance, bool leaving)
{
    (void)leaving;
    add(context, instance);
}

static void drop(struct sampler *sampler, struct sampled *sampled)
{
    HASH_DELETE(by_name, sampler->all, sampled);
    free(sampled->name);
    free(sampled);
}

static void count_all(struct sampler *sampler)
{
    struct sampled *at;
    struct sampled *next;

    for (at = sampler->all; at != NULL; at = at->by_name.next)
        at->is_there = false;
    fleet_each(sampler->app->driver, add_instance, sampler);
    add(sampler, BALANCER_HOST);
    HASH_ITER(by_name, sampler->all, at, next)
    {
        if (!at->is_there && !at->is_busy)
            drop(sampler, at);
    }
}

/* ---- Samples --------------------------------------------------------------------------------- */

void sampler_take(void *context, const struct sample_report *sample)
{
    struct app *app = context;

    metrics_take(app->metrics, app->world, sample, loop_wall_ms());
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct sampled *sampled = call->context;

    (void)failure; /* what is not measured shows as a gap */
    sampled->is_busy = false;
    sampled->sampler->busy--;
}

static void sample(struct sampled *sampled)
{
    struct app *app = sampled->sampler->app;
    int64_t timeout_ms = app->options->metrics_interval_ms;

    sampled->call =
        (struct driver_call){ .timeout_ms =
                                  timeout_ms > TIMEOUT_MIN_MS ? timeout_ms : TIMEOUT_MIN_MS,
                              .done = on_done,
                              .context = sampled };
    if (driver_sample(app->driver, sampled->name, &sampled->call, NULL) < 0)
        return;
    sampled->is_busy = true;
    sampled->sampler->busy++;
}

static void wait(struct sampler *sampler)
{
    struct loop *loop = sampler->app->loop;
    int64_t now_ms = loop_now_ms(loop);
    int64_t due_ms = INT64_MAX;

    for (const struct sampled *at = sampler->all; at != NULL; at = at->by_name.next)
        due_ms = at->due_ms < due_ms ? at->due_ms : due_ms;
    timer_start(loop, &sampler->timer, due_ms > now_ms ? due_ms - now_ms : 0, on_due, sampler);
}

static void on_due(void *context)
{
    struct sampler *sampler = context;
    int64_t now_ms = loop_now_ms(sampler->app->loop);

    for (struct sampled *at = sampler->all; at != NULL; at = at->by_name.next) {
        if (at->due_ms > now_ms)
            continue;
        if (!at->is_busy)
            sample(at);
        set_due(at);
    }
    count_all(sampler);
    save(sampler);
    wait(sampler);
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct sampler *sampler_new(struct app *app)
{
    struct sampler *sampler;

    if (app->options->metrics_interval_ms == 0 || app->options->once)
        return NULL;
    sampler = mem_alloc(sizeof(*sampler));
    sampler->app = app;
    restore(app);
    return sampler;
}

void sampler_start(struct sampler *sampler)
{
    if (sampler == NULL || sampler->is_stopped)
        return;
    count_all(sampler);
    wait(sampler);
}

void sampler_stop(struct sampler *sampler)
{
    if (sampler == NULL)
        return;
    sampler->is_stopped = true;
    timer_stop(&sampler->timer);
}

bool sampler_is_busy(const struct sampler *sampler)
{
    return sampler != NULL && sampler->busy > 0;
}

void sampler_free(struct sampler *sampler)
{
    if (sampler == NULL)
        return;
    sampler_stop(sampler);
    ASSERT(sampler->busy == 0);
    while (sampler->all != NULL)
        drop(sampler, sampler->all);
    free(sampler);
}
