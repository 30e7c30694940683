/*
 * berth run, berth apply
 */
#include "reconciler/api/api.h"
#include "reconciler/cli/through.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/cli/version.h"
#include "reconciler/run/app.h"

static void *serve(struct app *app, struct err *err)
{
    return api_new(app, berth_version(), err);
}

static void serve_no_more(void *api)
{
    api_free(api);
}

static const int codes[] = { [APP_CONVERGED] = CLI_DONE,
                             [APP_FAILED] = CLI_FAILED,
                             [APP_INVALID] = CLI_USAGE,
                             [APP_ROLLED_BACK] = CLI_ROLLED_BACK,
                             [APP_TIMED_OUT] = CLI_TIMED_OUT };

static int run(struct cli *cli, bool once)
{
    static const struct app_part api = { .start = serve, .stop = serve_no_more };
    enum app_outcome outcome;
    struct err err;

    cli->options.run.repo = cli->operands[0];
    cli->options.run.once = once;
    if (app_run(&cli->options.run, &api, &outcome, &err) < 0)
        return cli_failed(cli, &err);
    return codes[outcome];
}

int cmd_run(struct cli *cli)
{
    return run(cli, /* once= */ false);
}

int cmd_apply(struct cli *cli)
{
    AUTO(client) *client = NULL;
    enum app_outcome outcome;
    struct err err;

    cli->options.run.repo = cli->operands[0];
    if (through_find(&cli->options, &client, &err) < 0 ||
        (client != NULL && through_apply(cli, client, &outcome, &err) < 0))
        return cli_failed(cli, &err);
    if (client != NULL)
        return codes[outcome];
    return run(cli, /* once= */ true);
}
