/*
 * The target of a job: a Task as one run of it is to be, and its volumes.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/target_int.h"
#include "spec/tree.h"
#include "spec/validate.h"

/* ---- Overrides ------------------------------------------------------------------------------ */

static struct container_definition *container_of(struct task_spec *task, const char *name)
{
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        if (text_equal(task->container_definitions[i].name, name))
            return &task->container_definitions[i];
    }
    return NULL;
}

/* What the override says wins. */
static void merge_environment(const struct container_override *override, struct arena *arena,
                              struct container_definition *container)
{
    AUTO(tree) merged = { 0 };
    struct pair *environment;

    for (size_t i = 0; i < container->environment_count; i++)
        tree_put(&merged, container->environment[i].key,
                 arena_text(arena, container->environment[i].value), /* owner= */ NULL);
    for (size_t i = 0; i < override->environment_count; i++)
        tree_put(&merged, override->environment[i].key,
                 arena_text(arena, override->environment[i].value), /* owner= */ NULL);
    environment = arena_array(arena, struct pair, tree_count(&merged) + 1);
    for (size_t i = 0; i < tree_count(&merged); i++)
        environment[i].value = tree_at(&merged, i, &environment[i].key);
    container->environment = environment;
    container->environment_count = tree_count(&merged);
}

static void override_container(const struct container_override *override, struct arena *arena,
                               struct container_definition *container)
{
    if (override->command_count > 0) {
        container->command = override->command;
        container->command_count = override->command_count;
    }
    if (override->environment_count > 0)
        merge_environment(override, arena, container);
    if (override->cpu != 0)
        container->cpu = override->cpu;
    if (override->memory != 0)
        container->memory = override->memory;
    if (override->memory_reservation != 0)
        container->memory_reservation = override->memory_reservation;
}

/* NULL and *err: it names a container that the task does not have. */
static const struct task_spec *overridden(const struct task_spec *task, const char *name,
                                          const struct task_override *overrides,
                                          struct arena *arena, struct err *err)
{
    struct task_spec *copy = arena_copy(arena, task, sizeof(*task));

    copy->container_definitions =
        arena_copy(arena, task->container_definitions,
                   task->container_definitions_count * sizeof(*task->container_definitions));
    for (size_t i = 0; i < overrides->container_overrides_count; i++) {
        const struct container_override *override = &overrides->container_overrides[i];
        struct container_definition *container = container_of(copy, override->name);

        if (container == NULL) {
            (void)err_set(err, ERR_INVALID, "overrides: Task '%s' has no container '%s'", name,
                          override->name);
            return NULL;
        }
        override_container(override, arena, container);
    }
    if (overrides->cpu != 0)
        copy->cpu = overrides->cpu;
    if (overrides->memory != 0)
        copy->memory = overrides->memory;
    return copy;
}

/* ---- Rules ---------------------------------------------------------------------------------- */

/* As a manifest that said it like that would be judged. */
static int check_task(const struct task_spec *task, const char *name, struct arena *arena,
                      struct err *err)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(decoder) decoder = { 0 };
    const struct validation validation = { .decoder = &decoder, .name = name };

    decoder_init(&decoder, "overrides", arena, &diags);
    validate_task(&validation, task);
    for (size_t i = 0; i < diags.count; i++) {
        if (diags.items[i].level == DIAG_ERROR)
            return err_set(err, ERR_INVALID, "with these overrides Task '%s' is wrong: %s", name,
                           diags.items[i].text);
    }
    return 0;
}

static int check_launch_type(const struct resource *task, const struct resource *cluster,
                             struct err *err)
{
    enum launch_type launch_type = resource_cluster(cluster)->launch_type;

    for (size_t i = 0; i < task->refusal_count; i++) {
        if (task->refusals[i].on == launch_type && !task->refusals[i].is_warning)
            return err_set(err, ERR_INVALID, "Task '%s' cannot run in cluster '%s': %s", task->name,
                           cluster->name, task->refusals[i].text);
    }
    return 0;
}

int target_check_overrides(const struct resource *task, const struct task_override *overrides,
                           struct arena *arena, struct err *err)
{
    const struct task_spec *changed =
        overridden(resource_task(task), task->name, overrides, arena, err);

    return changed == NULL ? -1 : check_task(changed, task->name, arena, err);
}

/* ---- The target ----------------------------------------------------------------------------- */

static const struct service_spec *spec_of(const struct job_request *request, struct arena *arena)
{
    struct service_spec *spec = arena_new(arena, struct service_spec);

    record_init(&service_spec_record, spec, arena);
    spec->cluster = arena_text(arena, request->cluster);
    spec->task_definition = arena_text(arena, request->task);
    spec->desired_count = request->count;
    spec->min_ready_seconds = 0; /* nothing waits for its health */
    return spec;
}

const struct target *target_make_job(const struct generation *generation,
                                     const struct job_request *request,
                                     secret_digest_fn *secret_digest, void *context,
                                     struct arena *arena, struct err *err)
{
    const struct resource *cluster = generation_find(generation, KIND_CLUSTER, request->cluster);
    const struct resource *resource = generation_find(generation, KIND_TASK, request->task);
    const struct target_secrets secrets = { secret_digest, context };
    const struct task_spec *task = resource_task(resource);
    struct target *target = arena_new(arena, struct target);

    ASSERT(cluster != NULL && resource != NULL && request->count > 0);
    if (check_launch_type(resource, cluster, err) < 0)
        return NULL;
    if (request->overrides != NULL) {
        task = overridden(task, resource->name, request->overrides, arena, err);
        if (task == NULL || check_task(task, resource->name, arena, err) < 0)
            return NULL;
    }
    target->cluster = arena_text(arena, request->cluster);
    target->service =
        job_service(arena, task->family != NULL ? task->family : resource->name, request->run);
    target->spec = spec_of(request, arena);
    target->task_name = resource->name;
    if (target_finish(generation, task, &secrets, arena, target))
        return target;
    (void)err_set(err, ERR_CONFLICT, "what Task '%s' is made of is not known yet: try again",
                  resource->name);
    return NULL;
}

bool volume_outlives_run(const struct volume *volume)
{
    return volume->docker_volume_configuration != NULL; /* its scope is shared (ecs.md 1.2) */
}

const struct target *target_of_run(const struct target *target, const char *run,
                                   struct arena *arena)
{
    const char *group = job_group(arena, target->service);
    struct target *of_run = arena_copy(arena, target, sizeof(*target));

    of_run->service = job_service(arena, group + strlen(JOB_GROUP), run);
    return of_run;
}

char *target_volume_name(struct arena *arena, const char *owner, const struct target *target,
                         const struct volume *volume)
{
    if (service_is_job(target->service))
        return job_volume_name(arena, owner, target->cluster, target->service, volume->name,
                               volume_outlives_run(volume));
    return service_volume_name(arena, owner, target->cluster, target->service, volume->name);
}
