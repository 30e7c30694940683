/*
 * Where tasks find room: memory is reserved, CPU where a cluster says so, a network holds so many.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

/* A service of a cluster, with this size of its tasks. */
static const char *sized(struct scene *scene, const char *cluster, const char *name,
                         const char *size, unsigned count)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: %s}, spec: {%s, "
        "containerDefinitions: [{name: main, image: 'example/%s:1'}]}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: %s}, spec: "
        "{cluster: %s, taskDefinition: %s, minReadySeconds: 1, desiredCount: %u}}\n",
        name, size, name, name, cluster, name, count);
}

static const char *cluster(struct scene *scene, const char *name, const char *spec)
{
    return arena_printf(&scene->arena,
                        "---\n{apiVersion: berth/v1, kind: Cluster, metadata: {name: %s}, "
                        "spec: {launchType: FARGATE, %s}}\n",
                        name, spec);
}

static size_t tasks_of(const struct scene *scene, const char *cluster, const char *service)
{
    const struct world_service *seen = world_service(scene->world, cluster, service);
    return seen == NULL ? 0 : seen->task_count;
}

static void memory_is_reserved(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 8192, 1000);
    scene_commit(&scene, "c1", sized(&scene, "c", "web", "cpu: 256, memory: 400", 3));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 2);
    assert_non_null(
        strstr(scene_wait(&scene, "c/web"),
               "no container instance met all of its requirements: it needs 400 MiB of memory, "
               "local has 200 of 1000 MiB left"));
    scene_engine(&scene, 8192, 1200);
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 3);
    assert_string_equal(scene_wait(&scene, "c/web"), "");
    scene_close(&scene);
}

/* Three tasks, of which so many must be healthy, that are checked. */
static const char *rolled(struct scene *scene, const char *color, unsigned memory, unsigned minimum)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, memory: "
        "%u, containerDefinitions: [{name: main, image: 'example/%s:1', healthCheck: {command: "
        "[CMD, /check], interval: 1}}]}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
        "taskDefinition: web, desiredCount: 3, deploymentConfiguration: {minimumHealthyPercent: "
        "%u}}}\n",
        memory, color, minimum);
}

static void former_tasks_make_room(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 8192, 1000);
    scene.checks = HEALTH_HEALTHY;
    scene_commit(&scene, "c1", rolled(&scene, "red", 300, 100));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 3);

    /* As long as all of them must be healthy, none goes. */
    scene_commit(&scene, "c2", rolled(&scene, "blue", 300, 100));
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 3);
    assert_non_null(strstr(scene_wait(&scene, "c/web"), "it needs 300 MiB of memory"));

    /* Nor for one that would find no place without it either. */
    scene_commit(&scene, "c3", rolled(&scene, "blue", 800, 0));
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 3);

    scene_commit(&scene, "c4", rolled(&scene, "green", 300, 50));
    for (int i = 0; i < 40; i++) {
        scene_run(&scene, 500);
        assert_true(scene_running(&scene, "web") >= 2);
    }
    assert_int_equal(scene_running_of(&scene, "c4"), 3);
    assert_string_equal(scene_wait(&scene, "c/web"), "");
    scene_close(&scene);
}

static void unhealthy_tasks_make_room(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 8192, 1000);
    scene.checks = HEALTH_HEALTHY;
    scene_commit(&scene, "c1", rolled(&scene, "red", 300, 100));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 3);
    for (size_t i = 0; i < 3; i++) {
        scene.containers[i].health = HEALTH_UNHEALTHY;
        scene_tell(&scene, i);
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 3);
    for (size_t i = 0; i < scene.container_count; i++)
        assert_true(scene.containers[i].status != CONTAINER_RUNNING ||
                    scene.containers[i].health == HEALTH_HEALTHY);
    assert_string_equal(scene_wait(&scene, "c/web"), "");
    scene_close(&scene);
}

/* However many find no place, they cost the planner one text. */
static void those_without_a_place_are_counted(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct service_status status;

    scene_open(&scene);
    scene_commit(&scene, "c1", sized(&scene, "c", "web", "cpu: 256, memory: 512", 100000));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 128);
    assert_int_equal(scene.plan.wait_count, 2);
    assert_string_equal(
        scene_wait(&scene, "c/web"),
        "service web was unable to place a task because no container instance met all of its "
        "requirements: it needs 512 MiB of memory, local has 0 of 65536 MiB left");
    assert_string_equal(scene.plan.waits[1].reason, "99871 more tasks wait for a place like that");

    /* Who asks for each of them is told of each. */
    input = scene_input(&scene);
    plan_service_status(&input, "c/web", &scene.arena, &status);
    assert_int_equal(status.running, 128);
    assert_int_equal(status.pending, 99872);
    assert_int_equal(status.wanted[99871].identity.slot, 99999);
    assert_string_equal(status.wanted[99871].reason, scene_wait(&scene, "c/web"));
    scene_close(&scene);
}

