/*
 * Steps are only ever added: a database of any version that was released becomes the current one.
 *
 * Enumerations are stored as text, times in milliseconds since 1970 (0: never).  Tables are STRICT,
 * so that SQLite refuses what is of another type.
 */
#include "reconciler/memory/migrations.h"

#include <inttypes.h>
#include <stdio.h>

/* "brth": file(1) and we know the database by it. */
#define APPLICATION_ID 0x62727468

/* 1: what memory holds and what history tells.  A deployment without a goal is history only. */
static const char step_1[] =
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE goal (digest TEXT PRIMARY KEY, text BLOB NOT NULL) STRICT;"
    "CREATE TABLE deployment ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT," /* in the order they were started */
    "    id TEXT NOT NULL UNIQUE,"
    "    cluster TEXT NOT NULL,"
    "    service TEXT NOT NULL,"
    "    revision TEXT NOT NULL,"
    "    commit_id TEXT NOT NULL,"
    "    state TEXT NOT NULL,"
    "    rollback INTEGER NOT NULL,"
    "    failed_tasks INTEGER NOT NULL,"
    "    attempt_max INTEGER NOT NULL,"
    "    created_ms INTEGER NOT NULL,"
    "    updated_ms INTEGER NOT NULL,"
    "    reason TEXT,"
    "    goal TEXT REFERENCES goal (digest)) STRICT;"
    "CREATE INDEX deployment_by_service ON deployment (cluster, service, number);"
    "CREATE INDEX deployment_by_goal ON deployment (goal) WHERE goal IS NOT NULL;"
    "CREATE TABLE pin ("
    "    deployment TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,"
    "    container INTEGER NOT NULL," /* index of containerDefinitions */
    "    image_id TEXT,"
    "    digest TEXT,"
    "    PRIMARY KEY (deployment, container)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE service ("
    "    cluster TEXT NOT NULL,"
    "    service TEXT NOT NULL,"
    "    quarantined TEXT,"
    "    quarantined_by TEXT," /* the commit whose revision failed */
    "    hold TEXT,"
    "    suspended TEXT,"
    "    start_failures INTEGER NOT NULL DEFAULT 0,"
    "    retry_at_ms INTEGER NOT NULL DEFAULT 0,"
    "    PRIMARY KEY (cluster, service)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE task ("
    "    id TEXT PRIMARY KEY,"
    "    deployment TEXT NOT NULL,"
    "    revision TEXT NOT NULL,"
    "    commit_id TEXT NOT NULL,"
    "    cluster TEXT NOT NULL,"
    "    service TEXT,"
    "    instance TEXT,"
    "    slot INTEGER NOT NULL,"
    "    attempt INTEGER NOT NULL,"
    "    stop_code TEXT NOT NULL,"
    "    reason TEXT,"
    "    exit_code INTEGER NOT NULL,"
    "    failed INTEGER NOT NULL,"
    "    started_ms INTEGER NOT NULL,"
    "    healthy_ms INTEGER NOT NULL,"
    "    stopping_ms INTEGER NOT NULL,"
    "    stopped_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX task_by_end ON task (stopped_ms);"
    "CREATE TABLE event ("
    "    id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "    cluster TEXT NOT NULL,"
    "    service TEXT NOT NULL,"
    "    at_ms INTEGER NOT NULL,"
    "    commit_id TEXT,"
    "    text TEXT NOT NULL) STRICT;"
    "CREATE INDEX event_by_service ON event (cluster, service, id);"
    "CREATE TABLE git_commit ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "    id TEXT NOT NULL,"
    "    author TEXT,"
    "    email TEXT,"
    "    subject TEXT,"
    "    committed_ms INTEGER NOT NULL,"
    "    seen_ms INTEGER NOT NULL,"
    "    outcome TEXT NOT NULL,"
    "    summary TEXT) STRICT;"
    "CREATE INDEX git_commit_by_id ON git_commit (id, number);";

