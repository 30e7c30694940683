/*
 * Notices commits in a local repository through inotify, without reading it.
 *
 * Watched is only what can move the branch: its loose ref, packed-refs, HEAD, the files that link a
 * work tree to its repository (.git, commondir), and the folders above them, so that a repository
 * (or a nested branch folder) that is deleted and made again is found again.  Never blocks beyond
 * reading a handful of tiny files: made for the loop.
 */
#ifndef RECONCILER_SOURCE_WATCH_H
#define RECONCILER_SOURCE_WATCH_H

#include "spec/base/base.h"
#include "spec/base/err.h"

struct watch;

/* location and branch as in source_options; both are copied.  The repository need not exist (yet).
 * ERR_CAPACITY: the system has no
 * inotify watches left, poll instead. */
int watch_new(const char *location, const char *branch, struct watch **out, struct err *err);
void watch_free(struct watch *watch);
DEFINE_AUTO(watch, watch_free)

/* Readable when watch_drain() has something to do.  Non-blocking; belongs to the watch. */
int watch_fd(const struct watch *watch);

/* Takes all events that are there.  *out_changed: the branch may have moved, so ask
 * source_refresh(); it may turn out not to have.  Nothing that happens after watch_new() is missed,
 * so make the watch first and refresh then.  On failure (ERR_CAPACITY, ERR_DENIED) some folders are
 * not watched: refresh now, and poll until a later call succeeds. */
int watch_drain(struct watch *watch, bool *out_changed, struct err *err);

#endif
