/*
 * The checks share no code with the planner: they count for themselves.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/cycle.h"
#include "reconciler/run/execute.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"
#include "tests/sim/check_int.h"
#include "tests/sim/daemons.h"
#include "tests/sim/hosts.h"
#include "tests/sim/jobs.h"
#include "tests/sim/loads.h"
#include "tests/sim/schedules.h"
#include "tests/sim/traffic.h"
#include "tests/sim/upkeep.h"

#define REMADE_MS  (10 * 60 * 1000)
#define REMADE_MAX 20

void check_failed(struct check *check, const char *format, ...)
{
    va_list arguments;

    if (check->failed)
        return;
    check->failed = true;
    check->rule = format;
    int size = snprintf(check->text, sizeof(check->text),
                        "at %lld: ", (long long)sim_now(check->process->sim));
    ASSERT(size > 0 && (size_t)size < sizeof(check->text));
    va_start(arguments, format);
    (void)vsnprintf(check->text + size, sizeof(check->text) - (size_t)size, format, arguments);
    va_end(arguments);
}

/* ---- Counting by ourselves ---- */

const struct service_spec *check_spec(const struct check *check, const char *key)
{
    const struct desired_service *desired = desired_service(check->process->app.desired, key);
    const char *slash = strchr(key, '/');
    struct check *counts = (struct check *)(uintptr_t)check; /* its arena is no part of its state */
    struct service_spec *scaled;

    if (desired == NULL || desired->goal->target->spec->auto_scaling == NULL)
        return desired == NULL ? NULL : desired->goal->target->spec;
    scaled = arena_copy(&counts->arena, desired->goal->target->spec, sizeof(*scaled));
    scaled->desired_count = loads_count(check, check_service(slash + 1), scaled->desired_count);
    return scaled;
}

bool check_is_left_alone(const struct check *check, const struct world_container *container)
{
    const struct memory_service *memory =
        memory_service(check->process->app.memory, container->task->service->key);

    return memory != NULL && memory->frozen != NULL &&
           strstr(memory->frozen, container->drift) != NULL;
}

/* As the world tells it, not as the planner does: every container is there, up, and well. */
/* What somebody stopped and started again while nobody watched had proved itself before. */
static bool was_proven(const struct check *check, const struct world_task *task, int64_t started_ms)
{
    const struct task_record *record = memory_task(check->process->app.memory, task->id);

    return record != NULL && record->healthy_ms != 0 && record->healthy_ms < started_ms;
}

bool check_is_healthy(const struct check *check, const struct world_task *task)
{
    const struct service_spec *spec = check_spec(check, task->service->key);
    const struct world_instance *host = task->host;
    size_t checked = 0;
    int64_t started_ms = 0;

    if (task->container_count < task->expected || host->state != INSTANCE_ACTIVE)
        return false;
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];
        if (!container->inspected || container->status != CONTAINER_RUNNING ||
            (container->drift != NULL && !check_is_left_alone(check, container)))
            return false;
        if (container->health == HEALTH_UNHEALTHY || container->health == HEALTH_STARTING)
            return false;
        checked += container->health == HEALTH_HEALTHY;
        if (container->started_ms > started_ms)
            started_ms = container->started_ms;
    }
    if (traffic_is_expected(check, task))
        return traffic_is_healthy(check, task);
    started_ms -= host->clock_skew_ms;
    int64_t ready_ms = started_ms + (spec == NULL ? 0 : (int64_t)spec->min_ready_seconds * 1000);
    return checked > 0 || ready_ms <= sim_now(check->process->sim) ||
           was_proven(check, task, started_ms) || traffic_proved(check, task);
}

bool check_is_leaving(const struct task_record *record)
{
    return record != NULL && (record->stopping_ms != 0 || record->stopped_ms != 0);
}

bool check_is_over(const struct world_task *task)
{
    bool ended = false;

    for (size_t i = 0; i < task->container_count; i++) {
        enum container_status status = task->containers[i]->status;
        if (status != CONTAINER_EXITED && status != CONTAINER_DEAD && status != CONTAINER_CREATED)
            return false;
        ended |= status != CONTAINER_CREATED;
    }
    return ended;
}

