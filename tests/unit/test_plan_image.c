/*
 * Which image a task is made from: tags that are pinned, and tags that are looked up anew.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

static void run_two(struct scene *scene, const char *consistency)
{
    scene_open(scene);
    scene_commit(scene, "c1",
                 arena_printf(&scene->arena,
                              "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: a}\n"
                              "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                              "    - {name: main, image: 'example/a:1', versionConsistency: %s}\n"
                              "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: a}\n"
                              "spec: {cluster: c, taskDefinition: a, minReadySeconds: 1, "
                              "desiredCount: 2}\n",
                              consistency));
    scene_run(scene, 60 * 1000);
    assert_int_equal(scene->container_count, 2);
    assert_string_equal(scene->containers[0].image_id, scene->containers[1].image_id);
}

/* The first task dies and is replaced, by the container of that index. */
static const char *replaced_by(struct scene *scene, size_t index)
{
    scene_end_container(scene, index - 2, 1);
    scene_run(scene, 20 * 60 * 1000);
    assert_int_equal(scene->container_count, index + 1);
    assert_int_equal(scene_running(scene, "a"), 2);
    return scene->containers[index].image_id;
}

static void a_tag_is_pinned_for_a_deployment(void **unused)
{
    (void)unused;
    struct scene scene;

    run_two(&scene, "enabled");
    scene.pulled_version++;
    assert_string_equal(replaced_by(&scene, 2), scene.containers[1].image_id);
    assert_int_equal(scene.pull_count, 1);
    scene_close(&scene);
}

static size_t unable_told(const struct scene *scene)
{
    const char *at = buf_text(scene->trace);
    size_t count = 0;

    while ((at = strstr(at, "event: (service a) was unable to start a task because ")) != NULL) {
        count++;
        at++;
    }
    return count;
}

