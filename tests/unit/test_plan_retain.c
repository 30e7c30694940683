/*
 * Which images stay: of what pulls brought, the newest few of an Image; of what somebody else
 * brought, or named, all.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define ENGINE "ENGINE"

static const char *app(unsigned version, struct scene *scene)
{
    return arena_printf(&scene->arena, "example/app:%u", version);
}

/* The service "a" runs that version: of an Image with retain 1, or named in the task itself. */
static void deploy(struct scene *scene, unsigned version, bool direct)
{
    const char *reference = app(version, scene);
    const char *image =
        arena_printf(&scene->arena,
                     "---\napiVersion: berth/v1\nkind: Image\nmetadata: {name: app}\n"
                     "spec: {source: '%s', retain: 1}\n",
                     reference);

    scene_commit(scene, arena_printf(&scene->arena, "c%u", version),
                 arena_printf(&scene->arena,
                              "%s---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: a}\n"
                              "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                              "    - {name: main, image: '%s'}\n"
                              "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: a}\n"
                              "spec: {cluster: c, taskDefinition: a, minReadySeconds: 1}\n",
                              direct ? "" : image, direct ? reference : "app"));
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "a"), 1);
}

/* Of which nothing but the cluster is left, and that was confirmed. */
static void remove_all(struct scene *scene)
{
    scene_commit(scene, "gone", "");
    scene->prune_allowed = true;
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene_running(scene, "a"), 0);
}

static const struct world_image *image(struct scene *scene, unsigned version)
{
    return world_image(world_instance(scene->world, "local"),
                       scene_image_id(scene, app(version, scene)));
}

static bool is_ours(struct scene *scene, unsigned version)
{
    return memory_image(scene->memory, ENGINE, scene_image_id(scene, app(version, scene))) != NULL;
}

static void the_newest_that_were_pulled_are_kept(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    for (unsigned version = 1; version <= 4; version++)
        deploy(&scene, version, /* direct= */ false);
    assert_null(image(&scene, 1));
    assert_null(image(&scene, 2));
    assert_non_null(image(&scene, 3));
    assert_non_null(image(&scene, 4));
    assert_false(is_ours(&scene, 1));
    assert_true(is_ours(&scene, 3));

    /* What comes back is the newest. */
    deploy(&scene, 1, /* direct= */ false);
    assert_null(image(&scene, 3));
    assert_non_null(image(&scene, 4));
    assert_non_null(image(&scene, 1));
    scene_close(&scene);
}

static void a_moved_tag_leaves_its_image_behind(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *ids[4];

    scene_open(&scene);
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++) {
        scene.pulled_version = i;
        ids[i] = scene_image_id(&scene, app(1, &scene));
        scene_commit(&scene, arena_printf(&scene.arena, "c%u", i),
                     scene_service(&scene, "app", arena_printf(&scene.arena, "x%u", i), ""));
        scene_run(&scene, 60 * 1000);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++) /* named directly, ten would stay */
        assert_non_null(world_image(world_instance(scene.world, "local"), ids[i]));
    scene_commit(&scene, "gone", "");
    scene.prune_allowed = true;
    scene_run(&scene, 60 * 1000);
    for (unsigned i = 0; i < ARRAY_COUNT(ids); i++)
        assert_null(world_image(world_instance(scene.world, "local"), ids[i]));
    assert_null(scene.memory->images);
    scene_close(&scene);
}

static void what_was_there_before_stays(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene_name_image(&scene, scene_image_id(&scene, app(1, &scene)), app(1, &scene), NULL);
    scene_name_image(&scene, scene_image_id(&scene, app(2, &scene)), NULL, NULL);
    for (unsigned version = 1; version <= 5; version++)
        deploy(&scene, version, /* direct= */ false);
    assert_non_null(image(&scene, 1));
    assert_non_null(image(&scene, 2)); /* though it had no name, and got ours */
    assert_false(is_ours(&scene, 1));
    assert_false(is_ours(&scene, 2));
    assert_null(image(&scene, 3));
    remove_all(&scene);
    assert_non_null(image(&scene, 1));
    assert_non_null(image(&scene, 2));
    assert_null(image(&scene, 4));
    scene_close(&scene);
}

