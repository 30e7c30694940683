/*
 * When things are due: by rates, by the clocks of a zone, and once.
 */
#include "spec/base/date.h"
#include "spec/timing.h"
#include "tests/unit/unit.h"

#define DAY_S  86400
#define HOUR_S 3600

static const struct zone berlin = {
    .name = "Europe/Berlin",
    .has_rule = true,
    .rule = { .offset_s = HOUR_S,
              .has_summer = true,
              .summer_offset_s = 2 * HOUR_S,
              .begins = { ZONE_DAY_OF_MONTH, 3, 5, 0, 2 * HOUR_S },
              .ends = { ZONE_DAY_OF_MONTH, 10, 5, 0, 3 * HOUR_S } },
};

static int64_t utc(int year, int month, int day, int hour, int minute)
{
    return date_days(year, month, day) * DAY_S + hour * HOUR_S + minute * 60;
}

static struct timing timing_of(const char *text)
{
    struct timing timing;
    struct err err;

    if (timing_parse(text, &timing, &err) < 0)
        fail_msg("%s", err.text);
    return timing;
}

static struct timing_frame frame_of(const struct zone *zone, int64_t since_s)
{
    return (struct timing_frame){ zone, since_s, INT64_MIN, INT64_MAX };
}

/* All due times of a span, found forwards and backwards; how many. */
static size_t due_times(const struct timing *timing, const struct timing_frame *frame,
                        int64_t from_s, int64_t to_s, int64_t *out, size_t room)
{
    size_t count = 0;
    size_t left;

    for (int64_t at = timing_next_s(timing, frame, from_s); at <= to_s;
         at = timing_next_s(timing, frame, at)) {
        assert_true(count < room);
        out[count++] = at;
    }
    left = count;
    for (int64_t at = timing_last_s(timing, frame, from_s, to_s); at != TIMING_NEVER;
         at = timing_last_s(timing, frame, from_s, at - 1)) {
        assert_true(left > 0);
        assert_true(out[--left] == at);
    }
    assert_int_equal(left, 0);
    return count;
}

static void a_rate_counts_from_when_it_was_declared(void **unused)
{
    (void)unused;
    const struct timing timing = timing_of("rate(5 minutes)");
    struct timing_frame frame = frame_of(&zone_utc, 1000);
    int64_t times[8];

    assert_int_equal(due_times(&timing, &frame, 0, 1900, times, 8), 3);
    assert_true(times[0] == 1300);
    assert_true(times[2] == 1900);
    assert_true(timing_next_s(&timing, &frame, 1300) == 1600);
    assert_true(timing_last_s(&timing, &frame, 1300, 1599) == TIMING_NEVER);
    /* With a start it is due then, and not before; with an end not after. */
    frame.start_s = 5000;
    frame.end_s = 5300;
    assert_int_equal(due_times(&timing, &frame, 0, 100000, times, 8), 2);
    assert_true(times[0] == 5000);
    assert_true(timing_of("rate(1 hour)").rate_s == HOUR_S);
    assert_true(timing_of("rate(2 days)").rate_s == 2 * DAY_S);
}

static void once_is_once(void **unused)
{
    (void)unused;
    const struct timing timing = timing_of("at(2026-07-01T03:00:30)");
    struct timing_frame frame = frame_of(&berlin, 0);
    int64_t times[8];

    assert_int_equal(due_times(&timing, &frame, 0, utc(2030, 1, 1, 0, 0), times, 8), 1);
    assert_true(times[0] == utc(2026, 7, 1, 1, 0) + 30);
    frame.since_s = times[0];
    assert_true(timing_next_s(&timing, &frame, 0) == TIMING_NEVER);
    assert_true(timing_last_s(&timing, &frame, 0, INT64_MAX - 1) == TIMING_NEVER);
}

/* 2026-03-29: from 1:59 to 3:00 in Berlin. */
static void a_time_that_is_left_out_is_due_when_clocks_are_turned(void **unused)
{
    (void)unused;
    const struct timing timing = timing_of("cron(30 2 * * ? *)");
    const struct timing often = timing_of("cron(0/15 * * * ? *)");
    const struct timing once = timing_of("at(2026-03-29T02:30:00)");
    const struct timing_frame frame = frame_of(&berlin, 0);
    int64_t times[128];

    assert_int_equal(
        due_times(&timing, &frame, utc(2026, 3, 28, 0, 0), utc(2026, 3, 30, 23, 0), times, 128), 3);
    assert_true(times[0] == utc(2026, 3, 28, 1, 30));
    assert_true(times[1] == utc(2026, 3, 29, 1, 0)); /* 3:00 in summer */
    assert_true(times[2] == utc(2026, 3, 30, 0, 30));
    assert_true(timing_next_s(&once, &frame, 0) == utc(2026, 3, 29, 1, 0));
    /* Those of the hour that is missing are one. */
    assert_int_equal(
        due_times(&often, &frame, utc(2026, 3, 28, 22, 59), utc(2026, 3, 29, 21, 59), times, 128),
        23 * 4);
}

