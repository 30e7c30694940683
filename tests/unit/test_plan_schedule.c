/*
 * Schedules: what is due is run once, and nothing that was not due.
 */
#include <string.h>

#include "reconciler/plan/schedule.h"
#include "spec/base/text.h"
#include "tests/unit/job_scene.h"
#include "tests/unit/unit.h"

#define MINUTE_MS    (60 * 1000)
#define HOUR_MS      (60 * MINUTE_MS)
/* A scene begins on Tue 2023-11-14 at 22:13:20 UTC. */
#define EVERY_MINUTE "scheduleExpression: rate(1 minute)"
#define AT_23        "scheduleExpression: cron(0 23 * * ? *)"
#define ELEVEN_PM_MS INT64_C(1700002800000)

static const char *manifests(struct scene *scene, const char *spec)
{
    return arena_printf(&scene->arena,
                        "%s---\napiVersion: berth/v1\nkind: Schedule\nmetadata: {name: s}\n"
                        "spec: {cluster: c, taskDefinition: t, %s}\n",
                        job_task(scene, "t", ""), spec);
}

static void open_schedule(struct scene *scene, const char *spec)
{
    scene_open(scene);
    scene_commit(scene, "c1", manifests(scene, spec));
    job_watch(scene, 1);
}

static const struct schedule_record *record_of(const struct scene *scene)
{
    return memory_schedule(scene->memory, "s");
}

static struct schedule_status status_of(const struct scene *scene)
{
    const struct plan_input input = scene_input(scene);
    struct schedule_status status;

    plan_schedule_status(&input, "s", &status);
    return status;
}

/* The last one that was made ends; false: it has. */
static void end_last(struct scene *scene, int exit_code)
{
    scene_end_container(scene, scene->container_count - 1, exit_code);
    job_watch(scene, 3000);
}

static void assert_result(const struct scene *scene, enum schedule_result result)
{
    assert_string_equal(schedule_result_text(record_of(scene)->result),
                        schedule_result_text(result));
}

/* ---- Due times ------------------------------------------------------------------------------- */

static void what_is_due_is_run(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t began_ms;

    open_schedule(&scene, EVERY_MINUTE);
    began_ms = record_of(&scene)->since_ms / 1000 * 1000;
    assert_true(status_of(&scene).next_ms == began_ms + MINUTE_MS);
    job_watch(&scene, MINUTE_MS - 2000);
    assert_int_equal(scene.container_count, 0);
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 1);
    assert_result(&scene, SCHEDULE_RUNNING);
    assert_true(record_of(&scene)->due_ms == began_ms + MINUTE_MS);
    assert_int_equal(status_of(&scene).live, 1);
    assert_string_equal(job_record(&scene, record_of(&scene)->run, 0)->started_by, "schedule/s");
    assert_true(job_record(&scene, record_of(&scene)->run, 0)->due_ms == began_ms + MINUTE_MS);
    end_last(&scene, 0);
    assert_result(&scene, SCHEDULE_SUCCEEDED);
    assert_int_equal(record_of(&scene)->exit_code, 0);
    job_watch(&scene, MINUTE_MS);
    assert_int_equal(scene.container_count, 2);
    assert_string_not_equal(scene.containers[0].task, scene.containers[1].task);
    scene_close(&scene);
}

static void the_next_due_time_wakes_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct plan_unit unit = { DIRTY_SCHEDULE, "schedule:s" };
    struct plan_input input;
    AUTO(arena) arena = { 0 };
    struct plan plan;

    open_schedule(&scene, AT_23);
    input = scene_input(&scene);
    plan_compute(&input, &unit, 1, &arena, &plan);
    assert_int_equal(plan.fact_count, 0);
    assert_true(plan.wake_at_ms[0] == ELEVEN_PM_MS);
    assert_string_equal(scene_wait(&scene, "schedule:s"), "it is due on Tue 2023-11-14 23:00 UTC");
    scene_close(&scene);
}