/* With its memory gone, nobody declares what runs: it takes its room all the same. */
static void what_nobody_remembers_takes_room(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 8192, 1000);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s",
                              sized(&scene, "c", "old", "cpu: 256, memory: 300", 2),
                              sized(&scene, "c", "web", "cpu: 256, memory: 400", 1)));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "old"), 2);
    scene_forget(&scene);
    scene_commit(&scene, "c2", sized(&scene, "c", "next", "cpu: 256, memory: 100", 1));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "old"), 2); /* all would go: held */
    assert_int_equal(tasks_of(&scene, "c", "next"), 0);
    assert_non_null(strstr(scene_wait(&scene, "c/next"), "local has 0 of 1000 MiB left"));
    scene_close(&scene);
}

/* The engine would refuse it. */
static void no_task_is_larger_than_the_engine(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 2048, 65536);
    scene_commit(&scene, "c1", sized(&scene, "c", "web", "cpu: 4096, memory: 512", 1));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 0);
    assert_non_null(strstr(scene_wait(&scene, "c/web"), "it needs 4096 CPU units, local has 2048"));
    scene_close(&scene);
}

static void another_architecture_waits_and_fetches_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 sized(&scene, "c", "web",
                       "cpu: 256, memory: 512, runtimePlatform: {cpuArchitecture: ARM64}", 1));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 0);
    assert_non_null(strstr(scene_wait(&scene, "c/web"),
                           "no container instance met all of its requirements: it needs the "
                           "architecture ARM64, local has x86_64"));
    assert_null(world_image(world_instance(scene.world, "local"), "example/web:1"));
    scene_commit(&scene, "c2",
                 sized(&scene, "c", "web",
                       "cpu: 256, memory: 512, runtimePlatform: {cpuArchitecture: X86_64}", 1));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 1);
    scene_close(&scene);
}

static void cpu_is_not_reserved(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 2048, 65536);
    scene_commit(&scene, "c1", sized(&scene, "c", "web", "cpu: 2048, memory: 512", 5));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "web"), 5);
    scene_close(&scene);
}

static void cpu_overcommit_reserves_it(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 2048, 65536);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", cluster(&scene, "tight", "cpuOvercommit: 1.0"),
                              sized(&scene, "tight", "web", "cpu: 1024, memory: 512", 5)));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "tight", "web"), 2);
    assert_non_null(strstr(scene_wait(&scene, "tight/web"),
                           "it needs 1024 CPU units, and of the 2048 that may be reserved on local "
                           "(cpuOvercommit 1 of cluster tight) 0 are left"));
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s", cluster(&scene, "tight", "cpuOvercommit: 2.4"),
                              sized(&scene, "tight", "web", "cpu: 1024, memory: 512", 5)));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "tight", "web"), 4);
    scene_close(&scene);
}

/* Together those who reserve have what there is; who does not reserve takes nothing of it. */
static void all_that_reserve_share_one_engine(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_engine(&scene, 2048, 65536);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s%s%s%s",
                              cluster(&scene, "one", "cpuOvercommit: 1.0"),
                              cluster(&scene, "two", "cpuOvercommit: 1.5"),
                              sized(&scene, "c", "free", "cpu: 1024, memory: 512", 3),
                              sized(&scene, "one", "a", "cpu: 1024, memory: 512", 2),
                              sized(&scene, "two", "b", "cpu: 1024, memory: 512", 2)));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "free"), 3);
    assert_int_equal(tasks_of(&scene, "one", "a"), 2);
    assert_int_equal(tasks_of(&scene, "two", "b"), 1);
    scene_close(&scene);
}

static void each_network_holds_a_thousand_tasks(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s%s", cluster(&scene, "d", ""),
                              sized(&scene, "c", "many", "cpu: 2, memory: 6", 1002),
                              sized(&scene, "d", "few", "cpu: 2, memory: 6", 3)));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(tasks_of(&scene, "c", "many"), 1000);
    assert_string_equal(scene_wait(&scene, "c/many"),
                        "the network of cluster c holds at most 1000 tasks");
    assert_int_equal(tasks_of(&scene, "d", "few"), 3);
    assert_string_equal(scene_wait(&scene, "d/few"), "");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_reserved),
        cmocka_unit_test(former_tasks_make_room),
        cmocka_unit_test(unhealthy_tasks_make_room),
        cmocka_unit_test(those_without_a_place_are_counted),
        cmocka_unit_test(what_nobody_remembers_takes_room),
        cmocka_unit_test(no_task_is_larger_than_the_engine),
        cmocka_unit_test(another_architecture_waits_and_fetches_nothing),
        cmocka_unit_test(cpu_is_not_reserved),
        cmocka_unit_test(cpu_overcommit_reserves_it),
        cmocka_unit_test(all_that_reserve_share_one_engine),
        cmocka_unit_test(each_network_holds_a_thousand_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
