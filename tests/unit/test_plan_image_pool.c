/*
 * An image that is built, on several instances: built once, then copied, or pushed and pulled.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/unit.h"

#define THREE "{name: a, host: a}, {name: b, host: b}, {name: c, host: c}"
#define APP   "berth/app:0123456789ab"
#define ON_A                                                                                       \
    "desiredCount: 1, placementConstraints: [{type: memberOf, expression: 'ec2InstanceId == a'}]"
#define FORMER "berth/app:f0"
#define PUSHED "registry.example/app"
#define PLENTY 4096, 8000

static const char *image(struct scene *scene, const char *more)
{
    return arena_printf(&scene->arena,
                        "---\n{apiVersion: berth/v1, kind: Image, metadata: {name: app}, spec: "
                        "{build: {context: a}%s}}\n",
                        more);
}

static const char *web(struct scene *scene, const char *color, const char *service)
{
    return fleet_service(
        scene, "web",
        arena_printf(&scene->arena,
                     "memory: 100, containerDefinitions: [{name: main, image: app, cpu: 128, "
                     "environment: {COLOR: %s}}]",
                     color),
        service);
}

static void open_three(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", PLENTY);
    fleet_instance(scene, "b", PLENTY);
    fleet_instance(scene, "c", PLENTY);
}

static void commit(struct scene *scene, const char *name, const char *more, const char *service)
{
    scene_commit(scene, name,
                 arena_printf(&scene->arena, "%s%s%s", fleet_cluster(scene, THREE),
                              image(scene, more), web(scene, name, service)));
}

/* The only one of that kind in the plan. */
static const struct action *the_action(const struct scene *scene, enum action_kind kind)
{
    const struct action *found = NULL;

    for (size_t i = 0; i < scene->plan.action_count; i++) {
        if (scene->plan.actions[i].kind != kind)
            continue;
        assert_null(found);
        found = &scene->plan.actions[i];
    }
    assert_non_null(found);
    return found;
}

/* Plans and obeys until there is an action of that kind. */
static void run_until(struct scene *scene, enum action_kind kind)
{
    for (int i = 0; scene_actions(scene, kind) == 0; i++) {
        assert_true(i < 200);
        scene_step(scene);
        scene->now_ms += 100;
        scene_plan(scene);
    }
}

static void have(struct scene *scene, const char *instance, const char *tag)
{
    scene->at = instance;
    scene_name_image(scene, scene_image_id(scene, tag), tag, /* digest= */ NULL);
}

static void report(struct scene *scene, const char *instance, const char *key,
                   enum effort_state state, const struct err *failure)
{
    const struct world_change change = { .kind = WORLD_EFFORT,
                                         .effort = { .instance = instance,
                                                     .key = key,
                                                     .state = state,
                                                     .at_ms = scene->now_ms,
                                                     .failure = failure } };
    (void)world_apply(scene->world, &change);
}

static void fails(struct scene *scene, const char *instance, const char *key, enum err_code code)
{
    struct err failure = { 0 };

    (void)err_set(&failure, code, "it does not");
    report(scene, instance, key, EFFORT_FAILED, &failure);
    scene->now_ms += 1;
}

/* ---- Without a registry ---- */

static void it_is_built_once_and_copied_to_the_others(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *builder;

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 6");
    run_until(&scene, ACTION_IMAGE_BUILD);
    builder = the_action(&scene, ACTION_IMAGE_BUILD)->instance;
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_COPY), 0);
    run_until(&scene, ACTION_IMAGE_COPY);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_COPY), 2); /* at once */
    for (size_t i = 0; i < scene.plan.action_count; i++) {
        if (scene.plan.actions[i].kind == ACTION_IMAGE_COPY)
            assert_string_equal(scene.plan.actions[i].giver, builder);
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene.build_count, 1);
    assert_int_equal(scene.copy_count, 2);
    assert_int_equal(scene.pull_count + scene.push_count, 0);
    assert_int_equal(fleet_running(&scene, "web", "a"), 2);
    assert_int_equal(fleet_running(&scene, "web", "b"), 2);
    assert_int_equal(fleet_running(&scene, "web", "c"), 2);
    scene_close(&scene);
}

