/*
 * The table of calls in flight is keyed by (instance, object): a plan that is computed again names
 * the same objects again, and those are simply left out.
 */
#include "reconciler/run/execute.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/run/cycle.h"
#include "spec/base/hash.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* Where an engine saturates; stops mostly wait for the program inside, and cost nothing. */
#define SHORT_CALLS_MAX 4
#define STOP_CALLS_MAX  64
#define LONG_CALLS_MAX  2

#define SHORT_TIMEOUT_MS (2 * 60 * 1000)
#define LONG_TIMEOUT_MS  (60 * 60 * 1000)
#define STOP_MARGIN_MS   (60 * 1000)
#define STILL_MS         (2 * 60 * 1000) /* of a copy: nothing moves */
#define LINES_TIMEOUT_MS 5000            /* the removal of the container waits for it */

enum lane { LANE_SHORT, LANE_STOP, LANE_LONG, LANE_HOST, LANE_COUNT };

static const size_t lane_max[LANE_COUNT] = { SHORT_CALLS_MAX, STOP_CALLS_MAX, LONG_CALLS_MAX,
                                             /* LANE_HOST */ 1 };

struct running_call {
    struct driver_call call;
    struct action action; /* a copy whose texts lie in the arena */
    struct arena arena;
    struct executor *executor;
    struct lanes *lanes;           /* of its instance */
    struct generation *generation; /* counted; NULL: the action needs none */
    enum lane lane;
    bool cancelled;
    const char *key;
    UT_hash_handle by_key;
};

/* A unit that found no room. */
struct starved {
    char *key;
    struct starved *next;
};

/* What an instance does at once: the others are not held up by it. */
struct lanes {
    char *instance;
    size_t count[LANE_COUNT];
    struct starved *first;
    struct starved **last;
    UT_hash_handle by_instance;
};

struct executor {
    struct app *app;
    struct running_call *calls;
    struct lanes *lanes;
};

struct executor *executor_new(struct app *app)
{
    struct executor *executor = mem_alloc(sizeof(*executor));

    executor->app = app;
    return executor;
}

static struct lanes *lanes_get(struct executor *executor, const char *instance)
{
    struct lanes *lanes;

    HASH_FIND(by_instance, executor->lanes, instance, strlen(instance), lanes);
    if (lanes != NULL)
        return lanes;
    lanes = mem_alloc(sizeof(*lanes));
    lanes->instance = mem_text(instance);
    lanes->last = &lanes->first;
    HASH_ADD_KEYPTR(by_instance, executor->lanes, lanes->instance, strlen(lanes->instance), lanes);
    return lanes;
}

static char *starved_pop(struct lanes *lanes)
{
    struct starved *entry = lanes->first;
    char *key;

    if (entry == NULL)
        return NULL;
    lanes->first = entry->next;
    if (lanes->first == NULL)
        lanes->last = &lanes->first;
    key = entry->key;
    free(entry);
    return key;
}

static void starved_push(struct lanes *lanes, const char *unit)
{
    struct starved *entry;

    if (unit == NULL)
        return;
    for (const struct starved *at = lanes->first; at != NULL; at = at->next) {
        if (text_equal(at->key, unit))
            return;
    }
    entry = mem_alloc(sizeof(*entry));
    entry->key = mem_text(unit);
    *lanes->last = entry;
    lanes->last = &entry->next;
}

void executor_free(struct executor *executor)
{
    if (executor == NULL)
        return;
    ASSERT(executor->calls == NULL);
    while (executor->lanes != NULL) {
        struct lanes *lanes = executor->lanes;
        char *key;

        while ((key = starved_pop(lanes)) != NULL)
            free(key);
        HASH_DELETE(by_instance, executor->lanes, lanes);
        free(lanes->instance);
        free(lanes);
    }
    free(executor);
}

size_t executor_in_flight(const struct executor *executor)
{
    return HASH_CNT(by_key, executor->calls);
}

size_t executor_pending(const struct executor *executor, struct arena *arena,
                        struct plan_pending **out)
{
    struct plan_pending *pending =
        arena_array(arena, struct plan_pending, HASH_CNT(by_key, executor->calls) + 1);
    size_t count = 0;

    for (const struct running_call *at = executor->calls; at != NULL; at = at->by_key.next) {
        if (at->action.kind == ACTION_CONTAINER_CREATE)
            pending[count++] = (struct plan_pending){ .unit = at->action.unit,
                                                      .task = at->action.identity.task,
                                                      .instance = at->action.instance,
                                                      .slot = at->action.identity.slot,
                                                      .target = at->action.target };
    }
    *out = pending;
    return count;
}

