/*
 * Tasks that cannot start (ecs.md 1.5, "Circuit breaker", "Throttle of failing services"): refused
 * by the engine, or larger than what is free.
 */
#include <string.h>

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

/* Records of the service's tasks that failed, and their last one. */
static size_t failed(const struct scene *scene, const struct task_record **out_last)
{
    size_t count = 0;

    for (const struct memory_task *at = memory_service(scene->memory, WEB)->tasks; at != NULL;
         at = at->next) {
        if (!at->record.failed)
            continue;
        count++;
        *out_last = &at->record;
    }
    return count;
}

static void what_the_engine_refuses_to_create_has_failed(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *last = NULL;

    scene_open(&scene);
    commit(&scene, "c1", "red", 2);
    scene_run(&scene, 60 * 1000);
    scene.create_failure =
        (struct scene_failure){ ERR_INVALID, "invalid CapDrop: unknown capability: CAP_FOO" };
    commit(&scene, "c2", "blue", 2);
    scene_run(&scene, 1);

    /* One each of two slots failed at once, which is one failure for the throttle: the next try is
     * at once, too, and the third waits. */
    assert_int_equal(failed(&scene, &last), 4);
    assert_int_equal(last->stop_code, STOP_TASK_FAILED_TO_START);
    assert_string_equal(last->reason,
                        "CannotCreateContainerError: invalid CapDrop: unknown capability: CAP_FOO");
    assert_true(last->stopped_ms != 0);
    assert_int_equal(last->started_ms, 0);
    assert_string_equal(last->commit, "c2");

    /* Four are more than three: it failed, and what had proved itself is back. */
    assert_true(scene_primary(&scene, WEB)->rollback);
    assert_string_equal(scene_primary(&scene, WEB)->commit, "c1");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running(&scene, "web"), 2);
    scene_close(&scene);
}

static void refused_creates_are_throttled(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *last = NULL;

    scene_open(&scene);
    scene.create_failure = (struct scene_failure){ ERR_INVALID, "no such runtime" };
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    /* At once, after 0, 1, 3, 7, 15, 31 s; without a breaker it goes on. */
    assert_int_equal(failed(&scene, &last), 7);
    assert_int_equal(last->attempt, 7);
    assert_non_null(strstr(scene_wait(&scene, WEB), "tasks keep failing to start (7 times)"));

    scene.create_failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);
    assert_int_equal(failed(&scene, &last), 7);
    scene_close(&scene);
}

/* An engine that could not is asked again for the same task, for a minute while it makes nothing
 * else. */
static void a_create_is_tried_for_a_minute(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *last = NULL;

    scene_open(&scene);
    scene.create_failure = (struct scene_failure){ ERR_FAILED, "driver failed" };
    commit(&scene, "c1", "red", 1);
    scene_run(&scene, 59 * 1000);
    assert_int_equal(failed(&scene, &last), 0);
    assert_non_null(strstr(scene_wait(&scene, WEB), "failed and is tried again: driver failed"));
    scene_run(&scene, 5 * 1000);
    assert_int_equal(failed(&scene, &last), 1);
    assert_string_equal(last->reason, "CannotCreateContainerError: driver failed");
    scene_run(&scene, 3600 * 1000);
    assert_int_equal(failed(&scene, &last), 3);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    assert_non_null(strstr(scene_primary(&scene, WEB)->reason, "driver failed"));
    scene_close(&scene);
}

static void an_engine_that_does_not_answer_is_no_failure(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *last = NULL;

    scene_open(&scene);
    scene.create_failure = (struct scene_failure){ ERR_UNREACHABLE, "connection refused" };
    commit(&scene, "c1", "red", 1);
    scene_run(&scene, 3600 * 1000);
    assert_int_equal(failed(&scene, &last), 0);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    scene_close(&scene);
}

static void the_sandbox_counts_as_its_task(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *last = NULL;

    scene_open(&scene);
    scene.create_failure = (struct scene_failure){ ERR_INVALID, "no" };
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: a, image: 'a:1'}, "
                 "{name: b, image: 'b:1'}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1, " BREAKER "}}\n");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(failed(&scene, &last), 3);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_FAILED);
    scene_close(&scene);
}

static size_t running(const struct scene *scene, const char *container)
{
    for (size_t i = 0; i < scene->container_count; i++) {
        if (text_equal(scene->containers[i].container, container) &&
            scene->containers[i].status == CONTAINER_RUNNING)
            return i;
    }
    fail_msg("no container %s runs", container);
    return 0;
}

/* However long that took. */
static void a_task_that_never_runs_is_throttled(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: init, image: 'a:1', essential: false},"
                 "{name: main, image: 'b:1', dependsOn: [{containerName: init, condition: "
                 "SUCCESS}]}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1}}\n");
    for (uint32_t i = 1; i <= 5; i++) {
        scene_run(&scene, 40 * 1000);
        scene_end_container(&scene, running(&scene, "init"), 1);
        scene_plan(&scene);
        assert_int_equal(
            memory_throttle(memory_service(scene.memory, WEB), scene_primary(&scene, WEB)->id)
                .start_failures,
            i);
    }
    scene_close(&scene);
}

/* Of an engine that died in the middle of the start. */
static void a_start_without_a_time_is_stated_once(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct task_record *record;

    scene_open(&scene);
    commit(&scene, "c1", "red", 1);
    scene_settle(&scene);
    scene_forget(&scene);
    scene.containers[0].started_ms = 0;
    scene_tell(&scene, 0);
    scene_plan(&scene); /* until nothing new is stated */
    record = &memory_service(scene.memory, WEB)->tasks->record;
    assert_int_equal(record->started_ms, scene.now_ms);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_engine_refuses_to_create_has_failed),
        cmocka_unit_test(refused_creates_are_throttled),
        cmocka_unit_test(a_create_is_tried_for_a_minute),
        cmocka_unit_test(an_engine_that_does_not_answer_is_no_failure),
        cmocka_unit_test(the_sandbox_counts_as_its_task),
        cmocka_unit_test(a_task_that_never_runs_is_throttled),
        cmocka_unit_test(a_start_without_a_time_is_stated_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
