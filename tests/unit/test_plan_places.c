/*
 * A plan says on which instances tasks would start, and what would find no place, before anything
 * is done; and then it is so.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

#define THREE "{name: a, host: a}, {name: b, host: b}, {name: c, host: c}"
#define TASK(color)                                                                                \
    "memory: 100, containerDefinitions: [{name: main, image: 'example/web:1', cpu: 128, "          \
    "environment: {COLOR: " color "}}]"
#define LARGE  "memory: 5000, containerDefinitions: [{name: main, image: 'example/web:1'}]"
#define DAEMON "schedulingStrategy: DAEMON"

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

/* Of the only service. */
static const struct preview_service *ask(struct scene *scene, const struct desired *before,
                                         const char **out_text)
{
    const struct plan_input input = scene_input(scene);
    const struct preview_base base = { .before = before, .in_force = input.desired->generation };
    struct preview *preview = arena_new(&scene->arena, struct preview);
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    preview_compute(&input, &base, &scene->arena, preview);
    preview_print_text(preview, &text);
    if (out_text != NULL)
        *out_text = arena_text(&scene->arena, buf_text(&text));
    assert_int_equal(preview->count, 1);
    return &preview->services[0];
}

static uint32_t goes_to(const struct preview_service *service, const char *instance)
{
    for (size_t i = 0; i < service->place_count; i++) {
        if (text_equal(service->places[i].instance, instance))
            return service->places[i].tasks;
    }
    return 0;
}

/* What was foretold for each instance is what runs there of the commit. */
static void assert_foretold(const struct scene *scene, const struct preview_service *service,
                            const char *commit)
{
    static const char *const names[] = { "a", "b", "c" };
    const struct world_service *seen = world_service(scene->world, "e", "web");

    for (size_t n = 0; n < ARRAY_COUNT(names); n++) {
        uint32_t there = 0;

        for (size_t i = 0; i < seen->task_count; i++)
            there += text_equal(seen->tasks[i]->instance, names[n]) &&
                     text_equal(seen->tasks[i]->commit, commit);
        assert_int_equal(there, goes_to(service, names[n]));
    }
}

static void it_names_the_instances_and_keeps_its_word(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;
    const char *text;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), "desiredCount: 4");
    service = ask(&scene, NULL, &text);
    assert_int_equal(service->verdict, PREVIEW_CREATE);
    assert_null(service->wait);
    assert_int_equal(goes_to(service, "a") + goes_to(service, "b") + goes_to(service, "c"), 4);
    assert_non_null(strstr(text, "new tasks go "));
    scene_run(&scene, 20 * 1000);
    assert_foretold(&scene, service, "c1");

    commit(&scene, "c2", THREE, TASK("blue"), "desiredCount: 5");
    service = ask(&scene, NULL, NULL);
    assert_int_equal(service->verdict, PREVIEW_REPLACE);
    scene_run(&scene, 30 * 1000);
    assert_foretold(&scene, service, "c2");

    service = ask(&scene, NULL, &text);
    assert_string_equal(text, "No changes: what the commit declares is what runs.\n");
    assert_int_equal(service->place_count, 0);
    scene_close(&scene);
}

