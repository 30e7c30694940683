/*
 * A persistent sorted map from text to pointers: a balanced binary (AVL) tree whose nodes are
 * counted and shared.  A copy costs one pointer; changing the copy makes new nodes only along the
 * way from the root; comparing two versions skips what they share.  That is what makes a generation
 * as cheap as the change that led to it.
 *
 * A zeroed struct tree is a valid empty one.  The depth is at most 1.44 log2(count), whatever the
 * keys are, so that recursion is bounded.  Not thread-safe.
 */
#ifndef SPEC_TREE_H
#define SPEC_TREE_H

#include "spec/base/base.h"

/* Something with a count, first member of its struct.  The count begins at 1. */
struct counted {
    uint32_t refs;
    void (*free)(struct counted *self);
};

struct counted *counted_ref(struct counted *counted); /* NULL stays NULL */
void counted_unref(struct counted *counted);          /* accepts NULL; frees with the last one */

struct tree_node;

struct tree {
    struct tree_node *root;
};

/* The value of a key, or NULL. */
void *tree_get(const struct tree *tree, const char *key);
/* Adds or replaces.  The key must live as long as `owner`, of which the tree takes a reference of
 * its own; owner NULL: key and value live longer than the tree. */
void tree_put(struct tree *tree, const char *key, void *value, struct counted *owner);
/* False when there is no such key. */
bool tree_remove(struct tree *tree, const char *key);

size_t tree_count(const struct tree *tree);
/* By rank in the order of strcmp(); out_key may be NULL. */
void *tree_at(const struct tree *tree, size_t index, const char **out_key);
/* The rank of the first key that is not less than `key`. */
size_t tree_rank(const struct tree *tree, const char *key);

/* Another version: shares everything until one of them changes.  *to must be empty. */
void tree_copy(struct tree *to, const struct tree *from);
void tree_release(struct tree *tree);
DEFINE_AUTO_VALUE(tree, tree_release)

/* Called for every key whose values are different pointers, in order; NULL: not there. */
typedef void tree_diff_fn(void *context, const char *key, void *old, void *new);
void tree_diff(const struct tree *old, const struct tree *new, tree_diff_fn *callback,
               void *context);

#endif
