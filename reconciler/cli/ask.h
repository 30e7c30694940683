/*
 * What the verbs have in common that ask the running Berth: one question, its failure told, and the
 * parts of an answer as people read them.
 *
 * Texts live in cli->arena.  Objects may lack any member; what is missing reads as NULL or "".
 */
#ifndef RECONCILER_CLI_ASK_H
#define RECONCILER_CLI_ASK_H

#include "reconciler/cli/client.h"

#define ASK_COMMIT_DIGITS   8
#define ASK_REVISION_DIGITS 8
#define ASK_TASK_DIGITS     12 /* as in the names of containers */

/* The answer, which the caller frees.  CLI_DONE, or the exit code of a failure that was printed. */
int ask(struct cli *cli, const char *method, const char *path, const struct json *body,
        struct json **out);

/* A service as operand, SERVICE or CLUSTER/SERVICE; both NULL without an operand.  --cluster and
 * another cluster in the operand: wrong usage, which is printed. */
struct ask_service {
    const char *cluster;
    const char *service;
};
int ask_operand_service(struct cli *cli, struct ask_service *out);

/* The operand names a service that is declared or runs: an empty answer would hide a misspelt name.
 * CLI_DONE, or the exit code of a failure that was printed. */
int ask_is_service(struct cli *cli, const struct ask_service *wanted);
/* Of GET /v1/why, for SERVICE, CLUSTER/SERVICE, TASK or CONTAINER. */
const char *ask_why_path(struct cli *cli, const char *name);

/* --since as milliseconds since 1970; 0 when it was not given.  ERR_INVALID: it is no time. */
int ask_since(struct cli *cli, int64_t *out_ms, struct err *err);

/* The first digits of an id; NULL when it is absent. */
const char *ask_short(struct cli *cli, const struct json *object, const char *path, int digits);
/* "local/web"; NULL when the object is of no service. */
const char *ask_key(struct cli *cli, const struct json *object);
/* Milliseconds since 1970; 0 when it is absent. */
int64_t ask_time_ms(const struct json *object, const char *path);
/* How long ago, "3m12s", to the second; NULL when it is absent. */
const char *ask_age(struct cli *cli, const struct json *object, const char *path);
/* "2026-11-22T19:02:42Z", to the second. */
const char *ask_time_text(struct cli *cli, int64_t ms);
/* A mistake of GET /v1/status or /v1/plan on one line, as `berth validate` prints it. */
const char *ask_mistake(struct cli *cli, const struct json *mistake);
/* A list's member at a path; NULL reads as empty. */
const struct json *ask_list(const struct json *object, const char *path);

/* Prints text that came from elsewhere: what a terminal would obey becomes '?', and further lines
 * of it begin with `indent` spaces. */
void ask_print(struct cli *cli, const char *text, size_t indent);

#endif