static const struct plan_work *work_on(const struct scene *scene, enum action_kind kind,
                                       const char *instance)
{
    for (size_t i = 0; i < scene->plan.work_count; i++) {
        const struct plan_work *work = &scene->plan.works[i];

        if (text_equal(work->unit, "e/web") && work->kind == kind &&
            text_equal(work->instance, instance))
            return work;
    }
    return NULL;
}

/* While it is built all that need it wait for that, and say so. */
static void all_wait_for_the_one_that_builds(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_BUILD);
    report(&scene, "c", "build " APP, EFFORT_RUNNING, NULL); /* as another service may have it */
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_BUILD), 0);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_COPY), 0);
    assert_non_null(work_on(&scene, ACTION_IMAGE_BUILD, "c"));
    assert_null(work_on(&scene, ACTION_IMAGE_BUILD, "a"));
    assert_non_null(strstr(scene_wait(&scene, "e/web"), "building image " APP));
    scene_close(&scene);
}

/* What fails for what is in it fails anywhere: one goes on trying for all. */
static void a_build_that_fails_is_tried_again_by_the_same_one(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_BUILD);
    fails(&scene, "a", "build " APP, ERR_FAILED);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_BUILD), 0); /* it pauses */
    scene.now_ms += 1000;
    scene_plan(&scene);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "a");

    /* Not so what one engine has no room for. */
    fails(&scene, "a", "build " APP, ERR_CAPACITY);
    scene_plan(&scene);
    assert_string_not_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "a");
    scene_run(&scene, 30 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_int_equal(scene.build_count, 1);
    scene_close(&scene);
}

/* One that may is asked by all, also where those that are asked first may not. */
static void one_that_has_room_builds_for_those_that_have_none(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_BUILD);
    fails(&scene, "a", "build " APP, ERR_CAPACITY);
    fails(&scene, "b", "build " APP, ERR_CAPACITY);
    scene.now_ms += 20 * 1000; /* they might be tried again */
    scene_plan(&scene);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "c");

    /* Where all failed one of them goes on trying. */
    fails(&scene, "c", "build " APP, ERR_CAPACITY);
    scene.now_ms += 20 * 1000;
    scene_plan(&scene);
    (void)the_action(&scene, ACTION_IMAGE_BUILD);
    scene_close(&scene);
}

static void have_former(struct scene *scene, const char *instance)
{
    const char *const tags[] = { FORMER };
    const struct world_change former = { .kind = WORLD_IMAGE,
                                         .image = { .instance = instance,
                                                    .id = "sha256:f0",
                                                    .tags = tags,
                                                    .tag_count = 1,
                                                    .name = "app",
                                                    .owner = "me",
                                                    .key = "f0" } };
    (void)world_apply(scene->world, &former);
}

/* Elsewhere no layer of it would be the same as before. */
static void the_next_version_is_built_where_the_former_one_is(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    have_former(&scene, "c");
    have_former(&scene, "b");
    commit(&scene, "c1", "", ON_A);
    run_until(&scene, ACTION_IMAGE_BUILD);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "b");
    assert_non_null(strstr(scene_wait(&scene, "e/web"), "building image " APP " on b"));
    run_until(&scene, ACTION_IMAGE_COPY);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->instance, "a");
    scene_close(&scene);

    open_three(&scene);
    have_former(&scene, "b");
    have_former(&scene, "c");
    report(&scene, "c", "build " FORMER, EFFORT_DONE, NULL); /* the other one got it from there */
    commit(&scene, "c1", "", ON_A);
    run_until(&scene, ACTION_IMAGE_BUILD);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "c");
    scene_close(&scene);
}

static void another_gives_it_where_one_vanished(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    have(&scene, "a", APP);
    have(&scene, "b", APP);
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_COPY);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->giver, "a");
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->instance, "c");
    fleet_lose(&scene, "a");
    fails(&scene, "c", "copy " APP, ERR_UNREACHABLE);
    scene.now_ms += 2000;
    scene_plan(&scene);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->giver, "b");

    /* Nobody is left that has it. */
    fleet_lose(&scene, "b");
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_COPY), 0);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "c");
    scene_close(&scene);
}

