/*
 * Opening, transactions and settings.  The tables of facts are in facts.c and load.c, those of
 * history in history.c.
 */
#include "reconciler/memory/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reconciler/memory/migrations.h"
#include "reconciler/memory/store_int.h"
#include "spec/base/text.h"

/* Small: a cycle reads and writes a few pages, and an idle Berth should weigh little. */
#define PRAGMAS                                                                                    \
    "PRAGMA journal_mode = WAL;"                                                                   \
    "PRAGMA journal_size_limit = 4194304;"                                                         \
    "PRAGMA cache_size = -512;"                                                                    \
    "PRAGMA temp_store = MEMORY;"                                                                  \
    "PRAGMA foreign_keys = ON;"                                                                    \
    "PRAGMA synchronous = FULL"

/* ---- Opening ------------------------------------------------------------------------------- */

/* With the right mode from its birth, and its name on disk before any fact is. */
static int database_make(const char *directory, const char *path, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    AUTO_FD int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || folder < 0)
        return err_set_errno(err, errno == ENOSPC || errno == EDQUOT ? ERR_CAPACITY : ERR_DENIED,
                             errno, "open '%s'", path);
    if (fchmod(fd, 0600) < 0 && errno != EPERM)
        return err_set_errno(err, ERR_DENIED, errno, "protect '%s'", path);
    if (fsync(folder) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "sync '%s'", directory);
    return 0;
}

static int database_check(struct sql *sql, struct err *err)
{
    struct query query = query_start(sql, "PRAGMA quick_check(1)");
    AUTO_TEXT char *finding = NULL;

    if (query_row(&query))
        finding = mem_text(query_get_text(&query, 0));
    if (query_end(&query, err) < 0)
        return -1;
    return text_equal(finding, "ok")
               ? 0
               : err_set(err, ERR_INVALID, "database: %s", finding == NULL ? "empty" : finding);
}

static int database_open(const char *directory, const char *path, struct sql **out, struct err *err)
{
    AUTO(sql) *sql = NULL;

    if (database_make(directory, path, err) < 0 || sql_open(path, &sql, err) < 0 ||
        sql_run(sql, PRAGMAS, err) < 0 || database_check(sql, err) < 0 ||
        store_migrate(sql, err) < 0)
        return -1;
    *out = TAKE(sql);
    return 0;
}

/* The write-ahead log goes along: it may hold what a person wants to save. */
static int move_aside(const char *path, char *out, size_t size, struct err *err)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    char now[TEXT_TIME_SIZE];
    struct timespec clock = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &clock);
    text_print_time((int64_t)clock.tv_sec * 1000 + clock.tv_nsec / 1000000, now);
    if (snprintf(out, size, "%s.corrupt-%s", path, now) >= (int)size)
        return err_set(err, ERR_INVALID, "the name of '%s' is too long", path);
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        AUTO(arena) arena = { 0 };
        const char *from = arena_printf(&arena, "%s%s", path, suffixes[i]);
        const char *to = arena_printf(&arena, "%s%s", out, suffixes[i]);

        if (rename(from, to) < 0 && errno != ENOENT)
            return err_set_errno(err, ERR_DENIED, errno, "move '%s' aside", from);
    }
    return 0;
}

static int database_open_or_begin(struct store *store, struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *path = arena_printf(&arena, "%s/berth.db", store->directory);
    struct err why = { 0 };
    char aside[4096];

    if (database_open(store->directory, path, &store->sql, &why) == 0)
        return 0;
    if (why.code != ERR_INVALID) {
        *err = why;
        return -1;
    }
    if (move_aside(path, aside, sizeof(aside), err) < 0)
        return -1;
    diag_add(&store->warnings, DIAG_WARNING, (struct pos){ 0 },
             "the memory was damaged (%s): it was moved to '%s', and what runs is adopted by its "
             "labels",
             why.text, aside);
    return database_open(store->directory, path, &store->sql, err);
}

