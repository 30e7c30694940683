/*
 * An instance joins: it gets its share of what runs, one task after the other, and nothing is
 * missing meanwhile.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define TWO   "{name: a, host: a}, {name: b, host: b}"
#define THREE TWO ", {name: c, host: c}"
#define TASK  "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128}]"

static void open_two(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
}

static void commit(struct scene *scene, const char *name, const char *instances, const char *task,
                   const char *service)
{
    scene_commit(scene, name,
                 arena_printf(&scene->arena, "%s%s", fleet_cluster(scene, instances),
                              fleet_service(scene, "web", task, service)));
}

static void assert_spread(const struct scene *scene, size_t a, size_t b, size_t c)
{
    assert_int_equal(fleet_running(scene, "web", "a"), a);
    assert_int_equal(fleet_running(scene, "web", "b"), b);
    assert_int_equal(fleet_running(scene, "web", "c"), c);
}

/* All the while as many run as are declared, and at most one more. */
static void watch(struct scene *scene, int64_t for_ms, size_t count)
{
    for (int64_t passed_ms = 0; passed_ms < for_ms; passed_ms += 250) {
        scene_run(scene, 250);
        assert_true(fleet_running(scene, "web", NULL) >= count);
        assert_true(fleet_running(scene, "web", NULL) <= count + 1);
    }
}

/* It ran on two, then a third joins. */
static void join(struct scene *scene, const char *task, const char *service)
{
    commit(scene, "c1", TWO, task, service);
    scene_run(scene, 30 * 1000);
    fleet_instance(scene, "c", 4096, 8000);
    commit(scene, "c2", THREE, task, service);
}

static void one_that_joins_gets_its_share(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *stopped = NULL;

    open_two(&scene);
    join(&scene, TASK, "desiredCount: 6");
    scene_run(&scene, 1000);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        "tasks of it move to instance c when that has answered for 60 s");
    watch(&scene, 50 * 1000, 6);
    assert_spread(&scene, 3, 3, 0); /* it may be gone again */
    watch(&scene, 60 * 1000, 6);
    assert_spread(&scene, 2, 2, 2);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    for (const struct memory_task *at = scene.memory->services->tasks; at != NULL; at = at->next) {
        if (at->record.stopped_ms != 0)
            stopped = at->record.reason;
    }
    assert_non_null(stopped);
    assert_true(text_starts(stopped, "Rebalancing: container-instance "));
    assert_non_null(strstr(stopped, " has 3 tasks of the service, c has "));
    watch(&scene, 30 * 60 * 1000, 6); /* and that is all */
    assert_spread(&scene, 2, 2, 2);
    assert_int_equal(scene.container_count, 8);
    scene_close(&scene);
}

/* The first strategy counts, and those behind it as far as they spread. */
static void zones_are_balanced_before_instances(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *zones = "{name: a, host: a, attributes: {zone: x}}, "
                        "{name: b, host: b, attributes: {zone: x}}, "
                        "{name: c, host: c, attributes: {zone: y}}";
    const char *spread = "desiredCount: 4, placementStrategy: [{type: spread, field: "
                         "'attribute:zone'}, {type: spread, field: instanceId}]";

    open_two(&scene);
    commit(&scene, "c1", "{name: a, host: a, attributes: {zone: x}}", TASK, spread);
    scene_run(&scene, 30 * 1000);
    fleet_instance(&scene, "c", 4096, 8000);
    commit(&scene, "c2", zones, TASK, spread);
    watch(&scene, 180 * 1000, 4);
    assert_spread(&scene, 1, 1, 2);
    scene_close(&scene);
}

static void what_is_not_to_move_stays(void **unused)
{
    (void)unused;
    static const char *const services[] = {
        "desiredCount: 4, availabilityZoneRebalancing: DISABLED",
        "desiredCount: 4, placementStrategy: [{type: random}, {type: spread, field: host}]",
        "desiredCount: 4, deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: "
        "100}",
        "desiredCount: 4, placementConstraints: [{type: memberOf, expression: 'ec2InstanceId in "
        "[a, b]'}]",
    };

    for (size_t i = 0; i < ARRAY_COUNT(services); i++) {
        struct scene scene;

        open_two(&scene);
        join(&scene, TASK, services[i]);
        scene_run(&scene, 180 * 1000);
        assert_int_equal(fleet_running(&scene, "web", "c"), 0);
        assert_int_equal(fleet_running(&scene, "web", NULL), 4);
        assert_string_equal(scene_wait(&scene, "e/web"), "");
        scene_close(&scene);
    }
}

#define WITH_DATA                                                                                  \
    "memory: 100, volumes: [{name: data}], containerDefinitions: [{name: main, image: "            \
    "'example/web:1', mountPoints: [{sourceVolume: data, containerPath: /data}]}]"

