/*
 * Between two commits hardly any context changes: a key is kept with what it was computed from.
 */
#include "reconciler/run/context_keys.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/run/builds.h"
#include "spec/base/text.h"

struct context_key {
    char *image;
    char digest[SHA256_HEX_SIZE]; /* of the resource */
    char tree[SOURCE_ID_SIZE];
    char key[SHA256_HEX_SIZE];
    const struct image_build *build; /* while it is computed */
    struct pos pos;                  /* likewise: of the resource */
    bool failed;                     /* likewise, and then: */
    struct err err;
};

void context_keys_release(struct context_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        free(keys->items[i].image);
    free(keys->items);
    *keys = (struct context_keys){ 0 };
}

/* Both are in the order of names. */
void context_keys_prepare(struct context_keys *keys, const struct generation *generation)
{
    size_t count = generation_count(generation, KIND_IMAGE);
    struct context_keys next = { .items = mem_alloc((count + 1) * sizeof(*next.items)) };
    size_t k = 0;

    for (size_t i = 0; i < count; i++) {
        const struct resource *image = generation_at(generation, KIND_IMAGE, i);
        struct context_key *key = &next.items[next.count];

        if (resource_image(image)->build == NULL)
            continue;
        while (k < keys->count && strcmp(keys->items[k].image, image->name) < 0)
            k++;
        if (k < keys->count && text_equal(keys->items[k].image, image->name) &&
            text_equal(keys->items[k].digest, image->digest))
            *key = keys->items[k];
        key->image = mem_text(image->name);
        key->build = resource_image(image)->build;
        key->pos = image->pos;
        text_copy(key->digest, sizeof(key->digest), image->digest);
        next.count++;
    }
    context_keys_release(keys);
    *keys = next;
}

void context_keys_compute(struct context_keys *keys, struct source *source, const char *commit)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct context_key *key = &keys->items[i];
        AUTO(arena) scratch = { 0 };
        const struct source_context_request request = builds_request(key->build, &scratch);
        char tree[SOURCE_ID_SIZE];

        key->failed = source_tree_id(source, commit, request.context, tree, &key->err) < 0 ||
                      (!text_equal(tree, key->tree) &&
                       source_context_key(source, commit, &request, key->key, &key->err) < 0);
        if (!key->failed)
            text_copy(key->tree, sizeof(key->tree), tree);
    }
}

bool context_keys_judge(const struct context_keys *keys, struct diag_list *diags,
                        struct err *out_err)
{
    bool readable = true;

    for (size_t i = 0; i < keys->count; i++) {
        const struct context_key *key = &keys->items[i];

        if (!key->failed)
            continue;
        diag_add(diags, DIAG_ERROR, key->pos, "image '%s': %s", key->image, key->err.text);
        *out_err = key->err;
        if (key->err.code != ERR_NOT_FOUND && key->err.code != ERR_INVALID)
            readable = false;
    }
    return readable;
}

void context_keys_give(const struct context_keys *keys, struct generation *generation)
{
    for (size_t i = 0; i < keys->count; i++)
        generation_set_build_key(generation, keys->items[i].image, keys->items[i].key);
}
