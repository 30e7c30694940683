/*
 * Maintenance: hosts are worked on one after the other, services stay whole, the first failure
 * stops it, and nothing is run twice.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/unit.h"
#include "tests/unit/upkeep_scene.h"

static void one_host_after_the_other(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    assert_null(scene.runs);
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    scene_plan(&scene);
    upkeep_run(&scene, 300, 3, 1);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_int_equal(upkeep_step(&scene, "c"), MAINTENANCE_DONE);
    assert_string_equal(scene_wait(&scene, "a"), "");

    /* Nothing is run again, unless what is done is another thing. */
    upkeep_commit(&scene, "c3", THREE, UPGRADE ", drainTimeout: 60",
                  upkeep_web(&scene, "desiredCount: 2"));
    scene_plan(&scene);
    upkeep_run(&scene, 100, 2, 0);
    upkeep_commit(&scene, "c4", THREE, "command: 'apt-get dist-upgrade'",
                  upkeep_web(&scene, "desiredCount: 2"));
    scene_plan(&scene);
    upkeep_run(&scene, 300, 2, 1);
    assert_string_equal(scene.runs, "a b c a b c ");
    upkeep_commit(&scene, "c5", THREE, "command: 'apt-get dist-upgrade', rerun: 2026-09",
                  upkeep_web(&scene, "desiredCount: 2"));
    scene_plan(&scene);
    upkeep_run(&scene, 300, 2, 1);
    assert_string_equal(scene.runs, "a b c a b c a b c ");
    scene_close(&scene);
}

static void as_many_at_once_as_may_be_out(void **unused)
{
    (void)unused;
    struct scene scene;
    bool two = false;

    upkeep_open(&scene, "desiredCount: 2");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", maxUnavailable: 2",
                  upkeep_web(&scene, "desiredCount: 2"));
    for (int i = 0; i < 200; i++) {
        upkeep_run(&scene, 1, 2, 2);
        two |= upkeep_open_ones(&scene) == 2;
    }
    assert_true(two);
    assert_int_equal(strlen(scene.runs), strlen("a b c "));
    scene_close(&scene);
}

/* However many may be out: the tasks of those must be somewhere. */
static void of_several_one_stays(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", maxUnavailable: 9",
                  upkeep_web(&scene, "desiredCount: 3"));
    upkeep_run(&scene, 300, 3, 2);
    assert_int_equal(strlen(scene.runs), strlen("a b c "));
    scene_close(&scene);
}

