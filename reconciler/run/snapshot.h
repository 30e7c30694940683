/*
 * Snapshot: what a commit declares, read from nothing and without taking it into force.
 */
#ifndef RECONCILER_RUN_SNAPSHOT_H
#define RECONCILER_RUN_SNAPSHOT_H

#include "reconciler/plan/goal.h"
#include "reconciler/run/secrets.h"
#include "reconciler/source/source.h"

struct snapshot {
    struct source_log *commit; /* of one commit */
    struct desired *desired;
};

/* Blocks. `ref` is a branch, tag or commit id; NULL: that of the options. PARENT of it is taken
 * when `parent` is true (ERR_NOT_FOUND: it has none). secrets NULL: none are read. Mistakes of the
 * manifests are in diags. */
int snapshot_load(const struct source_options *options, const char *ref, bool parent,
                  struct secrets *secrets, struct diag_list *diags, struct snapshot *out,
                  struct err *err);
void snapshot_release(struct snapshot *snapshot);
DEFINE_AUTO_VALUE(snapshot, snapshot_release)

#endif
