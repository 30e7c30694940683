/*
 * Counters become rates: of each container, task and target the last reading is kept, and dropped
 * when it was not heard of for a while.
 */
#include "reconciler/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/metrics/metrics_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define NS_PER_MS     1e6
#define UNITS_PER_CPU 1024.0
#define MIB           (1024.0 * 1024.0)
#define UNHEARD_MS    ((int64_t)10 * 60 * 1000)
#define PERIOD_MS     (SERIES_PERIOD_S * 1000)
#define MINUTE_MS     60000

struct metrics *metrics_new(void)
{
    return mem_alloc(sizeof(struct metrics));
}

/* ---- Services -------------------------------------------------------------------------------- */

struct measured_service *metrics_find(const struct metrics *metrics, const char *key)
{
    struct measured_service *service;

    HASH_FIND(by_key, metrics->services, key, strlen(key), service);
    return service;
}

struct measured_service *metrics_add(struct metrics *metrics, const char *key, uint32_t number)
{
    struct measured_service *service = mem_alloc(sizeof(*service));

    service->key = mem_text(key);
    service->number = number;
    service->series = series_new();
    HASH_ADD_KEYPTR(by_key, metrics->services, service->key, strlen(service->key), service);
    HASH_ADD(by_number, metrics->numbers, number, sizeof(service->number), service);
    if (number > metrics->last_number)
        metrics->last_number = number;
    metrics->bytes += series_bytes(/* has_load= */ false);
    return service;
}

struct measured_service *metrics_need(struct metrics *metrics, const char *key)
{
    struct measured_service *service = metrics_find(metrics, key);

    if (service != NULL)
        return service;
    if (metrics->bytes + series_bytes(/* has_load= */ true) > METRICS_BYTES_MAX ||
        metrics->last_number == UINT32_MAX) {
        metrics->left_out++;
        return NULL;
    }
    metrics->numbers_changed = true;
    return metrics_add(metrics, key, metrics->last_number + 1);
}

void metrics_grown(struct metrics *metrics, const struct measured_service *service, bool had_load)
{
    if (!had_load && series_has_load(service->series))
        metrics->bytes += series_bytes(/* has_load= */ true) - series_bytes(/* has_load= */ false);
}

static void service_drop(struct metrics *metrics, struct measured_service *service)
{
    HASH_DELETE(by_key, metrics->services, service);
    HASH_DELETE(by_number, metrics->numbers, service);
    metrics->bytes -= series_bytes(series_has_load(service->series));
    metrics->numbers_changed = true;
    series_free(service->series);
    free(service->key);
    free(service);
}

/* ---- Containers and tasks -------------------------------------------------------------------- */

/* CPU units since the reading before; NAN: there was none, or it has started anew. */
static double units_since(const struct measured_container *known,
                          const struct container_sample *sample, int64_t taken_ms)
{
    int64_t elapsed_ms = taken_ms - known->taken_ms;

    if (known->taken_ms == 0 || elapsed_ms <= 0 || elapsed_ms > METRICS_GAP_MS ||
        sample->cpu_ns < known->cpu_ns)
        return NAN;
    return (double)(sample->cpu_ns - known->cpu_ns) / ((double)elapsed_ms * NS_PER_MS) *
           UNITS_PER_CPU;
}

static struct measured_container *container_of(struct metrics *metrics, const char *id)
{
    struct measured_container *known;

    HASH_FIND(by_id, metrics->containers, id, strlen(id), known);
    if (known == NULL) {
        known = mem_alloc(sizeof(*known));
        text_copy(known->id, sizeof(known->id), id);
        HASH_ADD(by_id, metrics->containers, id, strlen(known->id), known);
    }
    return known;
}

static struct measured_task *task_of(struct metrics *metrics, const char *id)
{
    struct measured_task *task;

    HASH_FIND(by_id, metrics->tasks, id, strlen(id), task);
    if (task == NULL) {
        task = mem_alloc(sizeof(*task));
        text_copy(task->id, sizeof(task->id), id);
        HASH_ADD(by_id, metrics->tasks, id, strlen(task->id), task);
    }
    return task;
}

