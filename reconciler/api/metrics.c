/*
 * Metrics: of all services the newest values, of one a series and its tasks.
 */
#include "reconciler/metrics/metrics.h"

#include <math.h>
#include <string.h>

#include "reconciler/api/api_int.h"
#include "spec/base/text.h"

#define DAY_S      86400
#define PERIOD_S   60
#define RANGE_S    3600
#define POINTS_MAX 1440

/* Thousandths say enough, and print as such. */
static double rounded(double value)
{
    return nearbyint(value * 1000) / 1000;
}

static void set_real(struct json *object, const char *key, double value)
{
    if (!isnan(value))
        json_set_real(object, key, rounded(value));
}

/* Seconds of an answer are small: six digits behind the point. */
static void set_values(struct json *object, const double values[METRIC_COUNT])
{
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        if (isnan(values[metric]))
            continue;
        json_set_real(object, metric_name(metric),
                      metric == METRIC_RESPONSE_TIME ? nearbyint(values[metric] * 1e6) / 1e6
                                                     : rounded(values[metric]));
    }
}

static struct json *show_units(void)
{
    struct json *units = json_object();

    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        json_set_text(units, metric_name(metric), metric_unit(metric));
    return units;
}

static void set_service(struct json *object, const char *key, struct arena *arena)
{
    const char *slash = strchr(key, '/');

    ASSERT(slash != NULL);
    json_set_text(object, "cluster", arena_text_n(arena, key, (size_t)(slash - key)));
    json_set_text(object, "service", slash + 1);
}

/* ---- All of them ----------------------------------------------------------------------------- */

struct listing {
    const struct app *app;
    const char *cluster; /* NULL: any */
    struct arena *arena;
    struct json *list;
    int64_t wall_ms;
};

static void list_service(void *context, const char *key)
{
    struct listing *listing = context;
    struct json *object;
    double values[METRIC_COUNT];
    int64_t until_ms;

    if (!metrics_now(listing->app->metrics, key, listing->wall_ms, values, &until_ms))
        return;
    object = json_object();
    set_service(object, key, listing->arena);
    if (listing->cluster != NULL && !text_equal(json_text(object, "cluster"), listing->cluster)) {
        json_free(object);
        return;
    }
    show_time(object, "at", until_ms);
    set_values(object, values);
    json_append(listing->list, object);
}

void get_metrics(struct request *request)
{
    const struct app *app = app_of(request);
    struct json *answer = json_object();
    struct listing listing = { .app = app,
                               .cluster = request_query(request, "cluster"),
                               .arena = request_arena(request),
                               .list = json_array(),
                               .wall_ms = loop_wall_ms() };

    metrics_each(app->metrics, list_service, &listing);
    json_set_int(answer, "interval", app->sampler == NULL ? 0 : app->options->metrics_interval_ms);
    json_set(answer, "units", show_units());
    json_set(answer, "services", listing.list);
    request_answer(request, answer);
}

/* ---- One of them ----------------------------------------------------------------------------- */

static struct json *list_tasks(const struct app *app, const char *key, struct arena *arena)
{
    const char *slash = strchr(key, '/');
    const struct world_service *service =
        world_service(app->world, arena_text_n(arena, key, (size_t)(slash - key)), slash + 1);
    struct json *list = json_array();

    for (size_t i = 0; service != NULL && i < service->task_count; i++) {
        const struct world_task *task = service->tasks[i];
        const struct metrics_task *use = metrics_task(app->metrics, task->id);
        struct json *object = json_object();

        json_set_text(object, "id", task->id);
        json_set_text(object, "instance", task->instance);
        if (use != NULL) {
            show_time(object, "at", use->at_ms);
            set_real(object, "cpuUnits", use->cpu_units);
            json_set_real(object, "cpuGiven", use->cpu_given);
            set_real(object, "memoryMiB", use->memory_mib);
            json_set_real(object, "memoryGiven", use->memory_given);
        }
        json_append(list, object);
    }
    return list;
}

static struct json *list_points(struct metrics *metrics, const char *key, uint64_t period_s,
                                uint64_t range_s)
{
    const struct metric_reader reader = metrics_reader(metrics);
    int64_t now_ms = loop_wall_ms();
    int64_t period_ms = (int64_t)period_s * 1000;
    size_t count = (size_t)(range_s / period_s);
    int64_t from_ms = now_ms - now_ms % period_ms - (int64_t)count * period_ms;
    AUTO(arena) scratch = { 0 };
    double *values = arena_array(&scratch, double, count *METRIC_COUNT);
    struct json *list = json_array();

    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        reader.read(reader.context, key, metric, (uint32_t)period_s, now_ms,
                    values + (size_t)metric * count, count);
    for (size_t i = 0; i < count; i++) {
        struct json *point = json_object();
        double of_point[METRIC_COUNT];

        for (size_t metric = 0; metric < METRIC_COUNT; metric++)
            of_point[metric] = values[metric * count + i];
        show_time(point, "at", from_ms + (int64_t)i * period_ms);
        set_values(point, of_point);
        json_append(list, point);
    }
    return list;
}

static int check_times(uint64_t period_s, uint64_t range_s, struct err *err)
{
    if (period_s == 0 || period_s > DAY_S ||
        (period_s < 60 ? 60 % period_s != 0 : period_s % 60 != 0 || DAY_S % period_s != 0))
        return err_set(err, ERR_INVALID,
                       "'period' is a divisor of 60, or a multiple of 60 that divides a day");
    if (range_s < period_s || range_s > DAY_S)
        return err_set(err, ERR_INVALID, "'range' is 'period' to %d seconds", DAY_S);
    if (range_s / period_s > POINTS_MAX)
        return err_set(err, ERR_INVALID, "'range' has more than %d of 'period'", POINTS_MAX);
    return 0;
}

/* One that is gone is known for a day. */
static int find_measured(struct request *request, const char **out, struct err *err)
{
    const struct app *app = app_of(request);
    const char *cluster = request_query(request, "cluster");
    const char *name = request_param(request, "service");

    if (cluster != NULL)
        name = arena_printf(request_arena(request), "%s/%s", cluster, name);
    if (find_service(app, name, request_arena(request), out, err) == 0)
        return 0;
    if (strchr(name, '/') == NULL || !metrics_knows(app->metrics, name))
        return -1;
    *out = name;
    return 0;
}

void get_service_metrics(struct request *request)
{
    const struct app *app = app_of(request);
    const char *key = NULL;
    uint64_t period_s;
    uint64_t range_s;
    struct json *answer;
    struct err err;

    if (request_query_u64(request, "period", PERIOD_S, &period_s, &err) < 0 ||
        request_query_u64(request, "range", RANGE_S, &range_s, &err) < 0 ||
        check_times(period_s, range_s, &err) < 0 || find_measured(request, &key, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    set_service(answer, key, request_arena(request));
    json_set_int(answer, "period", (int64_t)period_s);
    json_set(answer, "units", show_units());
    json_set(answer, "tasks", list_tasks(app, key, request_arena(request)));
    json_set(answer, "datapoints", list_points(app->metrics, key, period_s, range_s));
    request_answer(request, answer);
}
