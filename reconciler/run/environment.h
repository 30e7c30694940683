/*
 * The environment files of a generation: read from the repository in a worker, parsed and judged on
 * the loop like manifests, and kept while their blobs stay the same.
 */
#ifndef RECONCILER_RUN_ENVIRONMENT_H
#define RECONCILER_RUN_ENVIRONMENT_H

#include "reconciler/source/source.h"
#include "spec/generation.h"

struct environment_entry;

/* Zeroed is empty.  One round is prepare, read, judge and, when all is well, give. */
struct environment {
    struct environment_entry *entries;
    size_t count;
};

/* What is to be read for a generation; it must live until it was judged. */
void environment_prepare(struct environment *environment, const struct generation *generation);
/* Blocks: for a worker.  Failures wait to be judged. */
void environment_read(struct environment *environment, struct source *source, const char *commit);
/* A file that is not there or not as it must be is a mistake: all of them are added to diags, and
 * *out_err is one of them.  False: the repository cannot be read now, which is none. */
bool environment_judge(struct environment *environment, struct diag_list *diags,
                       struct err *out_err);
void environment_give(const struct environment *environment, struct generation *generation);
void environment_release(struct environment *environment);
DEFINE_AUTO_VALUE(environment, environment_release)

#endif
