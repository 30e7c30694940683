/*
 * berth help [VERB], and the generated pages of docs/.
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

int cmd_docs(struct cli *cli)
{
    const char *page = cli->operands[0];

    if (text_equal(page, "cli"))
        manual_print_markdown(cli->out, cli->arena);
    else if (text_equal(page, "man"))
        manual_print_roff(cli->out, cli->arena);
    else
        return cli_usage(cli, "there is no page '%s': cli or man", page);
    return CLI_DONE;
}
