/*
 * docs/reference/cli.md and docs/reference/berth.1, printed from the tables.
 */
#include <string.h>

#include "reconciler/cli/help.h"
#include "spec/base/text.h"

static const char generated[] = "made by `make docs` from reconciler/cli/*.def";

static const char *exit_meaning(struct arena *arena, const struct exit_row *row)
{
    return row->verb == NULL ? row->meaning
                             : arena_printf(arena, "`%s`: %s", row->verb, row->meaning);
}

/* ---- Markdown ------------------------------------------------------------------------------- */

static void markdown_options(FILE *out, struct arena *arena, uint64_t options)
{
    fputs("\n| option | | environment |\n| --- | --- | --- |\n", out);
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];

        if ((options >> i & 1) == 0)
            continue;
        const char *usage = help_option_usage(arena, option);
        fprintf(out, "| `%s` | %s | ", usage + strspn(usage, " "),
                help_option_sentence(arena, option));
        if (option->is_setting)
            fprintf(out, "`%s` ", option_environment(arena, option));
        fputs("|\n", out);
    }
}

static void markdown_verb(FILE *out, struct arena *arena, const struct cli_verb *verb)
{
    fprintf(out, "\n### berth %s\n\n    %s\n\n%s.\n", verb->name, help_verb_usage(arena, verb),
            verb->summary);
    if (verb->details != NULL)
        fprintf(out, "\n%s\n", verb->details);
    if (verb->options != 0)
        markdown_options(out, arena, verb->options);
    if (verb->examples != NULL)
        fprintf(out, "\n```sh\n%s```\n", verb->examples);
}

void manual_print_markdown(FILE *out, struct arena *arena)
{
    fprintf(out,
            "# Command line\n\n<!-- %s -->\n\n    berth VERB [OPTION...] [OPERAND...]\n\n"
            "Options may be written `--name=value`, `--name value`, `-n value` or `-nvalue`; `--`\n"
            "ends them. Data goes to standard output, messages to standard error. Colour is used\n"
            "only on a terminal, and not when `NO_COLOR` is set.\n\n"
            "A setting is taken from the option, else from the environment, else from\n"
            "`/etc/berth/berth.yaml` (one `name: value` a line, the names being those of the\n"
            "options), else it has its default.\n\n"
            "Every verb has these options:\n",
            generated);
    markdown_options(out, arena, OPTS_EVERY);
    fputs("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n", out);
    for (size_t i = 0; i < exit_row_count; i++)
        fprintf(out, "| %d | %s |\n", exit_rows[i].number, exit_meaning(arena, &exit_rows[i]));
    for (size_t group = 0; group < VERBS_HIDDEN; group++) {
        bool any = false;
        for (size_t i = 0; i < cli_verb_count; i++) {
            if (cli_verbs[i].group != (enum verb_group)group)
                continue;
            if (!any)
                fprintf(out, "\n## %s\n", verb_group_title((enum verb_group)group));
            any = true;
            markdown_verb(out, arena, &cli_verbs[i]);
        }
    }
}

/* ---- Manual page ---------------------------------------------------------------------------- */

/* Escapes what roff would read as commands; `code` becomes bold. */
static void roff_text(FILE *out, const char *text)
{
    bool is_code = false;
    bool starts_line = true;

    for (; *text != '\0'; text++) {
        if (*text == '`') {
            is_code = !is_code;
            fputs(is_code ? "\\fB" : "\\fR", out);
        } else if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            if (starts_line && (*text == '.' || *text == '\''))
                fputs("\\&", out);
            fputc(*text, out);
        }
        starts_line = *text == '\n';
    }
}

static void roff_options(FILE *out, struct arena *arena, uint64_t options)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct cli_option *option = &cli_options[i];

        if ((options >> i & 1) == 0)
            continue;
        const char *usage = help_option_usage(arena, option);
        fputs(".TP\n", out);
        roff_text(out, arena_printf(arena, "`%s`", usage + strspn(usage, " ")));
        fputc('\n', out);
        roff_text(out, help_option_sentence(arena, option));
        fputc('\n', out);
    }
}

static void roff_verb(FILE *out, struct arena *arena, const struct cli_verb *verb)
{
    fputs(".SS ", out);
    roff_text(out, help_verb_usage(arena, verb));
    fputc('\n', out);
    roff_text(out, verb->summary);
    fputs(".\n", out);
    if (verb->details != NULL) {
        fputs(".PP\n", out);
        roff_text(out, verb->details);
        fputc('\n', out);
    }
    roff_options(out, arena, verb->options);
    if (verb->examples != NULL) {
        fputs(".PP\n.nf\n", out);
        roff_text(out, verb->examples);
        fputs(".fi\n", out);
    }
}

void manual_print_roff(FILE *out, struct arena *arena)
{
    fprintf(out,
            ".\\\" %s\n.TH BERTH 1\n.SH NAME\n"
            "berth \\- keeps containers as a git repository of manifests declares them\n"
            ".SH SYNOPSIS\n.B berth\n.I VERB\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n"
            ".SH OPTIONS OF EVERY VERB\n",
            generated);
    roff_options(out, arena, OPTS_EVERY);
    for (size_t group = 0; group < VERBS_HIDDEN; group++) {
        bool any = false;
        for (size_t i = 0; i < cli_verb_count; i++) {
            if (cli_verbs[i].group != (enum verb_group)group)
                continue;
            if (!any)
                fprintf(out, ".SH \"%s\"\n", verb_group_title((enum verb_group)group));
            any = true;
            roff_verb(out, arena, &cli_verbs[i]);
        }
    }
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < exit_row_count; i++) {
        fprintf(out, ".TP\n.B %d\n", exit_rows[i].number);
        roff_text(out, exit_meaning(arena, &exit_rows[i]));
        fputc('\n', out);
    }
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        if (cli_options[i].is_setting)
            fprintf(out, ".TP\n.B %s\nAs the option \\-\\-%s.\n",
                    option_environment(arena, &cli_options[i]), cli_options[i].name);
    }
    fputs(".TP\n.B NO_COLOR\nNo colour.\n"
          ".SH FILES\n.TP\n.I /etc/berth/berth.yaml\n"
          "Settings, one \\fBname: value\\fR a line, the names being those of the options.\n",
          out);
}
