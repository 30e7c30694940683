/*
 * An instance that a person gave up: what was there counts as gone, until it is listed again.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define TWO    "{name: a, host: a}, {name: b, host: b}"
#define DRAINS "{name: a, host: a, state: DRAINING}, {name: b, host: b}"
#define VOLUME                                                                                     \
    "memory: 100, volumes: [{name: data, deleteWithService: true}], "                              \
    "containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128, "                       \
    "mountPoints: [{sourceVolume: data, containerPath: /data}]}]"

static void commit(struct scene *scene, const char *name, const char *instances, bool has_service)
{
    scene_commit(
        scene, name,
        arena_printf(&scene->arena, "%s%s", fleet_cluster(scene, instances),
                     has_service ? fleet_service(scene, "web", VOLUME, "desiredCount: 1") : ""));
}

/* As the running program does it: known first, then not seen any more, and dialled anew. */
static void forget(struct scene *scene, const char *name)
{
    const struct host_record record = { .instance = name, .forgotten_ms = scene->now_ms };
    const struct fact fact = { .kind = FACT_HOST, .host = &record, .durable = true };
    const struct world_change gone = { .kind = WORLD_INSTANCE_GONE, .named = { .instance = name } };

    memory_apply(scene->memory, &fact);
    (void)world_apply(scene->world, &gone);
    fleet_lose(scene, name);
}

/* With all that it had, which the world knows no more. */
static void come_back(struct scene *scene, const char *name)
{
    const struct world_change engine = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = name,
                                                       .engine_id = "ENGINE-back",
                                                       .engine_version = "20.10.24",
                                                       .architecture = "x86_64",
                                                       .cpu_units = 4096,
                                                       .memory_mib = 8000,
                                                       .connected_ms = scene->now_ms } };
    struct world_change listing = { .kind = WORLD_LISTING_BEGIN, .named = { .instance = name } };

    (void)world_apply(scene->world, &engine);
    (void)world_apply(scene->world, &listing);
    for (size_t i = 0; i < scene->container_count; i++) {
        if (text_equal(scene->containers[i].instance, name))
            scene_tell(scene, i);
    }
    listing.kind = WORLD_LISTING_END;
    (void)world_apply(scene->world, &listing);
}

/* A service whose only task is on b, with its volume, and b is lost. */
static void open_lost(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
    commit(scene, "c1", DRAINS, true);
    scene_run(scene, 20 * 1000);
    assert_int_equal(fleet_running(scene, "web", "b"), 1);
    commit(scene, "c2", TWO, true);
    scene_run(scene, 10 * 1000);
    fleet_lose(scene, "b");
    scene_run(scene, 200 * 1000);
    assert_int_equal(fleet_running(scene, "web", "a"), 0); /* its data is on b */
}

static const struct task_record *record_on(const struct scene *scene, const char *instance)
{
    const struct memory_task *found = NULL;

    for (const struct memory_task *at = scene->memory->tasks; at != NULL; at = at->by_id.next) {
        if (text_equal(at->record.instance, instance))
            found = at;
    }
    return found == NULL ? NULL : &found->record;
}

static void its_tasks_are_stopped_and_placed_elsewhere(void **unused)
{
    (void)unused;
    struct scene scene;

    open_lost(&scene);
    forget(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 1);
    assert_int_not_equal(record_on(&scene, "b")->stopped_ms, 0);
    assert_int_equal(record_on(&scene, "b")->stop_code, STOP_USER_INITIATED);
    assert_string_equal(record_on(&scene, "b")->reason, "instance b was given up");
    assert_false(record_on(&scene, "b")->failed);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    scene_close(&scene);
}

static void its_volumes_hold_no_removal(void **unused)
{
    (void)unused;
    struct scene scene;

    open_lost(&scene);
    commit(&scene, "c3", TWO, false);
    scene.prune_allowed = true;
    scene_run(&scene, 20 * 1000);
    assert_non_null(memory_service(scene.memory, "e/web"));
    forget(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_null(memory_service(scene.memory, "e/web"));
    assert_int_not_equal(record_on(&scene, "b")->stopped_ms, 0);
    scene_close(&scene);
}

/* Volumes may be on one that was never reached; not if it is known to be gone. */
static void nothing_waits_for_it_to_be_reached(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_lose(&scene, "b");
    commit(&scene, "c1", TWO, true);
    scene_run(&scene, 200 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 0);
    forget(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 1);
    assert_non_null(memory_host(scene.memory, "b"));
    scene_close(&scene);
}

static void one_that_comes_back_is_one_like_any_other(void **unused)
{
    (void)unused;
    struct scene scene;

    open_lost(&scene);
    forget(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 1);
    come_back(&scene, "b");
    assert_int_equal(fleet_running(&scene, "web", "b"), 1);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 1); /* not doubled */
    assert_int_equal(fleet_running(&scene, "web", "b"), 0);
    assert_null(memory_host(scene.memory, "b"));
    /* It is not given up a second time by what was said of it before. */
    fleet_lose(&scene, "b");
    scene_run(&scene, 10 * 1000);
    assert_null(memory_host(scene.memory, "b"));
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_tasks_are_stopped_and_placed_elsewhere),
        cmocka_unit_test(its_volumes_hold_no_removal),
        cmocka_unit_test(nothing_waits_for_it_to_be_reached),
        cmocka_unit_test(one_that_comes_back_is_one_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
