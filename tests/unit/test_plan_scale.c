/*
 * Scale: the rules of ecs.md 1.8, one by one.
 */
#include <math.h>

#include "reconciler/plan/scale.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define NOW_MS    INT64_C(1700000040000) /* the beginning of a minute */
#define MINUTE_MS 60000
#define NONE      NAN

static const struct scaling_suspended nothing_rests;

/* One or two policies, what they see, and what is to come of it. */
struct scene {
    struct auto_scaling spec;
    struct scaling_policy policies[2];
    struct target_tracking tracking[2];
    struct step_scaling step;
    struct step_adjustment adjustments[3];
    struct scaling_suspended rests;
    double points[2][64];
    struct scale_input input;
    const double *shown[2];
    struct arena arena;
    struct scale_decision out;
};

static struct scale_input counts(uint32_t min, uint32_t desired, uint32_t max)
{
    return (struct scale_input){
        .min = min, .desired = desired, .max = max, .running = desired, .now_ms = NOW_MS
    };
}

static void open_scene(struct scene *scene, struct scale_input input)
{
    *scene = (struct scene){ .input = input };
    scene->spec = (struct auto_scaling){ .min_capacity = input.min,
                                         .max_capacity = input.max,
                                         .policies = scene->policies,
                                         .suspended = &nothing_rests };
}

static void add_tracking(struct scene *scene, const char *name, double target)
{
    size_t index = scene->spec.policies_count++;

    scene->tracking[index] = (struct target_tracking){ .metric = SCALING_METRIC_AVERAGE_CPU,
                                                       .target_value = target,
                                                       .scale_out_cooldown = 300,
                                                       .scale_in_cooldown = 300,
                                                       .period = 60 };
    scene->policies[index] =
        (struct scaling_policy){ .name = name, .target_tracking = &scene->tracking[index] };
}

static void add_step(struct scene *scene, struct step_scaling step,
                     const struct step_adjustment *adjustments, size_t count)
{
    size_t index = scene->spec.policies_count++;

    for (size_t i = 0; i < count; i++)
        scene->adjustments[i] = adjustments[i];
    step.step_adjustments = scene->adjustments;
    step.step_adjustments_count = count;
    step.cooldown = 300;
    step.period = 60;
    step.metric = ALARM_METRIC_CPU;
    scene->step = step;
    scene->policies[index] =
        (struct scaling_policy){ .name = "step", .step_scaling = &scene->step };
}

/* All datapoints of a policy are `value`. */
static void see(struct scene *scene, size_t policy, double value)
{
    for (size_t i = 0; i < 64; i++)
        scene->points[policy][i] = value;
}

/* The datapoint that is so many periods old. */
static void see_at(struct scene *scene, size_t policy, size_t age, double value)
{
    scene->points[policy][scale_point_count(&scene->policies[policy]) - 1 - age] = value;
}

static void decide(struct scene *scene)
{
    scene->input.spec = &scene->spec;
    for (size_t i = 0; i < scene->spec.policies_count; i++)
        scene->shown[i] = scene->points[i];
    scene->input.points = scene->shown;
    scale_decide(&scene->input, &scene->arena, &scene->out);
}

static void expect(struct scene *scene, uint32_t desired, const char *not_scaled)
{
    decide(scene);
    assert_int_equal(scene->out.desired, desired);
    if (not_scaled == NULL)
        assert_null(scene->out.not_scaled);
    else
        assert_string_equal(scene->out.not_scaled, not_scaled);
    arena_release(&scene->arena);
}

