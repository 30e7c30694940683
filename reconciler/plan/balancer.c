/*
 * Balancer: one load balancer is one unit of planning.  It is set up as a whole, again whenever it
 * is not as it is to be: its listeners and rules as git declares them, its members the tasks that
 * run.  A task that is to stop stays a member until what is open to it has ended.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/place.h"
#include "reconciler/plan/traffic.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/port.h"

struct group {
    struct balancer_group group;
    struct balancer_member *members;
    size_t capacity;
    struct group *next;
};

struct building {
    struct planner *planner;
    const char *name;
    const struct world_balancer *seen; /* NULL: none */
    struct group *groups;
    size_t count;
};

/* ---- Members -------------------------------------------------------------------------------- */

static const struct world_target *seen_target(const struct building *building, const char *group,
                                              const char *task)
{
    return building->seen == NULL || !building->seen->runs
               ? NULL
               : world_target(building->seen, group, task);
}

/* What the task was made for; NULL: it is not remembered. */
static struct goal *goal_of(const struct building *building, const struct world_task *task)
{
    const struct memory_service *memory =
        task->service == NULL
            ? NULL
            : memory_service(building->planner->input->memory, task->service->key);
    const struct deployment *deployment = memory_deployment(memory, task->deployment);

    if (deployment == NULL)
        deployment = memory_revision(memory, task->revision);
    return deployment == NULL ? NULL : deployment->goal;
}

/* The host of the task, as its cluster lists it; NULL: it does not. */
static const struct container_instance *instance_of(const struct planner *planner,
                                                    const struct world_task *task)
{
    const struct generation *generation = planner->input->desired->generation;
    const struct resource *cluster =
        task->service == NULL ? NULL
                              : generation_find(generation, KIND_CLUSTER, task->service->cluster);
    const struct cluster_spec *spec = cluster == NULL ? NULL : resource_cluster(cluster);

    for (size_t i = 0; spec != NULL && i < spec->instances_count; i++)
        if (text_equal(spec->instances[i].name, task->instance))
            return &spec->instances[i];
    return NULL;
}

/* Who holds the address of the task. */
static const struct world_container *holder_of(const struct world_task *task, const char *container)
{
    return world_task_container(task, task->expected > 1 ? SANDBOX_NAME : container);
}

/* It leaves: is anything open to it, and is there still time for that? */
static bool may_finish(const struct building *building, const struct task_record *record,
                       const struct world_target *seen, const struct service_target *entry)
{
    int64_t end_ms = record->stopping_ms + (int64_t)entry->deregistration_delay * 1000;

    if (seen == NULL || target_is_drained(seen) || building->planner->input->now_ms >= end_ms)
        return false;
    plan_wake(building->planner, end_ms);
    return true;
}

/* Under the name of what was declared when it came, or now. */
static const struct world_target *seen_of(const struct building *building,
                                          const struct world_task *task,
                                          const struct balancer_group *group,
                                          const struct service_target *entry)
{
    const struct world_target *seen = seen_target(building, group->name, task->id);

    if (seen != NULL || task->service == NULL)
        return seen;
    return seen_target(building,
                       target_group_name(building->planner->scratch, task->service->cluster,
                                         task->service->service, entry),
                       task->id);
}

/* The one of a port of the task on its host; 0: none. */
static uint32_t host_port(const struct world_container *holder, uint32_t port)
{
    const char *at = holder->bindings;
    struct port_binding binding;

    while (port_binding_next(&at, &binding))
        if (binding.container == port && !binding.is_udp)
            return binding.host;
    return 0;
}

/* Tasks of the local engine have addresses of their own; those of a host are reached through it. */
static void member_place(const struct world_task *task, const struct world_container *holder,
                         const struct service_target *entry,
                         const struct container_instance *instance, struct balancer_member *out)
{
    uint32_t port = entry->container_port;
    uint32_t check_port = entry->health_check->port;

    out->address = holder->address;
    out->port = port;
    out->check_port = check_port != 0 ? check_port : port;
    if (text_equal(task->instance, LOCAL_INSTANCE))
        return;
    out->address = instance == NULL ? NULL : instance_address(instance);
    if (holder->on_host)
        return;
    out->port = host_port(holder, port);
    if (check_port == 0)
        out->check_port = out->port;
    else if (host_port(holder, check_port) != 0)
        out->check_port = host_port(holder, check_port);
}

/* `entry`: by which the task was made; `group`: what is declared in its place now. */
static bool member_make(const struct building *building, const struct world_task *task,
                        const struct balancer_group *group, const struct service_target *entry,
                        struct balancer_member *out)
{
    const struct world_container *container = world_task_container(task, entry->container_name);
    const struct world_container *holder = holder_of(task, entry->container_name);
    const struct world_target *seen = seen_of(building, task, group, entry);
    const struct task_record *record = memory_task(building->planner->input->memory, task->id);