/* 2026-10-25: 3:00 in summer is 2:00. */
static void a_time_that_comes_twice_is_due_once(void **unused)
{
    (void)unused;
    const struct timing timing = timing_of("cron(30 2 * * ? *)");
    const struct timing once = timing_of("at(2026-10-25T02:30:00)");
    const struct timing_frame frame = frame_of(&berlin, 0);
    int64_t times[8];

    assert_int_equal(
        due_times(&timing, &frame, utc(2026, 10, 24, 12, 0), utc(2026, 10, 26, 12, 0), times, 8),
        2);
    assert_true(times[0] == utc(2026, 10, 25, 0, 30)); /* the first of them */
    assert_true(times[1] == utc(2026, 10, 26, 1, 30));
    assert_true(timing_next_s(&once, &frame, 0) == utc(2026, 10, 25, 0, 30));
}

static void what_is_rare_is_found(void **unused)
{
    (void)unused;
    const struct timing fifth = timing_of("cron(0 0 ? 2 SUN#5 *)"); /* a 29th that is a Sunday */
    const struct timing never = timing_of("cron(0 0 31 2 ? *)");
    const struct timing over = timing_of("cron(0 0 1 1 ? 2020)");
    const struct timing_frame frame = frame_of(&zone_utc, 0);

    assert_true(timing_next_s(&fifth, &frame, utc(2032, 2, 29, 0, 0)) == utc(2060, 2, 29, 0, 0));
    assert_true(timing_next_s(&fifth, &frame, utc(2088, 2, 29, 0, 0)) == utc(2128, 2, 29, 0, 0));
    assert_true(timing_next_s(&never, &frame, utc(2026, 1, 1, 0, 0)) == TIMING_NEVER);
    assert_true(timing_next_s(&over, &frame, utc(2026, 1, 1, 0, 0)) == TIMING_NEVER);
    assert_false(timing_is_possible(&never));
    assert_true(timing_is_possible(&over));
    assert_true(timing_is_possible(&fifth));
}

static void what_is_no_timing_is_refused(void **unused)
{
    (void)unused;
    static const char *const texts[][2] = {
        { "every day", "'every day' is no rate(...), cron(...) or at(...): write rate(5 minutes), "
                       "cron(0 3 * * ? *) or at(2026-12-31T23:59:00)" },
        { "rate(0 minutes)", "'rate(0 minutes)': a rate has a number from 1 to 1000000 and then "
                             "minutes, hours or days: write rate(5 minutes)" },
        { "rate(5m)", "'rate(5m)': a rate has a number from 1 to 1000000 and then minutes, hours "
                      "or days: write rate(5 minutes)" },
        { "rate(5 seconds)", "'rate(5 seconds)': behind its number a rate has minutes, hours or "
                             "days: write rate(5 minutes)" },
        { "rate(5 minutes", "'rate(5 minutes': behind its number a rate has minutes, hours or "
                            "days: write rate(5 minutes)" },
        { "at(tomorrow)", "'tomorrow' is no date and time: write 2026-12-31T23:59:00" },
        { "at(2026-12-31T23:59:00",
          "'at(2026-12-31T23:59:00' is no date and time: write 2026-12-31T23:59:00" },
        { "at(2026-02-29T00:00:00)", "'2026-02-29T00:00:00': no clock ever shows that" },
        { "at(2026-12-31T24:00:00)", "'2026-12-31T24:00:00': no clock ever shows that" },
        { "at(2026-12-31T23:59:00Z)",
          "'2026-12-31T23:59:00Z' is no date and time: write 2026-12-31T23:59:00" },
        { "cron(61 * * * ? *)", "minutes: '61' is not understood: it goes from 0 to 59" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct timing timing;
        struct err err;

        assert_int_equal(timing_parse(texts[i][0], &timing, &err), -1);
        assert_string_equal(err.text, texts[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_counts_from_when_it_was_declared),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(a_time_that_is_left_out_is_due_when_clocks_are_turned),
        cmocka_unit_test(a_time_that_comes_twice_is_due_once),
        cmocka_unit_test(what_is_rare_is_found),
        cmocka_unit_test(what_is_no_timing_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
