/*
 * What a driver reports when it is asked how much tasks use and are asked: counters as they stand,
 * of which whoever hears them takes the differences.  Pointers are the driver's own and live only
 * during the call.
 */
#ifndef SPEC_SAMPLE_H
#define SPEC_SAMPLE_H

#include "spec/base/base.h"

/* A container that runs. */
struct container_sample {
    const char *id;        /* the engine's */
    uint64_t cpu_ns;       /* CPU time since its start: it only grows, until it starts anew */
    uint64_t memory_bytes; /* in use, without what the kernel may drop (inactive_file) */
};

/* How a target answered; ecs.md 1.11, HAProxy's management.txt 9.1. */
#define SAMPLE_ANSWERS 4 /* classes of statuses: 2xx, 3xx, 4xx, 5xx */
struct target_sample {
    const char *group; /* "CLUSTER:SERVICE:CONTAINER:PORT" */
    const char *task;
    uint64_t process; /* that counted; another one counts from 0 */
    bool in_service;
    uint64_t requests; /* that it answered; of TCP: connections to it */
    uint64_t answers[SAMPLE_ANSWERS];
    uint64_t connection_errors;
    uint32_t response_ms; /* average until the head of the answer, of its last 1024 requests */
};

/* What waits for any target. */
struct group_sample {
    const char *group;
    uint32_t queued;
};

struct sample_report {
    const char *instance;
    const char *balancer; /* its name; NULL: containers of the instance */
    int64_t taken_ms;     /* by a clock of the instance that nobody moves */
    const struct container_sample *containers;
    size_t container_count;
    const struct target_sample *targets; /* once for each process that knows it */
    size_t target_count;
    const struct group_sample *groups;
    size_t group_count;
};

#endif
