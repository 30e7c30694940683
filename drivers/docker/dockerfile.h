/*
 * What a Dockerfile says about who can build it.
 */
#ifndef DRIVERS_DOCKER_DOCKERFILE_H
#define DRIVERS_DOCKER_DOCKERFILE_H

#include <stddef.h>

/* The flag of an instruction that the classic builder would refuse when it comes to it, after it
 * has done everything before: "--mount".  NULL: none that is known.  Static text.  Pure. */
const char *dockerfile_buildkit_flag(const char *text, size_t size);

#endif
