/*
 * Every parser takes the whole text or nothing.
 */
#include <locale.h>
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void comparisons(void **state)
{
    (void)state;
    assert_true(text_equal("a", "a"));
    assert_true(text_equal(NULL, NULL));
    assert_false(text_equal(NULL, ""));
    assert_false(text_equal("a", "b"));
    assert_true(text_starts("berth", "be"));
    assert_false(text_starts("be", "berth"));
    assert_true(text_ends("berth", "th"));
    assert_false(text_ends("th", "berth"));
    assert_true(text_is_empty(NULL) && text_is_empty(""));
    assert_false(text_is_empty(" "));
}

static void integers(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",
                                         " 1",
                                         "1 ",
                                         "0x1",
                                         "1e3",
                                         "1.0",
                                         "--1",
                                         "-",
                                         "+",
                                         "18446744073709551616",
                                         "99999999999999999999999" };
    uint32_t u32 = 5;
    uint64_t u64 = 5;
    int64_t i64 = 5;

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_false(text_parse_u32(wrong[i], &u32));
        assert_false(text_parse_u64(wrong[i], &u64));
        assert_false(text_parse_i64(wrong[i], &i64));
    }
    assert_false(text_parse_u32(NULL, &u32) || text_parse_i64(NULL, &i64));
    assert_false(text_parse_u32("-1", &u32) || text_parse_u64("+1", &u64));
    assert_false(text_parse_u32("4294967296", &u32));
    assert_false(text_parse_i64("9223372036854775808", &i64));
    assert_false(text_parse_i64("-9223372036854775809", &i64));
    assert_true(u32 == 5 && u64 == 5 && i64 == 5);

    assert_true(text_parse_u32("4294967295", &u32) && u32 == UINT32_MAX);
    assert_true(text_parse_u64("18446744073709551615", &u64) && u64 == UINT64_MAX);
    assert_true(text_parse_i64("-9223372036854775808", &i64) && i64 == INT64_MIN);
    assert_true(text_parse_i64("9223372036854775807", &i64) && i64 == INT64_MAX);
    assert_true(text_parse_i64("+7", &i64) && i64 == 7);
}

static void reals(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",    ".",   "-",   "1e", "1e+", "nan",
                                         "inf", "0x1", "1,5", " 1", "1 ",  "1e999" };
    double number = 5;

    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, '.' is no point */
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(text_parse_f64(wrong[i], &number));
    assert_true(number == 5);
    assert_true(text_parse_f64("-0.25", &number) && number == -0.25);
    assert_true(text_parse_f64(".5", &number) && number == 0.5);
    assert_true(text_parse_f64("+12.5e1", &number) && number == 125);
    (void)setlocale(LC_ALL, "C");
}

struct case_i64 {
    const char *text;
    int64_t expected; /* -1: refused */
};

