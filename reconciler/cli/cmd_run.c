/*
 * berth run, berth apply
 */
#include "reconciler/cli/verbs.h"
#include "reconciler/run/app.h"

static int run(struct cli *cli, bool once)
{
    static const int codes[] = { [APP_CONVERGED] = CLI_DONE,
                                 [APP_FAILED] = CLI_FAILED,
                                 [APP_INVALID] = CLI_USAGE,
                                 [APP_ROLLED_BACK] = CLI_ROLLED_BACK,
                                 [APP_TIMED_OUT] = CLI_TIMED_OUT };
    enum app_outcome outcome;
    struct err err;

    cli->options.run.repo = cli->operands[0];
    cli->options.run.once = once;
    if (app_run(&cli->options.run, &outcome, &err) < 0)
        return cli_failed(cli, &err);
    return codes[outcome];
}

int cmd_run(struct cli *cli)
{
    return run(cli, /* once= */ false);
}

int cmd_apply(struct cli *cli)
{
    return run(cli, /* once= */ true);
}
