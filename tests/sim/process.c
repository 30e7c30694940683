/*
 * What reconciler/run/app.c does for the real program: the same order, without git, signals and
 * HTTP.
 */
#include "tests/sim/process.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "reconciler/run/cycle.h"
#include "reconciler/run/execute.h"
#include "reconciler/run/scaling.h"
#include "spec/base/text.h"
#include "tests/sim/upkeep.h"

#define ROOT "0123456789012345678901234567890123456789"

static struct process *process_of(const struct app *app)
{
    return (struct process *)((uintptr_t)app - offsetof(struct process, app));
}

/* ---- What cycle and executor ask of the app ---- */

static PRINTF_LIKE(3, 0) void say(struct app *app, const char *topic, const char *format,
                                  va_list arguments)
{
    struct process *process = process_of(app);
    AUTO(buf) text = { 0 };

    if (text_starts(format, "the plan does not settle"))
        process->stuck = process->loop.halted = true;
    if (process->log == NULL)
        return;
    buf_init(&text, 64 * 1024);
    buf_vprintf(&text, format, arguments);
    (void)fprintf(process->log, "%10lld %s: %s\n", (long long)loop_wall_ms(), topic,
                  buf_text(&text));
}

void app_say(struct app *app, const char *topic, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(app, topic, format, arguments);
    va_end(arguments);
}

void app_tell(struct app *app, const char *topic, const struct log_fields *fields,
              const char *format, ...)
{
    va_list arguments;

    (void)fields;
    va_start(arguments, format);
    say(app, topic, format, arguments);
    va_end(arguments);
}

struct plan_input app_plan_input(const struct app *app)
{
    const struct process *process = process_of(app);

    return (struct plan_input){ .desired = app->desired,
                                .world = app->world,
                                .memory = app->memory,
                                .owner = app->options->owner,
                                .root = app->progress.root,
                                .take_over = app->options->take_over,
                                .prune_allowed = app->prune_allowed,
                                .sandbox = app->sandbox,
                                .recalled = process->declared,
                                .recalled_count = process->forgot ? process->declared_count : 0,
                                .now_ms = loop_wall_ms() };
}

bool app_may_plan(struct app *app)
{
    (void)app;
    return true;
}

void app_settled(struct app *app, bool converged)
{
    const struct process_hooks *hooks = &process_of(app)->hooks;

    if (!converged)
        return;
    app_say(app, "commit", "converged");
    if (hooks->settled != NULL)
        hooks->settled(hooks->context);
}

static bool is_idle(const struct process *process)
{
    for (const struct process_call *at = process->calls; at != NULL; at = at->next) {
        if (at->inner.action != NULL)
            return false;
    }
    return true;
}

static void on_change(void *context, const struct world_change *change)
{
    struct app *app = context;
    struct process *process = process_of(app);

    (void)world_apply(app->world, change);
    if (change->kind == WORLD_BALANCERS_KNOWN)
        cycle_mark_all(app->cycle);
    if (change->kind == WORLD_LISTING_BEGIN)
        process->calm = is_idle(process);
    if (change->kind == WORLD_LISTING_END && process->calm)
        process->looked = true;
    if (change->kind == WORLD_LISTING_BEGIN || change->kind == WORLD_LISTING_END)
        cycle_listing(app->cycle, change->named.instance, change->kind == WORLD_LISTING_BEGIN);
}

static void on_dirty(void *context, enum dirty_kind kind, const char *key)
{
    struct app *app = context;

    process_of(app)->looked = false;
    cycle_disturb(app->cycle, NULL);
    cycle_mark(app->cycle, kind, key);
}

static void on_desired_changed(void *context, const char *key)
{
    struct app *app = context;
    cycle_mark(app->cycle, plan_unit_kind(key), key);
}

/* ---- The driver between ---- */

static struct process *process_between(struct driver *driver)
{
    return (struct process *)driver; /* its first member */
}

static void call_done(struct driver_call *inner, const struct err *failure)
{
    struct process_call *call = inner->context;
    struct driver_call *outer = call->outer;

    if (inner->action == NULL && failure == NULL)
        call->process->looked = true;
    DL_DELETE(call->process->calls, call);
    free(call);
    outer->done(outer, failure);
}

static struct process_call *call_make(struct process *process, struct driver_call *outer)
{
    struct process_call *call = mem_alloc(sizeof(*call));

    call->outer = outer;
    call->process = process;
    call->inner = (struct driver_call){
        .action = outer->action, .timeout_ms = outer->timeout_ms, .done = call_done, .context = call
    };
    outer->state = call;
    return call;
}

static int between_apply(struct driver *driver, struct driver_call *outer, struct err *err)
{
    struct process *process = process_between(driver);

    process->calm = false;
    if (process->hooks.apply != NULL)
        process->hooks.apply(process->hooks.context, outer->action);
    struct process_call *call = call_make(process, outer);
    if (driver_apply(process->engine, &call->inner, err) < 0) {
        free(call);
        return -1;
    }
    DL_APPEND(process->calls, call);
    return 0;
}

static int between_observe(struct driver *driver, const char *instance, struct driver_call *outer,
                           struct err *err)
{
    struct process *process = process_between(driver);
    struct process_call *call = call_make(process, outer);

    if (driver_observe(process->engine, instance, &call->inner, err) < 0) {
        free(call);
        return -1;
    }
    DL_APPEND(process->calls, call);
    return 0;
}

