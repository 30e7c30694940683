/*
 * Build contexts: the files of a folder at a commit, as a tar in an unlinked temporary file.
 *
 * The same files give the same bytes: sorted by path, owner 0, time 0.
 */
#ifndef DRIVERS_DOCKER_CONTEXT_H
#define DRIVERS_DOCKER_CONTEXT_H

#include "spec/action.h"
#include "spec/base/base.h"
#include "spec/base/err.h"
#include "spec/kinds/kinds.h"

struct context_entry {
    const char *path; /* from the context's root, '/' between, none at the ends */
    uint32_t mode;    /* 0100644, 0100755; 0120000: a link, whose bytes are its target */
    uint64_t size;    /* of the bytes */
    const char *id;   /* the reader's own: what read() needs to find the bytes */
};

/* What is to be built and from what; lives as long as the list. */
struct context_list {
    struct context_entry *entries; /* sorted by path; folders are not listed */
    size_t count;
    struct image_build build; /* Dockerfile, args, target, platform */
    void *state;              /* the reader's own: what keeps all this alive */
};

/* Where the files come from.  list() and read() are called on worker threads, one call at a time
 * for one build, but builds run in parallel: what `self` reaches must allow that. */
struct context_reader {
    /* The files of the build of `action` (its image_name at its commit). */
    int (*list)(void *self, const struct action *action, struct context_list *out, struct err *err);
    /* The bytes of one: exactly entry->size of them, alive until the next read() or release(). */
    int (*read)(void *self, struct context_list *list, const struct context_entry *entry,
                const void **out_bytes, struct err *err);
    /* Called on the loop, when nothing of the list is needed any more. */
    void (*release)(void *self, struct context_list *list);
    void *self;
};

/* Blocks.  *out_fd is a file without a name, positioned at 0; the caller closes it.  ERR_INVALID:
 * the context is larger than LIMIT_BUILD_CONTEXT, or the reader says so; ERR_CAPACITY: no room for
 * it. */
int context_write(const struct context_reader *reader, struct context_list *list, int *out_fd,
                  int64_t *out_size, struct err *err);

#endif
