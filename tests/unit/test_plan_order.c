/*
 * In which order containers and services come and go (ecs.md 1.3, dependsOn), and with which word a
 * task ends (ecs.md 1.4, stopCode).
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB "c/web"

static const struct task_record *ended_task(const struct scene *scene, const char *key)
{
    const struct memory_service *service = memory_service(scene->memory, key);

    for (const struct memory_task *at = service->tasks; at != NULL; at = at->next) {
        if (at->record.stopped_ms != 0)
            return &at->record;
    }
    fail_msg("no task of %s has ended", key);
    return NULL;
}

/* ---- Containers ---- */

/* c needs b, b needs a. */
static const char *chain(struct scene *scene)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, memory: "
        "512, containerDefinitions: [{name: a, image: 'a:1', dependsOn: [{containerName: b, "
        "condition: START}]}, {name: b, image: 'b:1', dependsOn: [{containerName: c, condition: "
        "START}]}, {name: c, image: 'c:1'}]}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
        "taskDefinition: web, minReadySeconds: 1, desiredCount: 1}}\n%s",
        scene_service(scene, "stays", "red", "desiredCount: 0"));
}

/* The last part of the names of the containers that actions of this kind are about now. */
static const char *containers_of(struct scene *scene, enum action_kind kind)
{
    const char *text = "";

    for (size_t i = 0; i < scene->plan.action_count; i++) {
        const struct action *action = &scene->plan.actions[i];
        const char *name = strrchr(action->object, '-');

        if (action->kind == kind && name != NULL)
            text = arena_printf(&scene->arena, "%s%s%s", text, *text == '\0' ? "" : " ", name + 1);
    }
    return text;
}

/* Steps until there are such actions; they tell whose they are. */
static const char *next_of(struct scene *scene, enum action_kind kind)
{
    for (unsigned step = 0; step < 20; step++) {
        scene_step(scene);
        if (scene_actions(scene, kind) > 0)
            return containers_of(scene, kind);
    }
    return "none";
}

static void containers_start_as_they_depend(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", chain(&scene));
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_START), "_sandbox");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_START), "c");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_START), "b");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_START), "a");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_START), "none");
    scene_close(&scene);
}

static void containers_stop_in_reverse(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1", chain(&scene));
    scene_run(&scene, 60 * 1000);
    scene_commit(&scene, "c2", scene_service(&scene, "stays", "red", "desiredCount: 0"));
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_STOP), "a");
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_REMOVE), 0);
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_STOP), "b");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_STOP), "c");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_STOP), "_sandbox");
    assert_string_equal(next_of(&scene, ACTION_CONTAINER_REMOVE), "_sandbox a b c");
    scene_close(&scene);
}

/* ---- Services ---- */

static size_t stops_of(const struct scene *scene, const char *key)
{
    size_t count = 0;

    for (size_t i = 0; i < scene->plan.action_count; i++)
        count += scene->plan.actions[i].kind == ACTION_CONTAINER_STOP &&
                 text_equal(scene->plan.actions[i].unit, key);
    return count;
}

static void services_start_and_go_as_they_depend(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *stay;

    scene_open(&scene);
    stay =
        arena_printf(&scene.arena, "%s%s%s", scene_service(&scene, "s1", "red", "desiredCount: 1"),
                     scene_service(&scene, "s2", "red", "desiredCount: 1"),
                     scene_service(&scene, "s3", "red", "desiredCount: 1"));
    scene_commit(
        &scene, "c1",
        arena_printf(&scene.arena, "%s%s%s", stay,
                     scene_service(&scene, "db", "red", "desiredCount: 1"),
                     scene_service(&scene, "web", "red", "desiredCount: 1, dependsOn: [db]")));
    scene_settle(&scene);
    assert_int_equal(scene_running(&scene, "db"), 1);
    assert_int_equal(scene_running(&scene, "web"), 0);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);

    scene_commit(&scene, "c2", stay);
    scene_plan(&scene);
    assert_int_equal(stops_of(&scene, WEB), 1);
    assert_int_equal(stops_of(&scene, "c/db"), 0);
    assert_string_equal(scene_wait(&scene, "c/db"), "service web, which depends on it, goes first");
    scene_run(&scene, 60 * 1000);
    assert_null(memory_service(scene.memory, WEB));
    assert_null(memory_service(scene.memory, "c/db"));
    scene_close(&scene);
}

