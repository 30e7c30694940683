/*
 * Place: where a task goes and what must be there before it.  FARGATE is one elastic engine: a task
 * fits while its memory does. CPU is a limit of each task, and reserved only in clusters that set
 * cpuOvercommit; no task may be larger than the engine, which would refuse it.
 */
#include "reconciler/plan/place.h"

#include <string.h>

#include "reconciler/plan/job_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* A Linux bridge carries little more than a thousand ports. */
#define NETWORK_TASKS_MAX 1000

/* Why the claim could not be made, or taken over. */
static bool claim_failed(struct planner *planner, const struct world_instance *instance,
                         enum action_kind kind, const char *name)
{
    const struct world_effort *effort = effort_of(planner, instance, kind, name);

    if (effort == NULL || effort->state != EFFORT_FAILED)
        return false;
    plan_wait(planner, "the engine is not claimed yet: %s %s failed and is tried again: %s",
              action_kind_text(kind), name, effort->failure.text);
    return true;
}

/* Made once per plan. */
struct place_names {
    const char *claim;
    const char *cluster; /* of the network */
    const char *network;
};

static struct place_names *names_of(struct planner *planner)
{
    if (planner->names == NULL) {
        planner->names = arena_new(planner->arena, struct place_names);
        planner->names->claim = claim_volume_name(planner->arena, planner->input->owner);
    }
    return planner->names;
}

bool instance_is_ours(struct planner *planner, const struct world_instance *instance)
{
    const struct world_named *claim;

    claim = world_volume(instance, names_of(planner)->claim);
    if (planner->input->as_claimed && (claim == NULL || planner->input->take_over))
        return true;
    return claim != NULL && text_equal(claim->root, planner->input->root);
}

bool instance_is_seen(struct planner *planner, const struct world_instance *instance)
{
    return instance->state == INSTANCE_ACTIVE && instance->complete &&
           (text_equal(instance->name, LOCAL_INSTANCE) || instance_is_ours(planner, instance));
}

bool place_is_ours(struct planner *planner, const struct world_instance *instance)
{
    const char *name = names_of(planner)->claim;
    const struct world_named *claim = world_volume(instance, name);

    if (instance_is_ours(planner, instance))
        return true;
    if (claim == NULL) {
        if (!claim_failed(planner, instance, ACTION_CLAIM, name))
            plan_wait(planner, "the engine is not claimed yet");
        return false;
    }
    if (planner->input->take_over && claim_failed(planner, instance, ACTION_VOLUME_REMOVE, name))
        return false;
    plan_wait(planner,
              "the engine belongs to another repository (root commit %.12s) under owner '%s': use "
              "another --owner, or --take-over",
              claim->root == NULL ? "unknown" : claim->root, planner->input->owner);
    return false;
}

