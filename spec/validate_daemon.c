/*
 * DAEMON (ecs.md 1.5): one task on each instance, and never two: a task is stopped before the next
 * one starts there.
 */
#include "spec/validate.h"

#define PERCENT_MAX 100 /* of the instances, that may have a task at a time */

static const struct node *bound(const struct validation *v, const char *key)
{
    return node_get(node_get(v->spec, "deploymentConfiguration"), key);
}

void complete_daemon(const struct validation *v, struct service_spec *service)
{
    struct deployment_configuration *deployment;

    if (service->scheduling_strategy != SCHEDULING_STRATEGY_DAEMON ||
        service->deployment_configuration == NULL)
        return;
    deployment = arena_copy(v->decoder->arena, service->deployment_configuration,
                            sizeof(*service->deployment_configuration));
    if (bound(v, "minimumHealthyPercent") == NULL)
        deployment->minimum_healthy_percent = 0;
    if (bound(v, "maximumPercent") == NULL)
        deployment->maximum_percent = PERCENT_MAX;
    service->deployment_configuration = deployment;
}

void validate_daemon(const struct validation *v, const struct service_spec *service)
{
    const struct deployment_configuration *deployment = service->deployment_configuration;

    decode_refusal(v->decoder, validation_node(v, "schedulingStrategy"),
                   "schedulingStrategy: DAEMON is not possible on FARGATE");
    if (node_get(v->spec, "desiredCount") != NULL)
        decode_mistake(v->decoder, validation_node(v, "desiredCount"),
                       "desiredCount: a DAEMON has none, it runs one task on each instance: remove "
                       "it");
    if (service->placement_strategy_count > 0)
        decode_mistake(v->decoder, validation_node(v, "placementStrategy"),
                       "placementStrategy: a DAEMON has none, placementConstraints say which "
                       "instances get a task");
    if (deployment->maximum_percent != PERCENT_MAX)
        decode_mistake(v->decoder, validation_node(v, "deploymentConfiguration.maximumPercent"),
                       "maximumPercent: of a DAEMON it is 100, as an instance has one task at a "
                       "time");
    if (deployment->minimum_healthy_percent >= PERCENT_MAX)
        decode_mistake(
            v->decoder, validation_node(v, "deploymentConfiguration.minimumHealthyPercent"),
            "minimumHealthyPercent: with 100 no task of a DAEMON could ever be replaced, "
            "as one is stopped before the next one starts");
}
