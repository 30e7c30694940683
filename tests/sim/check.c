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

#define PLENTY_MIB 32768 /* for all that people may declare */
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
    return desired == NULL ? NULL : desired->goal->target->spec;
}

/* It was said that this difference is left alone. */
static bool is_left_alone(const struct check *check, const struct world_container *container)
{
    const struct memory_service *memory =
        memory_service(check->process->app.memory, container->task->service->key);

    return memory != NULL && memory->frozen != NULL &&
           strstr(memory->frozen, container->drift) != NULL;
}

/* As the world tells it, not as the planner does: every container is there, up, and well. */
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
            (container->drift != NULL && !is_left_alone(check, container)))
            return false;
        if (container->health == HEALTH_UNHEALTHY || container->health == HEALTH_STARTING)
            return false;
        checked += container->health == HEALTH_HEALTHY;
        if (container->started_ms > started_ms)
            started_ms = container->started_ms;
    }
    int64_t ready_ms = started_ms - host->clock_skew_ms +
                       (spec == NULL ? 0 : (int64_t)spec->min_ready_seconds * 1000);
    return checked > 0 || ready_ms <= sim_now(check->process->sim);
}

bool check_is_leaving(const struct task_record *record)
{
    return record != NULL && (record->stopping_ms != 0 || record->stopped_ms != 0);
}

bool check_is_stated(const struct fact *facts, size_t count, const char *task)
{
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind == FACT_TASK && text_equal(facts[i].task->id, task) &&
            check_is_leaving(facts[i].task))
            return true;
    }
    return false;
}

size_t check_service(const char *name)
{
    size_t index = 0;

    while (index < SERVICES_MAX && !text_equal(people_service_name(index), name))
        index++;
    return index;
}

/* ---- Proof: design rules 5 and 6 ---- */

void check_release(struct check *check)
{
    free(check->proofs);
    arena_release(&check->arena);
    check_repeated_reset(check);
}

bool check_is_proved(const struct check *check, const char *service, const char *revision)
{
    for (size_t i = 0; i < check->proof_count; i++) {
        if (text_equal(check->proofs[i].revision, revision) &&
            check->proofs[i].service == check_service(service))
            return true;
    }
    return false;
}

/* The last one comes last. */
static void prove(struct check *check, const char *service, const struct deployment *deployment)
{
    const struct target *target = deployment->goal->target;
    struct proof proof = { .service = check_service(service), .remembered = true };
    size_t at = 0;

    text_copy(proof.revision, sizeof(proof.revision), target->revision);
    for (size_t i = 0; i < target->task->container_definitions_count; i++)
        proof.images[i] = arena_text(&check->arena, deployment->pins[i].image_id);
    while (at < check->proof_count && (check->proofs[at].service != proof.service ||
                                       !text_equal(check->proofs[at].revision, proof.revision)))
        at++;
    if (at == check->proof_count)
        check->proofs = mem_resize(check->proofs, (++check->proof_count) * sizeof(proof));
    memmove(&check->proofs[at], &check->proofs[at + 1],
            (check->proof_count - at - 1) * sizeof(proof));
    check->proofs[check->proof_count - 1] = proof;
}

/* Is it still known that the revision proved itself? */
static bool is_remembered(const struct check *check, const struct proof *proof)
{
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(proof->service));
    const struct memory_service *memory = memory_service(check->process->app.memory, key);

    for (const struct memory_deployment *at = memory == NULL ? NULL : memory->newest; at != NULL;
         at = at->older) {
        if (at->record.state == ROLLOUT_COMPLETED &&
            text_equal(at->record.goal->target->revision, proof->revision))
            return true;
    }
    return false;
}

void check_reborn(struct check *check)
{
    for (size_t i = 0; i < check->proof_count; i++)
        check->proofs[i].remembered &= is_remembered(check, &check->proofs[i]);
}

static void forget(struct check *check, size_t service)
{
    check->leaving &= ~(1U << service);
    check->held &= ~(1U << service);
    for (size_t i = 0; i < check->proof_count; i++)
        check->proofs[i].remembered &= check->proofs[i].service != service;
}

