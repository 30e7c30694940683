/*
 * berth plan
 */
#include "reconciler/cli/verbs.h"
#include "reconciler/run/inspect.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

static void print_diags(struct cli *cli, const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        fprintf(cli->errors, "%s:%u:%u: %s%s\n", diag->file == NULL ? "?" : diag->file, diag->line,
                diag->column, diag->level == DIAG_WARNING ? "warning: " : "", diag->text);
    }
}

/* Lines of the text form in the colours of a diff. */
static void print_colored(struct cli *cli, const char *text)
{
    while (*text != '\0') {
        size_t size = 0;
        enum cli_color color = COLOR_PLAIN;

        while (text[size] != '\0' && text[size] != '\n')
            size++;
        if (*text == '+')
            color = COLOR_GREEN;
        else if (*text == '-')
            color = text_starts(text, "-/+") ? COLOR_YELLOW : COLOR_RED;
        else if (*text == '~' || *text == '!')
            color = COLOR_YELLOW;
        fprintf(cli->out, "%s%.*s%s\n", cli_color(cli, color), (int)size, text,
                color == COLOR_PLAIN ? "" : cli_color(cli, COLOR_PLAIN));
        text += size;
        if (*text == '\n')
            text++;
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
        (void)cli_print_json(cli, object);
        return;
    }
    case OUTPUT_MARKDOWN:
        preview_print_markdown(&inspection->preview,
                               arena_printf(cli->arena, "berth plan of %.8s", commit->id), &text);
        fprintf(cli->out, "%s", buf_text(&text));
        return;
    case OUTPUT_TEXT:
    case OUTPUT_FORMAT_COUNT: break;
    }
    fprintf(cli->errors, "commit %.8s %s\n\n", commit->id, commit->subject);
    preview_print_text(&inspection->preview, &text);
    print_colored(cli, buf_text(&text));
}

int cmd_plan(struct cli *cli)
{
    AUTO(inspection) inspection = { 0 };
    struct err err;
    int status;

    cli->options.run.repo = cli->operands[0];
    status = inspect(&cli->options.run, &inspection, &err);
    print_diags(cli, &inspection.diags);
    if (status < 0)
        return cli_failed(cli, &err);
    print(cli, &inspection);
    if (cli->options.run.detailed_exitcode && preview_has_changes(&inspection.preview))
        return CLI_CHANGES;
    return CLI_DONE;
}
