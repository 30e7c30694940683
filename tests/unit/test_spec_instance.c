/*
 * Instances of the world: since when one is lost, what its tasks take of it, and its end.
 */
#include "spec/base/text.h"
#include "spec/world.h"
#include "tests/unit/unit.h"

#define TASK "0123456789abcdef0123456789abcdef"

static bool apply_named(struct world *world, enum world_change_kind kind, const char *instance,
                        const char *name)
{
    const struct world_change change = { .kind = kind,
                                         .named = { .instance = instance, .name = name } };
    return world_apply(world, &change);
}

static void apply_container(struct world *world, const char *instance, const char *id,
                            const char *container)
{
    const struct world_change change = { .kind = WORLD_CONTAINER,
                                         .container = { .instance = instance,
                                                        .id = id,
                                                        .name = "berth-x",
                                                        .cluster = "c",
                                                        .service = "web",
                                                        .task = TASK,
                                                        .container = container,
                                                        .containers = 2,
                                                        .memory_mib = 300,
                                                        .cpu_units = 256,
                                                        .host_ports = "80/tcp" } };
    assert_true(world_apply(world, &change));
}

static void an_instance_is_lost_since_the_first_report_of_it(void **state)
{
    AUTO(world) *world = world_new(NULL, NULL);
    struct world_change change = { .kind = WORLD_INSTANCE_LOST };

    (void)state;
    change.lost.instance = "a";
    change.lost.failure = "no route";
    change.lost.at_ms = 5000;
    assert_true(world_apply(world, &change));
    change.lost.at_ms = 9000;
    assert_false(world_apply(world, &change)); /* told again */
    assert_int_equal(world_instance(world, "a")->lost_ms, 5000);
    world_clock_moved(world, -1000);
    assert_int_equal(world_instance(world, "a")->lost_ms, 4000);
    change = (struct world_change){ .kind = WORLD_INSTANCE, .instance = { .instance = "a" } };
    change.instance.cpu_units = 1024;
    assert_true(world_apply(world, &change));
    assert_int_equal(world_instance(world, "a")->lost_ms, 4000); /* a connection proves nothing */
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    (void)apply_named(world, WORLD_LISTING_END, "a", NULL);
    assert_int_equal(world_instance(world, "a")->lost_ms, 0);
}

static void an_instance_knows_what_its_tasks_take(void **state)
{
    AUTO(world) *world = world_new(NULL, NULL);

    (void)state;
    apply_container(world, "a", "1", "web");
    apply_container(world, "a", "2", "side"); /* of the same task */
    assert_int_equal(world_instance(world, "a")->used_memory_mib, 300);
    assert_int_equal(world_instance(world, "a")->used_cpu_units, 256);
    assert_string_equal(world_task(world, TASK)->host_ports, "80/tcp");
    (void)apply_named(world, WORLD_CONTAINER_GONE, "a", "1");
    assert_int_equal(world_instance(world, "a")->used_memory_mib, 300);
    (void)apply_named(world, WORLD_CONTAINER_GONE, "a", "2");
    assert_int_equal(world_instance(world, "a")->used_memory_mib, 0);
    assert_int_equal(world_instance(world, "a")->used_cpu_units, 0);
}

static void what_ran_on_an_instance_goes_with_it(void **state)
{
    AUTO(world) *world = world_new(NULL, NULL);

    (void)state;
    apply_container(world, "a", "1", "web");
    apply_container(world, "b", "2", "web"); /* a twin */
    assert_true(apply_named(world, WORLD_INSTANCE_GONE, "a", NULL));
    assert_false(apply_named(world, WORLD_INSTANCE_GONE, "a", NULL));
    assert_null(world_instance(world, "a"));
    assert_null(world_container(world, "1"));
    assert_string_equal(world_task(world, TASK)->instance, "b");
    assert_int_equal(world_service(world, "c", "web")->task_count, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_is_lost_since_the_first_report_of_it),
        cmocka_unit_test(an_instance_knows_what_its_tasks_take),
        cmocka_unit_test(what_ran_on_an_instance_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
