/*
 * berth hosts resume INSTANCE: goes on with a maintenance that failed.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"

int cmd_hosts_resume(struct cli *cli)
{
    const char *name = cli->operands[0];
    AUTO(json) *body = json_object();
    AUTO(json) *answer = NULL;
    int result;

    json_set_text(body, "instance", name);
    if (cli->options.done)
        json_set_bool(body, "done", true);
    result = ask(cli, "POST", "/v1/hosts/resume", body, &answer);
    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    cli_print(cli->out, "%s %s\n", name,
              cli->options.done ? "may have tasks again, and the other hosts follow"
                                : "is maintained again from the beginning");
    return CLI_DONE;
}
