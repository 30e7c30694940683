/*
 * The preview says what the planner then does: of what runs as it is, of what is under way, of what
 * people stopped, and of what cannot be.
 */
#include <string.h>

#include "reconciler/plan/preview.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/plan_scene.h"
#include "tests/unit/unit.h"

#define MINUTE_MS (60 * 1000)
#define BREAKER                                                                                    \
    "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}"

/* ---- Asking ---- */

struct asked {
    struct arena arena;
    struct preview preview;
    const char *text;
};

/* Images and Clusters are those of the commit in force: tests/unit/test_plan_resources.c. */
static void ask(struct asked *asked, const struct plan_input *input, const struct desired *before)
{
    const struct preview_base base = { .before = before, .in_force = input->desired->generation };
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    preview_compute(input, &base, &asked->arena, &asked->preview);
    preview_print_text(&asked->preview, &text);
    asked->text = arena_text(&asked->arena, buf_text(&text));
}

static struct asked ask_live(const struct scene *scene)
{
    const struct plan_input input = scene_input(scene);
    struct asked asked = { 0 };

    ask(&asked, &input, NULL);
    return asked;
}

static void asked_release(struct asked *asked)
{
    arena_release(&asked->arena);
}
DEFINE_AUTO_VALUE(asked, asked_release)

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

static void assert_verdict(const struct asked *asked, const char *key, enum preview_verdict verdict)
{
    for (size_t i = 0; i < asked->preview.count; i++) {
        if (!text_equal(asked->preview.services[i].key, key))
            continue;
        if (asked->preview.services[i].verdict != verdict)
            fail_msg("%s is '%s':\n%s", key,
                     preview_verdict_text(asked->preview.services[i].verdict), asked->text);
        return;
    }
    fail_msg("%s is not in the preview", key);
}

static void commit(struct scene *scene, const char *commit, const char *color, const char *spec)
{
    scene_commit(scene, commit, scene_service(scene, "web", color, spec));
}

static void run_web(struct scene *scene)
{
    scene_open(scene);
    commit(scene, "c1", "red", "desiredCount: 2, " BREAKER);
    scene_run(scene, MINUTE_MS);
    assert_int_equal(scene_running(scene, "web"), 2);
}

static void suspend(struct scene *scene, const char *reason)
{
    const struct fact fact = {
        .kind = FACT_SUSPEND, .cluster = "c", .service = "web", .text = reason
    };
    memory_apply(scene->memory, &fact);
}

/* ---- What runs ---- */

static void a_new_service_is_created_on_an_engine_that_nobody_has(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", "desiredCount: 2");
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_CREATE);
    assert_says(&asked, "2 tasks of web are started\n");
    assert_not_says(&asked, "it would wait");
    assert_says(&asked, "Plan: 1 to create, 0 to replace, 0 to update in place, 0 to remove.\n");
    assert_null(memory_service(scene.memory, "c/web"));
    scene_close(&scene);
}

static void nothing_changes_only_when_all_is_well(void **unused)
{
    (void)unused;
    struct scene scene;

    run_web(&scene);
    AUTO(asked) well = ask_live(&scene);
    assert_string_equal(well.text, "No changes: what the commit declares is what runs.\n");
    assert_false(preview_has_changes(&well.preview));

    scene_end_container(&scene, 0, 137);
    AUTO(asked) killed = ask_live(&scene);
    assert_verdict(&killed, "c/web", PREVIEW_REPAIR);
    assert_says(&killed, "1 task is missing and is started; 1 task that ended is removed\n");
    assert_says(&killed, "0 to remove; 1 to repair.\n");
    assert_true(preview_has_changes(&killed.preview));
    scene_run(&scene, MINUTE_MS);
    AUTO(asked) again = ask_live(&scene);
    assert_string_equal(again.text, "No changes: what the commit declares is what runs.\n");
    scene_close(&scene);
}

