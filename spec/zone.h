/*
 * Time zones: what the clocks of a place show, with every change that was made to them or is known
 * to come.  The bytes of the tz database go in (RFC 8536); where they come from is the caller's.
 */
#ifndef SPEC_ZONE_H
#define SPEC_ZONE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#define ZONE_NAME_MAX 64 /* bytes */

/* "Europe/Berlin": no way out of the folder of zones. */
bool zone_is_name(const char *name);

/* From then on the clocks are so far ahead of UTC. */
struct zone_change {
    int64_t at_s; /* since 1970, UTC */
    int32_t offset_s;
};

enum zone_day_kind {
    ZONE_DAY_OF_MONTH, /* the nth weekday of a month; 5: the last */
    ZONE_DAY_OF_YEAR,  /* from 1, and February 29 is never counted */
    ZONE_DAY_FROM_ZERO /* from 0, February 29 is one of them */
};

/* A day of each year, and a time of it. */
struct zone_day {
    enum zone_day_kind kind;
    int month;
    int nth;
    int day; /* of the week, 0: Sunday; or of the year */
    int32_t time_s;
};

/* What holds when nothing else is known: "CET-1CEST,M3.5.0,M10.5.0/3". */
struct zone_rule {
    int32_t offset_s; /* ahead of UTC */
    bool has_summer;
    int32_t summer_offset_s;
    struct zone_day begins; /* summer does, by the clock of before */
    struct zone_day ends;
};

struct zone {
    const char *name;
    int32_t first_offset_s; /* before any change */
    struct zone_change *changes;
    size_t change_count;
    bool has_rule; /* after the last change */
    struct zone_rule rule;
};

extern const struct zone zone_utc;

/* One file of the database.  The name is not copied, changes are in the arena. */
int zone_parse(const char *name, const void *bytes, size_t size, struct arena *arena,
               struct zone *out, struct err *err);
MUST_USE bool zone_parse_rule(const char *text, struct zone_rule *out);

int32_t zone_offset_s(const struct zone *zone, int64_t utc_s);
/* When clocks that are not turned on the way would show so many seconds since 1970: the first time
 * of two, and of a time that is left out the moment at which the clocks are turned. */
int64_t zone_utc_s(const struct zone *zone, int64_t local_s);

/* "Sun 2026-09-06 03:00 Europe/Berlin" */
#define ZONE_TIME_SIZE (32 + ZONE_NAME_MAX)
void zone_print(const struct zone *zone, int64_t utc_ms, char out[ZONE_TIME_SIZE]);

#endif
