/*
 * Services under a load that comes and goes, in some lives; and that each is scaled as its policies
 * say, computed here by itself.
 */
#ifndef TESTS_SIM_LOADS_H
#define TESTS_SIM_LOADS_H

#include "spec/base/buf.h"
#include "spec/metric.h"
#include "tests/sim/check.h"

/* Draws whether there are any in this life. */
void loads_draw(struct people *people, bool may);
/* Its autoScaling, if the service has one. */
bool loads_has(const struct people *people, size_t service);
void loads_print(const struct people *people, size_t service, struct buf *out);

/* What the program reads; its context is the check. */
metric_read_fn loads_read;
/* From now on no load changes. */
void loads_freeze(struct check *check);

/* A fact was stated. */
void loads_check_fact(struct check *check, const struct fact *fact);
/* A new process has remembered what there was to remember; nothing was left to remember. */
void loads_check_reborn(struct check *check);
void loads_forgotten(struct check *check);
/* So many tasks the service is to have; `declared` when it is not scaled. */
uint32_t loads_count(const struct check *check, size_t service, uint32_t declared);
/* The load was steady for long: the metric is in its band. */
void loads_check_end(struct check *check);

#endif
