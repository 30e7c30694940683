/*
 * Load balancers and the tasks behind them: health before traffic; out of the balancer, drained,
 * then told to stop (design rules 5 and 8, ecs.md 1.5 and 1.11).
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB      "c/web"
#define BALANCER "balancer:public"

static const char balancer[] = "---\n{apiVersion: berth/v1, kind: LoadBalancer, "
                               "metadata: {name: public}, spec: {listeners: [{port: 80}]}}\n";

/* Two tasks behind it; `port` and what else the entry says. */
static const char *web(struct scene *scene, const char *color, unsigned port, const char *more)
{
    return arena_printf(
        &scene->arena,
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, memory: "
        "512, containerDefinitions: [{name: main, image: 'a:1', environment: {COLOR: %s}, "
        "portMappings: [{containerPort: 80}, {containerPort: 81}]}]}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
        "taskDefinition: web, desiredCount: 2, loadBalancers: [{loadBalancer: public, "
        "containerName: main, containerPort: %u, deregistrationDelay: 20%s}]}}\n",
        color, port, more);
}

static void commit(struct scene *scene, const char *id, const char *color, unsigned port)
{
    scene_commit(scene, id,
                 arena_printf(&scene->arena, "%s%s", balancer, web(scene, color, port, "")));
}

static void set_targets(struct scene *scene, enum target_state from, enum target_state to)
{
    for (size_t i = 0; i < scene->target_count; i++) {
        if (scene->targets[i].state == from)
            scene->targets[i].state = to;
    }
    scene_tell_balancer(scene);
}

static size_t count_targets(const struct scene *scene, enum target_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < scene->target_count; i++)
        count += scene->targets[i].state == state;
    return count;
}

static void open_steady(struct scene *scene)
{
    scene_open(scene);
    commit(scene, "c1", "red", 80);
    scene_run(scene, 5 * 1000);
    assert_int_equal(scene_running(scene, "web"), 2);
    assert_int_equal(count_targets(scene, TARGET_HEALTHY), 2);
    assert_int_equal(scene_primary(scene, WEB)->state, ROLLOUT_COMPLETED);
}

/* It does not take 40 seconds, and not less than its target needs. */
static void health_before_traffic(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.new_targets = TARGET_INITIAL;
    commit(&scene, "c1", "red", 80);
    scene_run(&scene, 300 * 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_IN_PROGRESS);
    assert_string_equal(
        scene_wait(&scene, WEB),
        "0 of 2 tasks are healthy: load balancer public has not found it healthy yet");
    set_targets(&scene, TARGET_INITIAL, TARGET_HEALTHY);
    scene_run(&scene, 1000);
    assert_int_equal(scene_primary(&scene, WEB)->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

/* The old ones stay until the new ones get requests. */
static void a_rollout(void **unused)
{
    (void)unused;
    struct scene scene;

    open_steady(&scene);
    scene.new_targets = TARGET_INITIAL;
    scene.open = 1;
    commit(&scene, "c2", "blue", 80);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    assert_int_equal(scene_running_of(&scene, "c2"), 2);
    assert_int_equal(count_targets(&scene, TARGET_DRAINING), 0);
    set_targets(&scene, TARGET_INITIAL, TARGET_HEALTHY);
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2); /* what is open may finish */
    assert_int_equal(count_targets(&scene, TARGET_DRAINING), 2);
    for (size_t i = 0; i < scene.target_count; i++)
        scene.targets[i].connections = 0;
    scene_tell_balancer(&scene);
    scene_run(&scene, 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 0);
    assert_int_equal(scene.target_count, 2);
    scene_close(&scene);
}

/* Whoever does not finish within deregistrationDelay is not waited for. */
static void the_delay_ends(void **unused)
{
    (void)unused;
    struct scene scene;

    open_steady(&scene);
    scene.open = 1;
    commit(&scene, "c2", "blue", 80);
    scene_run(&scene, 15 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 2);
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running_of(&scene, "c1"), 0);
    assert_int_equal(scene.target_count, 2);
    scene_close(&scene);
}

/* Requests go to what runs, on whatever port that answers. */
static void another_port(void **unused)
{
    (void)unused;
    struct scene scene;
    size_t old = 0;

    open_steady(&scene);
    scene.new_targets = TARGET_INITIAL;
    commit(&scene, "c2", "red", 81);
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.target_count, 4);
    for (size_t i = 0; i < scene.target_count; i++) {
        assert_string_equal(scene.targets[i].group, "c:web:main:81");
        old += scene.targets[i].port == 80;
    }
    assert_int_equal(old, 2);
    scene_close(&scene);
}

