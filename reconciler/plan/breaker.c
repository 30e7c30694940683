/*
 * Breaker: when a deployment has failed, and what then (ecs.md 1.5, "Circuit breaker" and "Throttle
 * of failing services"). Failures are counted once per task, by the record of its end.
 */
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

#define THRESHOLD_MIN   3
#define THRESHOLD_MAX   200
#define THROTTLE_MAX_MS (15 * 60 * 1000)
/* A task that ends within this time counts as one that never got going: without it, a program that
 * ends at once would be started as fast as the engine can. */
#define FLAPPING_MS     (10 * 1000)
#define IMPAIRED        5 /* start failures in a row after which the event says so */

static uint32_t percent_up(uint32_t desired, uint32_t percent)
{
    return (uint32_t)(((uint64_t)desired * percent + 99) / 100);
}

uint32_t breaker_threshold(const struct service_spec *spec)
{
    const struct threshold_configuration *threshold =
        spec->deployment_configuration->deployment_circuit_breaker->threshold_configuration;
    uint32_t count = percent_up(spec->desired_count, threshold->value);

    switch (threshold->type) {
    case THRESHOLD_TYPE_COUNT: return threshold->value;
    case THRESHOLD_TYPE_UNBOUNDED_PERCENT: return count < 1 ? 1 : count;
    case THRESHOLD_TYPE_BOUNDED_PERCENT: break;
    }
    return count < THRESHOLD_MIN ? THRESHOLD_MIN : count > THRESHOLD_MAX ? THRESHOLD_MAX : count;
}

/* What went wrong last, for people. */
static const char *last_failure(struct planner *planner, const struct service_view *view)
{
    const char *revision = view->primary->goal->target->revision;
    const char *reason = image_failure(planner, view);
    const struct task_record *last = NULL;

    if (reason != NULL)
        return reason;
    for (const struct memory_task *at = view->memory->tasks; at != NULL; at = at->next) {
        const struct task_record *record = &at->record;

        if (record->failed && text_equal(record->revision, revision) &&
            (last == NULL || record->stopped_ms > last->stopped_ms ||
             (record->stopped_ms == last->stopped_ms && strcmp(record->id, last->id) < 0)))
            last = record;
    }
    return last == NULL ? NULL : last->reason;
}

static void fail(struct planner *planner, const struct service_view *view)
{
    struct deployment *failed = deployment_copy(planner, view->primary);
    const char *reason = last_failure(planner, view);

    failed->state = ROLLOUT_FAILED;
    failed->updated_ms = planner->input->now_ms;
    failed->reason =
        reason == NULL
            ? "ECS deployment circuit breaker: tasks failed to start."
            : arena_printf(planner->arena,
                           "ECS deployment circuit breaker: tasks failed to start. %s", reason);
    deployment_fact(planner, view, failed);
    service_event(planner, view, "(service %s) (deployment %.12s) deployment failed: %s",
                  view->service, failed->id, failed->reason);
}

static void quarantine(struct planner *planner, const struct service_view *view)
{
    struct fact *fact = plan_fact(planner, FACT_QUARANTINE, view->cluster, view->service);

    fact->text = view->primary->goal->target->revision;
    fact->commit = view->primary->commit;
    fact->durable = true;
}

static void roll_back(struct planner *planner, const struct service_view *view)
{
    struct deployment *back = deployment_copy(planner, view->fallback);
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, "rollback");
    sha256_add_text(hash, view->primary->id);
    sha256_add_text(hash, view->fallback->id);
    sha256_finish(hash, hex);
    text_copy(back->id, sizeof(back->id), hex);
    back->state = ROLLOUT_IN_PROGRESS;
    back->rollback = true;
    back->failed_tasks = 0;
    back->attempt_max = 0;
    back->created_ms = planner->input->now_ms;
    back->updated_ms = planner->input->now_ms;
    back->reason = arena_printf(
        planner->arena, "ECS deployment circuit breaker: rolling back to deploymentId %.12s.",
        view->fallback->id);
    deployment_fact(planner, view, back);
    service_event(planner, view, "(service %s) (deployment %.12s) %s", view->service, back->id,
                  back->reason);
}

bool breaker(struct planner *planner, const struct service_view *view)
{
    const struct deployment_circuit_breaker *configured =
        view->spec->deployment_configuration->deployment_circuit_breaker;
    uint32_t failures;

    /* A rollback leads to what was proven: it is tried for as long as it takes. */
    if (!configured->enable || view->primary->state != ROLLOUT_IN_PROGRESS ||
        view->primary->rollback)
        return false;
    failures = view->primary->failed_tasks + image_failures(planner, view);
    if (failures < breaker_threshold(view->spec))
        return false;
    fail(planner, view);
    quarantine(planner, view);
    if (configured->rollback && view->fallback != NULL)
        roll_back(planner, view);
    return true;
}

static void throttle_fact(struct planner *planner, const struct service_view *view,
                          const struct deployment *of, struct throttle throttle)
{
    struct fact *fact = plan_fact(planner, FACT_THROTTLE, view->cluster, view->service);

    fact->text = of->id;
    fact->throttle = throttle;
}

bool throttle(struct planner *planner, const struct service_view *view, const struct deployment *of,
              int64_t ran_ms)
{
    struct throttle before;
    uint32_t failures;
    int64_t pause_ms;

    if (of == NULL || ran_ms >= FLAPPING_MS)
        return false;
    before = memory_throttle(view->memory, of->id);
    /* Tasks that were started together and fail together are one failure, not many. */
    if (planner->input->now_ms < before.retry_at_ms)
        return false;
    failures = before.start_failures + 1;
    /* The first failure is tried again at once. */
    pause_ms = failures < 2 ? 0 : failures > 20 ? THROTTLE_MAX_MS : (int64_t)1000 << (failures - 2);
    if (pause_ms > THROTTLE_MAX_MS)
        pause_ms = THROTTLE_MAX_MS;
    throttle_fact(planner, view, of,
                  (struct throttle){ failures, planner->input->now_ms + pause_ms });
    if (failures == IMPAIRED)
        service_event(planner, view,
                      "(service %s) is unable to consistently start tasks successfully.",
                      view->service);
    return true;
}

void throttle_end(struct planner *planner, const struct service_view *view,
                  const struct deployment *of)
{
    if (of != NULL && memory_throttle(view->memory, of->id).start_failures > 0)
        throttle_fact(planner, view, of, (struct throttle){ 0 });
}
