/*
 * berth __docs [PAGE]: the pages of docs/reference that are made from tables.
 */
#include "reconciler/api/api.h"
#include "reconciler/cli/help.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/manual.h"
#include "spec/schema.h"

/* "service.md" */
static const char *kind_page(struct arena *arena, enum kind kind)
{
    char *name = arena_printf(arena, "%s.md", kind_text(kind));

    name[0] = (char)(name[0] - 'A' + 'a');
    return name;
}

static int print_page(struct cli *cli, const char *name)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    if (text_equal(name, "cli.md")) {
        manual_print_markdown(cli->out, cli->arena);
        return CLI_DONE;
    }
    if (text_equal(name, "api.md")) {
        api_print_manual(cli->out);
        return CLI_DONE;
    }
    if (text_equal(name, "berth.1")) {
        manual_print_roff(cli->out, cli->arena);
        return CLI_DONE;
    }
    if (text_equal(name, "berth.schema.json")) {
        schema_print(&text);
        fputs(buf_text(&text), cli->out);
        return CLI_DONE;
    }
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        if (!text_equal(name, kind_page(cli->arena, (enum kind)kind)))
            continue;
        manual_kind((enum kind)kind, &text);
        fputs(buf_text(&text), cli->out);
        return CLI_DONE;
    }
    return cli_usage(cli, "there is no page '%s'", name);
}

int cmd_docs(struct cli *cli)
{
    if (cli->operand_count > 0)
        return print_page(cli, cli->operands[0]);
    fputs("api.md\ncli.md\nberth.1\nberth.schema.json\n", cli->out);
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        fprintf(cli->out, "%s\n", kind_page(cli->arena, (enum kind)kind));
    return CLI_DONE;
}
