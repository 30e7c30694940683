/*
 * An image as an engine writes it (GET /images/NAME/get) and reads it again (POST /images/load): a
 * tar file with a file for each layer. An engine does not open the files of layers that it has, so
 * these can be left out: what remains of the file is sent in parts.
 *
 * Source: https://github.com/moby/moby/blob/v20.10.24/image/spec/v1.2.md, "Combined Image JSON +
 * Filesystem Changeset Format"; image/tarexport/load.go of the same version.
 */
#ifndef DRIVERS_DOCKER_IMAGE_TAR_H
#define DRIVERS_DOCKER_IMAGE_TAR_H

#include "drivers/io/http.h"

/* Layers that an image may have; as the engine's own limit. */
#define IMAGE_LAYERS_MAX 128

/* Zeroed is empty. */
struct image_tar {
    int64_t size; /* bytes of all of it */
    /* Where the file of each layer lies, the lowest layer first; size 0: it has none that could be
     * left out. */
    struct http_part layers[IMAGE_LAYERS_MAX];
    size_t layer_count; /* 0: nothing is known of them */
};

/* Blocks; safe on any bytes. */
MUST_USE int image_tar_read(int fd, int64_t size, struct image_tar *out, struct err *err);

/* What remains without the files of these layers: at most IMAGE_LAYERS_MAX + 1 parts; *out_size is
 * their sum. */
size_t image_tar_without(const struct image_tar *tar, const bool *left_out, struct http_part *parts,
                         int64_t *out_size);

#endif
