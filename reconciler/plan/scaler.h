/*
 * Scaler: whose count a service has.  Without autoScaling it is that of git; with it the scaler's,
 * between the bounds of git or of the scheduled action that happened last.
 */
#ifndef RECONCILER_PLAN_SCALER_H
#define RECONCILER_PLAN_SCALER_H

#include "reconciler/plan/plan_int.h"

/* Which bounds are in force. */
struct scale_bounds {
    uint32_t min;
    uint32_t max;
    const char *min_action; /* the scheduled action that set it; NULL: the manifest did */
    const char *max_action; /* likewise */
    int64_t next_ms;        /* when any action happens next; INT64_MAX: none does */
};
void scale_bounds(const struct auto_scaling *spec, const struct desired *desired, int64_t now_ms,
                  struct scale_bounds *out);

/* The spec of the target, with the count of the scaler, if it has one. */
const struct service_spec *scaled_spec(const struct plan_input *input, const struct target *target,
                                       struct arena *arena);
/* States where scaling begins, ends, and that bounds have moved the count.  True when it did. */
bool scale_count(struct planner *planner, const struct service_view *view);

/* All that an evaluation needs but the datapoints. False: nothing can be said of the service now,
 * for the reason in *why; NULL: it is not scaled. */
bool scale_look(const struct plan_input *input, const char *key, struct arena *arena,
                struct scale_input *out, const char **why);

#endif
