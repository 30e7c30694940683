/*
 * Collects cells, then prints them as wide as each column needs.
 */
#include "reconciler/cli/table.h"

#include <stdarg.h>
#include <string.h>

#include "spec/base/text.h"

void table_init(struct table *table, struct arena *arena, const char *titles)
{
    *table = (struct table){ .arena = arena };
    while (*titles != '\0') {
        size_t size = strcspn(titles, "|");
        ASSERT(table->column_count < TABLE_COLUMNS_MAX);
        table->titles[table->column_count++] = arena_text_n(arena, titles, size);
        titles += size + (titles[size] == '|' ? 1 : 0);
    }
    ASSERT(table->column_count > 0);
}

static const char *printable(struct arena *arena, const char *text)
{
    if (text_is_empty(text))
        return "-";
    size_t line = strcspn(text, "\n"); /* a cell is one line */
    bool is_all = text[line] == '\0' || text[line + 1] == '\0';
    char *copy = arena_printf(arena, "%.*s%s", (int)line, text, is_all ? "" : " ...");
    size_t size = 0;
    text_disarm(copy);
    for (size_t i = 0; copy[i] != '\0'; i++) {
        if (copy[i] == '\t')
            copy[i] = ' ';
        if (copy[i] != ' ')
            size = i + 1;
    }
    copy[size] = '\0';
    return size == 0 ? "-" : copy;
}

void table_add_color(struct table *table, enum cli_color color, const char *text)
{
    if (table->cell_count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        struct table_cell *cells = arena_array(table->arena, struct table_cell, table->capacity);
        if (table->cell_count > 0)
            memcpy(cells, table->cells, table->cell_count * sizeof(*cells));
        table->cells = cells;
    }
    table->cells[table->cell_count++] =
        (struct table_cell){ .text = printable(table->arena, text), .color = color };
}

void table_add(struct table *table, const char *text)
{
    table_add_color(table, COLOR_PLAIN, text);
}

void table_printf(struct table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    table_add(table, text);
}

static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return width;
}

static void print_cell(const struct table *table, struct cli *cli, size_t column, size_t width,
                       const struct table_cell *cell)
{
    bool is_last = column + 1 == table->column_count;

    if (cell->color != COLOR_PLAIN)
        fputs(cli_color(cli, cell->color), cli->out);
    fputs(cell->text, cli->out);
    if (cell->color != COLOR_PLAIN)
        fputs(cli_color(cli, COLOR_PLAIN), cli->out);
    if (is_last)
        fputc('\n', cli->out);
    else
        fprintf(cli->out, "%*s", (int)(width - width_of(cell->text) + 2), "");
}

static void print_text(const struct table *table, struct cli *cli)
{
    size_t widths[TABLE_COLUMNS_MAX];

    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = width_of(table->titles[i]);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t *width = &widths[i % table->column_count];
        size_t needed = width_of(table->cells[i].text);
        *width = needed > *width ? needed : *width;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct table_cell title = { .text = table->titles[i], .color = COLOR_DIM };
        print_cell(table, cli, i, widths[i], &title);
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        print_cell(table, cli, column, widths[column], &table->cells[i]);
    }
}

static void print_markdown_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_markdown(const struct table *table, FILE *out)
{
    for (size_t i = 0; i < table->column_count; i++)
        fprintf(out, "| %s ", table->titles[i]);
    fputs("|\n", out);
    for (size_t i = 0; i < table->column_count; i++)
        fputs("| --- ", out);
    fputs("|\n", out);
    for (size_t i = 0; i < table->cell_count; i++) {
        fputs("| ", out);
        print_markdown_text(out, table->cells[i].text);
        fputs((i + 1) % table->column_count == 0 ? " |\n" : " ", out);
    }
}

void table_print(const struct table *table, struct cli *cli)
{
    ASSERT(table->cell_count % table->column_count == 0);
    if (cli->options.run.output == OUTPUT_MARKDOWN)
        print_markdown(table, cli->out);
    else
        print_text(table, cli);
}