/* It is what one does with it; the others would only fail in the same way. */
static void a_person_drains_the_one_that_failed(void **unused)
{
    (void)unused;
    static const char a_drained[] =
        "{name: a, host: a, state: DRAINING}, {name: b, host: b}, {name: c, host: c}";
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 2");
    scene.run_failure = (struct scene_failure){ ERR_FAILED, "exit code 1" };
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 100 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    upkeep_commit(&scene, "c3", a_drained, UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 100 * 1000);
    assert_string_equal(scene.runs, "a ");
    scene.run_failure.text = NULL;
    upkeep_commit(&scene, "c4", a_drained, UPGRADE ", rerun: again",
                  upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    scene_close(&scene);
}

static void the_first_failure_stops_it(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    scene.run_failure = (struct scene_failure){ ERR_FAILED, "exit code 1: no space left" };
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(upkeep_known(&scene, "a")->reason, "exit code 1: no space left");
    assert_null(upkeep_known(&scene, "b"));
    assert_int_equal(fleet_running(&scene, "web", "a"), 0);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    assert_string_equal(scene_wait(&scene, "b"), ""); /* what is not begun is nothing to wait for */

    /* The one that failed comes first, and a commit that says something else has it tried. */
    scene.run_failure.text = NULL;
    upkeep_commit(&scene, "c3", THREE, "command: 'make room; apt-get upgrade'",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 400 * 1000);
    assert_string_equal(scene.runs, "a a b c ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_int_not_equal(fleet_running(&scene, "web", "c"), 3);
    scene_close(&scene);
}

/* As `berth hosts resume` states it. */
static void resume(struct scene *scene, const char *instance, enum maintenance_step step)
{
    struct maintenance next = *upkeep_known(scene, instance);
    struct host_record record = { .instance = instance, .maintenance = &next };
    const struct fact fact = { .kind = FACT_HOST, .host = &record, .durable = true };

    next.step = step;
    next.attempt++;
    next.since_ms = scene->now_ms;
    memory_apply(scene->memory, &fact);
}

static void a_person_has_it_tried_again(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    scene.run_failure = (struct scene_failure){ ERR_FAILED, "exit code 1" };
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 200 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    scene.run_failure.text = NULL;
    resume(&scene, "a", MAINTENANCE_DRAINING);
    scene_run(&scene, 400 * 1000);
    assert_string_equal(scene.runs, "a a b c ");
    assert_int_equal(upkeep_open_ones(&scene), 0);
    scene_close(&scene);
}

static void what_cannot_leave_in_time_is_a_failure(void **unused)
{
    (void)unused;
    static const char spec[] = "desiredCount: 3, placementConstraints: [{type: distinctInstance}]";
    struct scene scene;

    upkeep_open(&scene, spec);
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", drainTimeout: 120", upkeep_web(&scene, spec));
    scene_run(&scene, 100 * 1000);
    assert_string_equal(scene_wait(&scene, "a"), "maintenance: 1 task is left, one of e/web");
    assert_string_equal(scene_wait(&scene, "b"),
                        "maintenance: it waits for instance a, which is being maintained");
    scene_run(&scene, 100 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(upkeep_known(&scene, "a")->reason,
                        "its tasks did not leave within 120 s: 1 task is left, one of e/web");
    assert_null(scene.runs);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    scene_close(&scene);
}

static void a_daemon_leaves_last_and_is_back_before_the_next(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *services;

    scene_open(&scene);
    services = arena_printf(&scene.arena, "%s%s", upkeep_web(&scene, "desiredCount: 3"),
                            fleet_service(&scene, "logs", TASK, "schedulingStrategy: DAEMON"));
    fleet_instance(&scene, "a", 4096, 8000);
    fleet_instance(&scene, "b", 4096, 8000);
    fleet_instance(&scene, "c", 4096, 8000);
    upkeep_commit(&scene, "c1", THREE, NULL, services);
    scene_run(&scene, 60 * 1000);
    upkeep_commit(&scene, "c2", THREE, UPGRADE, services);
    scene_plan(&scene);
    for (int i = 0; i < 300; i++) {
        upkeep_run(&scene, 1, 3, 1);
        assert_true(fleet_running(&scene, "logs", NULL) >= 2);
    }
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(fleet_running(&scene, "logs", NULL), 3);
    assert_int_equal(upkeep_open_ones(&scene), 0);
    scene_close(&scene);
}

#define MAY_STOP "deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}, "

static void open_hosts(struct scene *scene)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
    fleet_instance(scene, "c", 4096, 8000);
}

/* So many tasks of db run on one of three hosts, beside their data.  The manifests of db. */
static const char *open_beside_data(struct scene *scene, int count)
{
    const char *db;

    open_hosts(scene);
    db = fleet_service(scene, "db", VOLUME,
                       arena_printf(&scene->arena, MAY_STOP "desiredCount: %d", count));
    upkeep_commit(scene, "c1", THREE, NULL, db);
    scene_run(scene, 60 * 1000);
    assert_int_equal(fleet_running(scene, "db", NULL), (size_t)count);
    return db;
}

static void data_stays_and_its_task_comes_back(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *host = NULL;
    const char *db;

    db = open_beside_data(&scene, 1);
    for (const char *const *at = (const char *const[]){ "a", "b", "c", NULL }; *at != NULL; at++)
        host = fleet_running(&scene, "db", *at) == 1 ? *at : host;
    assert_non_null(host);
    upkeep_commit(&scene, "c2", THREE, UPGRADE, db);
    scene_plan(&scene);
    upkeep_run(&scene, 300, 0, 1);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(fleet_running(&scene, "db", host), 1);
    scene_close(&scene);
}

/* Two tasks beside their data: neither waits for the other one to leave, though what is remembered
 * of them is lost. */
static void data_of_tasks_taken_over_is_theirs(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *db;

    db = open_beside_data(&scene, 2);
    scene_forget(&scene);
    scene_run(&scene, 60 * 1000);
    upkeep_commit(&scene, "c2", THREE, UPGRADE, db);
    scene_plan(&scene);
    upkeep_run(&scene, 300, 0, 1);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(fleet_running(&scene, "db", NULL), 2);
    scene_close(&scene);
}

/* A service waits for another one, which waits for the host where its data is, which waits for the
 * tasks of the first: those leave, as far as they may. */
static void who_waits_for_data_on_the_host_leaves_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *db;
    const char *more;

    open_hosts(&scene);
    db = fleet_service(&scene, "db", VOLUME, MAY_STOP "desiredCount: 1");
    more = fleet_service(&scene, "web", VOLUME, "desiredCount: 3");
    upkeep_commit(&scene, "c1", /* instances= */
                  "{name: a, host: a}, {name: b, host: b, state: DRAINING}, "
                  "{name: c, host: c, state: DRAINING}",
                  NULL, arena_printf(&scene.arena, "%s%s", db, more));
    scene_run(&scene, 60 * 1000);
    upkeep_commit(&scene, "c2", THREE, UPGRADE, arena_printf(&scene.arena, "%s%s", db, more));
    scene_plan(&scene);
    upkeep_run(&scene, 100, 3, 1);
    assert_int_equal(upkeep_open_ones(&scene), 1); /* web keeps its host */

    /* More of db is wanted, and finds no place; the next revision of web needs no data. */
    db = fleet_service(&scene, "db", VOLUME, MAY_STOP "desiredCount: 2");
    more = fleet_service(&scene, "web",
                         "memory: 100, containerDefinitions: [{name: main, image: "
                         "'example/web:2', cpu: 128}]",
                         MAY_STOP "desiredCount: 3, dependsOn: [db]");
    upkeep_commit(&scene, "c3", THREE, UPGRADE, arena_printf(&scene.arena, "%s%s", db, more));
    scene_plan(&scene);
    upkeep_run(&scene, 300, 0, 1);
    assert_string_equal(scene.runs, "a b c ");
    assert_int_equal(fleet_running(&scene, "db", NULL), 2);
    assert_int_equal(fleet_running(&scene, "web", NULL), 3);
    scene_close(&scene);
}

