#include "spec/scaling_time.h"

#include "spec/base/text.h"

#define LOOK_S (400 * INT64_C(86400)) /* a yearly one is found */

static int parse_bound(const char *text, const struct zone *zone, int64_t *out_s, struct err *err)
{
    int64_t local_s;

    if (timing_parse_date(text, &local_s, err) < 0)
        return -1;
    *out_s = zone_utc_s(zone, local_s);
    return 0;
}

int scaling_time_parse(const struct scheduled_action *action, const struct zone *zone,
                       struct scaling_time *out, const char **wrong, struct err *err)
{
    /* A rate without a start is counted from the beginning of all time: it needs no memory. */
    struct scaling_time time = {
        .frame = { .zone = zone, .since_s = INT64_MIN, .start_s = 0, .end_s = INT64_MAX }
    };
    bool is_at;

    *wrong = "schedule";
    if (timing_parse(action->schedule, &time.timing, err) < 0)
        return -1;
    is_at = time.timing.kind == TIMING_AT;
    *wrong = "startTime";
    if (action->start_time != NULL &&
        parse_bound(action->start_time, zone, &time.frame.start_s, err) < 0)
        return -1;
    if (is_at && zone_utc_s(zone, time.timing.at_s) < time.frame.start_s)
        return err_set(err, ERR_INVALID, "it begins after its only time");
    *wrong = "endTime";
    if (action->end_time != NULL && parse_bound(action->end_time, zone, &time.frame.end_s, err) < 0)
        return -1;
    if (time.frame.end_s < (is_at ? zone_utc_s(zone, time.timing.at_s) : time.frame.start_s))
        return err_set(err, ERR_INVALID, "it ends before it begins");
    *out = time;
    return 0;
}

int64_t scaling_time_last(const struct scaling_time *time, int64_t now_s)
{
    int64_t after_s = time->timing.kind == TIMING_CRON ? now_s - LOOK_S : INT64_MIN;
    int64_t last_s = timing_last_s(&time->timing, &time->frame, after_s, now_s);

    return last_s == TIMING_NEVER ? SCALING_NEVER : last_s;
}

int64_t scaling_time_next(const struct scaling_time *time, int64_t now_s)
{
    int64_t next_s = timing_next_s(&time->timing, &time->frame, now_s);

    return next_s == TIMING_NEVER ? INT64_MAX : next_s;
}
