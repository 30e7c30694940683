/*
 * Auto scaling (ecs.md 1.8): bounds, policies and scheduled actions of a Service.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/metric.h"
#include "spec/scaling_time.h"
#include "spec/validate.h"

#define DAY_S 86400

#define SAME(name) ((int)ALARM_METRIC_##name == (int)METRIC_##name + 1)
_Static_assert(SAME(CPU) && SAME(MEMORY) && SAME(REQUESTS) && SAME(REQUESTS_PER_TARGET) &&
                   SAME(ANSWERS_2XX) && SAME(ANSWERS_3XX) && SAME(ANSWERS_4XX) &&
                   SAME(ANSWERS_5XX) && SAME(CONNECTION_ERRORS) && SAME(RESPONSE_TIME) &&
                   SAME(QUEUE) && (int)ALARM_METRIC_QUEUE == (int)METRIC_COUNT,
               "the metrics of alarms are those of spec/metric.h");
#undef SAME

/* A policy of the service at hand. */
struct look {
    const struct validation *v;
    const struct service_spec *service;
    size_t index;
};

static const struct node *node_of(const struct look *look, const char *path)
{
    return validation_node(look->v, "autoScaling.policies[%zu].%s", look->index, path);
}

static void validate_period(const struct look *look, uint32_t period, const char *path)
{
    if (period == 0 || 60 % period == 0 || (period % 60 == 0 && DAY_S % period == 0))
        return;
    decode_mistake(look->v->decoder, node_of(look, path),
                   "period: %u is neither a divisor of 60 nor a multiple of it that divides a day: "
                   "write 10, 30, 60 or 300",
                   period);
}

/* Requests are counted at a load balancer. */
static void validate_source(const struct look *look, bool of_requests, const char *path,
                            const char *name)
{
    if (of_requests && look->service->load_balancers_count == 0)
        decode_mistake(look->v->decoder, node_of(look, path),
                       "metric: %s is measured at a load balancer, and the service has no "
                       "loadBalancers",
                       name);
}

/* ---- Target tracking ------------------------------------------------------------------------- */

static void refuse_zero(const struct look *look, const struct node *node)
{
    decode_mistake(look->v->decoder, node,
                   "minCapacity: with 0 tasks ALBRequestCountPerTarget measures nothing, so policy "
                   "'%s' could never start one: write at least 1",
                   look->service->auto_scaling->policies[look->index].name);
}

/* Without a target no request is counted, so nothing would bring the service back. An action that
 * keeps it at 0 until another one says otherwise is in order. */
static void validate_zero(const struct look *look)
{
    const struct auto_scaling *scaling = look->service->auto_scaling;

    if (scaling->min_capacity == 0)
        refuse_zero(look, validation_node(look->v, "autoScaling.minCapacity"));
    for (size_t i = 0; i < scaling->scheduled_actions_count; i++) {
        const struct scheduled_action *action = &scaling->scheduled_actions[i];

        if (action->min_capacity == 0 && action->max_capacity != 0)
            refuse_zero(
                look, validation_node(look->v, "autoScaling.scheduledActions[%zu].minCapacity", i));
    }
}

static void validate_tracking(const struct look *look, const struct target_tracking *tracking)
{
    bool of_requests = tracking->metric == SCALING_METRIC_REQUESTS;

    validate_period(look, tracking->period, "targetTracking.period");
    validate_source(look, of_requests, "targetTracking.metric", "ALBRequestCountPerTarget");
    if (of_requests)
        validate_zero(look);
}

/* ---- Step scaling ---------------------------------------------------------------------------- */

static bool is_unbounded(double bound)
{
    return bound <= -1e300 || bound >= 1e300;
}

static bool is_same(double a, double b)
{
    return a >= b && a <= b;
}

/* The step that begins where this one ends; NULL: none. */
static const struct step_adjustment *next_of(const struct step_scaling *step, size_t index)
{
    double end = step->step_adjustments[index].metric_interval_upper_bound;

    for (size_t i = 0; i < step->step_adjustments_count; i++) {
        if (i != index && is_same(step->step_adjustments[i].metric_interval_lower_bound, end))
            return &step->step_adjustments[i];
    }
    return NULL;
}

static bool overlap(const struct step_adjustment *a, const struct step_adjustment *b)
{
    return a->metric_interval_lower_bound < b->metric_interval_upper_bound &&
           b->metric_interval_lower_bound < a->metric_interval_upper_bound;
}

static bool is_last(const struct step_scaling *step, size_t index)
{
    for (size_t i = 0; i < step->step_adjustments_count; i++) {
        if (step->step_adjustments[i].metric_interval_upper_bound >
            step->step_adjustments[index].metric_interval_upper_bound)
            return false;
    }
    return true;
}

static const char *bad_step(const struct step_scaling *step, size_t index)
{
    const struct step_adjustment *at = &step->step_adjustments[index];

    if (at->metric_interval_lower_bound >= at->metric_interval_upper_bound)
        return "it ends where it begins, or before";
    for (size_t i = 0; i < index; i++) {
        if (overlap(&step->step_adjustments[i], at))
            return "it overlaps with another step";
    }
    if (!is_last(step, index) && !is_unbounded(at->metric_interval_upper_bound) &&
        next_of(step, index) == NULL)
        return "there is a gap behind it";
    if (step->adjustment_type == ADJUSTMENT_TYPE_EXACT && at->scaling_adjustment < 0)
        return "ExactCapacity cannot be negative";
    return NULL;
}

