/*
 * What is evidence against a revision, and what is an engine's own trouble.
 */
#include <string.h>

#include "spec/base/buf.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define SPEC                                                                                       \
    "desiredCount: 1, deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, "         \
    "rollback: true}}"

static void commit(struct scene *scene, const char *commit, const char *color)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 64 * 1024);
    buf_text_add(&text, scene_service(scene, "web", color, SPEC));
    buf_text_add(&text, scene_service(scene, "other", "red", "desiredCount: 1"));
    scene_commit(scene, commit, buf_text(&text));
}

static void run_red(struct scene *scene)
{
    scene_open(scene);
    commit(scene, "c1", "red");
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_primary(scene, "c/web")->state, ROLLOUT_COMPLETED);
}

static void an_engine_that_starts_nothing_proves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    run_red(&scene);
    scene.start_failure = (struct scene_failure){ ERR_FAILED, "the engine is shutting down" };
    commit(&scene, "c2", "blue");
    scene_run(&scene, 50 * 1000);
    assert_string_equal(scene_primary(&scene, "c/web")->commit, "c2");
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 0);
    assert_non_null(strstr(scene_wait(&scene, "c/web"), "the engine is shutting down"));
    scene.start_failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, "c/web")->state, ROLLOUT_COMPLETED);
    assert_string_equal(scene_primary(&scene, "c/web")->commit, "c2");
    scene_close(&scene);
}

static void what_never_starts_fails_in_the_end(void **unused)
{
    (void)unused;
    struct scene scene;

    run_red(&scene);
    scene.start_failure = (struct scene_failure){ ERR_FAILED, "sysctl is not allowed" };
    commit(&scene, "c2", "blue");
    scene_run(&scene, 600 * 1000);
    assert_true(scene_primary(&scene, "c/web")->rollback);
    scene_close(&scene);
}

/* An engine that starts others means this revision. */
static void what_fails_alone_fails_soon(void **unused)
{
    (void)unused;
    struct scene scene;

    run_red(&scene);
    scene.start_failure = (struct scene_failure){ ERR_FAILED, "sysctl is not allowed" };
    scene.start_failure_of = "web";
    commit(&scene, "c2", "blue");
    for (int second = 0; second < 30; second++) {
        for (size_t i = 0; i < scene.container_count; i++) {
            if (strcmp(scene.containers[i].service, "other") == 0 &&
                scene.containers[i].status == CONTAINER_RUNNING)
                scene_end_container(&scene, i, 0);
        }
        scene_run(&scene, 1000);
    }
    assert_true(scene_primary(&scene, "c/web")->rollback);
    scene_close(&scene);
}

/* Somebody removed the network between the creation of a container and its start. */
static void a_network_that_is_gone_proves_nothing(void **unused)
{
    (void)unused;
    const struct world_change gone = { .kind = WORLD_NETWORK_GONE,
                                       .named = { .instance = "local", .name = "berth-me-c" } };
    struct scene scene;

    run_red(&scene);
    scene.start_failure = (struct scene_failure){ ERR_NOT_FOUND, "network berth-me-c not found" };
    commit(&scene, "c2", "blue");
    for (int i = 0; i < 600; i++) {
        scene_plan(&scene);
        for (size_t k = 0; k < scene.plan.action_count; k++) {
            const struct action *action = &scene.plan.actions[k];

            if (action->kind != ACTION_CONTAINER_START)
                continue;
            assert_string_equal(action->network, "berth-me-c");
            (void)world_apply(scene.world, &gone);
        }
        scene_step(&scene);
        scene.now_ms += 100;
    }
    assert_string_equal(scene_primary(&scene, "c/web")->commit, "c2");
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 0);
    scene.start_failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, "c/web")->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

/* Nor do the failures of an earlier connection, however long ago they were. */
static void what_failed_before_a_reconnection_proves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    run_red(&scene);
    scene.create_failure = (struct scene_failure){ ERR_FAILED, "the engine is shutting down" };
    commit(&scene, "c2", "blue");
    scene_run(&scene, 4 * 1000);
    scene.now_ms += 600 * 1000;
    scene_engine(&scene, 8192, 65536);
    scene_run(&scene, 1);
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 0);
    scene.create_failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, "c/web")->state, ROLLOUT_COMPLETED);
    assert_string_equal(scene_primary(&scene, "c/web")->commit, "c2");
    scene_close(&scene);
}

/* Berth is started anew while the engine stops: of the signal nobody told. */
static void an_end_soon_after_connecting_proves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    run_red(&scene);
    commit(&scene, "c2", "blue");
    scene_settle(&scene);
    size_t index = scene.container_count - 1;
    assert_string_equal(scene.containers[index].service, "web");
    scene.now_ms += 200;
    scene_engine(&scene, 8192, 65536);
    scene.now_ms += 200;
    scene_end_container(&scene, index, 143);
    scene_settle(&scene);
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 0);

    /* What was started since counts. */
    assert_true(scene.container_count > index + 1);
    scene_end_container(&scene, index + 1, 143);
    scene_settle(&scene);
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 1);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_that_starts_nothing_proves_nothing),
        cmocka_unit_test(what_never_starts_fails_in_the_end),
        cmocka_unit_test(what_fails_alone_fails_soon),
        cmocka_unit_test(a_network_that_is_gone_proves_nothing),
        cmocka_unit_test(what_failed_before_a_reconnection_proves_nothing),
        cmocka_unit_test(an_end_soon_after_connecting_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
