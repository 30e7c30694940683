/*
 * Where something is mounted in a container.
 */
#ifndef SPEC_MOUNT_H
#define SPEC_MOUNT_H

#include "spec/base/base.h"

/* Do both paths name the same place?  "/data//x/" and "/data/x" do: the engine cleans what it is
 * given.  NULL equals nothing. */
bool mount_path_equal(const char *a, const char *b);

#endif
