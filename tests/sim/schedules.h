/*
 * Schedules, in some lives; that each due time has its run, and none has two.
 */
#ifndef TESTS_SIM_SCHEDULES_H
#define TESTS_SIM_SCHEDULES_H

#include "spec/base/buf.h"
#include "tests/sim/check.h"

/* Draws whether there are any in this life. */
void schedules_draw(struct people *people, bool may);
/* A commit is made: some of them are other ones. */
void schedules_change(struct people *people);
void schedules_print(const struct people *people, struct buf *out);

/* In the time that has passed people suspended some; and what was due is looked after. */
void schedules_disturb(struct check *check, int64_t passed_ms);
/* Another process, another commit: what was due meanwhile may be late. */
void schedules_renew(struct check *check);
/* Nothing is begun any more. */
void schedules_give_up(struct check *check);

/* Facts, before they are kept; a request that has reached the engine. */
void schedules_check_facts(struct check *check, const struct fact *facts, size_t count);
void schedules_check_engine(struct check *check, const struct sim_container *container);
void schedules_release(struct check *check);

#endif