static void target_tracking_is_proportional(void **unused)
{
    static const struct {
        uint32_t running;
        double value;
        uint32_t desired;
    } rows[] = {
        { 4, 60, 4 },    { 4, 60.1, 5 }, { 4, 90, 6 }, { 4, 120, 8 },
        { 4, 1000, 20 }, { 10, 66, 11 }, { 4, 54, 4 }, { 4, 53.9, 4 }, /* ceil(4 * 53.9 / 54) */
        { 4, 40.5, 3 },  { 4, 40.6, 4 }, { 4, 27, 2 }, { 4, 1, 2 },    /* minCapacity */
        { 10, 30, 6 },   { 10, 0, 2 },
    };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        open_scene(&scene, counts(2, rows[i].running, 20));
        add_tracking(&scene, "cpu", 60);
        see(&scene, 0, rows[i].value);
        decide(&scene);
        if (scene.out.desired != rows[i].desired)
            fail_msg("row %zu: %u", i, scene.out.desired);
        arena_release(&scene.arena);
    }
}

static void three_datapoints_lead_out_and_fifteen_lead_in(void **unused)
{
    struct scene scene;

    (void)unused;
    for (size_t age = 0; age < 16; age++) { /* one is not as the others */
        open_scene(&scene, counts(1, 4, 9));
        add_tracking(&scene, "cpu", 60);
        see(&scene, 0, 90);
        see_at(&scene, 0, age, 60);
        expect(&scene, age < 3 ? 4 : 6, NULL);
        see(&scene, 0, 27);
        see_at(&scene, 0, age, 54);
        expect(&scene, age < 15 ? 4 : 2, NULL);
    }
}

static void the_newest_leads_out_and_the_highest_in(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 90));
    add_tracking(&scene, "cpu", 60);
    see(&scene, 0, 200);
    see_at(&scene, 0, 0, 90);
    expect(&scene, 6, NULL);
    see(&scene, 0, 10);
    see_at(&scene, 0, 9, 27);
    expect(&scene, 2, NULL);
}

static void missing_datapoints_are_passed_over_up_to_two(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 9));
    add_tracking(&scene, "cpu", 60);
    see(&scene, 0, 90);
    see_at(&scene, 0, 1, NONE);
    see_at(&scene, 0, 2, NONE);
    expect(&scene, 6, NULL);
    see_at(&scene, 0, 4, NONE);
    expect(&scene, 4, NULL);
    see(&scene, 0, 27);
    see_at(&scene, 0, 3, NONE);
    see_at(&scene, 0, 14, NONE);
    expect(&scene, 2, NULL);
    see_at(&scene, 0, 4, NONE);
    expect(&scene, 4, NULL);
    see(&scene, 0, NONE);
    decide(&scene);
    assert_int_equal(scene.out.desired, 4);
    assert_int_equal(scene.out.opinions[0].alarm, SCALE_INSUFFICIENT);
    assert_string_equal(scene.out.opinions[0].why, "fewer than three datapoints");
    arena_release(&scene.arena);
}

/* The newest period is over, but its last sample is yet to come. */
static void what_is_not_there_yet_is_not_missing(void **unused)
{
    static const uint32_t periods[] = { 60, 20, 10, 300 };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(periods); i++) {
        size_t late = periods[i] > 60 ? 1 : 60 / periods[i];

        open_scene(&scene, counts(1, 4, 9));
        add_tracking(&scene, "cpu", 60);
        scene.tracking[0].period = periods[i];
        see(&scene, 0, 27);
        for (size_t age = 0; age < late; age++)
            see_at(&scene, 0, age, NONE);
        see_at(&scene, 0, late + 1, NONE); /* and two that are missing */
        see_at(&scene, 0, late + 2, NONE);
        expect(&scene, 2, NULL);
        see_at(&scene, 0, late + 3, NONE);
        expect(&scene, 4, NULL);
        see(&scene, 0, 90);
        for (size_t age = 0; age < late + 2; age++)
            see_at(&scene, 0, age, NONE);
        expect(&scene, 6, NULL);
        see_at(&scene, 0, late + 2, NONE);
        expect(&scene, 4, NULL);
    }
}

static void it_counts_from_what_runs(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 6, 20));
    add_tracking(&scene, "cpu", 60);
    scene.input.running = 4;
    see(&scene, 0, 90);
    expect(&scene, 6, NULL); /* 4 * 1.5 is wanted already */
    see(&scene, 0, 120);
    expect(&scene, 8, NULL);
    see(&scene, 0, 27);
    expect(&scene, 2, NULL);
}

