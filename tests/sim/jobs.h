/*
 * People who run Tasks by themselves, in some lives; and that each of these runs at most once.
 */
#ifndef TESTS_SIM_JOBS_H
#define TESTS_SIM_JOBS_H

#include "spec/base/buf.h"
#include "tests/sim/check.h"

/* Draws whether they do in this life. */
void jobs_draw(struct people *people, bool may);
/* Their Tasks, if they do. */
void jobs_print(const struct people *people, struct buf *out);

/* In the time that has passed they ran some, and stopped some. */
void jobs_disturb(struct check *check, int64_t passed_ms);
/* Those that have no place yet are not wanted any more, nor those of which the memory was deleted:
 * whether the rest of one may go when a container of it has ended, nobody knows.  `all`: nor those
 * that run, for what they run may have no end. */
void jobs_give_up(struct check *check, bool all);
/* Is one remembered, or anything of one there? */
bool jobs_are_left(const struct check *check);

/* Some take, or will take, room that nobody sees yet. */
bool jobs_want_room(const struct check *check);

/* A call for a job; a request that has reached the engine; of each what else is true of all. */
void jobs_check_apply(struct check *check, const struct action *action);
void jobs_check_engine(struct check *check, enum action_kind kind,
                       const struct sim_container *container);
void jobs_check_end(struct check *check);
void jobs_release(struct check *check);

#endif
