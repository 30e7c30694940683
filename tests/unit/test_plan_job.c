/*
 * Jobs: a Task runs at most once, wherever and whenever anything fails, and leaves nothing behind.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/fleet_scene.h"
#include "tests/unit/job_scene.h"
#include "tests/unit/unit.h"

#define LONG_MS (3600 * 1000)
#define HOSTS   "{name: a, host: a}, {name: b, host: b}"

/* A scene with Task "t" in the cluster "c", and one run of it. */
static const char *open_run(struct scene *scene, uint32_t count)
{
    scene_open(scene);
    scene_commit(scene, "c1", job_task(scene, "t", ""));
    return job_run(scene, "c", "t", count, NULL, NULL);
}

static void assert_over(struct scene *scene, const char *run, const char *cluster)
{
    const char *key = job_key(scene, cluster, "t", run);

    assert_null(memory_service(scene->memory, key));
    assert_null(world_service(scene->world, cluster, strchr(key, '/') + 1));
    assert_string_equal(scene_wait(scene, key), "");
}

/* ---- A life ---------------------------------------------------------------------------------- */

static void it_runs_once_and_leaves_nothing(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);
    const struct task_record *record = job_record(&scene, run, 0);

    scene.last_lines = "T 1 done\n";
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 1);
    assert_int_equal(scene.containers[0].status, CONTAINER_RUNNING);
    assert_string_equal(scene.containers[0].task, record->id);
    assert_true(record->started_ms != 0);

    scene_end_container(&scene, 0, 0);
    job_watch(&scene, LONG_MS);
    assert_over(&scene, run, "c");
    assert_int_equal(scene.container_count, 1); /* and no other one was made */
    record = job_record(&scene, run, 0);
    assert_int_equal(record->stop_code, STOP_ESSENTIAL_CONTAINER_EXITED);
    assert_int_equal(record->exit_code, 0);
    assert_false(record->failed);
    assert_string_equal(record->started_by, "a test");
    assert_int_equal(scene.lines_count, 1); /* also of one that did well */
    assert_true(memory_has_lines(scene.memory, record->id, "main"));
    scene_close(&scene);
}

static void what_fails_is_not_tried_again(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 3);

    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 3);
    scene_end_container(&scene, 1, 7);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 3);
    assert_true(job_record(&scene, run, 1)->failed);
    assert_int_equal(job_record(&scene, run, 1)->exit_code, 7);
    assert_int_equal(job_record(&scene, run, 0)->stopped_ms, 0);

    /* Long after, when the first is not remembered any more, the others end. */
    memory_expire(scene.memory, scene.world, scene.now_ms + 1);
    assert_null(job_record(&scene, run, 1));
    scene_end_container(&scene, 0, 0);
    scene_end_container(&scene, 2, 0);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 3);
    assert_over(&scene, run, "c");
    scene_close(&scene);
}

static void all_containers_of_a_task_end(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;

    scene_open(&scene);
    scene_commit(
        &scene, "c1",
        job_task(&scene, "t", "}\n    - {name: proxy, image: 'example/proxy:1', essential: false"));
    run = job_run(&scene, "c", "t", 1, NULL, NULL);
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 3);
    for (size_t i = 0; i < 3; i++) {
        if (text_equal(scene.containers[i].container, "main"))
            scene_end_container(&scene, i, 2);
    }
    job_watch(&scene, LONG_MS);
    assert_int_equal(job_record(&scene, run, 0)->exit_code, 2);
    assert_over(&scene, run, "c");
    scene_close(&scene);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

/* Created, and removed by somebody before it was started: it never ran. */
static void what_never_began_is_created_again(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    scene.start_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    while (scene.container_count == 0) {
        scene_plan(&scene);
        scene_step(&scene);
        scene.now_ms++;
    }
    assert_true(job_record(&scene, run, 0)->claimed_ms != 0);
    if (job_record(&scene, run, 0)->begun != NULL) { /* planned right after: as if it were not */
        struct task_record record = *job_record(&scene, run, 0);
        const struct fact fact = { .kind = FACT_TASK, .task = &record };

        record.begun = NULL;
        memory_apply(scene.memory, &fact);
    }
    const struct world_change gone = { .kind = WORLD_CONTAINER_GONE,
                                       .named = { .instance = "local",
                                                  .name = scene.containers[0].id } };
    (void)world_apply(scene.world, &gone);
    scene.start_failure.text = NULL;
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 2);
    assert_string_equal(scene.containers[1].task, scene.containers[0].task);
    assert_int_equal(scene.containers[1].status, CONTAINER_RUNNING);
    scene_close(&scene);
}

