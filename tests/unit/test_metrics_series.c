/*
 * A day of one service: how what comes is spread over periods, read in others, packed, and kept.
 */
#include <math.h>
#include <string.h>

#include "reconciler/metrics/pack.h"
#include "reconciler/metrics/series.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define T0     (INT64_C(29000000) * MINUTE) /* a begin of a minute, in 2025 */

#define assert_near(value, expected)                                                               \
    assert_true(fabs((value) - (expected)) <= fabs((double)(expected)) * 0.001 + 0.011)
#define assert_none(value) assert_true(isnan(value))

static void use(struct series *series, int64_t from_s, int64_t to_s, double cpu, double memory)
{
    const struct series_use one = {
        .cpu = cpu, .cpu_given = 256, .memory = memory, .memory_given = 100
    };

    series_add_use(series, T0 + from_s * SECOND, T0 + to_s * SECOND, &one);
}

static void load(struct series *series, int64_t from_s, int64_t to_s, uint64_t requests,
                 double targets)
{
    const struct series_load one = { .requests = requests,
                                     .answers = { requests, 0, 0, 0 },
                                     .response_s = requests > 0 ? 0.25 : NAN,
                                     .queue = 2,
                                     .targets = targets };

    series_add_load(series, T0 + from_s * SECOND, T0 + to_s * SECOND, &one);
}

static double read(const struct series *series, enum metric metric, int64_t from_s, int64_t to_s)
{
    double all[METRIC_COUNT];

    series_read(series, T0 + from_s * SECOND, T0 + to_s * SECOND, all);
    return all[metric];
}

static void numbers_in_16_bits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++)
        assert_true(fabs(unpack(pack(i)) - i) <= (i < 2048 ? 0 : 1));
    for (double value = 1; value < 1e20; value *= 1.37)
        assert_true(fabs(unpack(pack(value)) - value) <= fmax(0.5, value * 0.0005));
    /* Larger numbers never come back as smaller ones. */
    for (unsigned code = 1; code < (1024 * 61) + 2048; code++) {
        assert_true(unpack((uint16_t)code) > unpack((uint16_t)(code - 1)));
        assert_int_equal(pack(unpack((uint16_t)code)), code);
    }
    assert_none(unpack(pack(NAN)));
    assert_true(unpack(pack(-1)) == 0 && unpack(pack(1e300)) > 1e20);
    assert_int_not_equal(pack(1e300), PACK_NONE);
}

static void averages_over_tasks_and_time(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    use(series, 0, 20, 256, 50); /* two tasks */
    use(series, 0, 20, 128, 100);
    assert_near(read(series, METRIC_CPU, 0, 20), 75);
    assert_near(read(series, METRIC_MEMORY, 0, 20), 75);
    use(series, 20, 40, 0, 150); /* one of them is left */
    assert_near(read(series, METRIC_MEMORY, 20, 40), 150);
    use(series, 40, 60, 0, 150);
    /* Of 80 seconds of tasks. */
    assert_near(read(series, METRIC_CPU, 0, 60), (100.0 + 50) * 20 / 80);
    assert_none(read(series, METRIC_REQUESTS, 0, 60));
}

static void a_sample_belongs_to_all_its_time(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    use(series, 0, 60, 128, 40);
    assert_near(read(series, METRIC_CPU, 0, 20), 50);
    assert_near(read(series, METRIC_CPU, 40, 60), 50);
    use(series, 60, 90, 256, 40); /* and to a half of this one */
    assert_near(read(series, METRIC_CPU, 60, 80), 100);
    assert_none(read(series, METRIC_CPU, 80, 100)); /* which is not measured to its end */
    use(series, 90, 100, 0, 40);
    assert_near(read(series, METRIC_CPU, 80, 100), 50);
    assert_near(read(series, METRIC_CPU, 70, 90), 75); /* of two periods, as far as is known */
}

static void what_was_not_measured_is_none(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    assert_none(read(series, METRIC_CPU, 0, 60));
    use(series, 0, 20, 128, 40);
    use(series, 600, 620, 256, 40);
    assert_none(read(series, METRIC_CPU, 20, 40));
    assert_none(read(series, METRIC_CPU, 60, 120));
    assert_near(read(series, METRIC_CPU, 0, 60), 50);
    assert_near(read(series, METRIC_CPU, 0, 3600 * 0 + 620), 75);
    /* CPU time of the first sample is not known, memory is. */
    use(series, 620, 640, NAN, 40);
    assert_none(read(series, METRIC_CPU, 620, 640));
    assert_near(read(series, METRIC_MEMORY, 620, 640), 40);
}

