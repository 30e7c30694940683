/*
 * The control groups of this machine's containers, found by the containers' IDs.  Engines place
 * them in folders of their own choice; what is once found tells where the others are.
 */
#ifndef DRIVERS_FARGATE_CGROUPS_H
#define DRIVERS_FARGATE_CGROUPS_H

#include "spec/base/base.h"
#include "spec/sample.h"

struct cgroups;

/* `mounts` is the system's table of what is mounted, "/proc/self/mounts". */
struct cgroups *cgroups_new(const char *mounts);
void cgroups_free(struct cgroups *cgroups);
DEFINE_AUTO(cgroups, cgroups_free)

/* Before a number of cgroups_read(): one of them may go through all folders. */
void cgroups_begin(struct cgroups *cgroups, int64_t now_ms);
/* False: it has no group that we can see or read, or has ended.  Sets all but out->id. */
MUST_USE bool cgroups_read(struct cgroups *cgroups, const char *id, struct container_sample *out);

#endif
