/*
 * Success needs proof (rule 6 of docs/explanation/rules.md): where a rollback may lead.
 */
#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"
#define BREAKER                                                                                    \
    "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}"

static void commit(struct scene *scene, const char *commit, const char *color, unsigned count)
{
    const char *spec = arena_printf(&scene->arena, "desiredCount: %u, " BREAKER, count);

    scene_commit(scene, commit, scene_service(scene, "web", color, spec));
}

static void a_deployment_without_tasks_proves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 0);
    scene_settle(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_false(scene_primary(&scene, WEB)->proven);

    /* The next one fails, and there is nothing to go back to. */
    scene.exits_on_start = true;
    commit(&scene, "c2", "blue", 2);
    scene_run(&scene, 600 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    scene_close(&scene);
}

static void a_rollback_leads_past_what_was_never_proved(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 2);
    scene_run(&scene, 60 * 1000);
    assert_true(scene_primary(&scene, WEB)->proven);
    assert_int_equal(scene_running(&scene, "web"), 2);

    commit(&scene, "c2", "green", 0);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running(&scene, "web"), 0);
    assert_string_equal(memory_fallback(memory_service(scene.memory, WEB))->commit, "c1");

    scene.exits_on_start = true;
    commit(&scene, "c3", "blue", 2);
    scene_run(&scene, 600 * 1000);
    assert_true(scene_primary(&scene, WEB)->rollback);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c1");
    scene.exits_on_start = false;
    scene_run(&scene, 1200 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running(&scene, "web"), 2);
    scene_close(&scene);
}

/* What was scaled up from nothing is judged as what was deployed. */
static void the_first_tasks_are_judged(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 0);
    scene_settle(&scene);
    commit(&scene, "c2", "red", 2);
    scene_settle(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c1");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_true(scene_primary(&scene, WEB)->proven);

    /* Proved once, it stays so. */
    commit(&scene, "c3", "red", 0);
    scene_run(&scene, 60 * 1000);
    commit(&scene, "c4", "red", 1);
    scene_settle(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

/* A container that was only listed may be up since a moment ago, or not be well at all. */
static void what_is_only_listed_is_not_healthy(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 1);
    scene_run(&scene, 60 * 1000);
    commit(&scene, "c2", "blue", 1);
    scene_settle(&scene);
    assert_int_equal(scene.container_count, 2);
    scene.containers[1].status = CONTAINER_PAUSED;
    scene_tell(&scene, 1);
    scene.containers[1].status = CONTAINER_RUNNING;
    scene.containers[1].inspected = false;
    scene_tell(&scene, 1);
    scene.now_ms += 60 * 1000;
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_STOP), 0);
    scene.containers[1].inspected = true;
    scene_tell(&scene, 1);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running(&scene, "web"), 1);
    scene_close(&scene);
}

/* Scaled down while its first task has died: the task beyond goes when the first is healthy. */
static void a_service_is_not_at_rest_with_a_task_too_many(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", 2);
    scene_run(&scene, 60 * 1000);
    for (size_t i = 0; i < scene.container_count; i++) {
        if (scene.containers[i].slot == 0)
            scene_end_container(&scene, i, 1);
    }
    commit(&scene, "c2", "red", 1);
    scene_settle(&scene);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_string_equal(scene_wait(&scene, WEB), "0 of 1 tasks are healthy: without a health check "
                                                 "that takes 1 s");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);
    assert_string_equal(scene_wait(&scene, WEB), "");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deployment_without_tasks_proves_nothing),
        cmocka_unit_test(a_rollback_leads_past_what_was_never_proved),
        cmocka_unit_test(the_first_tasks_are_judged),
        cmocka_unit_test(what_is_only_listed_is_not_healthy),
        cmocka_unit_test(a_service_is_not_at_rest_with_a_task_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
