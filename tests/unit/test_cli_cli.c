/*
 * What the command line prints and how it exits: dispatch, help, completion, generated pages.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/json.h"
#include "spec/base/text.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

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

static const char *no_color(const char *name)
{
    return text_equal(name, "NO_COLOR") ? "1" : NULL;
}

/* Words are one text split at blanks; "''" is an empty word. */
static struct result run_with(const char *text, bool is_terminal,
                              const char *(*environment)(const char *name))
{
    struct result result = { 0 };
    const char *words[16];
    AUTO_TEXT char *copy = mem_text(text);
    size_t out_size = 0;
    size_t errors_size = 0;
    struct cli_start start = { .words = words, .sources.environment = environment };

    for (char *at = copy; *at != '\0' && start.word_count < ARRAY_COUNT(words);) {
        char *word = at;
        at += strcspn(at, " ");
        if (*at != '\0')
            *at++ = '\0';
        words[start.word_count++] = strcmp(word, "''") == 0 ? "" : word;
    }
    start.out = open_memstream(&result.out, &out_size);
    start.errors = open_memstream(&result.errors, &errors_size);
    start.out_is_terminal = is_terminal;
    result.code = cli_run(&start);
    fclose(start.out);
    fclose(start.errors);
    return result;
}

static struct result run(const char *text)
{
    return run_with(text, false, nothing);
}

static void release(struct result *result)
{
    free(result->out);
    free(result->errors);
}

/* ---- Dispatch -------------------------------------------------------------------------------- */

static void wrong_usage_exits_with_2_and_says_so_on_stderr(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *errors;
    } cases[] = {
        { "versoin", "berth: there is no verb 'versoin': did you mean 'version'?\n"
                     "Try `berth help`.\n" },
        { "up", "berth: there is no verb 'up': `berth run REPO` goes on reconciling, `berth apply "
                "REPO` does it once\nTry `berth help`.\n" },
        { "rollback web", "berth: there is no verb 'rollback': `git revert COMMIT`, then `berth "
                          "apply REPO`\nTry `berth help`.\n" },
        { "qqqqqqqqqqqq", "berth: there is no verb 'qqqqqqqqqqqq'\nTry `berth help`.\n" },
        { "-q version", "berth: the verb comes first, options follow it: '-q'\n"
                        "Try `berth help`.\n" },
        { "version x", "berth: 'version' takes no operand: 'x'\nTry `berth help version`.\n" },
        { "completion", "berth: 'completion' needs SHELL\nTry `berth help completion`.\n" },
        { "completion bash x", "berth: one operand too many: 'x'\nTry `berth help completion`.\n" },
        { "completion csh", "berth: there is no completion for 'csh': bash, zsh or fish\n"
                            "Try `berth help completion`.\n" },
        { "version --outptu", "berth: there is no option '--outptu': did you mean '--output'?\n"
                              "Try `berth help version`.\n" },
        { "exec web --state /x", "berth: '--state' comes after 'web', where the command begins: "
                                 "options of `berth exec` stand before it\n"
                                 "Try `berth help exec`.\n" },
        { "exec web --", "berth: no command is given\nTry `berth help exec`.\n" },
        { "help versio", "berth: there is no verb 'versio': did you mean 'version'?\n"
                         "Try `berth help help`.\n" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct result result = run(cases[i].words);
        assert_int_equal(result.code, 2);
        assert_string_equal(result.out, "");
        assert_string_equal(result.errors, cases[i].errors);
        release(&result);
    }
}

/* 2 would say that there are changes. */
static void with_a_detailed_exit_code_a_mistake_is_1(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "plan --detailed-exitcode",
        "plan . --detailed-exitcode --outptu",
        "plan . --detailed-exitcode --offline --docker-host",
        "plan /none --detailed-exitcode --offline",
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct result result = run(cases[i]);
        assert_int_equal(result.code, 1);
        assert_string_equal(result.out, "");
        release(&result);
    }
}

static void nothing_at_all_is_wrong_usage_with_help(void **state)
{
    (void)state;
    struct result result = run("");
    struct result help = run("help");

    assert_int_equal(result.code, 2);
    assert_string_equal(result.out, "");
    assert_string_equal(result.errors, help.out);
    assert_int_equal(help.code, 0);
    release(&result);
    release(&help);
}

static void a_full_disk_is_a_failure(void **state)
{
    (void)state;
    static const char *const words[] = { "help" };
    FILE *full = fopen("/dev/full", "we");
    FILE *errors = fopen("/dev/null", "we");
    struct cli_start start = { .words = words,
                               .word_count = 1,
                               .sources.environment = nothing,
                               .out = full,
                               .errors = errors };

    assert_non_null(full);
    assert_int_equal(cli_run(&start), 1);
    fclose(full);
    fclose(errors);
}

