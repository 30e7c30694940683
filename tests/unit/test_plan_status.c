/*
 * How tasks stand, as people are told: lastStatus (ecs.md 1.4), and what each one waits for.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"

static struct service_status status_of(struct scene *scene, const char *key)
{
    struct plan_input input = scene_input(scene);
    struct service_status status;

    plan_service_status(&input, key, &scene->arena, &status);
    return status;
}

static struct task_state state_of(struct scene *scene, const char *service, size_t index)
{
    struct plan_input input = scene_input(scene);
    const struct world_service *seen = world_service(scene->world, "c", service);
    struct task_state state;

    assert_non_null(seen);
    assert_true(index < seen->task_count);
    plan_task_state(&input, seen->tasks[index], &scene->arena, &state);
    return state;
}

static void assert_wanted(const struct wanted_task *task, enum task_status status,
                          const char *reason)
{
    assert_string_equal(task_status_text(task->status), task_status_text(status));
    assert_non_null(strstr(task->reason, reason));
}

static void a_task_without_a_check_says_when_it_counts(void **unused)
{
    (void)unused;
    struct scene scene;
    struct task_state state;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: main, image: 'a:1'}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1, minReadySeconds: 40}}\n");
    scene_run(&scene, 10 * 1000);
    state = state_of(&scene, "web", 0);
    assert_false(state.healthy);
    assert_true(state.healthy_at_ms > scene.now_ms &&
                state.healthy_at_ms <= scene.now_ms + 40 * 1000);
    assert_int_equal(state.min_ready_seconds, 40);
    scene_run(&scene, 60 * 1000);
    state = state_of(&scene, "web", 0);
    assert_true(state.healthy);
    assert_int_equal(state.healthy_at_ms, 0);
    scene_close(&scene);
}

static void what_finds_no_room_is_pending(void **unused)
{
    (void)unused;
    struct scene scene;
    struct service_status status;
    const char *first;

    scene_open(&scene);
    scene_engine(&scene, 8192, 1100);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 4"));
    scene_run(&scene, 10 * 1000);
    status = status_of(&scene, WEB);
    assert_int_equal(status.running, 2);
    assert_int_equal(status.pending, 2);
    assert_int_equal(status.wanted_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_wanted(&status.wanted[i], TASK_PENDING, "it needs 512 MiB of memory");
        assert_null(status.wanted[i].instance);
        assert_int_equal(status.wanted[i].identity.slot, 2 + i);
    }
    assert_false(status.steady);

    /* It is the task that comes when there is room. */
    first = arena_text(&scene.arena, status.wanted[0].identity.task);
    scene_engine(&scene, 8192, 1600);
    scene_run(&scene, 10 * 1000);
    assert_non_null(world_task(scene.world, first));
    status = status_of(&scene, WEB);
    assert_int_equal(status.running, 3);
    assert_int_equal(status.pending, 1);
    scene_close(&scene);
}

/* Tasks that may not be started yet, because the old ones take the room, are not wanted yet. */
static void no_more_are_pending_than_the_bounds_allow(void **unused)
{
    (void)unused;
    struct scene scene;
    struct service_status status;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 4"));
    scene_run(&scene, 10 * 1000);
    scene.pull_failure = (struct scene_failure){ ERR_UNREACHABLE, "no route to host" };
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena,
                              "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, "
                              "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: main, "
                              "image: 'other:2'}]}}\n"
                              "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, "
                              "spec: {cluster: c, taskDefinition: web, desiredCount: 4, "
                              "deploymentConfiguration: {maximumPercent: 150}}}\n"));
    scene_run(&scene, 100);
    status = status_of(&scene, WEB);
    assert_int_equal(status.running, 4);
    assert_int_equal(status.pending, 2);
    assert_wanted(&status.wanted[0], TASK_ACTIVATING,
                  "CannotPullContainerError: other:2: no route to host");
    scene_close(&scene);
}

static void a_create_in_flight_is_activating(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct service_status status;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 2"));
    for (size_t i = 0; i < 8 && scene_actions(&scene, ACTION_CONTAINER_CREATE) == 0; i++)
        scene_step(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_CREATE), 2);
    status = status_of(&scene, WEB);
    assert_int_equal(status.pending, 2);
    assert_wanted(&status.wanted[0], TASK_PENDING, "it is about to be created");

    const struct action *create = &scene.plan.actions[0];
    const struct plan_pending pending = { .unit = WEB,
                                          .task = create->identity.task,
                                          .instance = "local",
                                          .slot = create->identity.slot,
                                          .target = create->target };
    input = scene_input(&scene);
    input.pending = &pending;
    input.pending_count = 1;
    plan_service_status(&input, WEB, &scene.arena, &status);
    assert_int_equal(status.pending, 2);
    assert_wanted(&status.wanted[0], TASK_ACTIVATING, "its first container is being created");
    assert_string_equal(status.wanted[0].identity.task, create->identity.task);
    assert_wanted(&status.wanted[1], TASK_PENDING, "it is about to be created");
    scene_close(&scene);
}