/* Each giver has its turn, and in the end it is built. */
static void a_copy_that_is_refused_has_an_end(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    have(&scene, "a", APP);
    have(&scene, "b", APP);
    commit(&scene, "c1", "", "desiredCount: 3");
    for (int i = 0; i < 3; i++) {
        run_until(&scene, ACTION_IMAGE_COPY);
        assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->giver, i % 2 == 0 ? "a" : "b");
        fails(&scene, "c", "copy " APP, ERR_FAILED);
        scene_plan(&scene);
    }
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_COPY), 0);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, "c");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", "c"), 1);
    scene_close(&scene);
}

static void how_far_it_is_and_why_it_fails_is_said(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_change moves = { .kind = WORLD_EFFORT,
                                        .effort = { .instance = "c",
                                                    .key = "copy " APP,
                                                    .state = EFFORT_RUNNING,
                                                    .giver = "a",
                                                    .progress = "12 of 40 MiB read from a" } };

    open_three(&scene);
    have(&scene, "a", APP);
    commit(&scene, "c1", "",
           "desiredCount: 1, placementConstraints: [{type: memberOf, "
           "expression: 'ec2InstanceId == c'}]");
    run_until(&scene, ACTION_IMAGE_COPY);
    (void)world_apply(scene.world, &moves);
    scene_plan(&scene);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        "copying image " APP " to c: 12 of 40 MiB read from a");
    assert_string_equal(world_effort(world_instance(scene.world, "c"), "copy " APP)->giver, "a");
    fails(&scene, "c", "copy " APP, ERR_CAPACITY);
    scene_plan(&scene);
    assert_string_equal(scene_wait(&scene, "e/web"),
                        "CannotPullContainerError: " APP ": it does not");
    scene_close(&scene);
}

/* The local engine gives and gets like any other, and costs no network. */
static void the_local_engine_takes_part(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    have(&scene, "a", APP);
    have(&scene, "local", APP);
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_COPY);
    for (size_t i = 0; i < scene.plan.action_count; i++) {
        if (scene.plan.actions[i].kind == ACTION_IMAGE_COPY)
            assert_string_equal(scene.plan.actions[i].giver, "local");
    }
    scene_close(&scene);

    open_three(&scene);
    have(&scene, "b", APP);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena,
                              "%s%s---\n{apiVersion: berth/v1, kind: Task, metadata: {name: w}, "
                              "spec: {cpu: 256, memory: 512, containerDefinitions: [{name: main, "
                              "image: app}]}}\n---\n{apiVersion: berth/v1, kind: Service, "
                              "metadata: {name: w}, spec: {cluster: c, taskDefinition: w}}\n",
                              fleet_cluster(&scene, THREE), image(&scene, "")));
    run_until(&scene, ACTION_IMAGE_COPY);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->giver, "b");
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->instance, "local");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene_running(&scene, "w"), 1);
    assert_int_equal(scene.build_count, 0);
    scene_close(&scene);
}

static void connect_as(struct scene *scene, const char *name, const char *architecture)
{
    const struct world_change engine = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = name,
                                                       .engine_id = name,
                                                       .engine_version = "20.10.24",
                                                       .architecture = architecture,
                                                       .cpu_units = 4096,
                                                       .memory_mib = 8000,
                                                       .connected_ms = scene->now_ms } };
    (void)world_apply(scene->world, &engine);
}

/* An image runs where it was made for. */
static void each_architecture_has_its_own(void **unused)
{
    (void)unused;
    struct scene scene;

    open_three(&scene);
    connect_as(&scene, "b", "aarch64");
    connect_as(&scene, "c", "arm64"); /* as another engine calls it */
    commit(&scene, "c1", "", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_BUILD);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_BUILD), 2);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_int_equal(scene.build_count, 2);
    assert_int_equal(scene.copy_count, 1);
    scene_close(&scene);
}

