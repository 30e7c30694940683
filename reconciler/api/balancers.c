/*
 * Load balancers: how they run, and the targets behind them.
 */
#include "reconciler/api/api_int.h"
#include "reconciler/run/cycle.h"
#include "spec/base/text.h"

static const char *state_of(const struct world_balancer *balancer)
{
    if (balancer != NULL && balancer->runs)
        return balancer->stopping ? "STOPPING" : "RUNNING";
    return balancer != NULL && balancer->failures > 0 ? "FAILED" : "STOPPED";
}

static struct json *show_listeners(const struct load_balancer_spec *spec)
{
    struct json *list = json_array();

    for (size_t i = 0; i < spec->listeners_count; i++) {
        const struct listener *listener = &spec->listeners[i];
        struct json *object = json_object();

        json_set_text(object, "protocol",
                      enumeration_text(&listener_protocol_values, listener->protocol));
        json_set_text(object, "address", listener->address);
        json_set_int(object, "port", listener->port);
        json_append(list, object);
    }
    return list;
}

static struct json *show_target(const struct world_target *target)
{
    struct json *object = json_object();

    json_set_text(object, "targetGroup", target->group);
    json_set_text(object, "task", target->task);
    json_set_text(object, "address", target->address);
    json_set_int(object, "port", target->port);
    json_set_text(object, "state", target_state_text(target->state));
    json_set_text(object, "reason", target->reason);
    json_set_int(object, "connections", target->connections);
    return object;
}

static struct json *show_balancer(const struct app *app, const char *name,
                                  const struct resource *declared, struct arena *arena)
{
    const struct world_balancer *seen = world_balancer(app->world, name);
    struct json *object = json_object();
    struct json *targets = json_array();
    size_t healthy = 0;

    for (size_t i = 0; seen != NULL && i < seen->target_count; i++) {
        json_append(targets, show_target(&seen->targets[i]));
        healthy += seen->targets[i].state == TARGET_HEALTHY;
    }
    json_set_text(object, "name", name);
    json_set_text(object, "state", state_of(seen));
    json_set_bool(object, "declared", declared != NULL);
    if (seen != NULL && seen->failures > 0)
        json_set_text(object, "failure", seen->failure);
    json_set_text(object, "warning", seen == NULL ? NULL : seen->warning);
    json_set_text(object, "waitsFor",
                  cycle_wait(app->cycle, arena_printf(arena, BALANCER_KEY "%s", name)));
    if (declared != NULL)
        json_set(object, "listeners", show_listeners(resource_load_balancer(declared)));
    json_set_int(object, "healthyTargets", (int64_t)healthy);
    json_set(object, "targets", targets);
    return object;
}

struct json *list_balancers(const struct app *app, struct arena *arena)
{
    const struct generation *generation = app->desired == NULL ? NULL : app->desired->generation;
    struct json *list = json_array();

    for (size_t i = 0; generation != NULL && i < generation_count(generation, KIND_LOAD_BALANCER);
         i++) {
        const struct resource *resource = generation_at(generation, KIND_LOAD_BALANCER, i);

        json_append(list, show_balancer(app, resource->name, resource, arena));
    }
    for (const struct world_balancer *at = app->world->balancers; at != NULL; at = at->by_name.next)
        if (generation == NULL || generation_find(generation, KIND_LOAD_BALANCER, at->name) == NULL)
            json_append(list, show_balancer(app, at->name, /* declared= */ NULL, arena));
    return list;
}

void get_load_balancers(struct request *request)
{
    struct json *answer = json_object();

    json_set(answer, "loadBalancers", list_balancers(app_of(request), request_arena(request)));
    request_answer(request, answer);
}
