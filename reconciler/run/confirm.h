/*
 * Confirm: the word of a person that removals may go, in the message of a commit.
 */
#ifndef RECONCILER_RUN_CONFIRM_H
#define RECONCILER_RUN_CONFIRM_H

#include "reconciler/source/source.h"

/* So many of the commits that came are looked at. */
#define CONFIRM_LOG_MAX 200

/* One of these commits has the trailer `Berth-Confirm: prune`. */
bool confirm_is_given(const struct source_log *log);

#endif