static void a_rollout_under_way_is_told(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", "desiredCount: 2");
    scene_settle(&scene);
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_CONTINUE);
    assert_says(&asked, "the rollout of commit c1 (0 of 2 tasks are healthy) goes on\n");
    assert_says(&asked, "; 1 rollout under way.\n");

    commit(&scene, "c2", "red", "desiredCount: 3");
    AUTO(asked) more = ask_live(&scene);
    assert_verdict(&more, "c/web", PREVIEW_UPDATE);
    assert_says(&more, "from 2 to 3 tasks\n      the rollout of commit c1 (0 of 2 tasks are "
                       "healthy) goes on\n");

    commit(&scene, "c3", "blue", "desiredCount: 2");
    AUTO(asked) other = ask_live(&scene);
    assert_verdict(&other, "c/web", PREVIEW_REPLACE);
    assert_says(&other, "the rollout of commit c1 (0 of 2 tasks are healthy) is superseded\n");
    scene_close(&scene);
}

static void what_is_replaced_is_what_runs(void **unused)
{
    (void)unused;
    struct scene scene;

    run_web(&scene);
    commit(&scene, "c2", "blue", "desiredCount: 3, " BREAKER);
    AUTO(asked) more = ask_live(&scene);
    assert_says(&more, "~     desiredCount: 2 -> 3\n");
    assert_says(&more, "environment[COLOR]: red -> blue  # new tasks\n");
    assert_says(&more,
                "2 tasks are replaced by 3, new before old, each old one only when a new one "
                "is healthy: at most 6 run, never fewer than 2 healthy\n");
    commit(&scene, "c3", "blue",
           "desiredCount: 2, deploymentConfiguration: {maximumPercent: 100, "
           "minimumHealthyPercent: 0}");
    AUTO(asked) down = ask_live(&scene);
    assert_says(&down, "!     2 tasks are replaced, old before new, 2 at a time: at least 0 stay "
                       "healthy, so there is a moment without any\n");
    scene_close(&scene);
}

/* An empty state directory: containers tell of themselves. */
static void what_is_found_by_its_labels_is_kept(void **unused)
{
    (void)unused;
    struct scene scene;

    run_web(&scene);
    memory_free(scene.memory);
    scene.memory = memory_new();
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_UPDATE);
    assert_says(&asked, "2 tasks are of its revision and kept\n");
    commit(&scene, "c2", "blue", "desiredCount: 2");
    AUTO(asked) other = ask_live(&scene);
    assert_verdict(&other, "c/web", PREVIEW_REPLACE);
    assert_says(&other, "2 tasks are replaced, new before old");
    scene_commit(&scene, "c3", scene_service(&scene, "other", "red", "desiredCount: 1"));
    AUTO(asked) gone = ask_live(&scene);
    assert_verdict(&gone, "c/web", PREVIEW_REMOVE);
    scene_close(&scene);
}

/* ---- What people or failures stopped ---- */

static void nothing_happens_to_what_is_suspended(void **unused)
{
    (void)unused;
    struct scene scene;

    run_web(&scene);
    suspend(&scene, "looking");
    commit(&scene, "c2", "blue", "desiredCount: 2, " BREAKER);
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_SUSPENDED);
    assert_says(&asked, "because suspended: looking\n");
    assert_says(&asked, "environment[COLOR]: red -> blue");
    assert_says(&asked,
                "nothing happens until `berth resume c/web`; then its tasks are replaced\n");
    assert_says(&asked, "No changes: 1 suspended; all else that the commit declares is what runs.");
    assert_not_says(&asked, "2 tasks are replaced");
    scene_run(&scene, MINUTE_MS);
    assert_int_equal(scene.container_count, 2);

    scene_commit(&scene, "c3", scene_service(&scene, "other", "red", "desiredCount: 1"));
    AUTO(asked) gone = ask_live(&scene);
    assert_verdict(&gone, "c/web", PREVIEW_SUSPENDED);
    assert_says(&gone, "nothing happens until `berth resume c/web`; then it is removed\n");
    scene_close(&scene);
}

static void what_failed_stays_rolled_back(void **unused)
{
    (void)unused;
    struct scene scene;

    run_web(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c2", "blue", "desiredCount: 2, " BREAKER);
    scene_run(&scene, 10 * MINUTE_MS);
    assert_true(scene_primary(&scene, "c/web")->rollback);
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_QUARANTINED);
    assert_says(&asked, "failed: ECS deployment circuit breaker");
    assert_says(&asked, "it stays rolled back to commit c1 until a commit changes its revision, or "
                        "`berth resume c/web --retry`\n");
    assert_says(&asked, "No changes: 1 quarantined;");
    assert_not_says(&asked, "are replaced");

    commit(&scene, "c3", "green", "desiredCount: 2, " BREAKER);
    AUTO(asked) other = ask_live(&scene);
    assert_verdict(&other, "c/web", PREVIEW_REPLACE);
    assert_says(&other, "failed, and is quarantined no more\n");
    commit(&scene, "c4", "red", "desiredCount: 2, " BREAKER);
    AUTO(asked) back = ask_live(&scene);
    assert_string_equal(back.text, "No changes: what the commit declares is what runs.\n");
    scene_close(&scene);
}

