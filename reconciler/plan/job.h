/*
 * What begins a run of a job: the facts that are durable before anything else is done for it.
 */
#ifndef RECONCILER_PLAN_JOB_H
#define RECONCILER_PLAN_JOB_H

#include "reconciler/plan/memory.h"
#include "spec/base/arena.h"

struct job_start {
    const char *run; /* its id */
    const char *commit;
    struct goal *goal;      /* of target_make_job() */
    const char *started_by; /* may be NULL */
    int64_t due_ms;         /* of a schedule's; else 0 */
    int64_t at_ms;
};

/* The run, and then each of its tasks, by slot. */
size_t job_facts(const struct job_start *start, struct arena *arena, struct fact **out);

#endif