static void several_tasks_are_one_run(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE ", taskCount: 3");
    job_watch(&scene, MINUTE_MS + 5000);
    assert_int_equal(scene.container_count, 3);
    scene_end_container(&scene, 0, 0);
    scene_end_container(&scene, 1, 3);
    job_watch(&scene, 5000);
    assert_result(&scene, SCHEDULE_RUNNING);
    scene_end_container(&scene, 2, 0);
    job_watch(&scene, 5000);
    assert_result(&scene, SCHEDULE_FAILED);
    assert_int_equal(record_of(&scene)->exit_code, 3);
    scene_close(&scene);
}

static void overrides_are_its_runs(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct deployment *run;

    open_schedule(&scene, EVERY_MINUTE ", overrides: {containerOverrides: [{name: main, "
                                       "environment: {COLOR: blue}, command: [a, b]}]}");
    job_watch(&scene, MINUTE_MS + 5000);
    run = scene_primary(&scene, job_key(&scene, "c", "t", record_of(&scene)->run));
    assert_string_equal(run->goal->target->task->container_definitions[0].command[1], "b");
    assert_string_equal(run->goal->target->task->container_definitions[0].environment[0].value,
                        "blue");
    scene_close(&scene);
}

/* ---- At most once ---------------------------------------------------------------------------- */

static void a_clock_that_goes_back_runs_nothing_twice(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, "scheduleExpression: cron(* * * * ? *)");
    job_watch(&scene, 3 * MINUTE_MS);
    while (record_of(&scene)->result == SCHEDULE_RUNNING)
        end_last(&scene, 0);
    size_t before = scene.container_count;
    int64_t decided_ms = record_of(&scene)->decided_ms;

    scene.now_ms -= HOUR_MS;
    job_watch(&scene, HOUR_MS - 2 * MINUTE_MS);
    assert_int_equal(scene.container_count, before);
    assert_true(record_of(&scene)->decided_ms == decided_ms);
    assert_true(status_of(&scene).next_ms == decided_ms + MINUTE_MS);
    assert_non_null(strstr(scene_wait(&scene, "schedule:s"), "the clock was moved back"));
    job_watch(&scene, 4 * MINUTE_MS);
    assert_int_equal(scene.container_count, before + 1);
    /* Nor does a manifest that says it otherwise. */
    end_last(&scene, 0);
    scene.now_ms -= HOUR_MS;
    scene_commit(&scene, "c2", manifests(&scene, "scheduleExpression: cron(0/1 * * * ? *)"));
    job_watch(&scene, HOUR_MS / 2);
    assert_int_equal(scene.container_count, before + 1);
    scene_close(&scene);
}

static void what_was_decided_is_not_forgotten_by_a_new_process(void **unused)
{
    (void)unused;
    struct scene scene;
    struct memory *copy;

    open_schedule(&scene, AT_23);
    scene.now_ms = ELEVEN_PM_MS - 1000;
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 1);
    copy = memory_copy(scene.memory);
    memory_free(scene.memory);
    scene.memory = copy;
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    end_last(&scene, 0);
    assert_result(&scene, SCHEDULE_SUCCEEDED);
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    scene_close(&scene);
}

/* With the claim all that comes of it is stated, or nothing. */
static void the_claim_and_the_run_are_one_write(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct plan_unit unit = { DIRTY_SCHEDULE, "schedule:s" };
    struct plan_input input;
    AUTO(arena) arena = { 0 };
    struct plan plan;
    size_t kinds[FACT_KIND_COUNT] = { 0 };

    open_schedule(&scene, AT_23 ", taskCount: 2");
    scene.now_ms = ELEVEN_PM_MS;
    input = scene_input(&scene);
    plan_compute(&input, &unit, 1, &arena, &plan);
    for (size_t i = 0; i < plan.fact_count; i++) {
        kinds[plan.facts[i].kind]++;
        assert_true(plan.facts[i].durable);
    }
    assert_int_equal(plan.fact_count, 4);
    assert_int_equal(kinds[FACT_SCHEDULE], 1);
    assert_int_equal(kinds[FACT_DEPLOYMENT], 1);
    assert_int_equal(kinds[FACT_TASK], 2);
    scene_close(&scene);
}

/* ---- Missed runs ----------------------------------------------------------------------------- */

