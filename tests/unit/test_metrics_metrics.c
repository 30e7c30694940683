/*
 * From counters of containers and targets to metrics of services and tasks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/metrics/metrics.h"
#include "reconciler/metrics/series.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define SECOND  INT64_C(1000)
#define MINUTE  (60 * SECOND)
#define T0      (INT64_C(29000000) * MINUTE)
#define MIB     (UINT64_C(1024) * 1024)
#define CPU_S   UINT64_C(1000000000) /* a second of CPU time */
#define BEGUN_S 5000                 /* the clock of the instance at T0 */

#define assert_near(value, expected)                                                               \
    assert_true(fabs((value) - (expected)) <= fabs((double)(expected)) * 0.001 + 0.01)
#define assert_none(value) assert_true(isnan(value))

struct scene {
    struct world *world;
    struct metrics *metrics;
};

static void container(struct scene *scene, const char *id, const char *task, const char *service,
                      uint32_t cpu_units, uint32_t memory_mib)
{
    struct world_change change = { .kind = WORLD_CONTAINER };

    change.container = (struct container_report){ .instance = "a",
                                                  .id = id,
                                                  .name = id,
                                                  .cluster = "c",
                                                  .service = service,
                                                  .task = task,
                                                  .container = id,
                                                  .family = "f",
                                                  .revision = "r",
                                                  .deployment = "d",
                                                  .digest = "sha256:1",
                                                  .commit = "c1",
                                                  .containers = 1,
                                                  .attempt = 1,
                                                  .cpu_units = cpu_units,
                                                  .memory_mib = memory_mib,
                                                  .status = CONTAINER_RUNNING,
                                                  .image_id = "sha256:i" };
    assert_true(world_apply(scene->world, &change));
}

static int setup(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    struct world_change change = { .kind = WORLD_INSTANCE };

    change.instance = (struct instance_report){ .instance = "a",
                                                .engine_id = "E",
                                                .engine_version = "20.10",
                                                .architecture = "x86_64",
                                                .cpu_units = 2048,
                                                .memory_mib = 1000 };
    scene->world = world_new(NULL, NULL);
    scene->metrics = metrics_new();
    assert_true(world_apply(scene->world, &change));
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    metrics_free(scene->metrics);
    world_free(scene->world);
    free(scene);
    return 0;
}

/* So many seconds after T0. */
static void sample(struct scene *scene, int64_t at_s, const struct container_sample *containers,
                   size_t count)
{
    const struct sample_report report = { .instance = "a",
                                          .taken_ms = (BEGUN_S + at_s) * SECOND,
                                          .containers = containers,
                                          .container_count = count };
    uint64_t version = scene->world->version;

    metrics_take(scene->metrics, scene->world, &report, T0 + at_s * SECOND);
    assert_int_equal(scene->world->version, version);
}

static void sample_one(struct scene *scene, int64_t at_s, const char *id, double cpu_s,
                       uint64_t memory_mib)
{
    const struct container_sample one = { id, (uint64_t)(cpu_s * (double)CPU_S), memory_mib * MIB };

    sample(scene, at_s, &one, 1);
}

static double read(struct scene *scene, const char *service, enum metric metric, uint32_t period_s,
                   int64_t now_s)
{
    const struct metric_reader reader = metrics_reader(scene->metrics);
    double value = -1;

    reader.read(reader.context, service, metric, period_s, T0 + now_s * SECOND, &value, 1);
    return value;
}

static void of_what_the_task_was_given(void **state)
{
    struct scene *scene = *state;
    const struct metrics_task *task;
    double now[METRIC_COUNT];
    int64_t until_ms;

    container(scene, "id1", "t1", "web", 256, 100);
    sample_one(scene, 0, "id1", 7, 30);
    assert_false(metrics_now(scene->metrics, "c/web", T0, now, &until_ms));
    task = metrics_task(scene->metrics, "t1");
    assert_non_null(task);
    assert_none(task->cpu_units);
    assert_near(task->memory_mib, 30);
    sample_one(scene, 20, "id1", 9.5, 50); /* an eighth of a CPU: 128 units */
    assert_near(read(scene, "c/web", METRIC_CPU, 20, 20), 50);
    assert_near(read(scene, "c/web", METRIC_MEMORY, 20, 20), 50);
    assert_near(metrics_task(scene->metrics, "t1")->cpu_units, 128);
    assert_true(metrics_now(scene->metrics, "c/web", T0 + 25 * SECOND, now, &until_ms));
    assert_near(now[METRIC_CPU], 50);
    assert_none(now[METRIC_REQUESTS]);
    assert_true(until_ms == T0 + 20 * SECOND);
    assert_false(metrics_now(scene->metrics, "c/web", T0 + 300 * SECOND, now, &until_ms));
    assert_none(read(scene, "c/none", METRIC_CPU, 20, 20));
    assert_null(metrics_task(scene->metrics, "t9"));
}

