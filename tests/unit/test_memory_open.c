/*
 * The state directory in bad company: a second opener, a process killed while it writes, damaged
 * files, no permission, no room.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/memory/history.h"
#include "reconciler/memory/migrations.h"
#include "reconciler/memory/store.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define STARTED_MS INT64_C(1795374162123) /* 2026-11-22T19:02:42.123Z */

static char *directory;
static char path[256];

static int make_directory(void **unused)
{
    (void)unused;
    directory = scratch_make();
    (void)snprintf(path, sizeof(path), "%s/state", directory);
    return 0;
}

static int remove_directory(void **unused)
{
    (void)unused;
    scratch_remove(directory);
    return 0;
}

static struct store *open_as(const char *owner, struct err *err)
{
    struct store_identity identity = { .command = "berth run /srv/infra",
                                       .started_ms = STARTED_MS };

    return store_open(path, owner, &identity, err);
}

static struct store *open_again(void)
{
    struct err err = { 0 };
    struct store *store = open_as("tester", &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static char *file_in_state(const char *name)
{
    static char file[512];

    (void)snprintf(file, sizeof(file), "%s/%s", path, name);
    return file;
}

static mode_t mode_of(const char *file)
{
    struct stat status;

    assert_int_equal(stat(file, &status), 0);
    return status.st_mode & 0777;
}

/* ---- Who may open -------------------------------------------------------------------------- */

static void everything_made_is_private(void **unused)
{
    (void)unused;
    AUTO(store) *store = NULL;

    (void)snprintf(path, sizeof(path), "%s/a/b/state", directory);
    store = open_again();
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(file_in_state("berth.db")), 0600);
    assert_int_equal(mode_of(file_in_state("berth.db-wal")), 0600);
    assert_int_equal(mode_of(file_in_state("lock")), 0600);
}

static void the_second_opener_is_told_who_was_first(void **unused)
{
    (void)unused;
    AUTO(store) *store = open_again();
    struct err err = { 0 };
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "process %ld ", (long)getpid());
    assert_null(open_as("tester", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, pid));
    assert_non_null(strstr(err.text, "'berth run /srv/infra'"));
    assert_non_null(strstr(err.text, "2026-11-22T19:02:42.123Z"));
    store_close(TAKE(store));
    store = open_again();
}

