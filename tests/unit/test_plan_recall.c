/*
 * What memory knows, and what has to be read anew.  With the memory lost, what the commits that
 * running tasks name declared is read again: there is a way back to it (rule 5 of
 * docs/explanation/rules.md).
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"
#define SPEC                                                                                       \
    "desiredCount: 2, deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, "         \
    "rollback: true}}"

/* As the shell does: the goal that is wanted now, for when it is not any more. */
static void keep_goal(struct scene *scene, const char *key)
{
    assert_true(scene->recalled_count < ARRAY_COUNT(scene->recalled));
    scene->recalled[scene->recalled_count++] = goal_ref(desired_service(scene->desired, key)->goal);
}

static void close_scene(struct scene *scene)
{
    for (size_t i = 0; i < scene->recalled_count; i++)
        goal_unref(scene->recalled[i]);
    scene_close(scene);
}

/* Two tasks of commit c1 run when c2 is declared, and nothing is remembered. */
static void lose_state(struct scene *scene)
{
    scene_open(scene);
    scene_commit(scene, "c1", scene_service(scene, "web", "red", SPEC));
    keep_goal(scene, WEB);
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running_of(scene, "c1"), 2);
    scene_forget(scene);
    scene_commit(scene, "c2", scene_service(scene, "web", "blue", SPEC));
}

static void what_fails_goes_back_to_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct deployment *primary;

    lose_state(&scene);
    scene.exits_on_start = true;
    scene_run(&scene, 600 * 1000);
    primary = scene_primary(&scene, WEB);
    assert_string_equal(primary->commit, "c1");
    assert_true(primary->rollback);
    assert_int_equal(primary->state, ROLLOUT_COMPLETED);

    /* And it is made again when one of them dies: it is remembered. */
    scene.exits_on_start = false;
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    assert_int_equal(scene_running(&scene, "web"), 2);
    close_scene(&scene);
}

static void what_works_replaces_it(void **unused)
{
    (void)unused;
    struct scene scene;

    lose_state(&scene);
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running_of(&scene, "c2"), 2);
    assert_int_equal(scene_running(&scene, "web"), 2);
    close_scene(&scene);
}

static size_t told(const struct buf *trace, const char *what)
{
    size_t count = 0;

    for (const char *at = buf_text(trace); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* Nobody started them: with their own revision declared, or with another one. */
static void tasks_that_are_found_are_taken_over(void **unused)
{
    (void)unused;

    for (int same = 0; same < 2; same++) {
        struct scene scene;
        AUTO(buf) trace = { 0 };

        buf_init(&trace, 1 << 20);
        lose_state(&scene);
        if (same == 1)
            scene_commit(&scene, "c3", scene_service(&scene, "web", "red", SPEC));
        scene.trace = &trace;
        scene_run(&scene, 60 * 1000);
        assert_int_equal(told(&trace, "has taken over 1 running tasks"), 2);
        assert_int_equal(told(&trace, "has started 1 tasks"), same == 1 ? 0 : 2);
        close_scene(&scene);
    }
}

/* What is not healthy has proved nothing. */
static void no_way_leads_to_what_is_not_healthy(void **unused)
{
    (void)unused;
    struct scene scene;

    lose_state(&scene);
    for (size_t i = 0; i < scene.container_count; i++)
        scene_end_container(&scene, i, 1);
    scene.exits_on_start = true;
    scene_run(&scene, 600 * 1000);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    close_scene(&scene);
}

/* In the middle of a rollout: two old ones are healthy, one new one is. */
static void of_two_the_one_that_carries_the_service(void **unused)
{
    (void)unused;
    const char *spec = "desiredCount: 2, deploymentConfiguration: {maximumPercent: 150, "
                       "deploymentCircuitBreaker: {enable: true, rollback: true}}";
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", spec));
    keep_goal(&scene, WEB);
    scene_run(&scene, 60 * 1000);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "blue", spec));
    keep_goal(&scene, WEB);
    scene_plan(&scene);
    for (int step = 0; scene_running_of(&scene, "c2") == 0 && step < 20; step++)
        scene_step(&scene);
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    assert_int_equal(scene_running_of(&scene, "c2"), 1);
    scene.now_ms += 5000;
    scene_forget(&scene);
    scene.exits_on_start = true;
    scene_commit(&scene, "c3", scene_service(&scene, "web", "green", spec));
    scene_run(&scene, 600 * 1000);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c1");
    close_scene(&scene);
}

/* Attempts go on where they were: an id that was used does not come back. */
static void attempts_are_not_repeated(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", SPEC));
    keep_goal(&scene, WEB);
    scene_run(&scene, 60 * 1000);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    scene_forget(&scene);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "blue", SPEC));
    scene_plan(&scene);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    assert_int_equal(memory_fallback(memory_service(scene.memory, WEB))->attempt_max, 2);
    close_scene(&scene);
}

/* A start parses each goal once: what a service is brought to and what is wanted are mostly one. */
static void what_is_remembered_is_not_parsed_again(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", SPEC));
    scene_run(&scene, 60 * 1000);
    AUTO(desired) *same = desired_make(scene.generation, NULL, scene.memory, NULL, NULL, NULL);
    AUTO(desired) *parsed = desired_make(scene.generation, NULL, NULL, NULL, NULL, NULL);
    assert_ptr_equal(desired_service(same, WEB)->goal, scene_primary(&scene, WEB)->goal);
    assert_ptr_not_equal(desired_service(parsed, WEB)->goal, scene_primary(&scene, WEB)->goal);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fails_goes_back_to_it),
        cmocka_unit_test(what_works_replaces_it),
        cmocka_unit_test(tasks_that_are_found_are_taken_over),
        cmocka_unit_test(no_way_leads_to_what_is_not_healthy),
        cmocka_unit_test(of_two_the_one_that_carries_the_service),
        cmocka_unit_test(attempts_are_not_repeated),
        cmocka_unit_test(what_is_remembered_is_not_parsed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
