/*
 * Which machine was maintained: an instance is its engine, whatever name the commit has for it.
 */
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/upkeep_scene.h"

static void maintain_all(struct scene *scene)
{
    upkeep_open(scene, "desiredCount: 2");
    upkeep_commit(scene, "c2", THREE, UPGRADE, upkeep_web(scene, "desiredCount: 2"));
    upkeep_run(scene, 300, 2, 1);
    assert_string_equal(scene->runs, "a b c ");
}

static void gone(struct scene *scene, const char *name)
{
    const struct world_change change = { .kind = WORLD_INSTANCE_GONE,
                                         .named = { .instance = name } };

    (void)world_apply(scene->world, &change);
}

static void another_name_is_no_other_machine(void **unused)
{
    (void)unused;
    struct scene scene;

    maintain_all(&scene);
    assert_string_equal(upkeep_known(&scene, "c")->engine, "ENGINE-c");
    gone(&scene, "c");
    fleet_engine(&scene, "z", "ENGINE-c");
    upkeep_commit(&scene, "c3", "{name: a, host: a}, {name: b, host: b}, {name: z, host: c}",
                  UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(upkeep_step(&scene, "z"), MAINTENANCE_DONE);
    assert_null(upkeep_known(&scene, "c"));
    scene_close(&scene);
}

static void another_machine_is_maintained_under_the_same_name(void **unused)
{
    (void)unused;
    struct scene scene;

    maintain_all(&scene);
    gone(&scene, "b");
    fleet_engine(&scene, "b", "ENGINE-new");
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c b ");
    assert_string_equal(upkeep_known(&scene, "b")->engine, "ENGINE-new");
    scene_close(&scene);
}

/* The addresses of two hosts are exchanged in the manifest. */
static void names_are_exchanged(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t since_a_ms;

    maintain_all(&scene);
    since_a_ms = upkeep_known(&scene, "a")->since_ms;
    gone(&scene, "a");
    gone(&scene, "c");
    fleet_engine(&scene, "a", "ENGINE-c");
    fleet_engine(&scene, "c", "ENGINE-a");
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_string_equal(upkeep_known(&scene, "a")->engine, "ENGINE-c");
    assert_string_equal(upkeep_known(&scene, "c")->engine, "ENGINE-a");
    assert_int_equal(upkeep_known(&scene, "c")->since_ms, since_a_ms);
    scene_close(&scene);
}

static void a_failure_goes_with_its_machine(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 2");
    scene.run_failure = (struct scene_failure){ ERR_FAILED, "exit code 1" };
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    upkeep_run(&scene, 100, 2, 1);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    scene.run_failure = (struct scene_failure){ 0 };
    /* Under another name it has failed still: nothing is done to it, or to others. */
    gone(&scene, "a");
    fleet_engine(&scene, "y", "ENGINE-a");
    upkeep_commit(&scene, "c3", "{name: y, host: a}, {name: b, host: b}, {name: c, host: c}",
                  UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 300 * 1000);
    assert_int_equal(upkeep_step(&scene, "y"), MAINTENANCE_FAILED);
    assert_string_equal(scene.runs, "a ");
    /* One that takes its place has not. */
    gone(&scene, "y");
    fleet_engine(&scene, "y", "ENGINE-new");
    scene_run(&scene, 400 * 1000);
    assert_string_equal(scene.runs, "a y b c ");
    scene_close(&scene);
}

/* An older Berth remembered names alone. */
static void without_an_engine_it_goes_by_the_name(void **unused)
{
    (void)unused;
    struct scene scene;
    struct maintenance maintenance;
    struct host_record record;
    const struct fact fact = { .kind = FACT_HOST, .host = &record };

    maintain_all(&scene);
    maintenance = *upkeep_known(&scene, "b");
    maintenance.engine = NULL;
    record = (struct host_record){ .instance = "b", .maintenance = &maintenance };
    memory_apply(scene.memory, &fact);
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    upkeep_commit(&scene, "c3", THREE, "command: other", upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 400 * 1000);
    assert_int_equal(strlen(scene.runs), strlen("a b c a b c "));
    assert_string_equal(upkeep_known(&scene, "b")->engine, "ENGINE-b");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_name_is_no_other_machine),
        cmocka_unit_test(another_machine_is_maintained_under_the_same_name),
        cmocka_unit_test(names_are_exchanged),
        cmocka_unit_test(a_failure_goes_with_its_machine),
        cmocka_unit_test(without_an_engine_it_goes_by_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
