/*
 * What was measured of one service: a day in minutes, the last hour in periods of 20 s, packed into
 * some bytes each.  The newest periods are kept unpacked, because what belongs to them may still
 * come: hosts are not sampled at the same instant.  Pure but for the heap.
 */
#ifndef RECONCILER_METRICS_SERIES_H
#define RECONCILER_METRICS_SERIES_H

#include "spec/metric.h"
#include "spec/sample.h"

#define SERIES_PERIOD_S 20
#define SERIES_PERIODS  180  /* an hour */
#define SERIES_MINUTES  1440 /* a day */

struct series;

/* Heap bytes of a series, with what was reserved for requests or without. */
size_t series_bytes(bool has_load);

struct series *series_new(void);
void series_free(struct series *series);
DEFINE_AUTO(series, series_free)
bool series_has_load(const struct series *series);

/* What a task used, on average, between two samples of it.  `given` > 0. */
struct series_use {
    double cpu; /* in the unit of cpu_given; NAN: not known */
    double cpu_given;
    double memory; /* likewise */
    double memory_given;
};
/* How the targets of a service were asked between two samples of a load balancer. */
struct series_load {
    uint64_t requests;
    uint64_t answers[SAMPLE_ANSWERS];
    uint64_t connection_errors;
    double response_s; /* average over the requests; NAN: none */
    double queue;      /* that waited at the end */
    double targets;    /* in service at the end */
};
/* Wall clock, from_ms < to_ms, to_ms being now: a clock that was set back forgets what it will
 * measure again. */
void series_add_use(struct series *series, int64_t from_ms, int64_t to_ms,
                    const struct series_use *use);
void series_add_load(struct series *series, int64_t from_ms, int64_t to_ms,
                     const struct series_load *load);

/* Until when something was measured; 0: never. */
int64_t series_until_ms(const struct series *series);
/* All metrics over [from_ms, to_ms), whole seconds, NAN where nothing was measured or it is not
 * measured to its end yet. */
void series_read(const struct series *series, int64_t from_ms, int64_t to_ms,
                 double out[METRIC_COUNT]);

/* ---- To be kept ------------------------------------------------------------------------------ */

#define SERIES_USE_COLUMNS  3
#define SERIES_LOAD_COLUMNS 9
struct series_minute {
    bool has_use;
    bool has_load;
    uint16_t use[SERIES_USE_COLUMNS];
    uint16_t load[SERIES_LOAD_COLUMNS];
};
/* False: nothing was measured in that minute of Unix time. */
MUST_USE bool series_save(const struct series *series, int64_t minute, struct series_minute *out);
/* Before anything is added; in the order of the minutes. */
void series_restore(struct series *series, int64_t minute, const struct series_minute *saved);

#endif
