/*
 * berth hosts forget INSTANCE: gives up one that will not come back.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"

int cmd_hosts_forget(struct cli *cli)
{
    const char *name = cli->operands[0];
    AUTO(json) *body = json_object();
    AUTO(json) *answer = NULL;
    int result;

    json_set_text(body, "instance", name);
    result = ask(cli, "POST", "/v1/hosts/forget", body, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    cli_print(cli->out, "%s is given up: %lld of its tasks are recorded as stopped\n", name,
              (long long)json_int(answer, "tasks", 0));
    if (json_bool(answer, "listed", false))
        cli_print(cli->out, "a manifest still lists it: it is used again when it answers\n");
    return CLI_DONE;
}
