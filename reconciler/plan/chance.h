/*
 * Chance: what decides between instances that nothing else tells apart.  Each task has its own
 * order of all of them, by a hash of both their names: as good as drawn, and the same every time.
 *
 * The order of one task is walked from its beginning without looking at the others.  FNV-1a takes
 * its state through each character as (state ^ character) * P.  The xor changes the lowest byte
 * alone, and what it adds to the state depends on that byte and the character only; so does the
 * lowest byte that follows.  Behind a name of n characters the state is therefore
 *
 *     P^n * (state before) + (something of the lowest byte before and the name)
 *
 * and the instances whose names have n characters lie around a ring, in the same order for all
 * tasks whose state has that lowest byte: a task only begins at another place of it.  There are 256
 * rings for each length of names, and each is sorted when it is needed first.
 */
#ifndef RECONCILER_PLAN_CHANCE_H
#define RECONCILER_PLAN_CHANCE_H

#include "spec/base/arena.h"

/* The lower one comes first. */
uint64_t chance_of(const char *task, const char *instance);

struct chance_rings;

/* Of instances by their index; names and arena must live as long. */
struct chance_rings *chance_rings_new(const char *const *names, size_t count, struct arena *arena);

/* From the one that comes first; of those that are equal the one with the lower index.  One walk at
 * a time. */
void chance_walk(struct chance_rings *rings, const char *task);
/* False: that were all. */
bool chance_next(struct chance_rings *rings, size_t *out);

#endif