/* A deployment is said to have failed: it has bad programs, or there are faults that hit them. */
static void check_blame(struct check *check, const struct fact *fact)
{
    if (!check->programs_fail &&
        people_service_is_fine(check->people, check_service(fact->service)))
        check_failed(check, "%s: a revision that is fine is blamed: %s", fact->service,
                     fact->deployment->reason);
}

/* Of the first `count` slots those that have a healthy task of the deployment. */
static uint32_t count_healthy(const struct check *check, const struct fact *fact, uint32_t count)
{
    const struct app *app = &check->process->app;
    const char *revision = fact->deployment->goal->target->revision;
    const struct world_service *seen = world_service(app->world, fact->cluster, fact->service);
    uint32_t slots = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        const struct world_task *task = seen->tasks[i];

        if (task->slot < count && text_equal(task->revision, revision) &&
            check_is_healthy(check, task) && !check_is_leaving(memory_task(app->memory, task->id)))
            slots |= 1U << task->slot;
    }
    return (uint32_t)__builtin_popcount(slots);
}

/* With nothing remembered, what runs is said to have succeeded once: some of it is healthy, and it
 * is not what is wanted now. */
static void check_recalled(struct check *check, const struct fact *fact, const char *key)
{
    const struct desired_service *desired = desired_service(check->process->app.desired, key);
    const char *revision = fact->deployment->goal->target->revision;

    if (!check->process->forgot || desired == NULL ||
        text_equal(desired->goal->target->revision, revision) ||
        count_healthy(check, fact, SLOTS_MAX) == 0)
        check_failed(check, "%s: it is recalled, and there is nothing to recall", key);
    prove(check, fact->service, fact->deployment);
}

/* A deployment is said to have succeeded: as many tasks of it are healthy as are declared. */
static void check_success(struct check *check, const struct fact *fact, const char *key)
{
    uint32_t desired = check_desired(check, key);
    /* On several hosts any slots will do: where there are too many it is chosen which stay. */
    bool any_slot = check_spec(check, key) == NULL || check->people->host_count > 0;
    uint32_t healthy = daemons_is(check, key)
                           ? daemons_healthy(check, key, fact->deployment->goal->target->revision)
                           : count_healthy(check, fact, any_slot ? SLOTS_MAX : desired);

    if (healthy < desired)
        check_failed(check, "%s: completed with %u of %u healthy tasks", key, healthy, desired);
    if (healthy > 0)
        prove(check, fact->service, fact->deployment);
}

static void check_verdict(struct check *check, const struct fact *fact)
{
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, fact->cluster, fact->service);
    const struct memory_service *memory = memory_service(check->process->app.memory, key);
    const struct deployment *before = memory_deployment(memory, fact->deployment->id);

    if (before != NULL && before->state == fact->deployment->state)
        return;
    if (fact->deployment->state == ROLLOUT_COMPLETED && memory_primary(memory) == NULL)
        check_recalled(check, fact, key);
    else if (fact->deployment->state == ROLLOUT_COMPLETED)
        check_success(check, fact, key);
    if (fact->deployment->state == ROLLOUT_FAILED)
        check_blame(check, fact);
}

/* ---- Decisions: design rules 3 and 7 ---- */

/* With nothing remembered, no good task of a desired revision goes: the only one in a slot that is
 * wanted. */