static int setting_write(struct store *store, const char *key, const void *value, size_t size,
                         struct err *err)
{
    struct query query =
        query_start(store->sql, "INSERT INTO setting (key, value) VALUES (?, ?)"
                                " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                                " WHERE value IS NOT excluded.value");

    query_text(&query, key);
    query_blob(&query, value, size);
    return query_run(&query, err);
}

/* Into the arena, with a NUL behind; NULL: not set. */
static int setting_read(struct store *store, const char *key, struct arena *arena, const char **out,
                        size_t *out_size, struct err *err)
{
    struct query query = query_start(store->sql, "SELECT value FROM setting WHERE key = ?");
    const char *value = NULL;
    size_t size = 0;

    query_text(&query, key);
    if (query_row(&query)) {
        const void *data = query_get_blob(&query, 0, &size);

        value = arena_text_n(arena, data == NULL ? "" : data, size);
    }
    if (query_end(&query, err) < 0)
        return -1;
    *out = value;
    *out_size = size;
    return 0;
}

/* The facts of two owners would be mixed up. */
static int owner_check(struct store *store, const char *owner, struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *found;
    size_t size;
    int status;

    if (setting_read(store, "owner", &arena, &found, &size, err) < 0)
        return -1;
    if (found != NULL && !text_equal(found, owner))
        return err_set(
            err, ERR_DENIED,
            "it is of owner '%s', not '%s': say --owner %s, or give this one another --state",
            found, owner, found);
    if (found != NULL)
        return 0;
    if (store_begin(store, /* durable */ true, err) < 0)
        return -1;
    status = setting_write(store, "owner", owner, strlen(owner), err);
    return store_end(store, status, err);
}

struct store *store_open(const char *state_dir, const char *owner,
                         const struct store_identity *identity, struct err *err)
{
    AUTO(store) *store = mem_alloc(sizeof(*store));

    store->directory = mem_text(state_dir);
    store->synchronous = true; /* as PRAGMAS say */
    store->lock = -1;
    if (directory_make(state_dir, err) < 0)
        return NULL;
    store->lock = directory_lock(state_dir, identity, err);
    if (store->lock < 0)
        return NULL;
    if (database_open_or_begin(store, err) < 0 || owner_check(store, owner, err) < 0) {
        (void)err_wrap(err, "state directory '%s'", state_dir);
        return NULL;
    }
    return TAKE(store);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    (void)store_flush(store, NULL);
    sql_close(store->sql);
    fd_auto(&store->lock); /* last: whoever waits for the lock may then open the database */
    diag_release(&store->warnings);
    free(store->directory);
    free(store);
}

const struct diag_list *store_warnings(const struct store *store)
{
    return &store->warnings;
}

/* ---- Transactions -------------------------------------------------------------------------- */

static int begin(struct store *store, bool durable, struct err *err)
{
    if (store->synchronous != durable) {
        if (sql_run(store->sql,
                    durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err) < 0)
            return -1;
        store->synchronous = durable;
    }
    return sql_begin(store->sql, err);
}

int store_begin(struct store *store, bool durable, struct err *err)
{
    return store_flush(store, err) < 0 ? -1 : begin(store, durable, err);
}

int store_end(struct store *store, int status, struct err *err)
{
    if (status == 0 && sql_commit(store->sql, err) == 0)
        return 0;
    sql_rollback(store->sql);
    return -1;
}

bool store_gathers(const struct store *store)
{
    return store->gathering;
}

int store_flush(struct store *store, struct err *err)
{
    if (!store->gathering)
        return 0;
    store->gathering = false;
    return store_end(store, /* status= */ 0, err);
}

static int facts_write(struct store *store, const struct fact *facts, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (fact_write(store->sql, &facts[i], err) < 0)
            return -1;
    }
    return 0;
}

/* A savepoint each, so that a write that fails takes nothing along. A disk that is full may end the
 * transaction as a whole: what it held was only learnt, and is learnt again. */
static int facts_gather(struct store *store, const struct fact *facts, size_t count,
                        struct err *err)
{
    if (!store->gathering && begin(store, /* durable= */ false, err) < 0)
        return -1;
    store->gathering = true;
    if (sql_savepoint(store->sql, err) < 0)
        return -1;
    if (facts_write(store, facts, count, err) == 0 && sql_savepoint_keep(store->sql, err) == 0)
        return 0;
    store->gathering = sql_savepoint_drop(store->sql);
    return -1;
}

