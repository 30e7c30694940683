/*
 * Schedules as EventBridge writes them: "cron(0 3 ? * SUN *)", which is minutes, hours, day of
 * month, month, day of week and year.
 */
#ifndef SPEC_CRON_H
#define SPEC_CRON_H

#include "spec/base/err.h"
#include "spec/zone.h"

#define CRON_YEAR_MIN 1970
#define CRON_YEAR_MAX 2199

/* Bits of what matches; days by the one that is not '?'. */
struct cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t months; /* from 1 */
    uint64_t years[(CRON_YEAR_MAX - CRON_YEAR_MIN) / 64 + 1];

    bool by_weekday;
    uint32_t days;          /* of the month, from 1 */
    bool last_day;          /* "L" */
    uint32_t near_days;     /* "15W": the weekday of the same month that is nearest to the 15th */
    uint32_t weekdays;      /* 0: Sunday */
    uint32_t nth[5];        /* "SUN#2": weekdays, by which of the month they are */
    uint32_t last_weekdays; /* "SUNL" */
};

/* What is wrong is said in terms of the field: "day of week: ...". */
int cron_parse(const char *text, struct cron *out, struct err *err);

/* Of the days since 1970. */
bool cron_has_day(const struct cron *cron, int64_t days);
bool cron_has_minute(const struct cron *cron, int minute_of_day);

/*
 * By the clocks of a zone, in seconds since 1970: a time that they leave out is the moment at which
 * they are turned, and one that they show twice is the first of the two.
 */
#define CRON_NEVER INT64_MAX
/* The first time after that one; CRON_NEVER: there is none within 41 years, after which everything
 * comes again. */
int64_t cron_next_s(const struct cron *cron, const struct zone *zone, int64_t after_s);
/* The last time that is not after `until_s`, but after `after_s`; CRON_NEVER: there is none. */
int64_t cron_last_s(const struct cron *cron, const struct zone *zone, int64_t after_s,
                    int64_t until_s);
/* Is there any day that it has? */
bool cron_has_any_day(const struct cron *cron);

#endif