/* What was completed without a task is not what others wait for, once it is to have one. */
static void a_service_without_tasks_is_not_ready_for_others(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct fact suspend = {
        .kind = FACT_SUSPEND, .cluster = "c", .service = "db", .text = "looking"
    };

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "db", "red", "desiredCount: 0"));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_primary(&scene, "c/db")->state, ROLLOUT_COMPLETED);
    memory_apply(scene.memory, &suspend);
    scene_commit(
        &scene, "c2",
        arena_printf(&scene.arena, "%s%s", scene_service(&scene, "db", "red", "desiredCount: 1"),
                     scene_service(&scene, "web", "red", "desiredCount: 1, dependsOn: [db]")));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 0);
    scene_close(&scene);
}

/* ---- How tasks end ---- */

static void run_one(struct scene *scene)
{
    scene_open(scene);
    scene_commit(scene, "c1", scene_service(scene, "web", "red", "desiredCount: 1"));
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "web"), 1);
}

static void assert_ended(struct scene *scene, enum stop_code code, const char *reason, bool failed)
{
    const struct task_record *task;

    scene_run(scene, 100);
    task = ended_task(scene, WEB);
    assert_string_equal(stop_code_text(task->stop_code), stop_code_text(code));
    assert_non_null(strstr(task->reason, reason));
    assert_int_equal(task->failed, failed);
    scene_close(scene);
}

static void a_task_ends_with_its_essential_container(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    scene_end_container(&scene, 0, 7);
    assert_ended(&scene, STOP_ESSENTIAL_CONTAINER_EXITED,
                 "Essential container in task exited: main, exit code 7", /* failed= */ true);
}

static void a_task_out_of_memory_says_so(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    scene.containers[0].oom_killed = true;
    scene_end_container(&scene, 0, 137);
    assert_ended(&scene, STOP_ESSENTIAL_CONTAINER_EXITED, "OutOfMemoryError: container main",
                 /* failed= */ true);
}

static void a_task_that_someone_stopped_has_not_failed(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    const struct world_change signalled = { .kind = WORLD_CONTAINER_SIGNALLED,
                                            .named = { .instance = "local",
                                                       .name = scene.containers[0].id } };
    (void)world_apply(scene.world, &signalled);
    scene_end_container(&scene, 0, 143);
    assert_ended(&scene, STOP_USER_INITIATED, "Task stopped by user", /* failed= */ false);
}

static void a_task_that_someone_removed_was_stopped_by_a_user(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    const struct world_change gone = { .kind = WORLD_CONTAINER_GONE,
                                       .named = { .instance = "local",
                                                  .name = scene.containers[0].id } };
    (void)world_apply(scene.world, &gone);
    assert_ended(&scene, STOP_USER_INITIATED, "removed by hand", /* failed= */ false);
}

static void a_task_that_is_replaced_ends_by_the_scheduler(void **unused)
{
    (void)unused;
    struct scene scene;

    run_one(&scene);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "blue", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    assert_ended(&scene, STOP_SERVICE_SCHEDULER_INITIATED,
                 "Scaling activity initiated by (deployment ", /* failed= */ false);
}

static void a_task_that_fails_its_checks_says_so(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
                 "memory: 512, containerDefinitions: [{name: main, image: 'a:1', healthCheck: "
                 "{command: [CMD, /check]}}]}}\n"
                 "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: "
                 "{cluster: c, taskDefinition: web, desiredCount: 1}}\n");
    scene_run(&scene, 1000);
    scene.containers[0].health = HEALTH_UNHEALTHY;
    scene.containers[0].check_exit_code = 1;
    scene.containers[0].check_output = "connecting\ndb is down\n";
    scene_tell(&scene, 0);
    scene_run(&scene, 60 * 1000);
    assert_ended(&scene, STOP_SERVICE_SCHEDULER_INITIATED,
                 "Task failed container health checks (main: exit code 1: db is down)",
                 /* failed= */ true);
}

static void a_task_that_cannot_start_says_why(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.start_failure = (struct scene_failure){ ERR_INVALID, "exec: \"/nope\": not found" };
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 1"));
    assert_ended(&scene, STOP_TASK_FAILED_TO_START,
                 "CannotStartContainerError: exec: \"/nope\": not found", /* failed= */ true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_start_as_they_depend),
        cmocka_unit_test(containers_stop_in_reverse),
        cmocka_unit_test(services_start_and_go_as_they_depend),
        cmocka_unit_test(a_service_without_tasks_is_not_ready_for_others),
        cmocka_unit_test(a_task_ends_with_its_essential_container),
        cmocka_unit_test(a_task_out_of_memory_says_so),
        cmocka_unit_test(a_task_that_someone_stopped_has_not_failed),
        cmocka_unit_test(a_task_that_someone_removed_was_stopped_by_a_user),
        cmocka_unit_test(a_task_that_is_replaced_ends_by_the_scheduler),
        cmocka_unit_test(a_task_that_fails_its_checks_says_so),
        cmocka_unit_test(a_task_that_cannot_start_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