static void durations(void **state)
{
    (void)state;
    static const struct case_i64 cases[] = {
        { "30", 30000 },
        { "30s", 30000 },
        { "5m", 300000 },
        { "1h", 3600000 },
        { "1h30m", 5400000 },
        { "500ms", 500 },
        { "1m500ms", 60500 },
        { "0", 0 },
        { "2d", 172800000 },
        { "3650d", INT64_C(315360000000) },
        { "4000d", -1 },
        { "", -1 },
        { "h", -1 },
        { "1x", -1 },
        { "1h1h", -1 },
        { "5m1h", -1 },
        { "1h30", -1 },
        { "-1s", -1 },
        { "1.5h", -1 },
        { "1 h", -1 },
        { "1H", -1 },
        { "18446744073709551615", -1 },
        { "9223372036854775807d", -1 },
        { "18446744073709551615ms", -1 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(text_parse_duration_ms(cases[i].text, &ms), cases[i].expected != -1);
        assert_int_equal(ms, cases[i].expected);
    }
}

static void sizes(void **state)
{
    (void)state;
    static const struct case_i64 cases[] = {
        { "512", 512 },
        { "512MiB", 512 },
        { "512 mb", 512 },
        { "1GB", 1024 },
        { "1 GB", 1024 },
        { "0.5 GiB", 512 },
        { ".5gb", 512 },
        { "1.50gb", 1536 },
        { "0", 0 },
        { "2TiB", 2097152 },
        { "4294967295", UINT32_MAX },
        { "4294967296", -1 },
        { "0.3GB", -1 },
        { "1.5", -1 },
        { "1.", -1 },
        { "", -1 },
        { ".", -1 },
        { "GB", -1 },
        { "1 ", -1 },
        { " 1", -1 },
        { "-1", -1 },
        { "1KB", -1 },
        { "1GBs", -1 },
        { "1e3", -1 },
        { "0.0009765625GiB", 1 },
        { "99999999999999999999", -1 },
        { "0.00000000000000000000001", -1 },
        { "18446744073709551615TB", -1 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t mib = UINT32_MAX - 1;
        bool accepted = text_parse_mib(cases[i].text, &mib);
        assert_int_equal(accepted, cases[i].expected != -1);
        assert_int_equal(mib, accepted ? cases[i].expected : UINT32_MAX - 1);
    }
}

static void cpu_units(void **state)
{
    (void)state;
    static const struct case_i64 cases[] = {
        { "256", 256 },      { "1 vCPU", 1024 },   { ".5 vcpu", 512 }, { "0.25 vCPU", 256 },
        { "16vCPU", 16384 }, { "1.0 vCPU", 1024 }, { "0.5", -1 },      { "1 cpu", -1 },
        { "0.3 vCPU", -1 },  { "", -1 },           { "vCPU", -1 },     { "5000000 vCPU", -1 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t units = 7;
        bool accepted = text_parse_cpu_units(cases[i].text, &units);
        assert_int_equal(accepted, cases[i].expected != -1);
        assert_int_equal(units, accepted ? cases[i].expected : 7);
    }
}

static void times_are_parsed(void **state)
{
    (void)state;
    static const struct case_i64 cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "0001-01-01T00:00:00Z", 0 },
        { "2026-11-22T19:02:42.123456789Z", INT64_C(1795374162123) },
        { "2026-11-22T20:02:42.1+01:00", INT64_C(1795374162100) },
        { "2026-11-22t13:32:42-05:30", INT64_C(1795374162000) },
        { "2000-02-29T00:00:00Z", INT64_C(951782400000) },
        { "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
    };
    static const char *const wrong[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T19:02:42",
        "2026-11-22T19:02:42Z ",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01 00:00:00Z",
        "-026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+24:00",
    };
    int64_t ms = 77;

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(text_parse_time_ms(wrong[i], &ms));
    assert_false(text_parse_time_ms(NULL, &ms));
    assert_int_equal(ms, 77);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true(text_parse_time_ms(cases[i].text, &ms));
        assert_int_equal(ms, cases[i].expected);
    }
}

static void times_are_printed(void **state)
{
    (void)state;
    char text[TEXT_TIME_SIZE];

    text_print_time(INT64_C(1795374162123), text);
    assert_string_equal(text, "2026-11-22T19:02:42.123Z");
    text_print_time(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    text_print_time(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    text_print_time(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");

    /* Every 11 days and a bit, through all the calendar's centuries. */
    for (int64_t ms = INT64_C(-50000000000000); ms < INT64_C(50000000000000); ms += 987654321) {
        int64_t back = 0;
        text_print_time(ms, text);
        assert_true(text_parse_time_ms(text, &back));
        assert_int_equal(back, ms);
    }
}

static void durations_are_printed(void **state)
{
    (void)state;
    static const struct case_i64 cases[] = {
        { "0ms", 0 },
        { "250ms", 250 },
        { "43s", 43000 },
        { "43s", 43250 },
        { "1s500ms", 1500 },
        { "1m1s", 61000 },
        { "1m", 60999 },
        { "1h12m", 4320000 },
        { "1h", 3605000 },
        { "3d4h", 273600000 },
        { "-5s", -5000 },
        { "106751991167d7h", INT64_MAX },
        { "-106751991167d7h", INT64_MIN },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[TEXT_TIME_SIZE];
        text_print_duration(cases[i].expected, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void utf8(void **state)
{
    (void)state;
    static const char *const right[] = { "",
                                         "a",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x9A\xA2",
                                         "\xED\x9F\xBF",
                                         "\xF4\x8F\xBF\xBF",
                                         "\x7F" };
    static const char *const wrong[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xC3",         "\xE2\x82",         "\xF0\x9F\x9A",     "a\xFF",
        "\xC3(",        "\xE2\x82("
    };

    for (size_t i = 0; i < ARRAY_COUNT(right); i++)
        assert_true(text_is_utf8(right[i], strlen(right[i])));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(text_is_utf8(wrong[i], strlen(wrong[i])));
    assert_false(text_is_utf8("a\0b", 3));
}

static void names(void **state)
{
    (void)state;
    char text[300];

    assert_true(text_is_name("web") && text_is_name("a-b_C9") && text_is_name("9"));
    assert_false(text_is_name("") || text_is_name(NULL) || text_is_name("-a"));
    assert_false(text_is_name("_a") || text_is_name("a b") || text_is_name("a.b"));
    memset(text, 'a', sizeof(text));
    text[255] = '\0';
    assert_true(text_is_name(text));
    text[255] = 'a';
    text[256] = '\0';
    assert_false(text_is_name(text));
}

static void nearest(void **state)
{
    (void)state;
    static const char *const keys[] = { "cpu",         "memory",      "desiredCount",
                                        "healthCheck", "environment", NULL };
    size_t count = ARRAY_COUNT(keys);

    assert_string_equal(text_nearest("cup", keys, count), "cpu");
    assert_string_equal(text_nearest("CPU", keys, count), "cpu");
    assert_string_equal(text_nearest("memroy", keys, count), "memory");
    assert_string_equal(text_nearest("desired_count", keys, count), "desiredCount");
    assert_string_equal(text_nearest("enviroment", keys, count), "environment");
    assert_string_equal(text_nearest("memory", keys, count), "memory");
    assert_null(text_nearest("replicas", keys, count));
    assert_null(text_nearest("x", keys, count));
    assert_null(text_nearest("", keys, count));
    assert_null(text_nearest(NULL, keys, count));
    assert_null(text_nearest("cpu", keys, 0));

    char text[400];
    memset(text, 'm', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_null(text_nearest(text, keys, count));
    text[255] = '\0';
    assert_null(text_nearest(text, keys, count));
}

static void disarmed(void **state)
{
    (void)state;
    char text[] = "a\033[2Jb\r\x7f\tc\n\x01 \xc2\x9b"
                  "31m \xc2\xa0\xc3\xa9 \xc2";

    text_disarm(text);
    assert_string_equal(text, "a?[2Jb??\tc\n? ??31m \xc2\xa0\xc3\xa9 \xc2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(cpu_units),
        cmocka_unit_test(times_are_parsed),
        cmocka_unit_test(times_are_printed),
        cmocka_unit_test(durations_are_printed),
        cmocka_unit_test(utf8),
        cmocka_unit_test(names),
        cmocka_unit_test(nearest),
        cmocka_unit_test(disarmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
