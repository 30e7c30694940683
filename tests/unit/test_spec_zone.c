/*
 * Time zones and schedules, by the C library's own reading of the same database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reconciler/run/zones.h"
#include "spec/base/date.h"
#include "spec/cron.h"
#include "tests/unit/unit.h"

static void read_zone(const char *name, struct arena *arena, struct zone *out)
{
    struct err err;

    if (zone_read(NULL, name, arena, out, &err) < 0)
        fail_msg("%s: %s", name, err.text);
}

static int32_t offset_by_libc(int64_t utc_s)
{
    time_t at = (time_t)utc_s;
    struct tm parts;

    assert_non_null(localtime_r(&at, &parts));
    return (int32_t)parts.tm_gmtoff;
}

/* Summer in the north and in the south, one that is called winter, half hours, none, a day that was
 * left out, and rules that the database lists year by year. */
static const char *const names[] = { "Europe/Berlin",       "America/New_York",  "Australia/Sydney",
                                     "Europe/Dublin",       "Asia/Kolkata",      "Pacific/Apia",
                                     "Australia/Lord_Howe", "Africa/Casablanca", "America/Nuuk",
                                     "America/Santiago",    "Etc/GMT+5",         "Asia/Tehran" };

/* From 1960 to 2090, every 11 hours, and each minute about every change. */
static void clocks_show_what_the_c_library_says(void **unused)
{
    (void)unused;
    const int64_t from_s = date_days(1960, 1, 1) * 86400;
    const int64_t to_s = date_days(2090, 1, 1) * 86400;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO(arena) arena = { 0 };
        struct zone zone;
        int32_t before_s;

        read_zone(names[i], &arena, &zone);
        assert_int_equal(setenv("TZ", names[i], 1), 0);
        tzset();
        before_s = zone_offset_s(&zone, from_s);
        for (int64_t at = from_s; at < to_s; at += 11 * 3600 + 1) {
            int32_t offset_s = zone_offset_s(&zone, at);

            if (offset_s != offset_by_libc(at))
                fail_msg("%s at %lld: %d", names[i], (long long)at, offset_s);
            for (int64_t k = at - 11 * 3600 - 1; k < at && offset_s != before_s; k += 60)
                assert_int_equal(zone_offset_s(&zone, k), offset_by_libc(k));
            before_s = offset_s;
        }
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static int64_t utc_of(const struct zone *zone, int year, int month, int day, int minutes)
{
    return zone_utc_s(zone, date_days(year, month, day) * 86400 + minutes * 60);
}

static int64_t utc(int year, int month, int day, int minutes)
{
    return utc_of(&zone_utc, year, month, day, minutes);
}

static void clocks_are_turned(void **unused)
{
    (void)unused;
    AUTO(arena) arena = { 0 };
    struct zone zone;
    char text[ZONE_TIME_SIZE];

    read_zone("Europe/Berlin", &arena, &zone);
    assert_int_equal(utc_of(&zone, 2026, 1, 15, 180), utc(2026, 1, 15, 120));
    assert_int_equal(utc_of(&zone, 2026, 7, 15, 180), utc(2026, 7, 15, 60));
    /* 2:00 to 3:00 is left out: the moment at which it is. */
    assert_int_equal(utc_of(&zone, 2026, 3, 29, 119), utc(2026, 3, 29, 59));
    assert_int_equal(utc_of(&zone, 2026, 3, 29, 120), utc(2026, 3, 29, 60));
    assert_int_equal(utc_of(&zone, 2026, 3, 29, 150), utc(2026, 3, 29, 60));
    assert_int_equal(utc_of(&zone, 2026, 3, 29, 180), utc(2026, 3, 29, 60));
    assert_int_equal(utc_of(&zone, 2026, 3, 29, 181), utc(2026, 3, 29, 61));
    /* 2:00 to 3:00 is there twice: the first time. */
    assert_int_equal(utc_of(&zone, 2026, 10, 25, 119), utc(2026, 10, 24, 23 * 60 + 59));
    assert_int_equal(utc_of(&zone, 2026, 10, 25, 150), utc(2026, 10, 25, 30));
    assert_int_equal(utc_of(&zone, 2026, 10, 25, 180), utc(2026, 10, 25, 120));
    zone_print(&zone, utc(2026, 9, 6, 60) * 1000, text);
    assert_string_equal(text, "Sun 2026-09-06 03:00 Europe/Berlin");
    zone_print(&zone_utc, utc(2027, 1, 1, 0) * 1000 - 1, text);
    assert_string_equal(text, "Thu 2026-12-31 23:59 UTC");
    /* A whole day was left out. */
    read_zone("Pacific/Apia", &arena, &zone);
    assert_int_equal(utc_of(&zone, 2011, 12, 30, 720), utc(2011, 12, 30, 600));
}

static void what_is_no_zone_is_refused(void **unused)
{
    (void)unused;
    static const char *const rules[] = { "",
                                         "CET",
                                         "CET-1CEST",
                                         "CET-1CEST,M3.5.0",
                                         "CET-1CEST,M13.5.0,M10.5.0",
                                         "CET-1CEST,M3.5.0,M10.5.0x",
                                         "CET-1CEST,M3.6.0,M10.5.0",
                                         "CET-168",
                                         "<-03",
                                         "CET-1CEST,J0,J5" };
    AUTO(arena) arena = { 0 };
    struct zone_rule rule;
    struct zone zone;
    struct err err;
    char bytes[44] = "TZif2";

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (zone_parse_rule(rules[i], &rule))
            fail_msg("%s", rules[i]);
    }
    assert_true(zone_parse_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &rule));
    assert_int_equal(rule.offset_s, -7200);
    assert_int_equal(rule.begins.time_s, -3600);
    assert_int_equal(zone_parse("x", bytes, sizeof(bytes), &arena, &zone, &err), -1);
    assert_int_equal(zone_parse("x", "TZif", 4, &arena, &zone, &err), -1);
    assert_int_equal(zone_read(NULL, "Europe/Berln", &arena, &zone, &err), -1);
    assert_string_equal(err.text, "no time zone has this name: write it as Europe/Berlin");
    assert_int_equal(zone_read(NULL, "zone1970.tab", &arena, &zone, &err), -1);
    assert_true(zone_is_name("America/Argentina/Buenos_Aires"));
    assert_true(zone_is_name("Etc/GMT-14"));
    assert_false(zone_is_name("../passwd"));
    assert_false(zone_is_name("/etc/passwd"));
    assert_false(zone_is_name("Europe Berlin"));
    assert_false(zone_is_name(""));
}

