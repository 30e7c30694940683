/*
 * Tar files: the same files give the same bytes, and tar(1) reads them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/context.h"
#include "drivers/io/process.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define TAR_MAX (1024 * 1024)
#define TEN     "abcdefghij"
#define LONG    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static int read_entry(void *self, struct context_list *list, const struct context_entry *entry,
                      const void **out_bytes, struct err *err)
{
    (void)self;
    (void)list;
    if (entry->id == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such blob");
    *out_bytes = entry->id;
    return 0;
}

static const struct context_reader reader = { .read = read_entry };

static char *read_fd(int fd, int64_t size)
{
    char *bytes = mem_alloc((size_t)size + 1);

    assert_int_equal(read(fd, bytes, (size_t)size), size);
    return bytes;
}

static struct context_entry entries[] = {
    { "Dockerfile", 0100644, 13, "FROM scratch\n" },
    { "a/deep/run", 0100755, 4, "#!x\n" },
    { "link", 0120000, 10, "a/deep/run" },
    { "empty", 0100644, 0, "" },
};

static void same_files_same_bytes(void **state)
{
    struct context_list list = { .entries = entries, .count = ARRAY_COUNT(entries) };
    struct err err = { 0 };
    int fds[2];
    int64_t sizes[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(context_write(&reader, &list, &fds[i], &sizes[i], &err), 0);
    assert_int_equal(sizes[0], sizes[1]);
    AUTO_TEXT char *first = read_fd(fds[0], sizes[0]);
    AUTO_TEXT char *second = read_fd(fds[1], sizes[1]);
    assert_memory_equal(first, second, (size_t)sizes[0]);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

struct listed {
    struct loop *loop;
    char *text;
};

static void on_listed(void *ctx, const struct process_result *result, const struct err *failure)
{
    struct listed *listed = ctx;

    assert_null(failure);
    listed->text = mem_text(result->out);
    loop_stop(listed->loop);
}

/* What tar(1) makes of a context. */
static char *list_with_tar(struct context_list *list)
{
    static const char *const argv[] = {
        "tar", "--utc", "--quoting-style=escape", "-tvf", "-", NULL
    };
    static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    struct err err = { 0 };
    struct listed listed = { .loop = loop_new(&err) };
    int64_t size;
    int fd;

    assert_int_equal(context_write(&reader, list, &fd, &size, &err), 0);
    struct process_options options = { .argv = argv,
                                       .env = env,
                                       .input = PROCESS_INPUT_FD,
                                       .input_fd = fd,
                                       .done = on_listed,
                                       .ctx = &listed };
    assert_non_null(process_start(listed.loop, &options, &err));
    loop_run(listed.loop);
    loop_free(listed.loop);
    (void)close(fd);
    return listed.text;
}

static void tar_reads_it(void **state)
{
    struct context_list list = { .entries = entries, .count = ARRAY_COUNT(entries) };
    AUTO_TEXT char *text = list_with_tar(&list);

    (void)state;
    assert_string_equal(text, "-rw-r--r-- 0/0              13 1970-01-01 00:00 Dockerfile\n"
                              "-rwxr-xr-x 0/0               4 1970-01-01 00:00 a/deep/run\n"
                              "lrwxrwxrwx 0/0               0 1970-01-01 00:00 link -> a/deep/run\n"
                              "-rw-r--r-- 0/0               0 1970-01-01 00:00 empty\n");
}

/* Names are bytes, UTF-8 or not, and whatever the locale.  The first file is a plain one. */
static void any_name_is_taken(void **state)
{
    struct context_entry strange[] = {
        { "gr\xc3\xbc\xc3\x9f.txt", 0100644, 2, "hi" },
        { "bad\xff.txt", 0100755, 2, "hi" },
        { "plain", 0120000, 8, "t\xc3\xbcr/\xff/x" },
        { LONG, 0100644, 2, "hi" },
        { "Dockerfile", 0100644, 2, "hi" },
        { "other", 0100644, 2, "hi" },
    };
    struct context_list list = { .entries = strange, .count = ARRAY_COUNT(strange) };
    AUTO_TEXT char *text = list_with_tar(&list);

    (void)state;
    assert_string_equal(
        text, "-rw-r--r-- 0/0               2 1970-01-01 00:00 Dockerfile\n"
              "-rw-r--r-- 0/0               2 1970-01-01 00:00 gr\\303\\274\\303\\237.txt\n"
              "-rwxr-xr-x 0/0               2 1970-01-01 00:00 bad\\377.txt\n"
              "lrwxrwxrwx 0/0               0 1970-01-01 00:00 plain -> t\\303\\274r/\\377/x\n"
              "-rw-r--r-- 0/0               2 1970-01-01 00:00 " LONG "\n"
              "-rw-r--r-- 0/0               2 1970-01-01 00:00 other\n");
}

static void too_large(void **state)
{
    struct context_entry huge[] = { { "a", 0100644, LIMIT_BUILD_CONTEXT, "" } };
    struct context_entry wraps[] = { { "a", 0100644, UINT64_MAX, "" },
                                     { "b", 0100644, UINT64_MAX, "" } };
    struct context_list list = { .entries = huge, .count = 1 };
    struct context_list wrapping = { .entries = wraps, .count = 2 };
    struct err err = { 0 };
    int64_t size;
    int fd;

    (void)state;
    assert_int_equal(context_write(&reader, &list, &fd, &size, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(context_write(&reader, &wrapping, &fd, &size, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void reader_fails(void **state)
{
    struct context_entry lost[] = { { "a/b", 0100644, 3, NULL } };
    struct context_list list = { .entries = lost, .count = 1 };
    struct err err = { 0 };
    int64_t size;
    int fd;

    (void)state;
    assert_int_equal(context_write(&reader, &list, &fd, &size, &err), -1);
    assert_string_equal(err.text, "'a/b': no such blob");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_files_same_bytes), cmocka_unit_test(tar_reads_it),
        cmocka_unit_test(any_name_is_taken),     cmocka_unit_test(too_large),
        cmocka_unit_test(reader_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