static void without_a_rollback_a_failure_stays_one(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c1", "red", "desiredCount: 1, " BREAKER);
    scene_run(&scene, 10 * MINUTE_MS);
    assert_int_equal(scene_primary(&scene, "c/web")->state, ROLLOUT_FAILED);
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_QUARANTINED);
    assert_says(&asked, "no task of it is started until a commit changes its revision");
    scene_close(&scene);
}

static void what_comes_back_is_left_as_it_is(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    scene.rewrites = UINT32_MAX;
    commit(&scene, "c1", "red", "desiredCount: 1");
    scene_run(&scene, MINUTE_MS);
    assert_non_null(memory_service(scene.memory, "c/web")->frozen);
    AUTO(asked) asked = ask_live(&scene);
    AUTO(memory) *copy = memory_copy(scene.memory);
    assert_verdict(&asked, "c/web", PREVIEW_LEFT);
    assert_says(&asked, "it would wait: Memory is not as declared, and came back");
    assert_says(&asked, "No changes: 1 left as it is;");
    assert_string_equal(memory_service(copy, "c/web")->frozen, "Memory");
    scene_close(&scene);
}

/* ---- What cannot be ---- */

static void what_does_not_fit_is_told_in_the_planners_words(void **unused)
{
    (void)unused;
    struct scene scene;

    scene_open(&scene);
    commit(&scene, "c1", "red", "desiredCount: 200");
    AUTO(asked) asked = ask_live(&scene);
    assert_verdict(&asked, "c/web", PREVIEW_CREATE);
    assert_says(&asked, "!     it would wait: 128 of 200 new tasks fit now, the others wait as "
                        "PENDING: service web was unable to place a task");
    assert_says(&asked, "it needs 512 MiB of memory, local has 0 of 65536 MiB left\n");
    scene_close(&scene);
}

static void what_it_depends_on_is_waited_for(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *db;

    scene_open(&scene);
    db = scene_service(&scene, "db", "red", "desiredCount: 1");
    scene.exits_on_start = true;
    scene_commit(&scene, "c1", db);
    scene_run(&scene, MINUTE_MS);
    scene_commit(
        &scene, "c2",
        arena_printf(&scene.arena, "%s%s", db,
                     scene_service(&scene, "web", "red", "desiredCount: 1, dependsOn: [db]")));
    AUTO(asked) asked = ask_live(&scene);
    assert_says(&asked, "it would wait: service db, which it depends on, is not healthy yet\n");
    assert_verdict(&asked, "c/db", PREVIEW_CONTINUE);
    assert_says(&asked, "it would wait: tasks keep failing to start");
    scene_close(&scene);
}

static void an_engine_that_is_lost_tells_nothing(void **unused)
{
    (void)unused;
    struct scene scene;
    const struct world_change lost = { .kind = WORLD_INSTANCE_LOST,
                                       .lost = { .instance = "local", .failure = "gone away" } };

    run_web(&scene);
    (void)world_apply(scene.world, &lost);
    AUTO(asked) asked = ask_live(&scene);
    assert_says(&asked, "!     nothing is done yet: the engine does not answer: gone away\n");
    assert_says(&asked, "No changes to what was applied last; what runs is not known.\n");
    scene_close(&scene);
}

static void an_engine_of_another_repository_is_left_alone(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct asked asked = { 0 };

    run_web(&scene);
    input = scene_input(&scene);
    input.root = "9999999999999999999999999999999999999999";
    ask(&asked, &input, NULL);
    assert_says(&asked, "nothing is done yet: the engine belongs to another repository");
    asked_release(&asked);
    asked = (struct asked){ 0 };
    input.take_over = true;
    ask(&asked, &input, NULL);
    assert_not_says(&asked, "nothing is done yet");
    asked_release(&asked);
    scene_close(&scene);
}

