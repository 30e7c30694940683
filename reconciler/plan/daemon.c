/*
 * Daemon: which instances are to have a task, and the room that is kept for it.
 *
 *   1. An instance is to have one that is ACTIVE in the cluster, has the architecture of the task,
 *      and for which all expressions are true, as if no task of the service were there.
 *   2. One that does not answer for longer than the cluster waits is none, until it is back: its
 *      task is placed nowhere else.
 *   3. Room for a task that is missing on an instance is not for replicas.
 */
#include "reconciler/plan/daemon.h"

#include <string.h>

#include "spec/base/text.h"

bool is_daemon(const struct service_spec *spec)
{
    return spec->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON;
}

bool is_of_daemon(const struct planner *planner, const struct target *target)
{
    const struct desired_service *desired = desired_service(
        planner->input->desired, unit_key(planner->scratch, target->cluster, target->service));

    return is_daemon(desired == NULL ? target->spec : desired->goal->target->spec);
}

static bool is_fit(struct planner *planner, const struct placing *placing, size_t index)
{
    const struct host *host = &placing->pool->hosts[index];
    const struct runtime_platform *platform = placing->target->task->runtime_platform;

    if (host->drains || !constraints_allow(placing, index))
        return false;
    if (host->seen == NULL)
        return true;
    if (host->seen->same_as != NULL ||
        (platform != NULL && host->seen->architecture != NULL &&
         !is_architecture(platform->cpu_architecture, host->seen->architecture)))
        return false;
    return !instance_is_given_up(planner, placing->pool->cluster, host->seen);
}

static struct daemon *daemon_make(struct planner *planner, const struct placing *placing)
{
    size_t hosts = placing->pool->count;
    struct daemon *daemon = arena_new(planner->arena, struct daemon);

    daemon->hosts = arena_array(planner->arena, size_t, hosts + 1);
    daemon->slots = arena_array(planner->arena, uint32_t, hosts + 1);
    daemon->placed = arena_array(planner->arena, bool, hosts + 1);
    for (size_t i = 0; i < hosts; i++) {
        daemon->slots[i] = NO_SLOT;
        if (!is_fit(planner, placing, i))
            continue;
        daemon->hosts[daemon->count] = i;
        daemon->slots[i] = daemon->count++;
    }
    daemon->slots[hosts] = NO_SLOT; /* of whoever is not listed */
    return daemon;
}

const struct daemon *daemon_of(struct planner *planner, const struct target *target)
{
    struct placing *placing;

    if (!is_daemon(target->spec) || pool_of(planner, target->cluster) == NULL)
        return NULL;
    placing = placing_of(planner, target);
    if (placing->daemon == NULL)
        placing->daemon = daemon_make(planner, placing);
    else /* each unit is woken by itself when one is given up */
        for (size_t i = 0; i < placing->pool->count; i++)
            (void)is_fit(planner, placing, i);
    return placing->daemon;
}

const struct service_spec *daemon_spec(struct planner *planner, const struct target *target,
                                       const struct daemon *daemon)
{
    struct service_spec *spec;

    if (daemon == NULL)
        return target->spec;
    spec = arena_copy(planner->arena, target->spec, sizeof(*target->spec));
    spec->desired_count = daemon->count;
    return spec;
}

uint32_t daemon_slot(const struct service_view *view, const char *instance)
{
    return view->daemon->slots[pool_index(view->pool, instance)];
}

/* ---- Room that is kept ----------------------------------------------------------------------- */

static void note_tasks(const struct plan_input *input, const struct placing *placing, bool *there)
{
    const struct target *target = placing->target;
    const struct world_service *seen =
        world_service(input->world, target->cluster, target->service);

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++)
        there[pool_index(placing->pool, seen->tasks[i]->instance)] = true;
    for (size_t i = 0; i < input->pending_count; i++) {
        if (text_equal(input->pending[i].target->cluster, target->cluster) &&
            text_equal(input->pending[i].target->service, target->service))
            there[pool_index(placing->pool, input->pending[i].instance)] = true;
    }
}

/* It is tried to start: what failed for good is not. */
static bool is_tried(const struct planner *planner, const struct desired_service *service)
{
    const struct deployment *primary =
        memory_primary(memory_service(planner->input->memory, service->key));

    return primary == NULL || primary->state != ROLLOUT_FAILED;
}

static void keep_room(struct planner *planner, const struct target *target)
{
    const struct daemon *daemon = daemon_of(planner, target);
    struct placing *placing = placing_of(planner, target);
    bool *there = arena_array(planner->arena, bool, placing->pool->count + 1);

    note_tasks(planner->input, placing, there);
    for (uint32_t slot = 0; slot < daemon->count; slot++) {
        size_t index = daemon->hosts[slot];
        const struct host *host = &placing->pool->hosts[index];
        struct kept *kept;

        if (there[index] || host->why_not != NULL || !resources_suffice(placing, index))
            continue;
        kept = arena_new(planner->arena, struct kept);
        *kept = (struct kept){ .memory_mib = placing->memory_mib,
                               .cpu_units = placing->cpu_units,
                               .host_ports = placing->host_ports,
                               .placed = &daemon->placed[index] };
        use_keep(planner, host->use, kept);
    }
}

void daemons_keep_room(struct planner *planner)
{
    if (!pools_keep_once(planner))
        return;
    for (const struct desired_service *at = planner->input->desired->daemons; at != NULL;
         at = at->next_daemon) {
        const struct target *target = at->goal->target;

        if (pool_of(planner, target->cluster) != NULL && is_tried(planner, at))
            keep_room(planner, target);
    }
}
