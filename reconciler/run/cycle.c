/*
 * Dirty units gather until the loop comes round, so that a burst of events is one plan.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/memory_schedules.h"
#include "reconciler/run/cycle_int.h"
#include "reconciler/run/execute.h"
#include "reconciler/run/looks.h"
#include "reconciler/run/relies.h"
#include "reconciler/run/say.h"
#include "reconciler/run/wants.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* Facts lead to facts a few times (ended, counted, failed, rolled back); more is a mistake of ours.
 * */
#define ROUNDS_MAX      256
#define STORE_RETRY_MS  1000
#define GATHER_MS       1000 /* so long facts that may be lost are kept for one commit */
#define CLOCK_STEP_MS   2000
#define MAINTAIN_MS     (60 * 1000)
#define RECORDS_KEPT_MS (60 * 60 * 1000) /* ecs.md 1.4: stopped tasks stay visible for an hour */

static void cycle_run(void *context);
static void arm(struct cycle *cycle);
static void observation_done(void *context, bool complete);

/* Not from within the driver. */
static void tell_driver(void *context)
{
    struct cycle *cycle = context;

    if (cycle->app->driver != NULL)
        driver_clock_moved(cycle->app->driver);
}

/* A clock that is only set right little by little moves less than this between two looks. */
void cycle_check_clock(struct cycle *cycle)
{
    struct app *app = cycle->app;
    int64_t offset_ms = loop_wall_ms() - loop_steady_ms();
    int64_t moved_ms = offset_ms - cycle->clock_offset_ms;

    cycle->clock_offset_ms = offset_ms;
    if (moved_ms > -CLOCK_STEP_MS && moved_ms < CLOCK_STEP_MS)
        return;
    app_say(app, "warning", "the clock was moved %lld s %s", (long long)llabs(moved_ms) / 1000,
            moved_ms < 0 ? "back" : "forward");
    app->started_ms += moved_ms;
    memory_clock_moved(app->memory, moved_ms);
    world_clock_moved(app->world, moved_ms);
    for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        at->dirty |= at->kind == DIRTY_SCHEDULE; /* due by the clock, whoever moves it */
        at->wake_at_ms += at->wake_at_ms == INT64_MAX ? 0 : moved_ms;
    }
    cycle_schedule(cycle);
    loop_defer(app->loop, tell_driver, cycle);
}

static void unit_free(struct cycle *cycle, struct unit *unit)
{
    HASH_DELETE(by_key, cycle->units, unit);
    free(unit->key);
    free(unit->wait);
    free(unit->told);
    wants_release(&unit->wants);
    free(unit);
}

static bool is_seen(const struct world *world, const char *key)
{
    AUTO(arena) scratch = { 0 };
    size_t size = strcspn(key, "/");

    return world_service(world, arena_text_n(&scratch, key, size), key + size + 1) != NULL;
}

/* Runs of jobs come and go, and are asked for by no name again; schedules seldom. */
static void drop_runs(struct cycle *cycle)
{
    const struct app *app = cycle->app;
    struct unit *unit;
    struct unit *next;

    HASH_ITER(by_key, cycle->units, unit, next)
    {
        if (unit->dirty || unit->busy)
            continue;
        if (unit->kind == DIRTY_SCHEDULE
                ? desired_schedule(app->desired, unit->key) == NULL &&
                      memory_schedule(app->memory, unit->key + strlen(SCHEDULE_KEY)) == NULL
                : unit_is_job(unit->key) && memory_service(app->memory, unit->key) == NULL &&
                      !is_seen(app->world, unit->key))
            unit_free(cycle, unit);
    }
}

static void maintain(void *context)
{
    struct cycle *cycle = context;
    struct app *app = cycle->app;
    struct err err;

    cycle_check_clock(cycle);
    memory_expire(app->memory, app->world, loop_wall_ms() - RECORDS_KEPT_MS);
    drop_runs(cycle);
    if (store_prune(app->store, app->memory, loop_wall_ms(), &err) < 0)
        app_say(app, "warning", "state: %s", err.text);
    timer_start(app->loop, &cycle->maintenance, MAINTAIN_MS, maintain, cycle);
}

