/*
 * What git no longer declares (rule 9 of docs/explanation/rules.md): what is held, and how long.
 */
#include <string.h>

#include "spec/base/buf.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

/* A commit that declares the services of these letters. */
static void commit(struct scene *scene, const char *commit, const char *letters)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 64 * 1024);
    for (const char *at = letters; *at != '\0'; at++) {
        const char *name = arena_text_n(&scene->arena, at, 1);
        buf_text_add(&text, scene_service(scene, name, "red", "desiredCount: 1"));
    }
    scene_commit(scene, commit, buf_text(&text));
}

static void run_five(struct scene *scene)
{
    scene_open(scene);
    commit(scene, "c1", "vwxyz");
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene->container_count, 5);
}

static const struct memory_service *remembered(const struct scene *scene, const char *key)
{
    return memory_service(scene->memory, key);
}

static void a_removal_that_has_begun_is_not_held_again(void **unused)
{
    (void)unused;
    struct scene scene;

    run_five(&scene);
    commit(&scene, "c2", "xyz");
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_STOP), 2);
    assert_string_equal(remembered(&scene, "c/v")->removal, "c2");

    /* Before it is through, another commit removes too many: those are held, the others go on. */
    commit(&scene, "c3", "z");
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/v"));
    assert_null(remembered(&scene, "c/w"));
    assert_non_null(remembered(&scene, "c/x")->hold);
    assert_non_null(remembered(&scene, "c/y")->hold);
    assert_int_equal(scene_running(&scene, "x"), 1);
    assert_non_null(strstr(scene_wait(&scene, "c/x"), "2 of 3 services"));
    scene_close(&scene);
}

static void what_is_declared_again_is_judged_anew(void **unused)
{
    (void)unused;
    struct scene scene;

    run_five(&scene);
    commit(&scene, "c2", "wxyz");
    scene_plan(&scene);
    assert_non_null(remembered(&scene, "c/v")->removal);
    commit(&scene, "c3", "vwxyz");
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/v")->removal);
    assert_int_equal(scene_running(&scene, "v"), 1);
    commit(&scene, "c4", "z");
    scene_run(&scene, 60 * 1000);
    assert_non_null(remembered(&scene, "c/v")->hold);
    assert_int_equal(scene_running(&scene, "v"), 1);
    scene_close(&scene);
}

/* A commit adds what is on its way out, and removes the others: that makes it no safer. */
static void what_is_declared_again_saves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "wxyz");
    scene_run(&scene, 60 * 1000);
    commit(&scene, "c2", "xyz");
    scene_plan(&scene);
    assert_non_null(remembered(&scene, "c/w")->removal);
    commit(&scene, "c3", "wz");
    scene_run(&scene, 60 * 1000);
    assert_string_equal(remembered(&scene, "c/x")->hold, "the commit would remove 2 of 3 services");
    assert_string_equal(remembered(&scene, "c/y")->hold, "the commit would remove 2 of 3 services");
    assert_int_equal(scene_running(&scene, "w"), 1);
    assert_int_equal(scene_running(&scene, "x"), 1);
    scene_close(&scene);
}

static void what_is_suspended_is_judged_at_once(void **unused)
{
    (void)unused;
    struct scene scene;
    struct fact fact = { .kind = FACT_SUSPEND, .cluster = "c", .service = "x", .text = "looking" };

    scene_open(&scene);
    commit(&scene, "c1", "wxyz");
    scene_run(&scene, 60 * 1000);
    memory_apply(scene.memory, &fact);
    commit(&scene, "c2", "xyz");
    scene_plan(&scene);
    commit(&scene, "c3", "wz");
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene_wait(&scene, "c/x"), "its removal waits: suspended: looking");
    fact.text = "";
    memory_apply(scene.memory, &fact);
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene_wait(&scene, "c/x"),
                        "its removal is held: the commit would remove 2 of 3 services; 'berth "
                        "confirm' lets it go");
    assert_int_equal(scene_running(&scene, "x"), 1);
    scene_close(&scene);
}

static void what_is_confirmed_is_not_held_any_more(void **unused)
{
    (void)unused;
    struct scene scene;

    run_five(&scene);
    commit(&scene, "c2", "z");
    scene_run(&scene, 1000);
    assert_non_null(remembered(&scene, "c/v")->hold);
    scene.prune_allowed = true;
    scene_plan(&scene);
    assert_null(remembered(&scene, "c/v")->hold);
    assert_string_equal(remembered(&scene, "c/v")->removal, "c2");
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/v"));
    scene_close(&scene);
}

