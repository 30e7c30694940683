/*
 * What auto scaling made of services, and the history of what it did (ecs.md 1.8, ScalingActivity).
 */
#include "reconciler/memory/history.h"
#include "reconciler/memory/store_int.h"
#include "spec/base/text.h"

#define TEXT_ROW(name, text) text,
static const char *const status_texts[] = { ACTIVITY_STATUSES(TEXT_ROW) };
#undef TEXT_ROW

const char *activity_status_text(enum activity_status status)
{
    ASSERT(status < ACTIVITY_STATUS_COUNT);
    return status_texts[status];
}

static enum activity_status status_parse(const char *text)
{
    for (unsigned i = 0; i < ACTIVITY_STATUS_COUNT; i++) {
        if (text_equal(text, status_texts[i]))
            return (enum activity_status)i;
    }
    return ACTIVITY_FAILED;
}

/* The one that was in progress is over. */
static int activity_end(struct sql *sql, const struct fact *fact, enum activity_status status,
                        struct err *err)
{
    struct query query = query_start(sql, "UPDATE scaling SET status = ?, ended_ms = ?"
                                          " WHERE cluster = ? AND service = ? AND ended_ms = 0");

    query_text(&query, activity_status_text(status));
    query_int(&query, fact->at_ms);
    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    return query_run(&query, err);
}

static int activity_begin(struct sql *sql, const struct fact *fact, struct err *err)
{
    struct query query =
        query_start(sql, "INSERT INTO scaling (cluster, service, at_ms, ended_ms, from_count,"
                         " to_count, status, cause, inputs) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_int(&query, fact->at_ms);
    query_int(&query, fact->scaling->from);
    query_int(&query, fact->scaling->desired);
    query_text(&query, activity_status_text(ACTIVITY_IN_PROGRESS));
    query_text(&query, fact->words->cause);
    query_text(&query, fact->words->inputs);
    return query_run(&query, err);
}

static int count_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    const struct scaling *scaling = fact->scaling;
    struct query query =
        query_start(sql, "INSERT INTO service (cluster, service, scaled, scaled_from, scaled_ms,"
                         " scaled_fulfilled, scaled_out_ms, scaled_out_from, scaled_in_ms)"
                         " VALUES (?1, ?2, CASE WHEN ?9 THEN ?3 END, ?4, ?5, ?6, ?7, ?8, ?10)"
                         " ON CONFLICT DO UPDATE SET scaled = excluded.scaled,"
                         " scaled_from = excluded.scaled_from, scaled_ms = excluded.scaled_ms,"
                         " scaled_fulfilled = excluded.scaled_fulfilled,"
                         " scaled_out_ms = excluded.scaled_out_ms,"
                         " scaled_out_from = excluded.scaled_out_from,"
                         " scaled_in_ms = excluded.scaled_in_ms");

    query_text(&query, fact->cluster);
    query_text(&query, fact->service);
    query_int(&query, scaling->desired);
    query_int(&query, scaling->from);
    query_int(&query, scaling->at_ms);
    query_int(&query, scaling->fulfilled);
    query_int(&query, scaling->out_ms);
    query_int(&query, scaling->out_from);
    query_int(&query, scaling->set);
    query_int(&query, scaling->in_ms);
    return query_run(&query, err);
}

int scaling_write(struct sql *sql, const struct fact *fact, struct err *err)
{
    if (count_write(sql, fact, err) < 0)
        return -1;
    if (fact->words != NULL)
        return activity_end(sql, fact, ACTIVITY_OVERRIDDEN, err) < 0 ||
                       activity_begin(sql, fact, err) < 0
                   ? -1
                   : 0;
    return activity_end(sql, fact,
                        fact->scaling->fulfilled ? ACTIVITY_SUCCESSFUL : ACTIVITY_OVERRIDDEN, err);
}

void scaling_load(struct memory *memory, struct query *row, int column, const struct fact *of)
{
    const struct scaling scaling = { .set = true,
                                     .desired = query_get_u32(row, column),
                                     .from = query_get_u32(row, column + 1),
                                     .at_ms = query_get_int(row, column + 2),
                                     .fulfilled = query_get_int(row, column + 3) != 0,
                                     .out_ms = query_get_int(row, column + 4),
                                     .out_from = query_get_u32(row, column + 5),
                                     .in_ms = query_get_int(row, column + 6) };
    struct fact fact = *of;

    if (query_get_text(row, column) == NULL || row->broken)
        return;
    fact.kind = FACT_SCALE;
    fact.scaling = &scaling;
    memory_apply(memory, &fact);
}

int history_activities(struct store *store, const char *cluster, const char *service,
                       struct arena *arena, struct history_activity **out, size_t *out_count,
                       struct err *err)
{
    struct query row =
        query_start(store->sql, "SELECT at_ms, ended_ms, from_count, to_count, status, cause,"
                                " inputs FROM scaling WHERE cluster = ? AND service = ?"
                                " ORDER BY number DESC LIMIT ?");
    struct history_activity *items =
        arena_array(arena, struct history_activity, HISTORY_ACTIVITIES);
    size_t count = 0;

    query_text(&row, cluster);
    query_text(&row, service);
    query_int(&row, HISTORY_ACTIVITIES);
    while (query_row(&row)) {
        struct history_activity *item = &items[count++];

        item->at_ms = query_get_int(&row, 0);
        item->ended_ms = query_get_int(&row, 1);
        item->from = query_get_u32(&row, 2);
        item->to = query_get_u32(&row, 3);
        item->status = status_parse(query_get_text(&row, 4));
        item->cause = arena_text(arena, query_get_text(&row, 5));
        item->inputs = arena_text(arena, query_get_text(&row, 6));
    }
    if (query_end(&row, err) < 0)
        return err_wrap(err, "read scaling activities");
    *out = items;
    *out_count = count;
    return 0;
}
