/*
 * SQLite behind a narrow door.
 */
#include "reconciler/memory/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "spec/base/hash.h"
#include "spec/base/text.h"

/* A person who looks into the database with a tool may lock it for a moment. */
#define BUSY_TIMEOUT_MS 2000

struct sql_statement {
    const char *text;
    sqlite3_stmt *prepared;
    bool in_use;
    UT_hash_handle by_text;
};

struct sql {
    sqlite3 *connection;
    struct sql_statement *statements;
};

static bool is_full(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

static enum err_code code_of(int code, int number)
{
    switch (code & 0xff) {
    case SQLITE_FULL: return ERR_CAPACITY;
    case SQLITE_IOERR: return is_full(number) ? ERR_CAPACITY : ERR_FAILED;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ERR_DENIED;
    case SQLITE_CANTOPEN: return is_full(number) ? ERR_CAPACITY : ERR_DENIED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_INVALID;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_CONFLICT;
    default: return ERR_FAILED;
    }
}

/* The connection's text is about the call that failed last, which is the one with this code.
 * `number` is errno after that call: SQLite's own record of it misses the write-ahead log. */
static int report(const struct sql *sql, int code, int number, struct err *err)
{
    const char *text = sqlite3_extended_errcode(sql->connection) == code
                           ? sqlite3_errmsg(sql->connection)
                           : sqlite3_errstr(code);
    enum err_code kind = code_of(code, number);

    if (number != 0 && ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN))
        return err_set_errno(err, kind, number, "database: %s", text);
    return err_set(err, kind, "database: %s", text);
}

