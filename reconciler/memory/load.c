/*
 * From the tables back into memory: every row becomes the fact that made it.  What was written was
 * checked; what is read is checked again, because the file may have been somewhere else in between.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/memory/store_int.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/text.h"

struct known_goal {
    char digest[SHA256_HEX_SIZE];
    struct goal *goal;
    UT_hash_handle by_digest;
};

struct loader {
    struct sql *sql;
    struct memory *memory;
    struct diag_list *warnings;
    struct known_goal *goals; /* many deployments have the same */
};

static void skipped(struct loader *loader, const char *what, const char *id, const char *why)
{
    diag_add(loader->warnings, DIAG_WARNING, (struct pos){ 0 }, "memory of %s '%s' is lost: %s",
             what, id, why);
}

static void loader_release(struct loader *loader)
{
    struct known_goal *entry;
    struct known_goal *next;

    HASH_ITER(by_digest, loader->goals, entry, next)
    {
        HASH_DELETE(by_digest, loader->goals, entry);
        goal_unref(entry->goal);
        free(entry);
    }
}

/* Borrowed from the loader; NULL when the text says nothing this version understands. */
static struct goal *goal_load(struct loader *loader, const char *digest, const void *text,
                              size_t size, struct err *err)
{
    struct known_goal *entry = NULL;
    struct goal *goal;
    char found[SHA256_HEX_SIZE];

    HASH_FIND(by_digest, loader->goals, digest, strlen(digest), entry);
    if (entry != NULL)
        return entry->goal;
    sha256_hex(text, size, found);
    if (!digest_equal(digest, found)) {
        (void)err_set(err, ERR_INVALID, "its text was changed");
        return NULL;
    }
    goal = goal_parse(text, size, err);
    if (goal == NULL)
        return NULL;
    entry = mem_alloc(sizeof(*entry));
    memcpy(entry->digest, found, sizeof(found));
    entry->goal = goal;
    HASH_ADD(by_digest, loader->goals, digest, strlen(entry->digest), entry);
    return goal;
}

static int pins_load(struct loader *loader, const struct deployment *deployment, size_t count,
                     struct arena *arena, struct err *err)
{
    struct query query = query_start(loader->sql, "SELECT container, image_id, digest FROM pin"
                                                  " WHERE deployment = ? ORDER BY container");

    query_text(&query, deployment->id);
    while (query_row(&query)) {
        uint32_t container = query_get_u32(&query, 0);

        if (query.broken || container >= count)
            continue;
        deployment->pins[container].image_id = arena_text(arena, query_get_text(&query, 1));
        deployment->pins[container].digest = arena_text(arena, query_get_text(&query, 2));
    }
    return query_end(&query, err);
}

static int deployment_load(struct loader *loader, struct query *row, struct err *err)
{
    AUTO(arena) arena = { 0 };
    struct deployment deployment = { 0 };
    struct fact fact = { .kind = FACT_DEPLOYMENT, .durable = true, .deployment = &deployment };
    struct fact throttle = { .kind = FACT_THROTTLE, .text = deployment.id };
    struct err why = { 0 };
    char digest[SHA256_HEX_SIZE];
    size_t size = 0;
    size_t count;
    const void *text;
    bool known = rollout_state_parse(query_get_text(row, 4), &deployment.state);

    query_get_fixed(row, 0, deployment.id, sizeof(deployment.id));
    fact.cluster = arena_text(&arena, query_get_text(row, 1));
    fact.service = arena_text(&arena, query_get_text(row, 2));
    query_get_fixed(row, 3, deployment.commit, sizeof(deployment.commit));
    deployment.rollback = query_get_int(row, 5) != 0;
    deployment.proven = query_get_int(row, 13) != 0;
    deployment.failed_tasks = query_get_u32(row, 6);
    deployment.attempt_max = query_get_u32(row, 7);
    deployment.created_ms = query_get_int(row, 8);
    deployment.updated_ms = query_get_int(row, 9);
    deployment.reason = arena_text(&arena, query_get_text(row, 10));
    query_get_fixed(row, 11, digest, sizeof(digest));
    text = query_get_blob(row, 12, &size);
    throttle.throttle = (struct throttle){ query_get_u32(row, 14), query_get_int(row, 15) };
    if (!known || row->broken) {
        skipped(loader, "deployment", deployment.id, "a value that cannot be");
        return 0;
    }
    deployment.goal = goal_load(loader, digest, text == NULL ? "" : text, size, &why);
    if (deployment.goal == NULL) {
        skipped(loader, "deployment", deployment.id, why.text);
        return 0;
    }
    count = deployment.goal->target->task->container_definitions_count;
    deployment.pins = arena_array(&arena, struct pin, count);
    if (pins_load(loader, &deployment, count, &arena, err) < 0)
        return -1;
    fact.at_ms = deployment.updated_ms;
    memory_apply(loader->memory, &fact);
    throttle.cluster = fact.cluster;
    throttle.service = fact.service;
    memory_apply(loader->memory, &throttle);
    return 0;
}

