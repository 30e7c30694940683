/*
 * The circuit breaker and the throttle (ecs.md 1.5).
 */
#include <string.h>

#include "reconciler/plan/plan_int.h"
#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"

static void commit(struct scene *scene, const char *commit, const char *color, unsigned count,
                   const char *breaker)
{
    const char *spec =
        arena_printf(&scene->arena,
                     "desiredCount: %u, deploymentConfiguration: {deploymentCircuitBreaker: {%s}}",
                     count, breaker);

    scene_commit(scene, commit, scene_service(scene, "web", color, spec));
}

static const struct memory_service *web(const struct scene *scene)
{
    return memory_service(scene->memory, WEB);
}

/* ---- Threshold ---- */

static void the_threshold_is_amazons(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t desired;
        const char *threshold;
        uint32_t expected;
    } cases[] = {
        { 1, "", 3 },
        { 6, "", 3 },
        { 7, "", 4 },
        { 25, "", 13 },
        { 400, "", 200 },
        { 800, "", 200 },
        { 100, "thresholdConfiguration: {value: 30}", 30 },
        { 10, "thresholdConfiguration: {type: BOUNDED_PERCENT, value: 1}", 3 },
        { 1, "thresholdConfiguration: {type: UNBOUNDED_PERCENT, value: 50}", 1 },
        { 25, "thresholdConfiguration: {type: UNBOUNDED_PERCENT, value: 50}", 13 },
        { 800, "thresholdConfiguration: {type: UNBOUNDED_PERCENT, value: 50}", 400 },
        { 0, "thresholdConfiguration: {type: UNBOUNDED_PERCENT, value: 50}", 1 },
        { 1, "thresholdConfiguration: {type: COUNT, value: 1}", 1 },
        { 800, "thresholdConfiguration: {type: COUNT, value: 7}", 7 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scene scene;

        scene_open(&scene);
        commit(&scene, "c1", "red", cases[i].desired, cases[i].threshold);
        assert_int_equal(breaker_threshold(desired_service(scene.desired, WEB)->goal->target->spec),
                         cases[i].expected);
        scene_close(&scene);
    }
}

static void it_opens_at_the_threshold_and_not_before(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", 1, "enable: true, thresholdConfiguration: {type: COUNT, value: 5}");
    scene_run(&scene, 3500); /* four tasks: at 0, 0, 1 and 3 s */
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 4);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_run(&scene, 4000);
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 5);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_non_null(
        strstr(scene_primary(&scene, WEB)->reason,
               "ECS deployment circuit breaker: tasks failed to start. Essential container in task "
               "exited: main, exit code 1"));
    assert_string_equal(web(&scene)->quarantined,
                        scene_primary(&scene, WEB)->goal->target->revision);

    /* No new tasks. */
    size_t before = scene.container_count;
    scene_run(&scene, 3600 * 1000);
    assert_int_equal(scene.container_count, before);
    scene_close(&scene);
}

static void it_does_not_open_when_it_is_off(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", 1, "enable: false");
    scene_run(&scene, 3600 * 1000);
    assert_true(scene_primary(&scene, WEB)->failed_tasks > 3);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_close(&scene);
}

static void without_rollback_it_stays_failed(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 1, "enable: true");
    scene_run(&scene, 60 * 1000);
    scene.exits_on_start = true;
    commit(&scene, "c2", "blue", 1, "enable: true");
    scene_run(&scene, 600 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    assert_int_equal(scene_running(&scene, "web"), 1); /* the old one still serves */
    scene_close(&scene);
}

/* The newest task ends before it is healthy. */
static void fail_newest(struct scene *scene)
{
    scene_end_container(scene, scene->container_count - 1, 1);
    scene_settle(scene);
}

/* Two failures of the second task, then the first one gets healthy, then two more. */
static void fail_around_a_healthy_task(struct scene *scene, const char *breaker)
{
    scene_open(scene);
    commit(scene, "c1", "red", 2, breaker);
    scene_settle(scene);
    fail_newest(scene);
    fail_newest(scene);
    assert_int_equal(scene_primary(scene, WEB)->failed_tasks, 2);
    scene_run(scene, 1100); /* healthy after one second; the next try is after one, too */
}

static void a_healthy_task_sets_the_count_back(void **unused)
{
    (void)unused;
    struct scene scene;

    fail_around_a_healthy_task(&scene, "enable: true");
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 0);
    fail_newest(&scene);
    fail_newest(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 2);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_close(&scene);
}

static void without_reset_the_count_adds_up(void **unused)
{
    (void)unused;
    struct scene scene;

    fail_around_a_healthy_task(&scene, "enable: true, resetOnHealthyTask: false");
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 2);
    fail_newest(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 3);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    scene_close(&scene);
}

/* ---- Throttle ---- */

static int64_t stopped_ms(const struct scene *scene, uint32_t attempt)
{
    for (const struct memory_task *at = web(scene)->tasks; at != NULL; at = at->next) {
        if (at->record.attempt == attempt)
            return at->record.stopped_ms;
    }
    fail_msg("there was no attempt %u", attempt);
    return 0;
}

