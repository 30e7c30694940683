/*
 * Which instance a task goes to: resources, constraints, strategies (ecs.md 1.6), and the words
 * when there is none.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define NO_PLACE                                                                                   \
    "service web was unable to place a task because no container instance met all of its "         \
    "requirements. The closest matching container-instance "

static void open_three(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 1024, 1000);
    fleet_instance(scene, "b", 2048, 2000);
    fleet_instance(scene, "c", 4096, 4000);
}

/* Three instances of growing size, in two zones. */
static void run(struct scene *scene, const char *task, const char *service)
{
    const char *body = arena_printf(
        &scene->arena, "%s, containerDefinitions: [{name: main, image: 'example/web:1'}]", task);

    scene_commit(scene, "c1",
                 arena_printf(&scene->arena, "%s%s",
                              fleet_cluster(scene, "{name: a, host: a, attributes: {zone: x, rank: "
                                                   "'9'}}, {name: b, host: b, attributes: {zone: "
                                                   "x, rank: '10'}}, {name: c, host: c, "
                                                   "attributes: {zone: y}, reservedMemory: 1000}"),
                              fleet_service(scene, "web", body, service)));
    scene_run(scene, 20 * 1000);
}

static void assert_on(const struct scene *scene, size_t a, size_t b, size_t c)
{
    assert_int_equal(fleet_running(scene, "web", "a"), a);
    assert_int_equal(fleet_running(scene, "web", "b"), b);
    assert_int_equal(fleet_running(scene, "web", "c"), c);
}

/* A scene of its own for each. */
#define check_places(task, service, a, b, c)                                                       \
    do {                                                                                           \
        struct scene at;                                                                           \
        open_three(&at);                                                                           \
        run(&at, (task), (service));                                                               \
        assert_on(&at, (a), (b), (c));                                                             \
        scene_close(&at);                                                                          \
    } while (0)

#define check_wait(task, service, expected)                                                        \
    do {                                                                                           \
        struct scene at;                                                                           \
        open_three(&at);                                                                           \
        run(&at, (task), (service));                                                               \
        assert_string_equal(scene_wait(&at, "e/web"), (expected));                                 \
        scene_close(&at);                                                                          \
    } while (0)

static void strategies(void **state)
{
    (void)state;
    check_places("memory: 100", "desiredCount: 6", 2, 2, 2);
    check_places("memory: 100", "desiredCount: 6, placementStrategy: [{type: spread, field: host}]",
                 2, 2, 2);
    check_places("memory: 100",
                 "desiredCount: 8, placementStrategy: [{type: spread, field: 'attribute:zone'}, "
                 "{type: spread, field: instanceId}]",
                 2, 2, 4);
    check_places("memory: 400",
                 "desiredCount: 4, placementStrategy: [{type: binpack, field: memory}]", 2, 2, 0);
    check_places("memory: 100, cpu: 512",
                 "desiredCount: 5, placementStrategy: [{type: binpack, field: cpu}]", 2, 3, 0);
    check_places("memory: 100",
                 "desiredCount: 4, placementStrategy: [{type: spread, field: 'attribute:zone'}, "
                 "{type: binpack, field: memory}]",
                 2, 0, 2);
}

/* As good as chance, and the same every time. */
static void random_is_the_same_every_time(void **state)
{
    struct scene first;
    struct scene second;
    size_t places = 0;

    (void)state;
    open_three(&first);
    open_three(&second);
    run(&first, "memory: 10", "desiredCount: 30, placementStrategy: [{type: random}]");
    run(&second, "memory: 10", "desiredCount: 30, placementStrategy: [{type: random}]");
    for (const char *name = "abc"; *name != '\0'; name++) {
        const char one[] = { *name, '\0' };
        places += fleet_running(&first, "web", one) >= 3;
        assert_int_equal(fleet_running(&first, "web", one), fleet_running(&second, "web", one));
    }
    assert_int_equal(places, 3);
    scene_close(&first);
    scene_close(&second);
}

static void constraints(void **state)
{
    (void)state;
    check_places("memory: 100",
                 "desiredCount: 4, placementConstraints: [{type: memberOf, expression: "
                 "'attribute:zone == x'}]",
                 2, 2, 0);
    check_places("memory: 100, placementConstraints: [{type: memberOf, expression: "
                 "'not(attribute:zone == x)'}]",
                 "desiredCount: 3", 0, 0, 3);
    check_places("memory: 100, placementConstraints: [{type: memberOf, expression: "
                 "'attribute:zone == x'}]",
                 "desiredCount: 2, placementConstraints: [{type: memberOf, expression: "
                 "'attribute:rank > 9'}]",
                 0, 2, 0);
    check_places("memory: 100", "desiredCount: 5, placementConstraints: [{type: distinctInstance}]",
                 1, 1, 1);
    /* Asked again for every task that is placed. */
    check_places("memory: 100",
                 "desiredCount: 6, placementStrategy: [{type: binpack, field: memory}], "
                 "placementConstraints: [{type: memberOf, expression: runningTasksCount < 2}]",
                 2, 2, 2);
    check_places("memory: 100",
                 "desiredCount: 6, placementConstraints: [{type: memberOf, expression: "
                 "'not(task:group == service:web)'}]",
                 1, 1, 1);
    check_places("memory: 100",
                 "desiredCount: 2, placementConstraints: [{type: memberOf, expression: "
                 "'attribute:ecs.cpu-architecture == x86_64 and attribute:ecs.os-type == linux and "
                 "attribute:ecs.instance-type not_exists and ec2InstanceId in [b] and agentVersion "
                 ">= 20.9 and agentConnected == true'}]",
                 0, 2, 0);
}

