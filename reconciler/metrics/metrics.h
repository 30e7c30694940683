/*
 * Metrics of services and tasks: what samples tell, as rates, and a day of it for each service.
 *
 * Memory: a service takes 11 KiB, one behind a load balancer 40 KiB (series_bytes()); all together
 * at most METRICS_BYTES_MAX, beyond which further services are not measured.
 */
#ifndef RECONCILER_METRICS_METRICS_H
#define RECONCILER_METRICS_METRICS_H

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/metric.h"
#include "spec/sample.h"
#include "spec/world.h"

#define METRICS_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define METRICS_DAY_MS    ((int64_t)24 * 60 * 60 * 1000)

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
DEFINE_AUTO(metrics, metrics_free)

/* Takes a sample in; whose a container is, and what its task was given, the world says.  A task
 * that was given no CPU units or no memory is measured against all that its instance has. */
void metrics_take(struct metrics *metrics, const struct world *world,
                  const struct sample_report *sample, int64_t wall_ms);

/* Forgets services that were not measured for a day, and what else was not heard of. */
void metrics_forget(struct metrics *metrics, int64_t wall_ms);

/* ---- To be asked ----------------------------------------------------------------------------- */

/* What policies read by; lives as long as the metrics. */
struct metric_reader metrics_reader(struct metrics *metrics);

/* The minute that ends with the last period that was measured.  False: nothing was within the last
 * three minutes; NAN: not that. */
MUST_USE bool metrics_now(const struct metrics *metrics, const char *service, int64_t wall_ms,
                          double out[METRIC_COUNT], int64_t *out_until_ms);

/* The services that something is known of, by name. */
typedef void metrics_each_fn(void *context, const char *service);
void metrics_each(const struct metrics *metrics, metrics_each_fn *fn, void *context);
bool metrics_knows(const struct metrics *metrics, const char *service);
/* Services that found no room. */
size_t metrics_left_out(const struct metrics *metrics);

/* Of one task, at its last sample. */
struct metrics_task {
    int64_t at_ms;    /* wall clock */
    double cpu_units; /* used, since the sample before; NAN: there was none */
    double cpu_given;
    double memory_mib;
    double memory_given;
};
/* NULL: none is known. */
const struct metrics_task *metrics_task(const struct metrics *metrics, const char *task);

/* ---- To be kept ------------------------------------------------------------------------------ */

/* What was measured of all services in a minute of Unix time, as bytes; services stand in it by
 * their numbers. */
void metrics_save(const struct metrics *metrics, int64_t minute, struct buf *out);
typedef void metrics_number_fn(void *context, uint32_t number, const char *service);
void metrics_numbers(const struct metrics *metrics, metrics_number_fn *fn, void *context);
/* Are the numbers others than those that were kept? */
bool metrics_numbers_changed(const struct metrics *metrics);
void metrics_numbers_kept(struct metrics *metrics);
/* First the numbers, then the minutes in their order.  What is not understood is left out. */
void metrics_restore_number(struct metrics *metrics, uint32_t number, const char *service);
void metrics_restore(struct metrics *metrics, int64_t minute, const void *data, size_t size);

#endif
