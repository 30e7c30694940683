/*
 * What the world keeps of load balancers.
 */
#include "spec/world.h"
#include "tests/unit/unit.h"

static void a_warning_of_a_balancer_is_a_change(void **unused)
{
    (void)unused;
    AUTO(world) *world = world_new(NULL, NULL);
    struct world_change change = { .kind = WORLD_BALANCER,
                                   .balancer = { .name = "web", .shape = "s", .warning = "old" } };

    assert_true(world_apply(world, &change));
    assert_false(world_apply(world, &change));
    assert_string_equal(world_balancer(world, "web")->warning, "old");
    change.balancer.warning = NULL;
    assert_true(world_apply(world, &change));
    assert_null(world_balancer(world, "web")->warning);
    change.balancer.warning = "old";
    assert_true(world_apply(world, &change));
    change = (struct world_change){ .kind = WORLD_BALANCER_GONE, .named = { .name = "web" } };
    assert_true(world_apply(world, &change));
    assert_null(world_balancer(world, "web"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warning_of_a_balancer_is_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