static void a_suspended_service_is_not_removed(void **unused)
{
    (void)unused;
    struct scene scene;
    struct fact fact = { .kind = FACT_SUSPEND, .cluster = "c", .service = "v", .text = "looking" };

    run_five(&scene);
    memory_apply(scene.memory, &fact);
    commit(&scene, "c2", "wxyz");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "v"), 1);
    assert_string_equal(scene_wait(&scene, "c/v"), "its removal waits: suspended: looking");
    fact.text = "";
    memory_apply(scene.memory, &fact);
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/v"));
    scene_close(&scene);
}

/* The removal of "v" has begun; that its task was to stop was lost with the process. */
static bool forgets(const struct plan *plan)
{
    for (size_t i = 0; i < plan->fact_count; i++) {
        if (plan->facts[i].kind == FACT_FORGET)
            return true;
    }
    return false;
}

/* How long it may take to stop is remembered until its tasks have come and gone. */
static void what_is_being_created_is_not_forgotten(void **unused)
{
    (void)unused;
    static const struct plan_unit unit = { DIRTY_SERVICE, "c/u" };
    struct scene scene;
    struct plan_input input;
    struct plan plan;

    run_five(&scene);
    commit(&scene, "c2", "uvwxyz");
    scene_plan(&scene);

    const struct plan_pending pending = { .unit = unit.key,
                                          .task = "0123456789abcdef0123456789abcdef",
                                          .instance = "local",
                                          .target = scene_primary(&scene, unit.key)->goal->target };
    commit(&scene, "c3", "vwxyz");
    for (size_t round = 0; round < 2; round++) { /* the removal is a fact of its own */
        input = scene_input(&scene);
        input.pending = &pending;
        input.pending_count = 1;
        plan_compute(&input, &unit, 1, &scene.arena, &plan);
        assert_false(forgets(&plan));
        for (size_t i = 0; i < plan.fact_count; i++)
            memory_apply(scene.memory, &plan.facts[i]);
    }
    input.pending_count = 0;
    plan_compute(&input, &unit, 1, &scene.arena, &plan);
    assert_true(forgets(&plan));
    scene_close(&scene);
}

static void begin_removal(struct scene *scene)
{
    run_five(scene);
    commit(scene, "c2", "wxyz");
    struct plan_input input = scene_input(scene);
    struct fact fact = { .kind = FACT_REMOVAL, .cluster = "c", .service = "v", .text = "c2" };
    fact.at_ms = input.now_ms;
    memory_apply(scene->memory, &fact);
}

static const struct task_record *record_of(const struct scene *scene, size_t container)
{
    return memory_task(scene->memory, scene->containers[container].task);
}

static void a_stop_that_was_forgotten_was_for_the_removal(void **unused)
{
    (void)unused;
    struct scene scene;

    begin_removal(&scene);
    scene.now_ms += 1000;
    scene_end_container(&scene, 0, 143);
    scene_run(&scene, 1000);
    assert_string_equal(record_of(&scene, 0)->reason,
                        "the service was removed from the repository");
    assert_int_equal(record_of(&scene, 0)->stop_code, STOP_SERVICE_SCHEDULER_INITIATED);
    assert_int_equal(record_of(&scene, 0)->exit_code, 143);
    assert_false(record_of(&scene, 0)->failed);
    scene_close(&scene);
}

static void what_had_ended_before_was_not_removed(void **unused)
{
    (void)unused;
    struct scene scene;

    run_five(&scene);
    scene_end_container(&scene, 0, 1);
    scene.now_ms += 1000;
    commit(&scene, "c2", "wxyz");
    scene_run(&scene, 1000);
    assert_non_null(strstr(record_of(&scene, 0)->reason, "Essential container in task exited"));
    assert_int_equal(record_of(&scene, 0)->stop_code, STOP_ESSENTIAL_CONTAINER_EXITED);
    scene_close(&scene);
}

/* What a commit adds does not make its removals safer. */
static void a_rename_of_everything_is_held(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "ab");
    scene_run(&scene, 60 * 1000);
    commit(&scene, "c2", "xyz");
    scene_run(&scene, 60 * 1000);
    assert_string_equal(remembered(&scene, "c/a")->hold, "the commit would remove all 2 services");
    assert_int_equal(scene_running(&scene, "a"), 1);
    assert_int_equal(scene_running(&scene, "b"), 1);
    assert_int_equal(scene_running(&scene, "z"), 1);
    scene_close(&scene);
}

static void more_than_half_of_what_there_was_is_held(void **unused)
{
    (void)unused;
    struct scene scene;

    run_five(&scene);
    commit(&scene, "c2", "abcdefyz"); /* 3 of 5, and 8 in the end */
    scene_run(&scene, 60 * 1000);
    assert_string_equal(remembered(&scene, "c/v")->hold, "the commit would remove 3 of 5 services");
    /* Of the eleven there are now four are not declared: the new one among them may go. */
    commit(&scene, "c3", "abcdefy");
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/z"));
    assert_non_null(remembered(&scene, "c/v")->hold);
    scene_close(&scene);
}