static void what_was_missed_is_made_up_for_once(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE);
    scene.now_ms += 5 * HOUR_MS + 1500;
    job_watch(&scene, 20 * 1000);
    assert_int_equal(scene.container_count, 1);
    assert_true(record_of(&scene)->due_ms > scene.now_ms - MINUTE_MS - 21000);
    scene_close(&scene);
}

static void what_is_too_old_is_not(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23 ", retryPolicy: {maximumEventAgeInSeconds: 3600}");
    scene.now_ms = ELEVEN_PM_MS + HOUR_MS + 1000;
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 0);
    assert_true(record_of(&scene)->missed_ms == ELEVEN_PM_MS);
    assert_non_null(strstr(record_of(&scene)->missed, "maximumEventAgeInSeconds"));
    scene.now_ms = ELEVEN_PM_MS + 24 * HOUR_MS + HOUR_MS - 1000;
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 1);
    scene_close(&scene);
}

static void missed_runs_may_be_skipped(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23 ", missedRuns: SKIP");
    scene.now_ms = ELEVEN_PM_MS + 2 * MINUTE_MS;
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 0);
    assert_true(record_of(&scene)->missed_ms == ELEVEN_PM_MS);
    /* A minute late is in time. */
    scene.now_ms = ELEVEN_PM_MS + 24 * HOUR_MS + MINUTE_MS;
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 1);
    scene_close(&scene);
}

static void suspend(struct scene *scene, const char *why)
{
    struct schedule_record record = *record_of(scene);
    const struct fact fact = { .kind = FACT_SCHEDULE, .durable = true, .schedule = &record };

    record.suspended = why;
    memory_apply(scene->memory, &fact);
}

static void what_is_suspended_waits(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23);
    suspend(&scene, "by a test");
    scene.now_ms = ELEVEN_PM_MS - 1000;
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 0);
    assert_string_equal(scene_wait(&scene, "schedule:s"), "suspended: by a test");
    assert_true(status_of(&scene).next_ms == INT64_MAX);
    suspend(&scene, NULL);
    job_watch(&scene, 5000);
    assert_int_equal(scene.container_count, 1);
    assert_true(record_of(&scene)->due_ms == ELEVEN_PM_MS);
    scene_close(&scene);
}

/* ---- Overlap --------------------------------------------------------------------------------- */

static void one_that_has_not_ended_is_not_joined(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE);
    job_watch(&scene, 10 * MINUTE_MS);
    assert_int_equal(scene.container_count, 1);
    assert_result(&scene, SCHEDULE_RUNNING);
    assert_true(record_of(&scene)->missed_ms > record_of(&scene)->due_ms);
    assert_non_null(strstr(record_of(&scene)->missed, "overlap is SKIP"));
    end_last(&scene, 0);
    job_watch(&scene, MINUTE_MS);
    assert_int_equal(scene.container_count, 2);
    scene_close(&scene);
}

static void they_may_run_side_by_side(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE ", overlap: ALLOW");
    job_watch(&scene, 3 * MINUTE_MS + 5000);
    assert_int_equal(scene.container_count, 3);
    assert_int_equal(status_of(&scene).live, 3);
    scene_close(&scene);
}

static void the_next_one_takes_the_place_of_the_former(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *first;

    open_schedule(&scene, EVERY_MINUTE ", overlap: REPLACE");
    job_watch(&scene, MINUTE_MS + 5000);
    first = arena_text(&scene.arena, record_of(&scene)->run);
    while (record_of(&scene)->tries > 0 && text_equal(record_of(&scene)->run, first)) {
        scene_plan(&scene);
        scene_step(&scene);
        scene.now_ms += 100;
    }
    assert_true(job_record(&scene, first, 0)->stopping_ms != 0);
    job_watch(&scene, 20 * 1000);
    assert_true(job_record(&scene, first, 0)->stopped_ms != 0);
    assert_int_equal(job_record(&scene, first, 0)->stop_code, STOP_SERVICE_SCHEDULER_INITIATED);
    assert_true(job_record(&scene, first, 0)->stopped_ms <=
                job_record(&scene, record_of(&scene)->run, 0)->claimed_ms);
    assert_int_equal(status_of(&scene).live, 1);
    assert_int_equal(scene.container_count, 2);
    scene_close(&scene);
}