struct cycle *cycle_new(struct app *app)
{
    struct cycle *cycle = mem_alloc(sizeof(*cycle));

    cycle->app = app;
    cycle->looks = looks_new(app, observation_done, cycle);
    cycle->pools = pools_new();
    cycle->clock_offset_ms = loop_wall_ms() - loop_steady_ms();
    timer_start(app->loop, &cycle->maintenance, MAINTAIN_MS, maintain, cycle);
    return cycle;
}

void cycle_free(struct cycle *cycle)
{
    if (cycle == NULL)
        return;
    ASSERT(!cycle_is_observing(cycle));
    timer_stop(&cycle->timer);
    timer_stop(&cycle->maintenance);
    timer_stop(&cycle->gathering);
    loop_defer_cancel(cycle->app->loop, cycle_run, cycle);
    loop_defer_cancel(cycle->app->loop, tell_driver, cycle);
    while (cycle->units != NULL)
        unit_free(cycle, cycle->units);
    looks_free(cycle->looks);
    pools_free(cycle->pools);
    arena_release(&cycle->arena);
    free(cycle);
}

struct unit *unit_get(struct cycle *cycle, enum dirty_kind kind, const char *key)
{
    struct unit *unit;

    HASH_FIND(by_key, cycle->units, key, strlen(key), unit);
    if (unit != NULL)
        return unit;
    unit = mem_alloc(sizeof(*unit));
    unit->kind = kind;
    unit->key = mem_text(key);
    unit->wake_at_ms = INT64_MAX;
    HASH_ADD_KEYPTR(by_key, cycle->units, unit->key, strlen(unit->key), unit);
    return unit;
}

static void unit_wait(struct unit *unit, const struct plan_wait *wait)
{
    free(unit->wait);
    unit->wait = wait->reason == NULL ? NULL : mem_text(wait->reason);
    unit->wait_steady = wait->steady;
    unit->is_progress = wait->is_progress;
    unit->is_rest = wait->is_rest;
}

void cycle_schedule(struct cycle *cycle)
{
    if (cycle->scheduled)
        return;
    cycle->scheduled = true;
    loop_defer(cycle->app->loop, cycle_run, cycle);
}

void cycle_disturb(struct cycle *cycle, const char *instance)
{
    looks_disturb(cycle->looks, instance);
}

void cycle_acted(struct cycle *cycle, const char *instance)
{
    looks_acted(cycle->looks, instance);
}

void cycle_listing(struct cycle *cycle, const char *instance, bool begins)
{
    if (looks_listing(cycle->looks, instance, begins))
        cycle_mark_all(cycle);
}

static void flush(void *context)
{
    struct cycle *cycle = context;
    struct err err;

    if (store_flush(cycle->app->store, &err) < 0)
        app_say(cycle->app, "warning", "state: %s", err.text);
}

int cycle_state(struct cycle *cycle, const struct fact *facts, size_t count, struct err *err)
{
    struct app *app = cycle->app;
    bool gathered = store_gathers(app->store);

    if (store_write(app->store, facts, count, err) < 0)
        return -1;
    if (!gathered && store_gathers(app->store))
        timer_start(app->loop, &cycle->gathering, GATHER_MS, flush, cycle);
    for (size_t i = 0; i < count; i++) {
        say_fact(app, &facts[i]);
        cycle_mark_affected(cycle, &facts[i]);
        memory_apply(app->memory, &facts[i]);
    }
    cycle_schedule(cycle);
    return 0;
}

static void mark_behind(void *context, const char *key)
{
    unit_get(context, DIRTY_BALANCER, key)->dirty = true;
}