size_t check_service(const char *name)
{
    size_t index = 0;

    while (index < SERVICES_MAX && !text_equal(people_service_name(index), name))
        index++;
    return index;
}

void check_release(struct check *check)
{
    free(check->proofs);
    arena_release(&check->arena);
    check_repeated_reset(check);
    jobs_release(check);
    schedules_release(check);
}

void check_forgotten(struct check *check)
{
    upkeep_forgotten(check);
    check->forgot = true;
    check->leaving = 0;
    check->held = 0;
    memset(check->ledgers, 0, sizeof(check->ledgers));
}

/* ---- Calls ---- */

/* Tasks that are alive, and those whose first container is on its way. */
static uint32_t count_alive(const struct check *check, const struct world_service *service,
                            const struct action *but)
{
    const struct memory *memory = check->process->app.memory;
    uint32_t alive = 0;

    for (size_t i = 0; service != NULL && i < service->task_count; i++)
        alive += !check_is_leaving(memory_task(memory, service->tasks[i]->id)) &&
                 !check_is_over(service->tasks[i]) &&
                 !hosts_is_given_up(check, service->tasks[i]->host);
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;
        if (action != NULL && action->kind == ACTION_CONTAINER_CREATE &&
            text_equal(action->unit, but->unit) &&
            !text_equal(action->identity.task, but->identity.task) &&
            world_task(check->process->app.world, action->identity.task) == NULL)
            alive++;
    }
    return alive;
}

void check_renew(struct check *check, size_t service)
{
    for (size_t i = 0; i < SLOTS_MAX; i++)
        check->remade[service][i] = (struct remade){ 0 };
    check_repeated_reset(check);
}

/* A step that failed is tried again. */
static bool is_repeated(const struct check *check, const struct action *action)
{
    const struct world_instance *instance =
        world_instance(check->process->app.world, action->instance);
    AUTO(buf) key = { 0 };

    buf_init(&key, 1024);
    action_effort_key(action->kind, action->object, &key);
    return instance != NULL && world_effort(instance, buf_text(&key)) != NULL;
}

/* It is of the revision that people declare, whose programs all do as they should. */
static bool is_fine(const struct check *check, const struct action *action)
{
    const struct desired_service *desired =
        desired_service(check->process->app.desired, action->unit);

    return desired != NULL &&
           text_equal(desired->goal->target->revision, action->target->revision) &&
           people_service_is_fine(check->people, check_service(action->target->service));
}

/* Design rule 12: where programs do as they should, no slot gets one task after the other. */
static void check_remade(struct check *check, const struct action *action)
{
    int64_t now_ms = sim_now(check->process->sim);
    size_t service = check_service(action->target->service);
    struct remade *remade = &check->remade[service][action->identity.slot];

    ASSERT(action->identity.slot < SLOTS_MAX);
    if (is_repeated(check, action) || !is_fine(check, action))
        return;
    if (now_ms - remade->since_ms > REMADE_MS)
        *remade = (struct remade){ .since_ms = now_ms };
    remade->count++;
    if (!check->programs_fail && remade->count > REMADE_MAX)
        check_failed(check, "%s: slot %u got %u tasks within ten minutes", action->unit,
                     action->identity.slot, remade->count);
}

/* Rules 3, 4 and 5: within the upper bound, and only what a commit or a rollback explains. */
static void check_new_task(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct desired_service *desired = desired_service(app->desired, action->unit);
    const struct memory_service *memory = memory_service(app->memory, action->unit);
    const struct world_service *seen =
        world_service(app->world, action->target->cluster, action->target->service);

    if (desired == NULL || memory == NULL) {
        check_failed(check, "%s: a task is made that nobody declares", action->unit);
        return;
    }
    const struct service_spec *spec = check_spec(check, action->unit);
    uint32_t upper =
        check_percent(spec->desired_count, spec->deployment_configuration->maximum_percent, 0);
    uint32_t alive = count_alive(check, seen, action);
    daemons_check_room(check, action);
    hosts_check_known(check, action);
    hosts_check_move(check, action);
    if (daemons_is(check, action->unit))
        daemons_check_new(check, action);
    else if (alive + 1 > upper)
        check_failed(check, "%s: one more task beside %u, at most %u may be", action->unit, alive,
                     upper);
    if (!journal_keeps(check->process->store, FACT_DEPLOYMENT, action->target->service,
                       action->identity.deployment))
        check_failed(check, "%s: a task is made of a deployment that a crash may lose",
                     action->unit);
    check_remade(check, action);
    check_enough(check, action);
    bool wanted = text_equal(action->target->revision, desired->goal->target->revision);
    bool quarantined = text_equal(action->target->revision, memory->quarantined);
    bool proven = check_is_proved(check, action->target->service, action->target->revision);
    if (!proven && (!wanted || quarantined))
        check_failed(check, "%s: a task of a revision that is %s", action->unit,
                     quarantined ? "quarantined" : "neither declared nor proven");
}

