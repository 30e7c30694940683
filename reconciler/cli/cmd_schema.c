/*
 * berth schema, berth explain: the tables of the language, for editors and for people.
 */
#include "reconciler/cli/verbs.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/manual.h"
#include "spec/schema.h"

int cmd_schema(struct cli *cli)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    schema_print(&text);
    fputs(buf_text(&text), cli->out);
    return CLI_DONE;
}

static int list_kinds(struct cli *cli)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        fprintf(cli->out, "%-12s %s\n", kind_text((enum kind)kind),
                manual_summary((enum kind)kind));
    return CLI_DONE;
}

static int explain_json(struct cli *cli)
{
    AUTO(json) *object = NULL;
    struct err err = { 0 };

    if (cli->operand_count == 0)
        object = manual_kinds_json();
    else if (manual_explain_json(cli->operands[0], &object, &err) < 0)
        return cli_usage(cli, "%s", err.text);
    return cli_print_json(cli, object);
}

int cmd_explain(struct cli *cli)
{
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    if (cli->options.run.output == OUTPUT_JSON)
        return explain_json(cli);
    if (cli->operand_count == 0)
        return list_kinds(cli);
    buf_init(&text, LIMIT_OUTPUT);
    if (manual_explain(cli->operands[0], &text, &err) < 0)
        return cli_usage(cli, "%s", err.text);
    fputs(buf_text(&text), cli->out);
    return CLI_DONE;
}
