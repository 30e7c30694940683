/*
 * Design rules 4, 5 and 12: what is concluded from failures and repetitions, by our own count of
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/cycle.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "tests/sim/check_int.h"
#include "tests/sim/traffic.h"

#define WINDOW_MS (10 * 60 * 1000)
#define CALLS_MAX 30 /* of one kind to one object, in that time */
#define TASKS_MAX 60 /* in one slot */
#define KEY_MAX   1024

/* ---- Failures of a deployment ---- */

static const struct deployment *primary_of(const struct check *check, const struct fact *fact)
{
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, fact->cluster, fact->service);

    return memory_primary(memory_service(check->process->app.memory, key));
}

/* ecs.md 1.5: half of the tasks, at least three. */
static uint32_t threshold_of(const struct check *check, const char *key)
{
    uint32_t half = check_percent(check_desired(check, key), 50, 99);

    return half < 3 ? 3 : half;
}

/* Those of the primary's revision count for it, however old they are; what was never seen, or is
 * gone, counts for the deployment that made it. */
static bool counts_for(const struct check *check, const struct task_record *record,
                       const struct deployment *primary)
{
    if (world_task(check->process->app.world, record->id) == NULL)
        return text_equal(record->deployment, primary->id);
    return text_equal(record->revision, primary->goal->target->revision);
}

/* How often work on its images failed, in a row. */
static uint32_t image_failures(const struct check *check, const struct deployment *deployment)
{
    static const char *const kinds[] = { "build", "pull", "push" };
    const struct target *target = deployment->goal->target;
    uint32_t most = 0;

    for (const struct world_instance *at = check->process->app.world->instances; at != NULL;
         at = at->by_name.next) {
        for (size_t i = 0; i < ARRAY_COUNT(kinds) * target->task->container_definitions_count;
             i++) {
            AUTO(arena) arena = { 0 };
            const struct world_effort *effort =
                world_effort(at, arena_printf(&arena, "%s %s", kinds[i % ARRAY_COUNT(kinds)],
                                              target->images[i / ARRAY_COUNT(kinds)].reference));
            if (effort != NULL && effort->failures > most)
                most = effort->failures;
        }
    }
    return most;
}

static void count_failures(struct check *check, const struct fact *facts, size_t count)
{
    uint32_t healthier = 0;

    for (size_t i = 0; i < count; i++) {
        const struct task_record *record = facts[i].task;
        if (facts[i].kind != FACT_TASK)
            continue;
        const struct deployment *primary = primary_of(check, &facts[i]);
        const struct task_record *before = memory_task(check->process->app.memory, record->id);
        struct ledger *ledger = &check->ledgers[check_service(record->service)];
        if (primary == NULL)
            continue;
        if (record->failed && record->stopped_ms != 0 &&
            (before == NULL || before->stopped_ms == 0) && counts_for(check, record, primary))
            ledger->failures++;
        if (record->healthy_ms != 0 && (before == NULL || before->healthy_ms == 0) &&
            primary->state == ROLLOUT_IN_PROGRESS &&
            text_equal(record->revision, primary->goal->target->revision))
            healthier |= 1U << check_service(record->service);
    }
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        if ((healthier >> i & 1) != 0)
            check->ledgers[i].failures = 0;
    }
}

static void check_verdict(struct check *check, const struct fact *fact)
{
    struct ledger *ledger = &check->ledgers[check_service(fact->service)];
    AUTO(arena) arena = { 0 };
    const char *key = unit_key(&arena, fact->cluster, fact->service);
    const struct memory_service *memory = memory_service(check->process->app.memory, key);
    const struct deployment *primary = memory_primary(memory);
    const struct service_spec *spec = check_spec(check, key);

    if (memory_deployment(memory, fact->deployment->id) == NULL) {
        ledger->failures = 0; /* a new one */
        return;
    }
    if (spec == NULL || !text_equal(primary->id, fact->deployment->id) ||
        fact->deployment->state != ROLLOUT_FAILED || primary->state == ROLLOUT_FAILED)
        return;
    if (ledger->failures + image_failures(check, primary) < threshold_of(check, key))
        check_failed(check, "%s: failed after %u failures of %u", fact->service, ledger->failures,
                     threshold_of(check, key));
}

void check_enough(struct check *check, const struct action *action)
{
    const struct memory_service *memory = memory_service(check->process->app.memory, action->unit);
    const struct deployment *primary = memory_primary(memory);
    const struct service_spec *spec = check_spec(check, action->unit);
    const struct ledger *ledger = &check->ledgers[check_service(action->target->service)];

    if (primary == NULL || spec == NULL || primary->state != ROLLOUT_IN_PROGRESS ||
        primary->rollback || !spec->deployment_configuration->deployment_circuit_breaker->enable ||
        !text_equal(primary->goal->target->revision, action->target->revision))
        return;
    if (ledger->failures >= threshold_of(check, action->unit))
        check_failed(check, "%s: one more task after %u failures of %u", action->unit,
                     ledger->failures, threshold_of(check, action->unit));
}

