/*
 * Changing functions own the node they get and answer the node that takes its place.  A node with a
 * single reference is changed where it is, another one is copied first: a tree built in one go
 * makes no copies at all.
 */
#include "spec/tree.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* 1.44 log2(n) of any n that fits into memory */

struct tree_node {
    uint32_t refs;
    uint32_t height;
    size_t size;
    const char *key;
    void *value;
    struct counted *owner;
    struct tree_node *left;
    struct tree_node *right;
};

struct counted *counted_ref(struct counted *counted)
{
    if (counted != NULL) {
        ASSERT(counted->refs > 0 && counted->refs < UINT32_MAX);
        counted->refs++;
    }
    return counted;
}

void counted_unref(struct counted *counted)
{
    if (counted == NULL)
        return;
    ASSERT(counted->refs > 0);
    if (--counted->refs == 0)
        counted->free(counted);
}

static struct tree_node *node_ref(struct tree_node *node)
{
    if (node != NULL) {
        ASSERT(node->refs > 0 && node->refs < UINT32_MAX);
        node->refs++;
    }
    return node;
}

static void node_unref(struct tree_node *node)
{
    if (node == NULL)
        return;
    ASSERT(node->refs > 0);
    if (--node->refs > 0)
        return;
    ASSERT(node->height <= DEPTH_MAX);
    node_unref(node->left);
    node_unref(node->right);
    counted_unref(node->owner);
    free(node);
}

static uint32_t height(const struct tree_node *node)
{
    return node != NULL ? node->height : 0;
}

static size_t size(const struct tree_node *node)
{
    return node != NULL ? node->size : 0;
}

static void update(struct tree_node *node)
{
    uint32_t left = height(node->left);
    uint32_t right = height(node->right);

    node->height = (left > right ? left : right) + 1;
    node->size = size(node->left) + size(node->right) + 1;
}

/* The same node, changeable. */
static struct tree_node *own(struct tree_node *node)
{
    if (node->refs == 1)
        return node;

    struct tree_node *copy = mem_alloc(sizeof(*copy));
    *copy = *node;
    copy->refs = 1;
    (void)counted_ref(copy->owner);
    (void)node_ref(copy->left);
    (void)node_ref(copy->right);
    node_unref(node);
    return copy;
}

static struct tree_node *rotate_right(struct tree_node *node)
{
    struct tree_node *top = node->left = own(node->left);

    node->left = top->right;
    top->right = node;
    update(node);
    update(top);
    return top;
}

static struct tree_node *rotate_left(struct tree_node *node)
{
    struct tree_node *top = node->right = own(node->right);

    node->right = top->left;
    top->left = node;
    update(node);
    update(top);
    return top;
}

static struct tree_node *balance(struct tree_node *node)
{
    update(node);
    if (height(node->left) > height(node->right) + 1) {
        if (height(node->left->right) > height(node->left->left))
            node->left = rotate_left(own(node->left));
        return rotate_right(node);
    }
    if (height(node->right) > height(node->left) + 1) {
        if (height(node->right->left) > height(node->right->right))
            node->right = rotate_right(own(node->right));
        return rotate_left(node);
    }
    return node;
}

static void set_entry(struct tree_node *node, const char *key, void *value, struct counted *owner)
{
    (void)counted_ref(owner);
    counted_unref(node->owner);
    node->key = key;
    node->value = value;
    node->owner = owner;
}

/* Where the new entry goes is decided on the way down, the balance is kept on the way up. */
static struct tree_node *put(struct tree_node *node, const struct tree_node *entry)
{
    if (node == NULL) {
        node = mem_alloc(sizeof(*node));
        node->refs = 1;
        set_entry(node, entry->key, entry->value, entry->owner);
        update(node);
        return node;
    }
    ASSERT(node->height <= DEPTH_MAX);
    node = own(node);
    int order = strcmp(entry->key, node->key);
    if (order == 0)
        set_entry(node, entry->key, entry->value, entry->owner);
    else if (order < 0)
        node->left = put(node->left, entry);
    else
        node->right = put(node->right, entry);
    return balance(node);
}

/* Takes the first node out of a subtree. */
static struct tree_node *take_first(struct tree_node *node, struct tree_node **out_first)
{
    ASSERT(node->height <= DEPTH_MAX);
    node = own(node);
    if (node->left != NULL) {
        node->left = take_first(node->left, out_first);
        return balance(node);
    }
    struct tree_node *rest = node->right;
    node->right = NULL;
    *out_first = node;
    return rest;
}

static struct tree_node *remove_here(struct tree_node *node)
{
    struct tree_node *left = node->left;
    struct tree_node *right = node->right;
    struct tree_node *first;

    node->left = NULL;
    node->right = NULL;
    node_unref(node);
    if (left == NULL || right == NULL)
        return left != NULL ? left : right;
    right = take_first(right, &first);
    first->left = left;
    first->right = right;
    return balance(first);
}

