/*
 * restartPolicy (ecs.md 1.3): a container is started again in its place, the task stays; but only
 * one that ran its period, and not after an exit code that is ignored.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define WEB      "c/web"
#define PERIOD_S 60

#define POLICY "restartPolicy: {enabled: true, restartAttemptPeriod: 60, ignoredExitCodes: [7, 0]}"
#define OFF    "restartPolicy: {enabled: false, restartAttemptPeriod: 60}"

/* One task of the container "main", and of the non-essential "side" unless it is NULL, and so long
 * after its start that it is steady. `ran_s` is how long it runs. */
static void open_task(struct scene *scene, const char *main, const char *side, int ran_s)
{
    const char *more;

    scene_open(scene);
    more =
        side == NULL
            ? ""
            : arena_printf(&scene->arena,
                           ", {name: side, image: 'example/side:1', essential: false, %s}", side);
    scene_commit(scene, "c1",
                 arena_printf(&scene->arena,
                              "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, "
                              "spec: {cpu: 256, memory: 64, containerDefinitions: "
                              "[{name: main, image: 'example/main:1', %s}%s]}}\n"
                              "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, "
                              "spec: {cluster: c, taskDefinition: web, minReadySeconds: 1, "
                              "desiredCount: 1}}\n",
                              main, more));
    scene_settle(scene);
    scene_run(scene, ran_s * 1000);
}

/* The newest container of that name. */
static size_t container(const struct scene *scene, const char *name)
{
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < scene->container_count; i++) {
        if (text_equal(scene->containers[i].container, name))
            found = i;
    }
    assert_int_not_equal(found, SIZE_MAX);
    return found;
}

static bool is_up(const struct scene *scene, size_t index)
{
    return scene->containers[index].status == CONTAINER_RUNNING;
}

/* It ends, and what is done about that at once is done. */
static void end(struct scene *scene, const char *name, int exit_code)
{
    scene_end_container(scene, container(scene, name), exit_code);
    scene_settle(scene);
}

/* How the only record of a task that ended says it did; "": none did. */
static const char *reason(const struct scene *scene)
{
    const char *found = "";

    for (const struct memory_task *at = memory_service(scene->memory, WEB)->tasks; at != NULL;
         at = at->next) {
        if (at->record.stopped_ms != 0)
            found = at->record.reason;
    }
    return found;
}

/* ---- Essential ---- */

static void an_essential_container_is_started_again(void **unused)
{
    (void)unused;
    struct scene scene;

    open_task(&scene, POLICY, NULL, PERIOD_S);
    end(&scene, "main", 1);
    assert_int_equal(scene.container_count, 1);
    assert_true(is_up(&scene, 0));
    assert_true(scene.containers[0].started_ms >= scene.containers[0].finished_ms);
    assert_string_equal(reason(&scene), "");
    assert_int_equal(scene_primary(&scene, WEB)->failed_tasks, 0);
    scene_close(&scene);
}

static void one_that_ran_less_than_the_period_is_not(void **unused)
{
    (void)unused;
    struct scene scene;

    open_task(&scene, POLICY, NULL, PERIOD_S - 1);
    end(&scene, "main", 1);
    assert_false(is_up(&scene, 0));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 2); /* of another task */
    assert_true(is_up(&scene, 1));
    assert_string_equal(reason(&scene), "Essential container in task exited: main, exit code 1");
    scene_close(&scene);
}

static void after_an_ignored_exit_code_it_is_not(void **unused)
{
    (void)unused;
    struct scene scene;
    static const int ignored[] = { 7, 0 };

    for (size_t i = 0; i < ARRAY_COUNT(ignored); i++) {
        open_task(&scene, POLICY, NULL, 10 * PERIOD_S);
        end(&scene, "main", ignored[i]);
        scene_run(&scene, 60 * 1000);
        assert_int_equal(scene.container_count, 2);
        assert_false(is_up(&scene, 0));
        assert_true(text_starts(reason(&scene), "Essential container in task exited: main"));
        scene_close(&scene);
    }
}

static void without_a_policy_in_force_it_is_not(void **unused)
{
    (void)unused;
    struct scene scene;
    static const char *const policies[] = { OFF, "essential: true" };

    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        open_task(&scene, policies[i], NULL, 10 * PERIOD_S);
        end(&scene, "main", 1);
        scene_run(&scene, 60 * 1000);
        assert_int_equal(scene.container_count, 2);
        assert_false(is_up(&scene, 0));
        scene_close(&scene);
    }
}

static void after_a_restart_the_period_counts_anew(void **unused)
{
    (void)unused;
    struct scene scene;

    open_task(&scene, POLICY, NULL, 10 * PERIOD_S);
    end(&scene, "main", 1);
    assert_true(is_up(&scene, 0));
    scene_run(&scene, PERIOD_S * 1000);
    end(&scene, "main", 1);
    assert_int_equal(scene.container_count, 1);
    assert_true(is_up(&scene, 0));
    scene_run(&scene, (PERIOD_S - 1) * 1000);
    end(&scene, "main", 1);
    assert_false(is_up(&scene, 0));
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene.container_count, 2);
    scene_close(&scene);
}

/* ---- Beside an essential one ---- */

static void a_non_essential_one_is_started_again(void **unused)
{
    (void)unused;
    struct scene scene;
    size_t side;

    open_task(&scene, "essential: true", POLICY, PERIOD_S);
    assert_int_equal(scene.container_count, 3);
    side = container(&scene, "side");
    end(&scene, "side", 1);
    assert_int_equal(scene.container_count, 3);
    assert_true(is_up(&scene, side));
    assert_true(scene.containers[side].started_ms >= scene.containers[side].finished_ms);
    scene_close(&scene);
}

/* The task goes on without it. */
static void one_that_may_not_be_stays_down(void **unused)
{
    (void)unused;
    struct scene scene;
    static const struct {
        int ran_s;
        int exit_code;
    } ends[] = { { PERIOD_S - 1, 1 }, { PERIOD_S, 7 } };

    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        open_task(&scene, "essential: true", POLICY, ends[i].ran_s);
        end(&scene, "side", ends[i].exit_code);
        scene_run(&scene, 10 * PERIOD_S * 1000);
        assert_int_equal(scene.container_count, 3);
        assert_false(is_up(&scene, container(&scene, "side")));
        assert_true(is_up(&scene, container(&scene, "main")));
        assert_string_equal(reason(&scene), "");
        assert_string_equal(scene_wait(&scene, WEB), "");
        scene_close(&scene);
    }
}

static void one_that_restarts_takes_nobody_along(void **unused)
{
    (void)unused;
    struct scene scene;
    int64_t side_ms;

    open_task(&scene, POLICY, POLICY, PERIOD_S);
    side_ms = scene.containers[container(&scene, "side")].started_ms;
    end(&scene, "main", 1);
    assert_int_equal(scene.container_count, 3);
    assert_true(is_up(&scene, container(&scene, "main")));
    assert_int_equal(scene.containers[container(&scene, "side")].started_ms, side_ms);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_essential_container_is_started_again),
        cmocka_unit_test(one_that_ran_less_than_the_period_is_not),
        cmocka_unit_test(after_an_ignored_exit_code_it_is_not),
        cmocka_unit_test(without_a_policy_in_force_it_is_not),
        cmocka_unit_test(after_a_restart_the_period_counts_anew),
        cmocka_unit_test(a_non_essential_one_is_started_again),
        cmocka_unit_test(one_that_may_not_be_stays_down),
        cmocka_unit_test(one_that_restarts_takes_nobody_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