int store_write(struct store *store, const struct fact *facts, size_t count, struct err *err)
{
    bool durable = false;
    int status;

    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        durable = durable || facts[i].durable;
    if (durable) {
        status = store_begin(store, /* durable= */ true, err);
        if (status == 0)
            status = store_end(store, facts_write(store, facts, count, err), err);
    } else {
        status = facts_gather(store, facts, count, err);
    }
    return status < 0 ? err_wrap(err, "remember") : 0;
}

int store_load(struct store *store, struct memory *memory, struct err *err)
{
    return memory_load(store->sql, memory, &store->warnings, err) < 0
               ? err_wrap(err, "load '%s/berth.db'", store->directory)
               : 0;
}

/* ---- Pruning ------------------------------------------------------------------------------- */

struct id_list {
    struct arena arena;
    const char **items;
    size_t count;
    size_t room;
};

static void id_list_release(struct id_list *ids)
{
    arena_release(&ids->arena);
}
DEFINE_AUTO_VALUE(id_list, id_list_release)

static void id_list_add(struct id_list *ids, const char *id)
{
    if (ids->count == ids->room) {
        const char **more = arena_array(&ids->arena, const char *, ids->room * 2 + 64);

        if (ids->count > 0)
            memcpy(more, ids->items, ids->count * sizeof(*more));
        ids->items = more;
        ids->room = ids->room * 2 + 64;
    }
    ids->items[ids->count++] = arena_text(&ids->arena, id);
}

/* Ids that the tables hold and memory has let go. */
static int expired(struct store *store, const char *select, const struct memory *memory,
                   struct id_list *ids, struct err *err)
{
    struct query row = query_start(store->sql, select);

    while (query_row(&row)) {
        const char *id = query_get_text(&row, 0);
        const char *cluster = query_get_text(&row, 1);
        const char *service = query_get_text(&row, 2);
        AUTO(arena) scratch = { 0 };

        if (cluster == NULL
                ? memory_task(memory, id) != NULL
                : memory_deployment(memory_service(memory, unit_key(&scratch, cluster, service)),
                                    id) != NULL)
            continue;
        id_list_add(ids, id);
    }
    return query_end(&row, err);
}

static int expired_images(struct store *store, const struct memory *memory, struct id_list *keys,
                          struct err *err)
{
    struct query row =
        query_start(store->sql, "SELECT engine, image_id, engine || ' ' || image_id FROM image");

    while (query_row(&row)) {
        if (memory_image(memory, query_get_text(&row, 0), query_get_text(&row, 1)) == NULL)
            id_list_add(keys, query_get_text(&row, 2));
    }
    return query_end(&row, err);
}

static int expired_hosts(struct store *store, const struct memory *memory, struct id_list *names,
                         struct err *err)
{
    struct query row = query_start(store->sql, "SELECT instance FROM host");

    while (query_row(&row)) {
        if (memory_host(memory, query_get_text(&row, 0)) == NULL)
            id_list_add(names, query_get_text(&row, 0));
    }
    return query_end(&row, err);
}

static int by_id(struct store *store, const char *statement, const char *id, struct err *err)
{
    struct query query = query_start(store->sql, statement);

    query_text(&query, id);
    return query_run(&query, err);
}