static void check_kept(struct check *check, const struct task_record *record)
{
    const struct app *app = &check->process->app;
    const struct world_task *stopped = world_task(app->world, record->id);
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, record->cluster, record->service);
    const struct desired_service *desired = desired_service(app->desired, key);
    const struct memory_service *memory = memory_service(app->memory, key);

    if (check->people->host_count > 0)
        return; /* which of too many stay is chosen by their hosts */
    if (!check->process->forgot || record->stop_code != STOP_SERVICE_SCHEDULER_INITIATED ||
        stopped == NULL || desired == NULL || !check_is_healthy(check, stopped) ||
        check_is_leaving(memory_task(app->memory, record->id)) ||
        !text_equal(stopped->revision, desired->goal->target->revision) ||
        stopped->slot >= desired->goal->target->spec->desired_count ||
        (memory != NULL && memory->quarantined[0] != '\0'))
        return;
    for (size_t i = 0; i < stopped->service->task_count; i++) {
        const struct world_task *other = stopped->service->tasks[i];

        if (other != stopped && other->slot == stopped->slot &&
            text_equal(other->revision, stopped->revision))
            return;
    }
    check_failed(check, "%s: task %s is stopped, which is what is wanted", key, record->id);
}

void check_forgotten(struct check *check)
{
    check->forgot = true;
    check->leaving = 0;
    check->held = 0;
    memset(check->ledgers, 0, sizeof(check->ledgers));
}

/* Something of it ended and nothing of it runs: it is over, whether that was recorded yet or not.
 * */
static bool is_over(const struct world_task *task)
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

/* What there is of a service, but what is to stop: as we count it. */
struct standing {
    uint32_t alive;
    uint32_t old; /* of these, of another revision */
    uint32_t healthy;
    uint32_t healthy_current;
    bool slot_healthy; /* another task of the current revision is healthy in the slot */
    uint32_t filled;   /* bits of slots that have a task of it, or get one */
};

/* It is not as it should be, and will not get so by itself. */
static bool is_bad(const struct check *check, const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];
        if (container->health == HEALTH_UNHEALTHY || container->status == CONTAINER_PAUSED ||
            (container->drift != NULL && !is_left_alone(check, container)))
            return true;
    }
    return false;
}

static struct standing standing_of(const struct check *check, const struct fact *facts,
                                   size_t index, const struct world_task *stopped,
                                   const char *revision)
{
    const struct memory *memory = check->process->app.memory;
    struct standing standing = { 0 };

    for (size_t i = 0; i < stopped->service->task_count; i++) {
        const struct world_task *task = stopped->service->tasks[i];
        bool current = text_equal(task->revision, revision);
        bool healthy = check_is_healthy(check, task);

        if (check_is_leaving(memory_task(memory, task->id)) ||
            check_is_stated(facts, index, task->id) || hosts_is_given_up(check, task->host))
            continue;
        standing.alive += !is_over(task);
        standing.old += !is_over(task) && !current;
        standing.filled |= !is_over(task) && !is_bad(check, task) && current &&
                                   !hosts_is_left(check->people, task->instance)
                               ? 1U << task->slot
                               : 0;
        standing.healthy += healthy;
        standing.healthy_current += healthy && current;
        standing.slot_healthy |=
            healthy && current && task != stopped && task->slot == stopped->slot;
    }
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;
        if (action == NULL || action->kind != ACTION_CONTAINER_CREATE ||
            !text_equal(action->unit, stopped->service->key) ||
            world_task(check->process->app.world, action->identity.task) != NULL)
            continue;
        bool current = text_equal(action->target->revision, revision);
        standing.alive++;
        standing.old += !current;
        standing.filled |= current ? 1U << action->identity.slot : 0;
    }
    return standing;
}

/* Slots without a task of the current revision; on several hosts any will do. */
static uint32_t missing_of(const struct check *check, const struct service_spec *spec,
                           const struct standing *standing)
{
    uint32_t slots = (1U << spec->desired_count) - 1;
    uint32_t filled = (uint32_t)__builtin_popcount(standing->filled);

    if (check->people->host_count == 0)
        return (uint32_t)__builtin_popcount(slots & ~standing->filled);
    return filled < spec->desired_count ? spec->desired_count - filled : 0;
}

/* A task is to stop, and no fault made it so: the service stays at its lower bound, and an old task
 * goes only against a new one, or where the upper bound leaves no room. */
