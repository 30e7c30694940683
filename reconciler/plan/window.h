/*
 * Window: when hosts may be taken out for maintenance.
 */
#ifndef RECONCILER_PLAN_WINDOW_H
#define RECONCILER_PLAN_WINDOW_H

#include "reconciler/plan/goal.h"
#include "spec/kinds/kinds.h"

/* How the windows of a cluster stand at a moment. */
struct window_look {
    bool is_open;
    int64_t opens_ms;        /* when the next one does; INT64_MAX: none does any more */
    const struct zone *zone; /* by whose clocks it does; NULL with INT64_MAX */
};

/* Without any it is always open. */
void window_look(const struct cluster_maintenance *maintenance, const struct desired *desired,
                 int64_t now_ms, struct window_look *out);

/* "Sun 2026-09-06 03:00 Europe/Berlin"; NULL: no window opens any more. */
const char *window_opens_text(const struct window_look *look, struct arena *arena);

#endif
