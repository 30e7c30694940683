/*
 * What a work tree has that the newest commit has not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "reconciler/source/source.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

static int set_up(void **state)
{
    struct err err = { 0 };

    if (source_global_init(&err) < 0)
        return -1;
    *state = git_repo_folder();
    git_repo_run(*state, "init . && mkdir -p m/deep other && for f in m/a.yaml m/deep/b.yml "
                         "m/c.json m/text other/d.yaml; do echo $f >$f; done\n"
                         "printf 'm/made.yaml\\n' >.gitignore\n"
                         "git add -A && git commit -q -m first");
    return 0;
}

static int tear_down(void **state)
{
    git_repo_remove(*state);
    source_global_exit();
    return 0;
}

static void check(const char *folder, const char *branch, const char *path, const char *expected)
{
    struct source_options options = { .location = folder, .branch = branch, .path = path };
    AUTO(arena) arena = { 0 };
    AUTO(source) *source = NULL;
    AUTO(buf) text = { 0 };
    struct source_paths paths;
    struct err err = { 0 };

    if (source_open(&options, &source, &err) < 0 ||
        source_uncommitted(source, &arena, &paths, &err) < 0)
        fail_msg("%s", err.text);
    buf_init(&text, 4096);
    for (size_t i = 0; i < paths.count; i++)
        buf_printf(&text, "%s ", paths.items[i]);
    assert_string_equal(buf_text(&text), expected);
}

static void every_kind_of_change_to_a_manifest(void **state)
{
    const char *folder = *state;

    check(folder, NULL, "m", "");
    git_repo_run(folder,
                 "echo x >>m/a.yaml; rm m/deep/b.yml; mkdir m/new; echo x >m/new/n.yaml\n"
                 "echo x >>m/c.json; git add m/c.json; echo x >>m/text; echo x >>other/d.yaml\n"
                 "echo x >m/made.yaml; mkdir .ci m/.ci\n"
                 "echo x | tee .ci/x.yaml m/.ci/x.yaml m/.x.yaml >.x.yaml");
    check(folder, NULL, "m", "m/a.yaml m/c.json m/deep/b.yml m/new/n.yaml ");
    check(folder, "main", "m/deep", "m/deep/b.yml ");
    check(folder, NULL, "", "m/a.yaml m/c.json m/deep/b.yml m/new/n.yaml other/d.yaml ");
    check(folder, NULL, ".ci", ".ci/x.yaml ");
    git_repo_run(folder, "git add -A && git commit -q -m second");
    check(folder, NULL, "", "");
}

/* A name is a name: git's own command would take it for a pattern. */
static void a_path_is_no_pattern(void **state)
{
    const char *folder = *state;

    git_repo_run(folder, "mkdir '[m]'; echo x >'[m]/e.yaml'; echo x >>m/a.yaml");
    check(folder, NULL, "[m]", "[m]/e.yaml ");
}

static void another_branch_is_checked_out(void **state)
{
    const char *folder = *state;

    git_repo_run(folder, "git checkout -q -b topic && echo x >>m/a.yaml");
    check(folder, "main", "m", "");
    check(folder, "topic", "m", "m/a.yaml ");
    check(folder, NULL, "m", "m/a.yaml ");
    git_repo_run(folder, "git checkout -q --detach && git branch -D topic -q");
    check(folder, NULL, "m", "m/a.yaml ");
    check(folder, "main", "m", "");
}

static void without_a_work_tree_there_is_nothing(void **state)
{
    const char *folder = *state;
    char bare[4096];

    git_repo_run(folder, "git clone -q --bare . bare.git; init empty");
    (void)snprintf(bare, sizeof(bare), "%s/bare.git", folder);
    check(bare, NULL, "m", "");
    (void)snprintf(bare, sizeof(bare), "%s/empty", folder);
    check(bare, NULL, "m", "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_change_to_a_manifest),
        TEST(a_path_is_no_pattern),
        TEST(another_branch_is_checked_out),
        TEST(without_a_work_tree_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
