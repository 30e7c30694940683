/*
 * berth stop-task TASK: of a job it is over, of a service it is replaced.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"

int cmd_stop_task(struct cli *cli)
{
    const char *path =
        arena_printf(cli->arena, "/v1/tasks/%s/stop", client_segment(cli->arena, cli->operands[0]));
    AUTO(json) *body = json_object();
    AUTO(json) *answer = NULL;
    int result;

    json_set_text(body, "reason", cli->options.reason);
    result = ask(cli, "POST", path, body, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    if (ask_key(cli, answer) != NULL)
        cli_print(cli->out, "task %s is being stopped; service %s replaces it\n",
                  ask_short(cli, answer, "task", ASK_TASK_DIGITS), ask_key(cli, answer));
    else
        cli_print(cli->out, "task %s is being stopped\n",
                  ask_short(cli, answer, "task", ASK_TASK_DIGITS));
    return CLI_DONE;
}