static void data_of_a_service_that_may_not_stop_keeps_the_host(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *db;

    scene_open(&scene);
    db = fleet_service(&scene, "db", VOLUME, "desiredCount: 1");
    fleet_instance(&scene, "a", 4096, 8000);
    upkeep_commit(&scene, "c1", "{name: a, host: a}", NULL, db);
    scene_run(&scene, 60 * 1000);
    upkeep_commit(&scene, "c2", "{name: a, host: a}", UPGRADE ", drainTimeout: 60", db);
    scene_plan(&scene);
    for (int i = 0; i < 200; i++) {
        scene_step(&scene);
        scene.now_ms += 1000;
        assert_int_equal(fleet_running(&scene, "db", NULL), 1);
    }
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_null(scene.runs);
    scene_close(&scene);
}

static void nothing_begins_while_another_one_is_lost(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    fleet_lose(&scene, "c");
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 300 * 1000);
    assert_null(scene.runs);
    assert_string_equal(scene_wait(&scene, "a"),
                        "maintenance: it waits for instance c, which is not connected");
    fleet_return(&scene, "c");
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    scene_close(&scene);
}

static void what_became_of_it_is_not_known(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    while (scene_actions(&scene, ACTION_HOST_RUN) == 0) {
        scene_step(&scene);
        scene.now_ms += 1000;
    }
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_RUNNING);
    fleet_lose(&scene, "a"); /* as a new process finds it: connected anew, and nothing under way */
    fleet_return(&scene, "a");
    scene_run(&scene, 100 * 1000);
    assert_null(scene.runs);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(upkeep_known(&scene, "a")->reason,
                        "it is not known whether the command was run: "
                        "Berth or the connection ended");
    scene_close(&scene);
}