static void what_is_being_given_stays(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *const tags[] = { "berth/old:0123456789ab" };
    const struct world_change old = { .kind = WORLD_IMAGE,
                                      .image = { .instance = "a",
                                                 .id = "sha256:01d",
                                                 .tags = tags,
                                                 .tag_count = 1,
                                                 .name = "old",
                                                 .owner = "me",
                                                 .key = "0123456789ab" } };
    struct world_change copy = { .kind = WORLD_EFFORT,
                                 .effort = { .instance = "b",
                                             .key = "copy berth/old:0123456789ab",
                                             .giver = "a",
                                             .state = EFFORT_RUNNING } };

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    (void)world_apply(scene.world, &old);
    scene.prune_allowed = true;
    (void)world_apply(scene.world, &copy);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_REMOVE), 0);
    copy.effort.giver = "c"; /* that one keeps it */
    (void)world_apply(scene.world, &copy);
    scene_plan(&scene);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_REMOVE)->image_id, "sha256:01d");
    scene_close(&scene);
}

/* ---- What a preview says ---- */

static void a_preview_says_that_one_builds_for_all(void **unused)
{
    (void)unused;
    AUTO(buf) text = { 0 };
    const struct preview_base base = { 0 };
    struct preview preview = { 0 };
    struct plan_input input;
    struct scene scene;

    open_three(&scene);
    commit(&scene, "c1", "", "desiredCount: 3");
    input = scene_input(&scene);
    preview_compute(&input, &base, &scene.arena, &preview);
    buf_init(&text, 64 * 1024);
    preview_print_text(&preview, &text);
    assert_non_null(
        strstr(buf_text(&text), "build image " APP " on one instance, for all that need it\n"));
    scene_close(&scene);
}

/* ---- Before anything stops ---- */

/* Tasks of the old image make room for those of a new one; nowhere is that waited for with less
 * than all of them. */
static void check_prepared(const char *deployment, uint32_t memory_mib)
{
    struct scene scene;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, memory_mib);
    fleet_instance(&scene, "b", 4096, memory_mib);
    fleet_instance(&scene, "c", 4096, memory_mib);
    fleet_instance(&scene, "d", 4096, memory_mib);
    for (unsigned version = 1; version <= 2; version++) {
        const char *service = arena_printf(&scene.arena, "desiredCount: 4, %s", deployment);

        scene_commit(
            &scene, arena_printf(&scene.arena, "c%u", version),
            arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, THREE ", {name: d, host: d}"),
                         fleet_service(&scene, "web",
                                       arena_printf(&scene.arena,
                                                    "memory: 100, containerDefinitions: [{name: "
                                                    "main, image: 'example/web:%u', cpu: 128}]",
                                                    version),
                                       service)));
        for (int i = 0; i < 300; i++) {
            scene_plan(&scene);
            if (version == 2 && scene_actions(&scene, ACTION_IMAGE_PULL) > 0)
                assert_int_equal(fleet_running(&scene, "web", NULL), 4);
            scene_step(&scene);
            scene.now_ms += 100;
        }
        assert_int_equal(fleet_running(&scene, "web", NULL), 4);
    }
    assert_int_equal(scene_running_of(&scene, "c2"), 4);
    scene_close(&scene);
}

static void images_are_there_before_anything_stops(void **unused)
{
    (void)unused;
    static const char *const deployments[] = {
        "deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: 100}",
        "deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}",
        "deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: 125}",
        "deploymentConfiguration: {minimumHealthyPercent: 100, maximumPercent: 200}",
        "placementStrategy: [{type: binpack, field: memory}], deploymentConfiguration: "
        "{minimumHealthyPercent: 0, maximumPercent: 100}",
        "placementStrategy: [{type: random}], deploymentConfiguration: {minimumHealthyPercent: 50, "
        "maximumPercent: 100}",
    };

    for (size_t i = 0; i < ARRAY_COUNT(deployments); i++) {
        check_prepared(deployments[i], 8000);
        check_prepared(deployments[i], 250); /* two of the old, or one of each */
    }
}

/* ---- With one ---- */

