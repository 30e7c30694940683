/*
 * Tables align by characters, print nothing that a terminal would obey, and are markdown on demand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "reconciler/cli/table.h"
#include "tests/unit/unit.h"

static char *print(struct table *table, bool has_color, enum output_format output)
{
    char *text = NULL;
    size_t size = 0;
    struct cli cli = { .options.run = { .has_color = has_color, .output = output } };

    cli.out = open_memstream(&text, &size);
    table_print(table, &cli);
    fclose(cli.out);
    return text;
}

static void fill(struct table *table, struct arena *arena)
{
    table_init(table, arena, "NAME|TASKS|STATE");
    table_add(table, "web");
    table_printf(table, "%d/%d", 3, 3);
    table_add_color(table, COLOR_GREEN, "steady");
    table_add(table, "zähler");
    table_add(table, NULL);
    table_add(table, "a|b\033[2J\nc");
}

static void columns_are_aligned(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct table table;

    fill(&table, &arena);
    AUTO_TEXT char *text = print(&table, false, OUTPUT_TEXT);
    assert_string_equal(text, "NAME    TASKS  STATE\n"
                              "web     3/3    steady\n"
                              "zähler  -      a|b?[2J ...\n");
}

static void color_does_not_count_as_width(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct table table;

    table_init(&table, &arena, "A|B");
    table_add_color(&table, COLOR_RED, "x");
    table_add(&table, "y");
    AUTO_TEXT char *text = print(&table, true, OUTPUT_TEXT);
    assert_string_equal(text, "\033[2mA\033[0m  \033[2mB\033[0m\n\033[31mx\033[0m  y\n");
}

static void markdown_is_a_table(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct table table;

    fill(&table, &arena);
    AUTO_TEXT char *text = print(&table, true, OUTPUT_MARKDOWN);
    assert_string_equal(text, "| NAME | TASKS | STATE |\n"
                              "| --- | --- | --- |\n"
                              "| web | 3/3 | steady |\n"
                              "| zähler | - | a\\|b?[2J ... |\n");
}

static void many_rows_fit(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    struct table table;
    size_t lines = 0;

    table_init(&table, &arena, "N");
    for (int i = 0; i < 1000; i++)
        table_printf(&table, "%d", i);
    AUTO_TEXT char *text = print(&table, false, OUTPUT_TEXT);
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n' ? 1 : 0;
    assert_int_equal(lines, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(color_does_not_count_as_width),
        cmocka_unit_test(markdown_is_a_table),
        cmocka_unit_test(many_rows_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