static void pauses_double_up_to_a_quarter_of_an_hour(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", 1, "enable: false");
    scene_run(&scene, INT64_C(6) * 3600 * 1000);
    for (uint32_t attempt = 2; attempt <= 20; attempt++) {
        int64_t pause_ms = attempt < 3 ? 0 : INT64_C(1000) << (attempt - 3);
        int64_t seen_ms = stopped_ms(&scene, attempt) - stopped_ms(&scene, attempt - 1);

        if (pause_ms > 15 * 60 * 1000)
            pause_ms = 15 * 60 * 1000;
        assert_in_range(seen_ms, pause_ms, pause_ms + 100);
    }
    scene_close(&scene);
}

static struct throttle throttle_of(const struct scene *scene, const char *commit)
{
    for (const struct memory_deployment *at = web(scene)->newest; at != NULL; at = at->older) {
        if (text_equal(at->record.commit, commit))
            return at->throttle;
    }
    fail_msg("there was no deployment of %s", commit);
    return (struct throttle){ 0 };
}

static void what_ran_for_a_while_is_replaced_at_once(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 1, "enable: false");
    scene_run(&scene, 60 * 1000);
    for (unsigned i = 0; i < 5; i++) {
        fail_newest(&scene);
        assert_int_equal(scene_running(&scene, "web"), 1);
        assert_int_equal(throttle_of(&scene, "c1").start_failures, 0);
        scene_run(&scene, 11 * 1000);
    }
    scene_close(&scene);
}

static void another_commit_ends_the_pause(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", 1, "enable: false");
    scene_run(&scene, 3600 * 1000);
    assert_true(throttle_of(&scene, "c1").retry_at_ms > scene.now_ms);
    scene.exits_on_start = false;
    commit(&scene, "c2", "blue", 1, "enable: false");
    scene_settle(&scene);
    assert_int_equal(scene_running(&scene, "web"), 1);
    scene_close(&scene);
}

/* The new revision fails at once, again and again, beside a task of the former one. */
static void fail_beside_the_former(struct scene *scene)
{
    scene_open(scene);
    commit(scene, "c1", "red", 1, "enable: false");
    scene_run(scene, 60 * 1000);
    scene->exits_on_start = true;
    commit(scene, "c2", "blue", 1, "enable: false");
    scene_run(scene, 60 * 1000);
    assert_int_equal(throttle_of(scene, "c2").start_failures, 7);
    assert_int_equal(throttle_of(scene, "c1").start_failures, 0);
}

static void the_pause_of_a_new_revision_is_none_of_the_former_ones(void **unused)
{
    (void)unused;
    struct scene scene;

    fail_beside_the_former(&scene);
    scene.exits_on_start = false;
    int64_t retry_at_ms = throttle_of(&scene, "c2").retry_at_ms;
    scene_end_container(&scene, 0, 1);
    scene_settle(&scene);
    assert_true(retry_at_ms > scene.now_ms);
    assert_int_equal(scene_running_of(&scene, "c1"), 1);

    /* And that the former one is healthy does not end it. */
    scene_run(&scene, 1100);
    assert_true(retry_at_ms > scene.now_ms);
    assert_int_equal(throttle_of(&scene, "c2").start_failures, 7);
    assert_int_equal(throttle_of(&scene, "c2").retry_at_ms, retry_at_ms);
    assert_int_equal(scene_running_of(&scene, "c2"), 0);

    /* Its own health does. */
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 1);
    assert_int_equal(throttle_of(&scene, "c2").start_failures, 0);
    scene_close(&scene);
}

static void a_former_revision_that_does_not_start_waits_too(void **unused)
{
    (void)unused;
    struct scene scene;

    fail_beside_the_former(&scene);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000);
    /* It ran for a while; then at once, and after 0, 1, 3, 7, 15, 31 s. */
    assert_int_equal(throttle_of(&scene, "c1").start_failures, 7);
    assert_non_null(
        strstr(scene_wait(&scene, WEB), "tasks of the former revision keep failing to start"));
    scene_close(&scene);
}

/* ---- Images ---- */

static void pulls_that_fail_count(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.pull_failure = (struct scene_failure){ ERR_NOT_FOUND, "manifest unknown" };
    commit(&scene, "c1", "red", 1, "enable: true");
    scene_run(&scene, 2500);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_non_null(strstr(scene_primary(&scene, WEB)->reason,
                           "tasks failed to start. CannotPullContainerError: manifest unknown"));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threshold_is_amazons),
        cmocka_unit_test(it_opens_at_the_threshold_and_not_before),
        cmocka_unit_test(it_does_not_open_when_it_is_off),
        cmocka_unit_test(without_rollback_it_stays_failed),
        cmocka_unit_test(a_healthy_task_sets_the_count_back),
        cmocka_unit_test(without_reset_the_count_adds_up),
        cmocka_unit_test(pauses_double_up_to_a_quarter_of_an_hour),
        cmocka_unit_test(what_ran_for_a_while_is_replaced_at_once),
        cmocka_unit_test(another_commit_ends_the_pause),
        cmocka_unit_test(the_pause_of_a_new_revision_is_none_of_the_former_ones),
        cmocka_unit_test(a_former_revision_that_does_not_start_waits_too),
        cmocka_unit_test(pulls_that_fail_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