static int things_prune(struct store *store, const struct memory *memory, struct err *err)
{
    AUTO(id_list) images = { 0 };
    AUTO(id_list) hosts = { 0 };

    if (expired_images(store, memory, &images, err) < 0 ||
        expired_hosts(store, memory, &hosts, err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        if (by_id(store, "DELETE FROM image WHERE engine || ' ' || image_id = ?", images.items[i],
                  err) < 0)
            return -1;
    }
    for (size_t i = 0; i < hosts.count; i++) {
        if (by_id(store, "DELETE FROM host WHERE instance = ?", hosts.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int facts_prune(struct store *store, const struct memory *memory, struct err *err)
{
    AUTO(id_list) deployments = { 0 };
    AUTO(id_list) tasks = { 0 };

    if (expired(store, "SELECT id, cluster, service FROM deployment WHERE goal IS NOT NULL", memory,
                &deployments, err) < 0)
        return -1;
    for (size_t i = 0; i < deployments.count; i++) {
        const char *id = deployments.items[i];

        if (by_id(store, "DELETE FROM pin WHERE deployment = ?", id, err) < 0 ||
            by_id(store, "UPDATE deployment SET goal = NULL WHERE id = ?", id, err) < 0)
            return -1;
    }
    /* A task that never stopped and is not remembered was lost with its service. */
    if (expired(store, "SELECT id, NULL, NULL FROM task WHERE stopped_ms = 0", memory, &tasks,
                err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.count; i++) {
        if (by_id(store, "DELETE FROM task WHERE id = ?", tasks.items[i], err) < 0)
            return -1;
    }
    if (things_prune(store, memory, err) < 0)
        return -1;
    return sql_run(store->sql,
                   "DELETE FROM goal WHERE NOT EXISTS"
                   " (SELECT 1 FROM deployment WHERE goal = goal.digest)",
                   err);
}

int store_prune(struct store *store, const struct memory *memory, int64_t now_ms, struct err *err)
{
    int status;

    if (store_begin(store, /* durable */ false, err) < 0)
        return err_wrap(err, "prune history");
    status = facts_prune(store, memory, err);
    if (status == 0)
        status = history_prune(store->sql, now_ms, err);
    return store_end(store, status, err) < 0 ? err_wrap(err, "prune history") : 0;
}

/* ---- Settings ------------------------------------------------------------------------------ */

/* How each member of struct store_progress is called in the table. */
static const struct {
    const char *key;
    size_t offset;
} progress_commits[] = {
    { "root", offsetof(struct store_progress, root) },
    { "applied", offsetof(struct store_progress, applied) },
    { "rejected", offsetof(struct store_progress, rejected) },
    { "confirmed", offsetof(struct store_progress, confirmed) },
};

int store_progress_read(struct store *store, struct arena *arena, struct store_progress *out,
                        struct err *err)
{
    struct store_progress progress = { 0 };
    const char *text;
    size_t size;

    for (size_t i = 0; i < ARRAY_COUNT(progress_commits); i++) {
        char *member = (char *)&progress + progress_commits[i].offset;

        if (setting_read(store, progress_commits[i].key, arena, &text, &size, err) < 0)
            return -1;
        if (text != NULL && size < COMMIT_SIZE)
            memcpy(member, text, size + 1);
    }
    if (setting_read(store, "rejected-errors", arena, &progress.rejected_errors, &size, err) < 0 ||
        setting_read(store, "take-over", arena, &text, &size, err) < 0)
        return -1;
    progress.take_over = text_equal(text, "true");
    *out = progress;
    return 0;
}

int progress_write(struct store *store, const struct store_progress *progress, struct err *err)
{
    const char *errors = progress->rejected_errors;
    const char *take_over = progress->take_over ? "true" : "false";
    int status = 0;

    for (size_t i = 0; status == 0 && i < ARRAY_COUNT(progress_commits); i++) {
        const char *member = (const char *)progress + progress_commits[i].offset;

        status = setting_write(store, progress_commits[i].key, member, strlen(member), err);
    }
    if (status == 0 && errors != NULL)
        status = setting_write(store, "rejected-errors", errors, strlen(errors), err);
    else if (status == 0)
        status = sql_run(store->sql, "DELETE FROM setting WHERE key = 'rejected-errors'", err);
    if (status == 0)
        status = setting_write(store, "take-over", take_over, strlen(take_over), err);
    return status;
}

int store_progress_write(struct store *store, const struct store_progress *progress,
                         struct err *err)
{
    if (store_begin(store, /* durable */ true, err) < 0)
        return err_wrap(err, "remember");
    return store_end(store, progress_write(store, progress, err), err) < 0
               ? err_wrap(err, "remember")
               : 0;
}

int store_fleet_read(struct store *store, char **out, struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *state = NULL;
    size_t size = 0;

    if (setting_read(store, "fleet", &arena, &state, &size, err) < 0)
        return -1;
    *out = state == NULL ? NULL : mem_text(state);
    return 0;
}

int store_fleet_write(struct store *store, const char *state, struct err *err)
{
    if (store_begin(store, /* durable */ true, err) < 0)
        return err_wrap(err, "remember");
    return store_end(store, setting_write(store, "fleet", state, strlen(state), err), err) < 0
               ? err_wrap(err, "remember")
               : 0;
}
