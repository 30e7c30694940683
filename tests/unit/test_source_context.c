/*
 * Build contexts: which files, and a key that changes with what the build sees and with nothing
 * else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/source.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

struct fixture {
    char *folder;
    struct source *source;
    char commit[SOURCE_ID_SIZE];
};

static void commit(struct fixture *fixture, const char *script)
{
    struct source_tip tip = { 0 };
    struct err err = { 0 };
    char all[8192];

    (void)snprintf(all, sizeof(all), "cd repo\n%s\ncommit change", script);
    git_repo_run(fixture->folder, all);
    if (source_refresh(fixture->source, &tip, &err) < 0)
        fail_msg("%s", err.text);
    memcpy(fixture->commit, tip.commit, sizeof(tip.commit));
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    char full[4096];
    struct source_options options = { .location = full, .path = "manifests" };
    struct err err = { 0 };

    fixture->folder = git_repo_folder();
    git_repo_run(fixture->folder, "init repo");
    (void)snprintf(full, sizeof(full), "%s/repo", fixture->folder);
    if (source_global_init(&err) < 0 || source_open(&options, &fixture->source, &err) < 0)
        return -1;
    commit(fixture, "mkdir -p app/src app/docs app/a; echo FROM scratch >app/Dockerfile\n"
                    "echo 1 >app/src/main.c; echo 2 >app/docs/x.md; echo 3 >app/docs/keep.md\n"
                    "echo 4 >app/run.sh; chmod +x app/run.sh; ln -s src/main.c app/link\n"
                    "echo 5 >app/a.b; echo 6 >app/a/c; echo 7 >other; echo FROM x >app/src/Other");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    source_close(fixture->source);
    git_repo_remove(fixture->folder);
    free(fixture);
    source_global_exit();
    return 0;
}

static void check_files(struct fixture *fixture, const char *folder, const char *dockerfile,
                        const char *expected)
{
    struct source_context_request request = { .context = folder, .dockerfile = dockerfile };
    AUTO(source_context) *context = NULL;
    struct err err = { 0 };
    char found[4096] = "";
    size_t size = 0;

    if (source_context_list(fixture->source, fixture->commit, &request, &context, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < context->count; i++) {
        if (i > 0)
            assert_true(strcmp(context->items[i - 1].path, context->items[i].path) < 0);
        size += (size_t)snprintf(found + size, sizeof(found) - size, "%s%s%s", i > 0 ? " " : "",
                                 context->items[i].path,
                                 context->items[i].mode == 0120000   ? "@"
                                 : context->items[i].mode == 0100755 ? "*"
                                                                     : "");
    }
    assert_string_equal(found, expected);
}

static void check_error(struct fixture *fixture, const char *folder, const char *dockerfile,
                        enum err_code code, const char *text)
{
    struct source_context_request request = { .context = folder, .dockerfile = dockerfile };
    struct source_context *context = NULL;
    struct err err = { 0 };
    char key[SHA256_HEX_SIZE] = "";

    assert_int_equal(
        source_context_list(fixture->source, fixture->commit, &request, &context, &err), -1);
    assert_null(context);
    assert_int_equal(err.code, code);
    if (strstr(err.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, text);
    assert_int_equal(source_context_key(fixture->source, fixture->commit, &request, key, &err), -1);
    assert_string_equal(key, "");
}

static void lists_files_of_the_folder(void **state)
{
    struct fixture *fixture = *state;
    struct source_context_request request = { .context = "./app/" };
    AUTO(source_context) *context = NULL;
    AUTO(source_blob) blob = { 0 };
    struct err err = { 0 };

    check_files(fixture, "app", NULL,
                "Dockerfile a.b a/c docs/keep.md docs/x.md link@ run.sh* src/Other src/main.c");
    check_files(fixture, "app/src", "Other", "Other main.c");
    check_files(fixture, ".", "app/Dockerfile",
                "app/Dockerfile app/a.b app/a/c app/docs/keep.md app/docs/x.md app/link@ "
                "app/run.sh* app/src/Other app/src/main.c other");
    assert_int_equal(
        source_context_list(fixture->source, fixture->commit, &request, &context, &err), 0);
    assert_int_equal(context->size, 13 + 2 + 2 + 2 + 2 + 10 + 2 + 7 + 2);
    assert_string_equal(context->items[5].path, "link");
    assert_int_equal(source_blob_read(fixture->source, context->items[5].blob, 100, &blob, &err),
                     0);
    assert_int_equal(blob.size, 10);
    assert_memory_equal(blob.bytes, "src/main.c", 10);
}

static void ignores_what_dockerignore_says(void **state)
{
    struct fixture *fixture = *state;

    commit(fixture, "printf 'docs\\n!docs/keep.md\\na*\\nDockerfile\\n.dockerignore\\n' "
                    ">app/.dockerignore; printf '**/*.c\\n' >app/src/Other.dockerignore");
    check_files(fixture, "app", NULL,
                ".dockerignore Dockerfile docs/keep.md link@ run.sh* src/Other "
                "src/Other.dockerignore src/main.c");
    check_files(fixture, "app", "src/Other",
                ".dockerignore Dockerfile a.b a/c docs/keep.md docs/x.md link@ run.sh* src/Other "
                "src/Other.dockerignore");
    commit(fixture, "echo '*' >app/.dockerignore");
    check_files(fixture, "app", NULL, ".dockerignore Dockerfile");
}

