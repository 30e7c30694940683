/*
 * Efforts: failures in a row, when and of which sort, and what is forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/action.h"
#include "spec/base/text.h"
#include "spec/world.h"
#include "tests/unit/unit.h"

/* How often anything of the instance was marked since the last look. */
static void mark_note(void *context, enum dirty_kind kind, const char *key)
{
    unsigned *marks = context;

    (void)key;
    *marks += kind == DIRTY_INSTANCE;
}

static void assert_marked(const struct world *world, bool expected)
{
    unsigned *marks = world->dirty_context;

    assert_int_equal(*marks > 0, expected);
    *marks = 0;
}

static int setup(void **state)
{
    *state = world_new(mark_note, mem_alloc(sizeof(unsigned)));
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    void *marks = world->dirty_context;

    world_free(world);
    free(marks);
    return 0;
}

static bool apply_effort(struct world *world, const char *key, enum effort_state state,
                         int64_t at_ms, const char *progress)
{
    struct err failure = { 0 };
    (void)err_set(&failure, ERR_FAILED, "no space left");
    const struct world_change change = { .kind = WORLD_EFFORT,
                                         .effort = { .instance = "a",
                                                     .key = key,
                                                     .state = state,
                                                     .at_ms = at_ms,
                                                     .progress = progress,
                                                     .failure = state == EFFORT_FAILED ? &failure
                                                                                       : NULL } };
    return world_apply(world, &change);
}

static void fail_with(struct world *world, enum err_code code, int64_t at_ms)
{
    struct err failure = { 0 };
    (void)err_set(&failure, code, "no");
    const struct world_change change = { .kind = WORLD_EFFORT,
                                         .effort = { .instance = "a",
                                                     .key = "start x",
                                                     .state = EFFORT_FAILED,
                                                     .at_ms = at_ms,
                                                     .failure = &failure } };
    assert_true(world_apply(world, &change));
}

static void efforts_tell_refusals_from_lost_ways(void **state)
{
    struct world *world = *state;

    fail_with(world, ERR_UNREACHABLE, 1);
    fail_with(world, ERR_FAILED, 2);
    fail_with(world, ERR_TIMEOUT, 3);
    fail_with(world, ERR_NOT_FOUND, 4);
    fail_with(world, ERR_CAPACITY, 5);
    const struct world_effort *effort = world_effort(world_instance(world, "a"), "start x");
    assert_int_equal(world_effort_failures(effort, 0), 5);
    assert_int_equal(world_effort_refusals(effort, 0), 2);
    assert_int_equal(world_effort_refusals(effort, 3), 1);
    assert_int_equal(world_effort_failing_since(effort, 0), 1);
    assert_int_equal(world_effort_failing_since(effort, 3), 3);
    assert_int_equal(world_effort_failing_since(effort, 6), INT64_MAX);
    for (int64_t at_ms = 6; at_ms < 6 + WORLD_FAILURES_KEPT; at_ms++)
        fail_with(world, ERR_FAILED, at_ms);
    assert_int_equal(world_effort_refusals(effort, 0), 5 + WORLD_FAILURES_KEPT);
    assert_int_equal(world_effort_failing_since(effort, 0), 6);
}

/* That the engine starts others is known from the failure after it. */
static void efforts_know_what_else_is_started(void **state)
{
    struct world *world = *state;
    struct world_change report = { .kind = WORLD_CONTAINER,
                                   .container = { .instance = "a",
                                                  .id = "id1",
                                                  .name = "berth-x-web",
                                                  .cluster = "c",
                                                  .service = "web",
                                                  .task = "t1",
                                                  .container = "web",
                                                  .containers = 1,
                                                  .inspected = true } };

    (void)world_apply(world, &report);
    fail_with(world, ERR_FAILED, 1);
    fail_with(world, ERR_FAILED, 2);
    const struct world_effort *effort = world_effort(world_instance(world, "a"), "start x");
    assert_false(effort->starts_elsewhere);
    report.container.status = CONTAINER_RUNNING;
    report.container.started_ms = 17;
    (void)world_apply(world, &report);
    assert_false(effort->starts_elsewhere);
    fail_with(world, ERR_FAILED, 3);
    assert_true(effort->starts_elsewhere);
    assert_true(apply_effort(world, "start x", EFFORT_DONE, 4, NULL));
    fail_with(world, ERR_FAILED, 5);
    assert_false(effort->starts_elsewhere);

    /* What it started before it was away says nothing of what it does now. */
    const struct world_change back = { .kind = WORLD_INSTANCE,
                                       .instance = { .instance = "a", .connected_ms = 10 } };
    report.container.started_ms = 18;
    (void)world_apply(world, &report);
    (void)world_apply(world, &back);
    fail_with(world, ERR_FAILED, 11);
    assert_false(effort->starts_elsewhere);
}

static void what_was_cancelled_is_forgotten(void **state)
{
    struct world *world = *state;
    struct err failure = { 0 };
    (void)err_set(&failure, ERR_CANCELLED, "cancelled");
    const struct world_change change = { .kind = WORLD_EFFORT,
                                         .effort = { .instance = "a",
                                                     .key = "build x",
                                                     .state = EFFORT_FAILED,
                                                     .at_ms = 3,
                                                     .failure = &failure } };

    assert_true(apply_effort(world, "build x", EFFORT_FAILED, 1, NULL));
    assert_true(apply_effort(world, "build x", EFFORT_RUNNING, 2, NULL));
    assert_true(world_apply(world, &change));
    assert_null(world_effort(world_instance(world, "a"), "build x"));
    assert_false(world_apply(world, &change));
    assert_null(world_effort(world_instance(world, "a"), "build x"));
}

