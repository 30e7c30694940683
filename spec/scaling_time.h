/*
 * When a scheduled action of auto scaling happens (ecs.md 1.8): at(2026-12-24T08:00:00),
 * rate(6 hours) or cron(...), by the clocks of a time zone, between a start and an end.
 */
#ifndef SPEC_SCALING_TIME_H
#define SPEC_SCALING_TIME_H

#include "spec/kinds/kinds.h"
#include "spec/timing.h"
#include "spec/zone.h"

/* What an absent minCapacity or maxCapacity of an action is. */
#define CAPACITY_ABSENT UINT32_MAX

#define SCALING_NEVER INT64_MIN

/* Each time that it happens. */
struct scaling_time {
    struct timing timing;
    struct timing_frame frame;
};

/* `wrong` says which field a mistake is in: "schedule", "startTime" or "endTime". */
int scaling_time_parse(const struct scheduled_action *action, const struct zone *zone,
                       struct scaling_time *out, const char **wrong, struct err *err);

/* The newest time that is not later than now (UTC, seconds); SCALING_NEVER: there is none, or, of a
 * cron(), none in the last 400 days. */
int64_t scaling_time_last(const struct scaling_time *time, int64_t now_s);
/* The next one after now; INT64_MAX: none. */
int64_t scaling_time_next(const struct scaling_time *time, int64_t now_s);

#endif
