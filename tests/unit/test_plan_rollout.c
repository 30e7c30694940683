/*
 * The rolling update (ecs.md 1.5): Amazon's worked cases, and when a task counts as healthy.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"

static void commit(struct scene *scene, const char *commit, const char *color, unsigned count,
                   const char *configuration)
{
    const char *spec = arena_printf(
        &scene->arena, "desiredCount: %u, deploymentConfiguration: {%s}", count, configuration);

    scene_commit(scene, commit, scene_service(scene, "web", color, spec));
}

/* A service that runs, another revision of it, and what is done to its tasks first. */
static void first_moves(struct scene *scene, unsigned count, const char *configuration,
                        size_t starts, size_t stops)
{
    scene_open(scene);
    commit(scene, "c1", "red", count, "");
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "web"), count);
    commit(scene, "c2", "blue", count, configuration);
    do
        scene_step(scene);
    while (scene->plan.action_count > 0 && scene_actions(scene, ACTION_CONTAINER_CREATE) == 0 &&
           scene_actions(scene, ACTION_CONTAINER_STOP) == 0);
    assert_int_equal(scene_actions(scene, ACTION_CONTAINER_CREATE), starts);
    assert_int_equal(scene_actions(scene, ACTION_CONTAINER_STOP), stops);
}

/* In the end all are replaced, and there were never fewer healthy, nor more, than said. */
static void ends_well(struct scene *scene, unsigned count, size_t least, size_t most)
{
    for (unsigned step = 0; step < 1000; step++) {
        size_t running = scene_running(scene, "web");

        assert_in_range(running, least, most);
        if (scene_primary(scene, WEB)->state == ROLLOUT_COMPLETED)
            break;
        scene_step(scene);
        scene->now_ms += 100;
    }
    scene_run(scene, 10 * 1000);
    assert_int_equal(scene_primary(scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_string_equal(scene_primary(scene, WEB)->commit, "c2");
    assert_int_equal(scene_running(scene, "web"), count);
}

/* What is being stopped counts no more (ecs.md 1.5: RUNNING and PENDING), so that two come at
 * once. */
static void four_with_half_may_stop_two_first(void **unused)
{
    (void)unused;
    struct scene scene;

    first_moves(&scene, 4, "minimumHealthyPercent: 50, maximumPercent: 100", 2, 2);
    ends_well(&scene, 4, 2, 4);
    scene_close(&scene);
}

static void four_with_twice_may_start_four_first(void **unused)
{
    (void)unused;
    struct scene scene;

    first_moves(&scene, 4, "minimumHealthyPercent: 100, maximumPercent: 200", 4, 0);
    ends_well(&scene, 4, 4, 8);
    scene_close(&scene);
}

/* ceil(2 x 0.75) = 2. */
static void two_with_three_quarters_may_stop_none(void **unused)
{
    (void)unused;
    struct scene scene;

    first_moves(&scene, 2, "minimumHealthyPercent: 75, maximumPercent: 100", 0, 0);
    assert_string_equal(
        scene_wait(&scene, WEB),
        "(service web) was unable to stop or start tasks during a deployment because of the "
        "service deployment configuration: 2 of 2 tasks run, at least 2 must, at most 2 may");
    scene_close(&scene);
}

/* floor(3 x 1.25) = 3. */
static void three_with_a_quarter_more_may_start_none(void **unused)
{
    (void)unused;
    struct scene scene;

    first_moves(&scene, 3, "minimumHealthyPercent: 100, maximumPercent: 125", 0, 0);
    assert_non_null(
        strstr(scene_wait(&scene, WEB), "was unable to stop or start tasks during a deployment"));
    assert_non_null(
        strstr(scene_wait(&scene, WEB), "3 of 3 tasks run, at least 3 must, at most 3 may"));
    scene_close(&scene);
}

/* Both: one may stop, none more may start. */
static void four_with_three_quarters_goes_one_by_one(void **unused)
{
    (void)unused;
    struct scene scene;

    first_moves(&scene, 4, "minimumHealthyPercent: 75, maximumPercent: 100", 1, 1);
    ends_well(&scene, 4, 3, 4);
    scene_close(&scene);
}

/* ---- Healthy ---- */

/* Without scene_service()'s minReadySeconds. */
static const char *plain_service(struct scene *scene, const char *container, const char *spec)
{
    return arena_printf(&scene->arena,
                        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: "
                        "{cpu: 256, memory: 512, containerDefinitions: [{name: main, "
                        "image: 'web:1', %s}]}}\n"
                        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                        "{cluster: c, taskDefinition: web, desiredCount: 1, %s}}\n",
                        container, spec);
}

static bool is_healthy(struct scene *scene)
{
    struct plan_input input = scene_input(scene);
    struct service_status status;

    plan_service_status(&input, WEB, &scene->arena, &status);
    return status.healthy == 1;
}

static void a_task_without_a_check_is_healthy_after_forty_seconds(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t started_ms;

    scene_open(&scene);
    scene_commit(&scene, "c1", plain_service(&scene, "", ""));
    scene_settle(&scene);
    started_ms = scene.containers[0].started_ms;
    scene_run(&scene, started_ms + 39999 - scene.now_ms);
    assert_false(is_healthy(&scene));
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_run(&scene, 1);
    assert_true(is_healthy(&scene));
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

static void a_check_that_passes_is_enough(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", plain_service(&scene, "healthCheck: {command: [CMD, /check]}", ""));
    scene_settle(&scene);
    assert_true(is_healthy(&scene));
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

static void failed_checks_do_not_count_in_the_grace_period(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.checks = HEALTH_UNHEALTHY;
    scene_commit(&scene, "c1",
                 plain_service(&scene, "healthCheck: {command: [CMD, /check]}",
                               "healthCheckGracePeriodSeconds: 30"));
    scene_settle(&scene);
    scene_run(&scene, scene.containers[0].started_ms + 29999 - scene.now_ms);
    assert_int_equal(scene.container_count, 1);
    assert_int_equal(scene.containers[0].status, CONTAINER_RUNNING);
    scene_run(&scene, 10);
    assert_true(scene.container_count > 1); /* its replacement comes first */
    scene_close(&scene);
}

static void without_grace_they_count_at_once(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.checks = HEALTH_UNHEALTHY;
    scene_commit(&scene, "c1", plain_service(&scene, "healthCheck: {command: [CMD, /check]}", ""));
    scene_settle(&scene);
    assert_true(scene.container_count > 1);
    scene_close(&scene);
}

/* A revision that is declared again takes over what runs of it; names of its first deployment must
 * not come back when that one is the former again. */
static void numbers_count_for_who_made_the_task(void **unused)
{
    (void)unused;
    struct scene scene;
    char first[DEPLOYMENT_ID_SIZE];
    const struct deployment *made;

    scene_open(&scene);
    commit(&scene, "c1", "red", 2, "");
    scene_run(&scene, 60 * 1000);
    text_copy(first, sizeof(first), scene_primary(&scene, WEB)->id);
    commit(&scene, "c2", "blue", 2, "");
    scene_plan(&scene);
    commit(&scene, "c3", "red", 2, "");
    scene_plan(&scene);
    assert_string_not_equal(scene_primary(&scene, WEB)->id, first);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000);
    made = memory_deployment(memory_service(scene.memory, WEB), first);
    assert_non_null(made);
    assert_int_equal(made->attempt_max, 1);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_with_half_may_stop_two_first),
        cmocka_unit_test(four_with_twice_may_start_four_first),
        cmocka_unit_test(two_with_three_quarters_may_stop_none),
        cmocka_unit_test(three_with_a_quarter_more_may_start_none),
        cmocka_unit_test(four_with_three_quarters_goes_one_by_one),
        cmocka_unit_test(a_task_without_a_check_is_healthy_after_forty_seconds),
        cmocka_unit_test(a_check_that_passes_is_enough),
        cmocka_unit_test(failed_checks_do_not_count_in_the_grace_period),
        cmocka_unit_test(without_grace_they_count_at_once),
        cmocka_unit_test(numbers_count_for_who_made_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
