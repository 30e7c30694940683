/*
 * Pool: the instances of an EC2 cluster. Which there are and what they are for is said by the
 * commit, how large they are by the world; what is taken of them is counted once per plan, over all
 * clusters that share them, and kept up while tasks are placed.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/port.h"

#define LOST_TIMEOUT_S 60 /* of a cluster that is not declared any more */

/* ---- What is taken --------------------------------------------------------------------------- */

/* By the address of the instance: of use for looking up only. */
struct uses {
    struct host_use *slots;
    size_t mask;
    bool kept; /* room for daemons is */
};

static struct host_use *use_slot(const struct uses *uses, const struct world_instance *instance)
{
    size_t at = ((uintptr_t)instance >> 4) * (size_t)0x9E3779B97F4A7C15 >> 20;

    for (at &= uses->mask; uses->slots[at].instance != NULL; at = (at + 1) & uses->mask) {
        if (uses->slots[at].instance == instance)
            break;
    }
    return &uses->slots[at];
}

static void uses_add(struct uses *uses, const struct world_instance *instance)
{
    struct host_use *use = use_slot(uses, instance);

    use->instance = instance;
    use->memory_mib = instance->used_memory_mib;
    use->cpu_units = instance->used_cpu_units;
    use->tasks = (uint32_t)instance->task_count;
}

static struct uses *uses_of(struct planner *planner)
{
    const struct plan_input *input = planner->input;
    size_t capacity = 16;
    struct uses *uses;

    if (planner->uses != NULL)
        return planner->uses;
    while (capacity < 2 * (size_t)HASH_CNT(by_name, input->world->instances))
        capacity *= 2;
    uses = arena_new(planner->arena, struct uses);
    uses->slots = arena_array(planner->arena, struct host_use, capacity);
    uses->mask = capacity - 1;
    planner->uses = uses;
    for (const struct world_instance *at = input->world->instances; at != NULL;
         at = at->by_name.next)
        uses_add(uses, at);
    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];
        const struct world_instance *instance = world_instance(input->world, pending->instance);

        if (instance != NULL && world_task(input->world, pending->task) == NULL)
            use_take(planner, use_slot(uses, instance), pending->target);
    }
    return uses;
}

bool pools_keep_once(struct planner *planner)
{
    struct uses *uses = uses_of(planner);
    bool first = !uses->kept;

    uses->kept = true;
    return first;
}

/* Appends the ports of "80/tcp 53/udp". */
static void add_ports(struct planner *planner, struct host_use *use, const char *text)
{
    uint32_t key;

    while (port_key_next(&text, &key)) {
        uint32_t *larger;

        if ((use->port_count & (use->port_count + 1)) == 0) {
            larger = arena_array(planner->arena, uint32_t, 2 * use->port_count + 2);
            if (use->port_count > 0)
                memcpy(larger, use->ports, use->port_count * sizeof(*larger));
            use->ports = larger;
        }
        use->ports[use->port_count++] = key;
    }
}

/* Only who has fixed ports asks for those of others. */
static void find_ports(struct planner *planner, struct host_use *use)
{
    const struct plan_input *input = planner->input;

    if (use->ports_known)
        return;
    use->ports_known = true;
    for (const struct world_task *at = use->instance->tasks; at != NULL; at = at->host_next)
        add_ports(planner, use, at->host_ports);
    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];

        if (text_equal(pending->instance, use->instance->name) &&
            world_task(input->world, pending->task) == NULL)
            add_ports(planner, use, target_host_ports(pending->target, planner->arena));
    }
}

bool use_has_port(struct planner *planner, struct host_use *use, uint32_t port)
{
    find_ports(planner, use);
    for (size_t i = 0; i < use->port_count; i++) {
        if (use->ports[i] == port)
            return true;
    }
    return false;
}

void use_take(struct planner *planner, struct host_use *use, const struct target *target)
{
    const char *ports = target_host_ports(target, planner->arena);

    use->memory_mib += target_memory_mib(target);
    use->cpu_units += target_cpu_units(target);
    use->tasks++;
    if (ports != NULL && use->ports_known)
        add_ports(planner, use, ports);
}

