/*
 * The commonest surprise of those who are new to it: a file was saved, and nothing happens.
 */
#ifndef RECONCILER_CLI_UNCOMMITTED_H
#define RECONCILER_CLI_UNCOMMITTED_H

#include "reconciler/cli/cli.h"

/* Warns on cli->errors of manifests that are changed in the work tree of options.run.repo and not
 * committed.  Says nothing when the repository cannot be read: the verb tells that itself. */
void uncommitted_warn(struct cli *cli);

#endif