static void from_none_one_datapoint_starts_one(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(0, 0, 20));
    add_tracking(&scene, "cpu", 60);
    see(&scene, 0, NONE);
    expect(&scene, 0, NULL);
    see_at(&scene, 0, 0, 600);
    expect(&scene, 1, NULL);
    see_at(&scene, 0, 0, 60);
    expect(&scene, 0, NULL);
    scene.input.desired = 3; /* they are on their way */
    see_at(&scene, 0, 0, 600);
    expect(&scene, 3, NULL);
    scene.input.running = 2;
    see(&scene, 0, 0);
    expect(&scene, 1, NULL); /* never the last one */
}

static void a_scale_out_cools_down(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 6, 20));
    add_tracking(&scene, "cpu", 60);
    scene.input.memory =
        (struct scaling){ .out_ms = NOW_MS - 4 * MINUTE_MS, .out_from = 4 }; /* 4 -> 6 */
    see(&scene, 0, 90);
    expect(&scene, 6, NULL); /* what was added is counted */
    see(&scene, 0, 105);
    expect(&scene, 7, NULL); /* only the difference */
    see(&scene, 0, 27);
    expect(&scene, 6, "the scale-out before it cools down");
    scene.input.memory.out_ms = NOW_MS - 5 * MINUTE_MS;
    expect(&scene, 3, NULL);
    see(&scene, 0, 90);
    expect(&scene, 9, NULL);
}

static void a_cooldown_lasts_until_a_whole_datapoint_is_there(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 6, 20));
    add_tracking(&scene, "cpu", 60);
    scene.tracking[0].scale_out_cooldown = 0;
    scene.tracking[0].scale_in_cooldown = 0;
    scene.input.memory = (struct scaling){ .out_ms = NOW_MS - MINUTE_MS - 1, .out_from = 4 };
    see(&scene, 0, 90);
    expect(&scene, 9, NULL); /* the newest began after it */
    scene.input.memory.out_ms = NOW_MS - MINUTE_MS + 1;
    expect(&scene, 6, NULL);
    see_at(&scene, 0, 0, NONE); /* it is over, but what is there is older */
    scene.input.memory.out_ms = NOW_MS - MINUTE_MS - 1;
    expect(&scene, 6, NULL);
    scene.input.memory = (struct scaling){ .in_ms = NOW_MS - MINUTE_MS + 1 };
    see(&scene, 0, 27);
    expect(&scene, 6, "the scale-in before it cools down");
    scene.input.memory.in_ms = NOW_MS - MINUTE_MS;
    expect(&scene, 3, NULL);
}

static void a_scale_in_cools_down_and_a_scale_out_ends_that(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 6, 20));
    add_tracking(&scene, "cpu", 60);
    scene.input.memory = (struct scaling){ .in_ms = NOW_MS - 5 * MINUTE_MS + 1 };
    see(&scene, 0, 27);
    expect(&scene, 6, "the scale-in before it cools down");
    assert_true(scene.out.cooldown_ms > NOW_MS);
    see(&scene, 0, 90);
    expect(&scene, 9, NULL);
    see(&scene, 0, 27);
    scene.input.memory.in_ms = NOW_MS - 5 * MINUTE_MS;
    expect(&scene, 3, NULL);
}

static void a_deployment_holds_back_scale_in_only(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 20));
    add_tracking(&scene, "cpu", 60);
    scene.input.deploying = true;
    see(&scene, 0, 27);
    expect(&scene, 4, "a deployment is in progress");
    see(&scene, 0, 90);
    expect(&scene, 6, NULL);
}

static void what_rests_does_not_scale(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 20));
    add_tracking(&scene, "cpu", 60);
    scene.rests = (struct scaling_suspended){ .dynamic_scaling_in = true };
    scene.spec.suspended = &scene.rests;
    see(&scene, 0, 27);
    expect(&scene, 4, "dynamicScalingIn is suspended");
    see(&scene, 0, 90);
    expect(&scene, 6, NULL);
    scene.rests = (struct scaling_suspended){ .dynamic_scaling_out = true };
    expect(&scene, 4, "dynamicScalingOut is suspended");
    see(&scene, 0, 27);
    expect(&scene, 2, NULL);
}

