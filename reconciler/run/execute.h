/*
 * Execute: hands actions to the driver, at most one per object and few at a time per instance, each
 * with a deadline; what became of them is reported to the world.
 */
#ifndef RECONCILER_RUN_EXECUTE_H
#define RECONCILER_RUN_EXECUTE_H

#include "reconciler/run/app.h"

struct executor *executor_new(struct app *app);
/* Every call has been answered (the driver was freed before). */
void executor_free(struct executor *executor);

/* Takes what may start now.  Actions that are in flight already are left out; the unit of an action
 * for which there is no room is planned again when a call ends. */
void execute(struct executor *executor, const struct action *actions, size_t count);

/* Builds, pulls and pushes that no unit waits for any more end. */
void execute_cancel_unwanted(struct executor *executor);

/* Tasks whose first container is being created, for the planner's count of what is reserved. */
/* Names of the load balancers that an action is under way on. */
size_t executor_setting_up(const struct executor *executor, struct arena *arena,
                           const char *const **out);
size_t executor_pending(const struct executor *executor, struct arena *arena,
                        struct plan_pending **out);
size_t executor_in_flight(const struct executor *executor);

#endif