static void who_reads_no_further_is_not_told(void **state)
{
    (void)state;
    static const char *const words[] = { "schema" };
    int ends[2];
    char *errors = NULL;
    size_t size = 0;
    struct cli_start start = { .words = words, .word_count = 1, .sources.environment = nothing };

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(close(ends[0]), 0);
    start.out = fdopen(ends[1], "w");
    start.errors = open_memstream(&errors, &size);
    assert_non_null(start.out);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(cli_run(&start), 128 + SIGPIPE);
    fclose(start.out);
    (void)signal(SIGPIPE, before);
    fclose(start.errors);
    assert_string_equal(errors, "");
    free(errors);
}

static void a_misspelt_variable_is_told(void **state)
{
    (void)state;
    static const char *const words[] = { "version" };
    static const char *const variables[] = { "BERTH_OWNR=x",
                                             "BERTH_OWNER=x",
                                             "BERTH_REPO=x",
                                             "BERTH_STATE",
                                             "BERTH_ENTIRELY_ELSE=x",
                                             "OWNR=x",
                                             NULL };
    char *out = NULL;
    char *errors = NULL;
    size_t out_size = 0;
    size_t size = 0;
    struct cli_start start = { .words = words,
                               .word_count = 1,
                               .sources = { .environment = nothing, .variables = variables } };

    start.out = open_memstream(&out, &out_size);
    start.errors = open_memstream(&errors, &size);
    assert_int_equal(cli_run(&start), 0);
    fclose(start.out);
    fclose(start.errors);
    assert_string_equal(errors, "berth: warning: BERTH_OWNR is no setting: did you mean "
                                "BERTH_OWNER?\n");
    free(out);
    free(errors);
}

static void the_version_says_what_a_report_needs(void **state)
{
    (void)state;
    static const char *const names[] = { "libarchive", "libcurl",       "libgit2",
                                         "libjansson", "libmicrohttpd", "libuv",
                                         "libyaml",    "openssl",       "sqlite" };
    struct result text = run("version");
    struct result json = run("version -o json");
    AUTO(json) *answer = json_parse(json.out, strlen(json.out), NULL);

    assert_int_equal(text.code, 0);
    assert_true(text_starts(text.out, "berth "));
    assert_non_null(strstr(text.out, "\nEngine API     1.41 to 1."));
    assert_non_null(strstr(text.out, json_text(answer, "compiler")));
    assert_string_equal(json_text(json_get(answer, "engineApi"), "oldest"), "1.41");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const char *version = json_text(json_get(answer, "libraries"), names[i]);
        assert_non_null(version);
        assert_true(version[0] >= '0' && version[0] <= '9');
        assert_non_null(strstr(text.out, version));
        assert_non_null(strstr(text.out, names[i]));
    }
    release(&text);
    release(&json);
}

static void color_is_for_terminals_that_want_it(void **state)
{
    (void)state;
    struct result plain = run("help version");
    struct result colored = run_with("help version", true, nothing);
    struct result refused = run_with("help version", true, no_color);
    struct result flagged = run_with("help version --no-color", true, nothing);

    assert_null(strchr(plain.out, '\033'));
    assert_non_null(strchr(colored.out, '\033'));
    assert_string_equal(refused.out, plain.out);
    assert_string_equal(flagged.out, plain.out);
    release(&plain);
    release(&colored);
    release(&refused);
    release(&flagged);
}

/* ---- Help ------------------------------------------------------------------------------------ */

static void check_page(const char *words, const char *name)
{
    struct result result = run(words);
    char path[256];

    assert_int_equal(result.code, 0);
    assert_string_equal(result.errors, "");
    snprintf(path, sizeof(path), "tests/golden/cli/%s.txt", name);
    golden_check(path, result.out);
    release(&result);
}

static void help_is_as_reviewed(void **state)
{
    (void)state;
    check_page("help", "help");
    for (size_t i = 0; i < cli_verb_count; i++) {
        char words[64];
        char name[64];

        if (cli_verbs[i].group == VERBS_HIDDEN)
            continue;
        snprintf(words, sizeof(words), "help %s", cli_verbs[i].name);
        snprintf(name, sizeof(name), "help-%s", cli_verbs[i].name);
        for (char *space = strchr(name, ' '); space != NULL; space = strchr(space, ' '))
            *space = '-';
        check_page(words, name);
    }
}

static void dash_help_says_the_same(void **state)
{
    (void)state;
    struct result help = run("help completion");
    struct result dashed = run("completion --help");
    struct result letter = run("completion -h");

    assert_string_equal(dashed.out, help.out);
    assert_string_equal(letter.out, help.out);
    release(&help);
    release(&dashed);
    release(&letter);
}

static void help_fits_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_verb_count; i++) {
        char words[64];
        snprintf(words, sizeof(words), "help %s", cli_verbs[i].name);
        struct result result = run(words);
        bool is_example = false;

        for (const char *at = result.out; *at != '\0';) {
            size_t size = strcspn(at, "\n");
            is_example = is_example || strncmp(at, "Examples:", 9) == 0;
            if (!is_example && size > 80)
                fail_msg("help %s: %.*s", cli_verbs[i].name, (int)size, at);
            at += size + (at[size] == '\n' ? 1 : 0);
        }
        release(&result);
    }
}