static void or_of_its_instance(void **state)
{
    struct scene *scene = *state;

    container(scene, "id1", "t1", "web", 0, 0);
    sample_one(scene, 0, "id1", 0, 100);
    sample_one(scene, 20, "id1", 20, 100); /* one of two CPUs */
    assert_near(read(scene, "c/web", METRIC_CPU, 20, 20), 50);
    assert_near(read(scene, "c/web", METRIC_MEMORY, 20, 20), 10);
}

static void containers_of_a_task_are_added(void **state)
{
    struct scene *scene = *state;
    const struct container_sample first[] = { { "id1", CPU_S, 10 * MIB },
                                              { "id2", CPU_S, 20 * MIB } };
    const struct container_sample second[] = { { "id1", 2 * CPU_S, 10 * MIB },
                                               { "id2", 5 * CPU_S, 20 * MIB } };

    container(scene, "id1", "t1", "web", 1024, 100);
    container(scene, "id2", "t1", "web", 1024, 100);
    sample(scene, 0, first, 2);
    sample(scene, 20, second, 2);
    assert_near(read(scene, "c/web", METRIC_CPU, 20, 20), 25);
    assert_near(read(scene, "c/web", METRIC_MEMORY, 20, 20), 30);
}

static void a_counter_that_goes_back(void **state)
{
    struct scene *scene = *state;

    container(scene, "id1", "t1", "web", 1024, 100);
    sample_one(scene, 0, "id1", 100, 10);
    sample_one(scene, 20, "id1", 1, 10); /* it was started anew */
    assert_none(read(scene, "c/web", METRIC_CPU, 20, 20));
    sample_one(scene, 40, "id1", 11, 10);
    assert_near(read(scene, "c/web", METRIC_CPU, 20, 40), 50);
    /* After a long time it is not known when the time was taken. */
    sample_one(scene, 1000, "id1", 500, 10);
    assert_none(read(scene, "c/web", METRIC_CPU, 20, 1000));
    sample_one(scene, 1020, "id1", 510, 10);
    assert_near(read(scene, "c/web", METRIC_CPU, 20, 1020), 50);
    assert_none(read(scene, "c/web", METRIC_CPU, 20, 960));
}

static void what_is_of_no_service(void **state)
{
    struct scene *scene = *state;

    container(scene, "id1", "t1", "family:f/run1", 1024, 100);
    sample_one(scene, 0, "id1", 0, 10);
    sample_one(scene, 20, "id1", 10, 10);
    assert_false(metrics_knows(scene->metrics, "c/family:f/run1"));
    assert_near(metrics_task(scene->metrics, "t1")->cpu_units, 512);
    sample_one(scene, 20, "stranger", 10, 10);
}

/* ---- Load ------------------------------------------------------------------------------------ */

#define GROUP "c:web:main:80"

static struct target_sample target(const char *task, uint64_t process, uint64_t requests)
{
    return (struct target_sample){ .group = GROUP,
                                   .task = task,
                                   .process = process,
                                   .in_service = true,
                                   .requests = requests,
                                   .answers = { requests, 0, 0, 0 },
                                   .response_ms = 100 };
}

static void sample_load(struct scene *scene, int64_t at_s, const struct target_sample *targets,
                        size_t count)
{
    static const struct group_sample groups[] = { { GROUP, 3 } };
    const struct sample_report report = { .instance = "balancer",
                                          .balancer = "public",
                                          .taken_ms = (BEGUN_S + at_s) * SECOND,
                                          .targets = targets,
                                          .target_count = count,
                                          .groups = groups,
                                          .group_count = 1 };

    metrics_take(scene->metrics, scene->world, &report, T0 + at_s * SECOND);
}

