/*
 * The bare clone of a URL under the state directory, and its upkeep.  Only the child that fetches
 * writes to it, one at a time; killed at any instant, the next one cleans up.
 */
#ifndef RECONCILER_SOURCE_CLONE_H
#define RECONCILER_SOURCE_CLONE_H

#include "reconciler/source/git.h"

#define CLONE_TIP       "refs/berth/tip" /* the newest commit that was fetched */
#define CLONE_PACKS     24               /* each fetch makes one; more than this are made one */
#define CLONE_PACKS_MAX 240              /* more than this: a new clone instead */

/* Waits for the sole use of a clone; the returned descriptor ends it when closed. */
int clone_lock(const char *directory, int *out_fd, struct err *err);
/* Removes a clone, when there is one. */
int clone_remove(const char *directory, struct err *err);
/* Removes what a killed process left behind, then opens.  ERR_CONFLICT: it is not (or no longer) a
 * repository, or has too many packs. */
int clone_open(const char *directory, git_repository **out, struct err *err);
/* An empty bare repository in place of whatever is there. */
int clone_create(const char *directory, git_repository **out, struct err *err);
/* Puts `fresh` in the place of `directory`. */
int clone_replace(const char *fresh, const char *directory, struct err *err);
/* Makes one pack of many, with only what CLONE_TIP reaches, when there are more than CLONE_PACKS.
 * Gives up (with no harm done) when it takes longer than budget_ms. */
void clone_tidy(git_repository *repository, int64_t budget_ms);

#endif
