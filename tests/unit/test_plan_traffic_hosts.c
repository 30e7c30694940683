/*
 * A load balancer and tasks on hosts: they are reached at the address of the host, on the ports
 * that lead to them there, and stay targets while a host has not been heard of.
 */
#include "spec/base/text.h"
#include "spec/port.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

/* Two tasks; of the container, beside its image, and of the target. */
static void commit(struct scene *scene, const char *hosts, const char *container,
                   const char *target)
{
    const char *task =
        arena_printf(&scene->arena,
                     "cpu: 128, memory: 128, containerDefinitions: [{name: main, image: 'a:1', "
                     "portMappings: [{containerPort: 80}, {containerPort: 81}]}%s]",
                     container);
    const char *service =
        arena_printf(&scene->arena,
                     "desiredCount: 2, placementStrategy: [{type: spread, field: instanceId}], "
                     "loadBalancers: [{loadBalancer: public, containerName: main, "
                     "containerPort: 80, deregistrationDelay: 20%s}]",
                     target);

    scene_commit(scene, "c1",
                 arena_printf(&scene->arena,
                              "---\n{apiVersion: berth/v1, kind: LoadBalancer, metadata: {name: "
                              "public}, spec: {listeners: [{port: 80}]}}\n%s%s",
                              fleet_cluster(scene, hosts),
                              fleet_service(scene, "web", task, service)));
}

static void open_hosts(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
}

#define HOSTS "{name: a, host: 10.0.0.1}, {name: b, host: b.internal, address: 10.0.0.2}"

static const struct target_report *target_at(const struct scene *scene, const char *address)
{
    for (size_t i = 0; i < scene->target_count; i++)
        if (text_equal(scene->targets[i].address, address))
            return &scene->targets[i];
    fail_msg("no target at %s", address);
    return NULL;
}

/* As the engine of the host says; none where there is none. */
static uint32_t published(const struct scene *scene, const struct target_report *target)
{
    for (size_t i = 0; i < scene->container_count; i++) {
        const struct container_report *container = &scene->containers[i];
        const char *at = container->bindings;
        struct port_binding binding;

        while (text_equal(container->task, target->task) && port_binding_next(&at, &binding))
            if (binding.container == 80)
                return binding.host;
    }
    return 0;
}

static void address_and_port(void **unused)
{
    (void)unused;
    struct scene scene;

    open_hosts(&scene);
    commit(&scene, HOSTS, "", "");
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.target_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(scene.targets[i].port >= 32768);
        assert_int_equal(scene.targets[i].port, published(&scene, &scene.targets[i]));
        assert_int_equal(scene.targets[i].check_port, scene.targets[i].port);
    }
    (void)target_at(&scene, "10.0.0.1");
    (void)target_at(&scene, "10.0.0.2");
    assert_int_equal(fleet_running(&scene, "web", NULL), 2);
    assert_int_equal(scene_primary(&scene, "e/web")->state, ROLLOUT_COMPLETED);
    scene_close(&scene);
}

/* A port of the container is meant, where the health check says another one. */
static void another_port_for_checks(void **unused)
{
    (void)unused;
    struct scene scene;

    open_hosts(&scene);
    commit(&scene, HOSTS, "", ", healthCheck: {port: 81}");
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.target_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(scene.targets[i].check_port, scene.targets[i].port + 1);
    scene_close(&scene);
}

/* Where several containers make the task, one of ours has the ports of all. */
static void several_containers(void **unused)
{
    (void)unused;
    struct scene scene;

    open_hosts(&scene);
    commit(&scene, HOSTS, ", {name: side, image: 'a:2'}", "");
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.target_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(scene.targets[i].port >= 32768);
    scene_close(&scene);
}

/* Berth starts anew; what is on the host is told. */
static void hear(struct scene *scene, const char *host)
{
    fleet_instance(scene, host, 4096, 8000);
    for (size_t i = 0; i < scene->container_count; i++)
        if (text_equal(scene->containers[i].instance, host))
            scene_tell(scene, i);
}

static void a_host_that_is_not_heard_of(void **unused)
{
    (void)unused;
    struct scene scene;
    size_t count;

    open_hosts(&scene);
    commit(&scene, HOSTS, "", "");
    scene_run(&scene, 5 * 1000);
    count = scene.balancer_count;
    world_free(scene.world);
    scene.world = world_new(NULL, NULL);
    (void)world_apply(scene.world, &(struct world_change){ .kind = WORLD_BALANCERS_KNOWN });
    scene_tell_balancer(&scene);
    scene_run(&scene, 1000);
    assert_string_equal(scene_wait(&scene, "balancer:public"),
                        "it is not known yet what runs on the local engine");
    fleet_instance(&scene, "local", 8192, 65536);
    hear(&scene, "a");
    scene_run(&scene, 5 * 1000);
    assert_int_equal(scene.balancer_count, count);
    assert_int_equal(scene.target_count, 2);
    /* Nothing was there: now that is known. */
    fleet_instance(&scene, "b", 4096, 8000);
    scene_run(&scene, 1000);
    assert_true(scene.balancer_count > count);
    scene_close(&scene);
}

/* Git does not list it any more: until its task is replaced, requests find it where it was. */
static void a_host_that_leaves(void **unused)
{
    (void)unused;
    struct scene scene;

    open_hosts(&scene);
    commit(&scene, HOSTS, "", "");
    scene_run(&scene, 5 * 1000);
    scene.new_targets = TARGET_INITIAL;
    commit(&scene, "{name: a, host: 10.0.0.1}", "", "");
    scene_run(&scene, 5 * 1000);
    assert_int_equal(target_at(&scene, "10.0.0.2")->state, TARGET_HEALTHY);
    for (size_t i = 0; i < scene.target_count; i++)
        scene.targets[i].state = TARGET_HEALTHY;
    scene_tell_balancer(&scene);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene.target_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(scene.targets[i].address, "10.0.0.1");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_and_port),   cmocka_unit_test(another_port_for_checks),
        cmocka_unit_test(several_containers), cmocka_unit_test(a_host_that_is_not_heard_of),
        cmocka_unit_test(a_host_that_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