    if (container == NULL || holder == NULL || !container_is_up(container) ||
        !container_is_up(holder))
        return false;
    *out = (struct balancer_member){ .task = task->id,
                                     .drains = record != NULL && record->stopping_ms != 0 };
    member_place(task, holder, entry, instance_of(building->planner, task), out);
    /* What is only listed is where it was until it was looked at; so is what is on a host that git
     * does not list any more. */
    if ((!holder->inspected || out->address == NULL || out->port == 0) && seen != NULL) {
        out->address = seen->address;
        out->port = seen->port;
        out->check_port = seen->check_port;
    }
    if (out->address == NULL || out->port == 0)
        return false;
    return !out->drains || may_finish(building, record, seen, group->target);
}

static void member_put(const struct building *building, struct group *group,
                       const struct balancer_member *member)
{
    struct arena *arena = building->planner->arena;
    size_t capacity = group->capacity == 0 ? 8 : group->capacity * 2;

    if (group->group.member_count == group->capacity) {
        group->members = arena_enlarge(arena, group->members, group->capacity, capacity,
                                       sizeof(*group->members));
        group->capacity = capacity;
        group->group.members = group->members;
    }
    group->members[group->group.member_count++] = *member;
}

static void member_add(const struct building *building, struct group *group,
                       const struct world_task *task, const struct service_target *entry)
{
    struct balancer_member member;

    if (member_make(building, task, &group->group, entry, &member))
        member_put(building, group, &member);
}

/* ---- Groups --------------------------------------------------------------------------------- */

static struct group *group_find(const struct building *building, const char *name)
{
    struct group *at = building->groups;

    while (at != NULL && !text_equal(at->group.name, name))
        at = at->next;
    return at;
}

/* `retired`: where a former version of it says what it was. */
static struct group *group_add(struct building *building, const char *name,
                               const struct service_target *entry, struct goal *retired)
{
    struct group *group = arena_new(building->planner->arena, struct group);

    group->group = (struct balancer_group){
        .name = name, .target = entry, .retired = retired != NULL, .goal = retired
    };
    group->next = building->groups;
    building->groups = group;
    building->count++;
    return group;
}

/* What the task was made by for it.  Of one that is behind it already, and of which nothing is
 * remembered: what is declared.  NULL: it is none of it. */
static const struct service_target *entry_of(const struct building *building,
                                             const struct world_task *task,
                                             const struct service_spec *declared,
                                             const struct balancer_group *group)
{
    const struct goal *goal = goal_of(building, task);

    if (goal != NULL)
        return counterpart(declared, group->target, goal->target->spec);
    return seen_target(building, group->name, task->id) == NULL ? NULL : group->target;
}

static void add_tasks(const struct building *building, struct group *group,
                      const struct service_spec *declared, const struct world_service *seen)
{
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        const struct service_target *entry =
            entry_of(building, seen->tasks[i], declared, &group->group);

        if (entry != NULL)
            member_add(building, group, seen->tasks[i], entry);
    }
}

static void keep_targets(const struct building *building, struct group *group, const char *address)
{
    const struct world_balancer *seen = building->seen;

    for (size_t i = 0; i < seen->target_count; i++) {
        const struct world_target *at = &seen->targets[i];

        if (text_equal(at->group, group->group.name) && text_equal(at->address, address) &&
            world_task(building->planner->input->world, at->task) == NULL)
            member_put(building, group,
                       &(struct balancer_member){ .task = at->task,
                                                  .address = at->address,
                                                  .port = at->port,
                                                  .check_port = at->check_port,
                                                  .drains = at->state == TARGET_DRAINING });
    }
}

/* Targets on hosts that have not answered since Berth runs stay as they are. */
static void add_unheard(const struct building *building, struct group *group,
                        const struct cluster_spec *cluster)
{
    for (size_t i = 0; i < cluster->instances_count; i++) {
        const struct world_instance *host =
            world_instance(building->planner->input->world, cluster->instances[i].name);

        if (host != NULL && host->was_complete)
            continue;
        plan_watch(building->planner);
        if (building->seen != NULL && building->seen->runs)
            keep_targets(building, group, instance_address(&cluster->instances[i]));
    }
}