static void check_stop_decision(struct check *check, const struct fact *facts, size_t index)
{
    const struct task_record *record = facts[index].task;
    const struct memory *memory = check->process->app.memory;
    const struct world_task *stopped = world_task(check->process->app.world, record->id);
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, record->cluster, record->service);
    const struct service_spec *spec = check_spec(check, key);
    const struct deployment *primary = memory_primary(memory_service(memory, key));

    if (record->stop_code != STOP_SERVICE_SCHEDULER_INITIATED || spec == NULL || stopped == NULL ||
        primary == NULL || check_is_leaving(memory_task(memory, record->id)) ||
        !check_is_healthy(check, stopped))
        return;
    if (daemons_is(check, key)) {
        daemons_check_stop(check, facts, index, stopped);
        return;
    }
    const struct deployment_configuration *configured = spec->deployment_configuration;
    const char *revision = primary->goal->target->revision;
    struct standing standing = standing_of(check, facts, index, stopped, revision);
    uint32_t lower = check_percent(spec->desired_count, configured->minimum_healthy_percent, 99);
    uint32_t upper = check_percent(spec->desired_count, configured->maximum_percent, 0);
    if (standing.healthy <= lower)
        check_failed(check, "%s: a task is stopped while %u are healthy and %u must be", key,
                     standing.healthy, lower);
    bool hosts = check->people->host_count > 0;
    bool no_room = standing.alive + missing_of(check, spec, &standing) > upper;
    if (!text_equal(stopped->revision, revision)) {
        if (standing.old + standing.healthy_current <= spec->desired_count && !no_room)
            check_failed(check, "%s: an old task is stopped while there is room for a new one",
                         key);
    } else if (!standing.slot_healthy &&
               (hosts ? standing.healthy_current <= spec->desired_count &&
                            !(no_room && hosts_is_left(check->people, stopped->instance))
                      : stopped->slot < spec->desired_count)) {
        check_failed(check, "%s: a healthy task of slot %u is stopped for none", key,
                     stopped->slot);
    }
}

/* Design rule 9: what is half removed is not held. */
static void check_hold(struct check *check, const struct fact *fact)
{
    size_t index = check_service(fact->service);

    if (check->people->wanted.services[index].exists)
        check->leaving &= ~(1U << index);
    else if (fact->kind == FACT_HOLD && !text_is_empty(fact->text) &&
             (check->leaving >> index & 1) != 0)
        check_failed(check, "%s: its removal has begun and is held", fact->service);
}

/* Design rule 1: what somebody else brought is not taken for ours. */
static void check_image(struct check *check, const struct image_record *image)
{
    if (!text_is_empty(image->references) &&
        sim_image_is_foreign(check->process->sim, hosts_engine(check, image->engine),
                             image->image_id))
        check_failed(check, "image %s, which somebody else brought, is taken for ours (%s)",
                     image->image_id, image->references);
}

void check_facts(void *context, const struct fact *facts, size_t count)
{
    struct check *check = context;

    check_evidence(check, facts, count);
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind == FACT_TASK && facts[i].task->stopping_ms != 0)
            check_stop_decision(check, facts, i);
        if (facts[i].kind == FACT_TASK && facts[i].task->stopping_ms != 0)
            check_kept(check, facts[i].task);
        if (facts[i].kind == FACT_DEPLOYMENT)
            check_verdict(check, &facts[i]);
        if (facts[i].kind == FACT_FORGET)
            forget(check, check_service(facts[i].service));
        else if (facts[i].kind != FACT_IMAGE && facts[i].kind != FACT_HOST)
            check_hold(check, &facts[i]);
        else
            check_image(check, facts[i].image);
    }
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
                 !is_over(service->tasks[i]) && !hosts_is_given_up(check, service->tasks[i]->host);
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