static void bounds_are_kept(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(3, 4, 5));
    add_tracking(&scene, "cpu", 60);
    see(&scene, 0, 900);
    expect(&scene, 5, NULL);
    see(&scene, 0, 1);
    expect(&scene, 3, NULL);
    scene.input.desired = scene.input.running = 5;
    see(&scene, 0, 900);
    expect(&scene, 5, "AlreadyAtMaxCapacity: 5");
    scene.input.desired = scene.input.running = 3;
    see(&scene, 0, 1);
    expect(&scene, 3, "AlreadyAtMinCapacity: 3");
}

static void out_if_any_and_in_if_all(void **unused)
{
    static const struct {
        double values[2];
        bool disabled; /* scale-in of the second */
        uint32_t desired;
    } rows[] = {
        { { 90, 1 }, false, 6 },   { { 90, 120 }, false, 8 },  { { 27, 57 }, false, 4 },
        { { 27, 40 }, false, 3 },  { { 27, 57 }, true, 2 },    { { 27, NONE }, false, 4 },
        { { 27, NONE }, true, 2 }, { { 90, NONE }, false, 6 },
    };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        open_scene(&scene, counts(1, 4, 20));
        add_tracking(&scene, "cpu", 60);
        add_tracking(&scene, "memory", 60);
        scene.tracking[1].disable_scale_in = rows[i].disabled;
        see(&scene, 0, rows[i].values[0]);
        see(&scene, 1, rows[i].values[1]);
        decide(&scene);
        if (scene.out.desired != rows[i].desired)
            fail_msg("row %zu: %u", i, scene.out.desired);
        arena_release(&scene.arena);
    }
}

static void who_is_in_alarm_for_more_holds_back_scale_in(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 6, 20));
    add_tracking(&scene, "cpu", 60);
    add_tracking(&scene, "out", 60);
    scene.tracking[1].disable_scale_in = true;
    scene.input.running = 4;
    see(&scene, 0, 27);
    see(&scene, 1, 90); /* what it wants is wanted already */
    expect(&scene, 6, "policy out is not ready to scale in");
}

static void a_policy_that_does_not_scale_in(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 20));
    add_tracking(&scene, "cpu", 60);
    scene.tracking[0].disable_scale_in = true;
    see(&scene, 0, 27);
    expect(&scene, 4, NULL);
    see(&scene, 0, 90);
    expect(&scene, 6, NULL);
}

/* ---- Step scaling ---------------------------------------------------------------------------- */

#define NO_LOWER (-1e300)
#define NO_UPPER 1e300

static const struct step_adjustment up_steps[] = { { 0, 10, 1 },
                                                   { 10, 20, 3 },
                                                   { 20, NO_UPPER, 5 } };
static const struct step_adjustment down_steps[] = { { -10, 0, -1 }, { NO_LOWER, -10, -3 } };