static void a_commit_ends_it(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    scene.run_hangs = true;
    upkeep_commit(&scene, "c2", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 100 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_RUNNING);
    assert_string_equal(scene_wait(&scene, "a"), "maintenance: the command runs");
    upkeep_commit(&scene, "c3", THREE, NULL, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 100 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_RUNNING); /* it is not cut short */
    scene.run_hangs = false;
    (void)world_apply(
        scene.world,
        &(struct world_change){ .kind = WORLD_EFFORT,
                                .effort = { .instance = "a",
                                            .key = arena_printf(&scene.arena, "maintain a/%s/0",
                                                                upkeep_known(&scene, "a")->round),
                                            .state = EFFORT_DONE,
                                            .at_ms = scene.now_ms } });
    scene_run(&scene, 200 * 1000);
    assert_null(upkeep_known(&scene, "a"));
    assert_string_equal(scene.runs, "a ");
    assert_int_equal(fleet_running(&scene, "web", "a"), 1); /* it joined anew */
    scene_close(&scene);
}

static void one_that_drains_by_hand_is_left_alone(void **unused)
{
    (void)unused;
    static const char drains[] =
        "{name: a, host: a, state: DRAINING}, {name: b, host: b}, {name: c, host: c}";
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 2");
    upkeep_commit(&scene, "c2", drains, UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "b c ");
    upkeep_commit(&scene, "c3", THREE, UPGRADE, upkeep_web(&scene, "desiredCount: 2"));
    scene_run(&scene, 100 * 1000);
    assert_string_equal(scene.runs, "b c a ");
    scene_close(&scene);
}

/* Until it was told to reboot. */
static void reboot_begins(struct scene *scene, const char *maintenance)
{
    upkeep_open(scene, "desiredCount: 3");
    scene->boot = "boot 1";
    upkeep_commit(scene, "c2", THREE, maintenance, upkeep_web(scene, "desiredCount: 3"));
    scene_run(scene, 100 * 1000);
}

/* It went away, and is there again. */
static void comes_back(struct scene *scene, const char *instance, const char *boot)
{
    fleet_lose(scene, instance);
    scene_run(scene, 30 * 1000);
    assert_int_equal(upkeep_step(scene, instance), MAINTENANCE_REBOOTING);
    assert_string_equal(scene_wait(scene, instance), "maintenance: it reboots");
    fleet_return(scene, instance);
    scene->boot = boot;
}

static void it_is_rebooted_and_tells_of_another_boot(void **unused)
{
    (void)unused;
    struct scene scene;

    reboot_begins(&scene, UPGRADE ", reboot: Always");
    assert_string_equal(scene.runs, "a a! ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_REBOOTING);
    assert_string_equal(upkeep_known(&scene, "a")->boot, "boot 1");
    assert_int_equal(fleet_running(&scene, "web", "a"), 0);
    comes_back(&scene, "a", "boot 2");
    scene_run(&scene, 100 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DONE);
    assert_string_equal(scene.runs, "a a! a? b b! ");
    scene_close(&scene);
}

static void a_connection_that_broke_is_no_reboot(void **unused)
{
    (void)unused;
    struct scene scene;

    reboot_begins(&scene, UPGRADE ", reboot: Always, returnTimeout: 300");
    comes_back(&scene, "a", "boot 1");
    scene_run(&scene, 60 * 1000);
    assert_string_equal(scene.runs, "a a! a? "); /* it was told to, and is waited for */
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_REBOOTING);
    scene_run(&scene, 300 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(upkeep_known(&scene, "a")->reason,
                        "it was not back from its reboot within 300 s");
    assert_string_equal(scene.runs, "a a! a? ");
    scene_close(&scene);
}

static void one_that_stays_away_is_a_failure(void **unused)
{
    (void)unused;
    struct scene scene;

    reboot_begins(&scene, UPGRADE ", reboot: Always, returnTimeout: 300");
    fleet_lose(&scene, "a");
    scene_run(&scene, 400 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(scene.runs, "a a! ");
    scene_close(&scene);
}

/* Its order was lost with the connection, or on its way: it is given again. */
static void it_is_told_again_to_reboot(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    scene.boot = "boot 1";
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", reboot: Always",
                  upkeep_web(&scene, "desiredCount: 3"));
    while (upkeep_step(&scene, "a") != MAINTENANCE_REBOOTING) {
        scene_step(&scene);
        scene.now_ms += 1000;
    }
    scene.run_failure = (struct scene_failure){ ERR_UNREACHABLE, "the connection ended" };
    scene_run(&scene, 1000);
    scene.run_failure.text = NULL;
    scene_run(&scene, 60 * 1000);
    assert_non_null(strstr(scene.runs, "a! a! "));
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_REBOOTING);
    scene_close(&scene);
}