static void a_holder_that_died_is_no_obstacle(void **unused)
{
    (void)unused;
    AUTO(store) *store = NULL;
    int ready[2];
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct store *held = open_again();

        (void)held;
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_null(open_as("tester", NULL));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    store = open_again();
    assert_int_equal(store_warnings(store)->count, 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void another_owner_is_refused(void **unused)
{
    (void)unused;
    struct err err = { 0 };

    store_close(open_again());
    assert_null(open_as("other", &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.text, "it is of owner 'tester', not 'other': say --owner tester"));
    assert_ptr_equal(strstr(err.text, "state directory"), err.text);
    assert_null(strstr(err.text + 1, "state directory"));
    store_close(open_again());
}

/* Runs `attempt` where permissions count, which they do not for root; its text is the answer. */
static void assert_denied_to_nobody(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct err err = { 0 };

        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
            _exit(3);
        if (open_as("tester", &err) != NULL)
            _exit(1);
        _exit(err.code == ERR_DENIED ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_read_only_directory_is_an_error(void **unused)
{
    (void)unused;
    assert_int_equal(chmod(directory, 0555), 0);
    assert_denied_to_nobody(); /* cannot be made */
    assert_int_equal(mkdir(path, 0555), 0);
    assert_denied_to_nobody(); /* cannot be written */
    assert_int_equal(chmod(directory, 0755), 0);
}

/* ---- Whole transactions -------------------------------------------------------------------- */

#define DURABLE_EVERY 4

/* The facts of a round say the same number, and so must what is found later. */
static void write_round(struct store *store, unsigned round)
{
    char text[16];
    struct fact facts[3] = {
        { .kind = FACT_HOLD,
          .durable = round % DURABLE_EVERY == 0,
          .cluster = "c",
          .service = "s" },
        { .kind = FACT_SUSPEND, .cluster = "c", .service = "s" },
        { .kind = FACT_EVENT, .cluster = "c", .service = "s", .at_ms = 1 },
    };
    struct err err = { 0 };

    (void)snprintf(text, sizeof(text), "%08u", round);
    facts[0].text = facts[1].text = facts[2].text = text;
    assert_int_equal(store_write(store, facts, 3, &err), 0);
}

static unsigned last_round(struct store *store)
{
    AUTO(memory) *memory = memory_new();
    AUTO(arena) arena = { 0 };
    const struct memory_service *service;
    struct history_filter filter = { .limit = 1 };
    struct history_event *event;
    struct err err = { 0 };
    size_t count;
    uint32_t round;

    assert_int_equal(store_load(store, memory, &err), 0);
    assert_int_equal(history_events(store, &filter, &arena, &event, &count, &err), 0);
    service = memory_service(memory, "c/s");
    if (service == NULL) {
        assert_int_equal(count, 0);
        return 0;
    }
    assert_non_null(service->hold);
    assert_non_null(service->suspended);
    assert_string_equal(service->hold, service->suspended);
    assert_int_equal(count, 1);
    assert_string_equal(service->hold, event->text);
    assert_true(text_parse_u32(service->hold, &round));
    return round;
}

static void a_killed_writer_leaves_whole_transactions(void **unused)
{
    (void)unused;
    unsigned round = 0;

    for (unsigned kills = 0; kills < 10; kills++) {
        int progress[2];
        uint32_t told = 0;
        uint32_t next;
        pid_t child;

        assert_int_equal(pipe(progress), 0);
        child = fork();
        if (child == 0) {
            struct store *store = open_again();

            for (uint32_t i = round + 1;; i++) {
                write_round(store, i);
                if (i % DURABLE_EVERY == 0)
                    (void)!write(progress[1], &i, sizeof(i));
            }
        }
        (void)close(progress[1]);
        while (told < round + 20 + kills * 7 && read(progress[0], &next, sizeof(next)) > 0)
            told = next;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(progress[0], &next, sizeof(next)) > 0)
            told = next;
        (void)close(progress[0]);
        {
            AUTO(store) *store = open_again();

            assert_int_equal(store_warnings(store)->count, 0);
            round = last_round(store);
            assert_true(round >= told); /* what was told to be durable is there */
            assert_true(round <= told + DURABLE_EVERY);
        }
    }
}

static void run_sql(const char *script)
{
    AUTO(sql) *sql = NULL;
    struct err err = { 0 };

    assert_int_equal(sql_open(file_in_state("berth.db"), &sql, &err), 0);
    if (sql_run(sql, script, &err) < 0)
        fail_msg("%s", err.text);
}

/* What someone else sees of a database that this process has open. */
static unsigned seen_from_outside(void)
{
    AUTO(sql) *sql = NULL;
    struct err err = { 0 };
    struct query query;
    uint32_t seen = 0;

    assert_int_equal(sql_open(file_in_state("berth.db"), &sql, &err), 0);
    query = query_start(sql, "SELECT CAST(hold AS INTEGER) FROM service");
    while (query_row(&query))
        seen = query_get_u32(&query, 0);
    assert_int_equal(query_end(&query, &err), 0);
    return seen;
}

static void facts_that_may_be_lost_gather(void **unused)
{
    (void)unused;
    struct store *store = open_again();
    struct err err = { 0 };

    write_round(store, 1);
    write_round(store, 2);
    assert_true(store_gathers(store));
    assert_int_equal(last_round(store), 2); /* read back at once, */
    assert_int_equal(seen_from_outside(), 0);
    assert_int_equal(store_flush(store, &err), 0);
    assert_false(store_gathers(store));
    assert_int_equal(seen_from_outside(), 2);
    write_round(store, 3);
    write_round(store, DURABLE_EVERY); /* takes along what came before */
    assert_false(store_gathers(store));
    assert_int_equal(seen_from_outside(), DURABLE_EVERY);
    write_round(store, DURABLE_EVERY + 1);
    store_close(store);
    store = open_again();
    assert_int_equal(last_round(store), DURABLE_EVERY + 1);
    store_close(store);
}

static void a_write_that_fails_takes_nothing_along(void **unused)
{
    (void)unused;
    struct fact facts[2] = { { .kind = FACT_HOLD, .cluster = "c", .service = "s", .text = "bad" },
                             { .kind = FACT_EVENT, .at_ms = 1, .text = "bad" } };
    struct err err = { 0 };
    struct store *store = open_again();

    store_close(store);
    run_sql("CREATE TRIGGER bad BEFORE INSERT ON event WHEN new.text = 'bad'"
            " BEGIN SELECT RAISE(FAIL, 'no'); END");
    store = open_again();
    write_round(store, 1);
    assert_int_equal(store_write(store, facts, 2, &err), -1);
    assert_int_equal(last_round(store), 1); /* not half of it either */
    write_round(store, 2);
    assert_int_equal(store_flush(store, &err), 0);
    assert_int_equal(seen_from_outside(), 2);
    store_close(store);
}

/* ---- Damage -------------------------------------------------------------------------------- */

static void overwrite(const char *file, off_t at, const char *bytes, size_t size, bool cut)
{
    AUTO_FD int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
    if (cut)
        assert_int_equal(ftruncate(fd, at + (off_t)size), 0);
}

static void assert_moved_aside(void)
{
    AUTO(store) *store = open_again();
    const struct diag_list *warnings = store_warnings(store);
    const char *name;
    char *end;

    assert_int_equal(warnings->count, 1);
    name = strstr(warnings->items[0].text, "berth.db.corrupt-");
    assert_non_null(name);
    end = strchr(name, '\'');
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(access(file_in_state(name), F_OK), 0);
    assert_int_equal(last_round(store), 0);
    write_round(store, 7);
    store_close(TAKE(store));
    store = open_again();
    assert_int_equal(store_warnings(store)->count, 0);
    assert_int_equal(last_round(store), 7);
}

static void what_is_no_database_is_moved_aside(void **unused)
{
    (void)unused;
    static const char noise[] = "this is not a database, and it is longer than a header of one is, "
                                "which has a hundred bytes, so that it is looked at";

    store_close(open_again());
    overwrite(file_in_state("berth.db"), 0, noise, sizeof(noise), true);
    assert_moved_aside();
}

static void a_damaged_page_is_found(void **unused)
{
    (void)unused;
    static char noise[4096];
    struct store *store = open_again();
    struct stat status;

    for (unsigned i = 1; i < 200; i++)
        write_round(store, i);
    store_close(store);
    memset(noise, 0xa5, sizeof(noise));
    assert_int_equal(stat(file_in_state("berth.db"), &status), 0);
    overwrite(file_in_state("berth.db"), status.st_size - 8192, noise, sizeof(noise), false);
    assert_moved_aside();
}

static void a_cut_database_is_found(void **unused)
{
    (void)unused;
    struct store *store = open_again();

    for (unsigned i = 1; i < 200; i++)
        write_round(store, i);
    store_close(store);
    assert_int_equal(truncate(file_in_state("berth.db"), 9000), 0);
    assert_moved_aside();
}

static void an_empty_file_is_an_empty_database(void **unused)
{
    (void)unused;
    AUTO(store) *store = NULL;

    assert_int_equal(mkdir(path, 0700), 0);
    overwrite(file_in_state("berth.db"), 0, "", 0, true);
    store = open_again();
    assert_int_equal(store_warnings(store)->count, 0);
    assert_int_equal(last_round(store), 0);
}

/* ---- Schema -------------------------------------------------------------------------------- */

static void version_0_becomes_the_current_one(void **unused)
{
    (void)unused;
    AUTO(sql) *sql = NULL;
    struct err err = { 0 };
    struct query query;

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(sql_open(file_in_state("berth.db"), &sql, &err), 0);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
        assert_int_equal(store_migrate(sql, &err), 0);
        query = query_start(sql, "PRAGMA user_version");
        assert_true(query_row(&query));
        assert_int_equal(query_get_int(&query, 0), store_schema_version());
        assert_int_equal(query_end(&query, &err), 0);
    }
}

/* What was completed by an earlier version counts as proven, and the newest deployment pauses. */
static void version_1_becomes_the_current_one(void **unused)
{
    (void)unused;
    AUTO(sql) *sql = NULL;
    struct err err = { 0 };
    struct query query;

    store_close(open_again());
    run_sql("ALTER TABLE deployment DROP COLUMN proven;"
            "ALTER TABLE deployment DROP COLUMN start_failures;"
            "ALTER TABLE deployment DROP COLUMN retry_at_ms;"
            "ALTER TABLE service ADD COLUMN start_failures INTEGER NOT NULL DEFAULT 0;"
            "ALTER TABLE service ADD COLUMN retry_at_ms INTEGER NOT NULL DEFAULT 0;"
            "ALTER TABLE service DROP COLUMN removal;"
            "ALTER TABLE service DROP COLUMN removal_ms;"
            "ALTER TABLE service DROP COLUMN frozen;"
            "ALTER TABLE service DROP COLUMN thawed_ms;"
            "DROP TABLE scaling;"
            "ALTER TABLE service DROP COLUMN scaled;"
            "ALTER TABLE service DROP COLUMN scaled_from;"
            "ALTER TABLE service DROP COLUMN scaled_ms;"
            "ALTER TABLE service DROP COLUMN scaled_fulfilled;"
            "ALTER TABLE service DROP COLUMN scaled_out_ms;"
            "ALTER TABLE service DROP COLUMN scaled_out_from;"
            "ALTER TABLE service DROP COLUMN scaled_in_ms;"
            "DROP TABLE image;"
            "DROP TABLE output;"
            "DROP TABLE host;"
            "DROP TABLE metric_service;"
            "DROP TABLE metric;"
            "ALTER TABLE task DROP COLUMN started_by;"
            "ALTER TABLE task DROP COLUMN claimed_ms;"
            "ALTER TABLE task DROP COLUMN begun;"
            "ALTER TABLE task DROP COLUMN due_ms;"
            "DROP TABLE schedule;"
            "PRAGMA user_version = 1;"
            "INSERT INTO service (cluster, service, start_failures, retry_at_ms)"
            " VALUES ('c', 's', 4, 99);"
            "INSERT INTO deployment VALUES"
            " (1, 'd1', 'c', 's', 'r', 'c1', 'COMPLETED', 0, 0, 0, 1, 1, NULL, NULL),"
            " (2, 'd2', 'c', 's', 'r', 'c2', 'FAILED', 0, 0, 0, 1, 1, NULL, NULL);");
    store_close(open_again());
    assert_int_equal(sql_open(file_in_state("berth.db"), &sql, &err), 0);
    query = query_start(sql, "SELECT sum(proven), max(CASE WHEN proven THEN id END),"
                             " (SELECT count(*) FROM service WHERE removal IS NULL"
                             " AND frozen IS NULL AND thawed_ms = 0),"
                             " (SELECT group_concat(id || start_failures || retry_at_ms)"
                             " FROM deployment WHERE retry_at_ms <> 0) FROM deployment");
    assert_true(query_row(&query));
    assert_int_equal(query_get_int(&query, 0), 1);
    assert_string_equal(query_get_text(&query, 1), "d1");
    assert_int_equal(query_get_int(&query, 2), 1);
    assert_string_equal(query_get_text(&query, 3), "d2499");
    assert_int_equal(query_end(&query, &err), 0);
}

static void foreign_databases_are_not_touched(void **unused)
{
    (void)unused;
    struct err err = { 0 };

    store_close(open_again());
    run_sql("PRAGMA user_version = 1000");
    assert_null(open_as("tester", &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.text, "newer"));
    run_sql("PRAGMA user_version = 1; PRAGMA application_id = 1");
    assert_null(open_as("tester", &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(unlink(file_in_state("berth.db")), 0);
    run_sql("CREATE TABLE mine (a)");
    assert_null(open_as("tester", &err));
    assert_int_equal(err.code, ERR_DENIED);
    run_sql("INSERT INTO mine VALUES (1)");
}

static void a_value_that_cannot_be_is_left_out(void **unused)
{
    (void)unused;
    struct task_record task = { .id = "t1", .cluster = "c" };
    struct fact fact = { .kind = FACT_TASK, .task = &task };
    struct err err = { 0 };
    struct store *store = open_again();

    assert_int_equal(store_write(store, &fact, 1, &err), 0);
    (void)snprintf(task.id, sizeof(task.id), "t2");
    assert_int_equal(store_write(store, &fact, 1, &err), 0);
    store_close(store);
    for (int i = 0; i < 2; i++) {
        AUTO(memory) *memory = memory_new();

        run_sql(i == 0 ? "UPDATE task SET stop_code = 'Bored' WHERE id = 't1'"
                       : "UPDATE task SET stop_code = '', slot = -1 WHERE id = 't1'");
        store = open_again();
        assert_int_equal(store_load(store, memory, &err), 0);
        assert_null(memory_task(memory, "t1"));
        assert_non_null(memory_task(memory, "t2"));
        assert_int_equal(store_warnings(store)->count, 1);
        assert_non_null(strstr(store_warnings(store)->items[0].text, "'t1'"));
        store_close(store);
    }
}

/* ---- No room ------------------------------------------------------------------------------- */

/* Files may not grow beyond what they are now: what a full disk does, in one process. */
static void set_room(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_an_error_that_passes(void **unused)
{
    (void)unused;
    struct store *store = open_again();
    struct fact facts[64];
    struct err err = { 0 };
    static char text[8192];
    int status;

    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < ARRAY_COUNT(facts); i++)
        facts[i] = (struct fact){ .kind = FACT_EVENT,
                                  .durable = true,
                                  .text = text,
                                  .at_ms = (int64_t)i * HISTORY_REPEAT_MS };
    facts[0] = (struct fact){ .kind = FACT_HOLD, .cluster = "c", .service = "s", .text = "half" };
    write_round(store, 1);
    (void)signal(SIGXFSZ, SIG_IGN);
    set_room(256 * 1024);
    status = store_write(store, facts, ARRAY_COUNT(facts), &err);
    set_room(RLIM_INFINITY);
    assert_int_equal(status, -1);
    assert_int_equal(err.code, ERR_CAPACITY);
    assert_int_equal(last_round(store), 1); /* nothing of what failed */
    write_round(store, 2);
    assert_int_equal(last_round(store), 2);
    store_close(store);
    store = open_again();
    assert_int_equal(store_warnings(store)->count, 0);
    assert_int_equal(last_round(store), 2);
    store_close(store);
}

static void no_room_at_the_start_is_an_error(void **unused)
{
    (void)unused;
    struct err err = { 0 };

    (void)signal(SIGXFSZ, SIG_IGN);
    set_room(1024);
    assert_null(open_as("tester", &err));
    set_room(RLIM_INFINITY);
    assert_int_equal(err.code, ERR_CAPACITY);
    store_close(open_again());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        TEST(everything_made_is_private),
        TEST(the_second_opener_is_told_who_was_first),
        TEST(a_holder_that_died_is_no_obstacle),
        TEST(another_owner_is_refused),
        TEST(a_read_only_directory_is_an_error),
        TEST(a_killed_writer_leaves_whole_transactions),
        TEST(facts_that_may_be_lost_gather),
        TEST(a_write_that_fails_takes_nothing_along),
        TEST(what_is_no_database_is_moved_aside),
        TEST(a_damaged_page_is_found),
        TEST(a_cut_database_is_found),
        TEST(an_empty_file_is_an_empty_database),
        TEST(version_0_becomes_the_current_one),
        TEST(version_1_becomes_the_current_one),
        TEST(foreign_databases_are_not_touched),
        TEST(a_value_that_cannot_be_is_left_out),
        TEST(a_full_disk_is_an_error_that_passes),
        TEST(no_room_at_the_start_is_an_error),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