void use_release(struct planner *planner, struct host_use *use, const struct world_task *task)
{
    const char *ports = task->host_ports;
    uint32_t key;

    find_ports(planner, use);
    use->memory_mib -= use->memory_mib < task->memory_mib ? use->memory_mib : task->memory_mib;
    use->cpu_units -= use->cpu_units < task->cpu_units ? use->cpu_units : task->cpu_units;
    use->tasks -= use->tasks > 0;
    while (port_key_next(&ports, &key)) {
        for (size_t i = 0; i < use->port_count; i++)
            use->ports[i] = use->ports[i] == key ? 0 : use->ports[i]; /* no port */
    }
}

/* ---- Instances ------------------------------------------------------------------------------- */

/* Why no new task goes there, as it follows "the container-instance NAME"; NULL: it may. */
static const char *why_not(struct planner *planner, const struct host *host, const char *claim)
{
    const struct world_instance *seen = host->seen;
    const struct world_named *held = seen == NULL ? NULL : world_volume(seen, claim);

    if (host->listed->state == CONTAINER_INSTANCE_DRAINING)
        return "is DRAINING";
    if (seen == NULL)
        return "is not connected yet";
    if (seen->same_as != NULL)
        return arena_printf(planner->arena, "has the engine of container-instance %s",
                            seen->same_as);
    if (seen->state != INSTANCE_ACTIVE || !seen->complete)
        return seen->failure == NULL
                   ? "is not connected yet"
                   : arena_printf(planner->arena, "encountered error \"AGENT\": %s", seen->failure);
    if (instance_is_ours(planner, seen))
        return NULL;
    if (held == NULL)
        return "is not claimed yet";
    return arena_printf(planner->arena,
                        "belongs to another repository (root commit %.12s) under owner '%s'",
                        held->root == NULL ? "unknown" : held->root, planner->input->owner);
}

static int compare_names(const void *a, const void *b)
{
    const struct host_name *left = a;
    const struct host_name *right = b;

    return strcmp(left->name, right->name);
}

static struct pool *pool_make(struct planner *planner, const struct resource *cluster)
{
    const char *claim = claim_volume_name(planner->arena, planner->input->owner);
    struct pool *pool = arena_new(planner->arena, struct pool);

    pool->cluster = cluster->name;
    pool->spec = resource_cluster(cluster);
    pool->count = pool->spec->instances_count;
    pool->hosts = arena_array(planner->arena, struct host, pool->count + 1);
    pool->by_name = arena_array(planner->arena, struct host_name, pool->count + 1);
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = &pool->hosts[i];

        host->listed = &pool->spec->instances[i];
        host->seen = world_instance(planner->input->world, host->listed->name);
        if (host->seen != NULL)
            host->use = use_slot(uses_of(planner), host->seen);
        host->why_not = why_not(planner, host, claim);
        pool->by_name[i] = (struct host_name){ host->listed->name, i };
    }
    qsort(pool->by_name, pool->count, sizeof(*pool->by_name), compare_names);
    return pool;
}

struct pool *pool_of(struct planner *planner, const char *cluster)
{
    const struct desired *desired = planner->input->desired;
    const struct resource *resource;
    struct pool *pool = planner->pools;

    while (pool != NULL && !text_equal(pool->cluster, cluster))
        pool = pool->next;
    if (pool != NULL || desired == NULL)
        return pool;
    resource = generation_find(desired->generation, KIND_CLUSTER, cluster);
    if (resource == NULL || resource_cluster(resource)->launch_type != LAUNCH_TYPE_EC2)
        return NULL;
    pool = pool_make(planner, resource);
    pool->next = planner->pools;
    planner->pools = pool;
    return pool;
}

size_t pool_index(const struct pool *pool, const char *name)
{
    const struct host_name key = { .name = name };
    const struct host_name *found =
        bsearch(&key, pool->by_name, pool->count, sizeof(key), compare_names);

    return found == NULL ? pool->count : found->index;
}