static void requests_are_whole(void **state)
{
    AUTO(series) *series = series_new();
    double sum = 0;

    (void)state;
    load(series, -7, 33, 101, 2);
    load(series, 33, 73, 100, 2);
    for (int64_t at = -20; at < 60; at += 20) {
        double requests = read(series, METRIC_REQUESTS, at, at + 20);

        assert_true(requests == floor(requests));
        sum += requests;
    }
    load(series, 73, 80, 0, 2);
    sum += read(series, METRIC_REQUESTS, 60, 80);
    assert_true(sum == 201);
    assert_true(read(series, METRIC_REQUESTS, -60, 60) < 201);
    assert_near(read(series, METRIC_RESPONSE_TIME, 0, 20), 0.25);
    assert_true(read(series, METRIC_QUEUE, 0, 60) == 2);
    assert_true(read(series, METRIC_ANSWERS_5XX, 0, 60) == 0);
    load(series, 80, 120, 0, 0);
    assert_none(read(series, METRIC_RESPONSE_TIME, 100, 120));
    assert_none(read(series, METRIC_REQUESTS_PER_TARGET, 100, 120));
    assert_true(read(series, METRIC_REQUESTS, 100, 120) == 0);
}

static void per_target_and_minute(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    for (int64_t at = 0; at < 300; at += 20)
        load(series, at, at + 20, 40, 4);
    assert_near(read(series, METRIC_REQUESTS_PER_TARGET, 0, 20), 30);
    assert_near(read(series, METRIC_REQUESTS_PER_TARGET, 0, 60), 30);
    assert_near(read(series, METRIC_REQUESTS_PER_TARGET, 0, 300), 30);
    assert_near(read(series, METRIC_REQUESTS, 0, 300), 600);
    assert_near(read(series, METRIC_REQUESTS, 0, 10), 20);
}

/* What policies of shorter periods read, while it is measured. */
static void parts_of_a_period_that_goes_on(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    load(series, 0, 5, 10, 2);
    assert_near(read(series, METRIC_REQUESTS, 0, 5), 10);
    assert_near(read(series, METRIC_REQUESTS_PER_TARGET, 0, 5), 60);
    assert_none(read(series, METRIC_REQUESTS, 5, 10));
    load(series, 5, 10, 30, 2);
    assert_near(read(series, METRIC_REQUESTS, 0, 10), 40);
    assert_near(read(series, METRIC_REQUESTS, 5, 10), 20);
    assert_near(read(series, METRIC_REQUESTS_PER_TARGET, 5, 10), 120);
    assert_near(read(series, METRIC_RESPONSE_TIME, 5, 10), 0.25);
    load(series, 10, 20, 0, 2);
    assert_near(read(series, METRIC_REQUESTS, 0, 10), 20);
    assert_near(read(series, METRIC_REQUESTS, 0, 20), 40);
}

/* The same, whether it is open, packed in periods, or in minutes. */
static void it_stays_what_it_was(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    for (int64_t at = 0; at < 24 * 3600; at += 20) {
        use(series, at, at + 20, (double)(at % 3600) / 3600 * 256, 40);
        load(series, at, at + 20, 50, 2);
        if (at >= 300) {
            assert_near(read(series, METRIC_CPU, at - 300 - at % 60, at - 240 - at % 60),
                        (double)((at - 300 - at % 60) % 3600 + 20) / 36);
        }
    }
    for (int64_t at = 0; at < 24 * 3600 - 60; at += 60) {
        assert_near(read(series, METRIC_CPU, at, at + 60), (double)(at % 3600 + 20) / 36);
        assert_true(read(series, METRIC_REQUESTS, at, at + 60) == 150);
    }
    /* A period of before an hour is a third of its minute. */
    assert_near(read(series, METRIC_REQUESTS, 40, 60), 50);
    assert_near(read(series, METRIC_CPU, 24 * 3600 - 600, 24 * 3600 - 580), 3000 / 36.0);
    assert_near(read(series, METRIC_MEMORY, 0, 24 * 3600 - 60), 40);
    /* The next day takes its place. */
    use(series, 24 * 3600 + 240, 24 * 3600 + 260, 256, 40);
    assert_none(read(series, METRIC_CPU, 0, 60));
    assert_near(read(series, METRIC_CPU, 3600, 3660), 20 / 36.0);
    assert_true(series_until_ms(series) == T0 + (24 * 3600 + 260) * SECOND);
}

