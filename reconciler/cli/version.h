/*
 * Which build this is.
 */
#ifndef RECONCILER_CLI_VERSION_H
#define RECONCILER_CLI_VERSION_H

/* As `git describe` says it. */
const char *berth_version(void);

#endif
