/*
 * What the remembered deployments of a service say together.
 */
#include "reconciler/plan/memory.h"
#include "spec/base/text.h"

const struct deployment *memory_primary(const struct memory_service *service)
{
    return service == NULL || service->newest == NULL ? NULL : &service->newest->record;
}

const struct deployment *memory_fallback(const struct memory_service *service)
{
    const struct deployment *primary = memory_primary(service);

    if (primary == NULL || primary->proven)
        return NULL;
    for (const struct memory_deployment *at = service->newest->older; at != NULL; at = at->older) {
        if (at->record.state != ROLLOUT_FAILED && at->record.proven &&
            !text_equal(at->record.goal->target->revision, primary->goal->target->revision))
            return &at->record;
    }
    return NULL;
}

const struct deployment *memory_failed(const struct memory_service *service)
{
    if (service == NULL || service->quarantined[0] == '\0')
        return NULL;
    for (const struct memory_deployment *at = service->newest; at != NULL; at = at->older) {
        if (at->record.state == ROLLOUT_FAILED &&
            text_equal(at->record.goal->target->revision, service->quarantined))
            return &at->record;
    }
    return NULL;
}

const struct deployment *memory_revision(const struct memory_service *service, const char *revision)
{
    if (service == NULL)
        return NULL;
    for (const struct memory_deployment *at = service->newest; at != NULL; at = at->older) {
        if (text_equal(at->record.goal->target->revision, revision))
            return &at->record;
    }
    return NULL;
}

static bool has_volume(const struct task_spec *task, const char *name)
{
    for (size_t i = 0; i < task->volumes_count; i++) {
        if (text_equal(task->volumes[i].name, name))
            return true;
    }
    return false;
}

static void add_volumes(const struct task_spec *task, const struct volume **items, size_t *count)
{
    size_t before = *count;

    for (size_t i = 0; i < task->volumes_count; i++) {
        bool known = false;

        for (size_t k = 0; k < before && !known; k++)
            known = text_equal(items[k]->name, task->volumes[i].name);
        if (!known)
            items[(*count)++] = &task->volumes[i];
    }
}

size_t memory_volumes(const struct memory_service *service, struct arena *arena,
                      const struct volume ***out)
{
    const struct memory_deployment *newest = service == NULL ? NULL : service->newest;
    size_t most = 1;
    size_t count = 0;

    for (const struct memory_deployment *at = newest; at != NULL; at = at->older)
        most += at->record.goal->target->task->volumes_count;
    *out = arena_array(arena, const struct volume *, most);
    for (const struct memory_deployment *at = newest; at != NULL; at = at->older)
        add_volumes(at->record.goal->target->task, *out, &count);
    return count;
}

/* Also on an instance that is not seen now: what runs there is to be stopped as it was declared. */
static bool has_tasks(const struct memory_service *service, const struct world *world,
                      const char *id)
{
    const struct world_service *seen = world_service(world, service->cluster, service->service);

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        if (text_equal(seen->tasks[i]->deployment, id))
            return true;
    }
    for (const struct memory_task *at = service->tasks; at != NULL; at = at->next) {
        if (at->record.stopped_ms == 0 && text_equal(at->record.deployment, id))
            return true;
    }
    return false;
}

/* One that goes with the service, and that no newer deployment names. */
static bool has_volume_alone(const struct memory_service *service,
                             const struct deployment *deployment)
{
    const struct task_spec *task = deployment->goal->target->task;

    for (size_t i = 0; i < task->volumes_count; i++) {
        const struct memory_deployment *at = service->newest;

        if (!task->volumes[i].delete_with_service)
            continue;
        while (&at->record != deployment &&
               !has_volume(at->record.goal->target->task, task->volumes[i].name))
            at = at->older;
        if (&at->record == deployment)
            return true;
    }
    return false;
}

bool memory_needs_deployment(const struct memory_service *service, const struct world *world,
                             const struct deployment *deployment)
{
    return deployment == memory_fallback(service) || has_tasks(service, world, deployment->id) ||
           has_volume_alone(service, deployment);
}