static void what_began_and_is_gone_is_over(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    job_watch(&scene, 60 * 1000);
    const struct world_change gone = { .kind = WORLD_CONTAINER_GONE,
                                       .named = { .instance = "local",
                                                  .name = scene.containers[0].id } };
    (void)world_apply(scene.world, &gone);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 1);
    assert_true(job_record(&scene, run, 0)->failed);
    assert_string_equal(job_record(&scene, run, 0)->reason,
                        "the containers of the task were removed by hand");
    assert_over(&scene, run, "c");
    scene_close(&scene);
}

/* Also before its task was seen to run. */
static void a_container_that_ran_is_not_made_again(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;
    size_t setup = 0;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 job_task(&scene, "t",
                          ", dependsOn: [{containerName: setup, condition: SUCCESS}]}\n"
                          "    - {name: setup, image: 'example/setup:1', essential: false"));
    run = job_run(&scene, "c", "t", 1, NULL, NULL);
    job_watch(&scene, 10 * 1000);
    while (!text_equal(scene.containers[setup].container, "setup"))
        setup++;
    scene.create_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    scene_end_container(&scene, setup, 0);
    job_watch(&scene, 10 * 1000);
    const struct world_change gone = { .kind = WORLD_CONTAINER_GONE,
                                       .named = { .instance = "local",
                                                  .name = scene.containers[setup].id } };
    (void)world_apply(scene.world, &gone);
    scene.create_failure.text = NULL;
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 2); /* and the sandbox */
    assert_over(&scene, run, "c");
    assert_string_equal(job_record(&scene, run, 0)->reason, "a container of the task was removed");
    scene_close(&scene);
}

/* What is claimed takes its room, though nothing of it is there yet. */
static void a_claim_takes_its_room(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    scene_engine(&scene, 8192, 600);
    scene.create_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    job_watch(&scene, 10 * 1000);
    assert_true(job_record(&scene, run, 0)->claimed_ms != 0);
    assert_int_equal(scene.container_count, 0);
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s", job_task(&scene, "t", ""),
                              scene_service(&scene, "web", "red", "desiredCount: 1")));
    job_watch(&scene, 10 * 1000);
    assert_non_null(strstr(scene_wait(&scene, "c/web"), "has 88 of 600 MiB left"));
    scene.create_failure.text = NULL;
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 1);
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "web"), 1);
    scene_close(&scene);
}

static void without_room_it_waits(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 2);
    const char *key = job_key(&scene, "c", "t", run);
    struct service_status status;
    struct plan_input input;

    scene_engine(&scene, 8192, 600);
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 1);
    assert_non_null(strstr(scene_wait(&scene, key), "group family:t was unable to place a task"));
    input = scene_input(&scene);
    plan_service_status(&input, key, &scene.arena, &status);
    assert_int_equal(status.wanted_count, 1);
    assert_int_equal(status.wanted[0].status, TASK_PENDING);
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 2);
    scene_close(&scene);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void it_is_stopped_before_it_has_a_place(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    scene_engine(&scene, 8192, 100);
    job_watch(&scene, 10 * 1000);
    job_stop(&scene, job_record(&scene, run, 0));
    job_watch(&scene, 10 * 1000);
    assert_over(&scene, run, "c");
    assert_int_equal(job_record(&scene, run, 0)->stop_code, STOP_USER_INITIATED);
    assert_int_equal(scene.container_count, 0);
    scene_close(&scene);
}

static void it_is_stopped_while_it_runs(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    job_watch(&scene, 60 * 1000);
    job_stop(&scene, job_record(&scene, run, 0));
    job_watch(&scene, 60 * 1000);
    assert_over(&scene, run, "c");
    assert_string_equal(job_record(&scene, run, 0)->reason, "Task stopped by user");
    assert_int_equal(job_record(&scene, run, 0)->exit_code, 143);
    assert_int_equal(scene.container_count, 1);
    scene_close(&scene);
}