static size_t service_of_volume(const char *name)
{
    AUTO(arena) arena = { 0 };

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        if (text_equal(name, service_volume_name(&arena, PEOPLE_OWNER, PEOPLE_CLUSTER,
                                                 people_service_name(i), "data")))
            return i;
    }
    return SERVICES_MAX;
}

static void check_removal(struct check *check, const struct action *action)
{
    const struct world *world = check->process->app.world;

    if (action->kind == ACTION_VOLUME_REMOVE) {
        size_t service = service_of_volume(action->name);
        if (service == SERVICES_MAX || (check->people->removed_ever & (1U << service)) == 0)
            check_failed(check, "volume %s is removed, which nobody declared", action->name);
    }
    if (action->kind == ACTION_CONTAINER_REMOVE) {
        const struct world_container *container = world_container(world, action->container_id);
        if (container == NULL || !container->inspected)
            check_failed(check, "%s is removed, and was not inspected", action->object);
    }
}

/* Design rule 9: most services at once go only when a person says so. */
static void check_leaves(struct check *check, size_t service)
{
    check->leaving |= 1U << service;
    if (!journal_keeps(check->process->store, FACT_REMOVAL, people_service_name(service), NULL))
        check_failed(check, "%s: it is removed, and a crash may lose that",
                     people_service_name(service));
    if ((check->held >> service & 1) != 0)
        check_failed(check, "%s: its removal was not confirmed", people_service_name(service));
}

void check_adopt(struct check *check, bool confirmed)
{
    const struct memory *memory = check->process->app.memory;
    uint32_t before = 0;
    uint32_t gone = 0;

    check->held &= check->said_held; /* nobody had looked at a commit that another one follows */
    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        size_t service = check_service(at->service);
        bool declared = service < SERVICES_MAX && check->people->wanted.services[service].exists;

        if (service == SERVICES_MAX)
            continue; /* a job */
        if (declared)
            check->held &= ~(1U << service);
        if (at->removal != NULL)
            continue; /* on its way out since an earlier commit, if it is not added again */
        before |= 1U << service;
        gone |= declared ? 0 : 1U << service;
    }
    if (confirmed)
        check->held = 0;
    else if (2 * __builtin_popcount(gone) > __builtin_popcount(before))
        check->held |= gone;
    check->said_held &= check->held;
}

void check_apply(void *context, const struct action *action)
{
    struct check *check = context;
    const struct app *app = &check->process->app;
    const struct world_instance *instance = world_instance(app->world, action->instance);

    trace_action(&check->trace, sim_now(check->process->sim), action);
    if (process_call(check->process, action->instance, action->object) != NULL)
        check_failed(check, "%s %s: a call for it is in flight", action_kind_text(action->kind),
                     action->object);
    if (text_is_empty(action->cause))
        check_failed(check, "%s %s: without a cause", action_kind_text(action->kind),
                     action->object);
    if (!text_equal(action->instance, BALANCER_HOST) && (instance == NULL || !instance->complete) &&
        *action_kind_mark(action->kind) == '-')
        check_failed(check, "%s %s: before a complete listing", action_kind_text(action->kind),
                     action->object);
    if (action->unit != NULL) {
        const struct memory_service *memory = memory_service(app->memory, action->unit);
        if (memory != NULL && memory->suspended != NULL)
            check_failed(check, "%s %s: while %s is suspended", action_kind_text(action->kind),
                         action->object, action->unit);
        if (action->kind == ACTION_CONTAINER_STOP && memory != NULL && !unit_is_job(action->unit) &&
            desired_service(app->desired, action->unit) == NULL)
            check_leaves(check, check_service(memory->service));
    }
    if (action->unit != NULL && unit_is_job(action->unit))
        jobs_check_apply(check, action);
    else if (action->kind == ACTION_CONTAINER_CREATE &&
             world_task(app->world, action->identity.task) == NULL)
        check_new_task(check, action);
    check_removal(check, action);
    check_lines(check, action);
    check_images(check, action);
    check_order(check, action);
    check_repetition(check, action);
    if (action->kind == ACTION_BALANCER_APPLY)
        traffic_check_apply(check, action->balancer);
    upkeep_check_apply(check, action);
}

