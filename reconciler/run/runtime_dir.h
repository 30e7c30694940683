/*
 * Where the sockets of load balancers are: they outlive this process, and the next one finds them.
 */
#ifndef RECONCILER_RUN_RUNTIME_DIR_H
#define RECONCILER_RUN_RUNTIME_DIR_H

#include "spec/base/err.h"

/* Of this owner, like all that it makes: in RUNTIME_DIRECTORY, /run/berth (root), or berth in
 * XDG_RUNTIME_DIR or TMPDIR, which is made and must be ours alone to write.  The folder itself is
 * not made.  Heap text that the caller frees; NULL and *err. */
char *runtime_dir(const char *owner, struct err *err);

#endif
