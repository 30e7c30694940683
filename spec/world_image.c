/*
 * The images of an instance, found by id, tag or digest reference.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/reference.h"
#include "spec/world_int.h"

static bool texts_equal(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (!text_equal(a[i], b[i]))
            return false;
    }
    return true;
}

static size_t texts_size(const char *const *texts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pack_size(texts[i]);
    return size;
}

static struct world_image *image_new(const struct image_report *report)
{
    size_t pointers = (report->tag_count + report->digest_count) * sizeof(const char *);
    struct world_image *image =
        mem_alloc(sizeof(*image) + pointers + pack_size(report->id) +
                  texts_size(report->tags, report->tag_count) +
                  texts_size(report->digests, report->digest_count) + pack_size(report->name) +
                  pack_size(report->owner) + pack_size(report->key));
    image->tags = (const char **)(image + 1);
    image->digests = image->tags + report->tag_count;
    char *at = (char *)(image->digests + report->digest_count);
    image->id = pack_text(&at, report->id);
    for (size_t i = 0; i < report->tag_count; i++)
        image->tags[i] = pack_text(&at, report->tags[i]);
    for (size_t i = 0; i < report->digest_count; i++)
        image->digests[i] = pack_text(&at, report->digests[i]);
    image->tag_count = report->tag_count;
    image->digest_count = report->digest_count;
    image->name = pack_text(&at, report->name);
    image->owner = pack_text(&at, report->owner);
    image->key = pack_text(&at, report->key);
    image->created_ms = report->created_ms;
    image->size_bytes = report->size_bytes;
    return image;
}

static bool image_matches(const struct world_image *image, const struct image_report *report)
{
    return texts_equal(image->tags, image->tag_count, report->tags, report->tag_count) &&
           texts_equal(image->digests, image->digest_count, report->digests,
                       report->digest_count) &&
           text_equal(image->name, report->name) && text_equal(image->owner, report->owner) &&
           text_equal(image->key, report->key) && image->created_ms == report->created_ms &&
           image->size_bytes == report->size_bytes;
}

static struct world_reference *reference_find(const struct world_instance *instance,
                                              const char *text)
{
    struct world_reference *reference;
    HASH_FIND(by_text, instance->references, text, strlen(text), reference);
    return reference;
}

/* True when it named another image so far. */
static bool reference_put(struct world_instance *instance, struct world_image *image,
                          const char *text)
{
    struct world_reference *reference = reference_find(instance, text);
    bool moved = reference != NULL && reference->image != image;

    if (reference == NULL) {
        size_t size = strlen(text) + 1;
        reference = mem_alloc(sizeof(*reference) + size);
        memcpy(reference->text, text, size);
        HASH_ADD_KEYPTR(by_text, instance->references, reference->text, size - 1, reference);
    }
    reference->image = image;
    return moved;
}

static void reference_remove(struct world_instance *instance, const struct world_image *image,
                             const char *text)
{
    struct world_reference *reference = reference_find(instance, text);

    if (reference == NULL || reference->image != image)
        return;
    ASSERT(instance->references != NULL);
    HASH_DELETE(by_text, instance->references, reference);
    free(reference);
}

/* An engine tells the short form of a name, and manifests may write any: it is found by the text
 * that was told, and by the one that all forms have in common.  A tag that moved belongs to the
 * image that was reported last.  True when one did. */
static bool references_add(struct world_instance *instance, struct world_image *image,
                           const char *const *texts, size_t count)
{
    bool moved = false;

    for (size_t i = 0; i < count; i++) {
        AUTO(arena) scratch = { 0 };

        moved = reference_put(instance, image, texts[i]) || moved;
        (void)reference_put(instance, image, reference_canonical(texts[i], &scratch));
    }
    return moved;
}

static void references_drop(struct world_instance *instance, const struct world_image *image,
                            const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(arena) scratch = { 0 };

        reference_remove(instance, image, texts[i]);
        reference_remove(instance, image, reference_canonical(texts[i], &scratch));
    }
}

void world_image_drop(struct world_instance *instance, struct world_image *image)
{
    references_drop(instance, image, image->tags, image->tag_count);
    references_drop(instance, image, image->digests, image->digest_count);
    HASH_DELETE(by_id, instance->images, image);
    free(image);
}

bool world_image_apply(struct world *world, struct world_instance *instance,
                       const struct image_report *report)
{
    ASSERT(report->id != NULL);
    struct world_image *image;

    HASH_FIND(by_id, instance->images, report->id, strlen(report->id), image);
    if (image != NULL && image_matches(image, report)) {
        image->sweep = instance->sweep;
        return false;
    }
    bool replaced = image != NULL;
    if (replaced)
        world_image_drop(instance, image);
    image = image_new(report);
    image->sweep = instance->sweep;
    HASH_ADD_KEYPTR(by_id, instance->images, image->id, strlen(image->id), image);
    replaced = references_add(instance, image, image->tags, image->tag_count) || replaced;
    replaced = references_add(instance, image, image->digests, image->digest_count) || replaced;
    world_mark(world, replaced ? DIRTY_RELIERS : DIRTY_INSTANCE, instance->name);
    return true;
}

/* It went away: should it come back, no pull that ended before has brought it. */
static void image_lost(struct world_instance *instance, struct world_image *image)
{
    for (struct world_effort *at = instance->efforts; at != NULL; at = at->by_key.next) {
        if (!text_equal(at->image_id, image->id))
            continue;
        at->is_named = false;
        at->is_new = false;
    }
    world_image_drop(instance, image);
}

bool world_image_gone(struct world *world, struct world_instance *instance, const char *id)
{
    struct world_image *image;

    HASH_FIND(by_id, instance->images, id, strlen(id), image);
    if (image == NULL)
        return false;
    image_lost(instance, image);
    world_mark(world, DIRTY_RELIERS, instance->name);
    return true;
}

const struct world_image *world_image(const struct world_instance *instance, const char *reference)
{
    struct world_image *image;
    HASH_FIND(by_id, instance->images, reference, strlen(reference), image);
    if (image != NULL)
        return image;
    const struct world_reference *found = reference_find(instance, reference);
    if (found == NULL) {
        AUTO(arena) scratch = { 0 };
        found = reference_find(instance, reference_canonical(reference, &scratch));
    }
    return found == NULL ? NULL : found->image;
}

bool world_image_sweep(struct world_instance *instance)
{
    bool changed = false;
    struct world_image *image;
    struct world_image *next;

    HASH_ITER(by_id, instance->images, image, next)
    {
        if (image->sweep == instance->sweep)
            continue;
        image_lost(instance, image);
        changed = true;
    }
    return changed;
}