void check_engine(void *context, enum action_kind kind, const char *object,
                  const struct sim_container *container)
{
    struct check *check = context;

    if (check->claimed)
        check_failed(check, "%s %s: the engine is another one's", action_kind_text(kind), object);
    if (kind == ACTION_HOST_RUN)
        upkeep_check_engine(check, object);
    if (container == NULL)
        return;
    if (kind == ACTION_CONTAINER_CREATE)
        check_room(check, &container->report);
    jobs_check_engine(check, kind, container);
    if (kind == ACTION_CONTAINER_START)
        schedules_check_engine(check, container);
    if (container->foreign || !text_equal(container->owner, PEOPLE_OWNER))
        check_failed(check, "%s %s: it is not ours", action_kind_text(kind), object);
}

/* ---- The whole plan ---- */

/* Work on an image that no unit needs is cancelled, when it is known of all what they need. */
static void check_unwanted(struct check *check, const struct plan_unit *units, size_t count,
                           const struct plan *plan)
{
    for (size_t i = 0; i < count; i++) {
        if (units[i].kind == DIRTY_SERVICE && !plan->looked[i])
            return;
    }
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;
        bool wanted = action == NULL || !action_kind_is_long(action->kind) ||
                      action->kind == ACTION_SANDBOX_LOAD || action->kind == ACTION_HOST_RUN ||
                      at->cancelled;

        for (size_t i = 0; !wanted && i < plan->work_count; i++)
            wanted = plan->works[i].kind == action->kind &&
                     text_equal(plan->works[i].object, action->object);
        if (!wanted)
            check_failed(check, "%s %s: it goes on, and nothing needs it",
                         action_kind_text(action->kind), action->object);
    }
}

/* Where room is short, what is kept for a task whose create is tried again is room for another one
 * to a planner that looks at that one first; and when another one took it, what is to make room
 * does so when the create is tried again. */
static bool room_is_kept(const struct check *check, const char *name)
{
    const struct world_instance *instance = world_instance(check->process->app.world, name);

    if (instance == NULL || check->memory_mib >= PLENTY_MIB)
        return false;
    for (const struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        if (at->state == EFFORT_FAILED && text_starts(at->key, "create "))
            return true;
    }
    return false;
}

/* Likewise when the create waits for others to end. */
static bool waits_for_room(const struct check *check, const struct fact *fact)
{
    return fact->kind == FACT_TASK && fact->task->stopping_ms != 0 &&
           (room_is_kept(check, fact->task->instance) ||
            (check->memory_mib < PLENTY_MIB && check_lane_is_used(check, ACTION_CONTAINER_CREATE)));
}

/* What follows from a fact that the cycle need not have stated yet. */
static bool waits_too(const struct check *check, const struct plan *plan,
                      const struct action *action)
{
    for (size_t i = 0; i < plan->fact_count && action->kind == ACTION_CONTAINER_STOP; i++) {
        AUTO(arena) arena = { 0 };
        const struct fact *fact = &plan->facts[i];

        if (fact->kind == FACT_TASK && waits_for_room(check, fact) &&
            text_starts(action->object, arena_printf(&arena, "berth-%.12s-", fact->task->id)))
            return true;
    }
    return false;
}

