/*
 * Inspect: a preview by a process of its own, when no Berth runs: it reads the state and looks at
 * the engine, and changes neither.
 */
#ifndef RECONCILER_RUN_INSPECT_H
#define RECONCILER_RUN_INSPECT_H

#include "reconciler/plan/preview.h"
#include "reconciler/run/options.h"
#include "reconciler/run/snapshot.h"

struct inspection {
    struct snapshot before; /* offline only */
    struct snapshot after;
    struct preview preview;
    struct diag_list diags; /* of the manifests: mistakes of a failure, warnings otherwise */
    struct arena arena;
};

/* options->offline or ->base: compares ->ref with ->base (NULL: its parent).  Else with what is
 * remembered and what the engine has: ERR_CONFLICT when a running Berth holds the state. */
int inspect(const struct run_options *options, struct inspection *out, struct err *err);
void inspection_release(struct inspection *inspection);
DEFINE_AUTO_VALUE(inspection, inspection_release)

#endif
