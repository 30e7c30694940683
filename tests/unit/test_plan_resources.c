/*
 * The preview of what is no service: Images, Clusters and the volumes of a service that goes.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/golden.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define MINUTE_MS  (60 * 1000)
#define NOTHING    "No changes: what the commit declares is what runs.\n"
#define ONE_UPDATE "Plan: 0 to create, 0 to replace, 1 to update in place, 0 to remove.\n"

/* What a commit declares beside cluster c; NULL: not. */
struct written {
    const char *app;     /* spec of Image app, which service web uses */
    const char *tool;    /* of Image tool, which none does */
    const char *cluster; /* of Cluster d, in which nothing runs */
    bool without_web;
};

static void commit(struct scene *scene, const char *id, const struct written *written)
{
    struct arena *arena = &scene->arena;
    const char *text = "";

    if (written->app != NULL)
        text = arena_printf(arena,
                            "---\n{apiVersion: berth/v1, kind: Image, metadata: {name: app}, "
                            "spec: {%s}}\n",
                            written->app);
    if (written->tool != NULL)
        text = arena_printf(arena,
                            "%s---\n{apiVersion: berth/v1, kind: Image, metadata: {name: tool}, "
                            "spec: {%s}}\n",
                            text, written->tool);
    if (written->cluster != NULL)
        text = arena_printf(arena,
                            "%s---\n{apiVersion: berth/v1, kind: Cluster, metadata: {name: d}, "
                            "spec: {%s}}\n",
                            text, written->cluster);
    if (!written->without_web)
        text = arena_printf(
            arena,
            "%s---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
            "memory: 64, containerDefinitions: [{name: main, image: %s, mountPoints: "
            "[{sourceVolume: data, containerPath: /data}]}], "
            "volumes: [{name: data, deleteWithService: true}, {name: kept}]}}\n"
            "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
            "taskDefinition: web, minReadySeconds: 1, desiredCount: 1}}\n",
            text, written->app != NULL ? "app" : "'example/plain:1'");
    scene_commit(scene, id, text);
}

static void apply(struct scene *scene, const char *id, const struct written *written)
{
    commit(scene, id, written);
    scene_run(scene, MINUTE_MS);
}

struct asked {
    struct arena arena;
    struct preview preview;
    const char *text;
};

static void asked_release(struct asked *asked)
{
    arena_release(&asked->arena);
}
DEFINE_AUTO_VALUE(asked, asked_release)

static struct asked ask(const struct plan_input *input, const struct preview_base *base)
{
    struct asked asked = { 0 };
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    preview_compute(input, base, &asked.arena, &asked.preview);
    preview_print_text(&asked.preview, &text);
    asked.text = arena_text(&asked.arena, buf_text(&text));
    return asked;
}

/* Of what is written, by what runs since the commit that is in force. */
static struct asked ask_live(struct scene *scene, const char *id, const struct written *written)
{
    AUTO(generation) *in_force =
        scene->generation == NULL ? NULL : generation_ref(scene->generation);
    struct plan_input input;

    commit(scene, id, written);
    input = scene_input(scene);
    return ask(&input, &(struct preview_base){ .in_force = in_force });
}

static void assert_says(const struct asked *asked, const char *words)
{
    if (strstr(asked->text, words) == NULL)
        fail_msg("'%s' is not in:\n%s", words, asked->text);
}

static void assert_not_says(const struct asked *asked, const char *words)
{
    if (strstr(asked->text, words) != NULL)
        fail_msg("'%s' is in:\n%s", words, asked->text);
}

/* ---- Changed ---- */

static void images_that_are_retained_no_more_are_named(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, "c1", &(struct written){ .app = "source: 'example/app:1'" });
    apply(&scene, "c2", &(struct written){ .app = "source: 'example/app:2'" });
    apply(&scene, "c3", &(struct written){ .app = "source: 'example/app:3'" });
    AUTO(asked)
    same = ask_live(&scene, "c4", &(struct written){ .app = "source: 'example/app:3'" });
    assert_string_equal(same.text, NOTHING);
    AUTO(asked)
    asked =
        ask_live(&scene, "c5", &(struct written){ .app = "source: 'example/app:3', retain: 0" });
    assert_true(preview_has_changes(&asked.preview));
    assert_says(&asked, "~   image app: update in place (all.yaml:6)\n"
                        "      because its manifest changed\n"
                        "~     retain: 10 -> 0\n");
    assert_says(&asked, "      2 of its images are removed now: example/app:1, example/app:2\n");
    assert_says(&asked, ONE_UPDATE);
    scene_run(&scene, MINUTE_MS);
    assert_null(world_image(world_instance(scene.world, "local"), "example/app:1"));
    assert_null(world_image(world_instance(scene.world, "local"), "example/app:2"));
    assert_non_null(world_image(world_instance(scene.world, "local"), "example/app:3"));
    scene_close(&scene);
}