static void steps_hold_their_bounds_as_the_side_says(void **unused)
{
    static const struct {
        enum alarm_comparison comparison;
        double value;
        uint32_t desired;
    } rows[] = {
        { ALARM_COMPARISON_GREATER_OR_EQUAL, 49.9, 8 },
        { ALARM_COMPARISON_GREATER_OR_EQUAL, 50, 9 },
        { ALARM_COMPARISON_GREATER, 50, 8 },
        { ALARM_COMPARISON_GREATER, 50.1, 9 },
        { ALARM_COMPARISON_GREATER, 59.9, 9 },
        { ALARM_COMPARISON_GREATER, 60, 11 },
        { ALARM_COMPARISON_GREATER, 70, 13 },
        { ALARM_COMPARISON_GREATER, 7000, 13 },
        { ALARM_COMPARISON_LESS, 50, 8 },
        { ALARM_COMPARISON_LESS_OR_EQUAL, 50, 7 },
        { ALARM_COMPARISON_LESS, 40.1, 7 },
        { ALARM_COMPARISON_LESS, 40, 5 },
        { ALARM_COMPARISON_LESS, 0, 5 },
    };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        bool above = rows[i].comparison == ALARM_COMPARISON_GREATER ||
                     rows[i].comparison == ALARM_COMPARISON_GREATER_OR_EQUAL;

        open_scene(&scene, counts(1, 8, 100));
        add_step(&scene,
                 (struct step_scaling){ .threshold = 50,
                                        .comparison = rows[i].comparison,
                                        .adjustment_type = ADJUSTMENT_TYPE_CHANGE,
                                        .evaluation_periods = 1 },
                 above ? up_steps : down_steps, above ? 3 : 2);
        see(&scene, 0, rows[i].value);
        decide(&scene);
        if (scene.out.desired != rows[i].desired)
            fail_msg("row %zu: %u", i, scene.out.desired);
        arena_release(&scene.arena);
    }
}

static void percent_is_rounded_as_amazon_does(void **unused)
{
    static const struct {
        uint32_t running;
        int64_t percent;
        uint32_t magnitude;
        uint32_t desired;
    } rows[] = {
        { 4, 25, 0, 5 },    { 4, 25, 2, 6 },   { 3, 10, 0, 4 },  { 3, 67, 0, 5 }, /* 2.01 */
        { 10, 29, 0, 12 },  { 10, -67, 0, 4 }, { 10, -9, 0, 9 }, { 10, -9, 3, 7 },
        { 10, 100, 3, 20 }, { 2, -100, 0, 1 }, { 10, 0, 3, 10 },
    };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct step_adjustment adjustment = { NO_LOWER, NO_UPPER, rows[i].percent };

        open_scene(&scene, counts(1, rows[i].running, 100));
        add_step(&scene,
                 (struct step_scaling){ .threshold = 50,
                                        .comparison = ALARM_COMPARISON_GREATER,
                                        .adjustment_type = ADJUSTMENT_TYPE_PERCENT,
                                        .min_adjustment_magnitude = rows[i].magnitude,
                                        .evaluation_periods = 1 },
                 &adjustment, 1);
        see(&scene, 0, 60);
        decide(&scene);
        if (scene.out.desired != rows[i].desired)
            fail_msg("row %zu: %u", i, scene.out.desired);
        arena_release(&scene.arena);
    }
}

static void exact_capacity_is_what_it_says(void **unused)
{
    const struct step_adjustment adjustment = { NO_LOWER, NO_UPPER, 7 };
    struct scene scene;

    (void)unused;
    for (uint32_t desired = 5; desired < 10; desired++) {
        open_scene(&scene, counts(1, desired, 100));
        add_step(&scene,
                 (struct step_scaling){ .threshold = 50,
                                        .comparison = ALARM_COMPARISON_GREATER,
                                        .adjustment_type = ADJUSTMENT_TYPE_EXACT,
                                        .evaluation_periods = 1 },
                 &adjustment, 1);
        see(&scene, 0, 60);
        expect(&scene, 7, NULL);
    }
}

static void all_periods_of_an_alarm_must_meet_it(void **unused)
{
    static const struct {
        enum metric_aggregation aggregation;
        uint32_t desired;
    } rows[] = { { METRIC_AGGREGATION_AVERAGE, 11 },
                 { METRIC_AGGREGATION_MINIMUM, 9 },
                 { METRIC_AGGREGATION_MAXIMUM, 13 } };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        open_scene(&scene, counts(1, 8, 100));
        add_step(&scene,
                 (struct step_scaling){ .threshold = 50,
                                        .comparison = ALARM_COMPARISON_GREATER,
                                        .adjustment_type = ADJUSTMENT_TYPE_CHANGE,
                                        .metric_aggregation_type = rows[i].aggregation,
                                        .evaluation_periods = 3 },
                 up_steps, 3);
        see(&scene, 0, 52);
        see_at(&scene, 0, 0, 62);
        see_at(&scene, 0, 1, 75);
        expect(&scene, rows[i].desired, NULL);
        see_at(&scene, 0, 2, 50);
        expect(&scene, 8, NULL);
        see_at(&scene, 0, 2, NONE);
        see_at(&scene, 0, 3, NONE);
        expect(&scene, rows[i].desired, NULL); /* the fourth is taken */
        see_at(&scene, 0, 4, NONE);
        expect(&scene, 8, NULL);
    }
}

