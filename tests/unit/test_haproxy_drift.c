/*
 * From what the servers of a worker are to what they are to be.
 */
#include <string.h>

#include "drivers/haproxy/drift.h"
#include "drivers/haproxy/render.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

#define GROUP "a:b:c:80"

static const struct target_health_check check = { .path = "/",
                                                  .interval = 30,
                                                  .timeout = 6,
                                                  .healthy_threshold = 5,
                                                  .unhealthy_threshold = 2,
                                                  .matcher = "200" };
static const struct service_target target = { .health_check = &check };

/* One member, or none, and the servers that there are. */
struct scene {
    struct arena arena;
    struct answer_server servers[2];
    struct answers answers;
    struct balancer_member member;
    struct balancer_group group;
    struct balancer balancer;
    struct drift drift;
};

static struct answer_server server(bool is_probe)
{
    return (struct answer_server){ .group = GROUP,
                                   .name = "t",
                                   .is_probe = is_probe,
                                   .address = "10.0.0.1",
                                   .port = 80,
                                   .check_port = 81,
                                   .is_up = true,
                                   .weight = is_probe ? 0 : RENDER_WEIGHT,
                                   .has_passed = true };
}

static void scene_init(struct scene *scene, size_t servers, size_t members)
{
    memset(scene, 0, sizeof(*scene));
    scene->servers[0] = server(false);
    scene->servers[1] = server(true);
    scene->answers.servers = scene->servers;
    scene->answers.server_count = servers;
    scene->member = (struct balancer_member){ "t", "10.0.0.1", 80, 81, false };
    scene->group.name = GROUP;
    scene->group.target = &target;
    scene->group.members = &scene->member;
    scene->group.member_count = members;
    scene->balancer.groups = &scene->group;
    scene->balancer.group_count = 1;
    scene->drift.arena = &scene->arena;
    scene->drift.current = &scene->answers;
    scene->drift.wanted = &scene->balancer;
}

/* Each on a line of its own, without the path of the server. */
static void check_said(struct scene *scene, const char *expected)
{
    AUTO(buf) said = { 0 };

    buf_init(&said, 65536);
    for (size_t i = 0; i < scene->drift.count; i++) {
        const char *command = scene->drift.commands[i];
        const char *path = strstr(command, GROUP "/");

        assert_non_null(path);
        buf_printf(&said, "%.*s%s\n", (int)(path - command), command, path + strlen(GROUP "/"));
    }
    assert_string_equal(buf_text(&said), expected);
    arena_release(&scene->arena);
}

#define PROBE                                                                                      \
    "add server t.first ipv4@10.0.0.1:80 weight 0 check port 81 inter 200ms rise 1 fall 1\n"       \
    "enable health t.first\nenable server t.first\n"
#define NO_PROBE "disable server t.first\ndel server t.first\n"

static void as_it_should_be(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 1, 1);
    drift_current(&scene.drift);
    assert_false(scene.drift.is_needed);
    check_said(&scene, "");
}

static void added(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 0, 1);
    drift_current(&scene.drift);
    assert_true(scene.drift.is_needed);
    check_said(&scene,
               "add server t ipv4@10.0.0.1:80 weight 0 check port 81 inter 30s rise 5 fall 2\n"
               "enable health t\nset server t state ready\nset server t health up\n" PROBE);

    scene_init(&scene, 0, 1);
    scene.member.drains = true;
    drift_current(&scene.drift);
    check_said(&scene,
               "add server t ipv4@10.0.0.1:80 weight 0 check port 81 inter 30s rise 5 fall 2\n"
               "enable health t\nset server t state drain\nset server t health up\n");
}

static void removed(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 2, 0);
    drift_current(&scene.drift);
    assert_true(scene.drift.is_needed);
    check_said(&scene, "disable server t\nshutdown sessions server t\ndel server t\n" NO_PROBE);

    /* Nothing goes there any more: that it is still there holds nobody up. */
    scene_init(&scene, 1, 0);
    scene.servers[0].is_in_maint = true;
    drift_current(&scene.drift);
    assert_false(scene.drift.is_needed);
    check_said(&scene, "del server t\n");

    /* It comes back, or is elsewhere now: the old one has to go first. */
    scene_init(&scene, 1, 1);
    scene.servers[0].is_in_maint = true;
    drift_current(&scene.drift);
    assert_true(scene.drift.is_needed);
    check_said(&scene, "del server t\n");
    scene_init(&scene, 1, 1);
    scene.member.address = "10.0.0.2";
    drift_current(&scene.drift);
    check_said(&scene, "disable server t\nshutdown sessions server t\ndel server t\n");
}