static void another_source_is_told_with_what_uses_it(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, "c1",
          &(struct written){ .app = "source: 'example/app:1'", .tool = "source: 'example/t:1'" });
    AUTO(asked)
    asked = ask_live(
        &scene, "c2",
        &(struct written){ .app = "source: 'example/app:2'", .tool = "source: 'example/t:2'" });
    assert_says(&asked, "~     source: example/app:1 -> example/app:2\n"
                        "      the services that use it get new tasks\n");
    assert_says(&asked, "~     source: example/t:1 -> example/t:2\n      no service uses it\n");
    assert_says(&asked, "-/+ service c/web: replace");
    assert_says(&asked, "Plan: 0 to create, 1 to replace, 2 to update in place, 0 to remove.\n");
    scene_close(&scene);
}

static void a_cluster_that_reserves_cpu_is_told(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, "c1", &(struct written){ .cluster = "tags: {team: a}" });
    AUTO(asked) tags = ask_live(&scene, "c2", &(struct written){ .cluster = "tags: {team: b}" });
    assert_string_equal(tags.text, NOTHING);
    AUTO(asked)
    asked = ask_live(&scene, "c3", &(struct written){ .cluster = "cpuOvercommit: 1.5" });
    assert_says(&asked, "~   cluster d: update in place");
    assert_says(&asked, "cpuOvercommit: ");
    assert_says(&asked, "1.5\n      it counts for tasks that are started; those that run stay\n");
    assert_says(&asked, ONE_UPDATE);
    scene_close(&scene);
}

static void on_which_hosts_a_maintenance_begins_is_told(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *hosts = "launchType: EC2, instances: [{name: x, host: x}, {name: y, host: y}, "
                        "{name: z, host: z, state: DRAINING}]";

    scene_open(&scene);
    apply(&scene, "c1", &(struct written){ .cluster = hosts });
    AUTO(asked)
    asked = ask_live(
        &scene, "c2",
        &(struct written){
            .cluster = arena_printf(&scene.arena, "maintenance: {command: uptime}, %s", hosts) });
    assert_says(&asked, "      its hosts are maintained one after the other: x, y\n");
    AUTO(asked)
    more = ask_live(
        &scene, "c3",
        &(struct written){
            .cluster = arena_printf(
                &scene.arena, "maintenance: {command: uptime, maxUnavailable: 2}, %s", hosts) });
    assert_says(&more, "      its hosts are maintained, at most 2 at a time: x, y\n");
    AUTO(asked)
    later = ask_live(
        &scene, "c4",
        &(struct written){
            .cluster = arena_printf(
                &scene.arena,
                "maintenance: {command: uptime, windows: [{scheduleExpression: 'cron(0 3 ? * SUN "
                "*)', duration: 2h}]}, %s",
                hosts) });
    assert_says(&later, "      its hosts are maintained from Sun 2023-11-19 03:00 UTC on one after "
                        "the other: x, y\n");
    scene_close(&scene);
}

/* ---- New and gone ---- */

static void without_a_commit_in_force_all_is_new(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct written written = { .app = "source: 'example/app:1'", .tool = "source: x" };

    scene_open(&scene);
    AUTO(asked) asked = ask_live(&scene, "c1", &written);
    assert_says(&asked, "+   image app: create");
    assert_says(&asked, "+   image tool: create");
    assert_says(&asked, "no service uses it: nothing is built or pulled\n");
    assert_says(&asked, "+   cluster c: create (all.yaml:3)\n"
                        "      because it is new in the repository\n"
                        "      its network is created before its first task\n");
    assert_says(&asked, "Plan: 4 to create,");
    /* The memory is lost, what was made is not. */
    scene_run(&scene, MINUTE_MS);
    scene_forget(&scene);
    struct plan_input input = scene_input(&scene);
    AUTO(asked) found = ask(&input, &(struct preview_base){ 0 });
    assert_not_says(&found, "cluster c");
    scene_close(&scene);
}

