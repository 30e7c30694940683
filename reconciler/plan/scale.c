/*
 * One evaluation: each policy says what it wants, then the rules for several of them, the bounds,
 * cooldowns and what rests decide.
 */
#include "reconciler/plan/scale.h"

#include <math.h>

#include "spec/base/text.h"

#define HIGH_PERIODS 3  /* ecs.md 1.8: above the target */
#define LOW_PERIODS  15 /* below nine tenths of it */
#define LOW_SHARE    0.9
#define SPARE        2  /* so many datapoints may be missing */
#define LATE_S       60 /* what is newer may not have been sampled yet */
#define PERIODS_MAX  64
#define SMALL        1e-9 /* what floating point leaves over */

#define TEXT_ROW(name, text) text,
static const char *const alarm_texts[] = { SCALE_ALARMS(TEXT_ROW) };
#undef TEXT_ROW

const char *scale_alarm_text(enum scale_alarm alarm)
{
    ASSERT(alarm < SCALE_ALARM_COUNT);
    return alarm_texts[alarm];
}

static size_t late_count(const struct scaling_policy *policy)
{
    uint32_t period_s = scale_period_s(policy);

    return (LATE_S + period_s - 1) / period_s;
}

size_t scale_point_count(const struct scaling_policy *policy)
{
    size_t need =
        policy->step_scaling != NULL ? policy->step_scaling->evaluation_periods : LOW_PERIODS;

    return need + SPARE + late_count(policy);
}

uint32_t scale_period_s(const struct scaling_policy *policy)
{
    return policy->step_scaling != NULL ? policy->step_scaling->period
                                        : policy->target_tracking->period;
}

enum metric scale_metric(const struct scaling_policy *policy)
{
    if (policy->step_scaling != NULL)
        return (enum metric)(policy->step_scaling->metric - 1);
    switch (policy->target_tracking->metric) {
    case SCALING_METRIC_AVERAGE_CPU: return METRIC_CPU;
    case SCALING_METRIC_AVERAGE_MEMORY: return METRIC_MEMORY;
    case SCALING_METRIC_REQUESTS: return METRIC_REQUESTS_PER_TARGET;
    case SCALING_METRIC_UNSET: break;
    }
    assert_failed("a policy has a metric", __FILE__, __LINE__);
}

/* ---- Datapoints ------------------------------------------------------------------------------ */

/* The newest ones of an alarm, the newest first. */
struct points {
    double values[PERIODS_MAX];
    size_t count;
    int64_t begin_ms; /* of the period of the newest */
};

/* How many of the newest are not there yet. */
static size_t count_late(const struct scaling_policy *policy, const double *values)
{
    size_t all = scale_point_count(policy);
    size_t most = late_count(policy);
    size_t count = 0;

    while (count < most && isnan(values[all - 1 - count]))
        count++;
    return count;
}

/* Not more than `need`; SPARE of them may be missing in between. */
static void collect(const struct scale_input *input, size_t index, size_t need, struct points *out)
{
    const struct scaling_policy *policy = &input->spec->policies[index];
    size_t all = scale_point_count(policy);
    int64_t period_ms = (int64_t)scale_period_s(policy) * 1000;
    int64_t end_ms = input->now_ms / period_ms * period_ms;
    size_t late = count_late(policy, input->points[index]);

    ASSERT(need > 0 && need + SPARE + late <= all && need <= PERIODS_MAX);
    out->count = 0;
    for (size_t i = late; i < late + need + SPARE && out->count < need; i++) {
        double value = input->points[index][all - 1 - i];

        if (isnan(value))
            continue;
        if (out->count == 0)
            out->begin_ms = end_ms - (int64_t)(i + 1) * period_ms;
        out->values[out->count++] = value;
    }
}

static double highest(const struct points *points)
{
    double value = points->values[0];

    for (size_t i = 1; i < points->count; i++)
        value = points->values[i] > value ? points->values[i] : value;
    return value;
}

static double lowest(const struct points *points)
{
    double value = points->values[0];

    for (size_t i = 1; i < points->count; i++)
        value = points->values[i] < value ? points->values[i] : value;
    return value;
}

static uint32_t up(double number)
{
    double rounded = ceil(number - SMALL);

    return rounded <= 0 ? 0 : rounded >= UINT32_MAX ? UINT32_MAX : (uint32_t)rounded;
}