/* An image of a manifest, as the engine reports it. */
static void built_image(struct scene *scene, const char *name, const char *id, int64_t created_ms)
{
    const char *key = arena_printf(&scene->arena, "%012x0000", (unsigned)created_ms);
    const char *tag = arena_printf(&scene->arena, "berth/%s:%.12s", name, key);
    const struct world_change change = { .kind = WORLD_IMAGE,
                                         .image = { .instance = "local",
                                                    .id = id,
                                                    .tags = &tag,
                                                    .tag_count = 1,
                                                    .name = name,
                                                    .owner = "me",
                                                    .key = key,
                                                    .created_ms = created_ms } };
    (void)world_apply(scene->world, &change);
}

static const char *image_manifest(struct scene *scene, const char *name, const char *more)
{
    return arena_printf(&scene->arena,
                        "---\n{apiVersion: berth/v1, kind: Image, metadata: {name: %s}, "
                        "spec: {source: 'example/%s:1', %s}}\n",
                        name, name, more);
}

static void images_are_held_with_the_services(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *service;

    scene_open(&scene);
    service = scene_service(&scene, "web", "red", "desiredCount: 1");
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", image_manifest(&scene, "tool", ""), service));
    scene_run(&scene, 60 * 1000);
    built_image(&scene, "tool", "sha256:1", 1);
    scene_commit(&scene, "c2", scene_service(&scene, "shop", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    assert_non_null(remembered(&scene, "c/web")->hold);
    assert_non_null(world_image(world_instance(scene.world, "local"), "sha256:1"));
    scene.prune_allowed = true;
    scene_run(&scene, 60 * 1000);
    assert_null(remembered(&scene, "c/web"));
    assert_null(world_image(world_instance(scene.world, "local"), "sha256:1"));
    scene_close(&scene);
}

static void former_images_are_retained(void **unused)
{
    (void)unused;
    static const char *const ids[] = { "sha256:1", "sha256:2", "sha256:3", "sha256:4" };
    struct scene scene;
    const struct world_instance *local;

    scene_open(&scene);
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        built_image(&scene, "tool", ids[i], (int64_t)i);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", image_manifest(&scene, "tool", "retain: 2"),
                              scene_service(&scene, "web", "red", "desiredCount: 1")));
    scene_run(&scene, 60 * 1000);
    local = world_instance(scene.world, "local");
    /* The newest is none of the former ones. */
    assert_null(world_image(local, ids[0]));
    assert_non_null(world_image(local, ids[1]));
    assert_non_null(world_image(local, ids[2]));
    assert_non_null(world_image(local, ids[3]));
    scene_close(&scene);
}

/* One of ours that somebody named goes without the name that Berth gave it. */
static void a_name_of_others_keeps_what_was_built(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_image *image;

    scene_open(&scene);
    scene_commit(&scene, "c1", scene_service(&scene, "web", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    built_image(&scene, "tool", "sha256:1", 1);
    built_image(&scene, "tool", "sha256:2", 2);
    scene_name_image(&scene, "sha256:1", "mine:1", NULL);
    scene_run(&scene, 60 * 1000);
    image = world_image(world_instance(scene.world, "local"), "sha256:1");
    assert_non_null(image);
    assert_int_equal(image->tag_count, 1);
    assert_string_equal(image->tags[0], "mine:1");
    assert_null(world_image(world_instance(scene.world, "local"), "sha256:2"));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene.plan.action_count, 0);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_removal_that_has_begun_is_not_held_again),
        cmocka_unit_test(what_is_declared_again_is_judged_anew),
        cmocka_unit_test(what_is_declared_again_saves_nothing),
        cmocka_unit_test(what_is_suspended_is_judged_at_once),
        cmocka_unit_test(what_is_confirmed_is_not_held_any_more),
        cmocka_unit_test(a_suspended_service_is_not_removed),
        cmocka_unit_test(what_is_being_created_is_not_forgotten),
        cmocka_unit_test(a_stop_that_was_forgotten_was_for_the_removal),
        cmocka_unit_test(what_had_ended_before_was_not_removed),
        cmocka_unit_test(a_rename_of_everything_is_held),
        cmocka_unit_test(more_than_half_of_what_there_was_is_held),
        cmocka_unit_test(images_are_held_with_the_services),
        cmocka_unit_test(former_images_are_retained),
        cmocka_unit_test(a_name_of_others_keeps_what_was_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