static void verbs_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_verb_count; i++) {
        const struct cli_verb *verb = &cli_verbs[i];

        assert_non_null(verb->summary);
        assert_false(text_ends(verb->summary, "."));
        assert_true(verb->operands_min <= verb->operands_max);
        assert_true((verb->operands == NULL) == (verb->operands_max == 0));
        assert_int_equal(verb->options & OPTS_EVERY, 0);
        if (verb->examples != NULL)
            assert_true(text_ends(verb->examples, "\n"));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(verb->name, cli_verbs[j].name);
        /* No two options of one verb share a letter. */
        for (size_t j = 0; j < OPTION_COUNT_ALL; j++) {
            for (size_t k = 0; k < j; k++) {
                uint64_t both = (uint64_t)1 << j | (uint64_t)1 << k;
                if (((verb->options | OPTS_EVERY) & both) == both && cli_options[j].letter != '\0')
                    assert_int_not_equal(cli_options[j].letter, cli_options[k].letter);
            }
        }
    }
}

/* ---- Completion ------------------------------------------------------------------------------ */

static void check_completion(const char *words, const char *expected)
{
    char command[128];
    snprintf(command, sizeof(command), "__complete -- %s", words);
    struct result result = run(command);

    assert_int_equal(result.code, 0);
    assert_string_equal(result.out, expected);
    release(&result);
}

static void completion_knows_the_tables(void **state)
{
    (void)state;
    check_completion("vers", "version\tPrint the version and what it was built with\n");
    check_completion("help vers", "version\tPrint the version and what it was built with\n");
    check_completion("completion z", "zsh\tcompletion for zsh\n");
    check_completion("version --out", "--output\tPrint as text, json or markdown\n");
    check_completion("version --output j", "json\tfor programs\n");
    check_completion("version -o j", "json\tfor programs\n");
    check_completion("version --output=j", "--output=json\tfor programs\n");
    check_completion("version --config ''", ":file\n");
    check_completion("version ''", "");
    check_completion("nonsense ''", "");
    check_completion("explain Cl", "Cluster\tWhere services run.\n");
    check_completion(
        "explain Cluster.launchT",
        "Cluster.launchType\tFARGATE runs tasks on the local Docker Engine, EC2 on the "
        "hosts in `instances`.\n");
    check_completion("explain Service.deploymentConfiguration.minimumH",
                     "Service.deploymentConfiguration.minimumHealthyPercent\tAt least this share of"
                     " desiredCount, rounded up, stays healthy. Of DAEMON 0 when absent.\n");
    check_completion("explain Cluster.nonsense.", "");
}

static void completion_never_offers_what_is_hidden(void **state)
{
    (void)state;
    struct result result = run("__complete -- ''");

    assert_non_null(strstr(result.out, "completion\t"));
    assert_null(strstr(result.out, "__"));
    release(&result);
}

static void scripts_are_as_reviewed(void **state)
{
    (void)state;
    check_page("completion bash", "completion-bash");
    check_page("completion zsh", "completion-zsh");
    check_page("completion fish", "completion-fish");
}

static void a_terminal_obeys_no_message(void **state)
{
    static const char *const commands[] = { "st\033[2Jatus", "validate \033[2J", "--\033[2J",
                                            "status --server \033]0;x" };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        struct result result = run(commands[i]);
        assert_int_not_equal(result.code, 0);
        assert_null(strchr(result.errors, '\033'));
        assert_null(strchr(result.out, '\033'));
        assert_non_null(strchr(result.errors, '?'));
        release(&result);
    }
}

static void pages_name_every_verb_and_option(void **state)
{
    (void)state;
    static const char *const pages[] = { "__docs cli.md", "__docs berth.1" };

    for (size_t page = 0; page < ARRAY_COUNT(pages); page++) {
        struct result result = run(pages[page]);
        assert_int_equal(result.code, 0);
        for (size_t i = 0; i < cli_verb_count; i++) {
            if (cli_verbs[i].group != VERBS_HIDDEN)
                assert_non_null(strstr(result.out, cli_verbs[i].summary));
            else
                assert_null(strstr(result.out, cli_verbs[i].name));
        }
        release(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_usage_exits_with_2_and_says_so_on_stderr),
        cmocka_unit_test(with_a_detailed_exit_code_a_mistake_is_1),
        cmocka_unit_test(nothing_at_all_is_wrong_usage_with_help),
        cmocka_unit_test(a_full_disk_is_a_failure),
        cmocka_unit_test(who_reads_no_further_is_not_told),
        cmocka_unit_test(a_misspelt_variable_is_told),
        cmocka_unit_test(the_version_says_what_a_report_needs),
        cmocka_unit_test(color_is_for_terminals_that_want_it),
        cmocka_unit_test(help_is_as_reviewed),
        cmocka_unit_test(dash_help_says_the_same),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(verbs_are_complete),
        cmocka_unit_test(completion_knows_the_tables),
        cmocka_unit_test(completion_never_offers_what_is_hidden),
        cmocka_unit_test(scripts_are_as_reviewed),
        cmocka_unit_test(a_terminal_obeys_no_message),
        cmocka_unit_test(pages_name_every_verb_and_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