static int deployments_load(struct loader *loader, struct err *err)
{
    struct query row = query_start(
        loader->sql, "SELECT id, cluster, service, commit_id, state, rollback, failed_tasks,"
                     " attempt_max, created_ms, updated_ms, reason, goal, goal.text, proven,"
                     " start_failures, retry_at_ms"
                     " FROM deployment LEFT JOIN goal ON goal.digest = deployment.goal"
                     " WHERE goal IS NOT NULL ORDER BY number");
    int status = 0;

    while (status == 0 && query_row(&row))
        status = deployment_load(loader, &row, err);
    return query_end(&row, status == 0 ? err : NULL) < 0 ? -1 : status;
}

static void service_fact(struct loader *loader, const struct fact *base, enum fact_kind kind,
                         const char *text)
{
    struct fact fact = *base;

    if (text_is_empty(text))
        return;
    fact.kind = kind;
    fact.text = text;
    memory_apply(loader->memory, &fact);
}

static int services_load(struct loader *loader, struct err *err)
{
    struct query row = query_start(
        loader->sql, "SELECT cluster, service, quarantined, hold, suspended, quarantined_by,"
                     " removal, frozen, thawed_ms, removal_ms, " SCALING_COLUMNS " FROM service");

    while (query_row(&row)) {
        struct fact fact = { .kind = FACT_FREEZE };
        char revision[SHA256_HEX_SIZE];

        fact.cluster = query_get_text(&row, 0);
        fact.service = query_get_text(&row, 1);
        query_get_fixed(&row, 2, revision, sizeof(revision));
        if (row.broken) {
            skipped(loader, "service", fact.service, "a value that cannot be");
            continue;
        }
        scaling_load(loader->memory, &row, 10, &fact);
        fact.at_ms = query_get_int(&row, 8);
        memory_apply(loader->memory, &fact);                               /* thawed, */
        service_fact(loader, &fact, FACT_FREEZE, query_get_text(&row, 7)); /* and frozen again */
        fact.commit = query_get_text(&row, 5);
        service_fact(loader, &fact, FACT_QUARANTINE, revision);
        fact.at_ms = query_get_int(&row, 9);
        service_fact(loader, &fact, FACT_REMOVAL, query_get_text(&row, 6));
        service_fact(loader, &fact, FACT_HOLD, query_get_text(&row, 3));
        service_fact(loader, &fact, FACT_SUSPEND, query_get_text(&row, 4));
    }
    return query_end(&row, err);
}

/* One that no task has is no text of a task. */
static const char *short_text(struct query *row, int column, size_t size)
{
    const char *text = query_get_text(row, column);

    if (text != NULL && strlen(text) < size)
        return text;
    row->broken |= text != NULL;
    return "";
}

bool task_read(struct query *row, struct task_record *out)
{
    int64_t exit_code = query_get_int(row, 11);
    bool known;

    *out = (struct task_record){ 0 };
    query_get_fixed(row, 0, out->id, sizeof(out->id));
    out->deployment = short_text(row, 1, DEPLOYMENT_ID_SIZE);
    out->revision = short_text(row, 2, SHA256_HEX_SIZE);
    out->commit = short_text(row, 3, COMMIT_SIZE);
    out->cluster = query_get_text(row, 4);
    out->service = query_get_text(row, 5);
    out->instance = query_get_text(row, 6);
    out->slot = query_get_u32(row, 7);
    out->attempt = query_get_u32(row, 8);
    known = stop_code_parse(query_get_text(row, 9), &out->stop_code);
    out->reason = query_get_text(row, 10);
    out->exit_code = (int)exit_code;
    out->failed = query_get_int(row, 12) != 0;
    out->started_ms = query_get_int(row, 13);
    out->healthy_ms = query_get_int(row, 14);
    out->stopping_ms = query_get_int(row, 15);
    out->stopped_ms = query_get_int(row, 16);
    out->started_by = query_get_text(row, 17);
    out->claimed_ms = query_get_int(row, 18);
    out->begun = query_get_text(row, 19);
    out->due_ms = query_get_int(row, 20);
    return known && !row->broken && exit_code >= INT_MIN && exit_code <= INT_MAX;
}

static int tasks_load(struct loader *loader, struct err *err)
{
    struct query row = query_start(loader->sql, "SELECT " TASK_COLUMNS " FROM task");

    while (query_row(&row)) {
        struct task_record task;
        struct fact fact = { .kind = FACT_TASK, .task = &task };

        if (task_read(&row, &task))
            memory_apply(loader->memory, &fact);
        else
            skipped(loader, "task", task.id, "a value that cannot be");
    }
    return query_end(&row, err);
}

