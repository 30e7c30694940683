/*
 * Writing tar files.  The same content gives the same bytes: owner 0, time 0.
 */
#ifndef DRIVERS_DOCKER_TAR_H
#define DRIVERS_DOCKER_TAR_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

struct tar;

/* NULL: the library that writes them cannot be loaded.  Thread-safe. */
struct tar *tar_new_buf(struct buf *out, struct err *err);
struct tar *tar_new_fd(int fd, struct err *err);
/* mode: 0100644, 0100755, or 0120000 with the link's target as bytes.  bytes may be NULL when size
 * is 0. */
MUST_USE int tar_add(struct tar *tar, const char *path, uint32_t mode, const void *bytes,
                     size_t size, struct err *err);
/* The end of the file; nothing is added after it. */
MUST_USE int tar_finish(struct tar *tar, struct err *err);
void tar_free(struct tar *tar);
DEFINE_AUTO(tar, tar_free)

/* Of that library: "3.6.2"; "none". */
const char *tar_library_version(void);

#endif