static void removals_are_held_until_the_candidate_confirms_them(void **unused)
{
    (void)unused;
    struct scene scene;
    struct plan_input input;
    struct asked confirmed = { 0 };

    run_web(&scene);
    scene_commit(&scene, "c2", scene_service(&scene, "other", "red", "desiredCount: 1"));
    scene.prune_allowed = false;
    scene_commit(&scene, "c3", "");
    AUTO(asked) held = ask_live(&scene);
    assert_verdict(&held, "c/web", PREVIEW_REMOVE);
    assert_says(&held, "held until it is confirmed: the commit would remove the last service\n");
    assert_int_equal(held.preview.held, 1);
    input = scene_input(&scene);
    input.prune_allowed = true;
    ask(&confirmed, &input, NULL);
    assert_int_equal(confirmed.preview.held, 0);
    assert_says(&confirmed, "its tasks are stopped and removed");
    asked_release(&confirmed);
    scene_close(&scene);
}

/* ---- Between two commits ---- */

static const char two_containers[] =
    "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\nspec: {launchType: FARGATE}\n"
    "---\napiVersion: berth/v1\nkind: Image\nmetadata: {name: app}\n"
    "spec: {build: {context: app}}\n"
    "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: web}\nspec:\n"
    "  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
    "    - {name: a, image: app, environment: {COLOR: %s}}\n"
    "    - {name: b, image: app}\n"
    "    - {name: c, image: 'example/c:1'}\n"
    "    - {name: d, image: 'example/c:1'}\n"
    "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: web}\n"
    "spec: {cluster: c, taskDefinition: web, desiredCount: 1}\n";

static struct desired *declare(const char *color, char key)
{
    AUTO(arena) arena = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct err err = { 0 };
    struct file_change file = { .path = "all.yaml" };
    char build_key[SHA256_HEX_SIZE];

    memset(build_key, key, sizeof(build_key) - 1);
    build_key[sizeof(build_key) - 1] = '\0';
    file.bytes = arena_printf(&arena, two_containers, color);
    file.size = strlen(file.bytes);
    sha256_hex(file.bytes, file.size, file.blob);
    if (generation_derive(NULL, "c", &file, 1, &diags, &generation, &err) < 0)
        fail_msg("%s", diags.items[0].text);
    generation_set_build_key(generation, "app", build_key);
    return desired_make(generation, NULL, NULL, NULL, NULL, NULL);
}

static void only_images_that_changed_are_built_and_once(void **unused)
{
    (void)unused;
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(memory) *memory = memory_new();
    AUTO(desired) *red = declare("red", '1');
    AUTO(desired) *blue = declare("blue", '1');
    AUTO(desired) *other = declare("red", '2');
    struct plan_input input = {
        .desired = blue, .world = world, .memory = memory, .owner = "me", .now_ms = 1
    };
    AUTO(asked) same = { 0 };
    AUTO(asked) changed = { 0 };

    ask(&same, &input, red);
    assert_verdict(&same, "c/web", PREVIEW_REPLACE);
    assert_int_equal(same.preview.services[0].build_count, 0);
    assert_int_equal(same.preview.services[0].pull_count, 1);
    input.desired = other;
    ask(&changed, &input, red);
    assert_int_equal(changed.preview.services[0].build_count, 1);
    assert_says(&changed, "+     build image berth/app:222222222222\n");
}

/* ---- Comments ---- */

static const char *markdown_of(struct asked *asked, const char *subject)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    preview_print_markdown(&asked->preview, "0123456789abcdef", subject, &text);
    return arena_text(&asked->arena, buf_text(&text));
}

static void nothing_breaks_out_of_a_comment(void **unused)
{
    (void)unused;
    struct scene scene;
    const char *text;
    const char *fence;

    run_web(&scene);
    commit(&scene, "c2", "\"````\\n</details> @all | \\e[31m\"", "desiredCount: 2, " BREAKER);
    AUTO(asked) asked = ask_live(&scene);
    assert_says(&asked, "red -> ````...  # new tasks\n");
    text = markdown_of(&asked, "a `tick` @team <b>");
    assert_non_null(strstr(text, "### berth plan of `01234567` `` a `tick` @team <b> ``\n"));
    fence = strstr(text, "`````diff\n");
    assert_non_null(fence);
    assert_non_null(strstr(fence, "\n`````\n\n</details>\n"));
    suspend(&scene, "one\ntwo \x1b[31m\xc2\x9b"
                    "31m");
    AUTO(asked) suspended = ask_live(&scene);
    assert_says(&suspended, "because suspended: one two ?[31m?31m\n");
    scene_close(&scene);
}

