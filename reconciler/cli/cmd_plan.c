/*
 * berth plan
 */
#include "reconciler/cli/plan_print.h"
#include "reconciler/cli/through.h"
#include "reconciler/cli/uncommitted.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/run/inspect.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

static void print_diags(struct cli *cli, const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        cli_print(cli->errors, "%s%s%s\n", pos_prefix(cli->arena, diag_pos(diag)),
                  diag->level == DIAG_WARNING ? "warning: " : "", diag->text);
    }
}

static void print(struct cli *cli, const struct inspection *inspection)
{
    const struct source_commit *commit = &inspection->after.commit->items[0];
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    switch (cli->options.run.output) {
    case OUTPUT_JSON: {
        AUTO(json) *object = preview_json(&inspection->preview);

        json_set_text(object, "commit", commit->id);
        json_set_text(object, "subject", commit->subject);
        (void)cli_print_json(cli, object);
        return;
    }
    case OUTPUT_MARKDOWN:
        preview_print_markdown(&inspection->preview, commit->id, commit->subject, &text);
        cli_print(cli->out, "%s", buf_text(&text));
        return;
    case OUTPUT_TEXT:
    case OUTPUT_FORMAT_COUNT: break;
    }
    plan_print_commit(cli, commit->id, commit->subject);
    preview_print_text(&inspection->preview, &text);
    plan_print_text(cli, buf_text(&text));
}

/* Two commits are compared without asking anyone. */
static bool asks_the_run(const struct run_options *options)
{
    return !options->offline && options->base == NULL;
}

int cmd_plan(struct cli *cli)
{
    AUTO(inspection) inspection = { 0 };
    AUTO(client) *client = NULL;
    struct err err;
    int status;

    cli->options.run.repo = cli->operands[0];
    if (cli->options.run.ref == NULL)
        uncommitted_warn(cli);
    if (asks_the_run(&cli->options.run) && through_find(&cli->options, &client, &err) < 0)
        return cli_failed(cli, &err);
    if (client != NULL)
        return through_plan(cli, client);
    status = inspect(&cli->options.run, &inspection, &err);
    print_diags(cli, &inspection.diags);
    if (status < 0)
        return cli_failed(cli, &err);
    print(cli, &inspection);
    if (cli->options.run.detailed_exitcode && preview_has_changes(&inspection.preview))
        return CLI_CHANGES;
    return CLI_DONE;
}
