/*
 * A service on several instances: spread, drained, cut off and back, added and removed.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define THREE "{name: a, host: a}, {name: b, host: b}, {name: c, host: c}"
#define TASK                                                                                       \
    "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128, "          \
    "environment: {COLOR: red}}]"
#define BLUE                                                                                       \
    "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128, "          \
    "environment: {COLOR: blue}}]"

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
                              fleet_service(scene, "web", task, service)));
}

static void assert_spread(const struct scene *scene, size_t a, size_t b, size_t c)
{
    assert_int_equal(fleet_running(scene, "web", "a"), a);
    assert_int_equal(fleet_running(scene, "web", "b"), b);
    assert_int_equal(fleet_running(scene, "web", "c"), c);
}

/* No two tasks that count are one (deployment, slot). */
static void assert_no_twins(const struct scene *scene)
{
    const struct world_service *seen = world_service(scene->world, "e", "web");

    for (size_t i = 0; i < seen->task_count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_false(seen->tasks[i]->slot == seen->tasks[j]->slot &&
                         text_equal(seen->tasks[i]->deployment, seen->tasks[j]->deployment));
    }
}

static void tasks_are_spread_and_stay_so(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 6");
    scene_run(&scene, 20 * 1000);
    assert_spread(&scene, 2, 2, 2);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    assert_int_equal(scene_primary(&scene, "e/web")->state, ROLLOUT_COMPLETED);
    commit(&scene, "c2", THREE, BLUE, "desiredCount: 6");
    scene_run(&scene, 20 * 1000);
    assert_spread(&scene, 2, 2, 2);
    commit(&scene, "c3", THREE, BLUE, "desiredCount: 3"); /* from where there are most */
    scene_run(&scene, 20 * 1000);
    assert_spread(&scene, 1, 1, 1);
    commit(&scene, "c4", THREE, BLUE, "desiredCount: 7");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 7);
    assert_true(fleet_running(&scene, "web", "a") >= 2 && fleet_running(&scene, "web", "b") >= 2 &&
                fleet_running(&scene, "web", "c") >= 2);
    assert_no_twins(&scene);
    scene_close(&scene);
}

static void a_draining_instance_is_left_and_nothing_is_missing(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    assert_spread(&scene, 1, 1, 1);
    commit(&scene, "c2",
           "{name: a, host: a}, {name: b, host: b, state: DRAINING}, "
           "{name: c, host: c}",
           TASK, "desiredCount: 3");
    for (int i = 0; i < 12; i++) {
        scene_run(&scene, 500);
        assert_true(fleet_running(&scene, "web", NULL) >= 3);
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "b"), 0);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    assert_no_twins(&scene);
    scene_close(&scene);
}

/* What is being created to restore the balance takes the place of one on an instance that is left
 * meanwhile, or ends at once where it is left itself: no healthy one stops for the room of one
 * more. */
static void what_comes_for_the_balance_counts(void **unused)
{
    (void)unused;
    static const struct plan_unit unit = { DIRTY_SERVICE, "e/web" };
    static const char *const comes_to[] = { "b", "a" };
    const char *service = "desiredCount: 2, deploymentConfiguration: {minimumHealthyPercent: 0}";
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", "{name: a, host: a}, {name: b, host: b}", TASK, service);
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", "{name: a, host: a}, {name: b, host: b, state: DRAINING}", TASK, service);
    scene_run(&scene, 60 * 1000);
    assert_spread(&scene, 2, 0, 0);
    commit(&scene, "c3", "{name: a, host: a, state: DRAINING}, {name: b, host: b}", TASK, service);
    for (size_t i = 0; i < ARRAY_COUNT(comes_to); i++) {
        const struct plan_pending pending = { .unit = unit.key,
                                              .task = "0123456789abcdef0123456789abcdef",
                                              .instance = comes_to[i],
                                              .slot = 2,
                                              .target =
                                                  scene_primary(&scene, unit.key)->goal->target };
        struct plan_input input = scene_input(&scene);
        struct plan plan;

        input.pending = &pending;
        input.pending_count = 1;
        plan_compute(&input, &unit, 1, &scene.arena, &plan);
        for (size_t f = 0; f < plan.fact_count; f++)
            assert_false(plan.facts[f].kind == FACT_TASK && plan.facts[f].task->stopping_ms != 0);
    }
    scene_close(&scene);
}

