/*
 * What jobs share with the policies for services.
 */
#ifndef RECONCILER_PLAN_JOB_INT_H
#define RECONCILER_PLAN_JOB_INT_H

#include "reconciler/plan/plan_int.h"

/* Was any container of it started, or about to be? */
bool job_has_begun(const struct task_record *record);
/* One that was is not there any more. */
bool job_lacks_begun(const struct task_view *view);

void plan_job(struct planner *planner, const char *key);
void plan_schedule(struct planner *planner, const char *key); /* schedule.c */

/* For people: "service web", "group family:report". */
const char *unit_title(struct planner *planner, const char *service);
/* Is the first container of the task being created now?  pending.c */
bool is_being_created(const struct plan_input *input, const char *task);
/* The volumes that go with the unit.  True when one is still to go.  prune.c */
bool prune_volumes(struct planner *planner, const struct service_view *view);
/* record.c: it has stopped, which is the record's last word. */
void state_stopped(struct planner *planner, const struct service_view *view,
                   struct task_record *record);
void task_fact(struct planner *planner, const struct service_view *view,
               const struct task_record *record, bool durable);

#endif
