#include "spec/timing.h"

#include <string.h>

#include "spec/base/date.h"
#include "spec/base/text.h"

#define NUMBER_BYTES 16
#define RATE_MAX     1000000

static const struct {
    const char *text;
    int64_t seconds;
} units[] = {
    { "minute)", 60 },  { "minutes)", 60 }, { "hour)", 3600 },
    { "hours)", 3600 }, { "day)", 86400 },  { "days)", 86400 },
};

/* ---- Reading --------------------------------------------------------------------------------- */

static int parse_rate(const char *text, int64_t *out_s, struct err *err)
{
    const char *at = text + strlen("rate(");
    size_t size = strcspn(at, " )");
    char digits[NUMBER_BYTES] = "";
    uint32_t number = 0;

    if (size < sizeof(digits))
        memcpy(digits, at, size);
    if (!text_parse_u32(digits, &number) || number == 0 || number > RATE_MAX)
        return err_set(err, ERR_INVALID,
                       "'%s': a rate has a number from 1 to %d and then minutes, hours or days: "
                       "write rate(5 minutes)",
                       text, RATE_MAX);
    at += size + strspn(at + size, " ");
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (!text_equal(at, units[i].text))
            continue;
        *out_s = number * units[i].seconds;
        return 0;
    }
    return err_set(err, ERR_INVALID,
                   "'%s': behind its number a rate has minutes, hours or days: write rate(5 "
                   "minutes)",
                   text);
}

/* So many digits, and what follows them. */
static bool take_number(const char **at, int digits, const char *then, int64_t *out)
{
    int64_t number = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        number = number * 10 + (**at - '0');
    }
    *out = number;
    if (!text_starts(*at, then))
        return false;
    *at += strlen(then);
    return true;
}

int timing_parse_date(const char *text, int64_t *out_s, struct err *err)
{
    const char *at = text;
    int64_t year, month, day, hour, minute, second;

    if (!take_number(&at, 4, "-", &year) || !take_number(&at, 2, "-", &month) ||
        !take_number(&at, 2, "T", &day) || !take_number(&at, 2, ":", &hour) ||
        !take_number(&at, 2, ":", &minute) || !take_number(&at, 2, "", &second) || *at != '\0')
        return err_set(err, ERR_INVALID, "'%s' is no date and time: write 2026-12-31T23:59:00",
                       text);
    if (year < CRON_YEAR_MIN || year > CRON_YEAR_MAX || month < 1 || month > 12 || day < 1 ||
        day > date_month_days(year, month) || hour > 23 || minute > 59 || second > 59)
        return err_set(err, ERR_INVALID, "'%s': no clock ever shows that", text);
    *out_s = ((date_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return 0;
}

static int parse_at(const char *text, int64_t *out_s, struct err *err)
{
    const char *at = text + strlen("at(");
    size_t size = strlen(at);
    char date[32] = "";

    if (size > 0 && size <= sizeof(date) && at[size - 1] == ')')
        memcpy(date, at, size - 1);
    return timing_parse_date(date[0] == '\0' ? text : date, out_s, err);
}

int timing_parse(const char *text, struct timing *out, struct err *err)
{
    struct timing timing = { .kind = TIMING_CRON };
    int result;

    if (text_starts(text, "rate(")) {
        timing.kind = TIMING_RATE;
        result = parse_rate(text, &timing.rate_s, err);
    } else if (text_starts(text, "at(")) {
        timing.kind = TIMING_AT;
        result = parse_at(text, &timing.at_s, err);
    } else if (text_starts(text, "cron(")) {
        result = cron_parse(text, &timing.cron, err);
    } else {
        return err_set(err, ERR_INVALID,
                       "'%s' is no rate(...), cron(...) or at(...): write rate(5 minutes), cron(0 "
                       "3 * * ? *) or at(2026-12-31T23:59:00)",
                       text);
    }
    if (result == 0)
        *out = timing;
    return result;
}

bool timing_is_possible(const struct timing *timing)
{
    return timing->kind != TIMING_CRON || cron_has_any_day(&timing->cron);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What is due is later than that. */
static int64_t bound_s(const struct timing_frame *frame, int64_t after_s)
{
    int64_t bound = larger(after_s, frame->since_s);

    return frame->start_s == INT64_MIN ? bound : larger(bound, frame->start_s - 1);
}

/* A rate is due at its start, and one without for the first time when it has passed once. */
static int64_t rate_base_s(const struct timing *timing, const struct timing_frame *frame)
{
    return frame->start_s == INT64_MIN ? frame->since_s : frame->start_s - timing->rate_s;
}

int64_t timing_next_s(const struct timing *timing, const struct timing_frame *frame,
                      int64_t after_s)
{
    int64_t bound = bound_s(frame, after_s);
    int64_t base;
    int64_t next = TIMING_NEVER;

    switch (timing->kind) {
    case TIMING_CRON: next = cron_next_s(&timing->cron, frame->zone, bound); break;
    case TIMING_RATE:
        base = rate_base_s(timing, frame);
        next = base + ((bound - base) / timing->rate_s + 1) * timing->rate_s;
        break;
    case TIMING_AT:
        if (zone_utc_s(frame->zone, timing->at_s) > bound)
            next = zone_utc_s(frame->zone, timing->at_s);
        break;
    }
    return next > frame->end_s ? TIMING_NEVER : next;
}

int64_t timing_last_s(const struct timing *timing, const struct timing_frame *frame,
                      int64_t after_s, int64_t until_s)
{
    int64_t bound = bound_s(frame, after_s);
    int64_t until = until_s < frame->end_s ? until_s : frame->end_s;
    int64_t base;
    int64_t last = TIMING_NEVER;

    if (until <= bound)
        return TIMING_NEVER;
    switch (timing->kind) {
    case TIMING_CRON: return cron_last_s(&timing->cron, frame->zone, bound, until);
    case TIMING_RATE:
        base = rate_base_s(timing, frame);
        last = base + (until - base) / timing->rate_s * timing->rate_s;
        break;
    case TIMING_AT: last = zone_utc_s(frame->zone, timing->at_s); break;
    }
    return last > bound && last <= until ? last : TIMING_NEVER;
}
