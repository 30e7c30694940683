/*
 * berth why SERVICE|TASK|CONTAINER: from what runs back to the commit that wants it, or what keeps
 * it from running.
 */
#include <string.h>

#include "reconciler/cli/ask.h"
#include "reconciler/cli/verbs.h"
#include "spec/base/text.h"

static void print_lines(struct cli *cli, const struct json *lines)
{
    size_t width = 0;
    const char *last = "";

    for (size_t i = 0; i < json_count(lines); i++) {
        size_t size = strlen(json_as_text(json_get(json_at(lines, i), "label"), ""));

        width = size > width ? size : width;
    }
    for (size_t i = 0; i < json_count(lines); i++) {
        const char *label = json_as_text(json_get(json_at(lines, i), "label"), "");
        const char *text = json_as_text(json_get(json_at(lines, i), "text"), "");

        fputs(cli_color(cli, COLOR_DIM), cli->out);
        cli_print(cli->out, "%-*s", (int)width, text_equal(label, last) ? "" : label);
        fprintf(cli->out, "%s  ", cli_color(cli, COLOR_PLAIN));
        ask_print(cli, text, width + 2);
        fputc('\n', cli->out);
        last = label;
    }
}

/* Cells of markdown: a list, the label in bold. */
static void print_markdown(struct cli *cli, const struct json *lines)
{
    for (size_t i = 0; i < json_count(lines); i++) {
        cli_print(cli->out, "- **%s**: ", json_as_text(json_get(json_at(lines, i), "label"), ""));
        ask_print(cli, json_as_text(json_get(json_at(lines, i), "text"), ""), 2);
        fputc('\n', cli->out);
    }
}

int cmd_why(struct cli *cli)
{
    const char *name = cli->operands[0];
    AUTO(json) *answer = NULL;
    int result = ask(cli, "GET", ask_why_path(cli, name), NULL, &answer);
    if (result != CLI_DONE)
        return result;
    switch (cli->options.run.output) {
    case OUTPUT_JSON: return cli_print_json(cli, answer);
    case OUTPUT_MARKDOWN: print_markdown(cli, ask_list(answer, "lines")); break;
    case OUTPUT_TEXT:
    case OUTPUT_FORMAT_COUNT: print_lines(cli, ask_list(answer, "lines")); break;
    }
    return CLI_DONE;
}
