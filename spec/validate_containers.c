/*
 * What the containers of one task share: ports, and the order they start in.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/port.h"
#include "spec/validate.h"

#define AT "containerDefinitions[%zu]"

/* ---- Ports ---------------------------------------------------------------------------------- */

#define PORT_RANGES_MAX 100 /* of a container, ecs.md 1.3 */

/* Ports that a mapping takes, and who it is. */
struct taken {
    uint32_t first;
    uint32_t last;
    enum transport_protocol protocol;
    size_t container;
    size_t mapping;
};

/* The host's port must be the container's where both are the same; FARGATE too, when no mode is
 * given. */
static void validate_host_port(const struct validation *v, const struct task_spec *task,
                               const struct node *node, const struct port_mapping *mapping)
{
    if (mapping->host_port == 0 || mapping->host_port == mapping->container_port)
        return;
    switch (task->network_mode) {
    case NETWORK_MODE_UNSET:
        decode_refusal(v->decoder, node,
                       "hostPort: on FARGATE it must be absent or equal to containerPort");
        break;
    case NETWORK_MODE_AWSVPC:
    case NETWORK_MODE_HOST:
        decode_mistake(v->decoder, node,
                       "hostPort: with networkMode %s it must be absent or equal to containerPort",
                       enumeration_text(&network_mode_values, task->network_mode));
        break;
    case NETWORK_MODE_BRIDGE:
    case NETWORK_MODE_NONE: break;
    }
}

/* False when the mapping says no ports. */
static bool read_mapping(const struct validation *v, const struct node *node,
                         const struct port_mapping *mapping, struct taken *out)
{
    if ((mapping->container_port != 0) == (mapping->container_port_range != NULL)) {
        decode_mistake(v->decoder, node,
                       "portMappings: a mapping has either containerPort or containerPortRange");
        return false;
    }
    out->first = out->last = mapping->container_port;
    if (mapping->container_port_range == NULL)
        return true;
    if (!port_range_parse(mapping->container_port_range, &out->first, &out->last)) {
        decode_mistake(v->decoder, node,
                       "containerPortRange: '%s' is not FIRST-LAST, two ports from 1 to 65535",
                       mapping->container_port_range);
        return false;
    }
    if (mapping->host_port != 0)
        decode_mistake(v->decoder, node, "hostPort: not together with containerPortRange");
    return true;
}

static void validate_clash(const struct validation *v, const struct task_spec *task,
                           const struct taken *taken, size_t count)
{
    const struct taken *mine = &taken[count];

    for (size_t i = 0; i < count; i++) {
        const struct taken *other = &taken[i];
        if (other->protocol != mine->protocol || other->last < mine->first ||
            mine->last < other->first)
            continue;
        decode_mistake(v->decoder,
                       validation_node(v, AT ".portMappings[%zu]", mine->container, mine->mapping),
                       "portMappings: port %u/%s is taken by container '%s' of this task already",
                       mine->first > other->first ? mine->first : other->first,
                       enumeration_text(&transport_protocol_values, mine->protocol),
                       task->container_definitions[other->container].name);
        return;
    }
}

/* Where every task has an address of its own the host keeps its ports.  Told once a task: ECS's own
 * answers have a hostPort in every mapping. */
static void warn_host_port(const struct validation *v, const struct task_spec *task)
{
    static const char text[] = "hostPort publishes nothing: a task of this cluster has an address "
                               "of its own, see `berth ps`";

    if (task->network_mode != NETWORK_MODE_UNSET && task->network_mode != NETWORK_MODE_AWSVPC)
        return;
    for (size_t c = 0; c < task->container_definitions_count; c++) {
        const struct container_definition *container = &task->container_definitions[c];
        for (size_t m = 0; m < container->port_mappings_count; m++) {
            if (container->port_mappings[m].host_port == 0)
                continue;
            const struct node *node = validation_node(v, AT ".portMappings[%zu].hostPort", c, m);
            if (task->network_mode == NETWORK_MODE_AWSVPC)
                decode_warning(v->decoder, node, "%s", text);
            else
                decode_warning_on(v->decoder, LAUNCH_TYPE_FARGATE, node, text);
            return;
        }
    }
}

void validate_ports(const struct validation *v, const struct task_spec *task)
{
    size_t total = 0;
    size_t count = 0;

    for (size_t c = 0; c < task->container_definitions_count; c++)
        total += task->container_definitions[c].port_mappings_count;
    struct taken *taken = arena_array(v->decoder->arena, struct taken, total);
    for (size_t c = 0; c < task->container_definitions_count; c++) {
        const struct container_definition *container = &task->container_definitions[c];
        size_t ranges = 0;
        for (size_t m = 0; m < container->port_mappings_count; m++) {
            const struct port_mapping *mapping = &container->port_mappings[m];
            const struct node *node = validation_node(v, AT ".portMappings[%zu]", c, m);
            struct taken *mine = &taken[count];
            *mine = (struct taken){ .protocol = mapping->protocol, .container = c, .mapping = m };
            ranges += mapping->container_port_range != NULL ? 1 : 0;
            if (!read_mapping(v, node, mapping, mine))
                continue;
            validate_host_port(v, task, node, mapping);
            validate_clash(v, task, taken, count);
            count++;
        }
        const struct node *node = validation_node(v, AT ".portMappings", c);
        if (container->port_mappings_count > 0 && task->network_mode == NETWORK_MODE_NONE)
            decode_mistake(v->decoder, node, "portMappings: networkMode none has no ports");
        if (ranges > PORT_RANGES_MAX)
            decode_mistake(v->decoder, node, "portMappings: at most %d ranges", PORT_RANGES_MAX);
    }
    warn_host_port(v, task);
}

