/*
 * Snapshot: what a commit declares, read from nothing and without taking it into force.
 */
#ifndef RECONCILER_RUN_SNAPSHOT_H
#define RECONCILER_RUN_SNAPSHOT_H

#include "reconciler/plan/goal.h"
#include "reconciler/run/secrets.h"
#include "reconciler/source/source.h"

struct snapshot_request {
    const struct source_options *source;
    const char *ref;         /* as source_open_at() takes it; NULL: the tip of the branch */
    bool parent;             /* the first parent of it, if any */
    const char *since;       /* commits after this one may confirm removals; NULL: this one alone */
    bool read_since;         /* what that one declares is asked for, too */
    const char *confirmed;   /* a person let the removals of this one go; NULL: of none */
    const char *root;        /* root commit, when it is known; else NULL or "" */
    struct secrets *secrets; /* NULL: none are read */
};

struct snapshot {
    struct source_log *commit; /* of one commit; NULL: the parent of one that has none */
    struct desired *desired;
    bool confirmed;            /* its removals may go */
    char root[SOURCE_ID_SIZE]; /* root commit of its history */
    struct generation *since;  /* as it was asked for; NULL: not, or */
    struct err since_err;      /* it cannot be read */
};

/* Blocks. Mistakes of the manifests are in diags. */
int snapshot_load(const struct snapshot_request *request, struct diag_list *diags,
                  struct snapshot *out, struct err *err);
void snapshot_release(struct snapshot *snapshot);
DEFINE_AUTO_VALUE(snapshot, snapshot_release)

#endif