static void what_is_gone_goes_last(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *image;

    scene_open(&scene);
    apply(&scene, "c1",
          &(struct written){ .app = "source: 'example/app:1'", .cluster = "cpuOvercommit: 1" });
    AUTO(asked) asked = ask_live(&scene, "c2", &(struct written){ 0 });
    image = strstr(asked.text, "-   image app: remove\n");
    assert_non_null(image);
    assert_non_null(strstr(image, "because no manifest declares it any more\n"));
    assert_non_null(strstr(image, "-   cluster d: remove\n"));
    assert_non_null(strstr(image, "its network is removed after its last task\n"));
    assert_says(&asked, "2 to remove.\n");
    assert_true(preview_has_changes(&asked.preview));
    assert_int_equal(asked.preview.held, 0);
    scene_close(&scene);
}

static void what_would_be_held_says_so(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct written before = { .app = "source: 'example/app:1', deletionProtection: true",
                                    .cluster = "cpuOvercommit: 1" };

    scene_open(&scene);
    apply(&scene, "c1", &before);
    /* Its last user leaves it first, and so it is the image alone that is held. */
    AUTO(asked) asked = ask_live(&scene, "c2", &(struct written){ 0 });
    assert_says(&asked, "held until it is confirmed: it has deletionProtection\n");
    assert_says(&asked, "its network is removed after its last task\n");
    assert_int_equal(asked.preview.held, 1);
    scene.prune_allowed = true;
    struct plan_input input = scene_input(&scene);
    AUTO(asked) confirmed = ask(&input, &(struct preview_base){ .in_force = scene.generation });
    assert_int_equal(confirmed.preview.held, 0);
    scene_close(&scene);
}

static void a_commit_that_cannot_be_read_is_told(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;

    scene_open(&scene);
    apply(&scene, "c1", &(struct written){ .app = "source: 'example/app:1'" });
    input = scene_input(&scene);
    AUTO(asked) asked = ask(&input, &(struct preview_base){ .unreadable = "it is gone" });
    assert_string_equal(asked.text,
                        "!     Images and Clusters are not compared: it is gone\n\n"
                        "No changes of services; Images and Clusters are not compared.\n");
    scene_close(&scene);
}

/* ---- Volumes ---- */

static void volumes_that_go_with_a_service_are_named(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    apply(&scene, "c1", &(struct written){ 0 });
    AUTO(asked) asked = ask_live(&scene, "c2", &(struct written){ .without_web = true });
    assert_says(&asked, "held until it is confirmed: the commit would remove the last service\n"
                        "-     delete volume berth-me-c.web.data and all that is in it\n");
    scene.prune_allowed = true;
    struct plan_input input = scene_input(&scene);
    AUTO(asked) confirmed = ask(&input, &(struct preview_base){ .in_force = scene.generation });
    assert_says(&confirmed, "its tasks are stopped and removed; its other volumes stay\n"
                            "-     delete volume berth-me-c.web.data and all that is in it\n");
    assert_int_equal(confirmed.preview.services[0].delete_count, 1);
    scene_run(&scene, MINUTE_MS);
    assert_null(world_volume(world_instance(scene.world, "local"), "berth-me-c.web.data"));
    assert_non_null(world_volume(world_instance(scene.world, "local"), "berth-me-c.web.kept"));
    scene_close(&scene);
}

