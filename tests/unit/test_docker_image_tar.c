/*
 * What is sent of an image to an engine that has some of its layers.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drivers/docker/image_tar.h"
#include "drivers/docker/tar.h"
#include "drivers/docker/transfer.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define MANIFEST                                                                                   \
    "[{\"Config\":\"c.json\",\"RepoTags\":[\"web:1\"],\"Layers\":[\"1/layer.tar\",\"2/layer.tar\"" \
    ",\"3/layer.tar\"]}]"

struct file {
    int fd;
    int64_t size;
};

/* As Docker 20.10 writes it: `links`: the third layer is the first one once more. */
static struct file write_image(const char *manifest, bool links)
{
    static char layer[5000];
    struct file file = { .fd = memfd_create("image", MFD_CLOEXEC) };
    AUTO(tar) *tar = tar_new_fd(file.fd, NULL);

    memset(layer, 'x', sizeof(layer));
    assert_int_equal(tar_add(tar, "c.json", 0100644, "{}", 2, NULL), 0);
    assert_int_equal(tar_add(tar, "1/layer.tar", 0100644, layer, 5000, NULL), 0);
    assert_int_equal(tar_add(tar, "2/VERSION", 0100644, "1.0", 3, NULL), 0);
    assert_int_equal(tar_add(tar, "2/layer.tar", 0100644, layer, 600, NULL), 0);
    if (links)
        assert_int_equal(tar_add(tar, "3/layer.tar", 0120000, "../1/layer.tar", 14, NULL), 0);
    else
        assert_int_equal(tar_add(tar, "3/layer.tar", 0100644, layer, 1, NULL), 0);
    if (manifest != NULL)
        assert_int_equal(tar_add(tar, "manifest.json", 0100644, manifest, strlen(manifest), NULL),
                         0);
    assert_int_equal(tar_finish(tar, NULL), 0);
    file.size = lseek(file.fd, 0, SEEK_END);
    return file;
}

static void read_image(const struct file *file, struct image_tar *out)
{
    struct err err = { 0 };

    if (image_tar_read(file->fd, file->size, out, &err) < 0)
        fail_msg("%s", err.text);
}

/* The names of what is in the parts, one after the other. */
static void check_parts(const struct file *file, const struct http_part *parts, size_t count,
                        const char *names)
{
    AUTO_FD int fd = memfd_create("parts", MFD_CLOEXEC);
    AUTO(buf) seen = { 0 };
    struct tar_member member;

    buf_init(&seen, 4096);
    for (size_t i = 0; i < count; i++) {
        char *bytes = mem_alloc((size_t)parts[i].size);

        assert_int_equal(pread(file->fd, bytes, (size_t)parts[i].size, parts[i].at), parts[i].size);
        assert_int_equal(write(fd, bytes, (size_t)parts[i].size), parts[i].size);
        text_auto(&bytes);
    }
    AUTO(tar_reader) *reader = tar_reader_new(fd, NULL);
    while (tar_reader_next(reader, &member, NULL) == 1)
        buf_printf(&seen, "%s ", member.path);
    assert_string_equal(buf_text(&seen), names);
}

static void layers_that_are_there_are_left_out(void **unused)
{
    (void)unused;
    const struct file file = write_image(MANIFEST, /* links= */ false);
    struct http_part parts[IMAGE_LAYERS_MAX + 1];
    bool left_out[IMAGE_LAYERS_MAX] = { false };
    struct image_tar tar;
    int64_t size;
    size_t count;

    read_image(&file, &tar);
    assert_int_equal(tar.layer_count, 3);
    count = image_tar_without(&tar, left_out, parts, &size);
    assert_int_equal(count, 1);
    assert_int_equal(size, file.size);

    left_out[0] = true;
    count = image_tar_without(&tar, left_out, parts, &size);
    assert_int_equal(size, file.size - 512 - 5120); /* its header, and its blocks */
    check_parts(&file, parts, count, "c.json 2/VERSION 2/layer.tar 3/layer.tar manifest.json ");
    left_out[1] = left_out[2] = true;
    count = image_tar_without(&tar, left_out, parts, &size);
    check_parts(&file, parts, count, "c.json 2/VERSION manifest.json ");
    (void)close(file.fd);
}

static void what_is_no_file_of_its_own_stays(void **unused)
{
    (void)unused;
    const struct file file = write_image(MANIFEST, /* links= */ true);
    bool left_out[IMAGE_LAYERS_MAX] = { true, true, true };
    struct http_part parts[IMAGE_LAYERS_MAX + 1];
    struct image_tar tar;
    int64_t size;
    size_t count;

    read_image(&file, &tar);
    assert_int_equal(tar.layers[2].size, 0);
    count = image_tar_without(&tar, left_out, parts, &size);
    check_parts(&file, parts, count, "c.json 2/VERSION 3/layer.tar manifest.json ");
    (void)close(file.fd);
}

static void what_is_not_understood_is_sent_whole(void **unused)
{
    (void)unused;
    static const char *const manifests[] = {
        NULL,
        "no JSON",
        "[]",
        "[{\"Layers\": 3}]",
        "[{\"Layers\": []}, {\"Layers\": [\"1/layer.tar\"]}]", /* two images */
    };
    bool left_out[IMAGE_LAYERS_MAX];
    struct http_part parts[IMAGE_LAYERS_MAX + 1];

    memset(left_out, 1, sizeof(left_out));
    for (size_t i = 0; i < ARRAY_COUNT(manifests); i++) {
        const struct file file = write_image(manifests[i], /* links= */ false);
        struct image_tar tar;
        int64_t size;

        read_image(&file, &tar);
        assert_int_equal(tar.layer_count, 0);
        assert_int_equal(image_tar_without(&tar, left_out, parts, &size), 1);
        assert_int_equal(size, file.size);
        (void)close(file.fd);
    }
}

static void what_is_no_tar_file_is_an_error(void **unused)
{
    (void)unused;
    AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
    struct image_tar tar;
    struct err err = { 0 };

    assert_int_equal(write(fd, "not an image, but long enough to be looked at", 45), 45);
    assert_int_equal(image_tar_read(fd, 45, &tar, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

/* Only what is the same from below is a layer that the engine has. */
static void layers_are_compared_from_below(void **unused)
{
    (void)unused;
    static const struct {
        const char *other;
        size_t common;
    } cases[] = {
        { "{\"RootFS\": {\"Layers\": [\"a\", \"b\", \"c\", \"d\"]}}", 3 },
        { "{\"RootFS\": {\"Layers\": [\"a\", \"b\"]}}", 2 },
        { "{\"RootFS\": {\"Layers\": [\"a\", \"x\", \"c\"]}}", 1 },
        { "{\"RootFS\": {\"Layers\": [\"b\", \"c\"]}}", 0 },
        { "{\"RootFS\": {\"Layers\": [1, null]}}", 0 },
        { "{\"RootFS\": {}}", 0 },
    };
    const struct transfer_image image = { .layer_count = 3, .layers = { "a", "b", "c" } };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(json) *other = json_parse(cases[i].other, strlen(cases[i].other), NULL);

        assert_int_equal(transfer_common_layers(&image, other), cases[i].common);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_that_are_there_are_left_out),
        cmocka_unit_test(what_is_no_file_of_its_own_stays),
        cmocka_unit_test(what_is_not_understood_is_sent_whole),
        cmocka_unit_test(what_is_no_tar_file_is_an_error),
        cmocka_unit_test(layers_are_compared_from_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