static void an_unhealthy_target(void **unused)
{
    (void)unused;
    struct scene scene;
    size_t replaced = 0;

    open_steady(&scene);
    scene.targets[0].state = TARGET_UNHEALTHY;
    scene.targets[0].reason = "Health checks failed with these codes: [500]";
    scene_tell_balancer(&scene);
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_int_equal(count_targets(&scene, TARGET_HEALTHY), 2);
    for (const struct memory_task *at = memory_service(scene.memory, WEB)->tasks; at != NULL;
         at = at->next) {
        if (at->record.stopped_ms == 0)
            continue;
        replaced++;
        assert_true(at->record.failed);
        assert_string_equal(at->record.reason,
                            "Task failed ELB health checks in (target-group c:web:main:80): "
                            "Health checks failed with these codes: [500]");
    }
    assert_int_equal(replaced, 1);
    scene_close(&scene);
}

/* ecs.md 1.5, healthCheckGracePeriodSeconds. */
static void the_grace_period(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.new_targets = TARGET_UNHEALTHY;
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", balancer,
                              web(&scene, "red", 80,
                                  "}], healthCheckGracePeriodSeconds: 60, "
                                  "tags: [{key: a, value: b")));
    scene_run(&scene, 50 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_null(memory_service(scene.memory, WEB)->tasks->next->next); /* none was replaced */
    scene_run(&scene, 30 * 1000);
    assert_non_null(memory_service(scene.memory, WEB)->tasks->next->next);
    scene_close(&scene);
}

/* It is set up again, and nobody is replaced for it. */
static void a_balancer_that_ends(void **unused)
{
    (void)unused;
    struct scene scene;

    open_steady(&scene);
    scene_end_balancer(&scene);
    scene_step(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_STOP), 0);
    scene_run(&scene, 5 * 1000);
    assert_non_null(scene.shape);
    assert_int_equal(scene.target_count, 2);
    assert_null(memory_service(scene.memory, WEB)->tasks->next->next);
    scene_close(&scene);
}

/* With pauses; whoever waits for it says so, and what is to go does. */
static void a_balancer_that_fails(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.balancer_failure = "port 80 of 127.0.0.1 is in use";
    commit(&scene, "c1", "red", 80);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_string_equal(scene_wait(&scene, WEB),
                        "load balancer public cannot be set up: port 80 of "
                        "127.0.0.1 is in use");
    assert_string_equal(scene_wait(&scene, BALANCER),
                        "it failed and is tried again: port 80 of 127.0.0.1 is in use");
    assert_true(world_balancer(scene.world, "public")->failures <= 7);
    commit(&scene, "c2", "blue", 80);
    scene_run(&scene, 60 * 1000);
    scene.balancer_failure = NULL;
    scene_run(&scene, 120 * 1000);
    assert_int_equal(scene_running_of(&scene, "c2"), 2);
    assert_int_equal(scene.target_count, 2);
    assert_string_equal(scene_wait(&scene, BALANCER), "");
    scene_close(&scene);
}

/* A service that goes takes its tasks out first, and then its balancer ends. */
static void a_service_that_is_removed(void **unused)
{
    (void)unused;
    struct scene scene;

    open_steady(&scene);
    scene.open = 1;
    scene_commit(&scene, "c2", balancer);
    scene.prune_allowed = true;
    scene_run(&scene, 10 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_int_equal(count_targets(&scene, TARGET_DRAINING), 2);
    for (size_t i = 0; i < scene.target_count; i++)
        scene.targets[i].connections = 0;
    scene_tell_balancer(&scene);
    scene_run(&scene, 1000);
    assert_int_equal(scene_running(&scene, "web"), 0);
    assert_int_equal(scene.target_count, 0);
    scene_commit(&scene, "c3", "");
    scene_run(&scene, 1000);
    assert_null(scene.shape);
    scene_close(&scene);
}

/* A request may be on its way to a task as long as nobody knows what runs. */
static void nothing_is_known_yet(void **unused)
{
    (void)unused;
    struct scene scene;

    open_steady(&scene);
    scene.world->balancers_known = false;
    commit(&scene, "c2", "blue", 80);
    scene_end_balancer(&scene);
    scene_run(&scene, 1000);
    assert_null(scene.shape);
    assert_string_equal(scene_wait(&scene, BALANCER),
                        "it is being looked at which load balancers run");
    scene_close(&scene);
}

/* What members there are is not asked of an engine that was not looked at. */
static void an_engine_that_is_not_known_yet(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_change gone = { .kind = WORLD_INSTANCE_GONE,
                                       .named = { .instance = "local" } };

    open_steady(&scene);
    (void)world_apply(scene.world, &gone);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_BALANCER_APPLY), 0);
    assert_string_equal(scene_wait(&scene, BALANCER),
                        "it is not known yet what runs on the local engine");
    scene_close(&scene);
}