static void validate_step(const struct look *look, const struct step_scaling *step)
{
    validate_period(look, step->period, "stepScaling.period");
    validate_source(
        look, step->metric > ALARM_METRIC_MEMORY, "stepScaling.metric",
        step->metric == ALARM_METRIC_UNSET ? "" : metric_name((enum metric)(step->metric - 1)));
    for (size_t i = 0; i < step->step_adjustments_count; i++) {
        const char *why = bad_step(step, i);

        if (why != NULL)
            decode_mistake(look->v->decoder,
                           validation_node(look->v,
                                           "autoScaling.policies[%zu].stepScaling."
                                           "stepAdjustments[%zu]",
                                           look->index, i),
                           "stepAdjustments: %s", why);
    }
    if (step->min_adjustment_magnitude > 0 && step->adjustment_type != ADJUSTMENT_TYPE_PERCENT)
        decode_mistake(look->v->decoder, node_of(look, "stepScaling.minAdjustmentMagnitude"),
                       "minAdjustmentMagnitude: only PercentChangeInCapacity has one");
}

/* ---- Policies and actions -------------------------------------------------------------------- */

static void validate_policies(const struct validation *v, const struct service_spec *service)
{
    const struct auto_scaling *scaling = service->auto_scaling;

    for (size_t i = 0; i < scaling->policies_count; i++) {
        const struct scaling_policy *policy = &scaling->policies[i];
        const struct look look = { v, service, i };

        for (size_t j = 0; j < i; j++) {
            if (policy->name != NULL && text_equal(policy->name, scaling->policies[j].name))
                decode_mistake(v->decoder, node_of(&look, "name"), "name: two policies are '%s'",
                               policy->name);
        }
        if ((policy->target_tracking != NULL) == (policy->step_scaling != NULL))
            decode_mistake(v->decoder, validation_node(v, "autoScaling.policies[%zu]", i),
                           "policies: give either 'targetTracking' or 'stepScaling'");
        if (policy->target_tracking != NULL)
            validate_tracking(&look, policy->target_tracking);
        if (policy->step_scaling != NULL)
            validate_step(&look, policy->step_scaling);
    }
}

static void validate_action(const struct validation *v, const struct auto_scaling *scaling,
                            size_t index)
{
    const struct scheduled_action *action = &scaling->scheduled_actions[index];
    const struct node *node = validation_node(v, "autoScaling.scheduledActions[%zu]", index);
    struct scaling_time time;
    const char *wrong;
    struct err err;

    for (size_t j = 0; j < index; j++) {
        if (action->name != NULL && text_equal(action->name, scaling->scheduled_actions[j].name))
            decode_mistake(v->decoder, node, "scheduledActions: two are '%s'", action->name);
    }
    if (action->min_capacity == CAPACITY_ABSENT && action->max_capacity == CAPACITY_ABSENT)
        decode_mistake(v->decoder, node,
                       "scheduledActions: give 'minCapacity', 'maxCapacity' or both");
    else if (action->min_capacity != CAPACITY_ABSENT && action->max_capacity != CAPACITY_ABSENT &&
             action->min_capacity > action->max_capacity)
        decode_mistake(v->decoder, node,
                       "scheduledActions: minCapacity %u is more than "
                       "maxCapacity %u",
                       action->min_capacity, action->max_capacity);
    if (!zone_is_name(action->timezone))
        decode_mistake(v->decoder, node_get(node, "timezone"),
                       "timezone: '%s' is no name of a time zone: write it as Europe/Berlin",
                       action->timezone);
    if (action->schedule != NULL && scaling_time_parse(action, &zone_utc, &time, &wrong, &err) < 0)
        decode_mistake(v->decoder, node_get(node, wrong), "%s: %s", wrong, err.text);
}

void validate_scaling(const struct validation *v, const struct service_spec *service)
{
    const struct auto_scaling *scaling = service->auto_scaling;
    const struct node *desired = node_get(v->spec, "desiredCount");

    if (service->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON)
        decode_mistake(v->decoder, validation_node(v, "autoScaling"),
                       "autoScaling: a DAEMON has none, it runs one task on each instance");
    if (scaling->min_capacity > scaling->max_capacity)
        decode_mistake(v->decoder, validation_node(v, "autoScaling.maxCapacity"),
                       "maxCapacity: %u is less than minCapacity %u", scaling->max_capacity,
                       scaling->min_capacity);
    else if (desired != NULL && (service->desired_count < scaling->min_capacity ||
                                 service->desired_count > scaling->max_capacity))
        decode_warning(v->decoder, desired,
                       "desiredCount: %u is not between minCapacity %u and maxCapacity %u: it "
                       "begins with %u",
                       service->desired_count, scaling->min_capacity, scaling->max_capacity,
                       service->desired_count < scaling->min_capacity ? scaling->min_capacity
                                                                      : scaling->max_capacity);
    validate_policies(v, service);
    for (size_t i = 0; i < scaling->scheduled_actions_count; i++)
        validate_action(v, scaling, i);
}