const struct world_instance *place_engine(struct planner *planner)
{
    const struct world_instance *instance = world_instance(planner->input->world, LOCAL_INSTANCE);

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

struct cluster_use {
    const char *cluster;
    double cpu_overcommit; /* 0: its tasks reserve no CPU */
    uint32_t tasks;
    struct cluster_use *next;
};

/* What the tasks on an instance take of it. */
struct placement {
    const struct world_instance *instance;
    uint64_t memory_mib;
    uint64_t cpu_units; /* of the clusters that reserve CPU */
    struct cluster_use *clusters;
};

static struct cluster_use *use_of_cluster(struct planner *planner, struct placement *placement,
                                          const char *cluster)
{
    const struct resource *resource;
    struct cluster_use *use = placement->clusters;

    while (use != NULL && !text_equal(use->cluster, cluster))
        use = use->next;
    if (use != NULL)
        return use;
    use = arena_new(planner->arena, struct cluster_use);
    use->cluster = cluster;
    resource = generation_find(planner->input->desired->generation, KIND_CLUSTER, cluster);
    if (resource != NULL)
        use->cpu_overcommit = resource_cluster(resource)->cpu_overcommit;
    use->next = placement->clusters;
    placement->clusters = use;
    return use;
}

static void take(struct placement *placement, struct cluster_use *use, uint32_t memory_mib,
                 uint32_t cpu_units)
{
    use->tasks++;
    placement->memory_mib += memory_mib;
    if (use->cpu_overcommit > 0)
        placement->cpu_units += cpu_units;
}

static void take_target(struct placement *placement, struct cluster_use *use,
                        const struct target *target)
{
    take(placement, use, target_memory_mib(target), target_cpu_units(target));
}

/* What runs says itself what it takes, whether anything is remembered of it or not.  What was made
 * before Berth wrote that down takes what its deployment says, or else the newest one. */
static void task_takes(const struct planner *planner, const struct world_task *task,
                       uint32_t *memory_mib, uint32_t *cpu_units)
{
    const struct memory_service *memory =
        memory_service(planner->input->memory, task->service->key);
    const struct deployment *made = memory_deployment(memory, task->deployment);

    *memory_mib = task->memory_mib;
    *cpu_units = task->cpu_units;
    if (made == NULL)
        made = memory_primary(memory);
    if (task->memory_mib > 0 || task->cpu_units > 0 || made == NULL)
        return;
    *memory_mib = target_memory_mib(made->goal->target);
    *cpu_units = target_cpu_units(made->goal->target);
}

static void take_service(struct planner *planner, struct placement *placement,
                         const struct world_service *service)
{
    struct cluster_use *use = use_of_cluster(planner, placement, service->cluster);

    for (size_t i = 0; i < service->task_count; i++) {
        const struct world_task *task = service->tasks[i];
        uint32_t memory_mib;
        uint32_t cpu_units;

        if (!text_equal(task->instance, placement->instance->name))
            continue;
        task_takes(planner, task, &memory_mib, &cpu_units);
        take(placement, use, memory_mib, cpu_units);
    }
}

/* Counted once per plan, and kept up while tasks are placed. */
static struct placement *placement_of(struct planner *planner,
                                      const struct world_instance *instance)
{
    const struct plan_input *input = planner->input;
    struct placement *placement = planner->placement;
    const struct plan_pending *const *pending;
    size_t pending_count;

    if (placement != NULL && placement->instance == instance)
        return placement;
    placement = arena_new(planner->arena, struct placement);
    placement->instance = instance;
    for (const struct world_service *service = input->world->services; service != NULL;
         service = service->by_key.next)
        take_service(planner, placement, service);
    pending_count = pending_all(planner, &pending);
    for (size_t i = 0; i < pending_count; i++) {
        const struct target *target = pending[i]->target;

        if (text_equal(pending[i]->instance, instance->name) &&
            world_task(input->world, pending[i]->task) == NULL)
            take_target(placement, use_of_cluster(planner, placement, target->cluster), target);
    }
    planner->placement = placement;
    return placement;
}

static uint64_t left(uint64_t capacity, uint64_t used)
{
    return used > capacity ? 0 : capacity - used;
}

/* What a task lacks on the instance; NULL: it fits. */
static const char *shortage(struct planner *planner, const struct placement *placement,
                            const struct cluster_use *use, const struct target *target)
{
    const struct world_instance *instance = placement->instance;
    uint32_t memory_mib = target_memory_mib(target);
    uint32_t cpu_units = target_cpu_units(target);
    uint64_t reservable = (uint64_t)(instance->cpu_units * use->cpu_overcommit);

    /* What will never fit comes first. */
    if (cpu_units > instance->cpu_units)
        return arena_printf(planner->arena, "it needs %u CPU units, %s has %u", cpu_units,
                            instance->name, instance->cpu_units);
    if (placement->memory_mib + memory_mib > instance->memory_mib)
        return arena_printf(planner->arena, "it needs %u MiB of memory, %s has %llu of %u MiB left",
                            memory_mib, instance->name,
                            (unsigned long long)left(instance->memory_mib, placement->memory_mib),
                            instance->memory_mib);
    if (use->cpu_overcommit > 0 && placement->cpu_units + cpu_units > reservable)
        return arena_printf(planner->arena,
                            "it needs %u CPU units, and of the %llu that may be reserved on %s "
                            "(cpuOvercommit %g of cluster %s) %llu are left",
                            cpu_units, (unsigned long long)reservable, instance->name,
                            use->cpu_overcommit, use->cluster,
                            (unsigned long long)left(reservable, placement->cpu_units));
    return NULL;
}

bool place_fits_without(struct planner *planner, const struct target *target,
                        const struct world_task *gone)
{
    const struct world_instance *instance = place_engine(planner);
    struct placement after;
    struct cluster_use use;
    uint32_t memory_mib;
    uint32_t cpu_units;

    if (instance == NULL || !text_equal(gone->instance, instance->name))
        return false;
    after = *placement_of(planner, instance);
    use = *use_of_cluster(planner, planner->placement, target->cluster);
    task_takes(planner, gone, &memory_mib, &cpu_units);
    after.memory_mib = left(after.memory_mib, memory_mib);
    if (use.cpu_overcommit > 0)
        after.cpu_units = left(after.cpu_units, cpu_units);
    return use.tasks <= NETWORK_TASKS_MAX && shortage(planner, &after, &use, target) == NULL;
}

void place_release(struct planner *planner, const struct target *target, uint32_t count)
{
    const struct world_instance *instance =
        pool_of(planner, target->cluster) != NULL ? NULL : place_engine(planner);
    struct placement *placement;
    struct cluster_use *use;

    if (instance == NULL)
        return;
    placement = placement_of(planner, instance);
    use = use_of_cluster(planner, placement, target->cluster);
    placement->memory_mib =
        left(placement->memory_mib, (uint64_t)target_memory_mib(target) * count);
    if (use->cpu_overcommit > 0)
        placement->cpu_units =
            left(placement->cpu_units, (uint64_t)target_cpu_units(target) * count);
    use->tasks = (uint32_t)left(use->tasks, count);
}

#define NO_PLACE                                                                                   \
    "%s was unable to place a task because no container instance met all of its "                  \
    "requirements: "

/* By the name that the engine gives it, its kernel's or Go's. */
bool is_architecture(enum cpu_architecture wanted, const char *name)
{
    switch (wanted) {
    case CPU_ARCHITECTURE_UNSET: return true;
    case CPU_ARCHITECTURE_X86_64: return text_equal(name, "x86_64") || text_equal(name, "amd64");
    case CPU_ARCHITECTURE_ARM64: return text_equal(name, "aarch64") || text_equal(name, "arm64");
    }
    return false;
}

bool place_architecture(struct planner *planner, const struct target *target,
                        const struct world_instance *instance)
{
    const struct runtime_platform *platform = target->task->runtime_platform;

    if (platform == NULL || is_architecture(platform->cpu_architecture, instance->architecture))
        return true;
    plan_wait(planner, NO_PLACE "it needs the architecture %s, %s has %s",
              unit_title(planner, target->service),
              enumeration_text(&cpu_architecture_values, platform->cpu_architecture),
              instance->name, instance->architecture == NULL ? "none" : instance->architecture);
    return false;
}

const struct world_instance *place_task(struct planner *planner, const struct target *target,
                                        const char *name)
{
    const struct world_instance *instance;
    struct placement *placement;
    struct cluster_use *use;
    const char *lacks;

    if (pool_of(planner, target->cluster) != NULL)
        return pool_place(planner, target, name);
    instance = place_engine(planner);
    if (instance == NULL || !place_architecture(planner, target, instance))
        return NULL;
    placement = placement_of(planner, instance);
    use = use_of_cluster(planner, placement, target->cluster);
    lacks = shortage(planner, placement, use, target);
    if (lacks != NULL) {
        plan_wait(planner, NO_PLACE "%s", unit_title(planner, target->service), lacks);
        return NULL;
    }
    if (use->tasks >= NETWORK_TASKS_MAX) {
        plan_wait(planner, "the network of cluster %s holds at most %d tasks", target->cluster,
                  NETWORK_TASKS_MAX);
        return NULL;
    }
    take_target(placement, use, target);
    return instance;
}

const char *network_name(struct planner *planner, const char *cluster)
{
    struct place_names *names = names_of(planner);

    if (!text_equal(names->cluster, cluster)) {
        names->cluster = cluster;
        names->network = cluster_network_name(planner->arena, planner->input->owner, cluster);
    }
    return names->network;
}

bool joins_network(const struct target *target)
{
    return target->task->network_mode != NETWORK_MODE_HOST &&
           target->task->network_mode != NETWORK_MODE_NONE;
}

bool is_named_volume(const struct volume *volume)
{
    return volume->host == NULL || volume->host->source_path == NULL;
}

const char *volume_name(struct planner *planner, const struct target *target,
                        const struct volume *volume)
{
    return target_volume_name(planner->arena, planner->input->owner, target, volume);
}

static bool network_ready(struct planner *planner, const struct target *target,
                          const struct world_instance *instance)
{
    const char *name = network_name(planner, target->cluster);
    struct action *action;

    if (!joins_network(target) || world_network(instance, name) != NULL)
        return true;
    if (!step_allowed(planner, instance, ACTION_NETWORK_CREATE, name))
        return false;
    plan_progress(planner, "creating network %s", name);
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

    if (!is_named_volume(volume))
        return true;
    if (seen != NULL && text_equal(seen->owner, planner->input->owner))
        return true;
    if (seen != NULL) {
        plan_wait(planner, "a volume of others has the name %s", name);
        return false;
    }
    if (!step_allowed(planner, instance, ACTION_VOLUME_CREATE, name))
        return false;
    plan_progress(planner, "creating volume %s", name);
    action = plan_action(planner, ACTION_VOLUME_CREATE, instance->name, name);
    action->name = name;
    action->cluster = target->cluster;
    action->service = target->service;
    action->target = target;
    action->volume = volume;
    action->cause = arena_printf(planner->arena, "volume %s of %s", volume->name,
                                 unit_title(planner, target->service));
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
