/*
 * deletionProtection: what is held when a commit removes something that has it.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

/* Which manifests a commit has, and what of them is protected. */
struct commit {
    const char *id;
    const char
        *cluster;      /* spec of Cluster "d"; NULL: it is not there, and neither is its service */
    const char *image; /* likewise Image "tool" and service "tool" of cluster c */
    const char *task;  /* likewise Task "job" and service "job" */
};

static void add(struct scene *scene, const char **text, const char *format, ...) PRINTF_LIKE(3, 4);

static void add(struct scene *scene, const char **text, const char *format, ...)
{
    AUTO(buf) more = { 0 };
    va_list arguments;

    buf_init(&more, 4096);
    va_start(arguments, format);
    buf_vprintf(&more, format, arguments);
    va_end(arguments);
    *text = arena_printf(&scene->arena, "%s---\n%s\n", *text, buf_text(&more));
}

static void add_task(struct scene *scene, const char **text, const char *name, const char *image,
                     const char *more)
{
    add(scene, text,
        "{apiVersion: berth/v1, kind: Task, metadata: {name: %s}, spec: {cpu: 256, memory: 64, "
        "containerDefinitions: [{name: main, image: '%s'}], %s}}",
        name, image, more);
}

static void add_service(struct scene *scene, const char **text, const char *name,
                        const char *cluster, const char *task)
{
    add(scene, text,
        "{apiVersion: berth/v1, kind: Service, metadata: {name: %s}, spec: {cluster: %s, "
        "taskDefinition: %s, minReadySeconds: 1, desiredCount: 1}}",
        name, cluster, task);
}

/* Five services that stay, so that no commit removes too many; and the ones on trial. */
static void apply(struct scene *scene, const struct commit *commit)
{
    static const char *const stay[] = { "s1", "s2", "s3", "s4", "s5" };
    const char *text = "";

    add_task(scene, &text, "plain", "example/plain:1", "");
    for (size_t i = 0; i < ARRAY_COUNT(stay); i++)
        add_service(scene, &text, stay[i], "c", "plain");
    if (commit->cluster != NULL) {
        add(scene, &text, "{apiVersion: berth/v1, kind: Cluster, metadata: {name: d}, spec: {%s}}",
            commit->cluster);
        add_service(scene, &text, "inside", "d", "plain");
    }
    if (commit->image != NULL) {
        add(scene, &text,
            "{apiVersion: berth/v1, kind: Image, metadata: {name: tool}, spec: {source: "
            "'example/tool:1', %s}}",
            commit->image);
        add_task(scene, &text, "tool", "tool", "");
        add_service(scene, &text, "tool", "c", "tool");
    }
    if (commit->task != NULL) {
        add_task(scene, &text, "job", "example/job:1", commit->task);
        add_service(scene, &text, "job", "c", "job");
    }
    scene_commit(scene, commit->id, text);
    scene_run(scene, 30 * 1000);
}

static const char *hold(const struct scene *scene, const char *key)
{
    const struct memory_service *service = memory_service(scene->memory, key);
    return service == NULL ? NULL : service->hold;
}

static bool is_gone(const struct scene *scene, const char *key)
{
    return memory_service(scene->memory, key) == NULL;
}

#define PROTECTED "deletionProtection: true"

static void without_protection_they_go(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, &(struct commit){ .id = "c1", .cluster = "", .image = "", .task = "" });
    assert_false(is_gone(&scene, "d/inside"));
    apply(&scene, &(struct commit){ .id = "c2" });
    assert_true(is_gone(&scene, "d/inside"));
    assert_true(is_gone(&scene, "c/tool"));
    assert_true(is_gone(&scene, "c/job"));
    scene_close(&scene);
}

static void what_is_protected_holds_what_depends_on_it(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, &(struct commit){
                      .id = "c1", .cluster = PROTECTED, .image = PROTECTED, .task = PROTECTED });
    apply(&scene, &(struct commit){ .id = "c2" });
    assert_string_equal(hold(&scene, "d/inside"), "its Cluster 'd' has deletionProtection");
    assert_string_equal(hold(&scene, "c/tool"), "its Image 'tool' has deletionProtection");
    assert_string_equal(hold(&scene, "c/job"), "its Task 'job' has deletionProtection");
    assert_int_equal(scene_running(&scene, "tool"), 1);

    scene.prune_allowed = true;
    scene_run(&scene, 30 * 1000);
    assert_true(is_gone(&scene, "d/inside"));
    assert_true(is_gone(&scene, "c/tool"));
    assert_true(is_gone(&scene, "c/job"));
    scene_close(&scene);
}

