/*
 * Status: how services and tasks stand, judged by the same functions that the planner acts on.
 */
#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

static struct planner reader(const struct plan_input *input, struct arena *arena,
                             struct plan *scratch)
{
    *scratch = (struct plan){ 0 };
    return (struct planner){
        .input = input, .arena = arena, .scratch = arena, .plan = scratch, .wake_at_ms = NEVER
    };
}

void plan_service_status(const struct plan_input *input, const char *key, struct arena *arena,
                         struct service_status *out)
{
    const struct desired_service *desired = desired_service(input->desired, key);
    const struct memory_service *memory = memory_service(input->memory, key);
    struct service_status status = { .key = key, .primary = memory_primary(memory) };
    struct plan plan;
    struct planner planner = reader(input, arena, &plan);
    struct service_view view = { 0 };
    struct wanted_list wanted = { 0 };

    if (desired != NULL) {
        service_view_make(&planner, desired, &view);
        status.desired = view.spec->desired_count;
    } else {
        removed_view_make(&planner, key, &view);
    }
    for (size_t i = 0; i < view.task_count; i++) {
        const struct task_view *task = &view.tasks[i];

        status.running += task->status == TASK_RUNNING && !task->given_up;
        status.pending += task->status == TASK_ACTIVATING;
        status.stopping += task->status == TASK_STOPPING;
        status.healthy += task->healthy && is_alive(task);
        status.current += is_alive(task) && task->current;
    }
    planner = reader(input, arena, &plan);
    planner.unit = key;
    planner.wanted = &wanted;
    if (input->desired != NULL)
        plan_service(&planner, key);
    if (plan.wait_count > 0)
        status.wait = plan.waits[0].reason;
    status.wanted = wanted.items;
    status.wanted_count = wanted.count;
    status.pending += (uint32_t)wanted.count;
    status.steady =
        desired != NULL && status.primary != NULL && status.primary->state == ROLLOUT_COMPLETED &&
        status.healthy == status.desired && status.running == status.desired && status.pending == 0;
    *out = status;
}

void plan_task_state(const struct plan_input *input, const struct world_task *task,
                     struct arena *arena, struct task_state *out)
{
    const struct world_service *service = task->service;
    const struct memory_service *memory =
        service == NULL ? NULL : memory_service(input->memory, service->key);
    const struct deployment *primary = memory_primary(memory);
    struct plan plan;
    struct planner planner = reader(input, arena, &plan);
    struct task_view view;

    task_view_make(&planner, task, memory, primary == NULL ? NULL : primary->goal, &view);
    if (view.status == TASK_ACTIVATING && view.reason == NULL) {
        task_step(&planner, &view, primary);
        view.reason = plan.wait_count > 0 ? plan.waits[0].reason : NULL;
    }
    *out = (struct task_state){ .task = task,
                                .status = view.status,
                                .health = view.health,
                                .healthy = view.healthy,
                                .healthy_at_ms = view.healthy_at_ms,
                                .min_ready_seconds = view.min_ready_seconds,
                                .reason = view.reason };
}