/* ---- Cooldowns ------------------------------------------------------------------------------- */

/* `since_ms` is the change, 0: none was made. */
static int64_t cooldown_end(int64_t since_ms, uint32_t cooldown_s, uint32_t period_s)
{
    int64_t period_ms = (int64_t)period_s * 1000;
    int64_t whole_ms;
    int64_t end_ms = since_ms + (int64_t)cooldown_s * 1000;

    if (since_ms == 0)
        return 0;
    /* The first period that begins after it, and its end. */
    whole_ms = (since_ms + period_ms - 1) / period_ms * period_ms + period_ms;
    return end_ms > whole_ms ? end_ms : whole_ms;
}

static int64_t out_cooldown_end(const struct scale_input *input,
                                const struct scaling_policy *policy)
{
    return cooldown_end(input->memory.out_ms,
                        policy->step_scaling != NULL ? policy->step_scaling->cooldown
                                                     : policy->target_tracking->scale_out_cooldown,
                        scale_period_s(policy));
}

static int64_t in_cooldown_end(const struct scale_input *input, const struct scaling_policy *policy)
{
    return cooldown_end(input->memory.in_ms,
                        policy->step_scaling != NULL ? policy->step_scaling->cooldown
                                                     : policy->target_tracking->scale_in_cooldown,
                        scale_period_s(policy));
}

/* While a scale-out cools down its next one counts from where that began. */
static uint32_t base_of(const struct scale_input *input, const struct scaling_policy *policy,
                        const struct points *newest)
{
    if (input->memory.out_ms != 0 && (input->now_ms < out_cooldown_end(input, policy) ||
                                      newest->begin_ms < input->memory.out_ms))
        return input->memory.out_from;
    return input->running;
}

/* ---- Target tracking ------------------------------------------------------------------------- */

static void want(struct scale_opinion *opinion, const struct scale_input *input, uint32_t wants,
                 bool out)
{
    opinion->wants = wants;
    if (out && wants > input->desired)
        opinion->way = SCALE_WAY_OUT;
    else if (!out && wants < input->desired)
        opinion->way = SCALE_WAY_IN;
    else
        opinion->why = "what is wanted already is enough";
}

/* From none: one datapoint is enough, and one task. */
static void track_zero(const struct scale_input *input, const struct points *high, double target,
                       struct scale_opinion *out)
{
    if (input->desired > 0) {
        out->why = "no task runs yet";
    } else if (high->count == 0) {
        out->why = "no task runs, and there is no datapoint";
    } else if (high->values[0] > target) {
        out->alarm = SCALE_HIGH;
        want(out, input, 1, /* out= */ true);
    } else {
        out->alarm = SCALE_OK;
        out->why = "no task runs, and the metric is not above the target";
    }
}

static void track(const struct scale_input *input, size_t index, struct scale_opinion *out)
{
    const struct target_tracking *policy = out->policy->target_tracking;
    double target = policy->target_value;
    struct points high;
    struct points low;

    collect(input, index, HIGH_PERIODS, &high);
    collect(input, index, LOW_PERIODS, &low);
    out->has_value = high.count > 0;
    out->value = out->has_value ? high.values[0] : 0;
    out->base = input->running;
    if (input->running == 0) {
        track_zero(input, &high, target, out);
    } else if (high.count < HIGH_PERIODS) {
        out->why = "fewer than three datapoints";
    } else if (lowest(&high) > target) {
        out->alarm = SCALE_HIGH;
        out->base = base_of(input, out->policy, &high);
        want(out, input, up(out->base * high.values[0] / target), /* out= */ true);
    } else if (low.count == LOW_PERIODS && highest(&low) < LOW_SHARE * target) {
        uint32_t wants = up(input->running * highest(&low) / (LOW_SHARE * target));

        out->alarm = SCALE_LOW;
        out->value = highest(&low);
        want(out, input, wants == 0 ? 1 : wants, /* out= */ false);
    } else {
        out->alarm = SCALE_OK;
        out->why = low.count < LOW_PERIODS ? "not above the target, and fewer than fifteen "
                                             "datapoints to scale in by"
                                           : "neither above the target nor long below nine tenths "
                                             "of it";
    }
}

/* ---- Step scaling ---------------------------------------------------------------------------- */

