/*
 * A thin layer over SQLite: one connection, statements that are prepared once, and one place where
 * SQLite's errors become ours.  The only home of <sqlite3.h> is this file's .c.
 *
 *     struct query query = query_start(sql, "SELECT id, size FROM thing WHERE kind = ?");
 *     query_text(&query, kind);
 *     while (query_row(&query))
 *         use(query_get_text(&query, 0), query_get_int(&query, 1));
 *     return query_end(&query, err);
 *
 * Failures of any step are kept in the query and reported once, by query_end().
 */
#ifndef RECONCILER_MEMORY_SQL_H
#define RECONCILER_MEMORY_SQL_H

#include "spec/base/arena.h"
#include "spec/base/base.h"
#include "spec/base/err.h"

struct sql;
struct sql_statement;

/* Errors of all functions below:
 *     ERR_CAPACITY  the disk, a quota or a file size limit is full
 *     ERR_DENIED    no permission, read-only
 *     ERR_INVALID   not a database, or a damaged one
 *     ERR_CONFLICT  locked by someone else for longer than the busy timeout
 *     ERR_FAILED    anything else the system refused */
int sql_open(const char *path, struct sql **out, struct err *err);
void sql_close(struct sql *sql);
DEFINE_AUTO(sql, sql_close)

/* One or more statements without values or results. */
int sql_run(struct sql *sql, const char *script, struct err *err);

/* All or nothing.  After a failure between begin and commit: sql_rollback(). */
int sql_begin(struct sql *sql, struct err *err);
int sql_commit(struct sql *sql, struct err *err);
void sql_rollback(struct sql *sql); /* no effect outside of a transaction */

/* Part of a transaction that may fail alone. */
int sql_savepoint(struct sql *sql, struct err *err);
int sql_savepoint_keep(struct sql *sql, struct err *err);
/* Undoes the part; false: the failure has undone the whole transaction. */
bool sql_savepoint_drop(struct sql *sql);

struct query {
    struct sql *sql;
    struct sql_statement *statement;
    int code;    /* the first failure, as SQLite numbers it; 0: none */
    int number;  /* errno after it */
    int bound;   /* values so far */
    bool broken; /* the current row holds a value that cannot be: see query_get_u32() */
};

/* `text` must be a string literal (it is prepared once and found again by its address) and must not
 * be in use by another query. */
struct query query_start(struct sql *sql, const char *text);
/* Each binds the next '?'.  Bound text must live until query_end(). */
void query_text(struct query *query, const char *text); /* NULL: null */
void query_int(struct query *query, int64_t value);
void query_blob(struct query *query, const void *data, size_t size);
/* The next row; false at the end and after a failure. */
bool query_row(struct query *query);
int query_end(struct query *query, struct err *err);
/* Without results: query_row() until the end, and query_end(). */
int query_run(struct query *query, struct err *err);

/* Of the current row; text and data live until the next row. */
const char *query_get_text(struct query *query, int column); /* NULL: null */
int64_t query_get_int(struct query *query, int column);
const void *query_get_blob(struct query *query, int column, size_t *out_size);
/* Checked: a value out of range sets `broken`, which the next row clears, and gives 0 or "". */
uint32_t query_get_u32(struct query *query, int column);
void query_get_fixed(struct query *query, int column, char *out, size_t size); /* null: "" */

/* Of the library below, as it is loaded: "2.14". */
const char *sql_library_version(void);

#endif