/* ---- Retries --------------------------------------------------------------------------------- */

static void what_failed_is_tried_again_as_often_as_it_says(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t due_ms;

    open_schedule(&scene, AT_23 ", retryPolicy: {maximumRetryAttempts: 2}");
    scene.now_ms = ELEVEN_PM_MS;
    scene.exits_on_start = true;
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 3);
    assert_result(&scene, SCHEDULE_FAILED);
    assert_int_equal(record_of(&scene)->tries, 3);
    assert_int_equal(record_of(&scene)->exit_code, 1);
    due_ms = record_of(&scene)->due_ms;
    assert_true(due_ms == ELEVEN_PM_MS);
    assert_string_not_equal(scene.containers[0].task, scene.containers[1].task);
    scene_close(&scene);
}

static void what_failed_is_left_so_unless_it_says(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23);
    scene.now_ms = ELEVEN_PM_MS;
    scene.exits_on_start = true;
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    assert_result(&scene, SCHEDULE_FAILED);
    scene_close(&scene);
}

static void what_a_person_stopped_is_not_tried_again(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23 ", retryPolicy: {maximumRetryAttempts: 2}");
    scene.now_ms = ELEVEN_PM_MS;
    job_watch(&scene, 5000);
    job_stop(&scene, job_record(&scene, record_of(&scene)->run, 0));
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    assert_result(&scene, SCHEDULE_STOPPED);
    scene_close(&scene);
}

/* It may still run somewhere. */
static void what_is_not_known_to_have_ended_is_not_tried_again(void **unused)
{
    (void)unused;
    struct scene scene;
    struct task_record lost;
    const struct fact fact = { .kind = FACT_TASK, .task = &lost };

    open_schedule(&scene, AT_23 ", retryPolicy: {maximumRetryAttempts: 2}");
    scene.now_ms = ELEVEN_PM_MS;
    job_watch(&scene, 5000);
    lost = *job_record(&scene, record_of(&scene)->run, 0);
    lost.stop_code = STOP_NONE;
    lost.reason = "instance a does not answer: how the task ended is not known";
    lost.failed = true;
    lost.exit_code = -1;
    lost.stopping_ms = lost.stopped_ms = scene.now_ms;
    memory_apply(scene.memory, &fact);
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    assert_result(&scene, SCHEDULE_FAILED);
    scene_close(&scene);
}

static void a_newer_due_time_ends_the_tries(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE ", retryPolicy: {maximumRetryAttempts: 185}");
    scene.exits_on_start = true;
    job_watch(&scene, MINUTE_MS + 2000);
    while (record_of(&scene)->decided_ms < record_of(&scene)->since_ms + 3 * MINUTE_MS - 1000)
        job_watch(&scene, 5000);
    /* 1, 2, 4, 8, 16 and 32 seconds later, then the next one. */
    assert_true(record_of(&scene)->tries < 3);
    assert_in_range(scene.container_count, 2 * 5, 2 * 7 + 3);
    scene_close(&scene);
}

/* ---- Other manifests ------------------------------------------------------------------------- */

static void what_runs_goes_on_whatever_becomes_of_it(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, EVERY_MINUTE);
    job_watch(&scene, MINUTE_MS + 5000);
    scene_commit(&scene, "c2", manifests(&scene, EVERY_MINUTE ", state: DISABLED"));
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1);
    assert_int_equal(scene.containers[0].status, CONTAINER_RUNNING);
    end_last(&scene, 0);
    assert_result(&scene, SCHEDULE_SUCCEEDED); /* that is still seen, */
    job_watch(&scene, HOUR_MS);
    assert_int_equal(scene.container_count, 1); /* and nothing begins. */
    assert_true(status_of(&scene).next_ms == INT64_MAX);

    scene_commit(&scene, "c3", manifests(&scene, EVERY_MINUTE));
    job_watch(&scene, 30 * 1000);
    assert_int_equal(scene.container_count, 1); /* what was due meanwhile is not owed */
    job_watch(&scene, 40 * 1000);
    assert_int_equal(scene.container_count, 2);
    scene_commit(&scene, "c4", job_task(&scene, "t", ""));
    job_watch(&scene, HOUR_MS);
    assert_null(record_of(&scene));
    assert_int_equal(scene.container_count, 2);
    assert_int_equal(scene.containers[1].status, CONTAINER_RUNNING);
    scene_close(&scene);
}