static void a_name_that_somebody_gave_keeps_it(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    deploy(&scene, 1, /* direct= */ false);
    scene_name_image(&scene, scene_image_id(&scene, app(1, &scene)), "mine:1", NULL);
    for (unsigned version = 2; version <= 4; version++)
        deploy(&scene, version, /* direct= */ false);
    assert_non_null(image(&scene, 1));
    assert_int_equal(image(&scene, 1)->tag_count, 1);
    assert_string_equal(image(&scene, 1)->tags[0], "mine:1");
    assert_false(is_ours(&scene, 1));
    assert_null(image(&scene, 2));
    assert_int_equal(scene.plan.action_count, 0); /* and nothing is tried again */
    scene_close(&scene);
}

static void one_image_under_two_names_goes_with_both(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.all_are_same = true;
    deploy(&scene, 1, /* direct= */ false);
    deploy(&scene, 2, /* direct= */ false);
    assert_int_equal(image(&scene, 1)->tag_count, 2);
    remove_all(&scene);
    assert_null(image(&scene, 1));
    assert_false(is_ours(&scene, 1));
    scene_close(&scene);
}

static void references_in_tasks_retain_as_images_do(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    for (unsigned version = 1; version <= 12; version++)
        deploy(&scene, version, /* direct= */ true);
    assert_null(image(&scene, 1));
    for (unsigned version = 2; version <= 12; version++)
        assert_non_null(image(&scene, version));
    remove_all(&scene);
    for (unsigned version = 2; version <= 12; version++)
        assert_null(image(&scene, version));
    scene_close(&scene);
}

static void what_is_gone_is_ours_no_more(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *id;

    scene_open(&scene);
    deploy(&scene, 1, /* direct= */ false);
    deploy(&scene, 2, /* direct= */ false);
    assert_true(is_ours(&scene, 1));
    id = scene_image_id(&scene, app(1, &scene));
    const struct world_change gone = { .kind = WORLD_IMAGE_GONE,
                                       .named = { .instance = "local", .name = id } };
    (void)world_apply(scene.world, &gone);
    scene_settle(&scene);
    assert_false(is_ours(&scene, 1));
    /* It comes back, but not by us: the pull that is remembered says nothing of it. */
    scene_name_image(&scene, id, app(1, &scene), NULL);
    remove_all(&scene);
    assert_false(is_ours(&scene, 1));
    assert_non_null(image(&scene, 1));
    assert_null(image(&scene, 2));
    scene_close(&scene);
}

/* The container of somebody else is in no listing of ours: only the engine knows. */
static void what_somebody_else_uses_is_not_asked_for_again_and_again(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.image_remove_failure =
        (struct scene_failure){ ERR_CONFLICT, "conflict: container 0123 is using it" };
    for (unsigned version = 1; version <= 3; version++)
        deploy(&scene, version, /* direct= */ false);
    scene_run(&scene, INT64_C(3) * 60 * 60 * 1000);
    assert_non_null(image(&scene, 1));
    assert_int_equal(scene.image_remove_count, 1);
    assert_int_equal(scene.plan.action_count, 0);
    assert_int_equal(scene.plan.wait_count, 0);

    scene.image_remove_failure = (struct scene_failure){ 0 };
    scene_run(&scene, INT64_C(4) * 60 * 60 * 1000);
    assert_null(image(&scene, 1));
    scene_close(&scene);
}

static void removals_that_are_held_hold_images(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    for (unsigned version = 1; version <= 3; version++)
        deploy(&scene, version, /* direct= */ true);
    scene_commit(&scene, "gone", "");
    scene_run(&scene, 60 * 1000);
    for (unsigned version = 1; version <= 3; version++)
        assert_non_null(image(&scene, version));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_that_were_pulled_are_kept),
        cmocka_unit_test(a_moved_tag_leaves_its_image_behind),
        cmocka_unit_test(what_was_there_before_stays),
        cmocka_unit_test(a_name_that_somebody_gave_keeps_it),
        cmocka_unit_test(one_image_under_two_names_goes_with_both),
        cmocka_unit_test(references_in_tasks_retain_as_images_do),
        cmocka_unit_test(what_is_gone_is_ours_no_more),
        cmocka_unit_test(what_somebody_else_uses_is_not_asked_for_again_and_again),
        cmocka_unit_test(removals_that_are_held_hold_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