/* Design rule 12: where programs do as they should, no slot gets one task after the other. */
static void check_remade(struct check *check, const struct action *action)
{
    int64_t now_ms = sim_now(check->process->sim);
    size_t service = check_service(action->target->service);
    struct remade *remade = &check->remade[service][action->identity.slot];

    ASSERT(action->identity.slot < SLOTS_MAX);
    if (is_repeated(check, action))
        return;
    if (now_ms - remade->since_ms > REMADE_MS)
        *remade = (struct remade){ .since_ms = now_ms };
    remade->count++;
    if (!check->programs_fail && remade->count > REMADE_MAX &&
        people_service_is_fine(check->people, service))
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
    const struct service_spec *spec = desired->goal->target->spec;
    uint32_t upper =
        check_percent(spec->desired_count, spec->deployment_configuration->maximum_percent, 0);
    uint32_t alive = count_alive(check, seen, action);
    daemons_check_room(check, action);
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

    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        size_t service = check_service(at->service);
        bool declared = check->people->wanted.services[service].exists;

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
}

void check_apply(void *context, const struct action *action)
{
    struct check *check = context;
    const struct app *app = &check->process->app;
    const struct world_instance *instance = world_instance(app->world, action->instance);

    if (process_call(check->process, action->instance, action->object) != NULL)
        check_failed(check, "%s %s: a call for it is in flight", action_kind_text(action->kind),
                     action->object);
    if (text_is_empty(action->cause))
        check_failed(check, "%s %s: without a cause", action_kind_text(action->kind),
                     action->object);
    if ((instance == NULL || !instance->complete) && *action_kind_mark(action->kind) == '-')
        check_failed(check, "%s %s: before a complete listing", action_kind_text(action->kind),
                     action->object);
    if (action->unit != NULL) {
        const struct memory_service *memory = memory_service(app->memory, action->unit);
        if (memory != NULL && memory->suspended != NULL)
            check_failed(check, "%s %s: while %s is suspended", action_kind_text(action->kind),
                         action->object, action->unit);
        if (action->kind == ACTION_CONTAINER_STOP && memory != NULL &&
            desired_service(app->desired, action->unit) == NULL)
            check_leaves(check, check_service(memory->service));
    }
    if (action->kind == ACTION_CONTAINER_CREATE &&
        world_task(app->world, action->identity.task) == NULL)
        check_new_task(check, action);
    check_removal(check, action);
    check_lines(check, action);
    check_images(check, action);
    check_order(check, action);
    check_repetition(check, action);
}

void check_engine(void *context, enum action_kind kind, const char *object,
                  const struct sim_container *container)
{
    struct check *check = context;

    if (check->claimed)
        check_failed(check, "%s %s: the engine is another one's", action_kind_text(kind), object);
    if (container == NULL)
        return;
    if (kind == ACTION_CONTAINER_CREATE)
        check_room(check, &container->report);
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
                      action->kind == ACTION_SANDBOX_LOAD || at->cancelled;

        for (size_t i = 0; !wanted && i < plan->work_count; i++)
            wanted = plan->works[i].kind == action->kind &&
                     text_equal(plan->works[i].object, action->object);
        if (!wanted)
            check_failed(check, "%s %s: it goes on, and nothing needs it",
                         action_kind_text(action->kind), action->object);
    }
}

/* Where room is short, what is kept for a task whose create is tried again is room for another one
 * to a planner that looks at that one first. */
static bool room_is_kept(const struct check *check, const struct action *action)
{
    const struct world_instance *instance =
        world_instance(check->process->app.world, action->instance);

    if (action->kind != ACTION_CONTAINER_CREATE || check->memory_mib >= PLENTY_MIB)
        return false;
    for (const struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        if (at->state == EFFORT_FAILED && text_starts(at->key, "create "))
            return true;
    }
    return false;
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
    size_t count = plan_units(&input, &arena, &units);
    plan_compute(&input, units, count, &arena, &plan);
    for (size_t i = 0; i < plan.fact_count; i++) {
        if (!hosts_decide(check, &plan.facts[i]))
            check_failed(check, "the whole plan states a fact (%s of %s) that the cycle missed",
                         fact_texts[plan.facts[i].kind],
                         plan.facts[i].service == NULL ? "no service" : plan.facts[i].service);
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
            !check_lane_is_used(check, action->kind) && !room_is_kept(check, action))
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