static void a_comment_has_its_limit(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(buf) manifests = { 0 };
    char subject[4000];
    const char *text;

    scene_open(&scene);
    buf_init(&manifests, 4 * 1024 * 1024);
    for (int i = 0; i < 600; i++) {
        const char *name = arena_printf(&scene.arena, "service-%03d", i);
        buf_text_add(&manifests, scene_service(&scene, name, "red", "desiredCount: 1"));
    }
    scene_commit(&scene, "c1", buf_text(&manifests));
    AUTO(asked) asked = ask_live(&scene);
    assert_says(&asked, "service c/service-599: create");
    memset(subject, 'x', sizeof(subject) - 1);
    subject[sizeof(subject) - 1] = '\0';
    text = markdown_of(&asked, subject);
    assert_true(strlen(text) < 65536);
    assert_true(strlen(text) > 50000);
    assert_non_null(strstr(text, " more do not fit: `berth plan` prints all of them.\n"));
    assert_non_null(strstr(text, "\n```\n"));
    assert_true(text_ends(text, "\n</details>\n"));
    scene_close(&scene);
}

/* ---- A memory to try facts on ---- */

static void a_copy_of_a_memory_is_its_own(void **unused)
{
    (void)unused;
    struct scene scene;
    AUTO(memory) *copy = NULL;
    const struct memory_service *from;
    const struct memory_service *to;
    const struct fact forget = { .kind = FACT_FORGET, .cluster = "c", .service = "web" };

    run_web(&scene);
    scene.exits_on_start = true;
    commit(&scene, "c2", "blue", "desiredCount: 2, " BREAKER);
    scene_run(&scene, 10 * MINUTE_MS);
    suspend(&scene, "looking");
    copy = memory_copy(scene.memory);
    from = memory_service(scene.memory, "c/web");
    to = memory_service(copy, "c/web");
    assert_string_equal(to->quarantined, from->quarantined);
    assert_string_equal(to->suspended, "looking");
    assert_int_equal(to->thawed_ms, from->thawed_ms);
    for (const struct memory_deployment *a = from->newest, *b = to->newest; a != NULL || b != NULL;
         a = a->older, b = b->older) {
        assert_non_null(a);
        assert_non_null(b);
        assert_string_equal(a->record.id, b->record.id);
        assert_int_equal(a->record.state, b->record.state);
        assert_int_equal(a->throttle.start_failures, b->throttle.start_failures);
        assert_int_equal(a->throttle.retry_at_ms, b->throttle.retry_at_ms);
    }
    for (const struct memory_task *at = scene.memory->tasks; at != NULL; at = at->by_id.next)
        assert_int_equal(memory_task(copy, at->record.id)->stopped_ms, at->record.stopped_ms);
    memory_apply(copy, &forget);
    assert_null(memory_service(copy, "c/web"));
    assert_non_null(memory_service(scene.memory, "c/web"));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_service_is_created_on_an_engine_that_nobody_has),
        cmocka_unit_test(nothing_changes_only_when_all_is_well),
        cmocka_unit_test(a_rollout_under_way_is_told),
        cmocka_unit_test(what_is_replaced_is_what_runs),
        cmocka_unit_test(what_is_found_by_its_labels_is_kept),
        cmocka_unit_test(nothing_happens_to_what_is_suspended),
        cmocka_unit_test(what_failed_stays_rolled_back),
        cmocka_unit_test(without_a_rollback_a_failure_stays_one),
        cmocka_unit_test(what_comes_back_is_left_as_it_is),
        cmocka_unit_test(what_does_not_fit_is_told_in_the_planners_words),
        cmocka_unit_test(what_it_depends_on_is_waited_for),
        cmocka_unit_test(an_engine_that_is_lost_tells_nothing),
        cmocka_unit_test(an_engine_of_another_repository_is_left_alone),
        cmocka_unit_test(removals_are_held_until_the_candidate_confirms_them),
        cmocka_unit_test(only_images_that_changed_are_built_and_once),
        cmocka_unit_test(nothing_breaks_out_of_a_comment),
        cmocka_unit_test(a_comment_has_its_limit),
        cmocka_unit_test(a_copy_of_a_memory_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
