/*
 * berth run, berth apply
 */
#include "reconciler/api/api.h"
#include "reconciler/cli/through.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/cli/version.h"
#include "reconciler/run/app.h"
#include "spec/base/text.h"

static void *serve(struct app *app, struct err *err)
{
    return api_new(app, berth_version(), err);
}

static void serve_no_more(void *api)
{
    api_free(api);
}

_Static_assert((int)APP_FAILED == CLI_FAILED && (int)APP_INVALID == CLI_USAGE &&
                   (int)APP_ROLLED_BACK == CLI_ROLLED_BACK && (int)APP_TIMED_OUT == CLI_TIMED_OUT,
               "outcomes are exit codes");

/* The last line of an apply as JSON. */
static void print_verdict(struct cli *cli, const struct app_end *end, int code, const char *failure)
{
    AUTO(json) *object = json_object();
    char time[TEXT_TIME_SIZE];

    text_print_time(loop_wall_ms(), time);
    json_set_text(object, "time", time);
    json_set_text(object, "topic", "verdict");
    json_set_text(object, "apiVersion", "berth/v1");
    json_set_text(object, "outcome", app_outcome_text(end->outcome));
    json_set_int(object, "exitCode", code);
    json_set_text(object, "commit", end->commit[0] == '\0' ? NULL : end->commit);
    json_set_int(object, "services", (int64_t)end->verdict.services);
    json_set_int(object, "pending", (int64_t)end->verdict.pending);
    json_set_int(object, "failed", (int64_t)end->verdict.failed);
    json_set_int(object, "blocked", (int64_t)end->verdict.blocked);
    json_set_int(object, "rolledBack", (int64_t)end->verdict.rolled_back);
    json_set_text(object, "text", failure);
    AUTO_TEXT char *line = json_print_text(object, JSON_STYLE_COMPACT);
    fprintf(cli->out, "%s\n", line);
}

static int run(struct cli *cli, struct app_end *out, struct err *err)
{
    static const struct app_part api = { .start = serve, .stop = serve_no_more };

    return app_run(&cli->options.run, &api, out, err);
}

int cmd_run(struct cli *cli)
{
    struct app_end end;
    struct err err;

    cli->options.run.repo = cli->operands[0];
    if (run(cli, &end, &err) < 0)
        return cli_failed(cli, &err);
    return (int)end.outcome;
}

int cmd_apply(struct cli *cli)
{
    AUTO(client) *client = NULL;
    struct app_end end = { .outcome = APP_FAILED };
    struct err err = { 0 };
    int status;
    int code;

    cli->options.run.repo = cli->operands[0];
    cli->options.run.once = true;
    status = through_find(&cli->options, &client, &err);
    if (status == 0)
        status = client != NULL ? through_apply(cli, client, &end, &err) : run(cli, &end, &err);
    code = status < 0 ? cli_failed(cli, &err) : (int)end.outcome;
    if (cli->options.run.output == OUTPUT_JSON)
        print_verdict(cli, &end, code, status < 0 ? err.text : NULL);
    return code;
}
