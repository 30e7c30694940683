/*
 * Environment files: what a line means, what is a mistake, and who wins.
 */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/variable_file.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct variable_file *parse(const char *text)
{
    AUTO(diag_list) diags = { 0 };
    struct variable_file *file = variable_file_parse("a.env", text, strlen(text), &diags);

    if (file == NULL)
        fail_msg("%s", diags.items[0].text);
    return file;
}

/* "A=1 B=2": the environment that a container with these files has. */
static void check_merged(const struct container_definition *container, const char *first,
                         const char *second, const char *wanted)
{
    AUTO(variable_file) *one = parse(first);
    AUTO(variable_file) *two = parse(second);
    const struct variable_file *files[] = { one, two };
    struct environment_file rows[2] = { { .value = "a.env" }, { .value = "b.env" } };
    struct container_definition with_files = *container;
    struct container_definition out;
    AUTO(buf) text = { 0 };

    with_files.environment_files = rows;
    with_files.environment_files_count = 2;
    variable_files_merge(&with_files, files, &arena, &out);
    buf_init(&text, 10000);
    for (size_t i = 0; i < out.environment_count; i++)
        buf_printf(&text, "%s%s=%s", i > 0 ? " " : "", out.environment[i].key,
                   out.environment[i].value);
    assert_string_equal(buf_text(&text), wanted);
    assert_int_equal(out.environment_files_count, 0);
}

static void lines_are_taken_as_they_stand(void **state)
{
    const struct container_definition plain = { .name = "web" };

    (void)state;
    check_merged(&plain, "", "", "");
    check_merged(&plain, "# A=1\n\nB=2\r\nA='x y' # z\n", "", "A='x y' # z B=2");
    check_merged(&plain, "A=1=2\nB=\nC==", "", "A=1=2 B= C==");
    check_merged(&plain, "A=$HOME \\n\n", "", "A=$HOME \\n");
    check_merged(&plain, "GR\xC3\xBC\xC3\x9F=\xC3\xBC", "", "GR\xC3\xBC\xC3\x9F=\xC3\xBC");
}

static void environment_and_secrets_win_and_then_the_first_file(void **state)
{
    struct pair environment[] = { { "B", "own" } };
    struct secret secrets[] = { { .name = "S", .value_from = "env:S" } };
    const struct container_definition container = {
        .environment = environment, .environment_count = 1, .secrets = secrets, .secrets_count = 1
    };

    (void)state;
    check_merged(&container, "A=1\nB=1\nS=1\n", "A=2\nC=2\nS=2\n", "A=1 B=own C=2");
}

static void mistakes_have_their_lines(void **state)
{
    static const char text[] = "A=1\n"
                               "no equals sign\n"
                               "=value\n"
                               "export B=s3cret\n"
                               " # C\n"
                               "A=2\n"
                               "D=\xFF\n"
                               "E=\0\n";
    static const char *const wanted[] = {
        "2: it is no VAR=VALUE: there is no '='",
        "3: no name stands before '='",
        "4: 'export B' is no name of an environment variable: it has a blank, and this is no shell",
        "5: it is no VAR=VALUE: there is no '='",
        "6: 'A' is given twice",
        "7: it is not UTF-8, or has a NUL",
        "8: it is not UTF-8, or has a NUL",
    };
    AUTO(diag_list) diags = { 0 };

    (void)state;
    assert_null(variable_file_parse("a.env", text, sizeof(text) - 1, &diags));
    assert_int_equal(diags.count, ARRAY_COUNT(wanted));
    for (size_t i = 0; i < diags.count; i++) {
        const struct diag *diag = &diags.items[i];
        assert_string_equal(diag->file, "a.env");
        assert_string_equal(arena_printf(&arena, "%u: %s", diag->line, diag->text), wanted[i]);
    }
}

static void a_file_has_a_limit(void **state)
{
    AUTO(diag_list) diags = { 0 };
    char *text = arena_alloc(&arena, LIMIT_VARIABLE_FILE_BYTES + 1);

    (void)state;
    memset(text, 'A', LIMIT_VARIABLE_FILE_BYTES + 1);
    text[1] = '=';
    variable_file_unref(variable_file_parse("a.env", text, LIMIT_VARIABLE_FILE_BYTES, &diags));
    assert_int_equal(diags.errors, 0);
    assert_null(variable_file_parse("a.env", text, LIMIT_VARIABLE_FILE_BYTES + 1, &diags));
    assert_non_null(strstr(diags.items[0].text, "at most 262144 bytes"));
}

/* What it says is written into a document whose keys are of no more bytes than that. */
static void a_name_has_a_limit(void **state)
{
    char line[2 * LIMIT_NAME];
    AUTO(diag_list) diags = { 0 };

    (void)state;
    memset(line, 'a', sizeof(line));
    line[LIMIT_NAME] = '=';
    AUTO(variable_file) *longest = variable_file_parse("a.env", line, LIMIT_NAME + 2, &diags);
    assert_non_null(longest);
    line[LIMIT_NAME] = 'a';
    line[LIMIT_NAME + 1] = '=';
    AUTO(variable_file) *longer = variable_file_parse("a.env", line, LIMIT_NAME + 3, &diags);
    assert_null(longer);
    assert_string_equal(diags.items[0].text, "the name before '=' has more than 255 bytes");
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_taken_as_they_stand),
        TEST(environment_and_secrets_win_and_then_the_first_file),
        TEST(mistakes_have_their_lines),
        TEST(a_file_has_a_limit),
        TEST(a_name_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
