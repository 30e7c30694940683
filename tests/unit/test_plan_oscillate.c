/*
 * What comes back as often as it is mended (rule 12 of docs/explanation/rules.md).
 */
#include <string.h>

#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define FIELD "Memory"

static void commit(struct scene *scene, const char *commit, const char *color, const char *spec)
{
    scene_commit(scene, commit, scene_service(scene, "web", color, spec));
}

static const char *frozen(const struct scene *scene)
{
    return memory_service(scene->memory, "c/web")->frozen;
}

static void run_rewritten(struct scene *scene)
{
    scene_open(scene);
    scene->rewrites = UINT32_MAX;
    commit(scene, "c1", "red", "desiredCount: 1");
    scene_run(scene, 60 * 1000);
}

static void a_field_that_comes_back_is_frozen_and_named(void **unused)
{
    (void)unused;
    struct scene scene;

    run_rewritten(&scene);
    assert_string_equal(frozen(&scene), FIELD);
    assert_int_equal(scene_running(&scene, "web"), 1);
    assert_int_equal(scene.container_count, 4);
    scene_run(&scene, 3600 * 1000);
    assert_int_equal(scene.container_count, 4);
    assert_non_null(strstr(scene_wait(&scene, "c/web"), FIELD));

    /* All else goes on; and no revision is to blame for what an engine writes. */
    assert_int_equal(scene_primary(&scene, "c/web")->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_primary(&scene, "c/web")->failed_tasks, 0);
    for (size_t i = 0; i < scene.container_count; i++) {
        if (scene.containers[i].status == CONTAINER_RUNNING)
            scene_end_container(&scene, i, 1);
    }
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);
    assert_int_equal(scene.container_count, 5);
    scene_close(&scene);
}

static void a_commit_that_changes_the_service_lifts_it(void **unused)
{
    (void)unused;
    struct scene scene;

    run_rewritten(&scene);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    assert_non_null(frozen(&scene)); /* it changed nothing */
    scene.rewrites = 0;
    commit(&scene, "c3", "red", "desiredCount: 2");
    scene_run(&scene, 60 * 1000);
    assert_null(frozen(&scene));
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_string_equal(scene_wait(&scene, "c/web"), "");
    scene_close(&scene);
}

static void resuming_tries_again(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct fact thaw = { .kind = FACT_FREEZE, .cluster = "c", .service = "web", .text = "" };
    struct fact fact = thaw;

    run_rewritten(&scene);
    fact.at_ms = scene.now_ms;
    memory_apply(scene.memory, &fact);
    scene_settle(&scene);
    assert_true(scene.container_count > 4);
    scene_run(&scene, 60 * 1000);
    assert_string_equal(frozen(&scene), FIELD); /* it came back three times more */
    scene_close(&scene);
}

/* However often someone changes a container that was well, it is put right. */
static void what_is_changed_by_hand_is_drift(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", "desiredCount: 1");
    for (size_t round = 1; round <= 8; round++) {
        scene_run(&scene, 20 * 1000);
        assert_int_equal(scene.container_count, round);
        assert_int_equal(scene_running(&scene, "web"), 1);
        scene.containers[round - 1].drift = "Memory";
        scene_tell(&scene, round - 1);
    }
    scene_run(&scene, 20 * 1000);
    assert_null(frozen(&scene));
    assert_string_equal(scene_wait(&scene, "c/web"), "");
    scene_close(&scene);
}

static void what_dies_does_not_oscillate(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", "desiredCount: 1");
    scene_run(&scene, 600 * 1000);
    assert_true(scene.container_count > 5);
    assert_null(frozen(&scene));
    scene_close(&scene);
}

static void returns_long_ago_do_not_count(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", "desiredCount: 1");
    scene_run(&scene, 20 * 1000);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < scene.container_count; i++) {
            if (scene.containers[i].status == CONTAINER_RUNNING)
                scene_end_container(&scene, i, 0);
        }
        scene.rewrites = 2; /* of what replaces it, and of one more */
        scene_run(&scene, 700 * 1000);
        assert_null(frozen(&scene));
        assert_int_equal(scene_running(&scene, "web"), 1);
    }
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_that_comes_back_is_frozen_and_named),
        cmocka_unit_test(a_commit_that_changes_the_service_lifts_it),
        cmocka_unit_test(resuming_tries_again),
        cmocka_unit_test(what_is_changed_by_hand_is_drift),
        cmocka_unit_test(what_dies_does_not_oscillate),
        cmocka_unit_test(returns_long_ago_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