/* ---- Differences that come back ---- */

static void count_returns(struct check *check, const struct fact *fact)
{
    const struct task_record *record = fact->task;
    const struct task_record *before = memory_task(check->process->app.memory, record->id);
    struct ledger *ledger = &check->ledgers[check_service(record->service)];

    if (record->stopping_ms == 0 || (before != NULL && before->stopping_ms != 0) ||
        record->reason == NULL || strstr(record->reason, "is not as it was created") == NULL)
        return;
    int64_t *times = ledger->returned_ms[record->slot % SLOTS_MAX];
    memmove(&times[1], &times[0], (RETURNS_KEPT - 1) * sizeof(times[0]));
    times[0] = record->stopping_ms;
}

static void check_freeze(struct check *check, const struct fact *fact)
{
    const struct ledger *ledger = &check->ledgers[check_service(fact->service)];
    bool often = false;

    for (size_t i = 0; i < SLOTS_MAX; i++) {
        int64_t third_ms = ledger->returned_ms[i][RETURNS_KEPT - 1];
        often |= third_ms != 0 && third_ms >= fact->at_ms - WINDOW_MS;
    }
    if (!text_is_empty(fact->text) && !often)
        check_failed(check, "%s: %s is left alone, and did not come back three times",
                     fact->service, fact->text);
}

void check_evidence(struct check *check, const struct fact *facts, size_t count)
{
    count_failures(check, facts, count);
    for (size_t i = 0; i < count; i++) {
        if (facts[i].kind == FACT_TASK)
            count_returns(check, &facts[i]);
        if (facts[i].kind == FACT_FREEZE)
            check_freeze(check, &facts[i]);
        if (facts[i].kind == FACT_DEPLOYMENT)
            check_verdict(check, &facts[i]);
    }
}

/* ---- Pauses ---- */

/* Nothing that failed before a deployment began makes it wait (design rule 4). */
static void check_throttle(struct check *check, const struct memory_service *memory,
                           const struct deployment *primary)
{
    bool failed = false;

    for (const struct memory_task *at = memory->tasks; at != NULL; at = at->next)
        failed |= at->record.stopping_ms >= primary->created_ms ||
                  at->record.stopped_ms >= primary->created_ms;
    if (memory_throttle(memory, primary->id).retry_at_ms > sim_now(check->process->sim) && !failed)
        check_failed(check, "%s: it waits for failures of before its deployment", memory->key);
}

static void check_image_pause(struct check *check, const struct memory_service *memory,
                              const struct deployment *primary, size_t index)
{
    const struct app *app = &check->process->app;
    const struct world_instance *instance = app->world->instances;
    const struct target_image *image = &primary->goal->target->images[index];
    bool built = image->kind == TARGET_IMAGE_BUILD;
    AUTO(arena) arena = { 0 };
    const struct world_effort *effort = world_effort(
        instance, arena_printf(&arena, "%s %s", built ? "build" : "pull", image->reference));

    if (effort == NULL || effort->state != EFFORT_FAILED || effort->at_ms >= primary->created_ms ||
        primary->pins[index].digest != NULL || world_image(instance, image->reference) != NULL)
        return;
    if (process_call(check->process, instance->name, image->reference) == NULL &&
        !check_lane_is_used(check, built ? ACTION_IMAGE_BUILD : ACTION_IMAGE_PULL))
        check_failed(check, "%s: %s is not asked for, as it failed before the deployment",
                     memory->key, image->reference);
}

/* Something of the service is on its way: a call, or a task that is not well yet, or ends. */
static bool is_moving(const struct check *check, const struct memory_service *memory)
{
    const struct world_service *seen =
        world_service(check->process->app.world, memory->cluster, memory->service);

    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        if (at->inner.action != NULL && text_equal(at->inner.action->unit, memory->key))
            return true;
    }
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        if (!check_is_healthy(check, seen->tasks[i]) ||
            check_is_leaving(memory_task(check->process->app.memory, seen->tasks[i]->id)))
            return true;
    }
    return false;
}

/* Design rule 11: of a pause in which nothing is on its way, what is there does not say enough. */
static void check_word(struct check *check, const struct memory_service *memory,
                       const struct deployment *primary)
{
    const char *wait = cycle_wait(check->process->app.cycle, memory->key);

    if (memory_throttle(memory, primary->id).retry_at_ms > sim_now(check->process->sim) &&
        strstr(wait == NULL ? "" : wait, "tasks are healthy") != NULL && !is_moving(check, memory))
        check_failed(check, "%s: it pauses, and does not say so: %s", memory->key, wait);
}

/* Of all engines nothing is unknown. */
static bool all_are_seen(const struct app *app)
{
    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        if (at->state != INSTANCE_ACTIVE || !at->complete)
            return false;
    }
    return app->world->instances != NULL;
}

