/*
 * The command line: words in, one verb run, an exit code out.
 *
 * A verb gets a struct cli and returns an exit code.  Data goes to cli->out, messages to
 * cli->errors, so that tests can read both.
 */
#ifndef RECONCILER_CLI_CLI_H
#define RECONCILER_CLI_CLI_H

#include <stdio.h>

#include "reconciler/cli/options.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/base/json.h"

/* X(constant, number, the verb that has it or NULL for all, meaning). */
#define EXIT_CODES(X)                                                                              \
    X(DONE, 0, NULL, "done")                                                                       \
    X(FAILED, 1, NULL, "failed")                                                                   \
    X(USAGE, 2, NULL, "wrong usage, or a mistake in the manifests")                                \
    X(CHANGES, 2, "plan", "with --detailed-exitcode: there are changes; a mistake is 1 then")      \
    X(ROLLED_BACK, 3, "apply", "a deployment failed and was rolled back")                          \
    X(TIMED_OUT, 4, "apply", "not converged within --timeout")                                     \
    X(UNREAD, 141, NULL, "what reads standard output has closed it, as `head` does")               \
    X(NOT_RUN, 125, "exec", "the command could not be run; any other code is its own")             \
    X(NOT_OVER, 124, "run-task", "with --wait: not over within --timeout, and going on")           \
    X(NOT_STARTED, 125, "run-task",                                                                \
      "with --wait: the task did not start, or was stopped; any other code is its own")

#define EXIT_ENUM(name, number, verb, meaning) CLI_##name = (number),
enum cli_exit { EXIT_CODES(EXIT_ENUM) };
#undef EXIT_ENUM

struct cli_verb;

struct cli {
    struct arena *arena; /* lives as long as the verb */
    const struct cli_verb *verb;
    struct cli_options options;
    const char *const *operands; /* NULL-terminated */
    size_t operand_count;
    const struct option_sources *sources;
    FILE *out;
    FILE *errors;
    bool out_is_terminal;
};

/* words: without the program's name. */
struct cli_start {
    const char *const *words;
    size_t word_count;
    struct option_sources sources;
    FILE *out;
    FILE *errors;
    bool out_is_terminal;
};
int cli_run(const struct cli_start *start);

/* "berth: TEXT" on cli->errors; both return what they are named after. */
int cli_failed(struct cli *cli, const struct err *err);
int cli_usage(struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);

/* For text that came from elsewhere, errors too: text_disarm().  No colours in the format. */
void cli_print(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* Pretty, with a newline; returns CLI_DONE. */
int cli_print_json(struct cli *cli, const struct json *value);

/* Escape sequences on a terminal, else "". */
enum cli_color { COLOR_PLAIN, COLOR_BOLD, COLOR_DIM, COLOR_RED, COLOR_GREEN, COLOR_YELLOW };
const char *cli_color(const struct cli *cli, enum cli_color color);

#endif
