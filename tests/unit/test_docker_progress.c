/*
 * The streams of builds, pulls and pushes.
 */
#include <string.h>

#include "drivers/docker/progress.h"
#include "spec/base/base.h"
#include "tests/unit/unit.h"

static void ignore_line(void *ctx, const char *line)
{
    (void)line;
    ++*(int *)ctx;
}

static int feed(struct progress *progress, const char *const *lines, size_t count)
{
    int out = 0;

    for (size_t i = 0; i < count; i++) {
        AUTO(json) *value = json_parse(lines[i], strlen(lines[i]), NULL);
        assert_non_null(value);
        progress_feed(progress, value, ignore_line, &out);
    }
    return out;
}

static void layers_of_a_pull(void **state)
{
    static const char *const lines[] = {
        "{\"status\":\"Pulling from library/web\",\"id\":\"7\"}",
        "{\"status\":\"Pulling fs layer\",\"id\":\"aa\"}",
        "{\"status\":\"Pulling fs layer\",\"id\":\"bb\"}",
        "{\"status\":\"Already exists\",\"id\":\"cc\"}",
        ("{\"status\":\"Downloading\",\"id\":\"aa\",\"progressDetail\":{\"current\":3145728,"
         "\"total\":10485760}}"),
        "{\"status\":\"Pull complete\",\"id\":\"bb\"}",
        "{\"status\":\"Digest: sha256:0011\"}",
    };
    struct progress progress = { 0 };
    char text[200];

    (void)state;
    progress_text(&progress, text, sizeof(text));
    assert_string_equal(text, "");
    assert_int_equal(feed(&progress, lines, 4), 0);
    progress_text(&progress, text, sizeof(text));
    assert_string_equal(text, "1 of 3 layers");
    (void)feed(&progress, lines + 4, 3);
    progress_text(&progress, text, sizeof(text));
    assert_string_equal(text, "2 of 3 layers, 3 MiB of 10 MiB");
    assert_string_equal(progress.digest, "sha256:0011");
    progress_release(&progress);
}

static void build_that_fails(void **state)
{
    static const char *const lines[] = {
        "{\"stream\":\"Step 1/2 : FROM x\\n\"}",
        "{\"stream\":\"Step 2/2 : RUN \"}",
        "{\"stream\":\"make\\nno rule\\n\"}",
        "{\"error\":\"short\",\"errorDetail\":{\"message\":\"returned a non-zero code: 2\"}}",
    };
    struct progress progress = { 0 };
    struct err err = { 0 };
    char text[200];

    (void)state;
    assert_int_equal(feed(&progress, lines, 4), 3);
    progress_text(&progress, text, sizeof(text));
    assert_string_equal(text, "Step 2/2 : RUN make");
    assert_false(progress_needs_buildkit(&progress));
    assert_int_equal(progress_fail(&progress, &err), -1);
    assert_int_equal(err.code, ERR_FAILED);
    assert_string_equal(err.text, "returned a non-zero code: 2; last output:\n"
                                  "Step 1/2 : FROM x\nStep 2/2 : RUN make\nno rule");
    progress_release(&progress);
}

static void codes_of_errors(void **state)
{
    static const struct {
        const char *line;
        enum err_code code;
        bool needs_buildkit;
    } cases[] = {
        { "{\"error\":\"manifest unknown\"}", ERR_NOT_FOUND, false },
        { "{\"error\":\"write /x: no space left on device\"}", ERR_CAPACITY, false },
        { "{\"error\":\"unauthorized: login\"}", ERR_DENIED, false },
        { "{\"error\":\"Head \\\"http://r/v2/\\\": no basic auth credentials\"}", ERR_DENIED,
          false },
        { "{\"error\":\"the --mount option requires BuildKit\"}", ERR_FAILED, true },
        { "{\"error\":\"dockerfile parse error line 3: Unknown flag: link\"}", ERR_FAILED, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct progress progress = { 0 };
        struct err err = { 0 };
        (void)feed(&progress, &cases[i].line, 1);
        assert_int_equal(progress_fail(&progress, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(progress_needs_buildkit(&progress), cases[i].needs_buildkit);
        progress_release(&progress);
    }
}

static void builds_by_the_client(void **state)
{
    static const char *const lines[] = {
        "#1 [internal] load remote build context",
        "#1 sha256:79599c5dc8291df5622d2ed3f717d7e638c5e05de14d5fbd4d14a266eb6e1ba2",
        "#1 DONE 0.0s",
        "",
        "#4 [2/3] RUN make",
        "#4 4.262 cc a.c",
        "#4 4.330 \033[31mno rule\033[0m",
        "#4 ERROR: executor failed running [make]: exit code: 2",
        "------",
        " > [2/3] RUN make:",
        "------",
        "   3 | >>> RUN make",
        "executor failed running [make]: exit code: 2",
    };
    struct progress progress = { 0 };
    struct err err = { 0 };
    char text[200];
    int out = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        progress_client_line(&progress, lines[i], ignore_line, &out);
    assert_int_equal(out, ARRAY_COUNT(lines));
    progress_text(&progress, text, sizeof(text));
    assert_string_equal(text, "[2/3] RUN make");
    progress_client_error(&progress);
    assert_int_equal(progress_fail(&progress, &err), -1);
    assert_string_equal(err.text, "executor failed running [make]: exit code: 2; last output:\n"
                                  "cc a.c\nno rule");
    progress_release(&progress);
}

static void a_client_that_says_little_or_much(void **state)
{
    struct progress progress = { 0 };
    char line[1000];
    int out = 0;

    (void)state;
    progress_client_error(&progress);
    assert_string_equal(progress.error, "the docker client does not say why");
    memset(line, 'x', sizeof(line));
    memcpy(line + sizeof(line) - sizeof("exit code: 2"), "exit code: 2", sizeof("exit code: 2"));
    progress_client_line(&progress, line, ignore_line, &out);
    progress_client_error(&progress);
    assert_int_equal(strlen(progress.error), 203);
    assert_memory_equal(progress.error, "...xxx", 6);
    assert_string_equal(progress.error + 191, "exit code: 2");
    assert_int_equal(progress.tail.size, 0);
    progress_release(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_a_pull),
        cmocka_unit_test(build_that_fails),
        cmocka_unit_test(codes_of_errors),
        cmocka_unit_test(builds_by_the_client),
        cmocka_unit_test(a_client_that_says_little_or_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
