/*
 * Oscillate: a difference that comes back as often as it is mended is left alone, and named. Some
 * engines and plug-ins write other values than they are told: every task that is made shows the
 * same difference at once, and replacing it would go on for ever.
 *
 *   1. A difference is a field that is not as it was created, in any container of a service's task.
 *   2. On a task that was healthy before, someone changed it: that is drift, and is mended.
 *   3. On a task that never was, it came with the task. When the three tasks before it in the slot
 *      were replaced for the same difference within ten minutes, it is frozen.
 *   4. What is frozen is no reason to replace a task any more; all else goes on. It is named for as
 *      long as any task shows it.
 *   5. A commit that changes the service lifts it, and so does `berth resume`.
 */
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"

#define RETURNS   3
#define WINDOW_MS (10 * 60 * 1000)
#define SEPARATOR ", "

bool is_frozen(const struct memory_service *memory, const char *field)
{
    const char *at = memory == NULL ? NULL : memory->frozen;
    size_t size = strlen(field);

    while (at != NULL) {
        if (strncmp(at, field, size) == 0 &&
            (at[size] == '\0' || text_starts(at + size, SEPARATOR)))
            return true;
        at = strstr(at, SEPARATOR);
        at = at == NULL ? NULL : at + strlen(SEPARATOR);
    }
    return false;
}

/* Tasks of the slot that were replaced for the same difference. */
static uint32_t count_returns(struct planner *planner, const struct service_view *view,
                              const struct task_view *task)
{
    const char *reason = arena_printf(planner->arena, "%s " CAME_SO, task->difference);
    int64_t since_ms = planner->input->now_ms - WINDOW_MS;
    uint32_t count = 0;

    if (since_ms < view->memory->thawed_ms)
        since_ms = view->memory->thawed_ms;
    for (const struct memory_task *at = view->memory->tasks; at != NULL; at = at->next)
        count += at->record.slot == task->task->slot && at->record.stopping_ms > since_ms &&
                 at->record.reason != NULL && text_starts(at->record.reason, reason);
    return count;
}

bool oscillate(struct planner *planner, const struct service_view *view)
{
    for (size_t i = 0; view->memory != NULL && i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];
        const char *frozen = view->memory->frozen;
        struct fact *fact;

        if (!is_alive(task) || !task->came_so || count_returns(planner, view, task) < RETURNS)
            continue;
        fact = plan_fact(planner, FACT_FREEZE, view->cluster, view->service);
        fact->durable = true;
        fact->text = frozen == NULL ? task->difference
                                    : arena_printf(planner->arena, "%s" SEPARATOR "%s", frozen,
                                                   task->difference);
        service_event(planner, view,
                      "(service %s) is oscillating: %s came back %d times after a task was "
                      "replaced for it, and is left alone.",
                      view->service, task->difference, RETURNS);
        return true; /* each fact holds all of them: one at a time */
    }
    return false;
}

void name_frozen(struct planner *planner, const struct service_view *view)
{
    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (!is_alive(task) || task->difference == NULL ||
            !is_frozen(view->memory, task->difference))
            continue;
        plan_wait(planner,
                  "%s is not as declared, and came back %d times: it is left alone until a commit "
                  "changes the service, or 'berth resume %s'",
                  task->difference, RETURNS, view->service);
        return;
    }
}