/* Without the boot that it leaves nobody could tell when it is back. */
static void a_boot_that_is_not_told_is_a_failure(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", reboot: Always",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 100 * 1000);
    assert_string_equal(scene.runs, "a ");
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    scene_close(&scene);
}

/* It is about to go all the same. */
static void a_commit_that_ends_it_waits_for_the_reboot(void **unused)
{
    (void)unused;
    struct scene scene;

    reboot_begins(&scene, UPGRADE ", reboot: Always");
    upkeep_commit(&scene, "c3", THREE, NULL, upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 10 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_REBOOTING);
    fleet_lose(&scene, "a");
    scene_run(&scene, 30 * 1000);
    fleet_return(&scene, "a");
    scene_run(&scene, 10 * 1000);
    assert_null(upkeep_known(&scene, "a"));
    scene_close(&scene);
}

/* Nothing could go on while Berth was not there: that time is not the host's. */
static void a_pause_of_berth_makes_nobody_late(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", drainTimeout: 60",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_plan(&scene);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DRAINING);
    fleet_lose(&scene, "a");
    scene.now_ms += 60 * 60 * 1000;
    fleet_return(&scene, "a");
    scene_run(&scene, 300 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    scene_close(&scene);
}

/* Its host will not come back: that is told, the others are left alone, and go on without it. */
static void one_that_is_lost_for_good_is_a_failure(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", drainTimeout: 90",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_plan(&scene);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_DRAINING);
    fleet_lose(&scene, "a");
    scene_run(&scene, 85 * 1000);
    assert_string_equal(scene_wait(&scene, "a"), "maintenance: it does not answer");
    scene_run(&scene, 10 * 1000);
    assert_int_equal(upkeep_step(&scene, "a"), MAINTENANCE_FAILED);
    assert_string_equal(upkeep_known(&scene, "a")->reason,
                        "its tasks did not leave within 90 s: it does not answer");
    scene_run(&scene, 100 * 1000);
    assert_null(scene.runs);
    upkeep_commit(&scene, "c3", "{name: b, host: b}, {name: c, host: c}",
                  UPGRADE ", drainTimeout: 90", upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 300 * 1000);
    assert_null(upkeep_known(&scene, "a"));
    assert_string_equal(scene.runs, "b c ");
    scene_close(&scene);
}