static void add_service(struct building *building, const struct resource *resource)
{
    const struct generation *generation = building->planner->input->desired->generation;
    const struct service_spec *spec = resource_service(resource);
    const struct resource *cluster = generation_find(generation, KIND_CLUSTER, spec->cluster);
    const struct world_service *seen =
        world_service(building->planner->input->world, spec->cluster, resource->name);

    for (size_t i = 0; i < spec->load_balancers_count; i++) {
        const struct service_target *entry = &spec->load_balancers[i];
        struct group *group;

        if (!text_equal(entry->load_balancer, building->name))
            continue;
        group = group_add(
            building,
            target_group_name(building->planner->arena, spec->cluster, resource->name, entry),
            entry, /* retired= */ NULL);
        add_tasks(building, group, spec, seen);
        add_unheard(building, group, resource_cluster(cluster));
    }
}

/* What git has taken out of it goes when what is open has ended. */
static void add_retired(struct building *building)
{
    for (size_t i = 0;
         building->seen != NULL && building->seen->runs && i < building->seen->target_count; i++) {
        const struct world_target *at = &building->seen->targets[i];
        const struct world_task *task = world_task(building->planner->input->world, at->task);
        struct goal *goal = task == NULL ? NULL : goal_of(building, task);
        struct group *group = group_find(building, at->group);
        const struct service_spec *declared;

        if (goal == NULL || (group != NULL && !group->group.retired))
            continue;
        declared =
            task->service == NULL ? NULL : declared_spec(building->planner, task->service->key);
        for (size_t e = 0; group == NULL && e < goal->target->spec->load_balancers_count; e++) {
            const struct service_target *entry = &goal->target->spec->load_balancers[e];
            const char *name = target_group_name(building->planner->arena, goal->target->cluster,
                                                 goal->target->service, entry);

            if (counterpart(goal->target->spec, entry, declared) == NULL &&
                text_equal(name, at->group) && text_equal(entry->load_balancer, building->name))
                group = group_add(building, name, entry, goal);
        }
        if (group != NULL)
            member_add(building, group, task, group->group.target);
    }
}

/* ---- As a whole ----------------------------------------------------------------------------- */

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct balancer_member *)a)->task,
                  ((const struct balancer_member *)b)->task);
}

static int compare_groups(const void *a, const void *b)
{
    return strcmp(((const struct balancer_group *)a)->name,
                  ((const struct balancer_group *)b)->name);
}

static const struct balancer *build(struct building *building, const struct resource *resource)
{
    struct arena *arena = building->planner->arena;
    struct balancer *balancer = arena_new(arena, struct balancer);
    struct balancer_group *groups = arena_array(arena, struct balancer_group, building->count + 1);

    balancer->name = resource->name;
    balancer->spec = resource_load_balancer(resource);
    for (struct group *at = building->groups; at != NULL; at = at->next) {
        if (at->group.retired && at->group.member_count == 0)
            continue;
        if (at->group.member_count > 0)
            qsort(at->members, at->group.member_count, sizeof(*at->members), compare_members);
        groups[balancer->group_count++] = at->group;
    }
    qsort(groups, balancer->group_count, sizeof(*groups), compare_groups);
    balancer->groups = groups;
    balancer_shape(balancer, balancer->shape);
    return balancer;
}

static bool is_member(const struct world_target *seen, const struct balancer_member *wanted)
{
    return seen != NULL && text_equal(seen->address, wanted->address) &&
           seen->port == wanted->port && seen->check_port == wanted->check_port &&
           (seen->state == TARGET_DRAINING) == wanted->drains;
}

static bool is_as_wanted(const struct world_balancer *seen, const struct balancer *wanted)
{
    size_t count = 0;

    if (seen == NULL || !seen->runs || seen->stopping || !text_equal(seen->shape, wanted->shape))
        return false;
    for (size_t g = 0; g < wanted->group_count; g++) {
        const struct balancer_group *group = &wanted->groups[g];

        for (size_t m = 0; m < group->member_count; m++)
            if (!is_member(world_target(seen, group->name, group->members[m].task),
                           &group->members[m]))
                return false;
        count += group->member_count;
    }
    return count == seen->target_count;
}

/* ---- The unit ------------------------------------------------------------------------------- */

static bool may_act(struct planner *planner, const struct world_balancer *seen)
{
    int64_t retry_ms;

    if (seen == NULL || seen->failures == 0)
        return true;
    plan_wait(planner, "it failed and is tried again: %s", seen->failure);
    retry_ms = retry_at_ms(seen->failures, seen->failed_ms);
    if (planner->input->now_ms >= retry_ms)
        return true;
    plan_wake(planner, retry_ms);
    return false;
}

static struct action *act(struct planner *planner, enum action_kind kind, const char *name)
{
    return plan_action(planner, kind, BALANCER_HOST, name);
}

/* Before the first look at the engine it is not known which tasks there are, nor whose the engine
 * is, and with it all that bears the owner's name on this machine. */
