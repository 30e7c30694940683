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
    size_t taken;
    const struct cli_verb *verb = verb_of_words(cli->operands, cli->operand_count, &taken);
    if (verb != NULL && taken < cli->operand_count)
        return cli_usage(cli, "one operand too many: '%s'", cli->operands[taken]);
    if (verb == NULL) {
        const char *nearest = verb_nearest(name);
        if (nearest != NULL)
            return cli_usage(cli, "there is no verb '%s': did you mean '%s'?", name, nearest);
        return cli_usage(cli, "there is no verb '%s'", name);
    }
    help_print_verb(cli, verb);
    return CLI_DONE;
}
