/*
 * Pool: the instances of an EC2 cluster. Which there are and what they are for is said by the
 * commit, how large they are by the world; what is taken of them is counted over all clusters that
 * share them (pools.h), and kept up while tasks are placed.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/maintenance.h"
#include "reconciler/plan/pools.h"
#include "reconciler/plan/subset.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define LOST_TIMEOUT_S 60 /* of a cluster that is not declared any more */

/* ---- Instances ------------------------------------------------------------------------------- */

/* In short: the text of it for people is made when they are told. */
static const char *why_not(const struct pools *pools, const struct host *host)
{
    const struct world_instance *seen = host->seen;
    const struct world_named *held;

    if (host->drains)
        return host->listed->state == CONTAINER_INSTANCE_DRAINING ? "is DRAINING"
                                                                  : "is DRAINING for maintenance";
    if (seen == NULL)
        return "is not connected yet";
    if (seen->same_as != NULL)
        return "has another one's engine";
    if (seen->state != INSTANCE_ACTIVE || !seen->complete)
        return "is not connected";
    held = world_volume(seen, pools->claim);
    if (pools->as_claimed && (held == NULL || pools->take_over))
        return NULL;
    if (held == NULL)
        return "is not claimed yet";
    return text_equal(held->root, pools->root) ? NULL : "belongs to another repository";
}

const char *pool_why_not(const struct pool *pool, size_t index, struct planner *planner)
{
    const struct host *host = &pool->hosts[index];
    const struct world_instance *seen = host->seen;
    const struct world_named *held;

    if (host->why_not == NULL || seen == NULL || host->drains)
        return host->why_not;
    if (seen->same_as != NULL)
        return arena_printf(planner->arena, "has the engine of container-instance %s",
                            seen->same_as);
    if (seen->state != INSTANCE_ACTIVE || !seen->complete)
        return seen->failure == NULL
                   ? "is not connected yet"
                   : arena_printf(planner->arena, "encountered error \"AGENT\": %s", seen->failure);
    held = world_volume(seen, planner->pools->claim);
    if (held == NULL)
        return host->why_not;
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

/* ---- What is known of each ------------------------------------------------------------------- */

static void host_set_put(struct host_set *set, size_t index, bool belongs)
{
    size_t low = 0;
    size_t high = set->count;
    bool is_there;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->items[middle] < index)
            low = middle + 1;
        else
            high = middle;
    }
    is_there = low < set->count && set->items[low] == index;
    if (is_there == belongs)
        return;
    if (belongs) {
        memmove(&set->items[low + 1], &set->items[low], (set->count - low) * sizeof(*set->items));
        set->items[low] = (uint32_t)index;
        set->count++;
    } else {
        set->count--;
        memmove(&set->items[low], &set->items[low + 1], (set->count - low) * sizeof(*set->items));
    }
}

static void find_efforts(struct pool *pool, size_t index)
{
    const struct world_instance *seen = pool->hosts[index].seen;
    bool failed = false;
    bool running = false;

    for (const struct world_effort *at = seen == NULL ? NULL : seen->efforts; at != NULL;
         at = at->by_key.next) {
        failed |= at->state == EFFORT_FAILED || at->failures > 0;
        running |= at->state == EFFORT_RUNNING;
    }
    host_set_put(&pool->troubled, index, failed);
    host_set_put(&pool->working, index, running);
}

void pool_shelve(struct pool *pool, size_t index)
{
    const struct host *host = &pool->hosts[index];

    for (enum packed packed = 0; packed < PACKED_COUNT; packed++) {
        struct shelf_item item = { .index = (uint32_t)index };
        struct shelf *shelf = pool->shelves[packed];

        if (shelf == NULL)
            continue;
        if (host->why_not != NULL) {
            shelf_remove(shelf, index);
            continue;
        }
        item.left = host_left(host, packed);
        item.other = host_left(host, packed == PACKED_CPU ? PACKED_MEMORY : PACKED_CPU);
        shelf_put(shelf, &item);
    }
}

void pool_refresh(const struct pools *pools, struct pool *pool, size_t index)
{
    struct host *host = &pool->hosts[index];
    const struct world_instance *seen = host->seen;
    bool might = host->why_not == NULL;

    host->why_not = why_not(pools, host);
    host_set_put(&pool->unknown, index,
                 seen == NULL || (!seen->was_complete && seen->same_as == NULL));
    find_efforts(pool, index);
    pool_shelve(pool, index);
    if (might != (host->why_not == NULL))
        subsets_turn(pool, index);
}

uint32_t pool_index_of(const struct pool *pool, const struct pools *pools,
                       const struct host_use *use)
{
    return pool->index_of[use - pools->uses];
}

static struct host_set host_set_new(const struct pool *pool)
{
    return (struct host_set){ .items = arena_array(pool->arena, uint32_t, pool->count + 1) };
}

