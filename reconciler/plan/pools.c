/*
 * See pools.h.
 */
#include "reconciler/plan/pools.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/port.h"

struct pools *pools_new(void)
{
    struct pools *pools = mem_alloc(sizeof(*pools));

    pools->arena = &pools->own;
    return pools;
}

static void forget(struct pools *pools)
{
    generation_unref(pools->generation);
    arena_release(&pools->own);
    *pools = (struct pools){ .arena = &pools->own };
}

void pools_free(struct pools *pools)
{
    if (pools == NULL)
        return;
    forget(pools);
    free(pools);
}

/* ---- What is taken --------------------------------------------------------------------------- */

/* Where it is, or belongs, in the table. */
static uint32_t *slot_of(const struct pools *pools, const struct world_instance *instance)
{
    size_t at = ((uintptr_t)instance >> 4) * (size_t)0x9E3779B97F4A7C15 >> 20;

    for (at &= pools->mask; pools->slots[at] != 0; at = (at + 1) & pools->mask) {
        if (pools->uses[pools->slots[at] - 1].instance == instance)
            break;
    }
    return &pools->slots[at];
}

struct host_use *pools_use(const struct pools *pools, const struct world_instance *instance)
{
    uint32_t number = *slot_of(pools, instance);

    return number == 0 ? NULL : &pools->uses[number - 1];
}

/* As the world says. */
static void use_reset(struct host_use *use)
{
    const struct world_instance *instance = use->instance;

    *use = (struct host_use){ .instance = instance,
                              .memory_mib = instance->used_memory_mib,
                              .cpu_units = instance->used_cpu_units,
                              .tasks = (uint32_t)instance->task_count };
}

static void use_refresh(struct pools *pools, struct host_use *use)
{
    use_reset(use);
    for (struct pool *at = pools->first; at != NULL; at = at->next) {
        uint32_t index = pool_index_of(at, pools, use);

        if (index != NOT_LISTED)
            pool_refresh(pools, at, index);
    }
}

static void note_taken(struct pools *pools, struct host_use *use)
{
    if (use->is_taken)
        return;
    use->is_taken = true;
    pools->taken[pools->taken_count++] = (uint32_t)(use - pools->uses);
}