/* 2: what was completed before proof was remembered, was believed. */
static const char step_2[] =
    "ALTER TABLE deployment ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;"
    "UPDATE deployment SET proven = 1 WHERE state = 'COMPLETED' OR rollback <> 0;";

/* 3: a removal that has begun. */
static const char step_3[] = "ALTER TABLE service ADD COLUMN removal TEXT;";

/* 4: differences that came back as often as they were mended. */
static const char step_4[] = "ALTER TABLE service ADD COLUMN frozen TEXT;"
                             "ALTER TABLE service ADD COLUMN thawed_ms INTEGER NOT NULL DEFAULT 0;";

/* 5: images that pulls brought. */
static const char step_5[] = "CREATE TABLE image ("
                             "    engine TEXT NOT NULL,"
                             "    image_id TEXT NOT NULL,"
                             "    refs TEXT NOT NULL," /* separated by spaces */
                             "    name TEXT,"
                             "    brought_ms INTEGER NOT NULL,"
                             "    PRIMARY KEY (engine, image_id)) STRICT, WITHOUT ROWID;";

/* 6: each deployment has a throttle of its own; that of the service was the newest one's. */
static const char step_6[] =
    "ALTER TABLE deployment ADD COLUMN start_failures INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_at_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE deployment SET start_failures = service.start_failures,"
    "    retry_at_ms = service.retry_at_ms FROM service"
    "    WHERE service.cluster = deployment.cluster AND service.service = deployment.service"
    "    AND number = (SELECT max(number) FROM deployment AS other"
    "        WHERE other.cluster = deployment.cluster AND other.service = deployment.service);"
    "ALTER TABLE service DROP COLUMN start_failures;"
    "ALTER TABLE service DROP COLUMN retry_at_ms;";

/* 7: since when a service is removed. */
static const char step_7[] =
    "ALTER TABLE service ADD COLUMN removal_ms INTEGER NOT NULL DEFAULT 0;";

/* 8: what tasks that failed wrote last, in the order it came. */
static const char step_8[] = "CREATE TABLE output ("
                             "    number INTEGER PRIMARY KEY AUTOINCREMENT,"
                             "    task TEXT NOT NULL,"
                             "    container TEXT NOT NULL,"
                             "    text TEXT NOT NULL,"
                             "    UNIQUE (task, container)) STRICT;";

/* 9: instances that were given up. */
static const char step_9[] = "CREATE TABLE host ("
                             "    instance TEXT PRIMARY KEY,"
                             "    forgotten_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/* 10: instances on which we installed Docker. */
static const char step_10[] =
    "ALTER TABLE host ADD COLUMN installed_ms INTEGER NOT NULL DEFAULT 0;";

/* 11: how far the maintenance of instances is. */
static const char step_11[] = "ALTER TABLE host ADD COLUMN step TEXT;"
                              "ALTER TABLE host ADD COLUMN round TEXT;"
                              "ALTER TABLE host ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;"
                              "ALTER TABLE host ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;"
                              "ALTER TABLE host ADD COLUMN boot TEXT;"
                              "ALTER TABLE host ADD COLUMN reason TEXT;";

/* 12: which machine that was done to. */
static const char step_12[] = "ALTER TABLE host ADD COLUMN engine TEXT;";

/* 13: jobs: who asked for a task, and that no other one is made in its place. */
static const char step_13[] = "ALTER TABLE task ADD COLUMN started_by TEXT;"
                              "ALTER TABLE task ADD COLUMN claimed_ms INTEGER NOT NULL DEFAULT 0;"
                              "ALTER TABLE task ADD COLUMN begun TEXT;";

/* 14: schedules: what became of the times at which they were due; and of a task which of them it
 * was run for. */