/* ---- Order ---------------------------------------------------------------------------------- */

/* SIZE_MAX: no such container. */
static size_t find_container(const struct task_spec *task, const char *name)
{
    for (size_t i = 0; i < task->container_definitions_count; i++)
        if (text_equal(task->container_definitions[i].name, name))
            return i;
    return SIZE_MAX;
}

static size_t find_or_complain(const struct validation *v, const struct task_spec *task,
                               const struct node *node, const char *key, const char *name)
{
    size_t count = task->container_definitions_count;
    size_t found = find_container(task, name);

    if (found != SIZE_MAX)
        return found;
    const char **names = arena_array(v->decoder->arena, const char *, count);
    for (size_t i = 0; i < count; i++)
        names[i] = task->container_definitions[i].name;
    const char *near = text_nearest(name, names, count);
    if (near != NULL)
        decode_mistake(v->decoder, node, "%s: the task has no container '%s': did you mean '%s'?",
                       key, name, near);
    else
        decode_mistake(v->decoder, node, "%s: the task has no container '%s'", key, name);
    return SIZE_MAX;
}

/* What the condition asks of the container it waits for (ecs.md 1.3). */
static void validate_condition(const struct validation *v, const struct node *node,
                               enum container_condition condition,
                               const struct container_definition *first)
{
    switch (condition) {
    case CONTAINER_CONDITION_COMPLETE:
    case CONTAINER_CONDITION_SUCCESS:
        if (first->essential)
            decode_mistake(v->decoder, node,
                           "condition: %s waits for '%s' to exit, but it is essential: its exit "
                           "stops the task",
                           enumeration_text(&container_condition_values, condition), first->name);
        break;
    case CONTAINER_CONDITION_HEALTHY:
        if (first->health_check == NULL)
            decode_mistake(v->decoder, node,
                           "condition: HEALTHY can never be: '%s' has no healthCheck", first->name);
        break;
    case CONTAINER_CONDITION_UNSET:
    case CONTAINER_CONDITION_START: break;
    }
}

/* needs[i * count + j]: container i needs j. */
static void note_need(const struct validation *v, const struct node *node, bool *needs,
                      const struct task_spec *task, size_t i, size_t j)
{
    if (i == j)
        decode_mistake(v->decoder, node, "container '%s' depends on itself",
                       task->container_definitions[i].name);
    else
        needs[i * task->container_definitions_count + j] = true;
}

static void collect_needs(const struct validation *v, const struct task_spec *task, size_t i,
                          bool *needs)
{
    const struct container_definition *container = &task->container_definitions[i];
    size_t count = task->container_definitions_count;

    for (size_t d = 0; d < container->depends_on_count; d++) {
        const struct container_dependency *dependency = &container->depends_on[d];
        const struct node *node = validation_node(v, AT ".dependsOn[%zu].containerName", i, d);
        if (dependency->container_name == NULL)
            continue;
        size_t j = find_or_complain(v, task, node, "dependsOn", dependency->container_name);
        if (j == SIZE_MAX)
            continue;
        if (needs[i * count + j])
            decode_mistake(v->decoder, node, "dependsOn: '%s' is given twice",
                           dependency->container_name);
        note_need(v, node, needs, task, i, j);
        validate_condition(v, validation_node(v, AT ".dependsOn[%zu].condition", i, d),
                           dependency->condition, &task->container_definitions[j]);
    }
    for (size_t s = 0; s < container->volumes_from_count; s++) {
        const struct node *node = validation_node(v, AT ".volumesFrom[%zu].sourceContainer", i, s);
        const char *name = container->volumes_from[s].source_container;
        size_t j = name != NULL ? find_or_complain(v, task, node, "volumesFrom", name) : SIZE_MAX;
        if (j != SIZE_MAX)
            note_need(v, node, needs, task, i, j);
    }
}

/* As ECS's agent does it: take what needs nothing more, until nothing is left (ecs.md 1.3). */
static void validate_cycle(const struct validation *v, const struct task_spec *task,
                           const bool *needs)
{
    size_t count = task->container_definitions_count;
    bool *ready = arena_array(v->decoder->arena, bool, count);
    bool any = true;

    while (any) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            bool waits = ready[i];
            for (size_t j = 0; j < count && !waits; j++)
                waits = needs[i * count + j] && !ready[j];
            if (!waits)
                any = ready[i] = true;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (!ready[i]) {
            decode_mistake(v->decoder, validation_node(v, AT ".dependsOn", i),
                           "dependsOn: container '%s' waits, directly or through others, for "
                           "itself or for such containers",
                           task->container_definitions[i].name);
            return;
        }
}

void validate_container_order(const struct validation *v, const struct task_spec *task)
{
    size_t count = task->container_definitions_count;

    bool *needs = arena_array(v->decoder->arena, bool, count *count);
    for (size_t i = 0; i < count; i++)
        collect_needs(v, task, i, needs);
    validate_cycle(v, task, needs);
}
