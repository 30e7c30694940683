/*
 * What is remembered of the maintenance of an instance: how far it is, and for which round.
 */
#ifndef RECONCILER_PLAN_MAINTENANCE_H
#define RECONCILER_PLAN_MAINTENANCE_H

#include "spec/base/arena.h"
#include "spec/base/base.h"

#define MAINTENANCE_STEPS(X)                                                                       \
    X(DRAINING, "DRAINING")   /* its tasks leave */                                                \
    X(RUNNING, "RUNNING")     /* the command was begun, or is about to: once, whatever happens */  \
    X(REBOOTING, "REBOOTING") /* it is rebooted: it goes away, and comes back */                   \
    X(RETURNING, "RETURNING") /* it may have tasks again, and is not proven yet */                 \
    X(DONE, "DONE")                                                                                \
    X(FAILED, "FAILED") /* it stays without tasks until a person or a commit says what next */

#define MAINTENANCE_ENUM(name, text) MAINTENANCE_##name,
enum maintenance_step { MAINTENANCE_STEPS(MAINTENANCE_ENUM) MAINTENANCE_STEP_COUNT };
#undef MAINTENANCE_ENUM

#define MAINTENANCE_ROUND_SIZE 13 /* twelve hexadecimal digits: of what is done */

struct maintenance {
    enum maintenance_step step;
    const char *engine; /* the ID of the one it is about; NULL: not known, it goes by the name */
    const char *round;  /* what is done, and when: the same is never done twice */
    uint32_t attempt;   /* a person had it tried again so often */
    int64_t since_ms;   /* when the step began */
    const char *boot;   /* REBOOTING: which one it was before; else NULL */
    const char *reason; /* FAILED: why; else NULL */
};

const char *maintenance_step_text(enum maintenance_step step);
MUST_USE bool maintenance_step_parse(const char *text, enum maintenance_step *out);

struct maintenance *maintenance_copy(const struct maintenance *from, struct arena *arena);
/* Is the instance kept free of tasks?  NULL: nothing is remembered. */
bool maintenance_drains(const struct maintenance *maintenance);
/* Is it out: on its way through the steps, or failed? */
bool maintenance_is_open(const struct maintenance *maintenance);

#endif