/* What the task definition says, else all that the instance has; 0: nobody knows. */
static double given(uint32_t task, uint32_t instance)
{
    return task > 0 ? task : instance;
}

static void begin_task(struct measured_task *task, const struct world_task *world, int64_t wall_ms)
{
    const struct world_instance *host = world->host;

    task->world = world;
    task->from_ms = wall_ms;
    task->use = (struct metrics_task){ .at_ms = wall_ms, .cpu_units = NAN };
    task->use.cpu_given = given(world->cpu_units, host == NULL ? 0 : host->cpu_units);
    task->use.memory_given = given(world->memory_mib, host == NULL ? 0 : host->memory_mib);
}

static void take_container(struct metrics *metrics, struct measured_task *task,
                           const struct container_sample *sample, int64_t taken_ms)
{
    struct measured_container *known = container_of(metrics, sample->id);
    double units = units_since(known, sample, taken_ms);

    if (!isnan(units)) {
        int64_t from_ms = task->use.at_ms - (taken_ms - known->taken_ms);

        task->use.cpu_units = isnan(task->use.cpu_units) ? units : task->use.cpu_units + units;
        task->from_ms = from_ms < task->from_ms ? from_ms : task->from_ms;
    }
    task->use.memory_mib += (double)sample->memory_bytes / MIB;
    known->cpu_ns = sample->cpu_ns;
    known->taken_ms = taken_ms;
    known->wall_ms = task->use.at_ms;
}

/* Memory at the first sample is that of a moment: the time before it is not known. */
static void end_task(struct metrics *metrics, const struct measured_task *task)
{
    const struct world_service *owner = task->world->service;
    const struct series_use use = { .cpu = task->use.cpu_units,
                                    .cpu_given = task->use.cpu_given,
                                    .memory = task->use.memory_mib,
                                    .memory_given = task->use.memory_given };
    struct measured_service *service;

    if (owner == NULL || service_is_job(owner->service) || use.cpu_given <= 0 ||
        use.memory_given <= 0 || task->from_ms >= task->use.at_ms || task->from_ms < 0)
        return;
    service = metrics_need(metrics, owner->key);
    if (service != NULL)
        series_add_use(service->series, task->from_ms, task->use.at_ms, &use);
}

static void take_use(struct metrics *metrics, const struct world *world,
                     const struct sample_report *sample, int64_t wall_ms)
{
    struct measured_task *touched = NULL;

    for (size_t i = 0; i < sample->container_count; i++) {
        const struct container_sample *one = &sample->containers[i];
        const struct world_container *container = world_container(world, one->id);
        struct measured_task *task;

        if (container == NULL || container->task == NULL)
            continue;
        task = task_of(metrics, container->task->id);
        if (task->world == NULL) {
            begin_task(task, container->task, wall_ms);
            task->next = touched;
            touched = task;
        }
        take_container(metrics, task, one, sample->taken_ms);
    }
    for (; touched != NULL; touched = touched->next) {
        end_task(metrics, touched);
        touched->world = NULL;
    }
}

void metrics_take(struct metrics *metrics, const struct world *world,
                  const struct sample_report *sample, int64_t wall_ms)
{
    if (sample->balancer != NULL)
        metrics_take_load(metrics, sample, wall_ms);
    else
        take_use(metrics, world, sample, wall_ms);
}

/* ---- Forgetting ------------------------------------------------------------------------------ */

static bool is_unheard(int64_t heard_ms, int64_t wall_ms)
{
    return wall_ms - heard_ms > UNHEARD_MS;
}

static void forget_readings(struct metrics *metrics, int64_t wall_ms)
{
    struct measured_container *container;
    struct measured_container *container_next;
    struct measured_task *task;
    struct measured_task *task_next;
    struct measured_target *target;
    struct measured_target *target_next;

    HASH_ITER(by_id, metrics->containers, container, container_next)
    {
        if (!is_unheard(container->wall_ms, wall_ms))
            continue;
        HASH_DELETE(by_id, metrics->containers, container);
        free(container);
    }
    HASH_ITER(by_id, metrics->tasks, task, task_next)
    {
        if (!is_unheard(task->use.at_ms, wall_ms))
            continue;
        HASH_DELETE(by_id, metrics->tasks, task);
        free(task);
    }
    HASH_ITER(by_key, metrics->targets, target, target_next)
    {
        if (!is_unheard(target->wall_ms, wall_ms))
            continue;
        HASH_DELETE(by_key, metrics->targets, target);
        free(target->key);
        free(target);
    }
}

