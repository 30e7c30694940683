/*
 * What manifests name beside themselves, on disk, for `berth validate`: environment files and build
 * contexts, as a commit of this working folder would have them.
 */
#ifndef RECONCILER_CLI_DISK_H
#define RECONCILER_CLI_DISK_H

#include "spec/generation.h"

/*
 * Reads and parses every environment file that a Task names, and looks for the folder and the
 * Dockerfile of every Image that is built; false when there are mistakes, which are added to diags.
 * A path begins at the root of the repository that holds the manifest: the nearest folder above it
 * that has a .git. Without one, files begin at the current folder, and contexts are not looked for.
 */
bool disk_check(struct generation *generation, struct diag_list *diags);

#endif