static void between_cancel(struct driver *driver, struct driver_call *outer)
{
    struct process_call *call = outer->state;
    call->cancelled = true;
    driver_cancel(process_between(driver)->engine, &call->inner);
}

static void between_start(struct driver *driver)
{
    driver_start(process_between(driver)->engine);
}

static void between_free(struct driver *driver)
{
    driver_free(TAKE(process_between(driver)->engine));
}

static const struct driver_ops between_ops = { .name = "checked sim",
                                               .start = between_start,
                                               .apply = between_apply,
                                               .observe = between_observe,
                                               .cancel = between_cancel,
                                               .free = between_free };

const struct process_call *process_call(const struct process *process, const char *instance,
                                        const char *object)
{
    const struct process_call *call;

    DL_FOREACH(process->calls, call)
    {
        const struct action *action = call->inner.action;
        if (action != NULL && text_equal(action->instance, instance) &&
            text_equal(action->object, object))
            return call;
    }
    return NULL;
}

/* ---- Life ---- */

/* What reconciler/run/recall.c reads from the commits that tasks name. */
static void note_declared(struct process *process)
{
    const struct desired *desired = process->app.desired;

    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        bool known = false;

        for (size_t i = 0; i < process->declared_count && !known; i++)
            known = process->declared[i] == at->goal;
        if (known)
            continue;
        process->declared = mem_resize(process->declared,
                                       (process->declared_count + 1) * sizeof(*process->declared));
        process->declared[process->declared_count++] = goal_ref(at->goal);
    }
}

void process_release(struct process *process)
{
    for (size_t i = 0; i < process->declared_count; i++)
        goal_unref(process->declared[i]);
    free(process->declared);
}

void process_adopt(struct process *process, struct generation *generation, bool confirmed)
{
    struct app *app = &process->app;
    struct desired *before = app->desired;

    app_say(app, "commit", "%.8s", generation_commit(generation));
    app->prune_allowed = confirmed;
    app->desired = desired_make(generation, before, app->memory, /* secrets= */ NULL, NULL, NULL);
    ASSERT(desired_read_zones(app->desired, upkeep_zone, NULL, NULL) == 0);
    note_declared(process);
    if (before == NULL || confirmed) { /* what was held may go */
        cycle_mark_all(app->cycle);
    } else {
        desired_compare(before, app->desired, on_desired_changed, app);
    }
    cycle_renew(app->cycle);
    desired_free(before);
    scaler_renew(app->scaler);
}

void process_start(struct process *process, struct generation *generation, bool confirmed)
{
    struct app *app = &process->app;

    ASSERT(!process->running);
    process->running = true;
    process->driver.ops = &between_ops;
    process->options = (struct run_options){ .repo = "simulated",
                                             .owner = PEOPLE_OWNER,
                                             .is_verbose = process->log != NULL };
    process->loop = (struct loop){ .now_ms = sim_now(process->sim) };
    virtual_use(&process->loop);
    *app = (struct app){ .options = &process->options,
                         .loop = &process->loop,
                         .store = process->store,
                         .driver = &process->driver };
    text_copy(app->progress.root, sizeof(app->progress.root), ROOT);
    text_copy(app->sandbox, sizeof(app->sandbox), "berth/sandbox:simulated");
    app->memory = memory_new();
    journal_load(process->store, app->memory);
    process->forgot = app->memory->services == NULL;
    process->calm = false;
    process->looked = false;
    app->cycle = cycle_new(app);
    app->world = world_new(on_dirty, app);
    app->executor = executor_new(app);
    if (process->reader.read != NULL)
        app->scaler = scaler_new(app, process->reader);
    app_say(app, "process", "started");
    process_adopt(process, generation, confirmed);
    process->engine = sim_driver(
        process->sim, &(struct sim_driver_options){ .sink = { .change = on_change, .context = app },
                                                    .owner = PEOPLE_OWNER,
                                                    .root = ROOT });
    driver_start(app->driver);
}

static void end(struct process *process)
{
    struct app *app = &process->app;

    ASSERT(process->calls == NULL && process->engine == NULL);
    scaler_free(app->scaler);
    cycle_free(app->cycle);
    executor_free(app->executor);
    desired_free(app->desired);
    world_free(app->world);
    memory_free(app->memory);
    virtual_end(&process->loop);
    process->running = false;
}

void process_stop(struct process *process)
{
    process->app.stopping = true;
    driver_free(process->app.driver);
    end(process);
}

void process_crash(struct process *process)
{
    const struct err failure = { .code = ERR_CANCELLED, .text = "the process died" };

    app_say(&process->app, "process", "dies");
    process->app.stopping = true;
    sim_driver_kill(TAKE(process->engine));
    /* Only so that its memory can be freed: nothing of what follows reaches anyone. */
    while (process->calls != NULL) {
        struct process_call *call = process->calls;
        struct driver_call *outer = call->outer;
        DL_DELETE(process->calls, call);
        free(call);
        outer->done(outer, &failure);
    }
    end(process);
}

void process_step(struct process *process, int64_t to_ms)
{
    int64_t next_ms = to_ms;

    if (sim_next(process->sim) < next_ms)
        next_ms = sim_next(process->sim);
    if (process->running && virtual_next(&process->loop) < next_ms)
        next_ms = virtual_next(&process->loop);
    if (next_ms < sim_now(process->sim))
        next_ms = sim_now(process->sim);
    process->loop.now_ms = next_ms;
    sim_advance(process->sim, next_ms);
    if (process->running)
        virtual_turn(&process->loop);
}
