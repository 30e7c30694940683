/*
 * When something is due: cron expressions, files of the tz database, and the rules at their ends.
 * What is read tells the same however it is asked, and no clock is further from UTC than a day.
 */
#include "spec/base/arena.h"
#include "spec/cron.h"
#include "spec/zone.h"
#include "tests/fuzz/fuzz.h"

#define DAY_S       (24 * 60 * 60)
#define LEAP_DAYS   (4 * 366)
#define MINUTES     (24 * 60)
#define CLOCK_MAX_S (8 * DAY_S) /* a rule may turn clocks as far as a week from its day */

enum { READS_CRON, READS_RULE, READS_ZONE, READS_COUNT };

static void check_cron(const char *text)
{
    struct cron cron;
    struct cron again;
    struct err err = { 0 };
    size_t due = 0;

    if (cron_parse(text, &cron, &err) < 0) {
        ASSERT(err.code == ERR_INVALID && err.text[0] != '\0');
        return;
    }
    ASSERT(cron_parse(text, &again, &err) == 0);
    for (int64_t day = 0; day < LEAP_DAYS; day++)
        ASSERT(cron_has_day(&cron, day) == cron_has_day(&again, day));
    for (int minute = 0; minute < MINUTES; minute++)
        due += cron_has_minute(&cron, minute);
    ASSERT(due > 0); /* of a day that it has */
}

static void check_clocks(const struct zone *zone)
{
    static const int64_t times_s[] = { INT64_C(-4000000000), -1, 0, 1, 951782400, 1790000000,
                                       INT64_C(4102444800) };

    for (size_t i = 0; i < ARRAY_COUNT(times_s); i++) {
        int32_t offset_s = zone_offset_s(zone, times_s[i]);
        int64_t utc_s = zone_utc_s(zone, times_s[i]);
        char text[ZONE_TIME_SIZE];

        ASSERT(offset_s > -CLOCK_MAX_S && offset_s < CLOCK_MAX_S);
        ASSERT(utc_s > times_s[i] - CLOCK_MAX_S && utc_s < times_s[i] + CLOCK_MAX_S);
        zone_print(zone, times_s[i] * 1000, text);
        ASSERT(text[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    uint32_t reads = fuzz_choice(&input, READS_COUNT);
    size_t length;
    AUTO_TEXT char *text = fuzz_rest(&input, &length);
    AUTO(arena) arena = { 0 };
    struct zone zone = { .name = "Here" };
    struct err err = { 0 };

    if (reads == READS_CRON)
        check_cron(text);
    else if (reads == READS_RULE && zone_parse_rule(text, &zone.rule)) {
        zone.has_rule = true;
        check_clocks(&zone);
    } else if (reads == READS_ZONE && zone_parse("Here", text, length, &arena, &zone, &err) == 0) {
        check_clocks(&zone);
    }
    return 0;
}