void check_pauses(struct check *check)
{
    const struct app *app = &check->process->app;

    if (!all_are_seen(app) || check->claimed)
        return;
    for (const struct memory_service *at = app->memory->services; at != NULL;
         at = at->by_key.next) {
        const struct deployment *primary = memory_primary(at);

        if (primary == NULL || at->suspended != NULL || primary->state == ROLLOUT_FAILED ||
            desired_service(app->desired, at->key) == NULL)
            continue;
        check_throttle(check, at, primary);
        check_word(check, at, primary);
        for (size_t i = 0; check->people->host_count == 0 &&
                           i < primary->goal->target->task->container_definitions_count;
             i++)
            check_image_pause(check, at, primary, i);
    }
}

/* ---- Last lines ---- */

/* What a task that failed wrote last is asked for once, before its container is removed. */
void check_lines(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct world_container *container =
        action->container_id == NULL ? NULL : world_container(app->world, action->container_id);
    const struct task_record *record =
        container == NULL ? NULL : memory_task(app->memory, container->task->id);
    bool is_sandbox = container != NULL && text_equal(container->container, SANDBOX_NAME);
    bool known = container != NULL &&
                 (container->lines_asked ||
                  memory_has_lines(app->memory, container->task->id, container->container));

    if (action->kind == ACTION_CONTAINER_LAST_LINES &&
        (container == NULL || known || is_sandbox || container->started_ms == 0 ||
         container->status == CONTAINER_RUNNING))
        check_failed(check, "%s: its last lines are asked for in vain", action->object);
    if (action->kind == ACTION_CONTAINER_REMOVE && record != NULL && record->failed && !known &&
        !is_sandbox && container->started_ms != 0)
        check_failed(check, "%s is removed, and what it wrote last was not asked for",
                     action->object);
    if (action->kind == ACTION_CONTAINER_REMOVE && container != NULL &&
        container->last_lines != NULL &&
        !memory_has_lines(app->memory, container->task->id, container->container))
        check_failed(check, "%s is removed, and what it wrote last is not kept", action->object);
}

/* ---- Repetitions ---- */

struct repeated {
    char *key;
    uint32_t count;
    int64_t since_ms;
    UT_hash_handle by_key;
};

void check_repeated_reset(struct check *check)
{
    struct repeated *at;
    struct repeated *next;

    HASH_ITER(by_key, check->repeated, at, next)
    {
        HASH_DELETE(by_key, check->repeated, at);
        free(at->key);
        free(at);
    }
}

static void repeat(struct check *check, const char *key, uint32_t most)
{
    int64_t now_ms = sim_now(check->process->sim);
    struct repeated *entry = NULL;

    HASH_FIND(by_key, check->repeated, key, strlen(key), entry);
    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        entry->key = mem_text(key);
        entry->since_ms = now_ms;
        HASH_ADD_KEYPTR(by_key, check->repeated, entry->key, strlen(entry->key), entry);
    }
    if (now_ms - entry->since_ms > WINDOW_MS) {
        entry->since_ms = now_ms;
        entry->count = 0;
    }
    if (++entry->count > most)
        check_failed(check, "%s: again and again without a pause", key);
}

/* The task that failed last in the slot: what got going is not held back, however soon it ends
 * (ecs.md 1.5). */
static bool was_healthy(const struct check *check, const struct action *action)
{
    const struct memory_service *memory = memory_service(check->process->app.memory, action->unit);
    const struct task_record *last = NULL;

    for (const struct memory_task *at = memory == NULL ? NULL : memory->tasks; at != NULL;
         at = at->next) {
        if (at->record.failed && at->record.slot == action->identity.slot &&
            (last == NULL || at->record.stopping_ms > last->stopping_ms))
            last = &at->record;
    }
    return last != NULL && last->healthy_ms != 0;
}

/* What fails is tried again less and less often. */
void check_repetition(struct check *check, const struct action *action)
{
    AUTO(buf) key = { 0 };

    buf_init(&key, KEY_MAX);
    buf_printf(&key, "%s ", action->instance); /* each host has pauses of its own */
    action_effort_key(action->kind, action->object, &key);
    if (action->kind == ACTION_BALANCER_APPLY && traffic_is_new(check, action->balancer))
        return;
    /* What a container wrote last is asked for once, whatever comes of it. */
    repeat(check, buf_text(&key), action->kind == ACTION_CONTAINER_LAST_LINES ? 1 : CALLS_MAX);
    if (action->kind != ACTION_CONTAINER_CREATE ||
        world_task(check->process->app.world, action->identity.task) != NULL ||
        was_healthy(check, action))
        return;
    buf_reset(&key);
    buf_printf(&key, "slot %u of %s", action->identity.slot, action->unit);
    repeat(check, buf_text(&key), TASKS_MAX);
}