static const char step_14[] = "CREATE TABLE schedule ("
                              " name TEXT PRIMARY KEY, timing TEXT NOT NULL, suspended TEXT,"
                              " since_ms INTEGER NOT NULL, decided_ms INTEGER NOT NULL,"
                              " due_ms INTEGER NOT NULL, result TEXT NOT NULL, run TEXT NOT NULL,"
                              " tasks INTEGER NOT NULL, tries INTEGER NOT NULL,"
                              " begin_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
                              " exit_code INTEGER NOT NULL, reason TEXT,"
                              " missed_ms INTEGER NOT NULL, missed TEXT) STRICT, WITHOUT ROWID;"
                              "ALTER TABLE task ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;";

/* 15: what was measured in each minute of a day, of services by their numbers (metrics/saved.c). */
static const char step_15[] = "CREATE TABLE metric_service ("
                              "    number INTEGER PRIMARY KEY,"
                              "    service TEXT NOT NULL UNIQUE) STRICT;"
                              "CREATE TABLE metric ("
                              "    minute INTEGER PRIMARY KEY,"
                              "    data BLOB NOT NULL) STRICT;";

/* 16: what auto scaling made of services, and what it did. */
static const char step_16[] =
    "ALTER TABLE service ADD COLUMN scaled INTEGER;" /* the count; NULL: it is not scaled */
    "ALTER TABLE service ADD COLUMN scaled_from INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE service ADD COLUMN scaled_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE service ADD COLUMN scaled_fulfilled INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE service ADD COLUMN scaled_out_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE service ADD COLUMN scaled_out_from INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE service ADD COLUMN scaled_in_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE scaling ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "    cluster TEXT NOT NULL,"
    "    service TEXT NOT NULL,"
    "    at_ms INTEGER NOT NULL,"
    "    ended_ms INTEGER NOT NULL," /* 0: it is in progress */
    "    from_count INTEGER NOT NULL,"
    "    to_count INTEGER NOT NULL,"
    "    status TEXT NOT NULL,"
    "    cause TEXT NOT NULL,"
    "    inputs TEXT) STRICT;"
    "CREATE INDEX scaling_of ON scaling (cluster, service, number);";

static const char *const steps[] = { step_1,  step_2,  step_3,  step_4,  step_5,  step_6,
                                     step_7,  step_8,  step_9,  step_10, step_11, step_12,
                                     step_13, step_14, step_15, step_16 };

int store_schema_version(void)
{
    return (int)ARRAY_COUNT(steps);
}

static int pragma(struct sql *sql, const char *text, int64_t *out, struct err *err)
{
    struct query query = query_start(sql, text);
    int64_t value = query_row(&query) ? query_get_int(&query, 0) : 0;

    if (query_end(&query, err) < 0)
        return -1;
    *out = value;
    return 0;
}

static int step_take(struct sql *sql, int64_t number, struct err *err)
{
    char mark[96];

    (void)snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
                   APPLICATION_ID, number);
    if (sql_begin(sql, err) < 0)
        return -1;
    if (sql_run(sql, steps[number - 1], err) == 0 && sql_run(sql, mark, err) == 0 &&
        sql_commit(sql, err) == 0)
        return 0;
    sql_rollback(sql);
    return err_wrap(err, "migrate to version %" PRId64, number);
}

int store_migrate(struct sql *sql, struct err *err)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;

    if (pragma(sql, "PRAGMA application_id", &application, err) < 0 ||
        pragma(sql, "PRAGMA user_version", &version, err) < 0 ||
        pragma(sql, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
        return -1;
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        return err_set(err, ERR_DENIED, "the database belongs to another program");
    if (version < 0 || version > store_schema_version())
        return err_set(err, ERR_DENIED,
                       "the database was written by a newer berth (version %" PRId64
                       ", this one knows %d)",
                       version, store_schema_version());
    for (int64_t next = version + 1; next <= store_schema_version(); next++) {
        if (step_take(sql, next, err) < 0)
            return -1;
    }
    return 0;
}
