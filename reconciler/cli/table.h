/*
 * Tables for people: aligned columns, two blanks apart, no lines.  Widths are in characters, not
 * bytes; the last column may be as wide as it likes.
 */
#ifndef RECONCILER_CLI_TABLE_H
#define RECONCILER_CLI_TABLE_H

#include "reconciler/cli/cli.h"

#define TABLE_COLUMNS_MAX 12

struct table_cell {
    const char *text;
    enum cli_color color;
};

/* A zeroed one with `arena` set is an empty table. */
struct table {
    struct arena *arena;
    const char *titles[TABLE_COLUMNS_MAX];
    size_t column_count;
    struct table_cell *cells; /* row by row */
    size_t cell_count;
    size_t capacity;
};

/* Titles are separated by '|': "SERVICE|TASKS|STATE". */
void table_init(struct table *table, struct arena *arena, const char *titles);
/* The next cell; rows follow from the count of columns.  NULL and "" print as "-".  Characters
 * that a terminal would obey are replaced by '?'. */
void table_add(struct table *table, const char *text);
void table_add_color(struct table *table, enum cli_color color, const char *text);
void table_printf(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);

/* As text, or as a table of markdown.  Every row must be complete. */
void table_print(const struct table *table, struct cli *cli);

#endif