static bool engine_is_ours(struct planner *planner, const struct world_instance *local)
{
    if (local != NULL && local->was_complete)
        return place_is_ours(planner, local);
    plan_progress(planner, "it is not known yet what runs on the local engine");
    return false;
}

/* Without a local engine one of the hosts says so. */
static bool hosts_are_ours(struct planner *planner)
{
    const struct world_instance *listed = NULL;

    for (const struct world_instance *at = planner->input->world->instances; at != NULL;
         at = at->by_name.next) {
        if (!at->was_complete)
            continue;
        if (instance_is_ours(planner, at))
            return true;
        listed = at;
    }
    if (listed != NULL)
        return place_is_ours(planner, listed);
    plan_progress(planner, "it is not known yet what runs on the hosts");
    return false;
}

/* May load balancers be touched that bear the owner's name on this machine? */
static bool machine_is_ours(struct planner *planner)
{
    const struct generation *generation = planner->input->desired->generation;
    const struct world_instance *local = world_instance(planner->input->world, LOCAL_INSTANCE);
    size_t clusters = generation_count(generation, KIND_CLUSTER);
    bool is_local = local != NULL;

    for (size_t i = 0; i < clusters; i++)
        is_local |= resource_cluster(generation_at(generation, KIND_CLUSTER, i))->launch_type ==
                    LAUNCH_TYPE_FARGATE;
    if (is_local)
        return engine_is_ours(planner, local);
    return clusters == 0 || hosts_are_ours(planner);
}

/* Nobody declares it.  Its listeners close, what is open may finish. */
static void retire(struct planner *planner, const struct world_balancer *seen, const char *name)
{
    if (seen == NULL || !seen->runs)
        return;
    if (removal_is_open(planner->input)) {
        plan_wait(planner, "its removal waits for that of a service, which is held");
        return;
    }
    if (seen->stopping) {
        plan_progress(planner, "what is open may finish");
        return;
    }
    if (may_act(planner, seen))
        act(planner, ACTION_BALANCER_STOP, name)->cause = "no manifest declares it any more";
}

void plan_balancer(struct planner *planner, const char *key)
{
    const struct generation *generation = planner->input->desired->generation;
    struct building building = { .planner = planner, .name = key + sizeof(BALANCER_KEY) - 1 };
    const struct resource *resource =
        generation_find(generation, KIND_LOAD_BALANCER, building.name);
    const struct resource *service;
    const struct balancer *wanted;
    size_t cursor = 0;

    planner->unit_looked = true;
    if (!planner->input->world->balancers_known) {
        if (resource != NULL)
            plan_progress(planner, "it is being looked at which load balancers run");
        return;
    }
    building.seen = world_balancer(planner->input->world, building.name);
    if (!machine_is_ours(planner))
        return;
    if (resource == NULL) {
        retire(planner, building.seen, building.name);
        return;
    }
    if (building.seen != NULL && building.seen->stopping) {
        plan_progress(planner, "the former one is about to end");
        return;
    }
    while ((service = generation_next_referrer(generation, KIND_LOAD_BALANCER, building.name,
                                               &cursor)) != NULL)
        add_service(&building, service);
    add_retired(&building);
    wanted = build(&building, resource);
    if (is_as_wanted(building.seen, wanted) || !may_act(planner, building.seen))
        return;
    act(planner, ACTION_BALANCER_APPLY, resource->name)->balancer = wanted;
    planner->plan->actions[planner->plan->action_count - 1].cause =
        building.seen == NULL || !building.seen->runs ? "it does not run"
        : text_equal(building.seen->shape, wanted->shape)
            ? "its targets changed"
            : "its listeners, rules or services changed";
}

void plan_balancers_of(const struct plan_input *input, const char *service_key,
                       plan_balancer_fn *fn, void *context)
{
    const struct desired_service *desired =
        input->desired == NULL ? NULL : desired_service(input->desired, service_key);
    const struct service_spec *spec = desired == NULL ? NULL : desired->goal->target->spec;
    AUTO(arena) scratch = { 0 };
    const char *slash = strchr(service_key, '/');
    const char *prefix =
        arena_printf(&scratch, "%.*s:%s:", (int)(slash - service_key), service_key, slash + 1);

    for (size_t i = 0; spec != NULL && i < spec->load_balancers_count; i++)
        fn(context,
           arena_printf(&scratch, BALANCER_KEY "%s", spec->load_balancers[i].load_balancer));
    for (const struct world_balancer *at = input->world->balancers; at != NULL;
         at = at->by_name.next)
        if (world_balancer_serves(at, prefix))
            fn(context, at->key);
}