/* Each length of what is there, and each byte another one: it is refused, or read, and no more. */
static void broken_zones_do_no_harm(void **unused)
{
    (void)unused;
    AUTO(arena) arena = { 0 };
    static unsigned char bytes[8192];
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Dublin", "rb");
    struct zone zone;
    struct err err;
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, sizeof(bytes), file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(zone_parse("x", bytes, size, &arena, &zone, &err), 0);
    for (size_t i = 0; i < size; i++) {
        unsigned char before = bytes[i];

        assert_int_equal(zone_parse("x", bytes, i, &arena, &zone, &err), -1);
        for (int flip = 0; flip < 3; flip++) {
            bytes[i] = (unsigned char)(flip == 0 ? ~before : flip == 1 ? 0x7f : 0);
            if (zone_parse("x", bytes, size, &arena, &zone, &err) == 0)
                (void)zone_utc_s(&zone, INT64_C(1790000000));
        }
        bytes[i] = before;
        arena_reset(&arena);
    }
}

/* ---- Schedules ---- */

/* The days of a month on which it is: "1 8 15 " */
static void assert_days(const char *text, int year, int month, const char *expected)
{
    struct cron cron;
    struct err err;
    char days[256] = "";

    if (cron_parse(text, &cron, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    for (int day = 1; day <= date_month_days(year, month); day++) {
        size_t size = strlen(days);

        if (cron_has_day(&cron, date_days(year, month, day)))
            (void)snprintf(days + size, sizeof(days) - size, "%d ", day);
    }
    assert_string_equal(days, expected);
}

static void schedules_have_days(void **unused)
{
    (void)unused;
    /* 2026-08-01 is a Saturday. */
    assert_days("cron(0 3 ? * SUN *)", 2026, 8, "2 9 16 23 30 ");
    assert_days("cron(0 3 ? * 1 *)", 2026, 8, "2 9 16 23 30 ");
    assert_days("cron(0 3 ? * sat-sun *)", 2026, 8, "1 2 8 9 15 16 22 23 29 30 ");
    assert_days("cron(0 3 ? AUG MON#2,FRIL *)", 2026, 8, "10 28 ");
    assert_days("cron(0 3 ? AUG SAT#5 2026-2027)", 2026, 8, "29 ");
    assert_days("cron(0 3 ? * L *)", 2026, 8, "1 8 15 22 29 ");
    assert_days("cron(0 3 L * ? *)", 2028, 2, "29 ");
    assert_days("cron(0 3 L * ? *)", 2026, 2, "28 ");
    /* The 1st, a Saturday, becomes Monday the 3rd, and the 30th, a Sunday, the 31st. */
    assert_days("cron(0 3 1W,30W * ? *)", 2026, 8, "3 31 ");
    assert_days("cron(0 3 31W * ? *)", 2026, 5, "29 ");
    assert_days("cron(0 3 31W * ? *)", 2026, 6, "");
    assert_days("cron(0 3 1/10 8/2 ? *)", 2026, 8, "1 11 21 31 ");
    assert_days("cron(0 3 1-7/3 1,8 ? *)", 2026, 8, "1 4 7 ");
    assert_days("cron(0 3 * 9 ? *)", 2026, 8, "");
    assert_days("cron(0 3 1 * ? 2027)", 2026, 8, "");
}

static void schedules_have_minutes(void **unused)
{
    (void)unused;
    struct cron cron;
    struct err err;
    int count = 0;

    assert_int_equal(cron_parse("cron(0/20,59 22-23,3 * * ? *)", &cron, &err), 0);
    for (int minute = 0; minute < 24 * 60; minute++)
        count += cron_has_minute(&cron, minute);
    assert_int_equal(count, 3 * 4);
    assert_true(cron_has_minute(&cron, 3 * 60 + 40));
    assert_true(cron_has_minute(&cron, 23 * 60 + 59));
    assert_false(cron_has_minute(&cron, 23 * 60 + 58));
}

static void what_is_no_schedule_is_refused(void **unused)
{
    (void)unused;
    static const char *const texts[][2] = {
        { "rate(7 days)", "'rate(7 days)' is no cron(...): write cron(0 3 ? * SUN *)" },
        { "0 3 * * 0", "'0 3 * * 0' is no cron(...): write cron(0 3 ? * SUN *)" },
        { "cron(0 3 * * 0)", "'cron(0 3 * * 0)' has not six fields: minutes, hours, day of month, "
                             "month, day of week, year" },
        { "cron(0 3 ? * SUN * *)", "'cron(0 3 ? * SUN * *)' has more than six fields" },
        { "cron(0 3 ? * SUN *", "'cron(0 3 ? * SUN *' has more than six fields" },
        { "cron(0 3 * * * *)", "one of day of month and day of week is '?', the other one is not" },
        { "cron(0 3 ? * ? *)", "one of day of month and day of week is '?', the other one is not" },
        { "cron(60 3 ? * 1 *)", "minutes: '60' is not understood: it goes from 0 to 59" },
        { "cron(0 24 ? * 1 *)", "hours: '24' is not understood: it goes from 0 to 23" },
        { "cron(0 5-3 ? * 1 *)", "hours: '5-3' is not understood: it goes from 0 to 23" },
        { "cron(0 ? ? * 1 *)", "hours: '?' is for days: write '*'" },
        { "cron(0 3 ? * 0 *)", "day of week: '0' is not understood: it goes from 1 to 7" },
        { "cron(0 3 ? * SUN#6 *)", "day of week: 'SUN#6' is not understood: it goes from 1 to 7" },
        { "cron(0 3 ? * SUN, *)", "day of week: '' is not understood: it goes from 1 to 7" },
        { "cron(0 3 32 * ? *)", "day of month: '32' is not understood: it goes from 1 to 31" },
        { "cron(0 3 1 JUNE ? *)", "month: 'JUNE' is not understood: it goes from 1 to 12" },
        { "cron(0 3 1 * ? 1969)", "year: '1969' is not understood: it goes from 1970 to 2199" },
        { "cron(*/0 3 1 * ? *)", "minutes: '*/0' is not understood: it goes from 0 to 59" },
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cron cron;
        struct err err;

        if (cron_parse(texts[i][0], &cron, &err) == 0)
            fail_msg("%s", texts[i][0]);
        assert_string_equal(err.text, texts[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_show_what_the_c_library_says),
        cmocka_unit_test(clocks_are_turned),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(broken_zones_do_no_harm),
        cmocka_unit_test(schedules_have_days),
        cmocka_unit_test(schedules_have_minutes),
        cmocka_unit_test(what_is_no_schedule_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
