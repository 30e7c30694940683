/*
 * Words, environment, file and defaults: who wins, and what wrong ones are told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/cli/options.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define RUN_OPTIONS                                                                                \
    (OPT(BRANCH) | OPT(PATH) | OPT(INTERVAL) | OPT(METRICS_INTERVAL) | OPT(OWNER) | OPT(STATE) |   \
     OPT(DOCKER_HOST) | OPT(LISTEN) | OPT(OUTPUT) | OPT(QUIET) | OPT(VERBOSE) | OPT(CONFIG))

struct fixture {
    struct arena arena;
    struct cli_options options;
    struct err err;
    const char *config;
};

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

static const char *some(const char *name)
{
    static const char *const pairs[][2] = {
        { "BERTH_OWNER", "env" },         { "BERTH_DOCKER_HOST", "tcp://env:1" },
        { "BERTH_INTERVAL", "7s" },       { "BERTH_QUIET", "true" },
        { "DOCKER_HOST", "unix:///env" }, { "BERTH_BRANCH", "" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        if (text_equal(pairs[i][0], name))
            return pairs[i][1];
    }
    return NULL;
}

/* Words are one text, split at blanks. */
static int parse(struct fixture *fixture, const char *text, uint64_t allowed, size_t operands_end,
                 const char *(*environment)(const char *name))
{
    const char *items[16];
    struct option_words words = { .items = items, .operands_end = operands_end };
    struct option_sources sources = { .environment = environment,
                                      .config_default = fixture->config };
    char *copy = arena_text(&fixture->arena, text);

    for (char *at = copy; *at != '\0' && words.count < ARRAY_COUNT(items);) {
        items[words.count++] = at;
        at += strcspn(at, " ");
        if (*at != '\0')
            *at++ = '\0';
    }
    return options_parse(&fixture->arena, &words, allowed, &sources, &fixture->options,
                         &fixture->err);
}

static void release(struct fixture *fixture)
{
    arena_release(&fixture->arena);
}

static void every_form_of_an_option_works(void **state)
{
    (void)state;
    static const char *const forms[] = { "--branch=dev", "--branch dev", "-b dev",     "-bdev",
                                         "-qb dev",      "-qbdev",       "repo -b dev" };

    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct fixture f = { 0 };
        assert_int_equal(parse(&f, forms[i], RUN_OPTIONS, 0, nothing), 0);
        assert_string_equal(f.options.run.branch, "dev");
        release(&f);
    }
}

static void operands_and_options_mix_until_two_dashes(void **state)
{
    (void)state;
    struct fixture f = { 0 };

    assert_int_equal(parse(&f, "a -q b - -- -v --branch", RUN_OPTIONS, 0, nothing), 0);
    assert_string_equal(f.options.operands[0], "a");
    assert_string_equal(f.options.operands[1], "b");
    assert_string_equal(f.options.operands[2], "-");
    assert_string_equal(f.options.operands[3], "-v");
    assert_string_equal(f.options.operands[4], "--branch");
    assert_null(f.options.operands[5]);
    assert_true(f.options.run.is_quiet);
    assert_false(f.options.run.is_verbose);
    release(&f);
}

static void a_command_keeps_its_own_options(void **state)
{
    (void)state;
    struct fixture f = { 0 };

    assert_int_equal(parse(&f, "web -it ls -la --color", OPT(TTY) | OPT(INTERACTIVE), 2, nothing),
                     0);
    assert_true(f.options.tty);
    assert_true(f.options.interactive);
    assert_string_equal(f.options.operands[1], "ls");
    assert_string_equal(f.options.operands[2], "-la");
    assert_string_equal(f.options.operands[3], "--color");
    release(&f);
}

static void values_have_types(void **state)
{
    (void)state;
    struct fixture f = { 0 };

    assert_int_equal(parse(&f, "--interval=1m --listen [::1]:80 --state rel -o json --quiet=false",
                           RUN_OPTIONS, 0, nothing),
                     0);
    assert_int_equal(f.options.run.interval_ms, 60000);
    assert_int_equal(f.options.run.metrics_interval_ms, 20000);
    assert_string_equal(f.options.run.listen, "[::1]:80");
    assert_int_equal(f.options.run.state_dir[0], '/');
    assert_true(text_ends(f.options.run.state_dir, "/rel"));
    assert_int_equal(f.options.run.output, OUTPUT_JSON);
    assert_false(f.options.run.is_quiet);
    release(&f);
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *text;
    } cases[] = {
        { "--brnch x", "there is no option '--brnch': did you mean '--branch'?" },
        { "--zzzzzzzz", "there is no option '--zzzzzzzz'" },
        { "--brnch=x", "there is no option '--brnch': did you mean '--branch'?" },
        { "-z", "there is no option '-z'" },
        { "-qz", "there is no option '-z'" },
        { "--branch", "option '--branch' needs a value: NAME" },
        { "-b", "option '-b' needs a value: NAME" },
        { "--interval x", "--interval: 'x' is no duration, such as 30s or 5m" },
        { "--interval 0", "--interval: '0' is no duration, such as 30s or 5m" },
        { "--metrics-interval 500ms", "--metrics-interval: '500ms' is neither 1s to 60s nor 0" },
        { "--metrics-interval 61", "--metrics-interval: '61' is neither 1s to 60s nor 0" },
        { "--metrics-interval often", "--metrics-interval: 'often' is neither 1s to 60s nor 0" },
        { "--owner a/b", "--owner: 'a/b' is no name: letters, digits, '-' and '_'" },
        { "--listen 80", "--listen: '80' is no address, such as 127.0.0.1:7070" },
        { "--listen h:70000", "--listen: 'h:70000' is no address, such as 127.0.0.1:7070" },
        { "-o xml", "--output: 'xml' is no format: text, json or markdown" },
        { "--quiet=maybe", "--quiet: 'maybe' is neither true nor false" },
        { "--state=", "--state: '' is no folder" },
        { "--ref x", "there is no option '--ref'" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f = { 0 };
        assert_int_equal(parse(&f, cases[i].words, RUN_OPTIONS, 0, nothing), -1);
        assert_string_equal(f.err.text, cases[i].text);
        assert_int_equal(f.err.code, ERR_INVALID);
        release(&f);
    }
}