static void steps_cool_down_likewise(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 8, 100));
    add_step(&scene,
             (struct step_scaling){ .threshold = 50,
                                    .comparison = ALARM_COMPARISON_GREATER,
                                    .adjustment_type = ADJUSTMENT_TYPE_CHANGE,
                                    .evaluation_periods = 1 },
             up_steps, 3);
    scene.input.memory = (struct scaling){ .out_ms = NOW_MS - 4 * MINUTE_MS, .out_from = 5 };
    see(&scene, 0, 60);
    expect(&scene, 8, NULL); /* 5 + 3 is there */
    see(&scene, 0, 70);
    expect(&scene, 10, NULL);
    scene.input.memory.out_ms = NOW_MS - 5 * MINUTE_MS;
    expect(&scene, 13, NULL);
}

static void target_tracking_holds_back_a_step_in(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 8, 100));
    add_tracking(&scene, "cpu", 60);
    add_step(&scene,
             (struct step_scaling){ .threshold = 50,
                                    .comparison = ALARM_COMPARISON_LESS,
                                    .adjustment_type = ADJUSTMENT_TYPE_CHANGE,
                                    .evaluation_periods = 1 },
             down_steps, 2);
    see(&scene, 0, 57);
    see(&scene, 1, 45);
    expect(&scene, 8, "policy cpu is not ready to scale in");
    see(&scene, 0, 27);
    expect(&scene, 7, NULL); /* the larger of 4 and 7 */
    see(&scene, 0, 90);
    expect(&scene, 12, NULL);
}

static void a_cause_is_told_as_ecs_does(void **unused)
{
    struct scene scene;

    (void)unused;
    open_scene(&scene, counts(1, 4, 20));
    add_tracking(&scene, "cpu", 60);
    see(&scene, 0, 90);
    decide(&scene);
    assert_string_equal(scene.out.cause,
                        "monitor alarm cpu-AlarmHigh in state ALARM triggered policy cpu");
    arena_release(&scene.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_tracking_is_proportional),
        cmocka_unit_test(three_datapoints_lead_out_and_fifteen_lead_in),
        cmocka_unit_test(the_newest_leads_out_and_the_highest_in),
        cmocka_unit_test(missing_datapoints_are_passed_over_up_to_two),
        cmocka_unit_test(what_is_not_there_yet_is_not_missing),
        cmocka_unit_test(it_counts_from_what_runs),
        cmocka_unit_test(from_none_one_datapoint_starts_one),
        cmocka_unit_test(a_scale_out_cools_down),
        cmocka_unit_test(a_cooldown_lasts_until_a_whole_datapoint_is_there),
        cmocka_unit_test(a_scale_in_cools_down_and_a_scale_out_ends_that),
        cmocka_unit_test(a_deployment_holds_back_scale_in_only),
        cmocka_unit_test(what_rests_does_not_scale),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(out_if_any_and_in_if_all),
        cmocka_unit_test(who_is_in_alarm_for_more_holds_back_scale_in),
        cmocka_unit_test(a_policy_that_does_not_scale_in),
        cmocka_unit_test(steps_hold_their_bounds_as_the_side_says),
        cmocka_unit_test(percent_is_rounded_as_amazon_does),
        cmocka_unit_test(exact_capacity_is_what_it_says),
        cmocka_unit_test(all_periods_of_an_alarm_must_meet_it),
        cmocka_unit_test(steps_cool_down_likewise),
        cmocka_unit_test(target_tracking_holds_back_a_step_in),
        cmocka_unit_test(a_cause_is_told_as_ecs_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
