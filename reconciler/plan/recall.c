/*
 * Recall: where a rollback would lead is remembered, and when memory was lost it is what runs. The
 * commit that its tasks name still tells what they are; without that they would only be kept.
 */
#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

/* One revision that runs. */
struct candidate {
    struct goal *goal;
    const struct world_task *oldest; /* of its healthy tasks */
    int64_t started_ms;
    uint32_t healthy;
};

/* NULL: no commit that was read again says. */
static struct goal *declared_then(const struct plan_input *input, const struct service_view *view,
                                  const char *revision)
{
    for (size_t i = 0; i < input->recalled_count; i++) {
        const struct target *target = input->recalled[i]->target;

        if (text_equal(target->cluster, view->cluster) &&
            text_equal(target->service, view->service) && text_equal(target->revision, revision))
            return input->recalled[i];
    }
    return NULL;
}

static void count_healthy(struct planner *planner, const struct world_service *seen,
                          struct candidate *candidate)
{
    for (size_t i = 0; i < seen->task_count; i++) {
        struct task_view view;

        if (!text_equal(seen->tasks[i]->revision, candidate->goal->target->revision))
            continue;
        task_view_make(planner, seen->tasks[i], /* memory= */ NULL, candidate->goal, &view);
        if (!view.healthy)
            continue;
        candidate->healthy++;
        if (candidate->oldest == NULL || view.started_ms < candidate->started_ms) {
            candidate->oldest = view.task;
            candidate->started_ms = view.started_ms;
        }
    }
}

/* Of several revisions that run, the one that carries the service: the most healthy tasks, then the
 * longest time. */
static bool is_better(const struct candidate *candidate, const struct candidate *than)
{
    if (candidate->healthy != than->healthy)
        return candidate->healthy > than->healthy;
    return candidate->healthy > 0 && candidate->started_ms < than->started_ms;
}

/* Can its tasks be made again without asking anyone what their images are? */
static bool is_pinned(const struct deployment *deployment)
{
    for (size_t i = 0; i < deployment->goal->target->task->container_definitions_count; i++) {
        if (deployment->pins[i].image_id == NULL)
            return false;
    }
    return true;
}

/* False: its images are gone, and there is no way back to it. */
static bool state_recalled(struct planner *planner, const struct service_view *view,
                           const struct world_service *seen, const struct candidate *of)
{
    struct deployment *deployment = arena_new(planner->arena, struct deployment);
    struct service_view as_stated = *view;

    text_copy(deployment->id, sizeof(deployment->id), of->oldest->deployment);
    text_copy(deployment->commit, sizeof(deployment->commit), of->oldest->commit);
    deployment->state = ROLLOUT_COMPLETED;
    deployment->proven = true;
    deployment->created_ms = of->started_ms;
    deployment->updated_ms = planner->input->now_ms;
    deployment->reason =
        arena_printf(planner->arena, FOUND_RUNNING "%.8s declared it", deployment->commit);
    deployment->goal = of->goal;
    for (size_t i = 0; i < seen->task_count; i++) {
        const struct world_task *task = seen->tasks[i];

        if (text_equal(task->deployment, deployment->id) && task->attempt > deployment->attempt_max)
            deployment->attempt_max = task->attempt;
    }
    pins_make(planner, view, deployment);
    if (!is_pinned(deployment))
        return false;
    deployment_fact(planner, view, deployment);
    as_stated.primary = deployment;
    service_event(
        planner, &as_stated,
        "(service %s) (deployment %.12s) is remembered again, as commit %.8s declared it.",
        view->service, deployment->id, deployment->commit);
    return true;
}

bool recall(struct planner *planner, const struct service_view *view)
{
    const struct world_service *seen =
        world_service(planner->input->world, view->cluster, view->service);
    const char *wanted = view->desired->goal->target->revision;
    struct candidate best = { 0 };

    if (view->primary != NULL || seen == NULL || planner->input->recalled_count == 0)
        return false;
    for (size_t i = 0; i < seen->task_count; i++) {
        const char *revision = seen->tasks[i]->revision;
        struct candidate candidate = { .goal = declared_then(planner->input, view, revision) };

        if (candidate.goal == NULL || text_equal(revision, wanted))
            continue;
        count_healthy(planner, seen, &candidate);
        if (is_better(&candidate, &best))
            best = candidate;
    }
    return best.healthy > 0 && state_recalled(planner, view, seen, &best);
}