/* Whoever holds the engine under this owner's name has its load balancers, too. */
static void an_engine_of_others(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_change claim = { .kind = WORLD_VOLUME,
                                        .named = { .instance = "local",
                                                   .name = "berth-me",
                                                   .owner = "me",
                                                   .root = "another repository" } };

    open_steady(&scene);
    (void)world_apply(scene.world, &claim);
    commit(&scene, "c2", "blue", 80);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_BALANCER_APPLY), 0);
    scene_commit(&scene, "c3", "");
    scene.prune_allowed = true;
    scene_run(&scene, 60 * 1000);
    assert_non_null(scene.shape);
    scene_close(&scene);
}

/* What is under way may lead to a task that is to stop. */
static void it_is_being_set_up(void **unused)
{
    (void)unused;
    static const char *const names[] = { "public" };
    struct arena arena = { 0 };
    struct scene scene;
    struct plan_input input;
    struct plan_unit *units;
    struct plan plan;
    size_t count;
    size_t stops = 0;

    open_steady(&scene);
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s", balancer,
                              web(&scene, "red", 80,
                                  "}], minReadySeconds: 1, tags: [{key: a, "
                                  "value: b")));
    commit(&scene, "c3", "blue", 80);
    for (int i = 0; i < 50 && count_targets(&scene, TARGET_DRAINING) == 0; i++)
        scene_step(&scene);
    input = scene_input(&scene);
    input.setting_up = names;
    input.setting_up_count = 1;
    count = plan_units(&input, &arena, &units);
    plan_compute(&input, units, count, &arena, &plan);
    for (size_t i = 0; i < plan.action_count; i++)
        stops += plan.actions[i].kind == ACTION_CONTAINER_STOP;
    assert_int_equal(stops, 0);
    assert_true(scene_actions(&scene, ACTION_CONTAINER_STOP) > 0);
    arena_release(&arena);
    scene_close(&scene);
}

/* Nobody remembers what the tasks were made by, but one of them is seen to leave its balancer: it
 * does not count as healthy, and the other one stays until there is a new one. */
static void a_stranger_that_leaves(size_t leaving)
{
    struct scene scene;
    const char *staying;

    open_steady(&scene);
    scene.targets[leaving].state = TARGET_DRAINING;
    scene.targets[leaving].connections = 1;
    staying = scene.targets[1 - leaving].task;
    scene_tell_balancer(&scene);
    scene_forget(&scene);
    scene.new_targets = TARGET_INITIAL;
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s", balancer,
                              web(&scene, "blue", 80,
                                  "}], deploymentConfiguration: {minimumHealthyPercent: 50, "
                                  "maximumPercent: 100}, tags: [{key: a, value: b")));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(memory_task(scene.memory, staying)->stopping_ms, 0);
    scene_close(&scene);
}

static void a_stranger(void **unused)
{
    (void)unused;
    a_stranger_that_leaves(0);
    a_stranger_that_leaves(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_before_traffic),
        cmocka_unit_test(a_rollout),
        cmocka_unit_test(the_delay_ends),
        cmocka_unit_test(another_port),
        cmocka_unit_test(an_unhealthy_target),
        cmocka_unit_test(the_grace_period),
        cmocka_unit_test(a_balancer_that_ends),
        cmocka_unit_test(a_balancer_that_fails),
        cmocka_unit_test(a_service_that_is_removed),
        cmocka_unit_test(nothing_is_known_yet),
        cmocka_unit_test(an_engine_that_is_not_known_yet),
        cmocka_unit_test(an_engine_of_others),
        cmocka_unit_test(it_is_being_set_up),
        cmocka_unit_test(a_stranger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
