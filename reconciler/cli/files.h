/*
 * Manifests on disk, for `berth validate`: what a commit of these files would give the reconciler.
 */
#ifndef RECONCILER_CLI_FILES_H
#define RECONCILER_CLI_FILES_H

#include "spec/base/arena.h"
#include "spec/generation.h"

struct manifest_files {
    struct file_change *items; /* sorted by path, each path once */
    size_t count;
};

/*
 * Reads each path: a file whatever its name, a folder with the *.yaml, *.yml and *.json below it
 * (but not those whose name, or that of a folder below it, begins with a dot), or "-", which is
 * standard input.  A link to a file has that file's
 * content; links to folders are not followed.  A file that is too large or cannot be read is
 * there, refused.  All lives in the arena.  ERR_NOT_FOUND: no such path; ERR_CAPACITY: more than
 * LIMIT_MANIFEST_FILES.
 */
int manifest_files_read(struct arena *arena, const char *const *paths, size_t count,
                        struct manifest_files *out, struct err *err);

#endif
