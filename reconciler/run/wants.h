/*
 * Wants: which long work on images a unit of planning waits for. What no unit wants is cancelled.
 *
 * A unit that was planned without a look at all its images (it is suspended, its removal is held,
 * its deployment failed, there is no room for its tasks) wants what it wanted before, too.
 */
#ifndef RECONCILER_RUN_WANTS_H
#define RECONCILER_RUN_WANTS_H

#include "reconciler/plan/plan.h"

/* Of one unit; zeroed: none. */
struct wants {
    char **keys;
    size_t count;
};

/* As the plan says of the unit; `all`: and nothing else. */
void wants_set(struct wants *wants, const struct plan *plan, const char *unit, bool all);
bool wants_has(const struct wants *wants, const struct action *action);
void wants_release(struct wants *wants);

#endif
