/*
 * Recall: with nothing remembered, the commits that running tasks name are read again, before
 * anything is planned, so that the planner knows what it would go back to.
 */
#ifndef RECONCILER_RUN_RECALL_H
#define RECONCILER_RUN_RECALL_H

#include "reconciler/run/app.h"

struct recall *recall_new(struct app *app);
/* No job may be running: recall_is_busy(). */
void recall_free(struct recall *recall);

/* May the planner go on?  Else the commits are being read, and once they are everything is marked
 * for planning. */
bool recall_allows(struct recall *recall);
/* A job runs on a worker. */
bool recall_is_busy(const struct recall *recall);
/* Of plan_input; they live as long as `recall`. */
size_t recall_goals(const struct recall *recall, struct goal *const **out);

#endif
