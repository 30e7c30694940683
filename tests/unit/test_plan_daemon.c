/*
 * A DAEMON: one task on each instance that is fit for it, whatever becomes of the instances.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define A      "{name: a, host: a, attributes: {zone: x}}"
#define B      "{name: b, host: b, attributes: {zone: x}}"
#define C      "{name: c, host: c, attributes: {zone: y}}"
#define THREE  A ", " B ", " C
#define DAEMON "schedulingStrategy: DAEMON"
#define TASK(color)                                                                                \
    "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128, "          \
    "environment: {COLOR: " color "}}]"

static void open_three(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
    fleet_instance(scene, "c", 4096, 8000);
}

static void commit(struct scene *scene, const char *name, const char *instances, const char *task,
                   const char *service)
{
    scene_commit(scene, name,
                 arena_printf(&scene->arena, "%s%s", fleet_cluster(scene, instances),
                              fleet_service(scene, "logs", task, service)));
}

static void assert_on(const struct scene *scene, size_t a, size_t b, size_t c)
{
    assert_int_equal(fleet_running(scene, "logs", "a"), a);
    assert_int_equal(fleet_running(scene, "logs", "b"), b);
    assert_int_equal(fleet_running(scene, "logs", "c"), c);
}

static struct service_status status_of(struct scene *scene, const char *key)
{
    const struct plan_input input = scene_input(scene);
    struct service_status status;

    plan_service_status(&input, key, &scene->arena, &status);
    return status;
}

/* At no time two on one instance, and all the while at least so many in all. */
static void watch(struct scene *scene, int64_t for_ms, size_t least)
{
    static const char *const names[] = { "a", "b", "c", "d" };

    for (int64_t passed_ms = 0; passed_ms < for_ms; passed_ms += 500) {
        scene_run(scene, 500);
        for (size_t i = 0; i < ARRAY_COUNT(names); i++)
            assert_true(fleet_running(scene, "logs", names[i]) <= 1);
        assert_true(fleet_running(scene, "logs", NULL) >= least);
    }
}

static void each_instance_has_one(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    watch(&scene, 20 * 1000, 0);
    assert_on(&scene, 1, 1, 1);
    assert_int_equal(scene_primary(&scene, "e/logs")->state, ROLLOUT_COMPLETED);
    assert_string_equal(scene_wait(&scene, "e/logs"), "");
    assert_int_equal(status_of(&scene, "e/logs").desired, 3);
    assert_true(status_of(&scene, "e/logs").steady);
    scene_close(&scene);
}

/* The old one is over before the new one is there, and as many stay as are to. */
static void it_is_replaced_in_its_place(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *half = DAEMON ", deploymentConfiguration: {minimumHealthyPercent: 50}";

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), half);
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", THREE, TASK("blue"), half);
    watch(&scene, 30 * 1000, 2);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    assert_on(&scene, 1, 1, 1);
    assert_int_equal(scene_primary(&scene, "e/logs")->state, ROLLOUT_COMPLETED);
    commit(&scene, "c3", THREE, TASK("green"), DAEMON); /* at least none */
    watch(&scene, 30 * 1000, 0);
    assert_int_equal(scene_running_of(&scene, "c3"), 3);
    scene_close(&scene);
}

static void an_instance_that_joins_gets_one_and_one_that_leaves_loses_it(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    fleet_instance(&scene, "d", 4096, 8000);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    /* In front of the others: their slots are other ones now. */
    commit(&scene, "c2", "{name: d, host: d}, " THREE, TASK("red"), DAEMON);
    watch(&scene, 20 * 1000, 3);
    assert_on(&scene, 1, 1, 1);
    assert_int_equal(fleet_running(&scene, "logs", "d"), 1);
    assert_int_equal(status_of(&scene, "e/logs").desired, 4);
    commit(&scene, "c3", B ", " C ", {name: d, host: d, state: DRAINING}", TASK("red"), DAEMON);
    watch(&scene, 20 * 1000, 2);
    assert_on(&scene, 0, 1, 1);
    assert_int_equal(fleet_running(&scene, "logs", "d"), 0);
    assert_int_equal(status_of(&scene, "e/logs").desired, 2);
    assert_true(status_of(&scene, "e/logs").steady);
    scene_close(&scene);
}