static void after_days_without_any(void **state)
{
    AUTO(series) *series = series_new();
    const int64_t later = 3 * 24 * 3600 + 40;

    (void)state;
    for (int64_t at = 0; at < 7200; at += 20)
        use(series, at, at + 20, 256, 40);
    use(series, later, later + 20, 128, 40);
    assert_near(read(series, METRIC_CPU, later, later + 20), 50);
    for (int64_t at = later - 24 * 3600; at < later; at += 20)
        assert_none(read(series, METRIC_CPU, at, at + 20));
}

static void hosts_are_not_sampled_at_once(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    use(series, 0, 20, 256, 40);
    use(series, 20, 40, 256, 40);
    use(series, 2, 22, 0, 40); /* another host */
    assert_near(read(series, METRIC_CPU, 0, 20), 100.0 * 20 / 38);
    use(series, 40, 200, 256, 40);
    use(series, 22, 182, 0, 40); /* one that took long to answer */
    assert_near(read(series, METRIC_CPU, 180, 200), 100.0 * 20 / 22);
}

static void a_clock_that_is_set_back(void **state)
{
    AUTO(series) *series = series_new();

    (void)state;
    for (int64_t at = 0; at < 7200; at += 20)
        use(series, at, at + 20, 256, 40);
    use(series, 3600, 3620, 128, 40);
    assert_near(read(series, METRIC_CPU, 3600, 3620), 50);
    assert_near(read(series, METRIC_CPU, 1200, 1260), 100);
    assert_none(read(series, METRIC_CPU, 3660, 3720));
    for (int64_t at = 3620; at < 7200; at += 20)
        use(series, at, at + 20, 128, 40);
    assert_near(read(series, METRIC_CPU, 3600, 7200), 50);
    assert_near(read(series, METRIC_CPU, 3000, 3540), 100);
}

static void kept_and_restored(void **state)
{
    AUTO(series) *series = series_new();
    AUTO(series) *other = series_new();
    struct series_minute saved;

    (void)state;
    for (int64_t at = 0; at < 3600; at += 20) {
        use(series, at, at + 20, 128, 40);
        if (at >= 1800)
            load(series, at, at + 20, 5, 1);
    }
    for (int64_t minute = T0 / MINUTE; minute < T0 / MINUTE + 60; minute++) {
        assert_true(series_save(series, minute, &saved));
        assert_true(saved.has_use);
        assert_int_equal(saved.has_load, minute >= T0 / MINUTE + 30);
        series_restore(other, minute, &saved);
    }
    assert_false(series_save(series, T0 / MINUTE + 60, &saved));
    assert_false(series_save(series, T0 / MINUTE - 1, &saved));
    for (int64_t at = 0; at < 3600; at += 60) {
        assert_near(read(other, METRIC_CPU, at, at + 60), 50);
        assert_int_equal(isnan(read(other, METRIC_REQUESTS, at, at + 60)), at < 1800);
    }
    assert_near(read(other, METRIC_CPU, 20, 40), 50);
    assert_near(read(other, METRIC_REQUESTS, 1800, 3600), 450);
    /* It goes on, after a gap of a minute. */
    use(other, 3660, 3680, 256, 40);
    assert_near(read(other, METRIC_CPU, 3660, 3680), 100);
    assert_none(read(other, METRIC_CPU, 3600, 3660));
    assert_near(read(other, METRIC_CPU, 3540, 3600), 50);
    use(other, 3900, 3920, 256, 40);
    assert_near(read(other, METRIC_CPU, 3540, 3600), 50);
    assert_true(series_has_load(other));
}

static void it_has_a_size(void **state)
{
    (void)state;
    assert_true(series_bytes(false) < (size_t)12 * 1024);
    assert_true(series_bytes(true) < (size_t)42 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_16_bits),
        cmocka_unit_test(averages_over_tasks_and_time),
        cmocka_unit_test(a_sample_belongs_to_all_its_time),
        cmocka_unit_test(what_was_not_measured_is_none),
        cmocka_unit_test(requests_are_whole),
        cmocka_unit_test(per_target_and_minute),
        cmocka_unit_test(parts_of_a_period_that_goes_on),
        cmocka_unit_test(it_stays_what_it_was),
        cmocka_unit_test(after_days_without_any),
        cmocka_unit_test(hosts_are_not_sampled_at_once),
        cmocka_unit_test(a_clock_that_is_set_back),
        cmocka_unit_test(kept_and_restored),
        cmocka_unit_test(it_has_a_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