static void drained(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 2, 1);
    scene.member.drains = true;
    drift_current(&scene.drift);
    check_said(&scene, "set server t weight 0\nset server t state drain\n" NO_PROBE);
    scene_init(&scene, 1, 1);
    scene.servers[0].is_drained = true;
    scene.servers[0].weight = 0;
    drift_current(&scene.drift);
    check_said(&scene, "set server t state ready\nset server t weight 100\n");
}

static void first_checks(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 2, 1); /* neither has passed: all waits */
    scene.servers[0].weight = 0;
    scene.servers[0].has_passed = scene.servers[1].has_passed = false;
    drift_current(&scene.drift);
    assert_false(scene.drift.is_needed);
    check_said(&scene, "");
    assert_int_equal(drift_state(&scene.servers[0]), TARGET_INITIAL);

    scene_init(&scene, 2, 1); /* the probe has */
    scene.servers[0].weight = 0;
    scene.servers[0].has_passed = false;
    drift_current(&scene.drift);
    check_said(&scene, "set server t weight 100\n" NO_PROBE);

    scene_init(&scene, 2, 1); /* its own checks have failed */
    scene.servers[0].weight = 0;
    scene.servers[0].is_up = scene.servers[0].has_passed = false;
    scene.servers[1].has_passed = false;
    drift_current(&scene.drift);
    check_said(&scene, "set server t weight 100\n" NO_PROBE);
    assert_int_equal(drift_state(&scene.servers[0]), TARGET_UNHEALTHY);

    scene_init(&scene, 1, 1); /* without a wish: the same */
    scene.drift.wanted = NULL;
    scene.servers[0].weight = 0;
    scene.servers[0].has_passed = false;
    drift_current(&scene.drift);
    check_said(&scene, PROBE);
}

static bool yes(void *context, const char *group, const char *task)
{
    (void)context;
    (void)group;
    (void)task;
    return true;
}

static void fresh_workers(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, 1, 1); /* fell at its first check, before anything was said */
    scene.drift.is_fresh = true;
    scene.servers[0].is_up = false;
    drift_current(&scene.drift);
    check_said(&scene, "set server t health up\n");

    scene_init(&scene, 1, 1);
    scene.drift.is_fresh = true;
    scene.drift.was_unhealthy = yes;
    scene.servers[0].weight = 0;
    scene.servers[0].has_passed = false;
    drift_current(&scene.drift);
    check_said(&scene, "set server t health down\nset server t weight 100\n");
}

static void old_workers(void **state)
{
    struct answer_server old_server = server(false);
    struct answers old = { .servers = &old_server, .server_count = 1 };
    struct scene scene;

    (void)state;
    scene_init(&scene, 1, 1);
    drift_old(&scene.drift, &old, true);
    assert_false(scene.drift.is_needed);
    check_said(&scene, "");

    scene_init(&scene, 1, 1); /* what is unhealthy gets nothing there either */
    scene.servers[0].is_up = false;
    drift_old(&scene.drift, &old, true);
    check_said(&scene, "set server t weight 0\n");

    scene_init(&scene, 1, 1);
    scene.member.drains = true;
    drift_old(&scene.drift, &old, true);
    check_said(&scene, "set server t state drain\n");

    scene_init(&scene, 1, 0);
    drift_old(&scene.drift, &old, true);
    check_said(&scene, "disable server t\nshutdown sessions server t\n");

    scene_init(&scene, 1, 1);
    old.server_count = 0;
    drift_old(&scene.drift, &old, false);
    assert_int_equal(scene.drift.count, 0);
    drift_old(&scene.drift, &old, true);
    check_said(&scene, "add server t ipv4@10.0.0.1:80 weight 100\nenable server t\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_should_be), cmocka_unit_test(added),
        cmocka_unit_test(removed),         cmocka_unit_test(drained),
        cmocka_unit_test(first_checks),    cmocka_unit_test(fresh_workers),
        cmocka_unit_test(old_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
