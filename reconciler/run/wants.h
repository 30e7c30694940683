/*
 * Wants: which long work on images a unit of planning waits for. What no unit wants is cancelled.
 *
 * A unit that was planned without a look at its images (it is suspended, its removal is held, its
 * deployment failed) wants what it wanted before.
 */
#ifndef RECONCILER_RUN_WANTS_H
#define RECONCILER_RUN_WANTS_H

#include "reconciler/plan/plan.h"

/* Of one unit; zeroed: none. */
struct wants {
    char **keys;
    size_t count;
};

/* As the plan says of the unit. */
void wants_set(struct wants *wants, const struct plan *plan, const char *unit);
bool wants_has(const struct wants *wants, const struct action *action);
void wants_release(struct wants *wants);

#endif
