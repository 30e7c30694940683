/*
 * What differs between two generations, and what that concerns.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/generation_int.h"

struct changed {
    enum generation_change change;
    enum kind kind;
    const char *name;
};

struct difference {
    const struct generation *old; /* NULL: nothing */
    const struct generation *new;
    enum kind kind; /* whose tree is walked */
    struct changed *items;
    size_t count;
    size_t capacity;
    struct tree seen[KIND_COUNT]; /* names that are in the list: a set */
};

static void note(struct difference *difference, enum generation_change change, enum kind kind,
                 const char *name)
{
    if (tree_get(&difference->seen[kind], name) != NULL)
        return;
    tree_put(&difference->seen[kind], name, difference, /* owner= */ NULL);
    if (difference->count == difference->capacity) {
        difference->capacity = difference->capacity > 0 ? difference->capacity * 2 : 64;
        difference->items =
            mem_resize(difference->items, difference->capacity * sizeof(struct changed));
    }
    difference->items[difference->count++] =
        (struct changed){ .change = change, .kind = kind, .name = name };
}

static void resource_differs(void *context, const char *key, void *old_value, void *new_value)
{
    struct difference *difference = context;
    const struct resource *old = old_value;
    const struct resource *new = new_value;

    if (old == NULL)
        note(difference, GENERATION_ADDED, difference->kind, key);
    else if (new == NULL)
        note(difference, GENERATION_REMOVED, difference->kind, key);
    else if (!text_equal(old->digest, new->digest))
        note(difference, GENERATION_CHANGED, difference->kind, key);
}

static void build_key_differs(void *context, const char *key, void *old, void *new)
{
    struct difference *difference = context;

    if (!text_equal(old, new) && generation_find(difference->new, KIND_IMAGE, key) != NULL)
        note(difference, GENERATION_CHANGED, KIND_IMAGE, key);
}

static void file_differs(void *context, const char *path, void *old, void *new)
{
    (void)old;
    (void)new;
    tree_put(context, path, context, /* owner= */ NULL);
}

/* The Tasks that use a file which says something else now. */
static void note_users_of_files(struct difference *difference)
{
    AUTO(tree) paths = { 0 };
    const struct generation *new = difference->new;

    tree_diff(&difference->old->variable_files, &new->variable_files, file_differs, &paths);
    for (size_t i = 0; tree_count(&paths) > 0 && i < tree_count(&new->file_users); i++) {
        const struct resource *task = tree_at(&new->file_users, i, NULL);

        for (size_t f = 0; f < task->file_count; f++) {
            if (tree_get(&paths, task->files[f].path) != NULL)
                note(difference, GENERATION_CHANGED, KIND_TASK, task->name);
        }
    }
}

static int compare_changed(const void *a_memory, const void *b_memory)
{
    const struct changed *a = a_memory;
    const struct changed *b = b_memory;

    return a->kind != b->kind ? (a->kind > b->kind) - (a->kind < b->kind)
                              : strcmp(a->name, b->name);
}

/* A Service is concerned by its Task or Cluster whatever concerns these, by other Services only
 * when they themselves differ. */
static void note_referrers(struct difference *difference, const struct changed *changed)
{
    size_t cursor = 0;
    const struct resource *referrer;

    if (changed->kind == KIND_SERVICE && changed->change == GENERATION_REFERRER)
        return;
    while ((referrer = generation_next_referrer(difference->new, changed->kind, changed->name,
                                                &cursor)) != NULL)
        note(difference, GENERATION_REFERRER, referrer->kind, referrer->name);
}

void generation_diff(const struct generation *old, const struct generation *new,
                     generation_change_fn *callback, void *context)
{
    static const struct generation nothing = { .refs = 1 };
    struct difference difference = { .old = old != NULL ? old : &nothing, .new = new };

    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        difference.kind = kind;
        tree_diff(&difference.old->resources[kind], &new->resources[kind], resource_differs,
                  &difference);
    }
    tree_diff(&difference.old->build_keys, &new->build_keys, build_key_differs, &difference);
    note_users_of_files(&difference);
    if (difference.count > 0)
        qsort(difference.items, difference.count, sizeof(struct changed), compare_changed);
    for (size_t i = 0; i < difference.count; i++) {
        struct changed changed = difference.items[i]; /* the list grows meanwhile */
        note_referrers(&difference, &changed);
    }
    for (size_t i = 0; i < difference.count; i++)
        callback(context, difference.items[i].change, difference.items[i].kind,
                 difference.items[i].name);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        tree_release(&difference.seen[kind]);
    free(difference.items);
}
