/*
 * What cannot be made is told with the engine's own words (design rule 11): the claim, a network, a
 * volume, the sandbox image; and what cannot be removed.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB   "c/web"
#define WORDS "could not find an available, non-overlapping IPv4 address pool"

/* A task of two containers with a volume that goes with its service. */
static const char manifests[] =
    "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, memory: 64, "
    "volumes: [{name: data, deleteWithService: true}], containerDefinitions: "
    "[{name: a, image: 'example/a:1'}, {name: b, image: 'example/b:1'}]}}\n"
    "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
    "taskDefinition: web, minReadySeconds: 1, desiredCount: 1}}\n";

static void assert_waits(const struct scene *scene, const char *reason)
{
    struct arena arena = { 0 };
    struct plan_input input = scene_input(scene);
    struct service_status status;

    assert_string_equal(scene_wait(scene, WEB), reason);
    plan_service_status(&input, WEB, &arena, &status);
    assert_string_equal(status.wait, reason);
    arena_release(&arena);
}

/* It fails, is told, and comes up once it does not. */
static void check_told(enum action_kind kind, const char *reason)
{
    struct scene scene;

    scene_open(&scene);
    scene.failure = (struct scene_failure){ ERR_FAILED, WORDS };
    scene.failure_kind = kind;
    scene_commit(&scene, "c1", manifests);
    scene_run(&scene, 10 * 1000);
    assert_waits(&scene, reason);
    scene.failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);
    assert_string_equal(scene_wait(&scene, WEB), "");
    scene_close(&scene);
}

/* In few words, without those of the program. */
static void a_check_that_fails(void **unused)
{
    (void)unused;
    static const struct {
        int exit_code;
        const char *words;
    } cases[] = {
        { 0, "0 of 1 tasks are healthy" },
        { 3, "0 of 1 tasks are healthy: the health check of main fails with exit code 3" },
        { -1, "0 of 1 tasks are healthy: the health check of main takes too long" },
    };
    struct scene scene;

    scene_open(&scene);
    scene.checks = HEALTH_STARTING;
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: main, image: 'a:1', healthCheck: "
                 "{command: [CMD, /check]}}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1}}\n");
    scene_run(&scene, 5 * 1000);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        scene.containers[0].check_exit_code = cases[i].exit_code;
        scene.containers[0].check_output = "db is down";
        scene_tell(&scene, 0);
        scene_plan(&scene);
        assert_waits(&scene, cases[i].words);
    }
    scene_close(&scene);
}

static void a_network(void **unused)
{
    (void)unused;
    check_told(ACTION_NETWORK_CREATE,
               "create network berth-me-c failed and is tried again: " WORDS);
}

static void a_volume(void **unused)
{
    (void)unused;
    check_told(ACTION_VOLUME_CREATE,
               "create volume berth-me-c.web.data failed and is tried again: " WORDS);
}

static void the_sandbox_image(void **unused)
{
    (void)unused;
    check_told(ACTION_SANDBOX_LOAD,
               "load sandbox image berth/sandbox:1 failed and is tried again: " WORDS);
}

static void the_claim(void **unused)
{
    (void)unused;
    check_told(ACTION_CLAIM, "the engine is not claimed yet: claim engine berth-me failed and is "
                             "tried again: " WORDS);
}

static void a_volume_that_does_not_go(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", manifests);
    scene_run(&scene, 60 * 1000);
    scene.failure = (struct scene_failure){ ERR_CONFLICT, "volume is in use" };
    scene.failure_kind = ACTION_VOLUME_REMOVE;
    scene_commit(&scene, "c2", "");
    scene.prune_allowed = true;
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene_wait(&scene, WEB), "remove volume berth-me-c.web.data failed and is "
                                                 "tried again: volume is in use");
    scene.failure.text = NULL;
    scene_run(&scene, 120 * 1000);
    assert_null(memory_service(scene.memory, WEB));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_that_fails), cmocka_unit_test(a_network),
        cmocka_unit_test(a_volume),           cmocka_unit_test(the_sandbox_image),
        cmocka_unit_test(the_claim),          cmocka_unit_test(a_volume_that_does_not_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
