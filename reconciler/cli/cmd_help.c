/*
 * berth help [VERB]
 */
#include "reconciler/cli/help.h"
#include "spec/base/text.h"

int cmd_help(struct cli *cli)
{
    if (cli->operand_count == 0) {
        help_print(cli);
        return CLI_DONE;
    }
    const char *name = cli->operands[0];
    const struct cli_verb *verb = verb_find(name);
    if (verb == NULL) {
        const char *nearest = verb_nearest(name);
        if (nearest != NULL)
            return cli_usage(cli, "there is no verb '%s': did you mean '%s'?", name, nearest);
        return cli_usage(cli, "there is no verb '%s'", name);
    }
    help_print_verb(cli, verb);
    return CLI_DONE;
}