static void it_says_what_finds_no_place(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;
    const char *text;

    open_three(&scene);
    commit(&scene, "c1", THREE, LARGE, "desiredCount: 4");
    service = ask(&scene, NULL, &text);
    assert_string_equal(
        service->wait,
        "1 of 4 tasks would find no place: service web was unable to place a task because no "
        "container instance met all of its requirements. The closest matching container-instance "
        "a has insufficient memory available: the task needs 5000 MiB, 3000 of 8000 are left.");
    assert_non_null(strstr(text, "it would wait: 1 of 4 tasks would find no place"));
    assert_int_equal(goes_to(service, "a"), 1);
    commit(&scene, "c2", THREE, LARGE, "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    /* Beside the old ones there is no room for a new one: none is stopped before, unless it may. */
    commit(&scene, "c3", THREE, LARGE ", family: other", "desiredCount: 3");
    service = ask(&scene, NULL, NULL);
    assert_true(text_starts(service->wait, "0 of 3 new tasks fit now, the others wait as PENDING: "
                                           "service web was unable to place a task"));
    commit(&scene, "c4", THREE, LARGE ", family: other",
           "desiredCount: 3, deploymentConfiguration: {minimumHealthyPercent: 50}");
    service = ask(&scene, NULL, &text);
    assert_null(service->wait);
    assert_non_null(strstr(text, "0 of 3 new tasks fit now, for the others former ones are stopped "
                                 "first\n"));
    scene_close(&scene);
}

static void of_a_daemon_it_counts_the_instances(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;
    const char *text;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_instance(&scene, "b", 4096, 60);
    fleet_instance(&scene, "c", 4096, 8000);
    commit(&scene, "c1", THREE, TASK("red"), DAEMON);
    service = ask(&scene, NULL, &text);
    assert_non_null(strstr(text, "3 tasks of web are started, one on each instance\n"));
    assert_non_null(strstr(text, "new tasks go 1 to a, 1 to c\n"));
    assert_non_null(strstr(service->wait, "container-instance b has insufficient memory"));
    commit(&scene, "c2", "{name: a, host: a}, {name: c, host: c}", TASK("red"), DAEMON);
    scene_run(&scene, 20 * 1000);
    service = ask(&scene, NULL, &text);
    assert_string_equal(text, "No changes: what the commit declares is what runs.\n");
    commit(&scene, "c3", "{name: a, host: a}, {name: c, host: c}", TASK("blue"), DAEMON);
    service = ask(&scene, NULL, &text);
    assert_non_null(strstr(text, "2 tasks are replaced, old before new, 2 at a time: at least 0 "
                                 "stay healthy, so there is a moment without any\n"));
    assert_non_null(strstr(text, "new tasks go 1 to a, 1 to c\n"));
    assert_null(service->wait);
    scene_close(&scene);
}

static void what_leaves_an_instance_is_told(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;
    const char *text;

    open_three(&scene);
    commit(&scene, "c1", THREE, TASK("red"), "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    commit(&scene, "c2",
           "{name: a, host: a}, {name: b, host: b, state: DRAINING}, "
           "{name: c, host: c}",
           TASK("red"), "desiredCount: 3");
    service = ask(&scene, NULL, &text);
    assert_int_equal(service->verdict, PREVIEW_REPAIR);
    assert_non_null(strstr(text, "1 task leaves its instance, which is DRAINING\n"));
    assert_int_equal(goes_to(service, "a") + goes_to(service, "c"), 1);
    assert_int_equal(goes_to(service, "b"), 0);
    scene_close(&scene);
}

/* What runs on a host that was never reached is not known, and is not made up. */
static void what_is_not_known_is_not_told(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_lose(&scene, "b");
    commit(&scene, "c1", "{name: a, host: a}, {name: b, host: b}", TASK("red"), "desiredCount: 2");
    service = ask(&scene, NULL, NULL);
    assert_string_equal(service->wait, "instance b is not connected yet: what runs there is not "
                                       "known: no route to host");
    assert_int_equal(service->place_count, 0);
    scene_close(&scene);
}

/* An engine of another repository gets none, whichever of several it is. */
static void one_of_others_is_left_out(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct preview_service *service;
    struct world_change claim = { .kind = WORLD_VOLUME };

    open_three(&scene);
    claim.named = (struct named_report){
        .instance = "b", .name = "berth-me", .owner = "me", .root = "another root"
    };
    (void)world_apply(scene.world, &claim);
    commit(&scene, "c1", THREE, TASK("red"), "desiredCount: 4");
    service = ask(&scene, NULL, NULL);
    assert_int_equal(goes_to(service, "a"), 2);
    assert_int_equal(goes_to(service, "b"), 0);
    assert_int_equal(goes_to(service, "c"), 2);
    scene_close(&scene);
}

static void all_forms_name_them(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(buf) text = { 0 };
    struct preview preview;

    open_three(&scene);
    commit(&scene, "c1", THREE, LARGE,
           "desiredCount: 4, placementConstraints: [{type: memberOf, expression: 'ec2InstanceId in "
           "[a, b]'}]");
    const struct plan_input input = scene_input(&scene);
    const struct preview_base base = { .in_force = input.desired->generation };
    buf_init(&text, LIMIT_OUTPUT);
    preview_compute(&input, &base, &scene.arena, &preview);
    preview_print_text(&preview, &text);
    golden_check("tests/golden/preview/places.txt", buf_text(&text));
    buf_reset(&text);
    preview_print_markdown(&preview, "c1", "add web", &text);
    golden_check("tests/golden/preview/places.md", buf_text(&text));
    scene_close(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_names_the_instances_and_keeps_its_word),
        cmocka_unit_test(it_says_what_finds_no_place),
        cmocka_unit_test(of_a_daemon_it_counts_the_instances),
        cmocka_unit_test(what_leaves_an_instance_is_told),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(one_of_others_is_left_out),
        cmocka_unit_test(all_forms_name_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