static void what_the_engine_refuses_is_over(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    scene.create_failure = (struct scene_failure){ ERR_INVALID, "no such runtime" };
    job_watch(&scene, 60 * 1000);
    assert_over(&scene, run, "c");
    assert_int_equal(job_record(&scene, run, 0)->stop_code, STOP_TASK_FAILED_TO_START);
    assert_string_equal(job_record(&scene, run, 0)->reason,
                        "CannotCreateContainerError: no such runtime");
    scene_close(&scene);
}

static void an_image_that_cannot_be_had_ends_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;

    scene_open(&scene);
    scene_commit(&scene, "c1", job_task(&scene, "t", ""));
    scene.pull_failure = (struct scene_failure){ ERR_NOT_FOUND, "manifest unknown" };
    run = job_run(&scene, "c", "t", 1, NULL, NULL);
    job_watch(&scene, LONG_MS);
    assert_over(&scene, run, "c");
    assert_string_equal(job_record(&scene, run, 0)->reason,
                        "CannotPullContainerError: manifest unknown");
    assert_int_equal(scene.pull_count, 3);
    scene_close(&scene);
}

/* ---- Commits --------------------------------------------------------------------------------- */

/* Nor is it one of those of which more than half may not go at once. */
static void no_commit_removes_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;
    const char *key;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s%s", job_task(&scene, "t", ""),
                              scene_service(&scene, "web", "red", "desiredCount: 1"),
                              scene_service(&scene, "api", "red", "desiredCount: 1")));
    run = job_run(&scene, "c", "t", 1, NULL, NULL);
    key = job_key(&scene, "c", "t", run);
    job_watch(&scene, 60 * 1000);
    scene_commit(&scene, "c2", scene_service(&scene, "web", "red", "desiredCount: 1"));
    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "api"), 0);
    assert_null(memory_service(scene.memory, key)->hold);
    assert_null(memory_service(scene.memory, key)->removal);
    assert_int_equal(scene_running(&scene, strchr(key, '/') + 1), 1);
    scene_close(&scene);
}

static void one_that_waits_ends_with_its_cluster(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;

    scene_open(&scene);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, HOSTS),
                              job_task(&scene, "t", "")));
    run = job_run(&scene, "e", "t", 1, NULL, NULL);
    job_watch(&scene, 10 * 1000); /* no instance is there */
    scene_commit(&scene, "c2", job_task(&scene, "t", ""));
    job_watch(&scene, 10 * 1000);
    assert_over(&scene, run, "e");
    assert_string_equal(job_record(&scene, run, 0)->reason, "cluster e is not declared any more");
    scene_close(&scene);
}

/* ---- Without memory -------------------------------------------------------------------------- */

static void what_runs_ends_when_nothing_is_remembered(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    job_watch(&scene, 60 * 1000);
    scene_forget(&scene);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.containers[0].status, CONTAINER_RUNNING);
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, LONG_MS);
    assert_over(&scene, run, "c");
    assert_int_equal(scene.container_count, 1);
    assert_int_equal(job_record(&scene, run, 0)->exit_code, 0);
    scene_close(&scene);
}

static void what_was_not_started_is_not_when_nothing_is_remembered(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_run(&scene, 1);

    scene.start_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    job_watch(&scene, 10 * 1000);
    assert_int_equal(scene.containers[0].status, CONTAINER_CREATED);
    scene_forget(&scene);
    scene.start_failure.text = NULL;
    job_watch(&scene, LONG_MS);
    assert_over(&scene, run, "c");
    assert_int_equal(scene.containers[0].started_ms, 0);
    scene_close(&scene);
}

/* ---- On several instances -------------------------------------------------------------------- */

static const char *open_hosts(struct scene *scene, uint32_t count)
{
    scene_open(scene);
    fleet_instance(scene, "a", 4096, 8000);
    fleet_instance(scene, "b", 4096, 8000);
    scene_commit(
        scene, "c1",
        arena_printf(&scene->arena, "%s%s", fleet_cluster(scene, HOSTS), job_task(scene, "t", "")));
    return job_run(scene, "e", "t", count, NULL, NULL);
}

