/*
 * Metrics: what is measured of services, under the names of ECS and ALB (ecs.md 1.12), so that
 * policies and people speak of the same thing.
 *
 * A metric of a service is a row of datapoints, one for each period of the wall clock: period n
 * covers [n * period, (n + 1) * period) of Unix time.
 */
#ifndef SPEC_METRIC_H
#define SPEC_METRIC_H

#include "spec/base/base.h"

/* X(constant, name, unit).  The statistic of one datapoint is said in the comment.
 * CPU and MEMORY: average over the running tasks and the samples of the period, in percent of what
 * the task definition gives (memoryReservation before memory), so memory may exceed 100.
 * REQUESTS, ERRORS and the counts of answers: sum over the targets in the period.
 * REQUESTS_PER_TARGET: sum of requests divided by the targets that were in service, for the period,
 * as if it were a minute (a period of 20 s counts thrice).
 * RESPONSE_TIME: average, in seconds.  QUEUE: the largest number of requests that waited. */
#define METRICS(X)                                                                                 \
    X(CPU, "CPUUtilization", "Percent")                                                            \
    X(MEMORY, "MemoryUtilization", "Percent")                                                      \
    X(REQUESTS, "RequestCount", "Count")                                                           \
    X(REQUESTS_PER_TARGET, "RequestCountPerTarget", "Count")                                       \
    X(ANSWERS_2XX, "HTTPCode_Target_2XX_Count", "Count")                                           \
    X(ANSWERS_3XX, "HTTPCode_Target_3XX_Count", "Count")                                           \
    X(ANSWERS_4XX, "HTTPCode_Target_4XX_Count", "Count")                                           \
    X(ANSWERS_5XX, "HTTPCode_Target_5XX_Count", "Count")                                           \
    X(CONNECTION_ERRORS, "TargetConnectionErrorCount", "Count")                                    \
    X(RESPONSE_TIME, "TargetResponseTime", "Seconds")                                              \
    X(QUEUE, "SurgeQueueLength", "Count")

#define METRIC_ENUM(name, text, unit) METRIC_##name,
enum metric { METRICS(METRIC_ENUM) METRIC_COUNT };
#undef METRIC_ENUM

const char *metric_name(enum metric metric);
const char *metric_unit(enum metric metric);
/* METRIC_COUNT: there is none of that name. */
enum metric metric_find(const char *name);

/* Writes the datapoints of the `count` newest periods that were over at `now_ms` (Unix time), the
 * newest last.  NAN: nothing was measured then.  `service` is "CLUSTER/SERVICE"; period_s is a
 * divisor of 60 or a multiple of it that divides a day. */
typedef void metric_read_fn(void *context, const char *service, enum metric metric,
                            uint32_t period_s, int64_t now_ms, double *out, size_t count);
struct metric_reader {
    metric_read_fn *read;
    void *context;
};

#endif