static void it_is_pushed_once_and_pulled_by_digest(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *builder;

    open_three(&scene);
    scene.pull_failure =
        (struct scene_failure){ .code = ERR_NOT_FOUND, .text = "manifest unknown" };
    commit(&scene, "c1", ", repository: '" PUSHED "'", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_PULL);
    builder = the_action(&scene, ACTION_IMAGE_PULL)->instance; /* it asks for all */
    run_until(&scene, ACTION_IMAGE_BUILD);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_BUILD)->instance, builder);
    run_until(&scene, ACTION_IMAGE_PUSH);
    run_until(&scene, ACTION_IMAGE_PULL);
    assert_int_equal(scene_actions(&scene, ACTION_IMAGE_PULL), 2);
    for (size_t i = 0; i < scene.plan.action_count; i++) {
        if (scene.plan.actions[i].kind == ACTION_IMAGE_PULL)
            assert_true(text_starts(scene.plan.actions[i].reference, PUSHED "@sha256:"));
    }
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_int_equal(scene.build_count, 1);
    assert_int_equal(scene.push_count, 1);
    assert_int_equal(scene.pull_count, 3);
    assert_int_equal(scene.copy_count, 0);
    assert_string_equal(scene_wait(&scene, "e/web"), "");

    /* What was pulled by its digest is known again, by a memory that was deleted too. */
    scene_forget(&scene);
    commit(&scene, "c1", ", repository: '" PUSHED "'", "desiredCount: 3");
    scene_run(&scene, 20 * 1000);
    assert_int_equal(scene.build_count + scene.push_count, 2);
    assert_int_equal(scene.pull_count, 3);
    scene_close(&scene);
}

/* A host without a way to the registry gets it all the same. */
static void what_cannot_be_pulled_is_copied(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *without = NULL;
    const char *digest;

    open_three(&scene);
    scene.pull_failure =
        (struct scene_failure){ .code = ERR_NOT_FOUND, .text = "manifest unknown" };
    commit(&scene, "c1", ", repository: '" PUSHED "'", "desiredCount: 3");
    run_until(&scene, ACTION_IMAGE_PUSH);
    run_until(&scene, ACTION_IMAGE_PULL);
    digest = arena_printf(&scene.arena, "pull %s@%s", PUSHED,
                          scene_image_id(&scene, PUSHED ":0123456789ab"));
    for (size_t i = 0; i < scene.plan.action_count; i++) {
        if (scene.plan.actions[i].kind == ACTION_IMAGE_PULL)
            without = scene.plan.actions[i].instance; /* the last of two */
    }
    for (int i = 0; i < 3; i++)
        fails(&scene, without, digest, ERR_FAILED);
    scene_plan(&scene);
    assert_string_not_equal(the_action(&scene, ACTION_IMAGE_PULL)->instance, without);
    assert_string_equal(the_action(&scene, ACTION_IMAGE_COPY)->instance, without);
    scene_run(&scene, 20 * 1000);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_int_equal(scene.push_count, 1);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_built_once_and_copied_to_the_others),
        cmocka_unit_test(all_wait_for_the_one_that_builds),
        cmocka_unit_test(a_build_that_fails_is_tried_again_by_the_same_one),
        cmocka_unit_test(one_that_has_room_builds_for_those_that_have_none),
        cmocka_unit_test(the_next_version_is_built_where_the_former_one_is),
        cmocka_unit_test(another_gives_it_where_one_vanished),
        cmocka_unit_test(a_copy_that_is_refused_has_an_end),
        cmocka_unit_test(how_far_it_is_and_why_it_fails_is_said),
        cmocka_unit_test(the_local_engine_takes_part),
        cmocka_unit_test(each_architecture_has_its_own),
        cmocka_unit_test(what_is_being_given_stays),
        cmocka_unit_test(a_preview_says_that_one_builds_for_all),
        cmocka_unit_test(images_are_there_before_anything_stops),
        cmocka_unit_test(it_is_pushed_once_and_pulled_by_digest),
        cmocka_unit_test(what_cannot_be_pulled_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
