/*
 * Rules across load balancers and the services behind them: each listener has one way for each
 * request, and each port of the machine one listener.
 */
#include <string.h>

#include "spec/balancer.h"
#include "spec/base/text.h"
#include "spec/generation_int.h"

/* Where the service names its balancer for the so manieth time. */
static struct pos pos_of(const struct resource *service, const struct service_target *target)
{
    size_t index = (size_t)(target - resource_service(service)->load_balancers);

    for (size_t i = 0; i < service->reference_count; i++)
        if (service->references[i].kind == KIND_LOAD_BALANCER && index-- == 0)
            return resource_pos(service, service->references[i].line,
                                service->references[i].column);
    return service->pos;
}

static void mistake(struct generation_check *check, struct pos pos, const char *text)
{
    diag_add(check->diags, DIAG_ERROR, pos, "%s", text);
    check->mistakes++;
}

/* ---- A service ------------------------------------------------------------------------------ */

/* Does the container of the Task have that port, for TCP? */
static bool has_port(const struct task_spec *task, const char *container, uint32_t port)
{
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const struct container_definition *definition = &task->container_definitions[i];

        for (size_t m = 0;
             text_equal(definition->name, container) && m < definition->port_mappings_count; m++)
            if (definition->port_mappings[m].container_port == port &&
                definition->port_mappings[m].protocol == TRANSPORT_PROTOCOL_TCP)
                return true;
    }
    return false;
}

static void check_listeners(struct generation_check *check, const struct resource *service,
                            const struct service_target *target,
                            const struct load_balancer_spec *balancer, struct arena *arena)
{
    const struct balancer_group group = { .target = target };
    const struct listener *first = NULL;

    for (size_t i = 0; i < balancer->listeners_count; i++) {
        const struct listener *listener = &balancer->listeners[i];

        if (!balancer_group_is_at(&group, listener))
            continue;
        if (first == NULL)
            first = listener;
        if (listener_is_tcp(listener) != listener_is_tcp(first))
            mistake(check, pos_of(service, target),
                    arena_printf(arena,
                                 "loadBalancer '%s' has listeners of HTTP and of TCP: say which "
                                 "one with listenerPort",
                                 target->load_balancer));
    }
    if (first == NULL)
        mistake(check, pos_of(service, target),
                arena_printf(arena, "loadBalancer '%s' has no listener with listenerPort %u",
                             target->load_balancer, target->listener_port));
    else if (listener_is_tcp(first) && !service_target_is_default(target))
        mistake(check, pos_of(service, target),
                arena_printf(arena,
                             "loadBalancer '%s': a TCP listener passes everything to one service, "
                             "without conditions",
                             target->load_balancer));
}

/* On hosts a balancer reaches what is published there, at an address that is known. */
static void check_hosts(struct generation_check *check, const struct resource *service,
                        const struct service_target *target, const struct resource *task,
                        struct arena *arena)
{
    const struct service_spec *spec = resource_service(service);
    const struct resource *cluster =
        spec->cluster == NULL ? NULL
                              : generation_find(check->generation, KIND_CLUSTER, spec->cluster);
    const struct cluster_spec *hosts = cluster == NULL ? NULL : resource_cluster(cluster);

    if (hosts == NULL || hosts->launch_type != LAUNCH_TYPE_EC2)
        return;
    if (task != NULL && (resource_task(task)->network_mode == NETWORK_MODE_AWSVPC ||
                         resource_task(task)->network_mode == NETWORK_MODE_NONE))
        mistake(check, pos_of(service, target),
                arena_printf(arena,
                             "loadBalancers: the tasks of Task '%s' have no port on their host: "
                             "its networkMode must be bridge or host",
                             task->name));
    for (size_t i = 0; i < hosts->instances_count; i++)
        if (hosts->instances[i].name != NULL && hosts->instances[i].address == NULL &&
            instance_address(&hosts->instances[i]) == NULL)
            mistake(check, pos_of(service, target),
                    arena_printf(arena,
                                 "loadBalancers: instance '%s' of Cluster '%s' needs its IPv4 "
                                 "address in `address`, for its host is a name",
                                 hosts->instances[i].name, cluster->name));
}