/* Berth was away for long, and then a first connection does not come about: it has its time. */
static void a_first_connection_in_vain_is_no_failure(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct maintenance maintenance = { .step = MAINTENANCE_RETURNING,
                                             .round = "abc",
                                             .since_ms = 1000 };
    const struct host_record record = { .instance = "z", .maintenance = &maintenance };
    const struct fact fact = { .kind = FACT_HOST, .host = &record };

    upkeep_open(&scene, "desiredCount: 3");
    memory_apply(scene.memory, &fact);
    fleet_lose(&scene, "z");
    upkeep_commit(&scene, "c2", THREE ", {name: z, host: z}", UPGRADE ", returnTimeout: 90",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 85 * 1000);
    assert_int_equal(upkeep_step(&scene, "z"), MAINTENANCE_RETURNING);
    assert_string_equal(scene_wait(&scene, "z"), "maintenance: its engine does not answer yet");
    scene_run(&scene, 10 * 1000); /* that failed, and another one is asked */
    assert_int_equal(upkeep_step(&scene, "z"), MAINTENANCE_DRAINING);
    scene_close(&scene);
}

static void only_where_it_is_needed(void **unused)
{
    (void)unused;
    struct scene scene;

    reboot_begins(&scene, UPGRADE ", reboot: IfNeeded");
    scene_run(&scene, 200 * 1000);
    assert_string_equal(scene.runs, "a b c ");
    scene_close(&scene);

    upkeep_open(&scene, "desiredCount: 3");
    scene.boot = "boot 1";
    scene.needs_reboot = true;
    upkeep_commit(&scene, "c2", THREE, UPGRADE ", reboot: IfNeeded",
                  upkeep_web(&scene, "desiredCount: 3"));
    scene_run(&scene, 100 * 1000);
    assert_string_equal(scene.runs, "a a! ");
    scene_close(&scene);
}

static void packages_are_upgraded_by_a_script(void **unused)
{
    (void)unused;
    struct scene scene;

    upkeep_open(&scene, "desiredCount: 3");
    upkeep_commit(&scene, "c2", THREE, "upgradePackages: true",
                  upkeep_web(&scene, "desiredCount: 3"));
    while (scene_actions(&scene, ACTION_HOST_RUN) == 0) {
        scene_step(&scene);
        scene.now_ms += 1000;
    }
    for (size_t i = 0; i < scene.plan.action_count; i++) {
        if (scene.plan.actions[i].kind == ACTION_HOST_RUN)
            assert_non_null(strstr(scene.plan.actions[i].command, "--with-new-pkgs upgrade"));
    }
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_after_the_other),
        cmocka_unit_test(as_many_at_once_as_may_be_out),
        cmocka_unit_test(of_several_one_stays),
        cmocka_unit_test(a_person_drains_the_one_that_failed),
        cmocka_unit_test(the_first_failure_stops_it),
        cmocka_unit_test(a_person_has_it_tried_again),
        cmocka_unit_test(what_cannot_leave_in_time_is_a_failure),
        cmocka_unit_test(a_daemon_leaves_last_and_is_back_before_the_next),
        cmocka_unit_test(data_stays_and_its_task_comes_back),
        cmocka_unit_test(data_of_tasks_taken_over_is_theirs),
        cmocka_unit_test(who_waits_for_data_on_the_host_leaves_it),
        cmocka_unit_test(data_of_a_service_that_may_not_stop_keeps_the_host),
        cmocka_unit_test(nothing_begins_while_another_one_is_lost),
        cmocka_unit_test(what_became_of_it_is_not_known),
        cmocka_unit_test(a_commit_ends_it),
        cmocka_unit_test(one_that_drains_by_hand_is_left_alone),
        cmocka_unit_test(it_is_rebooted_and_tells_of_another_boot),
        cmocka_unit_test(a_connection_that_broke_is_no_reboot),
        cmocka_unit_test(one_that_stays_away_is_a_failure),
        cmocka_unit_test(it_is_told_again_to_reboot),
        cmocka_unit_test(a_boot_that_is_not_told_is_a_failure),
        cmocka_unit_test(a_commit_that_ends_it_waits_for_the_reboot),
        cmocka_unit_test(a_pause_of_berth_makes_nobody_late),
        cmocka_unit_test(one_that_is_lost_for_good_is_a_failure),
        cmocka_unit_test(a_first_connection_in_vain_is_no_failure),
        cmocka_unit_test(only_where_it_is_needed),
        cmocka_unit_test(packages_are_upgraded_by_a_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