/* Services come before load balancers, whose members are theirs. */
static size_t take_dirty(struct cycle *cycle, struct plan_unit **out)
{
    const struct plan_input input = app_plan_input(cycle->app);
    size_t declared =
        input.desired == NULL ? 0 : generation_count(input.desired->generation, KIND_LOAD_BALANCER);
    struct plan_unit *units = arena_array(&cycle->arena, struct plan_unit,
                                          HASH_CNT(by_key, cycle->units) + declared +
                                              HASH_CNT(by_name, input.world->balancers) + 1);
    int64_t now_ms = loop_wall_ms();
    size_t count = 0;

    for (int kind = 0; kind < DIRTY_KIND_COUNT; kind++) {
        for (struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
            if ((int)at->kind != kind || (!at->dirty && at->wake_at_ms > now_ms))
                continue;
            at->dirty = false;
            at->wake_at_ms = INT64_MAX;
            if (at->kind == DIRTY_SERVICE)
                plan_balancers_of(&input, at->key, mark_behind, cycle);
            units[count++] = (struct plan_unit){ at->kind, at->key };
        }
    }
    *out = units;
    return count;
}

/* Why an instance may not be used at all is an error, and told once. */
static void say_refusal(struct cycle *cycle, struct unit *unit)
{
    if (unit->kind != DIRTY_INSTANCE || unit->is_progress || text_equal(unit->wait, unit->told))
        return;
    free(unit->told);
    unit->told = unit->wait == NULL ? NULL : mem_text(unit->wait);
    if (unit->told != NULL)
        app_tell(cycle->app, "error", &(struct log_fields){ .instance = unit->key },
                 "%s: %s; nothing is done there", unit->key, unit->told);
}

static void keep_results(struct cycle *cycle, const struct plan_unit *units, size_t count,
                         const struct plan *plan)
{
    for (size_t i = 0; i < count; i++) {
        struct unit *unit = unit_get(cycle, units[i].kind, units[i].key);

        unit_wait(unit, &(const struct plan_wait){ 0 });
        unit->busy = false;
        unit->watches = plan->watches[i];
        unit->wake_at_ms = plan->wake_at_ms[i];
        if (plan->fact_count == 0)
            wants_set(&unit->wants, plan, unit->key, plan->looked[i]);
    }
    for (size_t i = 0; i < plan->wait_count; i++) {
        struct unit *unit = unit_get(cycle, DIRTY_SERVICE, plan->waits[i].unit);

        if (unit->wait == NULL)
            unit_wait(unit, &plan->waits[i]);
    }
    for (size_t i = 0; i < plan->action_count; i++)
        unit_get(cycle, DIRTY_SERVICE, plan->actions[i].unit)->busy = true;
    for (size_t i = 0; i < count; i++)
        say_refusal(cycle, unit_get(cycle, units[i].kind, units[i].key));
}

/* Told once: it is tried again every second, however long the disk stays full. */
static void cannot_state(struct cycle *cycle, const struct plan_unit *units, size_t count,
                         const struct err *err)
{
    if (!cycle->forgetful)
        app_say(cycle->app, "error", "state: %s; nothing is done until it can be written",
                err->text);
    cycle->forgetful = true;
    for (size_t i = 0; i < count; i++) {
        struct unit *unit = unit_get(cycle, units[i].kind, units[i].key);
        AUTO(buf) wait = { 0 };

        unit->wake_at_ms = loop_wall_ms() + STORE_RETRY_MS;
        if (unit->kind != DIRTY_SERVICE)
            continue;
        buf_init(&wait, sizeof(err->text) + 64);
        buf_printf(&wait, "nothing can be remembered: %s", err->text);
        unit_wait(unit,
                  &(const struct plan_wait){ .reason = buf_text(&wait), .steady = wait.size });
    }
}

static void can_state(struct cycle *cycle)
{
    if (cycle->forgetful)
        app_say(cycle->app, "warning", "state: it can be written again");
    cycle->forgetful = false;
}

/* Plans until nothing new is stated. False: the store did not take the facts, nothing may be done.
 * */
