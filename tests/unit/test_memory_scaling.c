/*
 * What auto scaling did is kept: activities with how they ended, so many of each service.
 */
#include <stdlib.h>

#include "reconciler/memory/history.h"
#include "reconciler/memory/store.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

struct bench {
    char *directory;
    struct store *store;
    struct memory *memory;
    struct arena arena;
    struct history_activity *items;
    size_t count;
};

static void bench_open(struct bench *bench)
{
    struct err err;

    *bench = (struct bench){ .directory = scratch_make() };
    bench->store = store_open(bench->directory, "tester",
                              &(const struct store_identity){ .command = "test" }, &err);
    assert_non_null(bench->store);
    bench->memory = memory_new();
}

static void bench_close(struct bench *bench)
{
    store_close(bench->store);
    memory_free(bench->memory);
    arena_release(&bench->arena);
    scratch_remove(bench->directory);
}

static void state(struct bench *bench, uint32_t desired, bool fulfilled, int64_t at_ms,
                  const struct scaling_words *words)
{
    const struct scaling scaling = {
        .set = true, .desired = desired, .from = 1, .at_ms = at_ms, .fulfilled = fulfilled
    };
    const struct fact fact = { .kind = FACT_SCALE,
                               .durable = true,
                               .cluster = "c",
                               .service = "web",
                               .at_ms = at_ms,
                               .scaling = &scaling,
                               .words = words };
    struct err err;

    assert_int_equal(store_write(bench->store, &fact, 1, &err), 0);
    memory_apply(bench->memory, &fact);
}

static void look(struct bench *bench)
{
    struct err err;

    assert_int_equal(history_activities(bench->store, "c", "web", &bench->arena, &bench->items,
                                        &bench->count, &err),
                     0);
}

static const struct scaling_words words = { "why", "by what" };

static void each_activity_ends(void **unused)
{
    struct bench bench;

    (void)unused;
    bench_open(&bench);
    state(&bench, 2, false, 10, &words);
    state(&bench, 3, false, 20, &words);
    state(&bench, 3, true, 30, NULL);
    state(&bench, 4, false, 40, &words);
    look(&bench);
    assert_int_equal(bench.count, 3);
    assert_int_equal(bench.items[0].status, ACTIVITY_IN_PROGRESS);
    assert_int_equal(bench.items[0].ended_ms, 0);
    assert_int_equal(bench.items[1].status, ACTIVITY_SUCCESSFUL);
    assert_int_equal(bench.items[1].ended_ms, 30);
    assert_int_equal(bench.items[2].status, ACTIVITY_OVERRIDDEN);
    assert_int_equal(bench.items[2].from, 1);
    assert_int_equal(bench.items[2].to, 2);
    assert_string_equal(bench.items[2].cause, "why");
    assert_string_equal(bench.items[2].inputs, "by what");
    bench_close(&bench);
}

static void so_many_are_kept(void **unused)
{
    struct bench bench;
    struct err err;

    (void)unused;
    bench_open(&bench);
    for (int64_t i = 0; i < 2 * HISTORY_ACTIVITIES; i++)
        state(&bench, (uint32_t)(5 + i), false, 50 + i, &words);
    assert_int_equal(store_prune(bench.store, bench.memory, 1000, &err), 0);
    look(&bench);
    assert_int_equal(bench.count, HISTORY_ACTIVITIES);
    assert_int_equal(bench.items[0].to, 5 + 2 * HISTORY_ACTIVITIES - 1);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_activity_ends),
        cmocka_unit_test(so_many_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