static bool is_drained(const struct planner *planner, const struct container_instance *listed)
{
    const struct host_record *record = memory_host(planner->input->memory, listed->name);

    return listed->state == CONTAINER_INSTANCE_DRAINING ||
           (record != NULL && maintenance_drains(record->maintenance));
}

static struct pool *pool_make(const struct planner *planner, struct pools *pools,
                              const struct resource *cluster)
{
    struct pool *pool = arena_new(pools->arena, struct pool);

    pool->arena = pools->arena;
    pool->resource = cluster;
    pool->cluster = cluster->name;
    pool->spec = resource_cluster(cluster);
    pool->count = pool->spec->instances_count;
    pool->hosts = arena_array(pool->arena, struct host, pool->count + 1);
    pool->by_name = arena_array(pool->arena, struct host_name, pool->count + 1);
    pool->names = arena_array(pool->arena, const char *, pool->count + 1);
    pool->index_of = arena_array(pool->arena, uint32_t, pools->use_count + 1);
    pool->unknown = host_set_new(pool);
    pool->troubled = host_set_new(pool);
    pool->working = host_set_new(pool);
    memset(pool->index_of, 0xff, pools->use_count * sizeof(*pool->index_of)); /* NOT_LISTED */
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = &pool->hosts[i];

        host->listed = &pool->spec->instances[i];
        host->drains = is_drained(planner, host->listed);
        host->seen = world_instance(pools->world, host->listed->name);
        if (host->seen != NULL) {
            uint32_t reserved = host->listed->reserved_memory;

            host->cpu_units = host->seen->cpu_units;
            host->memory_mib =
                host->seen->memory_mib > reserved ? host->seen->memory_mib - reserved : 0;
            host->use = pools_use(pools, host->seen);
            pool->index_of[host->use - pools->uses] = (uint32_t)i;
        }
        pool_refresh(pools, pool, i);
        pool->by_name[i] = (struct host_name){ host->listed->name, i };
        pool->names[i] = host->listed->name;
    }
    qsort(pool->by_name, pool->count, sizeof(*pool->by_name), compare_names);
    return pool;
}

struct chance_rings *pool_rings(struct pool *pool)
{
    if (pool->rings == NULL)
        pool->rings = chance_rings_new(pool->names, pool->count, pool->arena);
    return pool->rings;
}

const struct shelf *pool_shelf(struct pool *pool, enum packed packed)
{
    if (pool->shelves[packed] == NULL) {
        pool->shelves[packed] = shelf_new(pool->count, pool->arena);
        for (size_t i = 0; i < pool->count; i++)
            pool_shelve(pool, i);
    }
    return pool->shelves[packed];
}

static struct pool *pool_find(const struct pools *pools, const char *cluster)
{
    struct pool *pool = pools == NULL ? NULL : pools->first;

    while (pool != NULL && !text_equal(pool->cluster, cluster))
        pool = pool->next;
    return pool;
}

struct pool *pool_of(struct planner *planner, const char *cluster)
{
    const struct desired *desired = planner->input->desired;
    struct pool *pool = pool_find(planner->pools, cluster);
    const struct resource *resource;
    struct pools *pools;

    if (pool != NULL || desired == NULL)
        return pool;
    resource = generation_find(desired->generation, KIND_CLUSTER, cluster);
    if (resource == NULL || resource_cluster(resource)->launch_type != LAUNCH_TYPE_EC2)
        return NULL;
    pools = pools_of(planner);
    pool = pool_find(pools, cluster); /* since an earlier plan */
    if (pool != NULL)
        return pool;
    pool = pool_make(planner, pools, resource);
    pool->next = pools->first;
    pools->first = pool;
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
    for (size_t i = 0; i < pool->unknown.count; i++) {
        const struct host *host = &pool->hosts[pool->unknown.items[i]];
        const struct world_instance *seen = host->seen;
        const char *name = host->listed->name;

        if (instance_is_forgotten(planner, name))
            continue;
        if (seen == NULL || !instance_is_given_up(planner, pool->cluster, seen)) {
            plan_wait(planner, "instance %s is not connected yet: what runs there is not known%s%s",
                      name, seen == NULL || seen->failure == NULL ? "" : ": ",
                      seen == NULL || seen->failure == NULL ? "" : seen->failure);
            return false;
        }
        if (has_named_volumes(target) && !is_of_daemon(planner, target)) {
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
    /* Its data is there, and stays there: it stops for a maintenance only, and comes back. */
    if (target != NULL && has_named_volumes(target) && !is_of_daemon(planner, target))
        return index < pool->count && pool->hosts[index].drains &&
               pool->hosts[index].listed->state != CONTAINER_INSTANCE_DRAINING;
    return index == pool->count || pool->hosts[index].drains;
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
