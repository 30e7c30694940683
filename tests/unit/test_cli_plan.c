/*
 * `berth plan` of two commits of a real repository: what it prints, how it exits, and that it asks
 * no engine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/cli/cli.h"
#include "spec/base/json.h"
#include "spec/base/text.h"
#include "tests/unit/git_repo.h"
#include "tests/unit/unit.h"

/* Tags: first, green (another variable), more (another count), words (nothing that counts), broken
 * (a slip), mended. */
static const char history[] =
    "init repo; cd repo; cat >m.yaml <<END\n"
    "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: local}\n"
    "spec: {launchType: FARGATE}\n---\n"
    "apiVersion: berth/v1\nkind: Task\nmetadata: {name: web}\nspec:\n  cpu: 256\n  memory: 64\n"
    "  containerDefinitions:\n"
    "    - {name: web, image: \"x:1\", environment: {COLOR: blue, PASSWORD: one-7731}}\n---\n"
    "apiVersion: berth/v1\nkind: Service\nmetadata: {name: web}\n"
    "spec: {cluster: local, taskDefinition: web, desiredCount: 2}\n"
    "END\n"
    "commit first; git tag first\n"
    "edit() { sed -i \"$1\" m.yaml; git commit -q -a -m \"$2\"; git tag \"$2\"; }\n"
    "edit 's/blue/green/; s/one-7731/two-7731/' green; edit 's/Count: 2/Count: 3/' more\n"
    "edit '1s/^/# words\\n/' words; edit 's/memory:/memroy:/' broken; git revert --no-edit HEAD\n"
    "git tag mended";

struct result {
    int code;
    char *out;
    char *errors;
};

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

static int set_up(void **state)
{
    *state = git_repo_folder();
    git_repo_run(*state, history);
    setenv("DOCKER_HOST", "tcp://127.0.0.1:1", /* overwrite= */ 1); /* nobody is there */
    return 0;
}

static int tear_down(void **state)
{
    git_repo_remove(*state);
    return 0;
}

/* `berth plan REPO --state NONE` and these. */
static struct result plan(void **state, const char *const *options)
{
    AUTO_TEXT char *repo = NULL;
    AUTO_TEXT char *none = NULL;
    struct result result = { 0 };
    const char *words[16] = { "plan" };
    size_t out_size = 0;
    size_t errors_size = 0;
    struct cli_start start = { .words = words, .word_count = 4, .sources.environment = nothing };

    if (asprintf(&repo, "%s/repo", (char *)*state) < 0 ||
        asprintf(&none, "%s/state", (char *)*state) < 0)
        fail();
    words[1] = repo;
    words[2] = "--state";
    words[3] = none;
    for (; *options != NULL; options++)
        words[start.word_count++] = *options;
    start.out = open_memstream(&result.out, &out_size);
    start.errors = open_memstream(&result.errors, &errors_size);
    result.code = cli_run(&start);
    fclose(start.out);
    fclose(start.errors);
    return result;
}

#define PLAN(...) plan(state, (const char *const[]){ __VA_ARGS__, NULL })

static void release(struct result *result)
{
    free(result->out);
    free(result->errors);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' is in:\n%s", part, text);
}

static void the_parent_is_the_base(void **state)
{
    struct result result = PLAN("--offline", "--ref", "green");

    assert_int_equal(result.code, 0);
    assert_has(result.errors, " green\n");
    assert_has(result.out, "-/+ service local/web: replace (m.yaml:17)\n");
    assert_has(result.out, "[COLOR]: blue -> green");
    assert_has(result.out, "[PASSWORD]: (sensitive) -> (sensitive)");
    assert_lacks(result.out, "7731");
    assert_lacks(result.out, "desiredCount");
    assert_has(result.out, "Plan: 0 to create, 1 to replace, 0 to update in place, 0 to remove.\n");
    release(&result);

    result = PLAN("--offline", "--ref", "more");
    assert_has(result.out, "desiredCount: 2 -> 3");
    assert_lacks(result.out, "COLOR");
    release(&result);
}

