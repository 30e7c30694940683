/*
 * The manifests of one commit: every resource by kind and name, and who refers to whom.  Immutable
 * but for the build keys, counted, and derived from its parent: what a commit did not touch is
 * shared with the parent, so that a generation costs as much as the change that led to it.
 *
 * Not thread-safe: generations that share anything belong to one thread.
 */
#ifndef SPEC_GENERATION_H
#define SPEC_GENERATION_H

#include "spec/base/err.h"
#include "spec/manifest.h"

struct generation;

/* A SHA-1 or SHA-256 object id in hexadecimal, and the NUL. */
#define OBJECT_ID_SIZE 65

/* One file that differs from the parent's. */
struct file_change {
    const char *path;
    char blob[OBJECT_ID_SIZE];
    const char *bytes; /* NULL: the file is gone */
    size_t size;
    const struct err *refused; /* not NULL: why it cannot be read (too large, a link); a mistake */
};

/*
 * The generation after `parent` (NULL: from nothing).  Each path may be given once; removing a path
 * that is not there does nothing.  All mistakes are added to diags, and then the answer is -1, *err
 * counts them and *out is untouched.  Warnings of the changed files are added on success too.  What
 * is accepted does not depend on the parent: from nothing the answer is the same.
 *
 * The caller owns one reference of *out.  `parent` may be released at any time.
 */
MUST_USE int generation_derive(struct generation *parent, const char *commit,
                               const struct file_change *changes, size_t count,
                               struct diag_list *diags, struct generation **out, struct err *err);
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation);
DEFINE_AUTO(generation, generation_unref)

const char *generation_commit(const struct generation *generation);

/* Resources live as long as a generation that has them.  NULL: no such resource. */
const struct resource *generation_find(const struct generation *generation, enum kind kind,
                                       const char *name);
size_t generation_count(const struct generation *generation, enum kind kind);
/* In the order of their names (strcmp). */
const struct resource *generation_at(const struct generation *generation, enum kind kind,
                                     size_t index);
/* How many files hold them. */
size_t generation_file_count(const struct generation *generation);

/* Those that refer to (kind, name), one at a time, in a fixed order: start with *cursor 0, ends
 * with NULL. */
const struct resource *generation_next_referrer(const struct generation *generation, enum kind kind,
                                                const char *name, size_t *cursor);

/*
 * The key of the build context of an Image with `build`; the source sets it before the generation
 * is used.  Keys of the parent are there from the beginning, except of Images that changed.
 */
void generation_set_build_key(struct generation *generation, const char *image, const char *key);
const char *generation_build_key(const struct generation *generation, const char *image);

/*
 * The environment files that its Tasks use, each path once, in no order that means anything; pos is
 * that of one place where it is named.  The source sets what each of them says before the
 * generation is used; a generation begins without any.
 */
typedef void generation_file_fn(void *context, const char *path, struct pos pos);
void generation_each_file(const struct generation *generation, generation_file_fn *callback,
                          void *context);
struct variable_file;
void generation_set_file(struct generation *generation, const char *path,
                         struct variable_file *file);
const struct variable_file *generation_file(const struct generation *generation, const char *path);

/* How a resource differs between two generations. */
#define GENERATION_CHANGES(X)                                                                      \
    X(ADDED, "added")                                                                              \
    X(REMOVED, "removed")                                                                          \
    X(CHANGED, "changed")   /* what is written, the build key, or an environment file */           \
    X(REFERRER, "referrer") /* itself the same, but it refers to one that is not */

#define GENERATION_CHANGE_ENUM(name, text) GENERATION_##name,
enum generation_change { GENERATION_CHANGES(GENERATION_CHANGE_ENUM) GENERATION_CHANGE_COUNT };
#undef GENERATION_CHANGE_ENUM

typedef void generation_change_fn(void *context, enum generation_change change, enum kind kind,
                                  const char *name);

/*
 * Calls back once for every resource that differs, ordered by kind and name, and then once for
 * every one that refers to such: a Service through its Task to an Image too; of dependsOn only the
 * next neighbour. old NULL: all are added.  Costs as much as the two differ.
 */
void generation_diff(const struct generation *old, const struct generation *new,
                     generation_change_fn *callback, void *context);

#endif