static void a_loose_tag_is_looked_up_for_each_start(void **unused)
{
    (void)unused;
    AUTO(buf) trace = { 0 };
    struct scene scene;

    run_two(&scene, "disabled");
    scene.pulled_version++;
    size_t before = scene.pull_count;
    scene_run(&scene, 60 * 60 * 1000);
    assert_int_equal(scene.pull_count, before); /* nothing starts, nothing is asked */
    assert_int_equal(scene.container_count, 2);

    assert_string_not_equal(replaced_by(&scene, 2), scene.containers[1].image_id);
    assert_int_equal(scene.pull_count, before + 1);
    assert_string_equal(replaced_by(&scene, 3), scene.containers[2].image_id);
    assert_int_equal(scene.pull_count, before + 2);

    /* Without the registry what is there has to do. */
    scene.pull_failure = (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" };
    buf_init(&trace, 1024 * 1024);
    scene.trace = &trace;
    assert_string_equal(replaced_by(&scene, 4), scene.containers[2].image_id);
    assert_true(scene.pull_count > before + 2);
    /* Nor does the failure of the last start say that this one cannot be. */
    assert_string_equal(replaced_by(&scene, 5), scene.containers[2].image_id);
    assert_int_equal(unable_told(&scene), 0);
    scene_close(&scene);
}

/* Pulls end so; the image of the service is built and has a repository. */
static void run_built(struct scene *scene, struct scene_failure pulls)
{
    scene_open(scene);
    scene->pull_failure = pulls;
    scene_commit(scene, "c1",
                 "---\napiVersion: berth/v1\nkind: Image\nmetadata: {name: app}\n"
                 "spec: {build: {context: a}, repository: 'registry.example/app'}\n"
                 "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: a}\nspec:\n"
                 "  cpu: 256\n  memory: 512\n  containerDefinitions: [{name: main, image: app}]\n"
                 "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: a}\n"
                 "spec:\n  cluster: c\n  taskDefinition: a\n  minReadySeconds: 1\n"
                 "  deploymentConfiguration:\n"
                 "    deploymentCircuitBreaker:\n"
                 "      enable: true\n"
                 "      thresholdConfiguration: {type: COUNT, value: 1}\n");
    scene_run(scene, 60 * 1000);
}

static void what_the_registry_has_is_not_built(void **unused)
{
    (void)unused;
    struct scene scene;

    run_built(&scene, (struct scene_failure){ 0 });
    assert_int_equal(scene_running(&scene, "a"), 1);
    assert_int_equal(scene.pull_count, 1);
    assert_int_equal(scene.build_count + scene.push_count, 0);
    assert_non_null(scene_primary(&scene, "c/a")->pins[0].digest);
    scene_close(&scene);
}

static bool unbuildable(const struct scene *scene)
{
    const struct plan_input input = scene_input(scene);

    return plan_is_unbuildable(&input, memory_service(scene->memory, "c/a"));
}

/* Without a breaker it is tried for ever, and nobody has to wait for that. */
static void a_build_that_fails_again_and_again_is_known(void **unused)
{
    (void)unused;
    static const struct {
        struct scene_failure failure;
        int64_t not_yet_ms; /* until then it may still succeed */
        int64_t ms;
        bool unbuildable;
    } cases[] = {
        { { ERR_FAILED, "returned a non-zero code: 7" }, 1500, 10 * 1000, true },
        { { ERR_INVALID, "dockerfile parse error line 1" }, 0, 100, true },
        { { ERR_UNREACHABLE, "no route" }, 0, 60 * 60 * 1000, false },
        { { ERR_CAPACITY, "no space left on device" }, 0, 60 * 60 * 1000, false },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scene scene;

        scene_open(&scene);
        scene.failure = cases[i].failure;
        scene.failure_kind = ACTION_IMAGE_BUILD;
        scene_commit(
            &scene, "c1",
            "---\n{apiVersion: berth/v1, kind: Image, metadata: {name: app}, spec: {build: "
            "{context: a}}}\n"
            "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: a}, spec: {cpu: 256, "
            "memory: 512, containerDefinitions: [{name: main, image: app}]}}\n"
            "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: a}, spec: "
            "{cluster: c, taskDefinition: a}}\n");
        if (cases[i].not_yet_ms > 0) {
            scene_run(&scene, cases[i].not_yet_ms);
            assert_false(unbuildable(&scene));
        }
        scene_run(&scene, cases[i].ms);
        assert_int_equal(unbuildable(&scene), cases[i].unbuildable);
        assert_int_equal(scene_primary(&scene, "c/a")->state, ROLLOUT_IN_PROGRESS);
        scene.failure.text = NULL; /* it is tried on */
        scene_run(&scene, 16 * 60 * 1000);
        assert_int_equal(scene_running(&scene, "a"), 1);
        assert_false(unbuildable(&scene));
        scene_close(&scene);
    }
}

static void what_it_has_not_is_built_and_pushed(void **unused)
{
    (void)unused;
    struct scene scene;

    run_built(&scene, (struct scene_failure){ .code = ERR_NOT_FOUND, .text = "manifest unknown" });
    assert_int_equal(scene_running(&scene, "a"), 1); /* and it is no failure of the deployment */
    assert_int_equal(scene.pull_count, 1);
    assert_int_equal(scene.build_count, 1);
    assert_int_equal(scene.push_count, 1);
    scene_close(&scene);
}

/* What is built could not be pushed. */
static void a_registry_that_does_not_answer_is_waited_for(void **unused)
{
    (void)unused;
    struct scene scene;

    run_built(&scene, (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" });
    assert_int_equal(scene.build_count, 0);
    assert_true(scene.pull_count > 1);
    assert_string_equal(scene_wait(&scene, "c/a"),
                        "CannotPullContainerError: registry.example/app:0123456789ab: no route");
    scene.pull_failure = (struct scene_failure){ 0 };
    scene_run(&scene, 20 * 60 * 1000);
    assert_int_equal(scene_running(&scene, "a"), 1);
    assert_int_equal(scene.build_count, 0);
    scene_close(&scene);
}

static void forget_image(struct scene *scene)
{
    const struct world_change gone = { .kind = WORLD_IMAGE_GONE,
                                       .named = { .instance = "local",
                                                  .name = scene_image_id(scene, "example/a:1") } };
    (void)world_apply(scene->world, &gone);
}

/* ECS shows the stopped tasks; here no task is made before its image is there. */
static void a_pull_that_fails_is_told_once(void **unused)
{
    (void)unused;
    static const char event[] =
        "event: (service a) was unable to start a task because CannotPullContainerError: "
        "example/a:1: no route\n";
    AUTO(buf) trace = { 0 };
    struct scene scene;

    buf_init(&trace, 1024 * 1024);
    scene_open(&scene);
    scene.trace = &trace;
    scene.pull_failure = (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" };
    scene_commit(&scene, "c1", scene_service(&scene, "a", "red", "desiredCount: 1"));
    scene_run(&scene, 60 * 1000);
    assert_true(scene.pull_count > 2);
    assert_int_equal(unable_told(&scene), 1);
    assert_non_null(strstr(buf_text(&trace), event));
    assert_non_null(strstr(scene_primary(&scene, "c/a")->reason,
                           "CannotPullContainerError: example/a:1: no route"));
    scene.pull_failure = (struct scene_failure){ 0 };
    scene_run(&scene, 20 * 60 * 1000);
    assert_int_equal(scene_running(&scene, "a"), 1);
    assert_null(strstr(scene_primary(&scene, "c/a")->reason, "CannotPull"));
    assert_int_equal(unable_told(&scene), 1);

    /* Nothing is told while nothing is to be started; then it is, anew. */
    scene.pull_failure = (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" };
    forget_image(&scene);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(unable_told(&scene), 1);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(unable_told(&scene), 2);
    scene_close(&scene);
}

/* ---- What is still needed ---- */

static const struct plan_work *work_of(const struct scene *scene, const char *unit)
{
    for (size_t i = 0; i < scene->plan.work_count; i++) {
        if (text_equal(scene->plan.works[i].unit, unit))
            return &scene->plan.works[i];
    }
    return NULL;
}

static bool looked_at(const struct scene *scene, const char *unit)
{
    const struct plan_input input = scene_input(scene);
    AUTO(arena) arena = { 0 };
    struct plan_unit *units;
    size_t count = plan_units(&input, &arena, &units);

    for (size_t i = 0; i < count; i++) {
        if (text_equal(units[i].key, unit))
            return scene->plan.looked[i];
    }
    fail_msg("there is no unit %s", unit);
    return false;
}

static void a_unit_tells_which_work_it_waits_for(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct fact suspend = {
        .kind = FACT_SUSPEND, .cluster = "c", .service = "a", .text = "looking"
    };

    run_built(&scene, (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" });
    assert_true(looked_at(&scene, "c/a"));
    assert_non_null(work_of(&scene, "c/a"));
    assert_int_equal(work_of(&scene, "c/a")->kind, ACTION_IMAGE_PULL);
    assert_string_equal(work_of(&scene, "c/a")->instance, "local");
    assert_string_equal(work_of(&scene, "c/a")->object, "registry.example/app:0123456789ab");

    /* Suspended, it says nothing about it. */
    memory_apply(scene.memory, &suspend);
    scene_plan(&scene);
    assert_false(looked_at(&scene, "c/a"));
    scene_close(&scene);

    /* Nothing is waited for where all is there. */
    run_built(&scene, (struct scene_failure){ 0 });
    assert_true(looked_at(&scene, "c/a"));
    assert_null(work_of(&scene, "c/a"));
    scene_close(&scene);
}

static void deploy_version(struct scene *scene, unsigned version)
{
    scene_commit(scene, arena_printf(&scene->arena, "c%u", version),
                 arena_printf(&scene->arena,
                              "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: a}\n"
                              "spec:\n  cpu: 256\n  memory: 512\n"
                              "  containerDefinitions: [{name: main, image: 'example/a:%u'}]\n"
                              "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: a}\n"
                              "spec: {cluster: c, taskDefinition: a, minReadySeconds: 1}\n",
                              version));
}

/* What nobody waits for is cancelled: a pull for old tasks would begin anew after each pause. */
static void a_pause_between_starts_waits_for_the_old_image(void **unused)
{
    (void)unused;
    struct scene scene;
    bool found = false;

    scene_open(&scene);
    deploy_version(&scene, 1);
    scene_run(&scene, 60 * 1000);
    assert_int_equal(scene_running(&scene, "a"), 1);
    scene.exits_on_start = true;
    deploy_version(&scene, 2);
    scene_run(&scene, 10 * 60 * 1000);
    scene_end_container(&scene, 0, 1);
    scene_run(&scene, 60 * 1000); /* the old one does not start any more either */

    scene.pull_failure = (struct scene_failure){ .code = ERR_UNREACHABLE, .text = "no route" };
    forget_image(&scene);
    scene_settle(&scene);
    assert_int_equal(scene_running(&scene, "a"), 0);
    const struct memory_service *memory = memory_service(scene.memory, "c/a");
    assert_true(memory->newest->older->throttle.retry_at_ms > scene.now_ms);
    for (size_t i = 0; i < scene.plan.work_count; i++)
        found |= text_equal(scene.plan.works[i].object, "example/a:1");
    assert_true(looked_at(&scene, "c/a"));
    assert_true(found);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_is_pinned_for_a_deployment),
        cmocka_unit_test(a_loose_tag_is_looked_up_for_each_start),
        cmocka_unit_test(what_the_registry_has_is_not_built),
        cmocka_unit_test(a_build_that_fails_again_and_again_is_known),
        cmocka_unit_test(what_it_has_not_is_built_and_pushed),
        cmocka_unit_test(a_registry_that_does_not_answer_is_waited_for),
        cmocka_unit_test(a_pull_that_fails_is_told_once),
        cmocka_unit_test(a_unit_tells_which_work_it_waits_for),
        cmocka_unit_test(a_pause_between_starts_waits_for_the_old_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
