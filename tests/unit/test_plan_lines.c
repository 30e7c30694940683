/*
 * What a task wrote last is asked for when it failed, once, before its containers are removed.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define LINES "2026-01-01T00:00:00Z 2 no such host: db\n"

/* One task of it runs. */
static void run_one(struct scene *scene)
{
    scene_open(scene);
    scene->last_lines = LINES;
    scene_commit(scene, "c1", scene_service(scene, "web", "red", "desiredCount: 1"));
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "web"), 1);
}

static const struct fact *lines_stated(const struct scene *scene)
{
    for (size_t i = 0; i < scene->plan.fact_count; i++) {
        if (scene->plan.facts[i].kind == FACT_LINES)
            return &scene->plan.facts[i];
    }
    return NULL;
}

static void a_task_that_failed_is_heard_first(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(buf) trace = { 0 };

    run_one(&scene);
    buf_init(&trace, 1 << 20);
    scene.trace = &trace;
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 1000);
    assert_int_equal(scene.lines_count, 1);
    const char *asked = strstr(buf_text(&trace), "read last lines of berth-");
    assert_non_null(asked);
    const char *kept = strstr(asked, "wrote: " LINES);
    assert_non_null(kept);
    assert_non_null(strstr(kept, "remove berth-"));
    assert_null(strstr(buf_text(&trace), "FACT  c/web: main of task")); /* it may be lost */
    scene_close(&scene);
}

static void what_cannot_be_had_holds_nothing_up(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *first;

    run_one(&scene);
    scene.last_lines = NULL;
    first = arena_text(&scene.arena, scene.containers[0].id);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 1000);
    assert_int_equal(scene.lines_count, 1);
    assert_null(world_container(scene.world, first));
    assert_null(lines_stated(&scene));
    scene_close(&scene);
}

/* The process died after it had kept them. */
static void what_is_kept_is_not_asked_again(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_task *task;

    run_one(&scene);
    task = scene.world->tasks;
    const struct task_lines lines = { task->id, "main", LINES };
    const struct fact fact = { .kind = FACT_LINES, .lines = &lines };
    memory_apply(scene.memory, &fact);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 1000);
    assert_int_equal(scene.lines_count, 0);
    scene_close(&scene);
}

static void a_task_that_was_told_to_end_is_not_asked(void **unused)
{
    (void)unused;
    static const int codes[] = { 0, 143, 137 };

    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        struct scene scene;

        run_one(&scene);
        scene_commit(&scene, "c2", scene_service(&scene, "web", "red", "desiredCount: 0"));
        scene_plan(&scene);
        assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_STOP), 1);
        scene_end_container(&scene, 0, codes[i]);
        scene_run(&scene, 1000);
        assert_null(world_service(scene.world, "c", "web"));
        assert_int_equal(scene.lines_count, 0);
        scene_close(&scene);
    }
}

static void one_that_ends_badly_when_told_to_is_asked(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "red", "desiredCount: 0"));
    scene_plan(&scene);
    scene_end_container(&scene, 0, 2);
    scene_run(&scene, 1000);
    assert_int_equal(scene.lines_count, 1);
    assert_null(world_service(scene.world, "c", "web"));
    scene_close(&scene);
}

static void a_task_that_fails_its_checks_is_asked(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.last_lines = LINES;
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: main, image: 'a:1', healthCheck: "
                 "{command: [CMD, /check]}}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1}}\n");
    scene_run(&scene, 1000);
    scene.containers[0].health = HEALTH_UNHEALTHY;
    scene_tell(&scene, 0);
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.lines_count, 1);
    scene_close(&scene);
}

/* Nothing was written where nothing ran. */
static void one_that_never_started_is_not_asked(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.start_failure = (struct scene_failure){ ERR_INVALID, "exec: \"/nope\": not found" };
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 1"));
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.lines_count, 0);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_failed_is_heard_first),
        cmocka_unit_test(what_cannot_be_had_holds_nothing_up),
        cmocka_unit_test(what_is_kept_is_not_asked_again),
        cmocka_unit_test(a_task_that_was_told_to_end_is_not_asked),
        cmocka_unit_test(one_that_ends_badly_when_told_to_is_asked),
        cmocka_unit_test(a_task_that_fails_its_checks_is_asked),
        cmocka_unit_test(one_that_never_started_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
