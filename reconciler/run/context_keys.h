/*
 * The content keys of images that are built: an image is built again only when its key differs. One
 * is computed anew only where the folder, or what is written about the image, has changed.
 */
#ifndef RECONCILER_RUN_CONTEXT_KEYS_H
#define RECONCILER_RUN_CONTEXT_KEYS_H

#include "reconciler/source/source.h"
#include "spec/generation.h"

struct context_key;

/* Of the newest commit that was looked at.  All zero: none. */
struct context_keys {
    struct context_key *items;
    size_t count;
};

/* One for each built image of the generation, with what is known of it already. */
void context_keys_prepare(struct context_keys *keys, const struct generation *generation);
/* Blocks: for a worker.  All are looked at, so that all mistakes of a commit are told at once. */
void context_keys_compute(struct context_keys *keys, struct source *source, const char *commit);
/* A context that is not as it must be is a mistake of the commit, and goes to `diags`.  False: the
 * repository could not be read now, which is none; `out_err` tells why. */
bool context_keys_judge(const struct context_keys *keys, struct diag_list *diags,
                        struct err *out_err);
void context_keys_give(const struct context_keys *keys, struct generation *generation);
void context_keys_release(struct context_keys *keys);

#endif
