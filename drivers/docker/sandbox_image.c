/*
 * An image of one layer with one file, for each architecture that an engine may have.
 * Source: https://github.com/moby/moby/blob/v20.10.24/image/spec/v1.2.md
 */
#include "drivers/docker/sandbox_image.h"

#include <stdio.h>
#include <string.h>

#include "drivers/docker/tar.h"
#include "spec/base/digest.h"
#include "spec/base/json.h"
#include "spec/base/text.h"

#define TAG_DIGITS 12
#define LAYOUT     "1" /* another one when another image is made of the same programs */

extern const char embed_build_gen_sandbox_x86_64[];
extern const char embed_build_gen_sandbox_x86_64_end[];
extern const char embed_build_gen_sandbox_aarch64[];
extern const char embed_build_gen_sandbox_aarch64_end[];

static const struct program {
    const char *machine;      /* as the kernel calls it, and Docker's /info with it */
    const char *architecture; /* as images call it, and Podman's /info with them */
    const char *bytes;
    const char *end;
} programs[] = {
    { "x86_64", "amd64", embed_build_gen_sandbox_x86_64, embed_build_gen_sandbox_x86_64_end },
    { "aarch64", "arm64", embed_build_gen_sandbox_aarch64, embed_build_gen_sandbox_aarch64_end },
};

static const struct program *program_for(const char *architecture)
{
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        if (text_equal(architecture, programs[i].machine) ||
            text_equal(architecture, programs[i].architecture))
            return &programs[i];
    }
    return NULL;
}

static int write_layer(const struct program *program, struct buf *layer, struct err *err)
{
    AUTO(tar) *tar = tar_new_buf(layer, err);
    size_t size = (size_t)(program->end - program->bytes);

    if (tar == NULL || tar_add(tar, "sandbox", 0100755, program->bytes, size, err) < 0)
        return -1;
    return tar_finish(tar, err);
}

static struct json *array_of(const char *text)
{
    struct json *array = json_array();

    json_append_text(array, text);
    return array;
}

/* The image's configuration; its digest is the image's id. */
static char *write_config(const struct program *program, const struct buf *layer)
{
    AUTO(json) *root = json_object();
    struct json *config = json_object();
    struct json *rootfs = json_object();
    char digest[7 + SHA256_HEX_SIZE] = "sha256:";

    sha256_hex(layer->data, layer->size, digest + 7);
    json_set(config, "Entrypoint", array_of("/sandbox"));
    json_set_text(rootfs, "type", "layers");
    json_set(rootfs, "diff_ids", array_of(digest));
    json_set_text(root, "architecture", program->architecture);
    json_set_text(root, "os", "linux");
    json_set_text(root, "created", "1970-01-01T00:00:00Z");
    json_set(root, "config", config);
    json_set(root, "rootfs", rootfs);
    return json_print_text(root, JSON_STYLE_CANONICAL);
}

static char *write_manifest(const char *tag)
{
    AUTO(json) *root = json_array();
    struct json *image = json_object();

    json_set_text(image, "Config", "config.json");
    json_set(image, "RepoTags", array_of(tag));
    json_set(image, "Layers", array_of("layer.tar"));
    json_append(root, image);
    return json_print_text(root, JSON_STYLE_CANONICAL);
}

/* Of what the images are made from: making them to tell their name costs more than all else that a
 * start does. */
void sandbox_image_tag(char out[SANDBOX_TAG_SIZE])
{
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, LAYOUT);
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        sha256_add_text(hash, programs[i].architecture);
        sha256_add(hash, programs[i].bytes, (size_t)(programs[i].end - programs[i].bytes));
    }
    sha256_finish(hash, hex);
    (void)snprintf(out, SANDBOX_TAG_SIZE, "berth/sandbox:%.*s", TAG_DIGITS, hex);
}

int sandbox_image_write(const char *architecture, struct buf *out, struct err *err)
{
    const struct program *program = program_for(architecture);
    AUTO(buf) layer = { 0 };
    char tag[SANDBOX_TAG_SIZE];

    if (program == NULL)
        return err_set(err, ERR_INVALID,
                       "there is no sandbox program for the engine's architecture '%s'",
                       architecture);
    buf_init(&layer, SANDBOX_IMAGE_BYTES_MAX);
    if (write_layer(program, &layer, err) < 0)
        return -1;
    AUTO_TEXT char *config = write_config(program, &layer);
    sandbox_image_tag(tag);
    AUTO_TEXT char *manifest = write_manifest(tag);

    AUTO(tar) *tar = tar_new_buf(out, err);
    if (tar == NULL || tar_add(tar, "config.json", 0100644, config, strlen(config), err) < 0 ||
        tar_add(tar, "layer.tar", 0100644, layer.data, layer.size, err) < 0 ||
        tar_add(tar, "manifest.json", 0100644, manifest, strlen(manifest), err) < 0)
        return -1;
    return tar_finish(tar, err);
}