static void before_the_first_commit_there_was_nothing(void **state)
{
    struct result result = PLAN("--offline", "--ref", "first");

    assert_int_equal(result.code, 0);
    assert_has(result.out, "+   service local/web: create");
    assert_has(result.out, "Plan: 2 to create, 0 to replace, 0 to update in place, 0 to remove.\n");
    release(&result);
}

static void any_commit_may_be_the_base(void **state)
{
    struct result result = PLAN("--base", "first", "--ref", "more");

    assert_int_equal(result.code, 0);
    assert_has(result.out, "[COLOR]: blue -> green");
    assert_has(result.out, "desiredCount: 2 -> 3");
    release(&result);

    result = PLAN("--offline", "--base", "more", "--ref", "first");
    assert_has(result.out, "[COLOR]: green -> blue");
    assert_has(result.out, "desiredCount: 3 -> 2");
    release(&result);
}

static void markdown_and_json_say_the_same(void **state)
{
    struct result result = PLAN("--offline", "--ref", "green", "-o", "markdown");

    assert_int_equal(result.code, 0);
    assert_has(result.out, "**Plan: 0 to create, 1 to replace");
    assert_has(result.out, "[COLOR]: blue -> green");
    assert_lacks(result.out, "7731");
    release(&result);

    result = PLAN("--offline", "--ref", "green", "-o", "json");
    AUTO(json) *answer = json_parse(result.out, strlen(result.out), NULL);
    assert_int_equal(result.code, 0);
    assert_true(json_bool(answer, "changes", false));
    assert_string_equal(json_text(answer, "subject"), "green");
    assert_lacks(result.out, "7731");
    release(&result);
}

static void the_exit_code_tells(void **state)
{
    static const struct {
        const char *ref;
        const char *option;
        int code;
    } cases[] = {
        { "green", "--detailed-exitcode", 2 },  { "words", "--detailed-exitcode", 0 },
        { "broken", "--detailed-exitcode", 1 }, { "broken", "--offline", 2 },
        { "none", "--detailed-exitcode", 1 },   { "none", "--offline", 1 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct result result = PLAN("--offline", "--ref", cases[i].ref, cases[i].option);
        if (result.code != cases[i].code)
            fail_msg("%s %s: %d\n%s", cases[i].ref, cases[i].option, result.code, result.errors);
        release(&result);
    }
}

static void a_mistake_is_told_with_the_commit_that_has_it(void **state)
{
    struct result result = PLAN("--offline", "--ref", "broken");

    assert_string_equal(result.out, "");
    assert_has(result.errors, "m.yaml:12:3: unknown key 'memroy': did you mean 'memory'?\n");
    assert_lacks(result.errors, "compared");
    release(&result);

    result = PLAN("--offline", "--ref", "mended");
    assert_has(result.errors, "m.yaml:12:3: unknown key 'memroy'");
    assert_has(result.errors, "berth: what it is compared with, its parent (--base names another "
                              "commit): ");
    release(&result);

    result = PLAN("--base", "broken", "--ref", "mended");
    assert_has(result.errors, "berth: what it is compared with, broken: ");
    release(&result);

    result = PLAN("--base", "words", "--ref", "mended", "--detailed-exitcode");
    assert_int_equal(result.code, 0);
    assert_lacks(result.errors, "memroy");
    release(&result);
}

static void without_offline_the_engine_is_asked(void **state)
{
    struct result result = PLAN("--ref", "green");

    assert_int_equal(result.code, 1);
    assert_string_equal(result.out, "");
    assert_has(result.errors, "the engine cannot be asked: ");
    assert_has(result.errors, "(use --offline to compare two commits)");
    release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parent_is_the_base),
        cmocka_unit_test(before_the_first_commit_there_was_nothing),
        cmocka_unit_test(any_commit_may_be_the_base),
        cmocka_unit_test(markdown_and_json_say_the_same),
        cmocka_unit_test(the_exit_code_tells),
        cmocka_unit_test(a_mistake_is_told_with_the_commit_that_has_it),
        cmocka_unit_test(without_offline_the_engine_is_asked),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
