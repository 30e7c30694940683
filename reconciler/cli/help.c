/*
 * Help for people, folded to 80 columns, from the tables.
 */
#include "reconciler/cli/help.h"

#include <string.h>

#include "spec/base/text.h"

#define HELP_COLUMNS 80
#define HELP_INDENT  29 /* where the texts of options begin */
#define VERB_INDENT  27 /* those of verbs */

const struct exit_row exit_rows[] = {
#define EXIT_ROW(name, number_, verb_, meaning_)                                                   \
    { .number = (number_), .verb = (verb_), .meaning = (meaning_) },
    EXIT_CODES(EXIT_ROW)
#undef EXIT_ROW
};
const size_t exit_row_count = ARRAY_COUNT(exit_rows);

char *help_option_usage(struct arena *arena, const struct cli_option *option)
{
    const char *space = option->argument != NULL ? " " : "";
    const char *argument = option->argument != NULL ? option->argument : "";

    if (option->letter == '\0')
        return arena_printf(arena, "    --%s%s%s", option->name, space, argument);
    return arena_printf(arena, "-%c, --%s%s%s", option->letter, option->name, space, argument);
}

char *help_verb_usage(struct arena *arena, const struct cli_verb *verb)
{
    return arena_printf(arena, "berth %s [OPTION...]%s%s", verb->name,
                        verb->operands != NULL ? " " : "",
                        verb->operands != NULL ? verb->operands : "");
}

char *help_option_sentence(struct arena *arena, const struct cli_option *option)
{
    if (text_is_empty(option->initial))
        return arena_printf(arena, "%s.", option->help);
    return arena_printf(arena, "%s; default `%s`.", option->help, option->initial);
}

/* The texts of the tables mark code with back quotes, which a terminal does not need. */
static void print_plain(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '`')
            fputc(text[i], out);
    }
}

static size_t plain_size(const char *text, size_t size)
{
    size_t plain = 0;

    for (size_t i = 0; i < size; i++)
        plain += text[i] == '`' || ((unsigned char)text[i] & 0xc0) == 0x80 ? 0 : 1;
    return plain;
}

/* Words folded between `indent` and HELP_COLUMNS; `column` is where the cursor stands. */
static void print_folded(FILE *out, const char *text, size_t indent, size_t column)
{
    bool first = true;

    while (*text != '\0') {
        if (*text == '\n') {
            fputs("\n", out);
            column = 0;
            first = true;
            text++;
            continue;
        }
        size_t size = strcspn(text, " \n");
        size_t width = plain_size(text, size);
        if (!first && column + 1 + width > HELP_COLUMNS) {
            fputs("\n", out);
            column = 0;
            first = true;
        }
        if (!first) {
            fputc(' ', out);
            column++;
        }
        for (; column < indent; column++)
            fputc(' ', out);
        print_plain(out, text, size);
        column += width;
        first = false;
        text += size;
        text += *text == ' ' ? 1 : 0;
    }
    fputs("\n", out);
}

static void print_option(struct cli *cli, const struct cli_option *option)
{
    const char *usage = help_option_usage(cli->arena, option);
    size_t column = strlen(usage) + 2;

    fprintf(cli->out, "  %s%s%s", cli_color(cli, COLOR_BOLD), usage, cli_color(cli, COLOR_PLAIN));
    if (column >= HELP_INDENT) {
        fputc('\n', cli->out);
        column = 0;
    }
    print_folded(cli->out, help_option_sentence(cli->arena, option), HELP_INDENT, column);
}

static void print_options(struct cli *cli, uint64_t options)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if ((options >> i & 1) != 0)
            print_option(cli, &cli_options[i]);
    }
}

static void print_title(struct cli *cli, const char *title)
{
    fprintf(cli->out, "\n%s%s:%s\n", cli_color(cli, COLOR_BOLD), title,
            cli_color(cli, COLOR_PLAIN));
}

static void print_group(struct cli *cli, enum verb_group group)
{
    bool any = false;

    for (size_t i = 0; i < cli_verb_count; i++) {
        const struct cli_verb *verb = &cli_verbs[i];

        if (verb->group != group)
            continue;
        if (!any)
            print_title(cli, verb_group_title(group));
        any = true;
        char *usage = arena_printf(cli->arena, "%s%s%s", verb->name, verb->operands ? " " : "",
                                   verb->operands ? verb->operands : "");
        size_t column = strlen(usage) + 2;
        fprintf(cli->out, "  %s", usage);
        if (column >= VERB_INDENT) {
            fputc('\n', cli->out);
            column = 0;
        }
        print_folded(cli->out, verb->summary, VERB_INDENT, column);
    }
}

void help_print(struct cli *cli)
{
    fputs("Usage: berth VERB [OPTION...] [OPERAND...]\n\n"
          "Keeps containers as a git repository of manifests declares them.\n",
          cli->out);
    for (size_t group = 0; group < VERBS_HIDDEN; group++)
        print_group(cli, (enum verb_group)group);
    fputs("\n`berth help VERB` says more about a verb.\n", cli->out);
}

static void print_examples(struct cli *cli, const char *examples)
{
    print_title(cli, "Examples");
    while (*examples != '\0') {
        size_t size = strcspn(examples, "\n");
        fprintf(cli->out, "  %.*s\n", (int)size, examples);
        examples += size + (examples[size] == '\n' ? 1 : 0);
    }
}

static void print_settings(struct cli *cli, uint64_t options)
{
    const char *example = NULL;

    for (size_t i = 0; i < OPTION_COUNT_ALL && example == NULL; i++) {
        if ((options >> i & 1) != 0 && cli_options[i].is_setting)
            example = option_environment(cli->arena, &cli_options[i]);
    }
    if (example == NULL)
        return;
    fputc('\n', cli->out);
    print_folded(cli->out,
                 arena_printf(cli->arena,
                              "Most options may also be given in the environment, such as %s, or in"
                              " `/etc/berth/berth.yaml`.",
                              example),
                 0, 0);
}

void help_print_verb(struct cli *cli, const struct cli_verb *verb)
{
    fprintf(cli->out, "Usage: %s\n\n", help_verb_usage(cli->arena, verb));
    print_folded(cli->out, arena_printf(cli->arena, "%s.", verb->summary), 0, 0);
    if (verb->details != NULL) {
        fputc('\n', cli->out);
        print_folded(cli->out, verb->details, 0, 0);
    }
    print_title(cli, "Options");
    print_options(cli, verb->options);
    print_options(cli, OPTS_EVERY);
    print_settings(cli, verb->options);
    if (verb->examples != NULL)
        print_examples(cli, verb->examples);
    print_title(cli, "Exit codes");
    for (size_t i = 0; i < exit_row_count; i++) {
        if (exit_rows[i].verb != NULL && !text_equal(exit_rows[i].verb, verb->name))
            continue;
        fprintf(cli->out, "  %d  ", exit_rows[i].number);
        print_folded(cli->out, exit_rows[i].meaning, 5, 5);
    }
}
