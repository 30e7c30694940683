/*
 * An engine's own statistics: what is left where control groups cannot be read.  They are dear: an
 * engine works a second for each container, so they are asked for rarely and few at a time.
 */
#ifndef DRIVERS_DOCKER_STATS_H
#define DRIVERS_DOCKER_STATS_H

#include "drivers/docker/engine.h"
#include "spec/base/arena.h"

/* The containers of ours that run, as far as it is known; all lies in the arena. */
size_t engine_running(const struct engine *engine, struct arena *arena, const char *const **out);

/* Reports what was found. */
void engine_report_sample(const struct engine *engine, int64_t taken_ms,
                          const struct container_sample *samples, size_t count);

/* Samples those containers (the ids are copied), unless they were asked for a moment ago; done()
 * follows. */
void engine_stats(struct engine *engine, const char *const *ids, size_t count,
                  struct driver_call *call);

/* One answer of /containers/ID/stats.  False: it does not say enough. */
struct json;
MUST_USE bool stats_read(const struct json *answer, struct container_sample *out);

#endif
