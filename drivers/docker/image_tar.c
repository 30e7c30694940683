/*
 * Where its members lie is what libarchive says; which of them are layers, and in which order, says
 * the file manifest.json among them.
 */
#include "drivers/docker/image_tar.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/docker/tar.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define MANIFEST     "manifest.json"
#define MEMBERS_MAX  (16 * IMAGE_LAYERS_MAX) /* three for each layer, and a few more */
#define MANIFEST_MAX ((size_t)LIMIT_ENGINE_LINE)

struct member {
    const char *path;
    struct http_part part;
    bool is_file;
};

struct members {
    struct arena arena;
    struct member *items;
    size_t count;
    struct buf manifest;
};

static void members_release(struct members *members)
{
    arena_release(&members->arena);
    buf_release(&members->manifest);
}

static int members_add(struct members *members, struct tar_reader *reader,
                       const struct tar_member *member, struct err *err)
{
    if (members->count == MEMBERS_MAX)
        return err_set(err, ERR_CAPACITY, "it has more than %d files", MEMBERS_MAX);
    members->items[members->count++] =
        (struct member){ .path = arena_text(&members->arena, member->path),
                         .part = { .at = member->at },
                         .is_file = member->is_file };
    if (!text_equal(member->path, MANIFEST))
        return 0;
    buf_reset(&members->manifest);
    return tar_reader_content(reader, &members->manifest, err);
}

static int members_read(struct members *members, int fd, struct err *err)
{
    AUTO(tar_reader) *reader = tar_reader_new(fd, err);
    struct tar_member member;
    int status;

    if (reader == NULL)
        return -1;
    while ((status = tar_reader_next(reader, &member, err)) >= 0) {
        if (members->count > 0) {
            struct http_part *last = &members->items[members->count - 1].part;

            last->size = member.at - last->at;
        }
        if (status == 0)
            return 0;
        if (members_add(members, reader, &member, err) < 0)
            return -1;
    }
    return -1;
}

/* Its layers are the same whatever is known of them: then it is sent whole. */
static void find_layers(const struct members *members, struct image_tar *out)
{
    const char *text = buf_text(&members->manifest);
    AUTO(json) *manifest = json_parse(text, members->manifest.size, /* err= */ NULL);
    const struct json *layers = json_get(json_at(manifest, 0), "Layers");
    size_t count = json_is_array(layers) ? json_count(layers) : 0;

    if (json_count(manifest) != 1 || count > IMAGE_LAYERS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        const char *path = json_as_text(json_at(layers, i), /* fallback= */ NULL);

        for (size_t m = 0; path != NULL && m < members->count; m++) {
            const struct member *member = &members->items[m];

            if (member->is_file && member->part.size > 0 && text_equal(member->path, path))
                out->layers[i] = member->part;
        }
    }
    out->layer_count = count;
}

int image_tar_read(int fd, int64_t size, struct image_tar *out, struct err *err)
{
    struct members members = { 0 };
    int status;

    *out = (struct image_tar){ .size = size };
    members.items = arena_array(&members.arena, struct member, MEMBERS_MAX);
    buf_init(&members.manifest, MANIFEST_MAX);
    status = members_read(&members, fd, err);
    if (status == 0)
        find_layers(&members, out);
    members_release(&members);
    return status;
}

static int compare_parts(const void *a, const void *b)
{
    const struct http_part *left = a;
    const struct http_part *right = b;

    return left->at < right->at ? -1 : left->at > right->at;
}

size_t image_tar_without(const struct image_tar *tar, const bool *left_out, struct http_part *parts,
                         int64_t *out_size)
{
    struct http_part gaps[IMAGE_LAYERS_MAX];
    size_t gap_count = 0;
    size_t count = 0;
    int64_t at = 0;

    for (size_t i = 0; i < tar->layer_count; i++) {
        if (left_out[i] && tar->layers[i].size > 0)
            gaps[gap_count++] = tar->layers[i];
    }
    qsort(gaps, gap_count, sizeof(gaps[0]), compare_parts);
    *out_size = 0;
    for (size_t i = 0; i <= gap_count; i++) {
        int64_t end = i < gap_count ? gaps[i].at : tar->size;

        if (end > at) {
            parts[count++] = (struct http_part){ .at = at, .size = end - at };
            *out_size += end - at;
        }
        if (i < gap_count && gaps[i].at + gaps[i].size > at) /* two layers may be one file */
            at = gaps[i].at + gaps[i].size;
    }
    return count;
}