size_t executor_setting_up(const struct executor *executor, struct arena *arena,
                           const char *const **out)
{
    const char **names = arena_array(arena, const char *, HASH_CNT(by_key, executor->calls) + 1);
    size_t count = 0;

    for (const struct running_call *at = executor->calls; at != NULL; at = at->by_key.next)
        if (text_equal(at->action.instance, BALANCER_HOST))
            names[count++] = at->action.object;
    *out = names;
    return count;
}

static enum lane lane_of(enum action_kind kind)
{
    if (kind == ACTION_HOST_RUN)
        return LANE_HOST;
    if (action_kind_is_long(kind))
        return LANE_LONG;
    return kind == ACTION_CONTAINER_STOP ? LANE_STOP : LANE_SHORT;
}

static int64_t timeout_of(const struct action *action)
{
    if (action->kind == ACTION_IMAGE_COPY)
        return STILL_MS;
    if (action->kind == ACTION_HOST_RUN)
        return (int64_t)action->timeout_s * 1000 + STOP_MARGIN_MS;
    if (action_kind_is_long(action->kind))
        return LONG_TIMEOUT_MS;
    if (action->kind == ACTION_CONTAINER_STOP)
        return (int64_t)action->stop_timeout_s * 1000 + STOP_MARGIN_MS;
    return action->kind == ACTION_CONTAINER_LAST_LINES ? LINES_TIMEOUT_MS : SHORT_TIMEOUT_MS;
}

/* Its specs lie in the generation, and in the goals of what is retired. */
static const struct balancer *copy_balancer(const struct balancer *from, struct arena *arena)
{
    struct balancer *to = arena_copy(arena, from, sizeof(*from));
    struct balancer_group *groups =
        arena_copy(arena, from->groups, from->group_count * sizeof(*groups));

    for (size_t i = 0; i < from->group_count; i++) {
        struct balancer_group *group = &groups[i];
        struct balancer_member *members =
            arena_copy(arena, group->members, group->member_count * sizeof(*members));

        for (size_t m = 0; m < group->member_count; m++) {
            members[m].task = arena_text(arena, members[m].task);
            members[m].address = arena_text(arena, members[m].address);
        }
        group->name = arena_text(arena, group->name);
        group->members = members;
        if (group->goal != NULL)
            group->goal = goal_ref(group->goal);
    }
    to->groups = groups;
    return to;
}

static void copy_action(struct running_call *running, const struct action *from)
{
    struct arena *arena = &running->arena;
    struct action *to = &running->action;

    *to = *from;
    to->instance = arena_text(arena, from->instance);
    to->object = arena_text(arena, from->object);
    to->cause = arena_text(arena, from->cause);
    to->unit = arena_text(arena, from->unit);
    to->identity.deployment = arena_text(arena, from->identity.deployment);
    to->identity.commit = arena_text(arena, from->identity.commit);
    to->image_id = arena_text(arena, from->image_id);
    to->digest = arena_text(arena, from->digest);
    to->sandbox_id = arena_text(arena, from->sandbox_id);
    to->network = arena_text(arena, from->network);
    to->container_id = arena_text(arena, from->container_id);
    to->reference = arena_text(arena, from->reference);
    to->image_name = arena_text(arena, from->image_name);
    to->build_key = arena_text(arena, from->build_key);
    to->commit = arena_text(arena, from->commit);
    to->repository = arena_text(arena, from->repository);
    to->giver = arena_text(arena, from->giver);
    to->command = arena_text(arena, from->command);
    to->name = arena_text(arena, from->name);
    to->cluster = arena_text(arena, from->cluster);
    to->service = arena_text(arena, from->service);
    if (from->goal != NULL)
        to->goal = goal_ref(from->goal); /* keeps target and volume alive */
    if (from->balancer != NULL) {
        running->generation = generation_ref(running->executor->app->desired->generation);
        to->balancer = copy_balancer(from->balancer, arena);
    }
}

static void running_free(struct running_call *running)
{
    for (size_t i = 0;
         running->action.balancer != NULL && i < running->action.balancer->group_count; i++)
        goal_unref(running->action.balancer->groups[i].goal);
    goal_unref(running->action.goal);
    generation_unref(running->generation);
    arena_release(&running->arena);
    free(running);
}

/* It is not asked again. */
static void report_unread(struct app *app, const struct action *action)
{
    const struct world_change change = { .kind = WORLD_CONTAINER_LINES,
                                         .lines = { .instance = action->instance,
                                                    .id = action->container_id } };

    (void)world_apply(app->world, &change);
}

