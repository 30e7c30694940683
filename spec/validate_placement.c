/*
 * Where tasks may be placed, and where best (ecs.md 1.6).
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/query.h"
#include "spec/validate.h"

#define STRATEGIES_MAX 5 /* ecs.md 1.6 */

static void validate_expression(const struct validation *v, size_t i, const char *expression)
{
    const struct node *node = validation_node(v, "placementConstraints[%zu].expression", i);
    struct err err = { 0 };

    if (text_is_empty(expression))
        decode_mistake(v->decoder, node, "expression: memberOf needs one, as attribute:zone == a");
    else if (query_parse(expression, v->decoder->arena, &err) == NULL)
        decode_mistake(v->decoder, node, "expression: %s", err.text);
}

static void validate_count(const struct validation *v, size_t count)
{
    if (count > PLACEMENT_CONSTRAINTS_MAX)
        decode_mistake(v->decoder, validation_node(v, "placementConstraints"),
                       "placementConstraints: at most %d", PLACEMENT_CONSTRAINTS_MAX);
}

void validate_task_placement(const struct validation *v, const struct task_spec *task)
{
    validate_count(v, task->placement_constraints_count);
    for (size_t i = 0; i < task->placement_constraints_count; i++) {
        const struct task_placement_constraint *constraint = &task->placement_constraints[i];

        if (constraint->type == PLACEMENT_CONSTRAINT_TYPE_DISTINCT_INSTANCE)
            decode_mistake(v->decoder, validation_node(v, "placementConstraints[%zu].type", i),
                           "type: distinctInstance belongs to the Service, a Task has memberOf");
        else
            validate_expression(v, i, constraint->expression);
    }
}

static void validate_strategy(const struct validation *v, size_t i,
                              const struct placement_strategy *strategy)
{
    const struct node *node = validation_node(v, "placementStrategy[%zu].field", i);
    const char *field = strategy->field;
    const char *attribute = "attribute:";

    switch (strategy->type) {
    case PLACEMENT_STRATEGY_TYPE_RANDOM:
        if (field != NULL)
            decode_mistake(v->decoder, node, "field: random has none");
        break;
    case PLACEMENT_STRATEGY_TYPE_BINPACK:
        if (!text_equal(field, "cpu") && !text_equal(field, "memory"))
            decode_mistake(v->decoder, node, "field: binpack is on cpu or memory");
        break;
    case PLACEMENT_STRATEGY_TYPE_SPREAD:
        if (!text_equal(field, "instanceId") && !text_equal(field, "host") &&
            (field == NULL || !text_starts(field, attribute) || field[strlen(attribute)] == '\0'))
            decode_mistake(v->decoder, node,
                           "field: spread is over instanceId, host or attribute:NAME");
        break;
    case PLACEMENT_STRATEGY_TYPE_UNSET: break;
    }
}

/* It is on unless somebody turns it off: only who asks for it is told that it cannot be. */
static void validate_rebalancing(const struct validation *v, const struct service_spec *service)
{
    const struct node *node = validation_node(v, "availabilityZoneRebalancing");
    const char *why = NULL;

    if (node_get(v->spec, "availabilityZoneRebalancing") == NULL ||
        service->availability_zone_rebalancing == AVAILABILITY_ZONE_REBALANCING_DISABLED)
        return;
    if (service->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON)
        why = "the tasks of a DAEMON are not moved";
    else if (service->placement_strategy_count > 0 &&
             service->placement_strategy[0].type != PLACEMENT_STRATEGY_TYPE_SPREAD)
        why = "only what is spread first is balanced";
    else if (service->deployment_configuration->maximum_percent <= 100)
        why = "with maximumPercent 100 no task can start before another one stops";
    if (why != NULL)
        decode_warning(v->decoder, node, "availabilityZoneRebalancing: ENABLED does nothing: %s",
                       why);
}

void validate_service_placement(const struct validation *v, const struct service_spec *service)
{
    validate_count(v, service->placement_constraints_count);
    for (size_t i = 0; i < service->placement_constraints_count; i++) {
        const struct placement_constraint *constraint = &service->placement_constraints[i];

        if (constraint->type == PLACEMENT_CONSTRAINT_TYPE_MEMBER_OF)
            validate_expression(v, i, constraint->expression);
        else if (constraint->expression != NULL)
            decode_mistake(v->decoder,
                           validation_node(v, "placementConstraints[%zu].expression", i),
                           "expression: distinctInstance has none");
    }
    if (service->placement_strategy_count > STRATEGIES_MAX)
        decode_mistake(v->decoder, validation_node(v, "placementStrategy"),
                       "placementStrategy: at most %d", STRATEGIES_MAX);
    for (size_t i = 0; i < service->placement_strategy_count; i++)
        validate_strategy(v, i, &service->placement_strategy[i]);
    validate_rebalancing(v, service);
}
