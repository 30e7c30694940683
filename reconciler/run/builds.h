/*
 * Build contexts for the driver, read from the repository: the seam between drivers/docker, which
 * knows nothing of git, and reconciler/source, which knows nothing of images.
 */
#ifndef RECONCILER_RUN_BUILDS_H
#define RECONCILER_RUN_BUILDS_H

#include "drivers/docker/context.h"
#include "reconciler/source/source.h"

struct builds;

/* Options are borrowed and must outlive it. */
struct builds *builds_new(const struct source_options *options);
void builds_free(struct builds *builds);

/* Each build opens the repository for itself, so builds may run beside each other. */
struct context_reader builds_reader(struct builds *builds);

/* The request that names the context of an Image with `build`; texts lead into it and the arena. */
struct source_context_request builds_request(const struct image_build *build, struct arena *arena);

#endif
