/*
 * Environment files on disk, for `berth validate`: what a commit of this working folder would give.
 */
#ifndef RECONCILER_CLI_ENVIRONMENT_H
#define RECONCILER_CLI_ENVIRONMENT_H

#include "spec/generation.h"

/*
 * Reads and parses every environment file that a Task names; false when there are mistakes, which
 * are added to diags.  A path begins at the root of the repository that holds the manifest: the
 * nearest folder above it that has a .git, or else the current one.
 */
bool environment_check(const struct generation *generation, struct diag_list *diags);

#endif