/* Where room is short, which of several jobs gets it depends on who is looked at first. */
static bool wants_room(const struct check *check, const char *unit)
{
    const char *wait =
        unit == NULL || !unit_is_job(unit) ? NULL : cycle_wait(check->process->app.cycle, unit);

    return wait != NULL && check->memory_mib < PLENTY_MIB &&
           strstr(wait, "was unable to place a task") != NULL;
}

static bool states_for_room(const struct check *check, const struct fact *fact)
{
    AUTO(arena) arena = { 0 };

    return fact->service != NULL &&
           wants_room(check, unit_key(&arena, fact->cluster, fact->service));
}

#define FACT_TEXT(name, text) text,
static const char *const fact_texts[] = { FACT_KINDS(FACT_TEXT) };
#undef FACT_TEXT

void check_whole_plan(struct check *check)
{
    struct app *app = &check->process->app;
    AUTO(arena) arena = { 0 };
    struct plan_input input = app_plan_input(app);
    struct plan_pending *pending;
    struct plan_unit *units;
    struct plan plan;

    input.pending_count = executor_pending(app->executor, &arena, &pending);
    input.pending = pending;
    input.setting_up_count = executor_setting_up(app->executor, &arena, &input.setting_up);
    size_t count = plan_units(&input, &arena, &units);
    plan_compute(&input, units, count, &arena, &plan);
    for (size_t i = 0; i < plan.fact_count; i++) {
        if (!hosts_decide(check, &plan.facts[i]) && !waits_for_room(check, &plan.facts[i]) &&
            !states_for_room(check, &plan.facts[i]))
            check_failed(check, "the whole plan states a fact (%s of %s: %s) that the cycle missed",
                         fact_texts[plan.facts[i].kind],
                         plan.facts[i].service == NULL ? "no service" : plan.facts[i].service,
                         plan.facts[i].text == NULL ? "" : plan.facts[i].text);
    }
    /* Of several hosts another one may be best by now: that is seen when it is planned again. */
    if (check->people->host_count == 0)
        check_unwanted(check, units, count, &plan);
    for (size_t i = 0; i < plan.action_count; i++) {
        const struct action *action = &plan.actions[i];
        if (check->people->host_count > 0 && *action_kind_mark(action->kind) == '+' &&
            !(action->kind == ACTION_CONTAINER_CREATE && daemons_is(check, action->unit)))
            continue;
        if (process_call(check->process, action->instance, action->object) == NULL &&
            !check_lane_is_used(check, action->kind) && !waits_too(check, &plan, action) &&
            !wants_room(check, action->unit) &&
            !(action->kind == ACTION_CONTAINER_CREATE && room_is_kept(check, action->instance)))
            check_failed(
                check, "the whole plan has %s %s (%s), which the cycle missed; %s waits: %s",
                action_kind_text(action->kind), action->object, action->cause, action->unit,
                cycle_wait(app->cycle, action->unit) == NULL
                    ? "for nothing"
                    : cycle_wait(app->cycle, action->unit));
    }
}

/* ---- At rest ---- */

void check_rest(void *context)
{
    struct check *check = context;
    const struct app *app = &check->process->app;

    if (!check->process->looked)
        check_failed(check, "said to be at rest, and nobody looked since the last change");
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *name = people_service_name(i);
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, name);
        const struct memory_service *memory = memory_service(app->memory, key);
        const struct deployment *primary = memory_primary(memory);
        const struct world_service *seen = world_service(app->world, PEOPLE_CLUSTER, name);
        const struct service_spec *spec = check_spec(check, key);
        uint32_t desired = check_desired(check, key);
        uint32_t healthy = 0;

        if (daemons_is(check, key) && primary != NULL)
            healthy = daemons_healthy(check, key, primary->goal->target->revision);
        for (size_t t = 0; seen != NULL && primary != NULL && t < seen->task_count; t++)
            healthy += !daemons_is(check, key) && check_is_healthy(check, seen->tasks[t]) &&
                       text_equal(seen->tasks[t]->revision, primary->goal->target->revision);
        if (healthy != desired)
            check_failed(check, "%s: said to be at rest with %u of %u tasks", key, healthy,
                         desired);
        if (spec != NULL && (primary == NULL || primary->state != ROLLOUT_COMPLETED))
            check_failed(check, "%s: said to be at rest, and its deployment is not", key);
    }
}