static void only_where_the_constraints_are_true(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *in_x = DAEMON ", placementConstraints: [{type: memberOf, expression: "
                              "'attribute:zone == x and not(task:group == service:logs) and "
                              "runningTasksCount < 1'}]";

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", THREE, TASK("red"), in_x); /* its own task is not in its way */
    watch(&scene, 30 * 1000, 2);
    assert_on(&scene, 1, 1, 0);
    assert_true(status_of(&scene, "e/logs").steady);
    assert_int_equal(status_of(&scene, "e/logs").desired, 2);
    scene_close(&scene);
}

/* A lost one is waited for, then does without, and has it again when it is back. */
static void what_is_lost_is_not_placed_elsewhere(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    fleet_lose(&scene, "b");
    scene_run(&scene, 50 * 1000);
    assert_int_equal(status_of(&scene, "e/logs").desired, 3);
    assert_false(status_of(&scene, "e/logs").steady);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(status_of(&scene, "e/logs").desired, 2);
    assert_true(status_of(&scene, "e/logs").steady);
    assert_on(&scene, 1, 1, 1);
    commit(&scene, "c2", THREE, TASK("blue"), DAEMON); /* goes on without it */
    scene_run(&scene, 30 * 1000);
    assert_int_equal(scene_primary(&scene, "e/logs")->state, ROLLOUT_COMPLETED);
    assert_int_equal(scene_running_of(&scene, "c2"), 2);
    fleet_return(&scene, "b");
    watch(&scene, 20 * 1000, 2);
    assert_on(&scene, 1, 1, 1);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    assert_true(status_of(&scene, "e/logs").steady);
    scene_close(&scene);
}

/* The last of all that leave an instance: what looks after the others. */
static void it_leaves_a_draining_instance_last(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *draining = A ", " B ", {name: c, host: c, state: DRAINING}";
    const char *services;

    open_three(&scene);
    services =
        arena_printf(&scene.arena, "%s%s", fleet_service(&scene, "logs", TASK("red"), DAEMON),
                     fleet_service(&scene, "web", TASK("red"), "desiredCount: 3"));
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, THREE), services));
    scene_run(&scene, 20 * 1000);
    assert_on(&scene, 1, 1, 1);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, draining), services));
    for (int i = 0; i < 60 && fleet_running(&scene, "web", "c") > 0; i++) {
        scene_run(&scene, 200);
        if (fleet_running(&scene, "web", "c") > 0)
            assert_int_equal(fleet_running(&scene, "logs", "c"), 1);
    }
    assert_int_equal(fleet_running(&scene, "web", "c"), 0);
    scene_run(&scene, 10 * 1000);
    assert_on(&scene, 1, 1, 0);
    assert_true(status_of(&scene, "e/logs").steady);
    scene_close(&scene);
}

/* Where there is room for one more task, it is the daemon's. */
static void it_comes_before_replicas(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *large = "memory: 300, containerDefinitions: [{name: main, image: 'example/web:1'}]";
    const char *services;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 700);
    services = arena_printf(&scene.arena, "%s%s", fleet_service(&scene, "zlogs", large, DAEMON),
                            fleet_service(&scene, "aweb", large, "desiredCount: 2"));
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, A), services));
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "zlogs", "a"), 1);
    assert_int_equal(fleet_running(&scene, "aweb", "a"), 1);
    assert_non_null(strstr(scene_wait(&scene, "e/aweb"), "insufficient memory"));
    assert_true(status_of(&scene, "e/zlogs").steady);
    scene_close(&scene);
}

/* One instance has no room: it is named, and the others are not held up. */
static void an_instance_without_room_is_named(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_instance(&scene, "b", 4096, 60);
    commit(&scene, "c1", A ", " B, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "logs", "a"), 1);
    assert_string_equal(
        scene_wait(&scene, "e/logs"),
        "service logs was unable to place a task because no container instance met "
        "all of its requirements. The closest matching container-instance b has "
        "insufficient memory available: the task needs 100 MiB, 60 of 60 are left.");
    assert_int_equal(status_of(&scene, "e/logs").desired, 2);
    assert_int_equal(status_of(&scene, "e/logs").wanted_count, 1);
    assert_string_equal(status_of(&scene, "e/logs").wanted[0].instance, "b");
    scene_close(&scene);
}

