/*
 * Help, the manual page and the reference, all printed from the tables of verbs and options.
 */
#ifndef RECONCILER_CLI_HELP_H
#define RECONCILER_CLI_HELP_H

#include "reconciler/cli/verbs.h"

/* On cli->out. */
void help_print(struct cli *cli);
void help_print_verb(struct cli *cli, const struct cli_verb *verb);

/* Pages of docs/: markdown and roff. */
void manual_print_markdown(FILE *out, struct arena *arena);
void manual_print_roff(FILE *out, struct arena *arena);

/* "-b, --branch NAME", "    --help" */
char *help_option_usage(struct arena *arena, const struct cli_option *option);
/* "Usage" of a verb: "berth plan [OPTION...] REPO". */
char *help_verb_usage(struct arena *arena, const struct cli_verb *verb);
/* Help of an option with its default, a full sentence. */
char *help_option_sentence(struct arena *arena, const struct cli_option *option);

struct exit_row {
    int number;
    const char *verb; /* the only one that has it; NULL: all */
    const char *meaning;
};
extern const struct exit_row exit_rows[];
extern const size_t exit_row_count;

#endif