bool pool_lists(struct planner *planner, const char *name)
{
    const struct generation *generation = planner->input->desired->generation;

    for (size_t i = 0; i < generation_count(generation, KIND_CLUSTER); i++) {
        const struct pool *pool =
            pool_of(planner, generation_at(generation, KIND_CLUSTER, i)->name);

        if (pool != NULL && pool_index(pool, name) < pool->count)
            return true;
    }
    return false;
}

bool instance_is_forgotten(const struct planner *planner, const char *name)
{
    const struct host_record *host = memory_host(planner->input->memory, name);
    const struct world_instance *seen = world_instance(planner->input->world, name);

    return host != NULL && host->forgotten_ms != 0 && (seen == NULL || !seen->was_complete);
}

bool instance_is_given_up(struct planner *planner, const char *cluster,
                          const struct world_instance *instance)
{
    const struct pool *pool = pool_of(planner, cluster);
    uint32_t timeout_s = pool == NULL ? LOST_TIMEOUT_S : pool->spec->instance_lost_timeout;
    int64_t end_ms;

    /* There is nowhere else to go from the local engine. */
    if (instance->lost_ms == 0 || text_equal(instance->name, LOCAL_INSTANCE))
        return false;
    end_ms = instance->lost_ms + (int64_t)timeout_s * 1000;
    if (planner->input->now_ms >= end_ms)
        return true;
    plan_wake(planner, end_ms);
    return false;
}

bool has_named_volumes(const struct target *target)
{
    for (size_t i = 0; i < target->task->volumes_count; i++) {
        if (is_named_volume(&target->task->volumes[i]))
            return true;
    }
    return false;
}

bool pool_is_known(struct planner *planner, const struct pool *pool, const struct target *target)
{
    for (size_t i = 0; i < pool->count; i++) {
        const struct world_instance *seen = pool->hosts[i].seen;
        const char *name = pool->hosts[i].listed->name;

        if ((seen != NULL && (seen->was_complete || seen->same_as != NULL)) ||
            instance_is_forgotten(planner, name))
            continue;
        if (seen == NULL || !instance_is_given_up(planner, pool->cluster, seen)) {
            plan_wait(planner, "instance %s is not connected yet: what runs there is not known%s%s",
                      name, seen == NULL || seen->failure == NULL ? "" : ": ",
                      seen == NULL || seen->failure == NULL ? "" : seen->failure);
            return false;
        }
        if (has_named_volumes(target) && !is_daemon(target->spec)) {
            plan_wait(
                planner,
                "instance %s was not reached yet, and volumes of the service may be there: %s",
                name, seen->failure == NULL ? "connection lost" : seen->failure);
            return false;
        }
    }
    return true;
}

bool instance_is_left(struct planner *planner, const char *cluster, const struct target *target,
                      const struct world_instance *instance)
{
    const struct desired *desired = planner->input->desired;
    const struct pool *pool = pool_of(planner, cluster);
    size_t index;

    if (desired == NULL || generation_find(desired->generation, KIND_CLUSTER, cluster) == NULL)
        return false;
    if (pool == NULL)
        return !text_equal(instance->name, LOCAL_INSTANCE);
    index = pool_index(pool, instance->name);
    /* Its data is there, and stays there. */
    if (target != NULL && has_named_volumes(target) && !is_daemon(target->spec))
        return false;
    return index == pool->count || pool->hosts[index].listed->state == CONTAINER_INSTANCE_DRAINING;
}

const struct world_image *pool_image(const struct service_view *view, const char *reference)
{
    const struct world_image *image = NULL;

    if (view->pool == NULL)
        return view->instance == NULL ? NULL : world_image(view->instance, reference);
    for (size_t i = 0; i < view->pool->count && image == NULL; i++) {
        const struct world_instance *seen = view->pool->hosts[i].seen;

        image = seen == NULL ? NULL : world_image(seen, reference);
    }
    return image;
}
