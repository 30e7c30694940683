/*
 * One exchange with HAProxy's command line: lines in, all that it answers out.
 */
#ifndef DRIVERS_HAPROXY_CLI_H
#define DRIVERS_HAPROXY_CLI_H

#include "drivers/io/loop.h"

struct cli;

/* answer: NULL when it failed, and *failure says why: ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CAPACITY.
 * The exchange is gone after the call. */
typedef void cli_done_fn(void *context, const char *answer, const struct err *failure);

/* `commands` is one line, of commands with a semicolon between; the answer must come within
 * timeout_ms.  `done` is called once, from loop_run(), unless cli_free() came first. */
struct cli *cli_ask(struct loop *loop, const char *path, const char *commands, int64_t timeout_ms,
                    cli_done_fn *done, void *context);
/* NULL is allowed. */
void cli_free(struct cli *cli);

#endif
