/*
 * History: written along with the facts, read by the API.
 */
#include "reconciler/memory/history.h"

#include <string.h>

#include "reconciler/memory/store_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define TEXT_ROW(name, text) text,
static const char *const outcome_texts[] = { COMMIT_OUTCOMES(TEXT_ROW) };
static const char *const status_texts[] = { DEPLOYMENT_STATUSES(TEXT_ROW) };
#undef TEXT_ROW

const char *commit_outcome_text(enum commit_outcome outcome)
{
    ASSERT(outcome < COMMIT_OUTCOME_COUNT);
    return outcome_texts[outcome];
}

const char *deployment_status_text(enum deployment_status status)
{
    ASSERT(status < DEPLOYMENT_STATUS_COUNT);
    return status_texts[status];
}

static bool commit_outcome_parse(const char *text, enum commit_outcome *out)
{
    for (unsigned i = 0; i < COMMIT_OUTCOME_COUNT; i++) {
        if (text_equal(text, outcome_texts[i])) {
            *out = (enum commit_outcome)i;
            return true;
        }
    }
    return false;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static bool is_steady_text(const char *text)
{
    return text_ends(text, "has reached a steady state.");
}

/* Whether the same was told within HISTORY_REPEAT_MS and nothing since says that its cause is over.
 * A steady state is over as soon as anything else happens. */
static int is_repeat(struct sql *sql, const struct fact *fact, bool *out, struct err *err)
{
    struct query row =
        query_start(sql, "SELECT at_ms, commit_id, text FROM event"
                         " WHERE cluster = ? AND service = ? ORDER BY id DESC LIMIT 100");
    const char *commit = text_or_empty(fact->commit);
    bool repeat = false;

    query_text(&row, text_or_empty(fact->cluster));
    query_text(&row, text_or_empty(fact->service));
    while (query_row(&row)) {
        const char *text = query_get_text(&row, 2);

        if (fact->at_ms - query_get_int(&row, 0) >= HISTORY_REPEAT_MS ||
            !text_equal(commit, text_or_empty(query_get_text(&row, 1))))
            break;
        repeat = text_equal(text, fact->text);
        if (repeat || is_steady_text(fact->text) || is_steady_text(text))
            break;
    }
    if (query_end(&row, err) < 0)
        return -1;
    *out = repeat;
    return 0;
}

static int add_event(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query;
    bool repeat;

    if (is_repeat(sql, fact, &repeat, err) < 0)
        return -1;
    if (repeat)
        return 0;
    query = query_start(sql, "INSERT INTO event (cluster, service, at_ms, commit_id, text)"
                             " VALUES (?, ?, ?, ?, ?)");
    query_text(&query, text_or_empty(fact->cluster));
    query_text(&query, text_or_empty(fact->service));
    query_int(&query, fact->at_ms);
    query_text(&query, fact->commit);
    query_text(&query, fact->text);
    return query_run(&query, err);
}

/* Runs of a job are told of together: each by itself would be kept for long. */
int history_add_event(struct sql *sql, const struct fact *fact, struct err *err)
{
    AUTO(arena) scratch = { 0 };
    struct fact told = *fact;

    if (service_is_job(fact->service))
        told.service = job_group(&scratch, fact->service);
    return add_event(sql, &told, err);
}

static int commit_write(struct sql *sql, const struct history_commit *commit, struct err *err)
{
    struct query query = query_start(sql, "INSERT INTO git_commit (id, author, email, subject,"
                                          " committed_ms, seen_ms, outcome, summary)"
                                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");

    query_text(&query, commit->id);
    query_text(&query, commit->author);
    query_text(&query, commit->email);
    query_text(&query, commit->subject);
    query_int(&query, commit->committed_ms);
    query_int(&query, commit->seen_ms);
    query_text(&query, commit_outcome_text(commit->outcome));
    query_text(&query, commit->summary);
    return query_run(&query, err);
}

int history_add_commit(struct store *store, const struct history_commit *commit,
                       const struct store_progress *progress, struct err *err)
{
    int status;

    ASSERT(commit->id[0] != '\0');
    if (store_begin(store, /* durable */ false, err) < 0)
        return err_wrap(err, "remember commit");
    status = commit_write(store->sql, commit, err);
    if (status == 0)
        status = progress_write(store, progress, err);
    if (store_end(store, status, err) < 0)
        return err_wrap(err, "remember commit");
    return 0;
}

/* Conditions: a task of a service, of a job that is over. */
#define OF_A_SERVICE "coalesce(service, '') NOT LIKE '" JOB_GROUP "%'"
#define OF_A_JOB     "service LIKE '" JOB_GROUP "%'"
/* "family:FAMILY" of "family:FAMILY/RUN". */
#define GROUP_OF_JOB "substr(service, 1, instr(service, '/') - 1)"

/* What goes beyond the limits.  The first '?' is a count or a time. */
int history_prune(struct sql *sql, int64_t now_ms, struct err *err)
{
    const struct {
        const char *statement;
        int64_t value;
    } steps[] = {
        { "DELETE FROM event WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"
          " (PARTITION BY cluster, service ORDER BY id DESC) AS place FROM event)"
          " WHERE place > ?)",
          HISTORY_EVENTS },
        { "DELETE FROM event WHERE at_ms < ?", now_ms - HISTORY_AGE_MS },
        { "DELETE FROM scaling WHERE number IN (SELECT number FROM (SELECT number, row_number()"
          " OVER (PARTITION BY cluster, service ORDER BY number DESC) AS place FROM scaling)"
          " WHERE place > ?)",
          HISTORY_ACTIVITIES },
        { "DELETE FROM scaling WHERE at_ms < ?", now_ms - HISTORY_AGE_MS },
        { "DELETE FROM task WHERE stopped_ms <> 0 AND " OF_A_SERVICE " AND stopped_ms < ?",
          now_ms - HISTORY_TASKS_MS },
        { "DELETE FROM task WHERE stopped_ms <> 0 AND id IN (SELECT id FROM task"
          " WHERE stopped_ms <> 0 AND " OF_A_SERVICE
          " ORDER BY stopped_ms DESC, id LIMIT -1 OFFSET ?)",
          HISTORY_TASKS },
        { "DELETE FROM task WHERE stopped_ms <> 0 AND stopped_ms < ?", now_ms - HISTORY_AGE_MS },
        { "DELETE FROM task WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"
          " (PARTITION BY cluster, " GROUP_OF_JOB " ORDER BY stopped_ms DESC, id) AS place"
          " FROM task WHERE stopped_ms <> 0 AND " OF_A_JOB ") WHERE place > ?)",
          HISTORY_JOBS },
        { "DELETE FROM task WHERE stopped_ms <> 0 AND id IN (SELECT id FROM task"
          " WHERE stopped_ms <> 0 AND " OF_A_JOB " ORDER BY stopped_ms DESC, id LIMIT -1 OFFSET ?)",
          HISTORY_JOBS_ALL },
        { "DELETE FROM output WHERE task NOT IN (SELECT id FROM task) OR number IN (SELECT number"
          " FROM (SELECT number, sum(length(text)) OVER (ORDER BY number DESC) AS total"
          " FROM output) WHERE total > ?)",
          HISTORY_LINES_BYTES },
        { "DELETE FROM deployment WHERE goal IS NULL AND number IN (SELECT number FROM"
          " (SELECT number, row_number() OVER (PARTITION BY cluster, service"
          " ORDER BY number DESC) AS place FROM deployment) WHERE place > ?)",
          HISTORY_DEPLOYMENTS },
        { "DELETE FROM git_commit WHERE number IN"
          " (SELECT number FROM git_commit ORDER BY number DESC LIMIT -1 OFFSET ?)",
          HISTORY_COMMITS },
    };

    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct query query = query_start(sql, steps[i].statement);

        query_int(&query, steps[i].value);
        if (query_run(&query, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static size_t limit_of(const struct history_filter *filter)
{
    if (filter->limit == 0)
        return HISTORY_EVENTS;
    return filter->limit < HISTORY_COMMITS ? filter->limit : HISTORY_COMMITS;
}

/* A growing array in an arena; the outgrown ones go with the arena. */
struct rows {
    struct arena *arena;
    char *items;
    size_t count;
    size_t room;
};

static void *rows_add(struct rows *rows, size_t size)
{
    if (rows->count == rows->room) {
        size_t room = rows->room == 0 ? 32 : rows->room * 2;
        char *items = arena_alloc_array(rows->arena, room, size);

        if (rows->count > 0)
            memcpy(items, rows->items, rows->count * size);
        rows->items = items;
        rows->room = room;
    }
    return rows->items + size * rows->count++;
}

static char *text_or_null(struct arena *arena, const char *text)
{
    return text_is_empty(text) ? NULL : arena_text(arena, text);
}

static void event_read(struct query *row, struct arena *arena, struct history_event *out)
{
    out->id = query_get_int(row, 0);
    out->at_ms = query_get_int(row, 1);
    out->cluster = text_or_null(arena, query_get_text(row, 2));
    out->service = text_or_null(arena, query_get_text(row, 3));
    query_get_fixed(row, 4, out->commit, sizeof(out->commit));
    out->text = arena_text(arena, query_get_text(row, 5));
}

#define EVENT_COLUMNS "SELECT id, at_ms, cluster, service, commit_id, text FROM event"
#define OF_SERVICE    " (?1 IS NULL OR cluster = ?1) AND (?2 IS NULL OR service = ?2)"

int history_events(struct store *store, const struct history_filter *filter, struct arena *arena,
                   struct history_event **out, size_t *out_count, struct err *err)
{
    struct rows rows = { .arena = arena };
    struct query row =
        filter->after || filter->since > 0
            ? query_start(store->sql, EVENT_COLUMNS " WHERE" OF_SERVICE " AND id > ?3"
                                                    " ORDER BY id LIMIT ?4")
            : query_start(store->sql, "SELECT * FROM (" EVENT_COLUMNS " WHERE" OF_SERVICE
                                      " AND id > ?3 ORDER BY id DESC LIMIT ?4) ORDER BY id");

    query_text(&row, filter->cluster);
    query_text(&row, filter->service);
    query_int(&row, filter->since);
    query_int(&row, (int64_t)limit_of(filter));
    while (query_row(&row))
        event_read(&row, arena, rows_add(&rows, sizeof(struct history_event)));
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read events");
    *out = (struct history_event *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}

static bool deployment_read(struct query *row, struct arena *arena, struct history_deployment *out)
{
    *out = (struct history_deployment){ .number = query_get_int(row, 0) };
    query_get_fixed(row, 1, out->id, sizeof(out->id));
    query_get_fixed(row, 2, out->revision, sizeof(out->revision));
    query_get_fixed(row, 3, out->commit, sizeof(out->commit));
    out->cluster = arena_text(arena, query_get_text(row, 4));
    out->service = arena_text(arena, query_get_text(row, 5));
    out->author = arena_text(arena, query_get_text(row, 6));
    out->subject = arena_text(arena, query_get_text(row, 7));
    out->rollback = query_get_int(row, 9) != 0;
    out->failed_tasks = query_get_u32(row, 10);
    out->reason = arena_text(arena, query_get_text(row, 11));
    out->created_ms = query_get_int(row, 12);
    out->updated_ms = query_get_int(row, 13);
    query_get_fixed(row, 14, out->replaced_by, sizeof(out->replaced_by));
    if (out->replaced_by[0] != '\0' || query_get_int(row, 15) == 0)
        out->status = query_get_int(row, 16) != 0 ? DEPLOYMENT_ACTIVE : DEPLOYMENT_INACTIVE;
    return rollout_state_parse(query_get_text(row, 8), &out->state) && !row->broken;
}

int history_deployments(struct store *store, const struct history_filter *filter,
                        struct arena *arena, struct history_deployment **out, size_t *out_count,
                        struct err *err)
{
    struct rows rows = { .arena = arena };
    struct query row = query_start(
        store->sql,
        "SELECT deployment.number, deployment.id, revision, commit_id, cluster, service, author,"
        " subject, state, rollback, failed_tasks, reason, created_ms, updated_ms,"
        " (SELECT next.id FROM deployment AS next WHERE next.cluster = deployment.cluster"
        " AND next.service = deployment.service AND next.number > deployment.number"
        " ORDER BY next.number LIMIT 1), goal IS NOT NULL,"
        " deployment.id IN (SELECT task.deployment FROM task WHERE stopped_ms = 0)"
        " FROM deployment"
        " LEFT JOIN git_commit ON git_commit.number ="
        " (SELECT max(number) FROM git_commit WHERE git_commit.id = commit_id)"
        " WHERE" OF_SERVICE " AND " OF_A_SERVICE " AND (?3 = 0 OR deployment.number < ?3)"
        " ORDER BY deployment.number DESC LIMIT ?4");

    query_text(&row, filter->cluster);
    query_text(&row, filter->service);
    query_int(&row, filter->before);
    query_int(&row, (int64_t)limit_of(filter));
    while (query_row(&row)) {
        struct history_deployment deployment;

        if (deployment_read(&row, arena, &deployment))
            *(struct history_deployment *)rows_add(&rows, sizeof(deployment)) = deployment;
    }
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read deployments");
    *out = (struct history_deployment *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}

#define COMMIT_COLUMNS                                                                             \
    "SELECT number, id, author, email, subject, committed_ms, seen_ms, outcome, summary"           \
    " FROM git_commit"

static bool commit_read(struct query *row, struct arena *arena, struct history_commit *out)
{
    *out = (struct history_commit){ .number = query_get_int(row, 0) };
    query_get_fixed(row, 1, out->id, sizeof(out->id));
    out->author = arena_text(arena, query_get_text(row, 2));
    out->email = arena_text(arena, query_get_text(row, 3));
    out->subject = arena_text(arena, query_get_text(row, 4));
    out->committed_ms = query_get_int(row, 5);
    out->seen_ms = query_get_int(row, 6);
    out->summary = arena_text(arena, query_get_text(row, 8));
    return commit_outcome_parse(query_get_text(row, 7), &out->outcome) && !row->broken;
}

int history_commits(struct store *store, const struct history_filter *filter, struct arena *arena,
                    struct history_commit **out, size_t *out_count, struct err *err)
{
    struct rows rows = { .arena = arena };
    struct query row = query_start(store->sql, COMMIT_COLUMNS " WHERE ?1 = 0 OR number < ?1"
                                                              " ORDER BY number DESC LIMIT ?2");

    query_int(&row, filter->before);
    query_int(&row, (int64_t)limit_of(filter));
    while (query_row(&row)) {
        struct history_commit commit;

        if (commit_read(&row, arena, &commit))
            *(struct history_commit *)rows_add(&rows, sizeof(commit)) = commit;
    }
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read commits");
    *out = (struct history_commit *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}

/* "1a2b" -> "1a2c": the first id that does not begin with it.  Hexadecimal digits sort as text. */
static bool prefix_end(const char *prefix, char out[COMMIT_SIZE])
{
    size_t size = strlen(prefix);

    if (size < 4 || size >= COMMIT_SIZE || strspn(prefix, "0123456789abcdef") != size)
        return false;
    memcpy(out, prefix, size + 1);
    out[size - 1]++; /* '9' becomes ':' and 'f' becomes 'g': both sort behind what was */
    return true;
}

int history_commit(struct store *store, const char *id, struct arena *arena,
                   struct history_commit *out, struct err *err)
{
    struct history_commit found = { 0 };
    char end[COMMIT_SIZE];
    bool ambiguous = false;
    struct query row;

    if (!prefix_end(id, end))
        return err_set(err, ERR_INVALID, "'%s' is no commit id", id);
    row = query_start(store->sql, COMMIT_COLUMNS " WHERE id >= ? AND id < ? ORDER BY number");
    query_text(&row, id);
    query_text(&row, end);
    while (query_row(&row)) {
        struct history_commit commit;

        if (!commit_read(&row, arena, &commit))
            continue;
        ambiguous = ambiguous || (found.id[0] != '\0' && !text_equal(found.id, commit.id));
        found = commit;
    }
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read commit '%s'", id);
    if (ambiguous)
        return err_set(err, ERR_INVALID, "'%s' is the beginning of several commits", id);
    if (found.id[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "commit '%s' was never seen", id);
    *out = found;
    return 0;
}

int history_lines(struct store *store, const char *task, struct arena *arena,
                  struct task_lines **out, size_t *out_count, struct err *err)
{
    struct rows rows = { .arena = arena };
    struct query row = query_start(store->sql, "SELECT task, container, text FROM output"
                                               " WHERE task = ? ORDER BY container");

    query_text(&row, task);
    while (query_row(&row)) {
        struct task_lines *lines = rows_add(&rows, sizeof(*lines));

        *lines = (struct task_lines){ arena_text(arena, query_get_text(&row, 0)),
                                      arena_text(arena, query_get_text(&row, 1)),
                                      arena_text(arena, query_get_text(&row, 2)) };
    }
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read the last lines of task '%s'", task);
    *out = (struct task_lines *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}

static int read_tasks(struct store *store, const char *statement,
                      const struct history_filter *filter, struct rows *rows, struct err *err)
{
    struct query row = query_start(store->sql, statement);
    struct arena *arena = rows->arena;

    query_text(&row, filter->cluster);
    query_text(&row, filter->service);
    query_int(&row, (int64_t)limit_of(filter));
    while (query_row(&row)) {
        struct task_record task;

        if (!task_read(&row, &task))
            continue;
        task.deployment = arena_text(arena, task.deployment);
        task.revision = arena_text(arena, task.revision);
        task.commit = arena_text(arena, task.commit);
        task.cluster = arena_text(arena, task.cluster);
        task.service = arena_text(arena, task.service);
        task.instance = arena_text(arena, task.instance);
        task.reason = arena_text(arena, task.reason);
        task.started_by = arena_text(arena, task.started_by);
        task.begun = arena_text(arena, task.begun);
        *(struct task_record *)rows_add(rows, sizeof(task)) = task;
    }
    return query_end(&row, err) < 0 ? err_wrap(err, "read stopped tasks") : 0;
}

int history_tasks(struct store *store, const struct history_filter *filter, struct arena *arena,
                  struct task_record **out, size_t *out_count, struct err *err)
{
    struct rows rows = { .arena = arena };

    if (read_tasks(store,
                   "SELECT " TASK_COLUMNS " FROM task WHERE" OF_SERVICE " AND " OF_A_SERVICE
                   " AND stopped_ms <> 0 ORDER BY stopped_ms DESC, id LIMIT ?3",
                   filter, &rows, err) < 0)
        return -1;
    *out = (struct task_record *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}

int history_jobs(struct store *store, const struct history_filter *filter, struct arena *arena,
                 struct task_record **out, size_t *out_count, struct err *err)
{
    struct rows rows = { .arena = arena };

    if (read_tasks(store,
                   "SELECT " TASK_COLUMNS " FROM task WHERE (?1 IS NULL OR cluster = ?1)"
                   " AND " OF_A_JOB " AND (?2 IS NULL OR " GROUP_OF_JOB " = ?2)"
                   " AND stopped_ms <> 0 ORDER BY stopped_ms DESC, id LIMIT ?3",
                   filter, &rows, err) < 0)
        return -1;
    *out = (struct task_record *)(void *)rows.items;
    *out_count = rows.count;
    return 0;
}
