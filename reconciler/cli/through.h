/*
 * `plan` and `apply` while a `run` holds the state: they go through it, so that there is one
 * planner and one memory, and no second look at the engine.
 */
#ifndef RECONCILER_CLI_THROUGH_H
#define RECONCILER_CLI_THROUGH_H

#include "reconciler/cli/client.h"
#include "reconciler/run/app.h"

/* *out is a client of the Berth that runs on --state with this repository; NULL: none runs.
 * ERR_CONFLICT: it runs on another repository or another folder of it.  ERR_INVALID: an option was
 * given that only a Berth of its own would obey. */
int through_find(const struct cli_options *options, struct client **out, struct err *err);

/* Prints the plan and returns the exit code. */
int through_plan(struct cli *cli, struct client *client);

/* Lets the run look at the repository and waits until it has converged or failed, telling events
 * meanwhile: for people on cli->errors, as JSON like a run of its own would. */
int through_apply(struct cli *cli, struct client *client, struct app_end *out, struct err *err);

#endif
