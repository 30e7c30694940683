/*
 * Guard: which removals of a commit wait for the word of a person. A commit is measured against the
 * services there were before it: what it adds does not make it safer.
 */
#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* No commit declares a job: it is not removed, it ends. */
static bool is_undeclared(const struct plan_input *input, const char *key)
{
    return !unit_is_job(key) && desired_service(input->desired, key) == NULL;
}

/* Was it there before the current commit: brought to another one's goal, or running of another?
 * One on its way out since an earlier commit was not: that it is declared again adds it. */
static bool was_there(const struct plan_input *input, const struct desired_service *service)
{
    const char *commit = generation_commit(input->desired->generation);
    const struct memory_service *memory = memory_service(input->memory, service->key);
    const struct world_service *seen =
        world_service(input->world, service->goal->target->cluster, service->goal->target->service);

    if (memory != NULL && memory->removal != NULL)
        return false;
    for (const struct memory_deployment *at = memory == NULL ? NULL : memory->newest; at != NULL;
         at = at->older) {
        if (!text_equal(at->record.commit, commit))
            return true;
    }
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        if (!text_equal(seen->tasks[i]->commit, commit))
            return true;
    }
    return false;
}

/* Units that ran or were remembered before the commit, and how many of them it does not declare.
 * What is on its way out since an earlier commit is neither. */
static void count_removed(const struct plan_input *input, size_t *out_known, size_t *out_removed)
{
    size_t known = 0;
    size_t removed = 0;

    for (const struct desired_service *at = input->desired->services; at != NULL;
         at = at->by_key.next)
        known += was_there(input, at);
    for (const struct memory_service *at = input->memory->services; at != NULL;
         at = at->by_key.next)
        removed += at->removal == NULL && is_undeclared(input, at->key);
    for (const struct world_service *at = input->world->services; at != NULL; at = at->by_key.next)
        removed += at->task_count > 0 && is_undeclared(input, at->key) &&
                   memory_service(input->memory, at->key) == NULL;
    *out_known = known + removed;
    *out_removed = removed;
}

static const char *too_many(size_t removed, size_t known, struct arena *arena)
{
    if (removed == known && known == 1)
        return "the commit would remove the last service";
    if (removed == known)
        return arena_printf(arena, "the commit would remove all %zu services", known);
    if (removed * 2 > known)
        return arena_printf(arena, "the commit would remove %zu of %zu services", removed, known);
    return NULL;
}

/* Something protected that the service is, or needs, is not declared any more. */
static const char *protection_of(const struct target *target, const struct generation *after,
                                 struct arena *arena)
{
    if (target->spec->deletion_protection)
        return "it has deletionProtection";
    if (target->cluster_is_protected &&
        generation_find(after, KIND_CLUSTER, target->cluster) == NULL)
        return arena_printf(arena, "its Cluster '%s' has deletionProtection", target->cluster);
    if (target->task->deletion_protection &&
        generation_find(after, KIND_TASK, target->task_name) == NULL)
        return arena_printf(arena, "its Task '%s' has deletionProtection", target->task_name);
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        const struct target_image *image = &target->images[i];

        if (image->is_protected && generation_find(after, KIND_IMAGE, image->name) == NULL)
            return arena_printf(arena, "its Image '%s' has deletionProtection", image->name);
    }
    return NULL;
}

const char *removal_guard(const struct plan_input *input, const struct memory_service *memory,
                          struct arena *arena)
{
    const struct deployment *primary = memory_primary(memory);
    const char *protection;
    size_t known;
    size_t removed;

    if (input->prune_allowed || (memory != NULL && memory->removal != NULL))
        return NULL;
    if (memory != NULL && memory->hold != NULL)
        return memory->hold;
    protection = primary == NULL
                     ? NULL
                     : protection_of(primary->goal->target, input->desired->generation, arena);
    if (protection != NULL)
        return protection;
    count_removed(input, &known, &removed);
    return too_many(removed, known, arena);
}

const char *removal_guard_between(const struct desired *before, const struct desired *after,
                                  const struct desired_service *removed, struct arena *arena)
{
    const char *protection = protection_of(removed->goal->target, after->generation, arena);
    size_t gone = 0;

    if (protection != NULL)
        return protection;
    for (const struct desired_service *at = before->services; at != NULL; at = at->by_key.next)
        gone += desired_service(after, at->key) == NULL;
    return too_many(gone, before->service_count, arena);
}

/* NULL: the deployment has nothing to do with it. */
static const struct target_image *image_of(const struct deployment *deployment, const char *name)
{
    const struct target *target = deployment->goal->target;

    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        if (text_equal(target->images[i].name, name))
            return &target->images[i];
    }
    return NULL;
}

const char *image_guard(const struct plan_input *input, const char *name)
{
    if (input->prune_allowed ||
        generation_find(input->desired->generation, KIND_IMAGE, name) != NULL)
        return NULL;
    if (removal_is_open(input))
        return "the removal of a service is held";
    for (const struct memory_service *service = input->memory->services; service != NULL;
         service = service->by_key.next) {
        const struct target_image *image = NULL;

        /* The newest that knows it knows whether it is still protected. */
        for (const struct memory_deployment *at = service->newest; at != NULL && image == NULL;
             at = at->older)
            image = image_of(&at->record, name);
        if (image != NULL && image->is_protected)
            return "it has deletionProtection";
    }
    return NULL;
}

bool removal_is_open(const struct plan_input *input)
{
    for (const struct memory_service *at = input->memory->services; at != NULL;
         at = at->by_key.next) {
        if (at->removal == NULL && is_undeclared(input, at->key))
            return true;
    }
    for (const struct world_service *at = input->world->services; at != NULL;
         at = at->by_key.next) {
        if (at->task_count > 0 && is_undeclared(input, at->key) &&
            memory_service(input->memory, at->key) == NULL)
            return true;
    }
    return false;
}
