/*
 * Windows: hosts are taken out when one is open, by the clocks of its time zone.
 */
#include "reconciler/plan/window.h"
#include "tests/unit/unit.h"
#include "tests/unit/upkeep_scene.h"

/* It is a Tuesday, 22:13:20 UTC, and a minute later when the hosts are there. */
#define ELEVEN_PM "windows: [{scheduleExpression: 'cron(0 23 ? * TUE,FRI *)', duration: 60s}]"

static int64_t wake_of(const struct scene *scene, const char *instance)
{
    const struct plan_input input = scene_input(scene);
    const struct plan_unit unit = { DIRTY_INSTANCE, instance };
    AUTO(arena) arena = { 0 };
    struct plan plan;

    plan_compute(&input, &unit, 1, &arena, &plan);
    return plan.wake_at_ms[0];
}

static void nothing_begins_outside_of_the_window(void **unused)
{
    (void)unused;
    struct scene scene;
    const int64_t opens_ms = INT64_C(1700002800000); /* 2023-11-14 23:00 UTC */

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", " ELEVEN_PM,
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 60 * 1000);
    assert_string_equal(
        scene_wait(&scene, "a"),
        "maintenance: it waits for a window, which opens on Tue 2023-11-14 23:00 UTC");
    assert_true(scene.plan.waits[0].is_rest);
    assert_true(wake_of(&scene, "a") == opens_ms);
    assert_true(wake_of(&scene, "c") == opens_ms);
    scene.now_ms = opens_ms - 1000;
    upkeep_run(&scene, 1, 3, 0);
    assert_int_equal(upkeep_open_ones(&scene), 0);
    /* What has begun then is finished after it closed. */
    scene_step(&scene);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DRAINING);
    scene.now_ms = opens_ms + 60 * 1000;
    upkeep_run(&scene, 300, 3, 1);
    assert_string_equal(scene.runs, "a ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_string_equal(scene_wait(&scene, "a"), "");
    assert_string_equal(
        scene_wait(&scene, "b"),
        "maintenance: it waits for a window, which opens on Fri 2023-11-17 23:00 UTC");
    scene.now_ms = opens_ms + INT64_C(3) * 24 * 60 * 60 * 1000;
    upkeep_run(&scene, 59, 3, 1);
    assert_int_equal(upkeep_step(&scene, "b"), MAINTENANCE_DONE);
    upkeep_run(&scene, 300, 3, 1);
    assert_int_equal(upkeep_step(&scene, "c"), MAINTENANCE_DONE);
    scene_close(&scene);
}

static void one_that_is_out_goes_on_outside_of_the_window(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    scene.run_failure = (struct scene_failure){ ERR_FAILED, "exit code 1" };
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    upkeep_run(&scene, 100, 3, 1);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    scene.run_failure = (struct scene_failure){ 0 };
    upkeep_commit(&scene, "c3", THREE, "command: other, " ELEVEN_PM,
                  upkeep_web(&scene, "desiredCount: 3"));
    upkeep_run(&scene, 300, 3, 1);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_string_equal(scene.runs, "a a ");
    scene_close(&scene);
}

static int one_zone(void *context, const char *name, struct arena *arena, struct zone *out,
                    struct err *err)
{
    (void)context;
    (void)arena;
    *out = (struct zone){ .name = name, .has_rule = true };
    if (zone_parse_rule(name[0] == 'E' ? "CET-1CEST,M3.5.0,M10.5.0/3" : "", &out->rule))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "nobody knows it");
}

/* When a window opens and closes in the 400 days from then on: by the minute. */
static size_t minutes_open(const struct scene *scene, const struct cluster_maintenance *maintenance,
                           int64_t from_ms, int64_t to_ms)
{
    size_t minutes = 0;

    for (int64_t at = from_ms; at < to_ms; at += 60 * 1000) {
        struct window_look look;

        window_look(maintenance, scene->desired, at, &look);
        minutes += look.is_open;
        assert_true(look.opens_ms > at);
    }
    return minutes;
}

