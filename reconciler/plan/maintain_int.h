/*
 * Between the files of maintain.c.
 */
#ifndef RECONCILER_PLAN_MAINTAIN_INT_H
#define RECONCILER_PLAN_MAINTAIN_INT_H

#include "reconciler/plan/place.h"
#include "reconciler/plan/plan_int.h"

/* Which instances of a cluster may begin; made once per plan. */
struct round {
    bool *begins;           /* by instance */
    const char *in_the_way; /* of the others that it is due on; NULL: no more than their turn */
    bool is_stopped;        /* one has failed */
    bool is_shut;           /* no window is open */
    int64_t opens_ms;       /* when the next one does; INT64_MAX: never */
    const char *opens;      /* likewise, in words; NULL: never */
};

struct round *maintain_round(struct planner *planner, const struct pool *pool, const char *due);

/* What it is called: only what is done; how long it may take does not make it another one. */
const char *maintain_round_name(const struct cluster_maintenance *wanted, struct arena *arena);

#endif
