/*
 * berth confirm: what a commit removes and was held is removed.
 */
#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"

int cmd_confirm(struct cli *cli)
{
    AUTO(json) *answer = NULL;
    int result = ask(cli, "POST", "/v1/confirm", NULL, &answer);

    if (result != CLI_DONE)
        return result;
    if (cli->options.run.output == OUTPUT_JSON)
        return cli_print_json(cli, answer);
    fprintf(cli->out,
            json_count(ask_list(answer, "held")) == 0
                ? "nothing of commit %s is held\n"
                : "confirmed: what commit %s no longer declares is removed\n",
            ask_short(cli, answer, "commit", ASK_COMMIT_DIGITS));
    return CLI_DONE;
}