static void forget_balancers(struct metrics *metrics, int64_t wall_ms)
{
    struct measured_balancer *balancer;
    struct measured_balancer *next;

    HASH_ITER(by_name, metrics->balancers, balancer, next)
    {
        if (!is_unheard(balancer->wall_ms, wall_ms))
            continue;
        HASH_DELETE(by_name, metrics->balancers, balancer);
        free(balancer->name);
        free(balancer);
    }
}

void metrics_forget(struct metrics *metrics, int64_t wall_ms)
{
    struct measured_service *service;
    struct measured_service *next;

    forget_readings(metrics, wall_ms);
    forget_balancers(metrics, wall_ms);
    metrics->left_out = 0;
    HASH_ITER(by_key, metrics->services, service, next)
    {
        if (wall_ms - series_until_ms(service->series) > METRICS_DAY_MS)
            service_drop(metrics, service);
    }
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    forget_readings(metrics, INT64_MAX);
    forget_balancers(metrics, INT64_MAX);
    while (metrics->services != NULL)
        service_drop(metrics, metrics->services);
    free(metrics);
}

/* ---- To be asked ----------------------------------------------------------------------------- */

static void read_series(void *context, const char *key, enum metric metric, uint32_t period_s,
                        int64_t now_ms, double *out, size_t count)
{
    const struct measured_service *service = metrics_find(context, key);
    int64_t period_ms = (int64_t)period_s * 1000;
    int64_t end_ms = now_ms - now_ms % period_ms;

    ASSERT(metric < METRIC_COUNT && period_s > 0 && now_ms > 0);
    for (size_t i = 0; i < count; i++) {
        int64_t to_ms = end_ms - (int64_t)(count - 1 - i) * period_ms;
        double all[METRIC_COUNT];

        out[i] = NAN;
        if (service == NULL || to_ms < period_ms)
            continue;
        series_read(service->series, to_ms - period_ms, to_ms, all);
        out[i] = all[metric];
    }
}

struct metric_reader metrics_reader(struct metrics *metrics)
{
    return (struct metric_reader){ .read = read_series, .context = metrics };
}

bool metrics_now(const struct metrics *metrics, const char *service, int64_t wall_ms,
                 double out[METRIC_COUNT], int64_t *out_until_ms)
{
    const struct measured_service *measured = metrics_find(metrics, service);
    int64_t until_ms = measured == NULL ? 0 : series_until_ms(measured->series);

    until_ms -= until_ms % PERIOD_MS;
    if (until_ms < MINUTE_MS || wall_ms - until_ms > METRICS_GAP_MS)
        return false;
    series_read(measured->series, until_ms - MINUTE_MS, until_ms, out);
    *out_until_ms = until_ms;
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void metrics_each(const struct metrics *metrics, metrics_each_fn *fn, void *context)
{
    AUTO(arena) arena = { 0 };
    size_t count = HASH_CNT(by_key, metrics->services);
    const char **keys = arena_array(&arena, const char *, count + 1);
    size_t filled = 0;

    for (const struct measured_service *at = metrics->services; at != NULL; at = at->by_key.next)
        keys[filled++] = at->key;
    qsort(keys, filled, sizeof(*keys), by_key);
    for (size_t i = 0; i < filled; i++)
        fn(context, keys[i]);
}

bool metrics_knows(const struct metrics *metrics, const char *service)
{
    return metrics_find(metrics, service) != NULL;
}

size_t metrics_left_out(const struct metrics *metrics)
{
    return metrics->left_out;
}

const struct metrics_task *metrics_task(const struct metrics *metrics, const char *task)
{
    const struct measured_task *measured;

    HASH_FIND(by_id, metrics->tasks, task, strlen(task), measured);
    return measured == NULL ? NULL : &measured->use;
}
