/*
 * Zones: time zones as this machine knows them.
 */
#ifndef RECONCILER_RUN_ZONES_H
#define RECONCILER_RUN_ZONES_H

#include "spec/zone.h"

/* A zone_read_fn, from the folder TZDIR, else /usr/share/zoneinfo; without a context. */
int zone_read(void *context, const char *name, struct arena *arena, struct zone *out,
              struct err *err);

#endif