static void resources_in_ecs_words(void **state)
{
    (void)state;
    check_wait("memory: 3500", "desiredCount: 1",
               NO_PLACE "c has insufficient memory available: the task needs 3500 MiB, 3000 of "
                        "3000 are left.");
    check_wait("memory: 100, cpu: 4097", "desiredCount: 1",
               NO_PLACE "c has insufficient CPU units available: the task needs 4097, 4096 of 4096 "
                        "are left.");
    check_wait("memory: 100", "desiredCount: 4, placementConstraints: [{type: distinctInstance}]",
               NO_PLACE "a runs a task of the service already, and its tasks are on distinct "
                        "instances.");
    check_wait("memory: 100, placementConstraints: [{type: memberOf, expression: 'attribute:zone "
               "== z'}]",
               "desiredCount: 1",
               NO_PLACE "a does not meet the placement constraints of the task: no memberOf is "
                        "true for it.");
    check_wait("memory: 100, runtimePlatform: {cpuArchitecture: ARM64}", "desiredCount: 1",
               NO_PLACE "a is missing an attribute required by your task: it has the architecture "
                        "x86_64.");
}

static void fixed_ports_are_taken_once_an_instance(void **state)
{
    static const char ports[] =
        "memory: 10, containerDefinitions: [{name: main, image: 'example/web:1', portMappings: "
        "[{containerPort: 80, hostPort: 8080}]}]";
    static const char other[] =
        "memory: 10, networkMode: host, containerDefinitions: [{name: main, image: "
        "'example/web:1', portMappings: [{containerPort: 8080}]}]";
    static const char udp[] =
        "memory: 10, networkMode: host, containerDefinitions: [{name: main, image: "
        "'example/web:1', portMappings: [{containerPort: 8080, protocol: udp}]}]";
    struct scene scene;

    (void)state;
    open_three(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s%s%s",
                              fleet_cluster(&scene, "{name: a, host: a}, {name: b, host: b}"),
                              fleet_service(&scene, "web", ports, "desiredCount: 3"),
                              fleet_service(&scene, "xother", other, "desiredCount: 1"),
                              fleet_service(&scene, "xudp", udp, "desiredCount: 1")));
    scene_run(&scene, 20 * 1000);
    assert_on(&scene, 1, 1, 0);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        NO_PLACE "a is already using a port required by your task: 8080/tcp.");
    assert_int_equal(fleet_running(&scene, "xother", NULL), 0);
    assert_int_equal(fleet_running(&scene, "xudp", NULL), 1);
    scene_close(&scene);
}

/* The first task decides, and the others follow the volume. */
static void tasks_go_where_their_volume_is(void **state)
{
    static const char body[] =
        "memory: 10, volumes: [{name: data}], containerDefinitions: [{name: main, image: "
        "'example/web:1', mountPoints: [{sourceVolume: data, containerPath: /data}]}]";
    const char *names[] = { "a", "b", "c" };
    struct scene scene;
    size_t host = 0;

    (void)state;
    open_three(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s",
                              fleet_cluster(&scene, "{name: a, host: a}, {name: b, host: b}, "
                                                    "{name: c, host: c}"),
                              fleet_service(&scene, "web", body, "desiredCount: 3")));
    scene_run(&scene, 20 * 1000);
    while (host < 2 && fleet_running(&scene, "web", names[host]) == 0)
        host++;
    assert_int_equal(fleet_running(&scene, "web", names[host]), 3);
    fleet_lose(&scene, names[host]);
    scene_run(&scene, 200 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3); /* none was made elsewhere */
    assert_string_equal(scene_wait(&scene, "e/web"),
                        arena_printf(&scene.arena,
                                     NO_PLACE
                                     "%s has no volume of the service, which another one has.",
                                     names[host == 0 ? 1 : 0]));
    scene_close(&scene);
}

static void an_empty_cluster_has_no_instances(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, ""),
                              fleet_service(&scene, "web",
                                            "memory: 10, containerDefinitions: [{name: main, "
                                            "image: 'example/web:1'}]",
                                            "desiredCount: 1")));
    scene_run(&scene, 20 * 1000);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        "service web was unable to place a task because no container instances "
                        "were found in your cluster.");
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(strategies),
        cmocka_unit_test(random_is_the_same_every_time),
        cmocka_unit_test(constraints),
        cmocka_unit_test(resources_in_ecs_words),
        cmocka_unit_test(fixed_ports_are_taken_once_an_instance),
        cmocka_unit_test(tasks_go_where_their_volume_is),
        cmocka_unit_test(an_empty_cluster_has_no_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