static void a_change_of_the_task_alone_keeps_its_times(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t since_ms;

    open_schedule(&scene, EVERY_MINUTE);
    since_ms = record_of(&scene)->since_ms;
    job_watch(&scene, 30 * 1000);
    scene_commit(&scene, "c2", manifests(&scene, EVERY_MINUTE ", overlap: ALLOW, taskCount: 2"));
    job_watch(&scene, 35 * 1000);
    assert_true(record_of(&scene)->since_ms == since_ms);
    assert_int_equal(scene.container_count, 2);
    scene_close(&scene);
}

static void what_finds_no_place_is_given_up(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, AT_23 ", retryPolicy: {maximumEventAgeInSeconds: 600}, overrides: "
                                "{memory: 4194304}");
    scene.now_ms = ELEVEN_PM_MS;
    job_watch(&scene, 5 * MINUTE_MS);
    assert_result(&scene, SCHEDULE_RUNNING);
    job_watch(&scene, 6 * MINUTE_MS);
    assert_result(&scene, SCHEDULE_STOPPED);
    assert_int_equal(scene.container_count, 0);
    scene_close(&scene);
}

static void what_may_be_between_two_dates_is(void **unused)
{
    (void)unused;
    struct scene scene;

    open_schedule(&scene, "scheduleExpression: rate(1 hour), startDate: 2023-11-15T00:30:00, "
                          "endDate: 2023-11-15T02:00:00");
    assert_true(status_of(&scene).next_ms == ELEVEN_PM_MS + HOUR_MS + HOUR_MS / 2);
    scene.now_ms = ELEVEN_PM_MS + 6 * HOUR_MS;
    job_watch(&scene, 5000);
    assert_true(record_of(&scene)->due_ms == ELEVEN_PM_MS + 2 * HOUR_MS + HOUR_MS / 2);
    assert_true(status_of(&scene).next_ms == INT64_MAX);
    assert_string_equal(scene_wait(&scene, "schedule:s"), "it is not due any more");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_due_is_run),
        cmocka_unit_test(the_next_due_time_wakes_it),
        cmocka_unit_test(several_tasks_are_one_run),
        cmocka_unit_test(overrides_are_its_runs),
        cmocka_unit_test(a_clock_that_goes_back_runs_nothing_twice),
        cmocka_unit_test(what_was_decided_is_not_forgotten_by_a_new_process),
        cmocka_unit_test(the_claim_and_the_run_are_one_write),
        cmocka_unit_test(what_was_missed_is_made_up_for_once),
        cmocka_unit_test(what_is_too_old_is_not),
        cmocka_unit_test(missed_runs_may_be_skipped),
        cmocka_unit_test(what_is_suspended_waits),
        cmocka_unit_test(one_that_has_not_ended_is_not_joined),
        cmocka_unit_test(they_may_run_side_by_side),
        cmocka_unit_test(the_next_one_takes_the_place_of_the_former),
        cmocka_unit_test(what_failed_is_tried_again_as_often_as_it_says),
        cmocka_unit_test(what_failed_is_left_so_unless_it_says),
        cmocka_unit_test(what_a_person_stopped_is_not_tried_again),
        cmocka_unit_test(what_is_not_known_to_have_ended_is_not_tried_again),
        cmocka_unit_test(a_newer_due_time_ends_the_tries),
        cmocka_unit_test(what_runs_goes_on_whatever_becomes_of_it),
        cmocka_unit_test(a_change_of_the_task_alone_keeps_its_times),
        cmocka_unit_test(what_finds_no_place_is_given_up),
        cmocka_unit_test(what_may_be_between_two_dates_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
