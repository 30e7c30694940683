/*
 * What every ssh of ours gets as its environment.
 */
#ifndef DRIVERS_EC2_SSH_ENVIRONMENT_H
#define DRIVERS_EC2_SSH_ENVIRONMENT_H

#include "spec/base/arena.h"

/* Ours, but for the shell that ssh runs local commands with: a service's user may have none.
 * NULL-terminated; lives in the arena, but for its texts. */
const char *const *ssh_environment(struct arena *arena);

#endif