static bool is_above(const struct step_scaling *step)
{
    return step->comparison == ALARM_COMPARISON_GREATER ||
           step->comparison == ALARM_COMPARISON_GREATER_OR_EQUAL;
}

static bool breaches(const struct step_scaling *step, double value)
{
    switch (step->comparison) {
    case ALARM_COMPARISON_GREATER: return value > step->threshold;
    case ALARM_COMPARISON_GREATER_OR_EQUAL: return value >= step->threshold;
    case ALARM_COMPARISON_LESS: return value < step->threshold;
    case ALARM_COMPARISON_LESS_OR_EQUAL: return value <= step->threshold;
    case ALARM_COMPARISON_UNSET: break;
    }
    return false;
}

static double aggregate(const struct step_scaling *step, const struct points *points)
{
    double sum = 0;

    if (step->metric_aggregation_type == METRIC_AGGREGATION_MAXIMUM)
        return highest(points);
    if (step->metric_aggregation_type == METRIC_AGGREGATION_MINIMUM)
        return lowest(points);
    for (size_t i = 0; i < points->count; i++)
        sum += points->values[i];
    return sum / (double)points->count;
}

/* Above the threshold a step holds its lower bound, below it its upper one. */
static const struct step_adjustment *step_of(const struct step_scaling *step, double value)
{
    double delta = value - step->threshold;

    for (size_t i = 0; i < step->step_adjustments_count; i++) {
        const struct step_adjustment *at = &step->step_adjustments[i];
        double lower = at->metric_interval_lower_bound;
        double upper = at->metric_interval_upper_bound;

        if (is_above(step) ? delta >= lower && delta < upper : delta > lower && delta <= upper)
            return at;
    }
    return NULL;
}

/* Between -1 and 1 it is one task, else towards none; and at least so many. */
static double percent_of(const struct step_scaling *step, uint32_t base, double percent)
{
    double change = base * percent / 100;
    double size = change < 0 ? -change : change;
    double least = step->min_adjustment_magnitude;

    size = size < 1 ? (size > 0 ? 1 : 0) : floor(size + SMALL);
    if (size < least && (percent < 0 || percent > 0))
        size = least;
    return percent < 0 ? -size : size;
}

static void step_wants(const struct scale_input *input, const struct points *points,
                       struct scale_opinion *out)
{
    const struct step_scaling *step = out->policy->step_scaling;
    const struct step_adjustment *found = step_of(step, out->value);
    double change;
    double wants;

    if (found == NULL) {
        out->why = "no step is for that";
        return;
    }
    change = (double)found->scaling_adjustment;
    if (step->adjustment_type == ADJUSTMENT_TYPE_EXACT) {
        want(out, input, up(change), change > input->desired);
        return;
    }
    if (change > 0)
        out->base = base_of(input, out->policy, points);
    if (step->adjustment_type == ADJUSTMENT_TYPE_PERCENT)
        change = percent_of(step, out->base, change);
    wants = out->base + change;
    want(out, input, up(wants), change > 0);
}

static void step(const struct scale_input *input, size_t index, struct scale_opinion *out)
{
    const struct step_scaling *policy = out->policy->step_scaling;
    struct points points;

    collect(input, index, policy->evaluation_periods, &points);
    out->base = input->running;
    out->has_value = points.count > 0;
    out->value = out->has_value ? points.values[0] : 0;
    if (points.count < policy->evaluation_periods) {
        out->why = "not enough datapoints";
        return;
    }
    out->alarm = SCALE_OK;
    out->why = "the metric does not meet the comparison";
    for (size_t i = 0; i < points.count; i++) {
        if (!breaches(policy, points.values[i]))
            return;
    }
    out->alarm = SCALE_ALARM;
    out->value = aggregate(policy, &points);
    out->why = NULL;
    step_wants(input, &points, out);
}

/* ---- Several policies ------------------------------------------------------------------------ */

/* Of those that want that way the largest; of two the first. */
static const struct scale_opinion *largest(const struct scale_decision *decision, size_t count,
                                           enum scale_way way)
{
    const struct scale_opinion *found = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct scale_opinion *at = &decision->opinions[i];

        if (at->way == way && (found == NULL || at->wants > found->wants))
            found = at;
    }
    return found;
}

