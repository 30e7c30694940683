/*
 * When something is due, as EventBridge writes it: "rate(5 minutes)", "cron(0 3 * * ? *)" or
 * "at(2026-12-31T23:59:00)", perhaps between two dates.  Times are in seconds since 1970, UTC, but
 * for what is called local: what clocks that are not turned on the way would show.
 */
#ifndef SPEC_TIMING_H
#define SPEC_TIMING_H

#include "spec/cron.h"

#define TIMING_NEVER CRON_NEVER

enum timing_kind { TIMING_CRON, TIMING_RATE, TIMING_AT };

struct timing {
    enum timing_kind kind;
    struct cron cron;
    int64_t rate_s;
    int64_t at_s; /* local */
};

int timing_parse(const char *text, struct timing *out, struct err *err);
/* "2026-12-31T23:59:00", local */
int timing_parse_date(const char *text, int64_t *out_s, struct err *err);
/* False: a cron expression that has no day. */
bool timing_is_possible(const struct timing *timing);

/* What a timing is told by. */
struct timing_frame {
    const struct zone *zone;
    int64_t since_s; /* it is due later only, and a rate is counted from here, or from the start */
    int64_t start_s; /* it is not due before; INT64_MIN: whenever */
    int64_t end_s;   /* it is not due after; INT64_MAX: whenever */
};

/* The first due time after that one, and the last that is after `after_s` and not after `until_s`;
 * TIMING_NEVER: there is none. */
int64_t timing_next_s(const struct timing *timing, const struct timing_frame *frame,
                      int64_t after_s);
int64_t timing_last_s(const struct timing *timing, const struct timing_frame *frame,
                      int64_t after_s, int64_t until_s);

#endif