/* Container `report` depends on `proxy`, which has a check. */
static const char *two_containers(struct scene *scene, const char *condition)
{
    return arena_printf(&scene->arena,
                        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: "
                        "{cpu: 256, memory: 512, containerDefinitions: ["
                        "{name: proxy, image: 'proxy:1', essential: false, "
                        "healthCheck: {command: [CMD, /check]}},"
                        "{name: report, image: 'report:1', dependsOn: [{containerName: proxy, "
                        "condition: %s}]}]}}\n"
                        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, "
                        "spec: {cluster: c, taskDefinition: web, minReadySeconds: 1, "
                        "desiredCount: 1}}\n",
                        condition);
}

static void a_task_tells_which_container_it_waits_for(void **unused)
{
    (void)unused;
    struct scene scene;
    struct task_state state;

    scene_open(&scene);
    scene.checks = HEALTH_STARTING;
    scene_commit(&scene, "c1", two_containers(&scene, "HEALTHY"));
    scene_run(&scene, 10 * 1000);
    state = state_of(&scene, "web", 0);
    assert_string_equal(task_status_text(state.status), "ACTIVATING");
    assert_non_null(
        strstr(state.reason, ": container report waits for container proxy to be HEALTHY"));
    assert_string_equal(status_of(&scene, WEB).wait, state.reason);
    assert_int_equal(status_of(&scene, WEB).pending, 1);

    scene.checks = HEALTH_HEALTHY;
    for (size_t i = 0; i < scene.container_count; i++) {
        if (scene.containers[i].health == HEALTH_STARTING) {
            scene.containers[i].health = HEALTH_HEALTHY;
            scene_tell(&scene, i);
        }
    }
    scene_run(&scene, 10 * 1000);
    state = state_of(&scene, "web", 0);
    assert_string_equal(task_status_text(state.status), "RUNNING");
    assert_null(state.reason);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

static void it_tells_of_every_condition(void **unused)
{
    (void)unused;
    static const struct {
        const char *condition;
        const char *text;
    } cases[] = { { "SUCCESS", "waits for container proxy to succeed" },
                  { "COMPLETE", "waits for container proxy to complete" } };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scene scene;

        scene_open(&scene);
        scene_commit(&scene, "c1", two_containers(&scene, cases[i].condition));
        scene_run(&scene, 10 * 1000);
        assert_non_null(strstr(state_of(&scene, "web", 0).reason, cases[i].text));
        scene_close(&scene);
    }
}

static void a_service_that_waits_for_another_has_pending_tasks(void **unused)
{
    (void)unused;
    struct scene scene;
    struct service_status status;

    scene_open(&scene);
    scene.start_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    scene_commit(
        &scene, "c1",
        arena_printf(&scene.arena, "%s%s", scene_service(&scene, "db", "red", "desiredCount: 1"),
                     scene_service(&scene, "web", "red", "desiredCount: 2, dependsOn: [db]")));
    scene_run(&scene, 10 * 1000);
    status = status_of(&scene, WEB);
    assert_int_equal(status.pending, 2);
    assert_wanted(&status.wanted[0], TASK_PENDING,
                  "service db, which it depends on, is not healthy yet");

    /* What cannot be started says so, too. */
    assert_string_equal(task_status_text(state_of(&scene, "db", 0).status), "ACTIVATING");
    assert_non_null(strstr(state_of(&scene, "db", 0).reason, "is tried again: no answer"));
    scene_close(&scene);
}

static void what_was_healthy_once_has_to_be_healthy_now(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *db;

    scene_open(&scene);
    db = scene_service(&scene, "db", "red", "desiredCount: 1");
    scene_commit(&scene, "c1", db);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, "c/db")->state, ROLLOUT_COMPLETED);
    scene.start_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    scene_end_container(&scene, 0, 1);
    scene_commit(
        &scene, "c2",
        arena_printf(&scene.arena, "%s%s", db,
                     scene_service(&scene, "web", "red", "desiredCount: 1, dependsOn: [db]")));
    scene_run(&scene, 10 * 1000);
    assert_string_equal(scene_wait(&scene, WEB),
                        "service db, which it depends on, is not healthy yet");
    scene.start_failure = (struct scene_failure){ 0 };
    scene_run(&scene, 120 * 1000);
    assert_int_equal(scene_running(&scene, "db"), 1);
    assert_int_equal(scene_running(&scene, "web"), 1);
    scene_close(&scene);
}

static void what_stopped_is_deprovisioning_until_it_is_removed(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    scene_end_container(&scene, 0, 3);
    assert_string_equal(task_status_text(state_of(&scene, "web", 0).status), "DEPROVISIONING");
    assert_string_equal(state_of(&scene, "web", 0).reason,
                        "Essential container in task exited: main, exit code 3");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_without_a_check_says_when_it_counts),
        cmocka_unit_test(what_finds_no_room_is_pending),
        cmocka_unit_test(no_more_are_pending_than_the_bounds_allow),
        cmocka_unit_test(a_create_in_flight_is_activating),
        cmocka_unit_test(a_task_tells_which_container_it_waits_for),
        cmocka_unit_test(it_tells_of_every_condition),
        cmocka_unit_test(a_service_that_waits_for_another_has_pending_tasks),
        cmocka_unit_test(what_was_healthy_once_has_to_be_healthy_now),
        cmocka_unit_test(what_stopped_is_deprovisioning_until_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