/* The key is there. */
static struct tree_node *take(struct tree_node *node, const char *key)
{
    ASSERT(node != NULL && node->height <= DEPTH_MAX);
    node = own(node);
    int order = strcmp(key, node->key);
    if (order == 0)
        return remove_here(node);
    if (order < 0)
        node->left = take(node->left, key);
    else
        node->right = take(node->right, key);
    return balance(node);
}

static struct tree_node *find(const struct tree *tree, const char *key)
{
    struct tree_node *node = tree->root;

    while (node != NULL) {
        int order = strcmp(key, node->key);
        if (order == 0)
            break;
        node = order < 0 ? node->left : node->right;
    }
    return node;
}

void *tree_get(const struct tree *tree, const char *key)
{
    const struct tree_node *node = find(tree, key);

    return node != NULL ? node->value : NULL;
}

void tree_put(struct tree *tree, const char *key, void *value, struct counted *owner)
{
    struct tree_node entry = { .key = key, .value = value, .owner = owner };

    ASSERT(key != NULL && value != NULL);
    tree->root = put(tree->root, &entry);
}

bool tree_remove(struct tree *tree, const char *key)
{
    if (find(tree, key) == NULL)
        return false;
    tree->root = take(tree->root, key);
    return true;
}

size_t tree_count(const struct tree *tree)
{
    return size(tree->root);
}

void *tree_at(const struct tree *tree, size_t index, const char **out_key)
{
    const struct tree_node *node = tree->root;

    ASSERT(index < size(tree->root));
    while (index != size(node->left)) {
        if (index < size(node->left)) {
            node = node->left;
        } else {
            index -= size(node->left) + 1;
            node = node->right;
        }
    }
    if (out_key != NULL)
        *out_key = node->key;
    return node->value;
}

size_t tree_rank(const struct tree *tree, const char *key)
{
    const struct tree_node *node = tree->root;
    size_t rank = 0;

    while (node != NULL) {
        if (strcmp(node->key, key) < 0) {
            rank += size(node->left) + 1;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return rank;
}

void tree_copy(struct tree *to, const struct tree *from)
{
    ASSERT(to->root == NULL);
    to->root = node_ref(from->root);
}

void tree_release(struct tree *tree)
{
    if (tree == NULL)
        return;
    node_unref(tree->root);
    tree->root = NULL;
}

/* ---- Difference ----------------------------------------------------------------------------- */

/* What of a tree lies ahead: the top is next.  An item is a whole subtree, or the entry of its node
 * alone, once that was opened. */
struct ahead {
    struct {
        const struct tree_node *node;
        bool entry_only;
    } items[2 * DEPTH_MAX];
    size_t count;
};

static void push(struct ahead *ahead, const struct tree_node *node, bool entry_only)
{
    if (node == NULL)
        return;
    ASSERT(ahead->count < ARRAY_COUNT(ahead->items));
    ahead->items[ahead->count].node = node;
    ahead->items[ahead->count].entry_only = entry_only;
    ahead->count++;
}

/* Makes the next item an entry. */
static const struct tree_node *open_next(struct ahead *ahead)
{
    while (ahead->count > 0 && !ahead->items[ahead->count - 1].entry_only) {
        const struct tree_node *node = ahead->items[--ahead->count].node;
        push(ahead, node->right, /* entry_only= */ false);
        push(ahead, node, /* entry_only= */ true);
        push(ahead, node->left, /* entry_only= */ false);
    }
    return ahead->count > 0 ? ahead->items[ahead->count - 1].node : NULL;
}

/* Drops what both share; opens the taller subtree when they might share something further down. */
static bool skip_shared(struct ahead *a, struct ahead *b)
{
    while (a->count > 0 && b->count > 0 && !a->items[a->count - 1].entry_only &&
           !b->items[b->count - 1].entry_only) {
        const struct tree_node *left = a->items[a->count - 1].node;
        const struct tree_node *right = b->items[b->count - 1].node;
        if (left == right) {
            a->count--;
            b->count--;
            continue;
        }
        struct ahead *taller = left->height >= right->height ? a : b;
        const struct tree_node *node = taller->items[--taller->count].node;
        push(taller, node->right, /* entry_only= */ false);
        push(taller, node, /* entry_only= */ true);
        push(taller, node->left, /* entry_only= */ false);
    }
    return a->count > 0 || b->count > 0;
}

void tree_diff(const struct tree *old, const struct tree *new, tree_diff_fn *callback,
               void *context)
{
    struct ahead a = { .count = 0 };
    struct ahead b = { .count = 0 };

    push(&a, old->root, /* entry_only= */ false);
    push(&b, new->root, /* entry_only= */ false);
    while (skip_shared(&a, &b)) {
        const struct tree_node *left = open_next(&a);
        const struct tree_node *right = open_next(&b);
        int order = left == NULL ? 1 : right == NULL ? -1 : strcmp(left->key, right->key);
        if (order <= 0)
            a.count--;
        if (order >= 0)
            b.count--;
        if (order < 0)
            callback(context, left->key, left->value, NULL);
        else if (order > 0)
            callback(context, right->key, NULL, right->value);
        else if (left->value != right->value)
            callback(context, right->key, left->value, right->value);
    }
}
