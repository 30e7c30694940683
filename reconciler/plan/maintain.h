/*
 * Maintain: hosts of an EC2 cluster are worked on one after the other, each drained before.
 */
#ifndef RECONCILER_PLAN_MAINTAIN_H
#define RECONCILER_PLAN_MAINTAIN_H

#include "reconciler/plan/maintenance.h"
#include "reconciler/plan/plan_int.h"

/* The next step of one instance, if it has any.  True when that was stated. */
bool maintain(struct planner *planner, const struct world_instance *instance);

/* Which hosts of the cluster it is due on, in that order: "a, b, c"; NULL: on none. */
const char *maintain_order(const struct plan_input *input, const struct resource *cluster,
                           struct arena *arena);

#endif
