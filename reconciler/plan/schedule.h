/*
 * When schedules are due.
 */
#ifndef RECONCILER_PLAN_SCHEDULE_H
#define RECONCILER_PLAN_SCHEDULE_H

#include "reconciler/plan/memory_schedules.h"
#include "reconciler/plan/plan.h"

/* How a schedule stands, by the same rules that the planner uses. */
struct schedule_status {
    const struct schedule_spec *spec;     /* NULL: no commit declares it any more */
    const struct schedule_record *record; /* NULL: nothing is remembered of it */
    const struct zone *zone;              /* NULL: it is not known */
    int64_t next_ms; /* when it is due next; INT64_MAX: never, or it is DISABLED or suspended */
    uint32_t live;   /* of its tasks, those that have not stopped */
};
void plan_schedule_status(const struct plan_input *input, const char *name,
                          struct schedule_status *out);

/* When the one would be due next that is declared now, if it were new. */
int64_t schedule_first_ms(const struct desired *desired, const struct schedule_spec *spec,
                          int64_t now_ms);

#endif