static void bad_contexts_are_errors(void **state)
{
    struct fixture *fixture = *state;

    check_error(fixture, "none", NULL, ERR_NOT_FOUND, "'none'");
    check_error(fixture, "other", NULL, ERR_INVALID, "not a folder");
    check_error(fixture, "../x", NULL, ERR_INVALID, "'..'");
    check_error(fixture, "app", "../other", ERR_INVALID, "'..'");
    check_error(fixture, "app", "None", ERR_NOT_FOUND, "'None'");
    check_error(fixture, "app", "src", ERR_NOT_FOUND, "'src'");
    commit(fixture, "rm -f app/.dockerignore; ln -s a.b app/.dockerignore");
    check_error(fixture, "app", NULL, ERR_INVALID, "plain file");
    git_repo_run(fixture->folder, "init sub; cd sub; : >s; commit s");
    commit(fixture, "rm app/.dockerignore\n"
                    "git -c protocol.file.allow=always submodule -q add ../sub app/sub");
    check_error(fixture, "app", NULL, ERR_INVALID, "submodule");
    commit(fixture, "echo sub >app/.dockerignore");
    check_files(fixture, "app/src", "Other", "Other main.c");
    check_files(fixture, "app", NULL,
                ".dockerignore Dockerfile a.b a/c docs/keep.md docs/x.md link@ run.sh* src/Other "
                "src/main.c");
}

/* ---- The key ------------------------------------------------------------------------------- */

static void key_of(struct fixture *fixture, const struct source_context_request *request,
                   char key[SHA256_HEX_SIZE])
{
    struct err err = { 0 };

    if (source_context_key(fixture->source, fixture->commit, request, key, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(strlen(key), 64);
}

static void same_key_while_the_build_sees_the_same(void **state)
{
    struct fixture *fixture = *state;
    const struct source_build_arg args[] = { { "A", "1" }, { "B", NULL } };
    const struct source_build_arg swapped[] = { { "B", NULL }, { "A", "1" } };
    struct source_context_request request = { .context = "app", .args = args, .arg_count = 2 };
    struct source_context_request other = {
        .context = "/app/", .dockerfile = "./Dockerfile", .args = swapped, .arg_count = 2
    };
    char before[SHA256_HEX_SIZE];
    char after[SHA256_HEX_SIZE];
    char tree[2][SOURCE_ID_SIZE];
    struct err err = { 0 };

    commit(fixture, "echo docs >app/.dockerignore");
    key_of(fixture, &request, before);
    key_of(fixture, &other, after);
    assert_string_equal(before, after);
    assert_int_equal(source_tree_id(fixture->source, fixture->commit, "app", tree[0], &err), 0);
    commit(fixture, "echo new >other");
    key_of(fixture, &request, after);
    assert_string_equal(before, after);
    assert_int_equal(source_tree_id(fixture->source, fixture->commit, "app/", tree[1], &err), 0);
    assert_string_equal(tree[0], tree[1]);
    commit(fixture, "echo new >app/docs/x.md");
    key_of(fixture, &request, after);
    assert_string_equal(before, after);
    assert_int_equal(source_tree_id(fixture->source, fixture->commit, "app", tree[1], &err), 0);
    assert_string_not_equal(tree[0], tree[1]);
    commit(fixture, "git mv app moved"); /* the folder's own name is not seen by the build */
    request.context = "moved";
    key_of(fixture, &request, after);
    assert_string_equal(before, after);
}

static void another_key_for_anything_that_it_sees(void **state)
{
    struct fixture *fixture = *state;
    static const char *const changes[] = {
        "echo new >app/src/main.c",          "chmod +x app/a.b",
        "git mv app/a.b app/a.bb",           "rm app/link; ln -s a app/link",
        "echo docs/x.md >app/.dockerignore", "rm app/a/c",
        "echo FROM new >app/Dockerfile",
    };
    static const struct source_build_arg args[][2] = {
        { { "A", "1" }, { "B", "2" } },  { { "A", "2" }, { "B", "2" } },
        { { "A", NULL }, { "B", "2" } }, { { "A", "" }, { "B", "2" } },
        { { "AB", "" }, { "2", "" } },
    };
    char keys[24][SHA256_HEX_SIZE];
    struct source_context_request request = { .context = "app" };
    size_t count = 0;

    key_of(fixture, &request, keys[count++]);
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        commit(fixture, changes[i]);
        key_of(fixture, &request, keys[count++]);
    }
    request.dockerfile = "src/Other";
    key_of(fixture, &request, keys[count++]);
    request.platform = "linux/arm64";
    key_of(fixture, &request, keys[count++]);
    request.target = request.platform;
    request.platform = NULL;
    key_of(fixture, &request, keys[count++]);
    request.arg_count = 2;
    for (size_t i = 0; i < ARRAY_COUNT(args); i++) {
        request.args = args[i];
        key_of(fixture, &request, keys[count++]);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(lists_files_of_the_folder),
        TEST(ignores_what_dockerignore_says),
        TEST(bad_contexts_are_errors),
        TEST(same_key_while_the_build_sees_the_same),
        TEST(another_key_for_anything_that_it_sees),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
