/*
 * The count of a scaled service: where it begins, what moves it, and what it does to tasks.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "reconciler/plan/scaler.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define MINUTE_MS         (60 * 1000)
#define BETWEEN(min, max) "autoScaling: {minCapacity: " #min ", maxCapacity: " #max "}"

static void commit(struct scene *scene, const char *commit, const char *spec)
{
    scene_commit(scene, commit, scene_service(scene, "web", "blue", spec));
}

static const struct scaling *scaling_of(const struct scene *scene)
{
    return &memory_service(scene->memory, "c/web")->scaling;
}

/* As an evaluation states it. */
static void scale_to(struct scene *scene, uint32_t desired)
{
    struct scaling scaling = *scaling_of(scene);
    const struct fact fact = {
        .kind = FACT_SCALE, .cluster = "c", .service = "web", .durable = true, .scaling = &scaling
    };

    scaling.desired = desired;
    memory_apply(scene->memory, &fact);
    scene_run(scene, MINUTE_MS);
}

static void assert_runs(struct scene *scene, uint32_t count)
{
    assert_int_equal(scene_running(scene, "web"), count);
    assert_int_equal(scaling_of(scene)->desired, count);
}

static void it_begins_between_the_bounds(void **unused)
{
    static const struct {
        const char *spec;
        uint32_t count;
    } rows[] = { { "desiredCount: 3, " BETWEEN(2, 5), 3 },
                 { "desiredCount: 1, " BETWEEN(2, 5), 2 },
                 { "desiredCount: 9, " BETWEEN(2, 5), 5 },
                 { BETWEEN(4, 4), 4 } };
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        scene_open(&scene);
        commit(&scene, "c1", rows[i].spec);
        scene_run(&scene, MINUTE_MS);
        assert_runs(&scene, rows[i].count);
        scene_close(&scene);
    }
}

static void a_service_keeps_what_it_had(void **unused)
{
    struct scene scene;
    struct deployment before;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", "desiredCount: 4");
    scene_run(&scene, MINUTE_MS);
    before = *scene_primary(&scene, "c/web");
    commit(&scene, "c2", BETWEEN(2, 9)); /* desiredCount is 1 by default */
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 4);
    assert_string_equal(scene_primary(&scene, "c/web")->id, before.id); /* nothing rolls */
    commit(&scene, "c3", "desiredCount: 7, " BETWEEN(2, 9));
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 4);
    commit(&scene, "c4", "desiredCount: 2"); /* git's again */
    scene_run(&scene, MINUTE_MS);
    assert_int_equal(scene_running(&scene, "web"), 2);
    assert_false(scaling_of(&scene)->set);
    assert_string_equal(scene_primary(&scene, "c/web")->id, before.id);
    scene_close(&scene);
}

static void bounds_pull_the_count(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", BETWEEN(2, 9));
    scene_run(&scene, MINUTE_MS);
    scale_to(&scene, 6);
    assert_runs(&scene, 6);
    commit(&scene, "c2", BETWEEN(2, 4));
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 4);
    commit(&scene, "c3", BETWEEN(2, 9)); /* it does not come back */
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 4);
    commit(&scene, "c4", BETWEEN(5, 9));
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 5);
    scene_close(&scene);
}

static void without_memory_it_begins_with_what_runs(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", BETWEEN(2, 9));
    scene_run(&scene, MINUTE_MS);
    scale_to(&scene, 6);
    scene_forget(&scene);
    scene_plan(&scene);
    assert_int_equal(scene_actions(&scene, ACTION_CONTAINER_STOP), 0);
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 6);
    scene_close(&scene);
}

/* At 22:13:20 UTC. */
static void a_scheduled_action_comes_at_its_time(void **unused)
{
    const char *spec = "autoScaling: {minCapacity: 1, maxCapacity: 9, "
                       "scheduledActions: ["
                       "{name: more, schedule: 'at(2023-11-14T22:30:00)', minCapacity: 4}, "
                       "{name: less, schedule: 'cron(40 22 ? * * *)', minCapacity: 2, "
                       "maxCapacity: 3}, "
                       "{name: old, schedule: 'at(2023-11-14T22:00:00)', maxCapacity: 5}]}";
    struct scale_bounds bounds;
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", spec);
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 2); /* of yesterday's less */
    const struct auto_scaling *scaling =
        desired_service(scene.desired, "c/web")->goal->target->spec->auto_scaling;
    scale_bounds(scaling, scene.desired, scene.now_ms, &bounds);
    assert_int_equal(bounds.min, 2);
    assert_int_equal(bounds.max, 5); /* that came later */
    assert_true(bounds.next_ms == INT64_C(1700001000000));
    assert_true(scene.plan.wake_at_ms[0] <= bounds.next_ms);
    scene_run(&scene, 20 * MINUTE_MS);
    assert_runs(&scene, 4);
    scene_run(&scene, 10 * MINUTE_MS);
    assert_runs(&scene, 3);
    scale_bounds(scaling, scene.desired, scene.now_ms, &bounds);
    assert_string_equal(bounds.min_action, "less");
    scene_close(&scene);
}

