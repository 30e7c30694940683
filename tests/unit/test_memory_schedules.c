/*
 * What is remembered of schedules comes back from the store, and the clock does not change it.
 */
#include "reconciler/memory/store.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/text.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

static const struct store_identity identity = { .command = "berth test", .started_ms = 1 };

static struct store *open_store(const char *directory)
{
    struct err err = { 0 };
    struct store *store = store_open(directory, "tester", &identity, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static void state(struct store *store, const struct fact *fact)
{
    struct err err = { 0 };

    if (store_write(store, fact, 1, &err) < 0)
        fail_msg("%s", err.text);
}

static struct memory *load(struct store *store)
{
    struct memory *memory = memory_new();
    struct err err = { 0 };

    if (store_load(store, memory, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(store_warnings(store)->count, 0);
    return memory;
}

static void assert_same(const struct schedule_record *a, const struct schedule_record *b)
{
    assert_non_null(a);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->timing, b->timing);
    assert_true(text_equal(a->suspended, b->suspended));
    assert_true(a->since_ms == b->since_ms && a->decided_ms == b->decided_ms);
    assert_true(a->due_ms == b->due_ms && a->begin_ms == b->begin_ms);
    assert_true(a->ended_ms == b->ended_ms && a->missed_ms == b->missed_ms);
    assert_int_equal(a->result, b->result);
    assert_string_equal(a->run, b->run);
    assert_int_equal(a->tasks, b->tasks);
    assert_int_equal(a->tries, b->tries);
    assert_int_equal(a->exit_code, b->exit_code);
    assert_true(text_equal(a->reason, b->reason));
    assert_true(text_equal(a->missed, b->missed));
}

static const struct schedule_record full = {
    .name = "nightly",
    .timing = "cron(0 3 * * ? *) UTC - -",
    .suspended = "by anna",
    .since_ms = 1,
    .decided_ms = 2,
    .due_ms = 3,
    .result = SCHEDULE_WAITING,
    .run = "0123456789abcdef0123456789abcdef",
    .tasks = 4,
    .tries = 5,
    .begin_ms = 6,
    .ended_ms = 7,
    .exit_code = -1,
    .reason = "it's over",
    .missed_ms = 8,
    .missed = "nobody was there",
};

static void they_come_back(void **unused)
{
    (void)unused;
    char *directory = scratch_make();
    struct store *store = open_store(directory);
    struct schedule_record record = full;
    struct fact fact = { .kind = FACT_SCHEDULE, .durable = true, .schedule = &record };
    const struct schedule_record bare = { .name = "bare", .timing = "" };
    struct fact other = { .kind = FACT_SCHEDULE, .durable = true, .schedule = &bare };
    const struct task_record task = { .id = "t1",
                                      .cluster = "c",
                                      .service = "family:t/run",
                                      .started_by = "schedule/nightly",
                                      .due_ms = 99 };
    const struct fact run = { .kind = FACT_TASK, .durable = true, .task = &task };
    struct memory *memory;
    struct memory *copy;

    state(store, &fact);
    state(store, &other);
    state(store, &run);
    memory = load(store);
    assert_same(memory_schedule(memory, "nightly"), &full);
    assert_same(memory_schedule(memory, "bare"), &bare);
    assert_true(memory_task(memory, "t1")->due_ms == 99);

    /* When it was due is no time of ours. */
    memory_clock_moved(memory, 1000 * 1000);
    memory_clock_limit(memory, 1);
    assert_same(memory_schedule(memory, "nightly"), &full);
    copy = memory_copy(memory);
    assert_same(memory_schedule(copy, "nightly"), &full);
    memory_free(copy);
    memory_free(memory);

    record.result = SCHEDULE_SUCCEEDED;
    record.suspended = NULL;
    record.exit_code = 0;
    state(store, &fact);
    store_close(store);
    store = open_store(directory);
    memory = load(store);
    assert_same(memory_schedule(memory, "nightly"), &record);

    record.timing = NULL; /* forgotten */
    state(store, &fact);
    memory_apply(memory, &fact);
    assert_null(memory_schedule(memory, "nightly"));
    memory_free(memory);
    memory = load(store);
    assert_null(memory_schedule(memory, "nightly"));
    assert_non_null(memory_schedule(memory, "bare"));
    memory_free(memory);
    store_close(store);
    scratch_remove(directory);
}

static void what_led_into_it_may_be_applied(void **unused)
{
    (void)unused;
    struct memory *memory = memory_new();
    struct schedule_record record = full;
    const struct fact fact = { .kind = FACT_SCHEDULE, .schedule = &record };

    memory_apply(memory, &fact);
    record = *memory_schedule(memory, "nightly");
    record.tries++;
    memory_apply(memory, &fact);
    assert_int_equal(memory_schedule(memory, "nightly")->tries, full.tries + 1);
    assert_string_equal(memory_schedule(memory, "nightly")->missed, full.missed);
    memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_back),
        cmocka_unit_test(what_led_into_it_may_be_applied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
