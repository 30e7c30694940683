/*
 * A file that an engine gave as an image.  Whatever it is, what is sent of it is parts of it, in
 * their order, and all of it where nothing is left out.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "drivers/docker/image_tar.h"
#include "tests/fuzz/fuzz.h"

static void check_parts(const struct image_tar *tar, const bool *left_out)
{
    struct http_part parts[IMAGE_LAYERS_MAX + 1];
    int64_t size = 0;
    int64_t sum = 0;
    int64_t at = 0;
    size_t count = image_tar_without(tar, left_out, parts, &size);

    ASSERT(count <= IMAGE_LAYERS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        ASSERT(parts[i].at >= at && parts[i].size > 0);
        ASSERT(parts[i].size <= tar->size - parts[i].at);
        at = parts[i].at + parts[i].size;
        sum += parts[i].size;
    }
    ASSERT(sum == size && size <= tar->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
    bool left_out[IMAGE_LAYERS_MAX] = { false };
    struct image_tar tar;
    struct err err = { 0 };
    ssize_t written = write(fd, data, size);
    int64_t whole = 0;
    struct http_part parts[IMAGE_LAYERS_MAX + 1];

    ASSERT(written == (ssize_t)size);
    if (image_tar_read(fd, (int64_t)size, &tar, &err) < 0) {
        ASSERT(err.code != ERR_OK);
        return 0;
    }
    ASSERT(tar.layer_count <= IMAGE_LAYERS_MAX);
    (void)image_tar_without(&tar, left_out, parts, &whole);
    ASSERT(whole == (int64_t)size);
    for (size_t mask = 1; mask < 8; mask++) {
        for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++)
            left_out[i] = (mask >> i % 3 & 1) != 0;
        check_parts(&tar, left_out);
    }
    return 0;
}
