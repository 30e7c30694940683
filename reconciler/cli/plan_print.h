/*
 * How a plan looks on a terminal, whoever made it.
 */
#ifndef RECONCILER_CLI_PLAN_PRINT_H
#define RECONCILER_CLI_PLAN_PRINT_H

#include "reconciler/cli/cli.h"

/* On cli->errors; subject may be NULL. */
void plan_print_commit(struct cli *cli, const char *commit, const char *subject);
/* Lines of the text form in the colours of a diff. */
void plan_print_line(struct cli *cli, const char *line);
void plan_print_text(struct cli *cli, const char *text);

#endif
