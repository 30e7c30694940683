/*
 * What the language says about manifests.  Each file in tests/golden/decode is the whole of a
 * generation and ends with what is to be said about it, one line each:
 *
 *     # expect: LINE:COLUMN: message
 *     # expect: LINE:COLUMN: warning: message
 *
 * A file without such lines is right.  UPDATE=1 writes the lines anew.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/generation.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

#define FOLDER "tests/golden/decode"
#define MARK   "# expect: "

static void read_file(const char *path, struct buf *out)
{
    char chunk[4096];
    size_t size;
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    buf_init(out, 4 * LIMIT_MANIFEST_BYTES);
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_add(out, chunk, size);
    assert_int_equal(fclose(file), 0);
}

/* The file without what it expects. */
static void copy_manifest(const struct buf *text, struct buf *out)
{
    buf_init(out, 4 * LIMIT_MANIFEST_BYTES);
    for (const char *at = text->data; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        size += at[size] == '\n' ? 1 : 0;
        if (!text_starts(at, MARK))
            buf_add(out, at, size);
        at += size;
    }
}

static void check_file(const char *path)
{
    AUTO(buf) text = { 0 };
    AUTO(buf) actual = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct file_change change = { .path = path, .blob = "1" };
    struct err err = { 0 };

    read_file(path, &text);
    copy_manifest(&text, &actual);
    change.bytes = text.data;
    change.size = text.size;
    int result = generation_derive(NULL, "c", &change, 1, &diags, &generation, &err);
    assert_int_equal(result, diags.errors > 0 ? -1 : 0);
    assert_int_equal(generation == NULL, diags.errors > 0);
    for (size_t i = 0; i < diags.count; i++) {
        const struct diag *diag = &diags.items[i];
        assert_string_equal(diag->file, path);
        buf_printf(&actual, MARK "%u:%u: %s%s\n", diag->line, diag->column,
                   diag->level == DIAG_WARNING ? "warning: " : "", diag->text);
    }
    golden_check(path, buf_text(&actual));
}

static int is_manifest(const struct dirent *entry)
{
    return manifest_path_is(entry->d_name);
}

static void each_file_gets_what_it_expects(void **state)
{
    (void)state;
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, is_manifest, alphasort);

    assert_true(count >= 20); /* the folder is there */
    for (int i = 0; i < count; i++) {
        char path[512];
        int size = snprintf(path, sizeof(path), FOLDER "/%s", entries[i]->d_name);
        assert_true(size > 0 && size < (int)sizeof(path));
        check_file(path);
        free(entries[i]);
    }
    free(entries);
}

/* What would not fit into a connection is found before a host is drained for it. */
static void check_command(size_t size, const char *mistake)
{
    AUTO(buf) text = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct file_change change = { .path = "cluster.yaml", .blob = "1" };
    struct err err = { 0 };

    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_printf(&text, "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\n"
                      "spec: {launchType: EC2, maintenance: {command: ");
    for (size_t i = 0; i < size; i++)
        buf_char(&text, 'x');
    buf_printf(&text, "}}\n");
    change.bytes = buf_text(&text);
    change.size = text.size;
    assert_int_equal(generation_derive(NULL, "1", &change, 1, &diags, &generation, &err),
                     mistake == NULL ? 0 : -1);
    if (mistake != NULL)
        assert_string_equal(diags.items[0].text, mistake);
}

static void a_command_of_hosts_has_a_limit(void **state)
{
    (void)state;
    check_command(LIMIT_HOST_COMMAND, NULL);
    check_command(LIMIT_HOST_COMMAND + 1,
                  "maintenance: 'command' has more than 12288 bytes: let it "
                  "run a script of the host");
}

/* A Cluster may list more hosts than other lists have records. */
static void check_instances(size_t count, const char *mistake)
{
    AUTO(buf) text = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct file_change change = { .path = "cluster.yaml", .blob = "1" };
    struct err err = { 0 };

    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_printf(&text, "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\n"
                      "spec: {launchType: EC2, instances: [");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "{name: i%zu, host: h%zu}, ", i, i);
    buf_printf(&text, "]}\n");
    change.bytes = buf_text(&text);
    change.size = text.size;
    if (generation_derive(NULL, "1", &change, 1, &diags, &generation, &err) == 0) {
        assert_null(mistake);
        return;
    }
    assert_non_null(mistake);
    assert_int_equal(diags.count, 1);
    assert_string_equal(diags.items[0].text, mistake);
}

static void a_cluster_lists_ten_thousand_hosts(void **state)
{
    (void)state;
    check_instances(10000, NULL);
    check_instances(10001, "instances: more than 10000 elements");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_gets_what_it_expects),
        cmocka_unit_test(a_command_of_hosts_has_a_limit),
        cmocka_unit_test(a_cluster_lists_ten_thousand_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