static bool pulls(const struct plan *plan, const char *reference)
{
    for (size_t i = 0; i < plan->action_count; i++) {
        if (plan->actions[i].kind == ACTION_IMAGE_PULL &&
            strstr(plan->actions[i].object, reference) != NULL)
            return true;
    }
    return false;
}

/* The former revision, which is to come back, is prepared also while the new one, which does not
 * get healthy, takes the room: else its pull would be begun and cancelled each time one fails. */
static void what_is_to_come_back_is_prepared(void **unused)
{
    (void)unused;
    static const struct plan_unit unit = { DIRTY_SERVICE, "e/web" };
    const char *service = "desiredCount: 2, deploymentConfiguration: "
                          "{minimumHealthyPercent: 50, maximumPercent: 100, "
                          "deploymentCircuitBreaker: {enable: true, rollback: true}}";
    struct scene scene;
    struct plan_input input;
    struct plan plan;

    open_three(&scene);
    commit(&scene, "c1", "{name: a, host: a}, {name: b, host: b, state: DRAINING}", TASK, service);
    scene_run(&scene, 20 * 60 * 1000);
    assert_spread(&scene, 2, 0, 0);
    scene.checks = HEALTH_STARTING;
    commit(&scene, "c2", "{name: a, host: a, state: DRAINING}, {name: b, host: b}",
           "memory: 100, containerDefinitions: [{name: main, image: 'example/new:1', cpu: 128, "
           "healthCheck: {command: [CMD, /check]}}]",
           service);
    scene_run(&scene, 20 * 1000);
    assert_spread(&scene, 1, 1, 0);
    for (size_t i = 0; i < scene.container_count; i++) {
        if (text_equal(scene.containers[i].instance, "a"))
            scene_end_container(&scene, i, 1);
    }
    scene_plan(&scene);
    assert_true(pulls(&scene.plan, "example/web"));

    const struct plan_pending pending = { .unit = unit.key,
                                          .task = "0123456789abcdef0123456789abcdef",
                                          .instance = "b",
                                          .slot = 1,
                                          .target = scene_primary(&scene, unit.key)->goal->target };
    input = scene_input(&scene);
    input.pending = &pending;
    input.pending_count = 1;
    plan_compute(&input, &unit, 1, &scene.arena, &plan);
    assert_true(pulls(&plan, "example/web"));
    scene_close(&scene);
}

/* With no room above, one is stopped first, as far as the minimum allows. */
static void draining_without_room_stops_first(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK,
           "desiredCount: 4, deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: "
           "100}");
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2",
           "{name: a, host: a, state: DRAINING}, {name: b, host: b}, "
           "{name: c, host: c}",
           TASK,
           "desiredCount: 4, deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: "
           "100}");
    for (int i = 0; i < 20; i++) {
        scene_run(&scene, 500);
        assert_true(fleet_running(&scene, "web", NULL) >= 2);
        assert_true(fleet_running(&scene, "web", NULL) <= 4);
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 0);
    assert_int_equal(fleet_running(&scene, "web", NULL), 4);
    scene_close(&scene);
}

/* Each instance can hold one task only: more may run, but none finds a place. */
static void what_is_in_the_way_makes_room(void **unused)
{
    (void)unused;
    static const char service[] =
        "desiredCount: 3, placementConstraints: [{type: distinctInstance}], "
        "deploymentConfiguration: {minimumHealthyPercent: 50}";
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, service);
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", THREE, BLUE, service);
    for (int i = 0; i < 40; i++) {
        scene_run(&scene, 500);
        assert_true(fleet_running(&scene, "web", NULL) >= 2);
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    assert_spread(&scene, 1, 1, 1);

    /* Nothing goes for a task that would not fit without it either. */
    commit(&scene, "c3", THREE,
           "memory: 100000, containerDefinitions: [{name: main, image: 'example/web:1'}]", service);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    scene_close(&scene);
}

