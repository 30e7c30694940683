/*
 * Between the files of goal.c.
 */
#ifndef RECONCILER_PLAN_GOAL_INT_H
#define RECONCILER_PLAN_GOAL_INT_H

#include "reconciler/plan/goal.h"
#include "spec/tree.h"

/* Of what target_print() wrote: the known one, where it says the same; NULL: it is too much. */
struct goal *goal_of(struct goal *known, const struct buf *text, struct err *err);
/* Its target may be another one without any commit. */
bool has_secrets(const struct target *target);
/* Where its tasks run is not part of a goal. */
bool cluster_differs(const struct desired *before, const struct desired *after,
                     const char *cluster);

/* `concerned` are the names of those that may differ from those before.  False: mistakes. */
bool schedules_make(struct desired *desired, const struct desired *before,
                    const struct tree *concerned, secret_digest_fn *secrets, void *secrets_context,
                    struct diag_list *diags);
void schedules_compare(const struct desired *before, const struct desired *after,
                       desired_changed_fn *changed, void *context);
void desired_free_schedules(struct desired *desired);

#endif