static void windows_open_by_the_clocks_of_their_zone(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(diag_list) diags = { 0 };
    const struct cluster_maintenance *maintenance;
    const int64_t hour_ms = 60 * 60 * 1000;
    const int64_t march_ms = INT64_C(1711839600000);   /* 2024-03-31 00:00 in Berlin */
    const int64_t october_ms = INT64_C(1729980000000); /* 2024-10-27 00:00 there */
    struct window_look look;
    AUTO(arena) arena = { 0 };

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE,
                  UPGRADE ", windows: [{scheduleExpression: 'cron(30 2 ? * SUN *)', duration: 2h, "
                          "timezone: Europe/Berlin}]",
                  upkeep_web(&scene, "desiredCount: 3"));
    assert_int_equal(desired_read_zones(scene.desired, one_zone, NULL, &diags), 0);
    maintenance =
        resource_cluster(generation_find(scene.generation, KIND_CLUSTER, "e"))->maintenance;
    /* Always two hours, also when clocks are turned meanwhile, leave 2:30 out or show it twice. */
    assert_int_equal(minutes_open(&scene, maintenance, march_ms, march_ms + 24 * hour_ms), 120);
    assert_int_equal(minutes_open(&scene, maintenance, october_ms, october_ms + 24 * hour_ms), 120);
    window_look(maintenance, scene.desired, march_ms, &look);
    assert_string_equal(window_opens_text(&look, &arena), "Sun 2024-03-31 03:00 Europe/Berlin");
    window_look(maintenance, scene.desired, october_ms, &look);
    assert_true(look.opens_ms == october_ms + 2 * hour_ms + hour_ms / 2);
    assert_string_equal(window_opens_text(&look, &arena), "Sun 2024-10-27 02:30 Europe/Berlin");
    window_look(maintenance, scene.desired, look.opens_ms, &look);
    assert_true(look.is_open);
    assert_string_equal(window_opens_text(&look, &arena), "Sun 2024-11-03 02:30 Europe/Berlin");
    scene_close(&scene);
}

static void several_windows_are_one(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct cluster_maintenance *maintenance;
    const int64_t monday_ms = INT64_C(1700438400000); /* 2023-11-20 */
    const int64_t day_ms = 24 * 60 * 60 * 1000;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE,
                  UPGRADE
                  ", windows: [{scheduleExpression: 'cron(0 23 ? * MON-FRI *)', duration: 2h}, "
                  "{scheduleExpression: 'cron(0 0 ? * SAT *)', duration: 2d}]",
                  upkeep_web(&scene, "desiredCount: 3"));
    maintenance =
        resource_cluster(generation_find(scene.generation, KIND_CLUSTER, "e"))->maintenance;
    assert_int_equal(minutes_open(&scene, maintenance, monday_ms, monday_ms + 7 * day_ms),
                     4 * 120 + 60 +
                         2 * 1440); /* Friday's ends within Saturday, Sunday's is the last hour */
    scene_close(&scene);
}

static void a_window_may_never_open_again(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE,
                  UPGRADE ", windows: [{scheduleExpression: 'cron(0 3 30 2 ? *)', duration: 2h}]",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene_wait(&scene, "a"),
                        "maintenance: it waits for a window, and none opens any more");
    assert_true(wake_of(&scene, "a") == INT64_MAX);
    scene_close(&scene);
}

static void an_unknown_zone_is_a_mistake(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(diag_list) diags = { 0 };

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE,
                  UPGRADE
                  ", windows: [{scheduleExpression: 'cron(0 * * * ? *)', duration: 1h, timezone: "
                  "Moon/Copernicus}]",
                  upkeep_web(&scene, "desiredCount: 3"));
    assert_int_equal(desired_read_zones(scene.desired, one_zone, NULL, &diags), -1);
    assert_int_equal(diags.count, 1);
    assert_string_equal(diags.items[0].text, "cluster 'e': maintenance.windows[0].timezone: "
                                             "'Moon/Copernicus': nobody knows it");
    scene_run(&scene, 60 * 1000);
    assert_int_equal(upkeep_open_ones(&scene), 0);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_begins_outside_of_the_window),
        cmocka_unit_test(one_that_is_out_goes_on_outside_of_the_window),
        cmocka_unit_test(windows_open_by_the_clocks_of_their_zone),
        cmocka_unit_test(several_windows_are_one),
        cmocka_unit_test(a_window_may_never_open_again),
        cmocka_unit_test(an_unknown_zone_is_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
