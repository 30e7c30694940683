/*
 * Follow: from a ref that moved to a generation. Git is read on a worker queue; manifests are
 * parsed and judged on the loop. A commit with mistakes changes nothing: the last good one stays in
 * force.
 */
#ifndef RECONCILER_RUN_FOLLOW_H
#define RECONCILER_RUN_FOLLOW_H

#include "reconciler/run/app.h"
#include "reconciler/source/source.h"

/* The options of a run as the source takes them. */
struct source_options follow_options(const struct run_options *options);

/* Opens the repository of app->source_options and looks at it; one that cannot be opened ends the
 * program: app_fail(). */
struct follower *follower_new(struct app *app);
/* Waits for the job that runs. */
void follower_free(struct follower *follower);

/* Looks at the repository soon (webhook, `berth apply`, a signal).  Once follower_looks() has
 * reached the number it returns, what was committed before this call was seen. */
uint64_t follower_check(struct follower *follower);
/* How many looks are over, failed ones too. */
uint64_t follower_looks(const struct follower *follower);

/* A job runs on a worker. */
bool follower_is_busy(const struct follower *follower);

/* The name of the branch that is followed, or all of a tag's ("refs/tags/v1"); what was asked for
 * until it was found, NULL: HEAD. */
const char *follower_branch(const struct follower *follower);
/* The commit that is in force, as people know it; NULL before the first. */
const struct source_commit *follower_commit(const struct follower *follower);
/* Why the newest commit is not known; NULL: it is. */
const char *follower_trouble(const struct follower *follower);
/* The mistakes of a newer commit that was rejected; NULL: none. */
const struct diag_list *follower_rejected(const struct follower *follower, const char **out_commit);

#endif
