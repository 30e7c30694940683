/*
 * What the files that make up the metrics know of them, and nobody else does.
 */
#ifndef RECONCILER_METRICS_METRICS_INT_H
#define RECONCILER_METRICS_METRICS_INT_H

#include "reconciler/metrics/metrics.h"
#include "reconciler/metrics/series.h"
#include "spec/base/hash.h"

struct measured_service {
    char *key; /* "CLUSTER/SERVICE" */
    uint32_t number;
    struct series *series;
    /* While a sample of a load balancer is taken in: */
    bool is_touched;
    struct series_load load;
    double response_weight;
    UT_hash_handle by_key;
    UT_hash_handle by_number;
};

/* A counter of CPU time that was read before. */
struct measured_container {
    char id[65];
    uint64_t cpu_ns;
    int64_t taken_ms;
    int64_t wall_ms;
    UT_hash_handle by_id;
};

struct measured_task {
    char id[TASK_ID_SIZE];
    struct metrics_task use;
    /* While a sample is taken in: */
    const struct world_task *world;
    int64_t from_ms;
    struct measured_task *next;
    UT_hash_handle by_id;
};

/* Counters of a target that were read before. */
struct measured_target {
    char *key; /* load balancer, process, group, task */
    uint64_t requests;
    uint64_t answers[SAMPLE_ANSWERS];
    uint64_t connection_errors;
    int64_t wall_ms;
    UT_hash_handle by_key;
};

struct measured_balancer {
    char *name;
    int64_t taken_ms;
    int64_t wall_ms;
    UT_hash_handle by_name;
};

struct metrics {
    struct measured_service *services;
    struct measured_service *numbers;
    struct measured_container *containers;
    struct measured_task *tasks;
    struct measured_target *targets;
    struct measured_balancer *balancers;
    uint32_t last_number;
    bool numbers_changed;
    size_t bytes; /* of all series */
    size_t left_out;
};

/* Made when it is not there; NULL: there is no room. */
struct measured_service *metrics_need(struct metrics *metrics, const char *key);
/* One that is not there. */
struct measured_service *metrics_add(struct metrics *metrics, const char *key, uint32_t number);
struct measured_service *metrics_find(const struct metrics *metrics, const char *key);
/* After something was added to its series. */
void metrics_grown(struct metrics *metrics, const struct measured_service *service, bool had_load);

/* take_load.c: a sample of a load balancer. */
void metrics_take_load(struct metrics *metrics, const struct sample_report *sample,
                       int64_t wall_ms);

/* Between two samples so long lies at most: after a longer time it is begun anew. */
#define METRICS_GAP_MS ((int64_t)150 * 1000)

#endif
