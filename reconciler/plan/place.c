/*
 * Place: where a task goes and what must be there before it.  FARGATE is one elastic engine: a task
 * fits while its memory does (design: memory is reserved, CPU is a limit unless cpuOvercommit is
 * set).
 */
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* A Linux bridge carries little more than a thousand ports. */
#define NETWORK_TASKS_MAX 1000

bool place_is_ours(struct planner *planner, const struct world_instance *instance)
{
    const char *name = claim_volume_name(planner->arena, planner->input->owner);
    const struct world_named *claim = world_volume(instance, name);

    if (planner->input->as_claimed)
        return true;
    if (claim == NULL) {
        plan_wait(planner, "the engine is not claimed yet");
        return false;
    }
    if (text_equal(claim->root, planner->input->root))
        return true;
    plan_wait(planner,
              "the engine belongs to another repository (root commit %.12s) under owner '%s': use "
              "another --owner, or --take-over",
              claim->root == NULL ? "unknown" : claim->root, planner->input->owner);
    return false;
}

const struct world_instance *place_engine(struct planner *planner)
{
    const struct world_instance *instance = planner->input->world->instances;

    if (instance == NULL || instance->state == INSTANCE_CONNECTING) {
        plan_wait(planner, "the engine is not connected yet%s%s",
                  instance != NULL && instance->failure != NULL ? ": " : "",
                  instance != NULL && instance->failure != NULL ? instance->failure : "");
        return NULL;
    }
    if (instance->state == INSTANCE_LOST) {
        plan_wait(planner, "the engine does not answer: %s",
                  instance->failure == NULL ? "connection lost" : instance->failure);
        return NULL;
    }
    if (!instance->complete) {
        plan_wait(planner, "the engine's first listing is not complete");
        return NULL;
    }
    return place_is_ours(planner, instance) ? instance : NULL;
}

static uint32_t memory_of(const struct target *target)
{
    uint32_t sum = 0;

    if (target->task->memory != 0)
        return target->task->memory;
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        const struct container_definition *definition = &target->task->container_definitions[i];

        sum += definition->memory_reservation != 0 ? definition->memory_reservation
                                                   : definition->memory;
    }
    return sum;
}

/* What the tasks on the instance have reserved, and how many of the cluster are there. */
static uint64_t reserved(struct planner *planner, const struct world_instance *instance,
                         const char *cluster, uint32_t *out_tasks)
{
    const struct plan_input *input = planner->input;
    uint64_t sum = 0;
    uint32_t tasks = 0;

    for (const struct world_service *service = input->world->services; service != NULL;
         service = service->by_key.next) {
        const struct memory_service *memory = memory_service(input->memory, service->key);
        const struct deployment *primary = memory_primary(memory);

        for (size_t i = 0; i < service->task_count; i++) {
            const struct world_task *task = service->tasks[i];
            const struct deployment *made = memory_deployment(memory, task->deployment);

            if (!text_equal(task->instance, instance->name))
                continue;
            if (made == NULL)
                made = primary;
            if (made != NULL)
                sum += memory_of(made->goal->target);
            if (text_equal(service->cluster, cluster))
                tasks++;
        }
    }
    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];

        if (!text_equal(pending->instance, instance->name) ||
            world_task(input->world, pending->task) != NULL)
            continue;
        sum += memory_of(pending->target);
        tasks += text_equal(pending->target->cluster, cluster);
    }
    *out_tasks = tasks;
    return sum;
}

static void count_placed(struct planner *planner, const struct world_instance *instance,
                         const struct target *target)
{
    if (planner->placed_instance == instance)
        return;
    planner->placed_mib = reserved(planner, instance, target->cluster, &planner->placed_tasks);
    planner->placed_instance = instance;
}

void place_release(struct planner *planner, const struct target *target, uint32_t count)
{
    const struct world_instance *instance = place_engine(planner);
    uint64_t freed_mib = (uint64_t)memory_of(target) * count;

    if (instance == NULL)
        return;
    count_placed(planner, instance, target);
    planner->placed_mib -= freed_mib > planner->placed_mib ? planner->placed_mib : freed_mib;
    planner->placed_tasks -= count > planner->placed_tasks ? planner->placed_tasks : count;
}

const struct world_instance *place_task(struct planner *planner, const struct target *target)
{
    const struct world_instance *instance = place_engine(planner);
    uint32_t need_mib = memory_of(target);
    uint32_t tasks;
    uint64_t used_mib;

    if (instance == NULL)
        return NULL;
    count_placed(planner, instance, target);
    used_mib = planner->placed_mib;
    tasks = planner->placed_tasks;
    if (used_mib + need_mib > instance->memory_mib) {
        plan_wait(planner,
                  "service %s was unable to place a task because no container instance met all of "
                  "its requirements: it needs %u MiB of memory, %s has %llu of %u MiB left",
                  target->service, need_mib, instance->name,
                  used_mib > instance->memory_mib
                      ? 0ULL
                      : (unsigned long long)(instance->memory_mib - used_mib),
                  instance->memory_mib);
        return NULL;
    }
    if (tasks >= NETWORK_TASKS_MAX) {
        plan_wait(planner, "the network of cluster %s holds at most %d tasks", target->cluster,
                  NETWORK_TASKS_MAX);
        return NULL;
    }
    planner->placed_mib += need_mib;
    planner->placed_tasks++;
    return instance;
}

const char *network_name(struct planner *planner, const char *cluster)
{
    return cluster_network_name(planner->arena, planner->input->owner, cluster);
}

const char *volume_name(struct planner *planner, const struct target *target,
                        const struct volume *volume)
{
    return service_volume_name(planner->arena, planner->input->owner, target->cluster,
                               target->service, volume->name);
}

static bool network_ready(struct planner *planner, const struct target *target,
                          const struct world_instance *instance)
{
    const char *name = network_name(planner, target->cluster);
    struct action *action;

    if (world_network(instance, name) != NULL)
        return true;
    plan_progress(planner, "creating network %s", name);
    if (!effort_allows(planner, instance, ACTION_NETWORK_CREATE, name))
        return false;
    action = plan_action(planner, ACTION_NETWORK_CREATE, instance->name, name);
    action->name = name;
    action->cluster = target->cluster;
    action->cause = arena_printf(planner->arena, "tasks of cluster %s meet there", target->cluster);
    return false;
}

static bool volume_ready(struct planner *planner, const struct target *target,
                         const struct volume *volume, const struct world_instance *instance)
{
    const char *name = volume_name(planner, target, volume);
    const struct world_named *seen = world_volume(instance, name);
    struct action *action;

    if (volume->host != NULL && volume->host->source_path != NULL)
        return true;
    if (seen != NULL && text_equal(seen->owner, planner->input->owner))
        return true;
    if (seen != NULL) {
        plan_wait(planner, "a volume of others has the name %s", name);
        return false;
    }
    plan_progress(planner, "creating volume %s", name);
    if (!effort_allows(planner, instance, ACTION_VOLUME_CREATE, name))
        return false;
    action = plan_action(planner, ACTION_VOLUME_CREATE, instance->name, name);
    action->name = name;
    action->cluster = target->cluster;
    action->service = target->service;
    action->target = target;
    action->volume = volume;
    action->cause =
        arena_printf(planner->arena, "volume %s of service %s", volume->name, target->service);
    return false;
}

bool place_ready(struct planner *planner, const struct target *target,
                 const struct world_instance *instance)
{
    bool ready = network_ready(planner, target, instance);

    for (size_t i = 0; i < target->task->volumes_count; i++)
        ready &= volume_ready(planner, target, &target->task->volumes[i], instance);
    return ready;
}
