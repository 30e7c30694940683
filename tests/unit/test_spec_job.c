/*
 * Tasks that no Service asked for, as the world knows them.
 */
#include "spec/world.h"
#include "tests/unit/unit.h"

static void tell(struct world *world, const char *id, const char *task, const char *run)
{
    const struct world_change change = { .kind = WORLD_CONTAINER,
                                         .container = { .instance = "a",
                                                        .id = id,
                                                        .name = "berth-x",
                                                        .cluster = "c",
                                                        .group = "family:report",
                                                        .task = task,
                                                        .container = "main",
                                                        .deployment = run,
                                                        .containers = 1 } };
    (void)world_apply(world, &change);
}

static void a_job_is_known_by_its_run(void **state)
{
    AUTO(world) *world = world_new(NULL, NULL);
    uint64_t version;

    (void)state;
    tell(world, "id1", "t1", "d1");
    version = world->version;
    tell(world, "id1", "t1", "d1");
    assert_int_equal(world->version, version); /* told again it is no change */
    assert_string_equal(world_task(world, "t1")->service->key, "c/family:report/d1");
    assert_string_equal(world_task(world, "t1")->group, "family:report");
    tell(world, "id2", "t2", "d2");
    assert_int_equal(world_service(world, "c", "family:report/d1")->task_count, 1);
    assert_int_equal(world_service(world, "c", "family:report/d2")->task_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_known_by_its_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
