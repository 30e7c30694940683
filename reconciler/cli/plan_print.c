/*
 * Marks in the first column decide the colour.
 */
#include "reconciler/cli/plan_print.h"

#include <string.h>

#include "spec/base/text.h"

void plan_print_commit(struct cli *cli, const char *commit, const char *subject)
{
    cli_print(cli->errors, "commit %.8s%s%s\n\n", commit == NULL ? "?" : commit,
              subject == NULL ? "" : " ", subject == NULL ? "" : subject);
}

static enum cli_color color_of(const char *line)
{
    switch (*line) {
    case '+': return COLOR_GREEN;
    case '-': return text_starts(line, "-/+") ? COLOR_YELLOW : COLOR_RED;
    case '~':
    case '!': return COLOR_YELLOW;
    default: return COLOR_PLAIN;
    }
}

static void print_part(struct cli *cli, const char *line, size_t size)
{
    enum cli_color color = color_of(line);

    if (color != COLOR_PLAIN)
        fputs(cli_color(cli, color), cli->out);
    cli_print(cli->out, "%.*s", (int)size, line);
    fprintf(cli->out, "%s\n", color == COLOR_PLAIN ? "" : cli_color(cli, COLOR_PLAIN));
}

void plan_print_line(struct cli *cli, const char *line)
{
    print_part(cli, line, strlen(line));
}

void plan_print_text(struct cli *cli, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");

        print_part(cli, text, size);
        text += size + (text[size] == '\n' ? 1 : 0);
    }
}