static void an_instance_that_is_not_listed_any_more_is_left(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2", "{name: a, host: a}, {name: c, host: c}", TASK, "desiredCount: 3");
    scene_run(&scene, 30 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "b"), 0);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_null(world_instance(scene.world, "b")->networks); /* nor is its network */
    scene_close(&scene);
}

static void a_lost_instance_is_waited_for_then_replaced_and_then_reconciled(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    fleet_lose(&scene, "b");
    scene_run(&scene, 55 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a") + fleet_running(&scene, "web", "c"), 2);
    scene_run(&scene, 10 * 1000); /* the planner wakes itself */
    assert_int_equal(fleet_running(&scene, "web", "a") + fleet_running(&scene, "web", "c"), 3);
    assert_int_equal(fleet_running(&scene, "web", "b"), 1); /* for all we know */
    fleet_return(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_no_twins(&scene);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    scene_close(&scene);
}

/* What is unknown is not stopped, and holds no other one back. */
static void a_rollout_goes_on_beside_a_lost_instance(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    fleet_lose(&scene, "b");
    commit(&scene, "c2", THREE, BLUE, "desiredCount: 3");
    scene_run(&scene, 100 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    assert_int_equal(scene_running_of(&scene, "c1"), 1);
    fleet_return(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 0);
    assert_int_equal(scene_running_of(&scene, "c2"), 3);
    assert_int_equal(scene_primary(&scene, "e/web")->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

/* What was to stop there is no task of its service any more, and is not to be stopped twice. */
static void what_was_to_stop_on_a_lost_instance_does_not_count(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2",
           "{name: a, host: a}, {name: b, host: b, state: DRAINING}, "
           "{name: c, host: c}",
           TASK, "desiredCount: 3");
    while (scene_actions(&scene, ACTION_CONTAINER_STOP) == 0) {
        scene_step(&scene);
        scene.now_ms += 500;
        scene_plan(&scene);
    }
    fleet_lose(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a") + fleet_running(&scene, "web", "c"), 3);
    fleet_return(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_int_equal(fleet_running(&scene, "web", "b"), 0);
    scene_close(&scene);
}

/* Until all instances were seen nobody knows what runs. */
static void nothing_begins_before_all_instances_are_seen_or_given_up(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_lose(&scene, "b"); /* never reached */
    commit(&scene, "c1", "{name: a, host: a}, {name: b, host: b}", TASK, "desiredCount: 2");
    scene_run(&scene, 30 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 0);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        "instance b is not connected yet: what runs there is not known: no route "
                        "to host");
    scene_run(&scene, 40 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 2);
    scene_close(&scene);
}

static void a_removed_service_leaves_every_instance(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    fleet_lose(&scene, "b");
    scene_commit(&scene, "c2", fleet_cluster(&scene, THREE));
    scene.prune_allowed = true;
    scene_run(&scene, 100 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a") + fleet_running(&scene, "web", "c"), 0);
    assert_non_null(memory_service(scene.memory, "e/web")); /* b still has one */
    fleet_return(&scene, "b");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 0);
    assert_null(memory_service(scene.memory, "e/web"));
    scene_close(&scene);
}

static void a_built_image_is_brought_where_it_is_needed(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena,
                              "%s%s---\n{apiVersion: berth/v1, kind: Image, metadata: {name: web}, "
                              "spec: {build: {context: .}}}\n",
                              fleet_cluster(&scene, THREE),
                              fleet_service(&scene, "web",
                                            "memory: 100, containerDefinitions: [{name: main, "
                                            "image: web}]",
                                            "desiredCount: 2")));
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene.build_count, 1);
    assert_int_equal(scene.copy_count, 1); /* the third instance needs none */
    assert_int_equal(scene_primary(&scene, "e/web")->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

static void one_engine_under_two_names_is_used_once(void **unused)
{
    (void)unused;
    struct scene scene;
    struct world_change twin = { .kind = WORLD_INSTANCE };

    open_three(&scene);
    twin.instance = (struct instance_report){ .instance = "b",
                                              .engine_id = "ENGINE-a",
                                              .architecture = "x86_64",
                                              .cpu_units = 4096,
                                              .memory_mib = 8000 };
    (void)world_apply(scene.world, &twin);
    commit(&scene, "c1", "{name: a, host: a}, {name: b, host: b}", TASK,
           "desiredCount: 2, placementConstraints: [{type: distinctInstance}]");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "a"), 1);
    assert_int_equal(fleet_running(&scene, "web", "b"), 0);
    assert_string_equal(
        scene_wait(&scene, "e/web"),
        "service web was unable to place a task because no container instance met all of its "
        "requirements. The closest matching container-instance a runs a task of the service "
        "already, and its tasks are on distinct instances.");
    scene_close(&scene);
}

/* Its host is given up by a person: what was remembered there has ended, and is told. */
static void what_ran_on_an_instance_that_is_gone_has_ended(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_change gone = { .kind = WORLD_INSTANCE_GONE, .named = { .instance = "b" } };
    size_t alive = 0;
    const char *reason = "";

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    fleet_lose(&scene, "b");
    commit(&scene, "c2", "{name: a, host: a}, {name: c, host: c}", TASK, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    (void)world_apply(scene.world, &gone);
    scene_run(&scene, 20 * 1000);
    for (const struct memory_task *at = scene.memory->services->tasks; at != NULL; at = at->next) {
        alive += at->record.stopped_ms == 0;
        if (at->record.stopped_ms != 0 && text_equal(at->record.instance, "b"))
            reason = at->record.reason;
    }
    assert_int_equal(alive, 3);
    assert_string_equal(reason, "instance b is gone");
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    scene_close(&scene);
}

/* Its image went between its first container and this one: nothing is started anew, and it is
 * brought again. */
static void what_is_half_made_gets_its_images(void **unused)
{
    (void)unused;
    struct scene scene;
    struct world_change gone = { .kind = WORLD_IMAGE_GONE, .named = { .instance = "a" } };
    size_t pulls;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, "{name: a, host: a}"),
                              fleet_service(&scene, "web",
                                            "memory: 100, containerDefinitions: [{name: main, "
                                            "image: 'example/main:1'}, {name: side, image: "
                                            "'example/side:1', dependsOn: [{containerName: main, "
                                            "condition: START}]}]",
                                            "desiredCount: 1")));
    for (int i = 0; scene_actions(&scene, ACTION_CONTAINER_START) == 0; i++) {
        assert_true(i < 200);
        scene_step(&scene);
        scene.now_ms += 100;
        scene_plan(&scene);
    }
    pulls = scene.pull_count;
    gone.named.name = arena_text(
        &scene.arena, world_image(world_instance(scene.world, "a"), "example/side:1")->id);
    assert_true(world_apply(scene.world, &gone));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene.pull_count, pulls + 1);
    assert_string_equal(scene_wait(&scene, "e/web"), "");
    assert_int_equal(fleet_running(&scene, "web", "a"), 1);
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_spread_and_stay_so),
        cmocka_unit_test(a_draining_instance_is_left_and_nothing_is_missing),
        cmocka_unit_test(what_comes_for_the_balance_counts),
        cmocka_unit_test(what_is_to_come_back_is_prepared),
        cmocka_unit_test(draining_without_room_stops_first),
        cmocka_unit_test(what_is_in_the_way_makes_room),
        cmocka_unit_test(an_instance_that_is_not_listed_any_more_is_left),
        cmocka_unit_test(a_lost_instance_is_waited_for_then_replaced_and_then_reconciled),
        cmocka_unit_test(a_rollout_goes_on_beside_a_lost_instance),
        cmocka_unit_test(what_was_to_stop_on_a_lost_instance_does_not_count),
        cmocka_unit_test(nothing_begins_before_all_instances_are_seen_or_given_up),
        cmocka_unit_test(a_removed_service_leaves_every_instance),
        cmocka_unit_test(a_built_image_is_brought_where_it_is_needed),
        cmocka_unit_test(one_engine_under_two_names_is_used_once),
        cmocka_unit_test(what_ran_on_an_instance_that_is_gone_has_ended),
        cmocka_unit_test(what_is_half_made_gets_its_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