static void tasks_are_spread(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_hosts(&scene, 4);
    size_t on_a = 0;

    job_watch(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 4);
    for (size_t i = 0; i < 4; i++)
        on_a += text_equal(job_record(&scene, run, (uint32_t)i)->instance, "a");
    assert_int_equal(on_a, 2);
    scene_close(&scene);
}

static void one_that_is_claimed_never_moves(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_hosts(&scene, 1);
    const char *there;

    scene.create_failure = (struct scene_failure){ ERR_UNREACHABLE, "no answer" };
    job_watch(&scene, 10 * 1000);
    there = arena_text(&scene.arena, job_record(&scene, run, 0)->instance);
    fleet_lose(&scene, there);
    scene.create_failure.text = NULL;
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 0);
    assert_over(&scene, run, "e");
    assert_string_equal(job_record(&scene, run, 0)->reason,
                        arena_printf(&scene.arena, "instance %s does not answer", there));
    fleet_return(&scene, there);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 0);
    scene_close(&scene);
}

static void one_whose_host_is_lost_is_not_run_elsewhere(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_hosts(&scene, 1);
    const char *there;

    job_watch(&scene, 60 * 1000);
    there = arena_text(&scene.arena, job_record(&scene, run, 0)->instance);
    fleet_lose(&scene, there);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.container_count, 1);
    assert_true(job_record(&scene, run, 0)->stopped_ms != 0);
    assert_non_null(strstr(job_record(&scene, run, 0)->reason, "how the task ended is not known"));

    /* It is back, with the task: that was given up, and is stopped. */
    fleet_return(&scene, there);
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.containers[0].status, CONTAINER_EXITED);
    assert_int_equal(scene.container_count, 1);
    assert_over(&scene, run, "e");
    scene_close(&scene);
}

static void a_host_that_is_drained_is_left_when_it_ends(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run = open_hosts(&scene, 1);

    job_watch(&scene, 60 * 1000);
    scene_commit(&scene, "c2",
                 arena_printf(&scene.arena, "%s%s",
                              fleet_cluster(&scene, "{name: a, host: a, state: DRAINING}, "
                                                    "{name: b, host: b, state: DRAINING}"),
                              job_task(&scene, "t", "")));
    job_watch(&scene, LONG_MS);
    assert_int_equal(scene.containers[0].status, CONTAINER_RUNNING);
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, LONG_MS);
    assert_over(&scene, run, "e");
    scene_close(&scene);
}

/* ---- Volumes --------------------------------------------------------------------------------- */

#define MOUNTED ", mountPoints: [{sourceVolume: data, containerPath: /data}]"

static void the_volume_of_a_run_goes_with_it(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_instance *engine;
    const char *run;
    const char *name;

    scene_open(&scene);
    scene_commit(&scene, "c1", job_task(&scene, "t", MOUNTED "}\n  volumes:\n    - {name: data"));
    run = job_run(&scene, "c", "t", 1, NULL, NULL);
    job_watch(&scene, 60 * 1000);
    engine = world_instance(scene.world, "local");
    name = arena_printf(&scene.arena, "berth-me-c.family.t.%s.data", run);
    assert_non_null(world_volume(engine, name));
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, 60 * 1000);
    assert_null(world_volume(engine, name));
    assert_over(&scene, run, "c");
    scene_close(&scene);
}

static void a_shared_volume_stays(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *run;
    const char *host;

    scene_open(&scene);
    fleet_instance(&scene, "a", 4096, 8000);
    scene_commit(&scene, "c1",
                 arena_printf(&scene.arena, "%s%s", fleet_cluster(&scene, "{name: a, host: a}"),
                              job_task(&scene, "t",
                                       MOUNTED "}\n  volumes:\n    - {name: data, "
                                               "dockerVolumeConfiguration: {scope: shared, "
                                               "autoprovision: true}")));
    run = job_run(&scene, "e", "t", 1, NULL, NULL);
    job_watch(&scene, 60 * 1000);
    host = job_record(&scene, run, 0)->instance;
    scene_end_container(&scene, 0, 0);
    job_watch(&scene, 60 * 1000);
    assert_over(&scene, run, "e");
    assert_non_null(world_volume(world_instance(scene.world, host), "berth-me-e.family.t.data"));
    scene_close(&scene);
}