static void requests_since_the_sample_before(void **state)
{
    struct scene *scene = *state;
    struct target_sample targets[] = { target("t1", 1, 1000), target("t2", 1, 0),
                                       target("t1", 2, 0) };

    sample_load(scene, 0, targets, 1); /* what was before is not ours to count */
    assert_none(read(scene, "c/web", METRIC_REQUESTS, 20, 20));
    targets[0] = target("t1", 1, 1010);
    targets[1] = target("t2", 1, 20); /* it came meanwhile */
    targets[1].response_ms = 400;
    sample_load(scene, 20, targets, 2);
    assert_true(read(scene, "c/web", METRIC_REQUESTS, 20, 20) == 30);
    assert_true(read(scene, "c/web", METRIC_ANSWERS_2XX, 20, 20) == 30);
    assert_near(read(scene, "c/web", METRIC_RESPONSE_TIME, 20, 20), 0.3);
    assert_near(read(scene, "c/web", METRIC_REQUESTS_PER_TARGET, 20, 20), 45);
    assert_true(read(scene, "c/web", METRIC_QUEUE, 20, 20) == 3);
    /* A reload: a new process counts from 0, the old one ends what it has begun. */
    targets[0] = target("t1", 2, 5);
    targets[1] = target("t2", 2, 0);
    targets[2] = target("t1", 1, 1012);
    sample_load(scene, 40, targets, 3);
    assert_true(read(scene, "c/web", METRIC_REQUESTS, 20, 40) == 7);
    assert_near(read(scene, "c/web", METRIC_REQUESTS_PER_TARGET, 20, 40), 10.5);
    /* Counters that were cleared. */
    targets[0] = target("t1", 2, 4);
    sample_load(scene, 60, targets, 2);
    assert_true(read(scene, "c/web", METRIC_REQUESTS, 20, 60) == 4);
    /* Nobody is left, and a long time passes. */
    sample_load(scene, 80, targets, 0);
    assert_true(read(scene, "c/web", METRIC_REQUESTS, 20, 80) == 0);
    targets[0] = target("t1", 2, 4000);
    sample_load(scene, 1000, targets, 1);
    assert_none(read(scene, "c/web", METRIC_REQUESTS, 20, 1000));
}

static void groups_of_nobody(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = { "", ":", "a", "a:b", ":b:c:1", "a::c:1", "default.0" };

    for (int64_t at = 0; at <= 20; at += 20) {
        for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
            struct target_sample one = target("t1", 1, 5);

            one.group = names[i];
            sample_load(scene, at, &one, 1);
        }
    }
    assert_true(metrics_knows(scene->metrics, "c/web")); /* by the group that all had */
    assert_false(metrics_knows(scene->metrics, "a/b"));
}

/* ---- Kept and forgotten ---------------------------------------------------------------------- */

static void restore_number(void *context, uint32_t number, const char *service)
{
    metrics_restore_number(context, number, service);
}

static void kept_and_restored(void **state)
{
    struct scene *scene = *state;
    AUTO(metrics) *other = metrics_new();
    struct metric_reader reader = metrics_reader(other);
    struct target_sample one = target("t1", 1, 0);
    double values[3] = { 0 };

    container(scene, "id1", "t1", "web", 1024, 100);
    container(scene, "id2", "t2", "db", 1024, 100);
    for (int64_t at = 0; at <= 120; at += 20) {
        sample_one(scene, at, "id1", (double)at / 2, 10);
        if (at >= 60)
            sample_one(scene, at, "id2", (double)at / 4, 10);
        one = target("t1", 1, (uint64_t)at);
        sample_load(scene, at, &one, 1);
    }
    assert_true(metrics_numbers_changed(scene->metrics));
    metrics_numbers_kept(scene->metrics);
    assert_false(metrics_numbers_changed(scene->metrics));
    metrics_numbers(scene->metrics, restore_number, other);
    for (int64_t minute = T0 / MINUTE - 1; minute <= T0 / MINUTE + 2; minute++) {
        AUTO(buf) data = { 0 };

        buf_init(&data, 4096);
        metrics_save(scene->metrics, minute, &data);
        assert_int_equal(data.size > 0, minute >= T0 / MINUTE && minute < T0 / MINUTE + 2);
        metrics_restore(other, minute, buf_text(&data), data.size);
    }
    reader.read(reader.context, "c/web", METRIC_CPU, 60, T0 + 130 * SECOND, values, 3);
    assert_none(values[0]);
    assert_near(values[1], 50);
    assert_near(values[2], 50);
    reader.read(reader.context, "c/db", METRIC_CPU, 60, T0 + 130 * SECOND, values, 3);
    assert_none(values[1]);
    assert_near(values[2], 25);
    reader.read(reader.context, "c/web", METRIC_REQUESTS, 60, T0 + 130 * SECOND, values, 3);
    assert_true(values[1] == 60 && values[2] == 60);
}