static bool plan_rounds(struct cycle *cycle)
{
    struct app *app = cycle->app;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct plan_input input = app_plan_input(app);
        struct plan_pending *pending;
        struct plan_unit *units;
        size_t count;
        struct plan plan;
        struct err err;

        arena_reset(&cycle->arena);
        count = take_dirty(cycle, &units);
        if (count == 0) {
            execute_cancel_unwanted(app->executor);
            return true;
        }
        input.pending_count = executor_pending(app->executor, &cycle->arena, &pending);
        input.pending = pending;
        input.setting_up_count =
            executor_setting_up(app->executor, &cycle->arena, &input.setting_up);
        input.pools = cycle->pools;
        plan_compute(&input, units, count, &cycle->arena, &plan);
        if (plan.fact_count > 0 && cycle_state(cycle, plan.facts, plan.fact_count, &err) < 0) {
            cannot_state(cycle, units, count, &err);
            return false;
        }
        if (plan.fact_count > 0)
            can_state(cycle);
        keep_results(cycle, units, count, &plan);
        for (size_t i = 0; plan.fact_count > 0 && i < count; i++)
            unit_get(cycle, units[i].kind, units[i].key)->dirty = true;
        if (plan.fact_count == 0)
            execute(app->executor, plan.actions, plan.action_count);
    }
    app_say(app, "error", "the plan does not settle: this is a mistake in Berth");
    return false;
}

static bool is_quiet(const struct cycle *cycle)
{
    for (const struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (at->dirty || at->busy || (at->wait != NULL && !at->is_rest))
            return false;
    }
    return executor_in_flight(cycle->app->executor) == 0 && cycle->app->desired != NULL;
}

static void observation_done(void *context, bool complete)
{
    struct cycle *cycle = context;

    if (cycle->app->stopping)
        return;
    if (complete)
        cycle_mark_all(cycle);
    else
        arm(cycle);
}

/* Design: when no action is left, one fresh complete observation is planned; empty means converged.
 * */
static void settle(struct cycle *cycle)
{
    struct app *app = cycle->app;

    if (!is_quiet(cycle)) {
        cycle->converged = false;
        app_settled(app, false);
        return;
    }
    if (cycle->converged)
        return;
    if (looks_everywhere(cycle->looks)) {
        cycle->converged = true;
        app_settled(app, true);
    }
}

static void on_timer(void *context)
{
    cycle_schedule(context);
}

static void arm(struct cycle *cycle)
{
    int64_t wake_ms = INT64_MAX;
    int64_t delay_ms;

    for (const struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (at->wake_at_ms < wake_ms)
            wake_ms = at->wake_at_ms;
    }
    if (wake_ms == INT64_MAX) {
        timer_stop(&cycle->timer);
        return;
    }
    delay_ms = wake_ms - loop_wall_ms();
    timer_start(cycle->app->loop, &cycle->timer, delay_ms < 1 ? 1 : delay_ms, on_timer, cycle);
}

static void cycle_run(void *context)
{
    struct cycle *cycle = context;

    cycle->scheduled = false;
    if (cycle->app->stopping || !app_may_plan(cycle->app))
        return;
    cycle_check_clock(cycle);
    if (plan_rounds(cycle))
        settle(cycle);
    arm(cycle);
}

bool cycle_wants(const struct cycle *cycle, const struct action *action)
{
    for (const struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (wants_has(&at->wants, action))
            return true;
    }
    return false;
}

const char *cycle_wait(const struct cycle *cycle, const char *key)
{
    struct unit *unit;

    HASH_FIND(by_key, cycle->units, key, strlen(key), unit);
    return unit == NULL ? NULL : unit->wait;
}

void cycle_waits(const struct cycle *cycle, cycle_wait_fn *fn, void *context)
{
    for (const struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (at->kind == DIRTY_SERVICE && at->wait != NULL)
            fn(context, at->key, at->wait, at->wait_steady);
    }
}

bool cycle_is_refused(const struct cycle *cycle)
{
    for (const struct unit *at = cycle->units; at != NULL; at = at->by_key.next) {
        if (at->kind == DIRTY_INSTANCE && at->wait != NULL && !at->is_progress)
            return true;
    }
    return false;
}

bool cycle_is_observing(const struct cycle *cycle)
{
    return looks_are_open(cycle->looks);
}

bool cycle_is_converged(const struct cycle *cycle)
{
    return cycle->converged;
}
