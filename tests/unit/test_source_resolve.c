/*
 * What a person may write for a commit: of a repository here, and behind a URL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/source.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

#define GENEROUS_MS 60000

/* Three commits on main, the first with the tag v1 and an annotated one, and a branch beside it;
 * "both" is a branch and a tag, "abcdef12" a branch whose name looks like an id. */
static const char history[] =
    "init repo; cd repo; printf one >a.yaml; commit first; git tag v1; git tag -a -m old v1a; "
    "git tag both; printf two >a.yaml; commit second; git branch both; "
    "git switch -q -c side; printf side >b.yaml; commit beside; git switch -q main; "
    "printf three >a.yaml; commit third; git branch abcdef12 v1";

static int set_up(void **state)
{
    struct err err = { 0 };
    char *folder;

    if (source_global_init(&err) < 0)
        return -1;
    folder = git_repo_folder();
    git_repo_run(folder, history);
    (void)setenv("HOME", folder, 1);
    (void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    git_repo_remove(*state);
    source_global_exit();
    return 0;
}

/* What git itself says. */
static char *git_says(const char *folder, const char *revision)
{
    char script[512];

    (void)snprintf(script, sizeof(script), "cd repo; git rev-parse --verify '%s^{commit}'",
                   revision);
    return git_repo_output(folder, script);
}

static int resolve(const char *folder, bool url, const char *expression, char *out, struct err *err)
{
    char location[4096];
    char state_dir[4096];
    const struct source_options options = {
        .location = location, .branch = "main", .state_dir = state_dir, .timeout_ms = GENEROUS_MS
    };
    AUTO(source) *source = NULL;

    (void)snprintf(location, sizeof(location), "%s%s/repo", url ? "file://" : "", folder);
    (void)snprintf(state_dir, sizeof(state_dir), "%s/state", folder);
    return source_open_at(&options, expression, &source, out, err);
}

static void check_found(const char *folder, bool url, const char *expression, const char *revision)
{
    AUTO_TEXT char *expected = git_says(folder, revision);
    char found[SOURCE_ID_SIZE];
    struct err err = { 0 };

    if (resolve(folder, url, expression, found, &err) < 0)
        fail_msg("%s: %s", expression, err.text);
    if (!text_equal(found, expected))
        fail_msg("%s is %s, not %s", expression, found, expected);
}

static void check_refused(const char *folder, bool url, const char *expression, enum err_code code,
                          const char *words)
{
    char found[SOURCE_ID_SIZE] = "untouched";
    struct err err = { 0 };

    if (resolve(folder, url, expression, found, &err) == 0)
        fail_msg("'%s' is taken for %s", expression, found);
    assert_string_equal(found, "untouched");
    if (strstr(err.text, words) == NULL || err.code != code)
        fail_msg("'%s' says: %s", expression, err.text);
}

static void names_ids_and_what_hangs_on_them(void **state)
{
    const char *folder = *state;
    static const struct {
        const char *expression;
        const char *revision;
    } cases[] = {
        { NULL, "main" },
        { "HEAD", "main" },
        { "HEAD~1", "main~1" },
        { "main", "main" },
        { "main~2", "v1" },
        { "main^", "main~1" },
        { "side", "side" },
        { "side~1", "main~1" },
        { "v1", "v1" },
        { "v1a", "v1" },
        { "v1a^{commit}", "v1" },
        { "refs/tags/both", "v1" },
        { "both", "refs/heads/both" },
        { "refs/heads/side", "side" },
        { "abcdef12", "v1" },
    };

    for (int url = 0; url < 2; url++) {
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
            check_found(folder, url != 0, cases[i].expression, cases[i].revision);
    }
}

static void an_id_may_be_cut_short(void **state)
{
    const char *folder = *state;
    AUTO_TEXT char *full = git_says(folder, "main~1");
    AUTO_TEXT char *beside = git_says(folder, "side");
    char part[SOURCE_ID_SIZE];

    for (int url = 0; url < 2; url++) {
        check_found(folder, url != 0, full, "main~1");
        text_copy(part, 9, full);
        check_found(folder, url != 0, part, "main~1");
        memcpy(part + 8, "~1", sizeof("~1"));
        check_found(folder, url != 0, part, "v1");
        check_found(folder, url != 0, beside, "side");
    }
    text_copy(part, 9, beside);
    check_found(folder, /* url= */ false, part, "side");
}

static void what_is_no_commit_is_said_to_be_none(void **state)
{
    const char *folder = *state;
    char prefix[8];
    /* A thousand objects: some of them begin alike. */
    AUTO_TEXT char *shared = git_repo_output(
        folder,
        "cd repo; i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); echo $i >../n$i; echo ../n$i; "
        "done | git hash-object -w --stdin-paths | cut -c1-4 | sort | uniq -d | "
        "head -n 1");

    check_refused(folder, false, "none", ERR_NOT_FOUND,
                  "there is no commit, branch or tag 'none' in ");
    check_refused(folder, false, "deadbeef", ERR_NOT_FOUND, "'deadbeef'");
    check_refused(folder, false, "HEAD~9", ERR_NOT_FOUND, "'HEAD~9'");
    check_refused(folder, false, "main:a.yaml", ERR_INVALID,
                  "'main:a.yaml' is a blob, not a commit");
    check_refused(folder, false, "main^{tree}", ERR_INVALID, "is a tree, not a commit");
    check_refused(folder, false, "v1..main", ERR_INVALID, "names no commit");
    check_refused(folder, false, "", ERR_INVALID, "names no commit");
    text_copy(prefix, sizeof(prefix), shared);
    assert_int_equal(strlen(prefix), 4);
    check_refused(folder, false, prefix, ERR_INVALID, "is ambiguous");
    check_refused(folder, true, "none", ERR_NOT_FOUND, "'none'");
    check_refused(folder, true, "main~9", ERR_NOT_FOUND, "~9'");
    check_refused(folder, true, "deadbeef", ERR_NOT_FOUND, "'deadbeef'");
}

/* What is followed moves by itself: it is a name. */
static void what_is_followed_is_a_name(void **state)
{
    const char *folder = *state;
    char location[4096];
    struct source_options options = { .location = location, .branch = "main~1" };
    AUTO(source) *source = NULL;
    struct err err = { 0 };

    (void)snprintf(location, sizeof(location), "%s/repo", folder);
    assert_int_equal(source_open(&options, &source, &err), -1);
    assert_non_null(strstr(err.text, "can't be the name of a branch"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_ids_and_what_hangs_on_them),
        TEST(an_id_may_be_cut_short),
        TEST(what_is_no_commit_is_said_to_be_none),
        TEST(what_is_followed_is_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
