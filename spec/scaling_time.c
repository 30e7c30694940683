#include "spec/scaling_time.h"

#include <string.h>

#include "spec/base/date.h"
#include "spec/base/text.h"

#define MINUTE_S    60
#define DAY_MINUTES (24 * 60)
#define DAY_S       (DAY_MINUTES * MINUTE_S)
#define LOOK_DAYS   400 /* a yearly one is found */

/* Exactly so many digits. */
static bool take_digits(const char **at, int digits, int *out)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        number = number * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *out = number;
    return true;
}

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool take_moment(const char **at, int64_t *out_s)
{
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;

    if (!take_digits(at, 4, &year) || !take_char(at, '-') || !take_digits(at, 2, &month) ||
        !take_char(at, '-') || !take_digits(at, 2, &day) || !take_char(at, 'T') ||
        !take_digits(at, 2, &hour) || !take_char(at, ':') || !take_digits(at, 2, &minute) ||
        !take_char(at, ':') || !take_digits(at, 2, &second))
        return false;
    if (year < CRON_YEAR_MIN || month < 1 || month > 12 || day < 1 ||
        day > date_month_days(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    *out_s = date_days(year, month, day) * DAY_S + hour * 3600 + minute * MINUTE_S + second;
    return true;
}

/* Of clocks that are not turned. */
static bool parse_moment(const char *text, int64_t *out_s)
{
    return take_moment(&text, out_s) && *text == '\0';
}

static bool parse_at(const char *text, int64_t *out_s)
{
    return take_moment(&text, out_s) && text_equal(text, ")");
}

/* "6 hours)", in seconds. */
static bool parse_rate(const char *text, int64_t *out_s)
{
    static const struct {
        const char *one;
        const char *many;
        int64_t seconds;
    } units[] = { { " minute)", " minutes)", MINUTE_S },
                  { " hour)", " hours)", 3600 },
                  { " day)", " days)", DAY_S } };
    int64_t number = 0;

    while (*text >= '0' && *text <= '9' && number < 1000000)
        number = number * 10 + (*text++ - '0');
    for (size_t i = 0; number > 0 && i < ARRAY_COUNT(units); i++) {
        if (text_equal(text, number == 1 ? units[i].one : units[i].many)) {
            *out_s = number * units[i].seconds;
            return true;
        }
    }
    return false;
}

static int parse_schedule(const char *text, struct scaling_time *out, struct err *err)
{
    int64_t local_s;

    if (text_starts(text, "at(")) {
        if (!parse_at(text + strlen("at("), &local_s))
            return err_set(err, ERR_INVALID, "'%s' is no time: write at(2026-12-24T08:00:00)",
                           text);
        out->from_s = zone_utc_s(out->zone, local_s);
        out->until_s = INT64_MAX;
        return 0;
    }
    if (text_starts(text, "rate(")) {
        if (!parse_rate(text + strlen("rate("), &out->every_s))
            return err_set(err, ERR_INVALID,
                           "'%s' is no rate: write rate(1 hour), rate(30 minutes) or rate(2 days)",
                           text);
        return 0;
    }
    out->is_cron = true;
    if (text_starts(text, "cron("))
        return cron_parse(text, &out->cron, err);
    return err_set(err, ERR_INVALID,
                   "'%s' is no at(...), rate(...) or cron(...): write cron(0 8 ? * MON-FRI *)",
                   text);
}

int scaling_time_parse(const struct scheduled_action *action, const struct zone *zone,
                       struct scaling_time *out, const char **wrong, struct err *err)
{
    struct scaling_time time = { .zone = zone, .until_s = INT64_MAX };
    int64_t local_s;

    *wrong = "schedule";
    if (parse_schedule(action->schedule, &time, err) < 0)
        return -1;
    if (action->start_time != NULL) {
        *wrong = "startTime";
        if (!parse_moment(action->start_time, &local_s))
            return err_set(err, ERR_INVALID, "'%s' is no time: write 2026-12-24T08:00:00",
                           action->start_time);
        local_s = zone_utc_s(zone, local_s);
        if (!text_starts(action->schedule, "at("))
            time.from_s = local_s;
        else if (time.from_s < local_s)
            return err_set(err, ERR_INVALID, "it begins after its only time");
    }
    if (action->end_time != NULL) {
        *wrong = "endTime";
        if (!parse_moment(action->end_time, &local_s))
            return err_set(err, ERR_INVALID, "'%s' is no time: write 2026-12-24T08:00:00",
                           action->end_time);
        time.until_s = zone_utc_s(zone, local_s);
        if (time.until_s < time.from_s)
            return err_set(err, ERR_INVALID, "it ends before it begins");
    }
    *out = time;
    return 0;
}

static int64_t day_of(const struct scaling_time *time, int64_t utc_s)
{
    return (utc_s + zone_offset_s(time->zone, utc_s)) / DAY_S;
}

static int64_t at_s(const struct scaling_time *time, int64_t day, int minute)
{
    return zone_utc_s(time->zone, day * DAY_S + (int64_t)minute * MINUTE_S);
}

static int64_t cron_last(const struct scaling_time *time, int64_t to_s)
{
    int64_t first = day_of(time, to_s) + 1;

    for (int64_t day = first; day > first - LOOK_DAYS && day >= 0; day--) {
        for (int minute = DAY_MINUTES - 1; minute >= 0 && cron_has_day(&time->cron, day);
             minute--) {
            if (cron_has_minute(&time->cron, minute) && at_s(time, day, minute) <= to_s)
                return at_s(time, day, minute);
        }
    }
    return SCALING_NEVER;
}

static int64_t cron_next(const struct scaling_time *time, int64_t after_s)
{
    int64_t first = day_of(time, after_s) - 1;

    for (int64_t day = first; day < first + LOOK_DAYS; day++) {
        for (int minute = 0; minute < DAY_MINUTES && cron_has_day(&time->cron, day); minute++) {
            if (cron_has_minute(&time->cron, minute) && at_s(time, day, minute) > after_s)
                return at_s(time, day, minute);
        }
    }
    return INT64_MAX;
}

int64_t scaling_time_last(const struct scaling_time *time, int64_t now_s)
{
    int64_t to_s = now_s < time->until_s ? now_s : time->until_s;
    int64_t last_s;

    if (to_s < time->from_s)
        return SCALING_NEVER;
    if (time->is_cron)
        last_s = cron_last(time, to_s);
    else if (time->every_s == 0)
        last_s = time->from_s;
    else
        last_s = to_s - (to_s - time->from_s) % time->every_s;
    return last_s < time->from_s ? SCALING_NEVER : last_s;
}

int64_t scaling_time_next(const struct scaling_time *time, int64_t now_s)
{
    int64_t next_s;

    if (time->is_cron)
        next_s = cron_next(time, now_s < time->from_s ? time->from_s - 1 : now_s);
    else if (now_s < time->from_s)
        next_s = time->from_s;
    else if (time->every_s == 0)
        next_s = INT64_MAX;
    else
        next_s = now_s - (now_s - time->from_s) % time->every_s + time->every_s;
    return next_s > time->until_s ? INT64_MAX : next_s;
}