/* ---- Overrides ------------------------------------------------------------------------------- */

static const struct container_definition *only_container(const struct scene *scene, const char *key)
{
    return &scene_primary(scene, key)->goal->target->task->container_definitions[0];
}

static void overrides_change_the_run_alone(void **unused)
{
    (void)unused;
    static const char *command[] = { "/report", "now" };
    static struct pair environment[] = { { "COLOR", "blue" }, { "SIZE", "9" } };
    struct container_override container = { .name = "main",
                                            .command = command,
                                            .command_count = 2,
                                            .environment = environment,
                                            .environment_count = 2,
                                            .memory = 100 };
    const struct task_override overrides = { .container_overrides = &container,
                                             .container_overrides_count = 1,
                                             .memory = 256 };
    const struct container_definition *definition;
    struct scene scene;
    const char *plain = open_run(&scene, 1);
    const char *run = job_run(&scene, "c", "t", 1, &overrides, NULL);
    const char *key = job_key(&scene, "c", "t", run);

    definition = only_container(&scene, key);
    assert_string_equal(definition->command[1], "now");
    assert_int_equal(definition->environment_count, 2);
    assert_string_equal(definition->environment[0].value, "blue");
    assert_int_equal(definition->memory, 100);
    assert_int_equal(target_memory_mib(scene_primary(&scene, key)->goal->target), 256);
    definition = only_container(&scene, job_key(&scene, "c", "t", plain));
    assert_int_equal(definition->command_count, 0);
    assert_string_equal(definition->environment[0].value, "red");
    scene_close(&scene);
}

static void what_cannot_be_is_refused(void **unused)
{
    (void)unused;
    struct container_override container = { .name = "web" };
    struct task_override overrides = { .container_overrides = &container,
                                       .container_overrides_count = 1 };
    struct scene scene;
    struct err err = { 0 };

    (void)open_run(&scene, 1);
    assert_null(job_run(&scene, "c", "t", 1, &overrides, &err));
    assert_string_equal(err.text, "overrides: Task 't' has no container 'web'");
    container.name = "main";
    container.memory = 4096; /* of a task of 512 */
    assert_null(job_run(&scene, "c", "t", 1, &overrides, &err));
    assert_non_null(strstr(err.text, "with these overrides Task 't' is wrong: "));
    scene_commit(&scene, "c2", job_task(&scene, "t", ", privileged: true"));
    assert_null(job_run(&scene, "c", "t", 1, NULL, &err));
    assert_non_null(strstr(err.text, "Task 't' cannot run in cluster 'c': "));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_once_and_leaves_nothing),
        cmocka_unit_test(what_fails_is_not_tried_again),
        cmocka_unit_test(all_containers_of_a_task_end),
        cmocka_unit_test(what_never_began_is_created_again),
        cmocka_unit_test(what_began_and_is_gone_is_over),
        cmocka_unit_test(a_container_that_ran_is_not_made_again),
        cmocka_unit_test(a_claim_takes_its_room),
        cmocka_unit_test(without_room_it_waits),
        cmocka_unit_test(it_is_stopped_before_it_has_a_place),
        cmocka_unit_test(it_is_stopped_while_it_runs),
        cmocka_unit_test(what_the_engine_refuses_is_over),
        cmocka_unit_test(an_image_that_cannot_be_had_ends_it),
        cmocka_unit_test(no_commit_removes_it),
        cmocka_unit_test(one_that_waits_ends_with_its_cluster),
        cmocka_unit_test(what_runs_ends_when_nothing_is_remembered),
        cmocka_unit_test(what_was_not_started_is_not_when_nothing_is_remembered),
        cmocka_unit_test(tasks_are_spread),
        cmocka_unit_test(one_that_is_claimed_never_moves),
        cmocka_unit_test(one_whose_host_is_lost_is_not_run_elsewhere),
        cmocka_unit_test(a_host_that_is_drained_is_left_when_it_ends),
        cmocka_unit_test(the_volume_of_a_run_goes_with_it),
        cmocka_unit_test(a_shared_volume_stays),
        cmocka_unit_test(overrides_change_the_run_alone),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
