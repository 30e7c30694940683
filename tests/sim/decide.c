/*
 * What the planner decides, which is what it states: that a deployment succeeded or failed, and
 * that a task is to stop.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"
#include "tests/sim/check_int.h"
#include "tests/sim/daemons.h"
#include "tests/sim/hosts.h"
#include "tests/sim/jobs.h"
#include "tests/sim/loads.h"
#include "tests/sim/schedules.h"
#include "tests/sim/upkeep.h"

/* ---- Proof: design rules 5 and 6 ---- */

bool check_is_proved(const struct check *check, const char *service, const char *revision)
{
    for (size_t i = 0; i < check->proof_count; i++) {
        if (text_equal(check->proofs[i].revision, revision) &&
            check->proofs[i].service == check_service(service))
            return true;
    }
    return false;
}

/* It succeeded, or leads back to what did. */
static bool is_success(const struct deployment *deployment)
{
    return deployment->state == ROLLOUT_COMPLETED ||
           (deployment->proven && deployment->state != ROLLOUT_FAILED);
}

/* The last one of the revision or, with NULL, of any that had healthy tasks then; NULL: none. */
static const struct memory_deployment *last_success(const struct memory *memory, const char *key,
                                                    const char *revision)
{
    const struct memory_service *service = memory_service(memory, key);
    const struct memory_deployment *at = service == NULL ? NULL : service->newest;

    while (at != NULL &&
           !(is_success(&at->record) &&
             (revision == NULL ? at->record.proven
                               : text_equal(at->record.goal->target->revision, revision))))
        at = at->older;
    return at;
}

/* Where it is, or would be next. */
static size_t find_proof(const struct check *check, size_t service, const char *revision)
{
    size_t at = 0;

    while (at < check->proof_count && (check->proofs[at].service != service ||
                                       !text_equal(check->proofs[at].revision, revision)))
        at++;
    return at;
}

/* The last one comes last. */
static void move_last(struct check *check, size_t at)
{
    struct proof proof = check->proofs[at];

    memmove(&check->proofs[at], &check->proofs[at + 1],
            (check->proof_count - at - 1) * sizeof(proof));
    check->proofs[check->proof_count - 1] = proof;
}

static void prove(struct check *check, const char *service, const struct deployment *deployment)
{
    const struct target *target = deployment->goal->target;
    struct proof proof = { .service = check_service(service), .remembered = true };
    size_t at = find_proof(check, proof.service, target->revision);

    text_copy(proof.revision, sizeof(proof.revision), target->revision);
    for (size_t i = 0; i < target->task->container_definitions_count; i++)
        proof.images[i] = arena_text(&check->arena, deployment->pins[i].image_id);
    if (at == check->proof_count)
        check->proofs = mem_resize(check->proofs, (++check->proof_count) * sizeof(proof));
    check->proofs[at] = proof;
    move_last(check, at);
}

/* What is still known to have proved itself, and what did so last: that a revision did so once more
 * may be what was lost. */
void check_reborn(struct check *check)
{
    const struct memory *memory = check->process->app.memory;

    for (size_t i = 0; i < check->proof_count; i++) {
        AUTO(arena) arena = { 0 };
        struct proof *proof = &check->proofs[i];
        const char *service = people_service_name(proof->service);

        proof->remembered &= last_success(memory, unit_key(&arena, PEOPLE_CLUSTER, service),
                                          proof->revision) != NULL;
    }
    for (size_t service = 0; service < SERVICES_MAX; service++) {
        AUTO(arena) arena = { 0 };
        const struct memory_deployment *last = last_success(
            memory, unit_key(&arena, PEOPLE_CLUSTER, people_service_name(service)), NULL);
        size_t at = last == NULL ? check->proof_count
                                 : find_proof(check, service, last->record.goal->target->revision);

        if (at < check->proof_count)
            move_last(check, at);
    }
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

bool check_is_stated(const struct fact *facts, size_t count, const char *task)
{
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind == FACT_TASK && text_equal(facts[i].task->id, task) &&
            check_is_leaving(facts[i].task))
            return true;
    }
    return false;
}

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
        stopped->slot >= check_desired(check, key) ||
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
            (container->drift != NULL && !check_is_left_alone(check, container)))
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
        standing.alive += !check_is_over(task);
        standing.old += !check_is_over(task) && !current;
        standing.filled |= !check_is_over(task) && !is_bad(check, task) && current &&
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
 * goes only against a new one, or where the upper bound or the hosts leave no room. */
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
    uint32_t missing = missing_of(check, spec, &standing);
    bool no_room = standing.alive + missing > upper ||
                   (check->memory_mib < PLENTY_MIB &&
                    (!hosts_have_room(check, missing) || jobs_want_room(check)));
    if (!text_equal(stopped->revision, revision)) {
        if (standing.old + standing.healthy_current <= spec->desired_count && !no_room &&
            !upkeep_must_stop(check, stopped, primary))
            check_failed(check, "%s: an old task is stopped while there is room for a new one",
                         key);
    } else if (!standing.slot_healthy && !upkeep_must_stop(check, stopped, primary) &&
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
    if (fact->kind == FACT_HOLD && !text_is_empty(fact->text))
        check->said_held |= 1U << index;
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

/* Those of services, hosts and images: jobs are judged by what reaches the engine. */
static size_t without_jobs(const struct fact *all, size_t count, struct arena *arena,
                           const struct fact **out)
{
    struct fact *facts = arena_array(arena, struct fact, count + 1);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!service_is_job(all[i].service))
            facts[kept++] = all[i];
    }
    *out = facts;
    return kept;
}

void check_facts(void *context, const struct fact *all, size_t all_count)
{
    struct check *check = context;
    AUTO(arena) arena = { 0 };
    const struct fact *facts;
    size_t count = without_jobs(all, all_count, &arena, &facts);

    trace_facts(&check->trace, all, all_count);
    schedules_check_facts(check, all, all_count);
    for (size_t i = 0; i < count; i++)
        loads_check_fact(check, &facts[i]);
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
        else if (facts[i].kind == FACT_IMAGE)
            check_image(check, facts[i].image);
        else if (facts[i].kind != FACT_HOST && facts[i].service != NULL)
            check_hold(check, &facts[i]);
    }
    upkeep_check_facts(check, facts, count);
}