void check_targets(struct generation_check *check, const struct resource *service,
                   struct arena *arena)
{
    const struct generation *generation = check->generation;
    const struct service_spec *spec = resource_service(service);
    const struct resource *task = NULL;

    if (spec->task_definition != NULL)
        task = generation_find(generation, KIND_TASK, spec->task_definition);
    for (size_t i = 0; i < spec->load_balancers_count; i++) {
        const struct service_target *target = &spec->load_balancers[i];
        const struct resource *balancer =
            target->load_balancer == NULL
                ? NULL
                : generation_find(generation, KIND_LOAD_BALANCER, target->load_balancer);

        if (task != NULL && target->container_name != NULL && target->container_port != 0 &&
            !has_port(resource_task(task), target->container_name, target->container_port))
            mistake(check, pos_of(service, target),
                    arena_printf(arena,
                                 "loadBalancers: Task '%s' has no portMapping for port %u (tcp) of "
                                 "a container '%s'",
                                 task->name, target->container_port, target->container_name));
        check_hosts(check, service, target, task, arena);
        if (balancer != NULL)
            check_listeners(check, service, target, resource_load_balancer(balancer), arena);
    }
}

/* ---- A listener ----------------------------------------------------------------------------- */

struct way {
    const struct resource *service;
};

/* What a service says to one listener, and who said the like before. */
static void check_way(struct generation_check *check, const struct resource *service,
                      const struct service_target *target, const struct listener *listener,
                      struct tree *ways, struct arena *arena)
{
    const struct balancer_group group = { .target = target };
    const char *way =
        arena_printf(arena, "%u %s %u", listener->port, listener->address, target->priority);
    struct way *known;
    const char *other;

    if (!balancer_group_is_at(&group, listener))
        return;
    known = tree_get(ways, way);
    if (known == NULL) {
        known = arena_new(arena, struct way);
        known->service = service;
        tree_put(ways, way, known, /* owner= */ NULL);
        return;
    }
    other = known->service->name;
    if (target->priority != 0)
        mistake(check, pos_of(service, target),
                arena_printf(arena,
                             "loadBalancers: priority %u at port %u of '%s' is that of Service "
                             "'%s' already",
                             target->priority, listener->port, target->load_balancer, other));
    else
        mistake(check, pos_of(service, target),
                arena_printf(arena,
                             "loadBalancers: what the others leave at port %u of '%s' is taken by "
                             "Service '%s' already: give a condition and a priority",
                             listener->port, target->load_balancer, other));
}

void check_balancer(struct generation_check *check, const struct resource *balancer,
                    struct arena *arena)
{
    const struct load_balancer_spec *spec = resource_load_balancer(balancer);
    const struct resource *service;
    AUTO(tree) ways = { 0 };
    size_t cursor = 0;

    while ((service = generation_next_referrer(check->generation, KIND_LOAD_BALANCER,
                                               balancer->name, &cursor)) != NULL) {
        const struct service_spec *said = resource_service(service);

        for (size_t t = 0; t < said->load_balancers_count; t++)
            for (size_t i = 0; text_equal(said->load_balancers[t].load_balancer, balancer->name) &&
                               i < spec->listeners_count;
                 i++)
                check_way(check, service, &said->load_balancers[t], &spec->listeners[i], &ways,
                          arena);
    }
}

/* ---- All listeners -------------------------------------------------------------------------- */

static void check_pair(struct generation_check *check, const struct resource *one,
                       const struct resource *other, struct arena *arena)
{
    const struct load_balancer_spec *a = resource_load_balancer(one);
    const struct load_balancer_spec *b = resource_load_balancer(other);

    for (size_t i = 0; i < a->listeners_count; i++)
        for (size_t j = 0; j < b->listeners_count; j++)
            if (listeners_overlap(&a->listeners[i], &b->listeners[j]))
                mistake(check, one->pos,
                        arena_printf(arena, "LoadBalancer '%s' listens on port %u of %s already",
                                     other->name, b->listeners[j].port, b->listeners[j].address));
}

void check_listening(struct generation_check *check, struct arena *arena)
{
    size_t count = generation_count(check->generation, KIND_LOAD_BALANCER);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            check_pair(check, generation_at(check->generation, KIND_LOAD_BALANCER, i),
                       generation_at(check->generation, KIND_LOAD_BALANCER, j), arena);
}
