/*
 * berth run, berth apply
 */
#include <poll.h>

#include "drivers/io/loop.h"
#include "reconciler/api/api.h"
#include "reconciler/cli/through.h"
#include "reconciler/cli/uncommitted.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/cli/version.h"
#include "reconciler/run/app.h"
#include "spec/base/text.h"

/* A run holds the state some moments before its socket answers, and after that is gone. */
#define HOLDER_MS     5000
#define LOOK_AGAIN_MS 100

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
    if (end->undone != NULL)
        json_set(object, "undone", json_copy(end->undone));
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
    app_end_release(&end);
    return (int)end.outcome;
}

/* Through the run that holds the state, else by itself.  *may_change: it is held, and by one that
 * does not answer. */
static int apply(struct cli *cli, struct app_end *out, bool *may_change, struct err *err)
{
    AUTO(client) *client = NULL;
    int status = through_find(&cli->options, &client, err);

    *may_change = false;
    if (status < 0)
        return -1;
    if (client != NULL)
        return through_apply(cli, client, out, err);
    status = run(cli, out, err);
    *may_change = status < 0 && err->code == ERR_CONFLICT;
    return status;
}

int cmd_apply(struct cli *cli)
{
    int64_t deadline_ms = loop_wall_ms() + HOLDER_MS;
    struct app_end end = { .outcome = APP_FAILED };
    struct err err = { 0 };
    bool may_change;
    int status;
    int code;

    cli->options.run.repo = cli->operands[0];
    cli->options.run.once = true;
    uncommitted_warn(cli);
    for (;;) {
        status = apply(cli, &end, &may_change, &err);
        if (!may_change || loop_wall_ms() >= deadline_ms)
            break;
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
    code = status < 0 ? cli_failed(cli, &err) : (int)end.outcome;
    if (cli->options.run.output == OUTPUT_JSON)
        print_verdict(cli, &end, code, status < 0 ? err.text : NULL);
    app_end_release(&end);
    return code;
}
