/*
 * Tar files.  Of what is written the same content gives the same bytes: owner 0, time 0.
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

/* ---- Reading: what somebody else wrote, uncompressed ---- */

struct tar_reader;

struct tar_member {
    const char *path; /* valid until the next one is read */
    bool is_file;     /* with content of its own */
    int64_t at;       /* where it begins in the file, its header included */
};

/* Reads from the start of a regular file; stays the caller's.  As tar_new_fd(). */
struct tar_reader *tar_reader_new(int fd, struct err *err);
/* 1: *out is the next member; 0: there is none, and out->at is where the last one ended; -1: it is
 * no tar file.  What is not read of a member is passed over. */
MUST_USE int tar_reader_next(struct tar_reader *reader, struct tar_member *out, struct err *err);
/* The content of that member.  ERR_CAPACITY: it is more than the buffer may hold. */
MUST_USE int tar_reader_content(struct tar_reader *reader, struct buf *out, struct err *err);
void tar_reader_free(struct tar_reader *reader);
DEFINE_AUTO(tar_reader, tar_reader_free)

/* Of that library: "3.6.2"; "none". */
const char *tar_library_version(void);

#endif
