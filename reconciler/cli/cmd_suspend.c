/*
 * berth suspend SERVICE, berth resume SERVICE, or those of a schedule: when something is done,
 * never what is wanted.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"

static bool is_schedule(const struct json *answer)
{
    return json_text(answer, "scheduleExpression") != NULL;
}

/* The API answers with the service, or the schedule, as it stands after. */
static int steer(struct cli *cli, const char *path, struct json *body,
                 const char *(*done)(const struct cli *cli, const struct json *answer))
{
    AUTO(json) *answer = NULL;

    json_set_text(body, "service", cli->operands[0]);
    int result = ask(cli, "POST", path, body, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    cli_print(cli->out, "%s %s\n",
              is_schedule(answer) ? json_text(answer, "name") : ask_key(cli, answer),
              done(cli, answer));
    return CLI_DONE;
}

static const char *suspended(const struct cli *cli, const struct json *answer)
{
    (void)cli;
    if (is_schedule(answer))
        return "is suspended: no run of it begins until it is resumed";
    return "is suspended: nothing of it changes until it is resumed";
}

static const char *resumed(const struct cli *cli, const struct json *answer)
{
    if (!json_bool(answer, "resumed", true))
        return cli->options.retry ? "tries again what failed" : "was not suspended";
    return cli->options.retry ? "is resumed; what failed is tried again" : "is resumed";
}

int cmd_suspend(struct cli *cli)
{
    AUTO(json) *body = json_object();

    json_set_text(body, "reason", cli->options.reason);
    return steer(cli, "/v1/suspend", body, suspended);
}

int cmd_resume(struct cli *cli)
{
    AUTO(json) *body = json_object();

    if (cli->options.retry)
        json_set_bool(body, "retry", true);
    return steer(cli, "/v1/resume", body, resumed);
}
