/*
 * What a generation needs of its commit beside the manifests: the keys of build contexts, and
 * environment files.
 */
#ifndef RECONCILER_RUN_COMMIT_FILES_H
#define RECONCILER_RUN_COMMIT_FILES_H

#include "reconciler/run/context_keys.h"
#include "reconciler/run/environment.h"

/* Zeroed is empty.  One round is prepare, read, judge and, when all is well, give. */
struct commit_files {
    struct context_keys keys;
    struct environment environment;
};

/* The generation must live until it was judged. */
void commit_files_prepare(struct commit_files *files, const struct generation *generation);
/* Blocks: for a worker. */
void commit_files_read(struct commit_files *files, struct source *source, const char *commit);
/* A context or file that is not as it must be is a mistake of the commit, and in diags.  False: the
 * repository cannot be read now, which is none, and *out_err says why. */
bool commit_files_judge(struct commit_files *files, struct diag_list *diags, struct err *out_err);
void commit_files_give(const struct commit_files *files, struct generation *generation);
void commit_files_release(struct commit_files *files);

#endif