static void what_rests_keeps_the_bounds_of_the_manifest(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1",
           "autoScaling: {minCapacity: 1, maxCapacity: 9, "
           "suspended: {scheduledScaling: true}, scheduledActions: ["
           "{name: a, schedule: 'at(2023-11-14T22:00:00)', minCapacity: 4}]}");
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 1);
    scene_close(&scene);
}

/* The later one of two bounds that cross moves the other. */
static void bounds_do_not_cross(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1",
           "autoScaling: {minCapacity: 1, maxCapacity: 3, scheduledActions: ["
           "{name: a, schedule: 'at(2023-11-14T22:00:00)', minCapacity: 4}]}");
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 4);
    commit(&scene, "c2",
           "autoScaling: {minCapacity: 3, maxCapacity: 3, scheduledActions: ["
           "{name: a, schedule: 'at(2023-11-14T22:00:00)', maxCapacity: 2}]}");
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 2);
    scene_close(&scene);
}

static void an_evaluation_knows_how_things_stand(void **unused)
{
    struct scale_input looked;
    struct plan_input input;
    struct scene scene;
    const char *why;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", "desiredCount: 3, " BETWEEN(2, 5));
    input = scene_input(&scene);
    assert_false(scale_look(&input, "c/web", &scene.arena, &looked, &why));
    assert_string_equal(why, "the service was not looked at yet");
    scene_plan(&scene);
    scene_step(&scene); /* the engine is claimed */
    input = scene_input(&scene);
    assert_true(scale_look(&input, "c/web", &scene.arena, &looked, &why));
    assert_true(looked.deploying);
    assert_int_equal(looked.running, 0);
    scene_run(&scene, MINUTE_MS);
    input = scene_input(&scene);
    assert_true(scale_look(&input, "c/web", &scene.arena, &looked, &why));
    assert_false(looked.deploying);
    assert_int_equal(looked.running, 3);
    assert_int_equal(looked.desired, 3);
    assert_int_equal(looked.min, 2);
    assert_int_equal(looked.max, 5);
    commit(&scene, "c2", "desiredCount: 3");
    input = scene_input(&scene);
    assert_false(scale_look(&input, "c/web", &scene.arena, &looked, &why));
    assert_null(why);
    scene_close(&scene);
}

static void assert_previews(struct scene *scene, const char *words)
{
    const struct plan_input input = scene_input(scene);
    const struct preview_base base = { .in_force = input.desired->generation };
    struct preview preview;
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    preview_compute(&input, &base, &scene->arena, &preview);
    preview_print_text(&preview, &text);
    if (strstr(buf_text(&text), words) == NULL)
        fail_msg("'%s' is not in:\n%s", words, buf_text(&text));
}

static void a_plan_says_whose_count_it_is(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_open(&scene);
    commit(&scene, "c1", "desiredCount: 3, " BETWEEN(2, 10));
    assert_previews(&scene, "desiredCount is the scaler's, between 2 and 10; now 3");
    scene_run(&scene, MINUTE_MS);
    scale_to(&scene, 5);
    commit(&scene, "c2", "desiredCount: 8, " BETWEEN(2, 10));
    assert_previews(&scene, "the scaler's, between 2 and 10; now 5");
    scene_run(&scene, MINUTE_MS);
    assert_runs(&scene, 5);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_between_the_bounds),
        cmocka_unit_test(a_service_keeps_what_it_had),
        cmocka_unit_test(bounds_pull_the_count),
        cmocka_unit_test(without_memory_it_begins_with_what_runs),
        cmocka_unit_test(a_scheduled_action_comes_at_its_time),
        cmocka_unit_test(what_rests_keeps_the_bounds_of_the_manifest),
        cmocka_unit_test(bounds_do_not_cross),
        cmocka_unit_test(an_evaluation_knows_how_things_stand),
        cmocka_unit_test(a_plan_says_whose_count_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