/* Whoever is in alarm for more, or may scale in and is not about to, lets nobody else. */
static bool holds_in(const struct scale_opinion *opinion)
{
    const struct target_tracking *tracking = opinion->policy->target_tracking;

    if (opinion->way == SCALE_WAY_IN)
        return false;
    return opinion->alarm == SCALE_HIGH || opinion->alarm == SCALE_ALARM ||
           (tracking != NULL && !tracking->disable_scale_in);
}

static void change_to(struct scale_decision *out, enum scale_way way, uint32_t desired,
                      struct arena *arena)
{
    const struct scale_opinion *opinion = out->opinion;

    out->way = way;
    out->desired = desired;
    out->cause = arena_printf(arena, "monitor alarm %s%s in state ALARM triggered policy %s",
                              opinion->policy->name,
                              opinion->alarm == SCALE_HIGH  ? "-AlarmHigh"
                              : opinion->alarm == SCALE_LOW ? "-AlarmLow"
                                                            : "",
                              opinion->policy->name);
}

static void decide_out(const struct scale_input *input, struct arena *arena,
                       struct scale_decision *out)
{
    uint32_t wants = out->opinion->wants < input->max ? out->opinion->wants : input->max;

    if (input->spec->suspended->dynamic_scaling_out)
        out->not_scaled = "dynamicScalingOut is suspended";
    else if (wants <= input->desired)
        out->not_scaled = arena_printf(arena, "AlreadyAtMaxCapacity: %u", input->max);
    else
        change_to(out, SCALE_WAY_OUT, wants, arena);
}

static void decide_in(const struct scale_input *input, size_t count, struct arena *arena,
                      struct scale_decision *out)
{
    const struct scaling_policy *policy = out->opinion->policy;
    uint32_t wants = out->opinion->wants > input->min ? out->opinion->wants : input->min;
    int64_t out_ms = out_cooldown_end(input, policy);
    int64_t in_ms = in_cooldown_end(input, policy);
    int64_t until_ms = out_ms > in_ms ? out_ms : in_ms;

    for (size_t i = 0; i < count; i++) {
        if (holds_in(&out->opinions[i])) {
            out->not_scaled = arena_printf(arena, "policy %s is not ready to scale in",
                                           out->opinions[i].policy->name);
            return;
        }
    }
    if (input->spec->suspended->dynamic_scaling_in) {
        out->not_scaled = "dynamicScalingIn is suspended";
    } else if (wants >= input->desired) {
        out->not_scaled = arena_printf(arena, "AlreadyAtMinCapacity: %u", input->min);
    } else if (input->deploying) {
        out->not_scaled = "a deployment is in progress";
    } else if (input->now_ms < until_ms) {
        out->cooldown_ms = until_ms;
        out->not_scaled = out_ms > in_ms ? "the scale-out before it cools down"
                                         : "the scale-in before it cools down";
    } else {
        change_to(out, SCALE_WAY_IN, wants, arena);
    }
}

/* A policy that may not scale in wants nothing then. */
static void give_opinion(const struct scale_input *input, size_t index, struct scale_opinion *out)
{
    const struct scaling_policy *policy = &input->spec->policies[index];

    *out = (struct scale_opinion){ .policy = policy };
    if (policy->step_scaling != NULL)
        step(input, index, out);
    else
        track(input, index, out);
    if (out->way == SCALE_WAY_IN && policy->target_tracking != NULL &&
        policy->target_tracking->disable_scale_in) {
        out->way = SCALE_STAY;
        out->why = "it does not scale in";
    }
}

void scale_decide(const struct scale_input *input, struct arena *arena, struct scale_decision *out)
{
    size_t count = input->spec->policies_count;

    ASSERT(input->min <= input->desired && input->desired <= input->max);
    *out = (struct scale_decision){ .desired = input->desired };
    out->opinions = arena_array(arena, struct scale_opinion, count + 1);
    for (size_t i = 0; i < count; i++)
        give_opinion(input, i, &out->opinions[i]);
    out->opinion = largest(out, count, SCALE_WAY_OUT);
    if (out->opinion != NULL) {
        decide_out(input, arena, out);
        return;
    }
    out->opinion = largest(out, count, SCALE_WAY_IN);
    if (out->opinion != NULL)
        decide_in(input, count, arena, out);
}