static void efforts_count_failures_in_a_row(void **state)
{
    struct world *world = *state;

    assert_true(apply_effort(world, "pull x", EFFORT_RUNNING, 1, NULL));
    assert_marked(world, true);
    assert_true(apply_effort(world, "pull x", EFFORT_RUNNING, 1, "1 of 7 layers"));
    assert_marked(world, false); /* for people only */
    assert_true(apply_effort(world, "pull x", EFFORT_FAILED, 5, NULL));
    assert_marked(world, true);
    assert_false(apply_effort(world, "pull x", EFFORT_FAILED, 5, NULL));
    const struct world_effort *effort = world_effort(world_instance(world, "a"), "pull x");
    assert_int_equal(effort->failures, 1);
    assert_string_equal(effort->failure.text, "no space left");
    assert_null(effort->progress);

    (void)apply_effort(world, "pull x", EFFORT_RUNNING, 6, NULL);
    assert_int_equal(effort->failures, 1);
    assert_string_equal(effort->failure.text, "no space left"); /* of the last try */
    (void)apply_effort(world, "pull x", EFFORT_FAILED, 7, NULL);
    (void)apply_effort(world, "pull x", EFFORT_FAILED, 9, NULL);
    assert_int_equal(effort->failures, 3);
    assert_int_equal(world_effort_failures(effort, 10), 0);
    assert_int_equal(world_effort_failures(effort, 9), 1);
    assert_int_equal(world_effort_failures(effort, 6), 2);
    assert_int_equal(world_effort_failures(effort, 0), 3);
    (void)apply_effort(world, "pull x", EFFORT_DONE, 11, NULL);
    assert_int_equal(effort->failures, 0);
    assert_int_equal(effort->failure.code, ERR_OK);
    assert_int_equal(world_effort_failures(effort, 0), 0);
    for (int i = 0; i <= WORLD_FAILURES_KEPT; i++)
        (void)apply_effort(world, "pull x", EFFORT_FAILED, 20 + i, NULL);
    assert_int_equal(world_effort_failures(effort, 22), WORLD_FAILURES_KEPT - 1);
    assert_int_equal(world_effort_failures(effort, 21), WORLD_FAILURES_KEPT + 1);
}

static void what_is_long_is_about_images(void **state)
{
    (void)state;
    assert_true(action_effort_is_long("build berth/web:1"));
    assert_true(action_effort_is_long("pull x"));
    assert_true(action_effort_is_long("push x"));
    assert_true(action_effort_is_long("load berth/sandbox:1"));
    assert_false(action_effort_is_long("create berth-012345678901-web"));
    assert_false(action_effort_is_long("start berth-012345678901-web"));
    assert_false(action_effort_is_long("remove berth/web:1"));
    assert_false(action_effort_is_long("pul x"));
    assert_false(action_effort_is_long(""));
}

static void note_instance(void *context, enum dirty_kind kind, const char *key)
{
    if (kind == DIRTY_INSTANCE && text_equal(key, "giver"))
        ++*(unsigned *)context;
}

/* Until then it keeps what it gives. */
static void who_gave_is_marked_when_a_copy_ends(void **unused)
{
    static const struct err cancelled = { .code = ERR_CANCELLED };
    static const struct err failed = { .code = ERR_FAILED };
    static const struct err *const ends[] = { NULL, &cancelled, &failed };
    const struct world_change giver = { .kind = WORLD_INSTANCE,
                                        .instance = { .instance = "giver", .engine_id = "G" } };
    struct world_change copy = { .kind = WORLD_EFFORT,
                                 .effort = { .instance = "a", .key = "copy x" } };
    unsigned marks = 0;
    struct world *world = world_new(note_instance, &marks);

    (void)unused;
    (void)world_apply(world, &giver);
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        copy.effort.state = EFFORT_RUNNING;
        copy.effort.giver = "giver";
        copy.effort.failure = NULL;
        marks = 0;
        assert_true(world_apply(world, &copy));
        assert_int_equal(marks, 0);
        copy.effort.state = ends[i] == NULL ? EFFORT_DONE : EFFORT_FAILED;
        copy.effort.giver = NULL;
        copy.effort.failure = ends[i];
        assert_true(world_apply(world, &copy));
        assert_int_equal(marks, 1);
    }
    copy.effort.state = EFFORT_RUNNING;
    copy.effort.giver = "who has never been seen";
    (void)world_apply(world, &copy);
    copy.effort.state = EFFORT_DONE;
    (void)world_apply(world, &copy);
    assert_null(world_instance(world, "who has never been seen"));
    world_free(world);
}

static void old_efforts_are_forgotten(void **state)
{
    struct world *world = *state;
    char key[32];

    (void)apply_effort(world, "build first", EFFORT_RUNNING, 0, NULL);
    for (int i = 0; i < WORLD_EFFORTS_MAX + 10; i++) {
        (void)snprintf(key, sizeof(key), "build %d", i);
        (void)apply_effort(world, key, EFFORT_DONE, i, NULL);
    }
    const struct world_instance *instance = world_instance(world, "a");
    assert_int_equal(HASH_CNT(by_key, instance->efforts), WORLD_EFFORTS_MAX);
    assert_non_null(world_effort(instance, "build first"));
    assert_null(world_effort(instance, "build 10"));
    assert_non_null(world_effort(instance, "build 11"));
    assert_non_null(world_effort(instance, key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_cancelled_is_forgotten),
        TEST(efforts_count_failures_in_a_row),
        TEST(efforts_tell_refusals_from_lost_ways),
        TEST(efforts_know_what_else_is_started),
        TEST(what_is_long_is_about_images),
        TEST(old_efforts_are_forgotten),
        cmocka_unit_test(who_gave_is_marked_when_a_copy_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