/* Long work reports on itself; of short work only failures are remembered, until it succeeds. */
static void report(struct app *app, const struct action *action, const struct err *failure)
{
    const struct world_instance *instance = world_instance(app->world, action->instance);
    struct world_change change = { .kind = WORLD_EFFORT };
    AUTO(buf) key = { 0 };

    if (action->kind == ACTION_CONTAINER_LAST_LINES) {
        report_unread(app, action);
        return;
    }
    buf_init(&key, LIMIT_ENGINE_LINE);
    action_effort_key(action->kind, action->object, &key);
    if (instance == NULL || (failure == NULL && world_effort(instance, buf_text(&key)) == NULL))
        return;
    change.effort.instance = action->instance;
    change.effort.key = buf_text(&key);
    change.effort.state = failure == NULL ? EFFORT_DONE : EFFORT_FAILED;
    change.effort.at_ms = loop_wall_ms();
    change.effort.failure = failure;
    (void)world_apply(app->world, &change);
}

static void say_action(struct app *app, const char *topic, const struct action *action,
                       const char *text)
{
    const struct log_fields fields = {
        .service = action->unit == NULL || plan_unit_kind(action->unit) != DIRTY_SERVICE
                       ? NULL
                       : action->unit,
        .instance = action->instance,
        .object = action->object
    };

    app_tell(app, topic, &fields, "%s %s: %s", action_kind_text(action->kind), action->object,
             text == NULL ? "" : text);
}

static void call_done(struct driver_call *call, const struct err *failure)
{
    struct running_call *running = call->context;
    struct executor *executor = running->executor;
    struct lanes *lanes = running->lanes;
    struct app *app = executor->app;
    const struct action *action = &running->action;
    char *unit;

    HASH_DELETE(by_key, executor->calls, running);
    lanes->count[running->lane]--;
    if (!action_kind_is_long(action->kind))
        report(app, action, failure);
    if (failure != NULL && failure->code != ERR_CANCELLED)
        say_action(app, "warning", action, failure->text);
    cycle_disturb(app->cycle, action->instance);
    if (action->unit != NULL)
        cycle_mark(app->cycle, plan_unit_kind(action->unit), action->unit);
    /* A task that does not come takes no room, which another service may have been waiting for. */
    if (failure != NULL && action->kind == ACTION_CONTAINER_CREATE)
        cycle_mark(app->cycle, DIRTY_INSTANCE, action->instance);
    /* Two, so that places which one unit leaves unused are found by the next. */
    for (int i = 0; i < 2 && (unit = starved_pop(lanes)) != NULL; i++) {
        cycle_mark(app->cycle, plan_unit_kind(unit), unit);
        free(unit);
    }
    running_free(running);
}

static void begin(struct executor *executor, const struct action *action, const char *key)
{
    struct app *app = executor->app;
    struct running_call *running = mem_alloc(sizeof(*running));
    struct err err;

    running->executor = executor;
    copy_action(running, action);
    running->lanes = lanes_get(executor, action->instance);
    running->lane = lane_of(action->kind);
    running->key = arena_text(&running->arena, key);
    running->call = (struct driver_call){ .action = &running->action,
                                          .timeout_ms = timeout_of(action),
                                          .done = call_done,
                                          .context = running };
    if (app->options->is_verbose)
        say_action(app, "action", action, action->cause);
    if (driver_apply(app->driver, &running->call, &err) < 0) {
        report(app, action, &err);
        say_action(app, "warning", action, err.text);
        running_free(running);
        return;
    }
    cycle_acted(app->cycle, action->instance);
    HASH_ADD_KEYPTR(by_key, executor->calls, running->key, strlen(running->key), running);
    running->lanes->count[running->lane]++;
}

void execute(struct executor *executor, const struct action *actions, size_t count)
{
    AUTO(arena) scratch = { 0 };

    for (size_t i = 0; i < count && !executor->app->stopping; i++) {
        const struct action *action = &actions[i];
        const char *key = arena_printf(&scratch, "%s %s", action->instance, action->object);
        struct lanes *lanes = lanes_get(executor, action->instance);
        enum lane lane = lane_of(action->kind);
        struct running_call *running;

        HASH_FIND(by_key, executor->calls, key, strlen(key), running);
        if (running != NULL)
            continue;
        if (lanes->count[lane] >= lane_max[lane]) {
            starved_push(lanes, action->unit);
            continue;
        }
        begin(executor, action, key);
    }
}

void execute_cancel_unwanted(struct executor *executor)
{
    struct app *app = executor->app;

    for (struct running_call *at = executor->calls; at != NULL; at = at->by_key.next) {
        if (at->lane != LANE_LONG || at->action.kind == ACTION_SANDBOX_LOAD || at->cancelled ||
            cycle_wants(app->cycle, &at->action))
            continue;
        at->cancelled = true;
        say_action(app, "event", &at->action, "cancelled, nothing needs it any more");
        driver_cancel(app->driver, &at->call);
    }
}