static int images_load(struct loader *loader, struct err *err)
{
    struct query row =
        query_start(loader->sql, "SELECT engine, image_id, refs, name, brought_ms FROM image");

    while (query_row(&row)) {
        const struct image_record image = { .engine = query_get_text(&row, 0),
                                            .image_id = query_get_text(&row, 1),
                                            .references = query_get_text(&row, 2),
                                            .name = query_get_text(&row, 3),
                                            .brought_ms = query_get_int(&row, 4) };
        const struct fact fact = { .kind = FACT_IMAGE, .image = &image };

        memory_apply(loader->memory, &fact);
    }
    return query_end(&row, err);
}

static int hosts_load(struct loader *loader, struct err *err)
{
    struct query row = query_start(
        loader->sql, "SELECT instance, forgotten_ms, installed_ms, step, round, attempt,"
                     " since_ms, reason, boot, engine FROM host");

    while (query_row(&row)) {
        struct maintenance maintenance = { .round = query_get_text(&row, 4),
                                           .attempt = (uint32_t)query_get_int(&row, 5),
                                           .since_ms = query_get_int(&row, 6),
                                           .reason = query_get_text(&row, 7),
                                           .boot = query_get_text(&row, 8),
                                           .engine = query_get_text(&row, 9) };
        const char *step = query_get_text(&row, 3);
        bool has = step != NULL && maintenance.round != NULL &&
                   maintenance_step_parse(step, &maintenance.step);
        const struct host_record host = { .instance = query_get_text(&row, 0),
                                          .forgotten_ms = query_get_int(&row, 1),
                                          .installed_ms = query_get_int(&row, 2),
                                          .maintenance = has ? &maintenance : NULL };
        const struct fact fact = { .kind = FACT_HOST, .host = &host };

        memory_apply(loader->memory, &fact);
    }
    return query_end(&row, err);
}

static int schedules_load(struct loader *loader, struct err *err)
{
    struct query row =
        query_start(loader->sql, "SELECT name, timing, suspended, since_ms, decided_ms, due_ms,"
                                 " result, run, tasks, tries, begin_ms, ended_ms, exit_code,"
                                 " reason, missed_ms, missed FROM schedule");

    while (query_row(&row)) {
        int64_t exit_code = query_get_int(&row, 12);
        struct schedule_record schedule = { .name = query_get_text(&row, 0),
                                            .timing = query_get_text(&row, 1),
                                            .suspended = query_get_text(&row, 2),
                                            .since_ms = query_get_int(&row, 3),
                                            .decided_ms = query_get_int(&row, 4),
                                            .due_ms = query_get_int(&row, 5),
                                            .tasks = query_get_u32(&row, 8),
                                            .tries = query_get_u32(&row, 9),
                                            .begin_ms = query_get_int(&row, 10),
                                            .ended_ms = query_get_int(&row, 11),
                                            .exit_code = (int)exit_code,
                                            .reason = query_get_text(&row, 13),
                                            .missed_ms = query_get_int(&row, 14),
                                            .missed = query_get_text(&row, 15) };
        const struct fact fact = { .kind = FACT_SCHEDULE, .schedule = &schedule };

        query_get_fixed(&row, 7, schedule.run, sizeof(schedule.run));
        if (schedule_result_parse(query_get_text(&row, 6), &schedule.result) && !row.broken &&
            exit_code >= INT_MIN && exit_code <= INT_MAX)
            memory_apply(loader->memory, &fact);
        else
            skipped(loader, "schedule", schedule.name, "a value that cannot be");
    }
    return query_end(&row, err);
}

static int lines_load(struct loader *loader, struct err *err)
{
    struct query row = query_start(loader->sql, "SELECT task, container FROM output"
                                                " ORDER BY number");

    while (query_row(&row)) {
        const struct task_lines lines = { .task = query_get_text(&row, 0),
                                          .container = query_get_text(&row, 1) };
        const struct fact fact = { .kind = FACT_LINES, .lines = &lines };

        memory_apply(loader->memory, &fact);
    }
    return query_end(&row, err);
}

int memory_load(struct sql *sql, struct memory *memory, struct diag_list *warnings, struct err *err)
{
    struct loader loader = { .sql = sql, .memory = memory, .warnings = warnings };
    int status = 0;

    ASSERT(memory->services == NULL && memory->tasks == NULL && memory->images == NULL);
    if (deployments_load(&loader, err) < 0 || services_load(&loader, err) < 0 ||
        tasks_load(&loader, err) < 0 || lines_load(&loader, err) < 0 ||
        images_load(&loader, err) < 0 || hosts_load(&loader, err) < 0 ||
        schedules_load(&loader, err) < 0)
        status = -1;
    loader_release(&loader);
    return status;
}
