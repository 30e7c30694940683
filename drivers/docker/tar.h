/*
 * Writing tar files.  The same content gives the same bytes: owner 0, time 0.
 */
#ifndef DRIVERS_DOCKER_TAR_H
#define DRIVERS_DOCKER_TAR_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

struct tar;

struct tar *tar_new_buf(struct buf *out);
/* mode: 0100644, 0100755, or 0120000 with the link's target as bytes.  bytes may be NULL when size
 * is 0. */
MUST_USE int tar_add(struct tar *tar, const char *path, uint32_t mode, const void *bytes,
                     size_t size, struct err *err);
/* The end of the file; nothing is added after it. */
MUST_USE int tar_finish(struct tar *tar, struct err *err);
void tar_free(struct tar *tar);
DEFINE_AUTO(tar, tar_free)

#endif