static void what_is_damaged(void **state)
{
    static const char *const texts[] = { "",
                                         "\x02\x01\x01",
                                         "\x01",
                                         "\x01\x01",
                                         "\x01\x01\x01\x05",
                                         "\x01\x01\x07\x01\x01\x01\x01\x01\x01",
                                         "\x01\xff\xff\xff\xff\xff\xff",
                                         "\x01\x05\x01\x01\x01\x01\x01\x01\x01" };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(metrics) *metrics = metrics_new();
        double now[METRIC_COUNT];
        int64_t until_ms;

        metrics_restore_number(metrics, 1, "c/web");
        metrics_restore_number(metrics, 1, "c/other"); /* its number is taken, */
        metrics_restore_number(metrics, 2, "c/web");   /* and this one has one */
        metrics_restore(metrics, T0 / MINUTE - 1, texts[i], strlen(texts[i]));
        assert_false(metrics_now(metrics, "c/web", T0, now, &until_ms));
        assert_false(metrics_knows(metrics, "c/other"));
    }
}

static void collect(void *context, const char *service)
{
    char *text = context;

    (void)snprintf(text + strlen(text), 64 - strlen(text), "%s ", service);
}

static void what_is_gone_is_forgotten_after_a_day(void **state)
{
    struct scene *scene = *state;
    char names[64] = "";

    container(scene, "id1", "t1", "web", 1024, 100);
    container(scene, "id2", "t2", "db", 1024, 100);
    for (int64_t at = 0; at <= 20; at += 20) {
        sample_one(scene, at, "id1", 1, 10);
        sample_one(scene, at, "id2", 1, 10);
    }
    for (int64_t at = 40; at <= 86440; at += 20) {
        sample_one(scene, at, "id1", 1, 10);
        if (at % 600 == 0)
            metrics_forget(scene->metrics, T0 + at * SECOND);
    }
    assert_null(metrics_task(scene->metrics, "t2"));
    assert_true(metrics_knows(scene->metrics, "c/db"));
    metrics_each(scene->metrics, collect, names);
    assert_string_equal(names, "c/db c/web ");
    metrics_numbers_kept(scene->metrics);
    metrics_forget(scene->metrics, T0 + 86440 * SECOND);
    assert_false(metrics_knows(scene->metrics, "c/db"));
    assert_true(metrics_knows(scene->metrics, "c/web"));
    assert_true(metrics_numbers_changed(scene->metrics));
}

static void it_never_outgrows_its_limit(void **state)
{
    struct scene *scene = *state;
    size_t services = METRICS_BYTES_MAX / series_bytes(false) + 10;
    char name[32];
    size_t known = 0;

    for (size_t i = 0; i < services; i++) {
        (void)snprintf(name, sizeof(name), "s%zu", i);
        container(scene, name, name, name, 1024, 100);
        sample_one(scene, 0, name, 1, 10);
        sample_one(scene, 20, name, 1, 10);
    }
    assert_true(metrics_left_out(scene->metrics) > 0);
    for (size_t i = 0; i < services; i++) {
        (void)snprintf(name, sizeof(name), "c/s%zu", i);
        known += metrics_knows(scene->metrics, name);
    }
    assert_true(known > services / 2 && known * series_bytes(false) <= METRICS_BYTES_MAX);
    metrics_forget(scene->metrics, T0 + MINUTE);
    assert_int_equal(metrics_left_out(scene->metrics), 0);
}

static void names(void **state)
{
    (void)state;
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        assert_int_equal(metric_find(metric_name(metric)), metric);
        assert_true(metric_unit(metric)[0] != '\0');
    }
    assert_int_equal(metric_find("CPU"), METRIC_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_what_the_task_was_given),
        TEST(or_of_its_instance),
        TEST(containers_of_a_task_are_added),
        TEST(a_counter_that_goes_back),
        TEST(what_is_of_no_service),
        TEST(requests_since_the_sample_before),
        TEST(groups_of_nobody),
        TEST(kept_and_restored),
        TEST(what_is_damaged),
        TEST(what_is_gone_is_forgotten_after_a_day),
        TEST(it_never_outgrows_its_limit),
        TEST(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
