/*
 * What makes every target, whoever asked for its tasks.
 */
#ifndef SPEC_TARGET_INT_H
#define SPEC_TARGET_INT_H

#include "spec/target.h"

struct target_secrets {
    secret_digest_fn *digest; /* may be NULL */
    void *context;
};

/* The rest of a target that says its cluster, service, spec and task_name: the task, as it is given
 * but for its environment files, its images and the revision.  False while the build key of an
 * Image or an environment file is not set. */
bool target_finish(const struct generation *generation, const struct task_spec *task,
                   const struct target_secrets *secrets, struct arena *arena,
                   struct target *target);

#endif
