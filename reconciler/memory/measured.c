/*
 * What was measured: a row for each minute, which is written once and deleted after a day.
 */
#include "reconciler/memory/store_int.h"

static int write_minute(struct sql *sql, const struct store_minute *minute, struct err *err)
{
    struct query query = query_start(sql, "INSERT OR REPLACE INTO metric (minute, data)"
                                          " VALUES (?, ?)");

    query_int(&query, minute->minute);
    query_blob(&query, minute->data, minute->size);
    return query_run(&query, err);
}

static int forget_minutes(struct sql *sql, int64_t oldest, struct err *err)
{
    struct query query = query_start(sql, "DELETE FROM metric WHERE minute < ?");

    query_int(&query, oldest);
    return query_run(&query, err);
}

static int write_numbers(struct sql *sql, const struct store_number *numbers, size_t count,
                         struct err *err)
{
    struct query all = query_start(sql, "DELETE FROM metric_service");

    if (query_run(&all, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct query query =
            query_start(sql, "INSERT INTO metric_service (number, service) VALUES (?, ?)");

        query_int(&query, numbers[i].number);
        query_text(&query, numbers[i].service);
        if (query_run(&query, err) < 0)
            return -1;
    }
    return 0;
}

int store_metrics_write(struct store *store, const struct store_minute *minute,
                        const struct store_number *numbers, size_t count, struct err *err)
{
    int status = 0;

    if (store_begin(store, /* durable= */ false, err) < 0)
        return err_wrap(err, "remember metrics");
    if (numbers != NULL)
        status = write_numbers(store->sql, numbers, count, err);
    if (status == 0 && minute->size > 0)
        status = write_minute(store->sql, minute, err);
    if (status == 0)
        status = forget_minutes(store->sql, minute->oldest, err);
    return store_end(store, status, err) < 0 ? err_wrap(err, "remember metrics") : 0;
}

static int read_numbers(struct sql *sql, const struct store_metrics_reader *reader, struct err *err)
{
    struct query query = query_start(sql, "SELECT number, service FROM metric_service");

    while (query_row(&query)) {
        uint32_t number = query_get_u32(&query, 0);
        const char *service = query_get_text(&query, 1);

        if (!query.broken && service != NULL)
            reader->number(reader->context, number, service);
    }
    return query_end(&query, err);
}

static int read_minutes(struct sql *sql, const struct store_metrics_reader *reader, struct err *err)
{
    struct query query = query_start(sql, "SELECT minute, data FROM metric ORDER BY minute");

    while (query_row(&query)) {
        size_t size = 0;
        const void *data = query_get_blob(&query, 1, &size);

        reader->minute(reader->context, query_get_int(&query, 0), data, size);
    }
    return query_end(&query, err);
}

int store_metrics_read(struct store *store, const struct store_metrics_reader *reader,
                       struct err *err)
{
    if (read_numbers(store->sql, reader, err) < 0 || read_minutes(store->sql, reader, err) < 0)
        return err_wrap(err, "metrics");
    return 0;
}
