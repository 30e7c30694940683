/*
 * From words to a verb: find it, parse its options, run it.
 */
#include "reconciler/cli/cli.h"

#include <poll.h>
#include <string.h>

#include "reconciler/cli/help.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

const char *cli_color(const struct cli *cli, enum cli_color color)
{
    static const char *const sequences[] = {
        [COLOR_PLAIN] = "\033[0m", [COLOR_BOLD] = "\033[1m",   [COLOR_DIM] = "\033[2m",
        [COLOR_RED] = "\033[31m",  [COLOR_GREEN] = "\033[32m", [COLOR_YELLOW] = "\033[33m",
    };

    ASSERT(color < ARRAY_COUNT(sequences));
    return cli->options.run.has_color ? sequences[color] : "";
}

static void print_safely(FILE *out, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void print_safely(FILE *out, const char *format, va_list arguments)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    buf_vprintf(&text, format, arguments);
    text_disarm(text.data);
    fputs(text.data, out);
}

void cli_print(FILE *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_safely(out, format, arguments);
    va_end(arguments);
}

/* What --detailed-exitcode says with 2 is no mistake. */
static int code_of_mistake(const struct cli *cli)
{
    return cli->options.run.detailed_exitcode ? CLI_FAILED : CLI_USAGE;
}

int cli_failed(struct cli *cli, const struct err *err)
{
    cli_print(cli->errors, "berth: %s\n", err->text);
    return err->code == ERR_INVALID ? code_of_mistake(cli) : CLI_FAILED;
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    va_list arguments;

    fputs("berth: ", cli->errors);
    va_start(arguments, format);
    print_safely(cli->errors, format, arguments);
    va_end(arguments);
    if (cli->verb != NULL)
        fprintf(cli->errors, "\nTry `berth help %s`.\n", cli->verb->name);
    else
        fputs("\nTry `berth help`.\n", cli->errors);
    return code_of_mistake(cli);
}

int cli_print_json(struct cli *cli, const struct json *value)
{
    AUTO_TEXT char *text = json_print_text(value, JSON_STYLE_PRETTY);

    fprintf(cli->out, "%s\n", text);
    return CLI_DONE;
}

static int unknown_verb(struct cli *cli, const char *word)
{
    const char *nearest = verb_nearest(word);
    const char *instead = verb_instead(word);

    if (word[0] == '-')
        return cli_usage(cli, "the verb comes first, options follow it: '%s'", word);
    if (instead != NULL)
        return cli_usage(cli, "there is no verb '%s': %s", word, instead);
    if (nearest != NULL)
        return cli_usage(cli, "there is no verb '%s': did you mean '%s'?", word, nearest);
    return cli_usage(cli, "there is no verb '%s'", word);
}

static int check_operands(struct cli *cli)
{
    const struct cli_verb *verb = cli->verb;

    if (cli->operand_count < verb->operands_min)
        return cli_usage(cli, "'%s' needs %s", verb->name, verb->operands);
    if (cli->operand_count > verb->operands_max && verb->operands_max == 0)
        return cli_usage(cli, "'%s' takes no operand: '%s'", verb->name, cli->operands[0]);
    if (cli->operand_count > verb->operands_max)
        return cli_usage(cli, "one operand too many: '%s'", cli->operands[verb->operands_max]);
    return CLI_DONE;
}

/* Others may have variables that begin so: only what looks like one of ours is told. */
static void warn_of_variables(struct cli *cli)
{
    static const char prefix[] = "BERTH_";
    const char *known[OPTION_COUNT_ALL + 2] = { "CONFIG", "REPO" /* of berth.service */ };
    size_t count = 2;

    for (size_t i = 0; i < OPTION_COUNT_ALL; i++)
        if (cli_options[i].is_setting)
            known[count++] = option_environment(cli->arena, &cli_options[i]) + strlen(prefix);
    for (const char *const *at = cli->sources->variables; at != NULL && *at != NULL; at++) {
        const char *name = arena_text_n(cli->arena, *at, strcspn(*at, "="));
        const char *near =
            text_starts(name, prefix) ? text_nearest(name + strlen(prefix), known, count) : NULL;

        if (near != NULL && !text_equal(near, name + strlen(prefix)))
            cli_print(cli->errors, "berth: warning: %s is no setting: did you mean %s%s?\n", name,
                      prefix, near);
    }
}

/* What cannot be parsed as a whole may ask for it all the same. */
static bool asks_detailed(const struct cli *cli, const struct option_words *words)
{
    const struct cli_option *option = &cli_options[OPT_DETAILED];

    for (size_t i = 0; i < words->count && (cli->verb->options & OPT(DETAILED)) != 0; i++) {
        if (text_starts(words->items[i], "--") && text_equal(words->items[i] + 2, option->name))
            return true;
    }
    return false;
}

static int run_verb(struct cli *cli, const struct option_words *words)
{
    struct err err = { 0 };

    if (options_parse(cli->arena, words, OPTS_EVERY | cli->verb->options, cli->sources,
                      &cli->options, &err) < 0) {
        cli->options.run.detailed_exitcode = asks_detailed(cli, words);
        return cli_usage(cli, "%s", err.text);
    }
    warn_of_variables(cli);
    cli->operands = cli->options.operands;
    cli->options.run.has_color = cli->out_is_terminal && !cli->options.no_color &&
                                 text_is_empty(cli->sources->environment("NO_COLOR"));
    if (cli->options.help) {
        help_print_verb(cli, cli->verb);
        return CLI_DONE;
    }
    while (cli->operands[cli->operand_count] != NULL)
        cli->operand_count++;
    int result = check_operands(cli);
    return result == CLI_DONE ? cli->verb->handler(cli) : result;
}

/* The write that failed may be long ago, and errno with it. */
static bool is_closed_pipe(FILE *out)
{
    struct pollfd pipe = { .fd = fileno(out), .events = POLLOUT };

    return pipe.fd >= 0 && poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

/* A full disk: what was printed is not what was meant.  Who closes a pipe has read enough. */
static int check_output(struct cli *cli, int result)
{
    if (fflush(cli->out) == 0 && !ferror(cli->out))
        return result;
    if (is_closed_pipe(cli->out))
        return result == CLI_DONE ? CLI_UNREAD : result;
    fputs("berth: standard output cannot be written\n", cli->errors);
    return result == CLI_DONE ? CLI_FAILED : result;
}

int cli_run(const struct cli_start *start)
{
    AUTO(arena) arena = { 0 };
    struct cli cli = { .arena = &arena,
                       .sources = &start->sources,
                       .out = start->out,
                       .errors = start->errors,
                       .out_is_terminal = start->out_is_terminal };

    if (start->word_count == 0) {
        cli.out = start->errors;
        help_print(&cli);
        return CLI_USAGE;
    }
    const char *word = start->words[0];
    if (text_equal(word, "--help") || text_equal(word, "-h"))
        word = "help";
    else if (text_equal(word, "--version"))
        word = "version";
    size_t taken = 1;
    cli.verb = word != start->words[0] ? verb_find(word)
                                       : verb_of_words(start->words, start->word_count, &taken);
    if (cli.verb == NULL)
        return unknown_verb(&cli, word);
    struct option_words words = { .items = start->words + taken,
                                  .count = start->word_count - taken,
                                  .operands_end = cli.verb->operands_end };
    return check_output(&cli, run_verb(&cli, &words));
}
