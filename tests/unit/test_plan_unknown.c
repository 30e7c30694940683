/*
 * Tasks of a revision of which nothing is remembered: the state was lost while another commit came.
 * They are kept, counted and checked, and never made again (rule 5 of docs/explanation/rules.md).
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"
#define SPEC                                                                                       \
    "desiredCount: 2, deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, "         \
    "rollback: true}}"

/* Two tasks of commit c1 run, c2 is declared and fails. */
static void lose_state_and_fail(struct scene *scene)
{
    scene_open(scene);
    scene_commit(scene, "c1", scene_service(scene, "web", "red", SPEC));
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "web"), 2);
    scene_forget(scene);
    scene->exits_on_start = true;
    scene_commit(scene, "c2", scene_service(scene, "web", "blue", SPEC));
    scene_run(scene, 600 * 1000);
}

static void they_are_kept_and_explained(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct service_status status;

    lose_state_and_fail(&scene);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c2");
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    input = scene_input(&scene);
    plan_service_status(&input, WEB, &scene.arena, &status);
    assert_int_equal(status.healthy, 2);
    assert_int_equal(status.current, 0);
    assert_non_null(strstr(status.wait, "2 tasks of revision"));
    assert_non_null(strstr(status.wait, "(commit c1) are kept"));
    scene_close(&scene);
}

static void none_is_made_again(void **unused)
{
    (void)unused;
    struct scene scene;

    lose_state_and_fail(&scene);
    scene.exits_on_start = false;
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 3600 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 1);
    assert_int_equal(scene_running(&scene, "web"), 1);
    scene_close(&scene);
}

static void another_commit_replaces_them(void **unused)
{
    (void)unused;
    struct scene scene;

    lose_state_and_fail(&scene);
    scene.exits_on_start = false;
    scene_commit(&scene, "c3", scene_service(&scene, "web", "green", SPEC));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running_of(&scene, "c3"), 2);
    assert_int_equal(scene_running_of(&scene, "c1"), 0);
    scene_close(&scene);
}

static const char *with_init(struct scene *scene, const char *version)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
        "memory: 512, containerDefinitions: [{name: init, image: 'init:1', essential: false}, "
        "{name: main, image: 'main:%s', dependsOn: [{containerName: init, condition: SUCCESS}]}]}}"
        "\n---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
        "taskDefinition: web, minReadySeconds: 1, desiredCount: 1}}\n",
        version);
}

/* Whether a container was essential is not remembered either: one that ended well while the rest
 * runs was there for the start. */
static void what_ended_well_before_does_not_end_them(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", with_init(&scene, "1"));
    scene_run(&scene, 1000);
    assert_string_equal(scene.containers[1].container, "init");
    scene_end_container(&scene, 1, 0);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_forget(&scene);

    scene.pull_failure = (struct scene_failure){ ERR_UNREACHABLE, "no route to host" };
    scene_commit(&scene, "c2", with_init(&scene, "2"));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2); /* the sandbox and main */

    /* One that ends badly, or the last one, does. */
    scene_end_container(&scene, 2, 0);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 0);
    scene_close(&scene);
}

/* What was half made when the state was lost goes on when its other images are known again. */
static void what_is_half_made_waits_for_its_images(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", with_init(&scene, "1"));
    scene_run(&scene, 1000);
    assert_string_equal(scene.containers[1].container, "init");
    scene_forget(&scene);
    scene_end_container(&scene, 1, 0);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_PULL), 1);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_CREATE), 0);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running_of(&scene, "c1"), 2); /* the sandbox and main */
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_kept_and_explained),
        cmocka_unit_test(none_is_made_again),
        cmocka_unit_test(another_commit_replaces_them),
        cmocka_unit_test(what_ended_well_before_does_not_end_them),
        cmocka_unit_test(what_is_half_made_waits_for_its_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