/* It is no place for anything any more, and what is too many there goes all the same. */
static void what_data_keeps_on_a_host_that_was_removed_is_counted(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *other;

    open_two(&scene);
    commit(&scene, "c1", TWO, WITH_DATA, "desiredCount: 4");
    scene_run(&scene, 30 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 4);
    other = fleet_running(&scene, "web", "a") == 4 ? "{name: b, host: b}" : "{name: a, host: a}";
    commit(&scene, "c2", other, WITH_DATA, "desiredCount: 2");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 2);
    assert_int_equal(fleet_running(&scene, "web", "a") * fleet_running(&scene, "web", "b"), 0);
    scene_close(&scene);
}

/* Its data is on its host, also when another host has a volume of that name. */
static void what_keeps_data_on_its_host_stays(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *task = WITH_DATA;
    const struct world_named *volume;
    struct world_change copy = { .kind = WORLD_VOLUME };

    open_two(&scene);
    join(&scene, task, "desiredCount: 4");
    volume = world_instance(scene.world, "a")->volumes;
    for (; volume != NULL && strstr(volume->name, "data") == NULL; volume = volume->by_name.next)
        continue;
    if (volume == NULL)
        for (volume = world_instance(scene.world, "b")->volumes;
             strstr(volume->name, "data") == NULL; volume = volume->by_name.next)
            continue;
    copy.named = (struct named_report){ .instance = "c",
                                        .name = volume->name,
                                        .owner = volume->owner,
                                        .cluster = volume->cluster,
                                        .service = volume->service };
    (void)world_apply(scene.world, &copy);
    scene_run(&scene, 180 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "c"), 0);
    assert_int_equal(fleet_running(&scene, "web", NULL), 4);
    scene_close(&scene);
}

/* Not into a deployment, nor while an instance is away. */
static void it_waits_for_rest(void **unused)
{
    (void)unused;
    struct scene scene;

    open_two(&scene);
    join(&scene, TASK, "desiredCount: 4");
    fleet_lose(&scene, "b");
    scene_run(&scene, 50 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "c"), 0);
    fleet_return(&scene, "b");
    scene_run(&scene, 180 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 4);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    scene_close(&scene);
}

/* What starts there ends at once: the service keeps all it has, and it is not tried for ever. */
static void what_fails_there_takes_nothing_away(void **unused)
{
    (void)unused;
    struct scene scene;

    open_two(&scene);
    join(&scene, TASK, "desiredCount: 4");
    scene_run(&scene, 50 * 1000);
    scene.exits_on_start = true;
    watch(&scene, 14 * 60 * 1000, 4);
    assert_int_equal(scene.container_count, 5); /* one was tried */
    assert_spread(&scene, 2, 2, 0);
    scene.exits_on_start = false;
    watch(&scene, 5 * 60 * 1000, 4);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    scene_close(&scene);
}

/* Its image cannot be had there: that is said once, and tried again with pauses. */
static void what_cannot_be_pulled_there_stays(void **unused)
{
    (void)unused;
    struct scene scene;

    open_two(&scene);
    join(&scene, TASK, "desiredCount: 4");
    scene.pull_failure = (struct scene_failure){ ERR_FAILED, "unexpected EOF" };
    watch(&scene, 10 * 60 * 1000, 4);
    assert_spread(&scene, 2, 2, 0);
    assert_non_null(strstr(scene_wait(&scene, "e/web"), "unexpected EOF"));
    scene.pull_failure = (struct scene_failure){ 0 };
    watch(&scene, 20 * 60 * 1000, 4);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    scene_close(&scene);
}

/* No room: nothing is moved, and it begins when there is some. */
static void without_room_it_waits_in_silence(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *big = "memory: 7950, containerDefinitions: [{name: main, image: 'example/web:1'}]";
    const char *only_c = "desiredCount: 1, placementConstraints: [{type: memberOf, expression: "
                         "'ec2InstanceId == c'}]";

    open_two(&scene);
    commit(&scene, "c1", TWO, TASK, "desiredCount: 4");
    scene_run(&scene, 30 * 1000);
    fleet_instance(&scene, "c", 4096, 8000);
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s%s", fleet_cluster(&scene, THREE),
                              fleet_service(&scene, "web", TASK, "desiredCount: 4"),
                              fleet_service(&scene, "big", big, only_c)));
    scene_run(&scene, 180 * 1000);
    assert_int_equal(fleet_running(&scene, "big", "c"), 1);
    assert_spread(&scene, 2, 2, 0);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    commit(&scene, "c3", THREE, TASK, "desiredCount: 4");
    scene.prune_allowed = true;
    scene_run(&scene, 60 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_joins_gets_its_share),
        cmocka_unit_test(zones_are_balanced_before_instances),
        cmocka_unit_test(what_is_not_to_move_stays),
        cmocka_unit_test(what_keeps_data_on_its_host_stays),
        cmocka_unit_test(what_data_keeps_on_a_host_that_was_removed_is_counted),
        cmocka_unit_test(it_waits_for_rest),
        cmocka_unit_test(what_fails_there_takes_nothing_away),
        cmocka_unit_test(what_cannot_be_pulled_there_stays),
        cmocka_unit_test(without_room_it_waits_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