static void a_lifted_protection_holds_nothing(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, &(struct commit){
                      .id = "c1", .cluster = PROTECTED, .image = PROTECTED, .task = PROTECTED });
    apply(&scene, &(struct commit){ .id = "c2", .cluster = "", .image = "", .task = "" });
    apply(&scene, &(struct commit){ .id = "c3" });
    assert_true(is_gone(&scene, "d/inside"));
    assert_true(is_gone(&scene, "c/tool"));
    assert_true(is_gone(&scene, "c/job"));
    scene_close(&scene);
}

/* Only the removal of what is protected is held, not that of others which used it. */
static void what_stays_declared_holds_nothing(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *text = "";

    scene_open(&scene);
    apply(&scene, &(struct commit){ .id = "c1", .task = PROTECTED });
    add_task(&scene, &text, "plain", "example/plain:1", "");
    add_task(&scene, &text, "job", "example/job:1", PROTECTED);
    add_service(&scene, &text, "s1", "c", "plain");
    add_service(&scene, &text, "s2", "c", "plain");
    add_service(&scene, &text, "s3", "c", "plain");
    add_service(&scene, &text, "s4", "c", "plain");
    add_service(&scene, &text, "s5", "c", "plain");
    scene_commit(&scene, "c2", text);
    scene_run(&scene, 30 * 1000);
    assert_true(is_gone(&scene, "c/job"));
    scene_close(&scene);
}

/* A service that goes over to something else is no removal of it; the images stay. */
static void images_of_a_protected_image_stay(void **unused)
{
    (void)unused;
    static const char *const tag = "berth/tool:0123456789ab";
    const struct world_change built = { .kind = WORLD_IMAGE,
                                        .image = { .instance = "local",
                                                   .id = "sha256:1",
                                                   .tags = &tag,
                                                   .tag_count = 1,
                                                   .name = "tool",
                                                   .owner = "me",
                                                   .key = "0123456789abcdef" } };
    struct scene scene;
    struct plan_input input;
    const struct world_instance *local;

    scene_open(&scene);
    apply(&scene, &(struct commit){ .id = "c1", .image = PROTECTED });
    (void)world_apply(scene.world, &built);
    const char *text = "";
    add_task(&scene, &text, "plain", "example/plain:1", "");
    add_service(&scene, &text, "tool", "c", "plain");
    add_service(&scene, &text, "s1", "c", "plain");
    add_service(&scene, &text, "s2", "c", "plain");
    add_service(&scene, &text, "s3", "c", "plain");
    add_service(&scene, &text, "s4", "c", "plain");
    add_service(&scene, &text, "s5", "c", "plain");
    scene_commit(&scene, "c2", text);
    scene_run(&scene, 30 * 1000);
    local = world_instance(scene.world, "local");
    assert_non_null(world_image(local, "sha256:1"));
    input = scene_input(&scene);
    assert_string_equal(image_guard(&input, "tool"), "it has deletionProtection");
    scene.prune_allowed = true;
    scene_run(&scene, 30 * 1000);
    assert_null(world_image(local, "sha256:1"));
    scene_close(&scene);
}

/* `berth plan` says the same before the merge. */
static void a_preview_tells_what_would_be_held(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct preview preview;
    AUTO(buf) text = { 0 };

    buf_init(&text, 64 * 1024);
    scene_open(&scene);
    apply(&scene, &(struct commit){ .id = "c1", .cluster = PROTECTED });
    struct desired *before = desired_make(scene.generation, NULL, NULL, NULL, NULL, NULL);
    apply(&scene, &(struct commit){ .id = "c2" });
    input = scene_input(&scene);
    preview_compute(&input,
                    &(struct preview_base){ .before = before, .in_force = scene.generation },
                    &scene.arena, &preview);
    assert_int_equal(preview.held, 2); /* the service, and the cluster with it */
    preview_print_text(&preview, &text);
    assert_non_null(strstr(buf_text(&text),
                           "held until it is confirmed: its Cluster 'd' has deletionProtection"));
    assert_non_null(strstr(buf_text(&text), "-   cluster d: remove\n"));
    assert_non_null(
        strstr(buf_text(&text), "held until it is confirmed: the removal of a service is held"));
    desired_free(before);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_protection_they_go),
        cmocka_unit_test(what_is_protected_holds_what_depends_on_it),
        cmocka_unit_test(a_lifted_protection_holds_nothing),
        cmocka_unit_test(what_stays_declared_holds_nothing),
        cmocka_unit_test(images_of_a_protected_image_stay),
        cmocka_unit_test(a_preview_tells_what_would_be_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