static void defaults_come_last(void **state)
{
    (void)state;
    struct fixture f = { 0 };

    assert_int_equal(parse(&f, "", RUN_OPTIONS, 0, nothing), 0);
    assert_string_equal(f.options.run.owner, "default");
    assert_int_equal(f.options.run.interval_ms, 60000);
    assert_string_equal(f.options.run.path, "");
    assert_null(f.options.run.branch);
    assert_string_equal(f.options.run.docker_host, "unix:///var/run/docker.sock");
    assert_int_equal(f.options.run.state_dir[0], '/');
    assert_true(text_ends(f.options.run.state_dir, "/berth"));
    release(&f);
}

static void the_environment_beats_defaults_and_loses_to_flags(void **state)
{
    (void)state;
    struct fixture f = { 0 };

    assert_int_equal(parse(&f, "--interval 3s", RUN_OPTIONS, 0, some), 0);
    assert_string_equal(f.options.run.owner, "env");
    assert_int_equal(f.options.run.interval_ms, 3000);
    assert_true(f.options.run.is_quiet);
    assert_null(f.options.run.branch); /* empty is unset */
    assert_string_equal(f.options.run.docker_host, "tcp://env:1");
    release(&f);

    struct fixture g = { 0 };
    assert_int_equal(parse(&g, "", RUN_OPTIONS & ~OPT(DOCKER_HOST), 0, some), 0);
    assert_string_equal(g.options.run.docker_host, "unix:///env");
    release(&g);
}

/* ---- The configuration file ------------------------------------------------------------------ */

static void write_config(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void the_file_beats_defaults_and_loses_to_the_environment(void **state)
{
    (void)state;
    char path[] = "/tmp/berth-config-XXXXXX";
    struct fixture f = { .config = path };

    write_config(path,
                 "# ours\nowner: file\nbranch: no\npath: deploy\nserver: http://x\nlisten:\n");
    assert_int_equal(parse(&f, "-p manifests", RUN_OPTIONS, 0, some), 0);
    assert_string_equal(f.options.run.owner, "env");
    assert_string_equal(f.options.run.branch, "no");
    assert_string_equal(f.options.run.path, "manifests");
    assert_null(f.options.server); /* not an option of this verb */
    assert_null(f.options.run.listen);
    release(&f);
    unlink(path);
}

static void mistakes_in_the_file_have_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *text;
    } cases[] = {
        { "path: x\nownr: y\n", ":2:1: unknown key 'ownr': did you mean 'owner'?" },
        { "follow: true\n", ":1:1: unknown key 'follow'" },
        { "owner: [a]\n", ":1:8: 'owner' needs one plain value" },
        { "\ninterval: soon\n", ":2:11: interval: 'soon' is no duration, such as 30s or 5m" },
        { "- a\n", ":1:1: lines of 'name: value' are expected" },
        { "a: {\n", NULL },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char path[] = "/tmp/berth-config-XXXXXX";
        struct fixture f = { .config = path };

        write_config(path, cases[i].file);
        assert_int_equal(parse(&f, "", RUN_OPTIONS, 0, nothing), -1);
        assert_true(text_starts(f.err.text, path));
        if (cases[i].text != NULL)
            assert_string_equal(f.err.text + strlen(path), cases[i].text);
        release(&f);
        unlink(path);
    }
}

static void only_a_file_that_was_named_must_exist(void **state)
{
    (void)state;
    struct fixture f = { .config = "/nonexistent/berth.yaml" };

    assert_int_equal(parse(&f, "", RUN_OPTIONS, 0, nothing), 0);
    assert_int_equal(parse(&f, "--config /nonexistent/other.yaml", RUN_OPTIONS, 0, nothing), -1);
    assert_string_equal(f.err.text,
                        "configuration /nonexistent/other.yaml: No such file or directory");
    release(&f);
}

/* ---- The table ------------------------------------------------------------------------------- */

static void rows_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];

        assert_non_null(option->name);
        assert_non_null(option->help);
        assert_false(text_ends(option->help, "."));
        assert_true((option->type == OPTION_FLAG) == (option->argument == NULL));
        assert_true(option->offset < sizeof(struct cli_options));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(option->name, cli_options[j].name);
            assert_int_not_equal(option->offset, cli_options[j].offset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_an_option_works),
        cmocka_unit_test(operands_and_options_mix_until_two_dashes),
        cmocka_unit_test(a_command_keeps_its_own_options),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(defaults_come_last),
        cmocka_unit_test(the_environment_beats_defaults_and_loses_to_flags),
        cmocka_unit_test(the_file_beats_defaults_and_loses_to_the_environment),
        cmocka_unit_test(mistakes_in_the_file_have_their_place),
        cmocka_unit_test(only_a_file_that_was_named_must_exist),
        cmocka_unit_test(rows_are_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