/* Which a former revision named, and the one that runs does not. */
static void volumes_of_former_revisions_go_too(void **unused)
{
    (void)unused;
    static const char task[] =
        "---\n{apiVersion: berth/v1, kind: Task, metadata: {name: web}, spec: {cpu: 256, "
        "memory: 64, containerDefinitions: [{name: main, image: 'a:%d', mountPoints: "
        "[{sourceVolume: %s, containerPath: /data}]}], volumes: [{name: %s, "
        "deleteWithService: %s}]}}\n"
        "---\n{apiVersion: berth/v1, kind: Service, metadata: {name: web}, spec: {cluster: c, "
        "taskDefinition: web, minReadySeconds: 1, desiredCount: 1}}\n"
        "---\n{apiVersion: berth/v1, kind: Cluster, metadata: {name: d}, spec: {launchType: "
        "FARGATE}}\n";
    /* The newest word counts: `mine` was to go, and is not any more. */
    static const char *const revisions[][2] = {
        { "old", "true" }, { "mine", "true" }, { "kept", "false" }, { "mine", "false" }
    };
    static const char *const stays[] = { "berth-me-c.web.mine", "berth-me-c.web.kept" };
    const struct world_instance *instance;
    struct scene scene;

    scene_open(&scene);
    for (size_t i = 0; i < ARRAY_COUNT(revisions); i++) {
        scene_commit(
            &scene, arena_printf(&scene.arena, "c%zu", i),
            arena_printf(&scene.arena, task, 1, revisions[i][0], revisions[i][0], revisions[i][1]));
        scene_run(&scene, MINUTE_MS);
    }
    /* Nor does it matter how many came since. */
    for (int i = 2; i < 14; i++) {
        scene_commit(&scene, arena_printf(&scene.arena, "d%d", i),
                     arena_printf(&scene.arena, task, i, "mine", "mine", "false"));
        scene_run(&scene, MINUTE_MS);
        memory_expire(scene.memory, scene.world, scene.now_ms);
    }
    instance = world_instance(scene.world, "local");
    assert_non_null(world_volume(instance, "berth-me-c.web.old"));
    AUTO(asked) asked = ask_live(&scene, "c9", &(struct written){ .without_web = true });
    assert_says(&asked, "-     delete volume berth-me-c.web.old and all that is in it\n");
    assert_int_equal(asked.preview.services[0].delete_count, 1);
    assert_non_null(world_volume(instance, "berth-me-c.web.old")); /* held, like its service */
    scene.prune_allowed = true;
    scene_run(&scene, MINUTE_MS);
    assert_null(world_service(scene.world, "c", "web"));
    assert_null(world_volume(instance, "berth-me-c.web.old"));
    for (size_t i = 0; i < ARRAY_COUNT(stays); i++)
        assert_non_null(world_volume(instance, stays[i]));
    scene_close(&scene);
}

/* ---- As it is printed ---- */

#define FOLDER "tests/golden/preview"

/* Between two commits, each of the forms. */
static void all_forms_have_them(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(buf) markdown = { 0 };
    AUTO(buf) json_text = { 0 };
    const struct written before = { .app = "build: {context: app}, repository: 'r.example/app'",
                                    .tool = "source: 'example/tool:1'",
                                    .cluster = "cpuOvercommit: 1" };
    const struct written after = { .app = "build: {context: app}, retain: 2", .without_web = true };

    scene_open(&scene);
    commit(&scene, "c1", &before);
    AUTO(desired) *from = desired_make(scene.generation, NULL, NULL, NULL, NULL, NULL);
    commit(&scene, "c2", &after);
    struct plan_input input = scene_input(&scene);
    AUTO(asked) asked = ask(&input, &(struct preview_base){ .before = from });
    golden_check(FOLDER "/resources.txt", asked.text);
    buf_init(&markdown, LIMIT_OUTPUT);
    preview_print_markdown(&asked.preview, "0123456789abcdef", "less of it", &markdown);
    golden_check(FOLDER "/resources.md", buf_text(&markdown));
    AUTO(json) *json = preview_json(&asked.preview);
    buf_init(&json_text, LIMIT_OUTPUT);
    json_print(json, JSON_STYLE_PRETTY, &json_text);
    golden_check(FOLDER "/resources.json", buf_text(&json_text));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_that_are_retained_no_more_are_named),
        cmocka_unit_test(another_source_is_told_with_what_uses_it),
        cmocka_unit_test(a_cluster_that_reserves_cpu_is_told),
        cmocka_unit_test(on_which_hosts_a_maintenance_begins_is_told),
        cmocka_unit_test(without_a_commit_in_force_all_is_new),
        cmocka_unit_test(what_is_gone_goes_last),
        cmocka_unit_test(what_would_be_held_says_so),
        cmocka_unit_test(a_commit_that_cannot_be_read_is_told),
        cmocka_unit_test(volumes_that_go_with_a_service_are_named),
        cmocka_unit_test(volumes_of_former_revisions_go_too),
        cmocka_unit_test(all_forms_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