/* The plan changed what is taken there. */
static void pools_took(struct pools *pools, struct host_use *use)
{
    note_taken(pools, use);
    for (struct pool *at = pools->first; at != NULL; at = at->next) {
        uint32_t index = pool_index_of(at, pools, use);

        if (index != NOT_LISTED)
            pool_shelve(at, index);
    }
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
    const struct plan_pending *const *pending;
    size_t pending_count;

    if (use->ports_known)
        return;
    note_taken(planner->pools, use); /* they lie in the memory of the plan */
    use->ports_known = true;
    for (const struct world_task *at = use->instance->tasks; at != NULL; at = at->host_next)
        add_ports(planner, use, at->host_ports);
    pending_count = pending_all(planner, &pending);
    for (size_t i = 0; i < pending_count; i++) {
        if (text_equal(pending[i]->instance, use->instance->name) &&
            world_task(input->world, pending[i]->task) == NULL)
            add_ports(planner, use, target_host_ports(pending[i]->target, planner->arena));
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
    const char *ports = use->ports_known ? target_host_ports(target, planner->arena) : NULL;

    use->memory_mib += target_memory_mib(target);
    use->cpu_units += target_cpu_units(target);
    use->tasks++;
    if (ports != NULL)
        add_ports(planner, use, ports);
    pools_took(planner->pools, use);
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
    pools_took(planner->pools, use);
}

void use_keep(struct planner *planner, struct host_use *use, struct kept *kept)
{
    note_taken(planner->pools, use); /* it lies in the memory of the plan */
    kept->next = use->kept;
    use->kept = kept;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void count_all(struct pools *pools, const struct plan_input *input)
{
    size_t count = HASH_CNT(by_name, input->world->instances);
    size_t capacity = 16;

    while (capacity < 2 * count)
        capacity *= 2;
    pools->world = input->world;
    pools->fleets = input->world->fleets;
    pools->changes = input->world->changes;
    pools->host_changes = input->memory->host_changes;
    pools->owner = arena_text(pools->arena, input->owner);
    pools->root = arena_text(pools->arena, input->root);
    pools->as_claimed = input->as_claimed;
    pools->take_over = input->take_over;
    pools->claim = claim_volume_name(pools->arena, input->owner);
    pools->uses = arena_array(pools->arena, struct host_use, count + 1);
    pools->taken = arena_array(pools->arena, uint32_t, count + 1);
    pools->slots = arena_array(pools->arena, uint32_t, capacity);
    pools->mask = capacity - 1;
    for (const struct world_instance *at = input->world->instances; at != NULL;
         at = at->by_name.next) {
        struct host_use *use = &pools->uses[pools->use_count++];

        use->instance = at;
        use_reset(use);
        *slot_of(pools, at) = (uint32_t)pools->use_count;
    }
}

/* Is each pool of the Cluster that the commit declares? */
static bool clusters_are_same(const struct pools *pools, const struct generation *generation)
{
    if (pools->generation == generation)
        return true;
    for (const struct pool *at = pools->first; at != NULL; at = at->next) {
        if (generation_find(generation, KIND_CLUSTER, at->cluster) != at->resource)
            return false;
    }
    return true;
}

static bool is_of(const struct pools *pools, const struct plan_input *input)
{
    return pools->world == input->world && pools->fleets == input->world->fleets &&
           pools->host_changes == input->memory->host_changes &&
           pools->as_claimed == input->as_claimed && pools->take_over == input->take_over &&
           text_equal(pools->owner, input->owner) && text_equal(pools->root, input->root) &&
           clusters_are_same(pools, input->desired->generation);
}

/* What plans took is given back, and what changed is looked at anew. */
static void follow(struct pools *pools)
{
    size_t count = pools->taken_count;

    pools->taken_count = 0;
    pools->is_kept = false;
    for (struct pool *at = pools->first; at != NULL; at = at->next)
        at->round = NULL;
    for (size_t i = 0; i < count; i++)
        use_refresh(pools, &pools->uses[pools->taken[i]]);
    for (const struct world_instance *at = pools->world->latest;
         at != NULL && at->changed > pools->changes; at = at->changed_before)
        use_refresh(pools, pools_use(pools, at));
    pools->changes = pools->world->changes;
}

static void take_pending(struct planner *planner)
{
    const struct plan_input *input = planner->input;
    const struct plan_pending *const *pending;
    size_t count = pending_all(planner, &pending);

    for (size_t i = 0; i < count; i++) {
        const struct world_instance *instance = world_instance(input->world, pending[i]->instance);

        if (instance != NULL && world_task(input->world, pending[i]->task) == NULL)
            use_take(planner, pools_use(planner->pools, instance), pending[i]->target);
    }
}

struct pools *pools_of(struct planner *planner)
{
    const struct plan_input *input = planner->input;
    struct generation *generation = input->desired->generation;
    struct pools *pools = input->pools;

    if (planner->pools != NULL)
        return planner->pools;
    if (pools == NULL) {
        pools = arena_new(planner->arena, struct pools);
        pools->arena = planner->arena;
        count_all(pools, input);
    } else if (is_of(pools, input)) {
        follow(pools);
    } else {
        forget(pools);
        count_all(pools, input);
    }
    if (input->pools != NULL && pools->generation != generation) {
        generation_unref(pools->generation);
        pools->generation = generation_ref(generation);
    }
    planner->pools = pools;
    take_pending(planner);
    return pools;
}

bool pools_keep_once(struct planner *planner)
{
    struct pools *pools = pools_of(planner);
    bool first = !pools->is_kept;

    pools->is_kept = true;
    return first;
}
