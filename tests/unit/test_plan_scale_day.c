/*
 * A day in a second: a service follows the load of a day, evaluated each 20 s, its tasks serve 40 s
 * after they were asked for.
 */
#include <math.h>

#include "reconciler/plan/scale.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

#define START_MS  INT64_C(1700006400000) /* a midnight */
#define STEP_MS   20000
#define MINUTE_MS 60000
#define DAY_STEPS (24 * 3600 * 1000 / STEP_MS)
#define MINUTES   (24 * 60)
#define TARGET    60.0
#define POINTS    18
#define READY_MS  40000

struct day {
    uint32_t desired;
    uint32_t running;
    int64_t ready_ms; /* then so many run as are desired */
    double minutes[MINUTES];
    double sum; /* of the minute under way */
    uint32_t samples;
    struct scaling memory;
    struct rng rng;
    uint32_t outs;
    uint32_t ins;
    uint32_t turns;        /* out within ten minutes after in, or in after out */
    uint32_t hot;          /* minutes more than a tenth above the target */
    uint32_t steady_wrong; /* minutes of steady load outside of the band */
};

/* In percent of one task: little at night, a slope in the morning, a peak in the evening, and two
 * hours at the same height. */
static double load_at(struct day *day, int64_t minute)
{
    double hour = (double)minute / 60;
    double noise = 1 + ((double)rng_below(&day->rng, 61) - 30) / 1000;
    double load = 700 - 550 * cos((hour - 4) / 24 * 2 * 3.14159265358979);

    if (hour >= 20 && hour < 21)
        load += 400 * (hour - 20);
    if (hour >= 12 && hour < 14)
        load = 900;
    return load * noise;
}

static void evaluate(struct day *day, int64_t now_ms)
{
    static const struct scaling_suspended nothing_rests;
    static const struct target_tracking tracking = { .metric = SCALING_METRIC_AVERAGE_CPU,
                                                     .target_value = TARGET,
                                                     .scale_out_cooldown = 300,
                                                     .scale_in_cooldown = 300,
                                                     .period = 60 };
    struct scaling_policy policy = { .name = "cpu", .target_tracking = &tracking };
    const struct auto_scaling spec = { .policies = &policy,
                                       .policies_count = 1,
                                       .suspended = &nothing_rests };
    int64_t over = (now_ms - START_MS) / MINUTE_MS; /* minutes that are */
    double points[POINTS];
    const double *shown = points;
    AUTO(arena) arena = { 0 };
    struct scale_decision out;

    assert_int_equal(scale_point_count(&policy), POINTS);
    for (int64_t i = 0; i < POINTS; i++)
        points[i] = over - POINTS + i < 0 ? NAN : day->minutes[over - POINTS + i];
    scale_decide(&(const struct scale_input){ .spec = &spec,
                                              .min = 2,
                                              .max = 40,
                                              .desired = day->desired,
                                              .running = day->running,
                                              .memory = day->memory,
                                              .now_ms = now_ms,
                                              .points = &shown },
                 &arena, &out);
    if (out.way == SCALE_STAY)
        return;
    if (out.way == SCALE_WAY_OUT) {
        day->turns += day->memory.in_ms != 0 && now_ms - day->memory.in_ms < 10 * MINUTE_MS;
        day->outs++;
        day->memory.out_ms = now_ms;
        day->memory.out_from = out.opinion->base;
    } else {
        day->turns += day->memory.out_ms != 0 && now_ms - day->memory.out_ms < 10 * MINUTE_MS;
        day->ins++;
        day->memory.in_ms = now_ms;
    }
    day->desired = out.desired;
    day->ready_ms = now_ms + READY_MS;
}

static void pass(struct day *day, int64_t step)
{
    int64_t now_ms = START_MS + step * STEP_MS;
    int64_t minute = step * STEP_MS / MINUTE_MS;
    double value;

    if (now_ms >= day->ready_ms || day->desired < day->running)
        day->running = day->desired;
    value = load_at(day, minute) / day->running;
    day->sum += value > 100 ? 100 : value;
    if (++day->samples == MINUTE_MS / STEP_MS) {
        day->minutes[minute] = day->sum / day->samples;
        day->hot += day->minutes[minute] > 1.1 * TARGET;
        day->steady_wrong +=
            minute >= 12 * 60 + 30 && minute < 14 * 60 &&
            (day->minutes[minute] > 1.05 * TARGET || day->minutes[minute] < 0.8 * TARGET);
        day->sum = 0;
        day->samples = 0;
    }
    evaluate(day, now_ms + STEP_MS);
}

static void the_count_follows_the_day(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct day day = { .desired = 4, .running = 4, .rng = { seed } };

        for (int64_t step = 0; step < DAY_STEPS; step++)
            pass(&day, step);
        if (day.turns > 0 || day.hot > MINUTES / 50 || day.steady_wrong > 0 || day.outs < 10 ||
            day.ins < 10 || day.outs + day.ins > 80)
            fail_msg("seed %llu: out %u, in %u, %u turns, %u minutes above, %u outside",
                     (unsigned long long)seed, day.outs, day.ins, day.turns, day.hot,
                     day.steady_wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_count_follows_the_day) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