int sql_open(const char *path, struct sql **out, struct err *err)
{
    AUTO(sql) *sql = mem_alloc(sizeof(*sql));
    int code;

    errno = 0;
    code = sqlite3_open_v2(path, &sql->connection,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                               SQLITE_OPEN_EXRESCODE,
                           NULL);

    if (sql->connection == NULL)
        return err_set(err, ERR_CAPACITY, "database '%s': out of memory", path);
    if (code != SQLITE_OK) {
        (void)report(sql, code, errno, err);
        return err_wrap(err, "open '%s'", path);
    }
    (void)sqlite3_busy_timeout(sql->connection, BUSY_TIMEOUT_MS);
    /* A damaged file may carry a schema that means harm: nothing in it may call functions. */
    (void)sqlite3_db_config(sql->connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(sql->connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    *out = TAKE(sql);
    return 0;
}

void sql_close(struct sql *sql)
{
    struct sql_statement *statement;
    struct sql_statement *next;

    if (sql == NULL)
        return;
    HASH_ITER(by_text, sql->statements, statement, next)
    {
        HASH_DELETE(by_text, sql->statements, statement);
        (void)sqlite3_finalize(statement->prepared);
        free(statement);
    }
    (void)sqlite3_close(sql->connection);
    free(sql);
}

int sql_run(struct sql *sql, const char *script, struct err *err)
{
    int code;

    errno = 0;
    code = sqlite3_exec(sql->connection, script, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : report(sql, code, errno, err);
}

void sql_rollback(struct sql *sql)
{
    if (sqlite3_get_autocommit(sql->connection) == 0)
        (void)sqlite3_exec(sql->connection, "ROLLBACK", NULL, NULL, NULL);
}

bool sql_savepoint_drop(struct sql *sql)
{
    if (sqlite3_get_autocommit(sql->connection) == 0)
        (void)sqlite3_exec(sql->connection, "ROLLBACK TO part; RELEASE part", NULL, NULL, NULL);
    return sqlite3_get_autocommit(sql->connection) == 0;
}

static struct sql_statement *statement_get(struct sql *sql, const char *text, int *out_code)
{
    struct sql_statement *statement = NULL;

    HASH_FIND(by_text, sql->statements, &text, sizeof(text), statement);
    if (statement == NULL) {
        statement = mem_alloc(sizeof(*statement));
        statement->text = text;
        HASH_ADD(by_text, sql->statements, text, sizeof(text), statement);
    }
    if (statement->prepared == NULL)
        *out_code = sqlite3_prepare_v3(sql->connection, text, -1, SQLITE_PREPARE_PERSISTENT,
                                       &statement->prepared, NULL);
    return statement;
}

struct query query_start(struct sql *sql, const char *text)
{
    struct query query = { .sql = sql };

    query.statement = statement_get(sql, text, &query.code);
    ASSERT(!query.statement->in_use);
    query.statement->in_use = true;
    return query;
}

static void bound(struct query *query, int code)
{
    if (query->code == SQLITE_OK)
        query->code = code;
}

void query_text(struct query *query, const char *text)
{
    query->bound++;
    if (query->code == SQLITE_OK)
        bound(query,
              sqlite3_bind_text(query->statement->prepared, query->bound, text, -1, SQLITE_STATIC));
}

void query_int(struct query *query, int64_t value)
{
    query->bound++;
    if (query->code == SQLITE_OK)
        bound(query, sqlite3_bind_int64(query->statement->prepared, query->bound, value));
}

void query_blob(struct query *query, const void *data, size_t size)
{
    query->bound++;
    if (query->code == SQLITE_OK)
        bound(query, sqlite3_bind_blob64(query->statement->prepared, query->bound, data, size,
                                         SQLITE_STATIC));
}

bool query_row(struct query *query)
{
    int code;

    if (query->code != SQLITE_OK)
        return false;
    ASSERT(query->bound == sqlite3_bind_parameter_count(query->statement->prepared));
    query->broken = false;
    errno = 0;
    code = sqlite3_step(query->statement->prepared);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE) {
        query->code = code;
        query->number = errno;
    }
    return false;
}

int query_end(struct query *query, struct err *err)
{
    int status = query->code == SQLITE_OK ? 0 : report(query->sql, query->code, query->number, err);

    ASSERT(query->statement->in_use);
    query->statement->in_use = false;
    if (query->statement->prepared != NULL) {
        (void)sqlite3_reset(query->statement->prepared);
        (void)sqlite3_clear_bindings(query->statement->prepared);
    }
    return status;
}

int query_run(struct query *query, struct err *err)
{
    while (query_row(query))
        continue;
    return query_end(query, err);
}

/* Every transaction needs them: prepared once. */
int sql_begin(struct sql *sql, struct err *err)
{
    struct query query = query_start(sql, "BEGIN IMMEDIATE");

    return query_run(&query, err);
}

int sql_commit(struct sql *sql, struct err *err)
{
    struct query query = query_start(sql, "COMMIT");

    return query_run(&query, err);
}

int sql_savepoint(struct sql *sql, struct err *err)
{
    struct query query = query_start(sql, "SAVEPOINT part");

    return query_run(&query, err);
}

int sql_savepoint_keep(struct sql *sql, struct err *err)
{
    struct query query = query_start(sql, "RELEASE part");

    return query_run(&query, err);
}

const char *query_get_text(struct query *query, int column)
{
    return (const char *)sqlite3_column_text(query->statement->prepared, column);
}

int64_t query_get_int(struct query *query, int column)
{
    return sqlite3_column_int64(query->statement->prepared, column);
}

const void *query_get_blob(struct query *query, int column, size_t *out_size)
{
    const void *data = sqlite3_column_blob(query->statement->prepared, column);

    *out_size = (size_t)sqlite3_column_bytes(query->statement->prepared, column);
    return data;
}

uint32_t query_get_u32(struct query *query, int column)
{
    int64_t value = query_get_int(query, column);

    if (value >= 0 && value <= UINT32_MAX)
        return (uint32_t)value;
    query->broken = true;
    return 0;
}

void query_get_fixed(struct query *query, int column, char *out, size_t size)
{
    const char *text = query_get_text(query, column);
    size_t length = text == NULL ? 0 : strlen(text);

    if (length >= size) {
        query->broken = true;
        length = 0;
    }
    memcpy(out, text == NULL ? "" : text, length);
    out[length] = '\0';
}

const char *sql_library_version(void)
{
    return sqlite3_libversion();
}