/* What the next one could not start for is no reason to stop the one that runs. */
static void one_that_would_not_fit_replaces_none(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *large = "memory: 300, containerDefinitions: [{name: main, image: 'example/web:1'}]";

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_instance(&scene, "b", 4096, 150);
    commit(&scene, "c1", A ", " B, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", A ", " B, large, DAEMON);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 1);
    assert_int_equal(fleet_running(&scene, "logs", "b"), 1);
    assert_non_null(strstr(scene_wait(&scene, "e/logs"), "container-instance b has insufficient "
                                                         "memory available: the task needs 300"));
    scene_close(&scene);
}

/* What a Task and its Service are, and what a commit makes of them, which fails everywhere. */
static void roll_back(struct scene *scene, const char *task, const char *service,
                      const char *next_task, const char *next_service)
{
    open_three(scene);
    commit(scene, "c1", THREE, task, service);
    scene_run(scene, 20 * 1000);
    scene->exits_on_start = true;
    commit(scene, "c2", THREE, next_task, next_service);
    scene_run(scene, 60 * 1000);
    assert_true(scene_primary(scene, "e/logs")->rollback);
    scene->exits_on_start = false;
    scene_run(scene, 20 * 60 * 1000);
    assert_on(scene, 1, 1, 1);
}

/* A revision that fails everywhere is given up, and the one before it comes back everywhere. */
static void the_circuit_breaker_rolls_it_back(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *breaker =
        DAEMON ", deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: "
               "true}}";

    roll_back(&scene, TASK("red"), breaker, TASK("blue"), breaker);
    assert_int_equal(scene_running_of(&scene, "c1"), 3);
    assert_int_equal(scene_primary(&scene, "e/logs")->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

#define DATA(color)                                                                                \
    "memory: 100, volumes: [{name: data}], containerDefinitions: [{name: main, image: "            \
    "'example/web:1', environment: {COLOR: " color "}, mountPoints: [{sourceVolume: data, "        \
    "containerPath: /data}]}]"

/* Rolled back to a revision from before it became a REPLICA: it stays where its data is. */
static void what_it_was_does_not_count(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *replica = "desiredCount: 3, deploymentConfiguration: {minimumHealthyPercent: 0, "
                          "deploymentCircuitBreaker: {enable: true, rollback: true}}";

    roll_back(&scene, DATA("red"), DAEMON, DATA("blue"), replica);
    commit(&scene, "c3", B ", " C, DATA("blue"), replica);
    scene_run(&scene, 60 * 1000);
    assert_on(&scene, 1, 1, 1);
    scene_close(&scene);
}

/* Each instance keeps a volume of its own, and keeps it when the task leaves. */
static void each_has_a_volume_of_its_own(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *task = DATA("red");

    open_three(&scene);
    commit(&scene, "c1", THREE, task, DAEMON);
    scene_run(&scene, 20 * 1000);
    assert_on(&scene, 1, 1, 1);
    commit(&scene, "c2", A ", " B ", {name: c, host: c, state: DRAINING}", task, DAEMON);
    scene_run(&scene, 20 * 1000);
    assert_on(&scene, 1, 1, 0);
    assert_int_equal(HASH_CNT(by_name, world_instance(scene.world, "c")->volumes), 2);
    scene_close(&scene);
}

/* Removed from git, it goes everywhere; with nothing remembered, what runs is kept. */
static void it_is_known_again_and_removed(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    scene_forget(&scene);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene.container_count, 3);
    assert_int_equal(scene_primary(&scene, "e/logs")->state, ROLLOUT_COMPLETED);
    scene_commit(&scene, "c2", fleet_cluster(&scene, THREE));
    scene.prune_allowed = true;
    scene_run(&scene, 20 * 1000);
    assert_on(&scene, 0, 0, 0);
    assert_null(memory_service(scene.memory, "e/logs"));
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instance_has_one),
        cmocka_unit_test(it_is_replaced_in_its_place),
        cmocka_unit_test(an_instance_that_joins_gets_one_and_one_that_leaves_loses_it),
        cmocka_unit_test(only_where_the_constraints_are_true),
        cmocka_unit_test(what_is_lost_is_not_placed_elsewhere),
        cmocka_unit_test(it_leaves_a_draining_instance_last),
        cmocka_unit_test(it_comes_before_replicas),
        cmocka_unit_test(an_instance_without_room_is_named),
        cmocka_unit_test(one_that_would_not_fit_replaces_none),
        cmocka_unit_test(the_circuit_breaker_rolls_it_back),
        cmocka_unit_test(what_it_was_does_not_count),
        cmocka_unit_test(each_has_a_volume_of_its_own),
        cmocka_unit_test(it_is_known_again_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
