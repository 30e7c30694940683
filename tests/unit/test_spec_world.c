/*
 * The world: what is a change, what it dirties, what a listing sweeps, and what is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/action.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/world.h"
#include "tests/unit/unit.h"

/* The keys that were marked since the last look, "service c/web instance a ...", each once. */
struct marks {
    char text[1024];
    size_t size;
};

#define KIND_TEXT(name, text) text,
static void mark_note(void *context, enum dirty_kind kind, const char *key)
{
    struct marks *marks = context;
    char word[256];
    static const char *const texts[] = { DIRTY_KINDS(KIND_TEXT) };
    (void)snprintf(word, sizeof(word), "%s:%s ", texts[kind], key);
    if (strstr(marks->text, word) != NULL)
        return;
    assert_true(marks->size + strlen(word) < sizeof(marks->text));
    memcpy(marks->text + marks->size, word, strlen(word) + 1);
    marks->size += strlen(word);
}

static void marks_forget(const struct world *world)
{
    struct marks *marks = world->dirty_context;
    *marks = (struct marks){ 0 };
}

/* What was marked since the last look. */
#define assert_marks(world, expected)                                                              \
    do {                                                                                           \
        assert_string_equal(((struct marks *)(world)->dirty_context)->text, expected);             \
        marks_forget(world);                                                                       \
    } while (0)

static int setup(void **state)
{
    *state = world_new(mark_note, mem_alloc(sizeof(struct marks)));
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    void *marks = world->dirty_context;
    world_free(world);
    free(marks);
    return 0;
}

static bool apply_named(struct world *world, enum world_change_kind kind, const char *instance,
                        const char *name)
{
    const struct world_change change = { .kind = kind,
                                         .named = { .instance = instance, .name = name } };
    return world_apply(world, &change);
}

static bool apply_instance(struct world *world, const char *name, uint32_t memory_mib)
{
    const struct world_change change = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = name,
                                                       .engine_id = "ID",
                                                       .engine_version = "20.10",
                                                       .architecture = "x86_64",
                                                       .cpu_units = 2048,
                                                       .memory_mib = memory_mib } };
    return world_apply(world, &change);
}

static bool apply_lost(struct world *world, const char *name, const char *failure)
{
    const struct world_change change = { .kind = WORLD_INSTANCE_LOST,
                                         .lost = { .instance = name, .failure = failure } };
    return world_apply(world, &change);
}

static struct container_report report_make(const char *id, const char *task)
{
    return (struct container_report){ .instance = "a",
                                      .id = id,
                                      .name = "berth-x-web",
                                      .cluster = "c",
                                      .service = "web",
                                      .task = task,
                                      .container = "web",
                                      .family = "web",
                                      .revision = "r1",
                                      .deployment = "d1",
                                      .digest = "sha256:1",
                                      .commit = "c1",
                                      .containers = 1,
                                      .slot = 0,
                                      .attempt = 1,
                                      .status = CONTAINER_RUNNING,
                                      .image_id = "sha256:i" };
}

static bool apply_report(struct world *world, const struct container_report *report)
{
    const struct world_change change = { .kind = WORLD_CONTAINER, .container = *report };
    return world_apply(world, &change);
}

static struct container_report inspected(struct container_report report)
{
    report.inspected = true;
    report.health = HEALTH_HEALTHY;
    report.created_ms = 100;
    report.started_ms = 200;
    report.address = "172.20.0.2";
    return report;
}

static void a_repeated_report_is_no_change(void **state)
{
    struct world *world = *state;
    struct container_report report = inspected(report_make("id1", "t1"));

    assert_true(apply_report(world, &report));
    assert_marks(world, "service:c/web ");
    uint64_t version = world->version;
    assert_false(apply_report(world, &report));
    assert_marks(world, "");
    assert_int_equal(world->version, version);

    report.health = HEALTH_UNHEALTHY;
    assert_true(apply_report(world, &report));
    assert_marks(world, "service:c/web ");
    assert_int_equal(world->version, version + 1);
    report.address = "172.20.0.3";
    assert_true(apply_report(world, &report));
    assert_marks(world, "service:c/web ");
    report.drift = "Networks";
    assert_true(apply_report(world, &report));
    report.drift = "";
    assert_true(apply_report(world, &report));
    assert_null(world_container(world, "id1")->drift);
}

/* It may say something else each time, which is no reason to plan; how it ended is, for people. */
static void what_a_check_wrote_is_kept_and_marks_nothing(void **state)
{
    struct container_report report = inspected(report_make("id1", "t1"));

    (void)apply_report(*state, &report);
    marks_forget(*state);
    report.check_exit_code = 7;
    report.check_output = "connecting";
    assert_true(apply_report(*state, &report));
    assert_marks((struct world *)*state, "service:c/web ");
    report.check_output = "\n  0%\r 50%\r\n\ndb is down \n";
    assert_true(apply_report(*state, &report));
    assert_false(apply_report(*state, &report));
    assert_marks((struct world *)*state, "");
    assert_string_equal(world_container(*state, "id1")->check_output, "  0%\n 50%\ndb is down ");
    report.check_exit_code = 0; /* it passed: what it writes then is of no use */
    assert_true(apply_report(*state, &report));
    assert_null(world_container(*state, "id1")->check_output);
    assert_marks((struct world *)*state, "service:c/web ");
}

static void every_inspected_fact_is_compared(void **state)
{
    struct world *world = *state;
    struct container_report report = inspected(report_make("id1", "t1"));
    (void)apply_report(world, &report);

    report.exit_code = 3;
    assert_true(apply_report(world, &report));
    report.oom_killed = true;
    assert_true(apply_report(world, &report));
    report.restarts = 1;
    assert_true(apply_report(world, &report));
    report.created_ms++;
    assert_true(apply_report(world, &report));
    report.started_ms++;
    assert_true(apply_report(world, &report));
    report.finished_ms++;
    assert_true(apply_report(world, &report));
    report.error = "no such file";
    assert_true(apply_report(world, &report));
    assert_false(apply_report(world, &report));

    const struct world_container *container = world_container(world, "id1");
    assert_int_equal(container->exit_code, 3);
    assert_true(container->oom_killed);
    assert_int_equal(container->restarts, 1);
    assert_int_equal(container->created_ms, 101);
    assert_int_equal(container->started_ms, 201);
    assert_int_equal(container->finished_ms, 1);
    assert_string_equal(container->error, "no such file");
    assert_string_equal(container->address, "172.20.0.2");
    assert_string_equal(container->image_id, "sha256:i");
    assert_string_equal(container->digest, "sha256:1");
    assert_string_equal(container->name, "berth-x-web");
    assert_string_equal(container->task->revision, "r1");
    assert_string_equal(container->task->deployment, "d1");
    assert_string_equal(container->task->commit, "c1");
    assert_string_equal(container->task->family, "web");
    assert_string_equal(container->task->instance, "a");
    assert_null(container->task->group);
    assert_int_equal(container->task->expected, 1);
}

static void a_listing_keeps_what_an_inspection_told(void **state)
{
    struct world *world = *state;
    struct container_report listed = report_make("id1", "t1");
    struct container_report seen = inspected(listed);

    assert_true(apply_report(world, &listed));
    assert_false(world_container(world, "id1")->inspected);
    assert_true(apply_report(world, &seen));
    assert_marks(world, "service:c/web ");
    assert_false(apply_report(world, &listed));
    assert_marks(world, "");
    assert_true(world_container(world, "id1")->inspected);
    assert_int_equal(world_container(world, "id1")->health, HEALTH_HEALTHY);

    listed.status = CONTAINER_EXITED;
    assert_true(apply_report(world, &listed));
    assert_marks(world, "service:c/web instance:a ");
    const struct world_container *container = world_container(world, "id1");
    assert_false(container->inspected);
    assert_int_equal(container->health, HEALTH_NONE);
    assert_int_equal(container->started_ms, 0);
    assert_null(container->address);
}

static void stopping_ends_when_seen_ended_or_started_again(void **state)
{
    struct world *world = *state;
    struct container_report report = inspected(report_make("id1", "t1"));

    (void)apply_report(world, &report);
    marks_forget(world);
    assert_true(apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1"));
    assert_marks(world, "service:c/web ");
    assert_false(apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1"));
    assert_false(apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id9"));
    assert_false(apply_report(world, &report));
    assert_true(world_container(world, "id1")->stopping);

    report.status = CONTAINER_EXITED;
    assert_true(apply_report(world, &report));
    assert_false(world_container(world, "id1")->stopping);
    assert_false(apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1"));

    report.status = CONTAINER_RUNNING;
    (void)apply_report(world, &report);
    (void)apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1");
    report.started_ms = 900; /* its end was missed */
    assert_true(apply_report(world, &report));
    assert_false(world_container(world, "id1")->stopping);

    (void)apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1");
    marks_forget(world);
    assert_true(apply_named(world, WORLD_CONTAINER_ENDED, "a", "id1"));
    assert_int_equal(world_container(world, "id1")->status, CONTAINER_EXITED);
    assert_false(world_container(world, "id1")->inspected);
    assert_false(world_container(world, "id1")->stopping);
    assert_false(apply_named(world, WORLD_CONTAINER_ENDED, "a", "id1"));
    report.status = CONTAINER_EXITED; /* now inspected */
    assert_true(apply_report(world, &report));
    assert_true(world_container(world, "id1")->inspected);
}

static void tasks_are_sorted_and_go_with_their_containers(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *id;
        const char *task;
        uint32_t slot;
        uint32_t attempt;
    } rows[] = { { "1", "tz", 2, 1 }, { "2", "tb", 0, 2 }, { "3", "tc", 0, 1 },
                 { "4", "ta", 0, 2 }, { "5", "td", 1, 9 }, { "6", "te", 2, 0 } };
    static const char *const sorted[] = { "tc", "ta", "tb", "td", "te", "tz" };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct container_report report = report_make(rows[i].id, rows[i].task);
        report.slot = rows[i].slot;
        report.attempt = rows[i].attempt;
        assert_true(apply_report(world, &report));
    }
    const struct world_service *service = world_service(world, "c", "web");
    assert_string_equal(service->key, "c/web");
    assert_int_equal(service->task_count, ARRAY_COUNT(sorted));
    for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
        assert_string_equal(service->tasks[i]->id, sorted[i]);
    assert_int_equal(world_instance(world, "a")->task_count, ARRAY_COUNT(sorted));

    marks_forget(world);
    assert_true(apply_named(world, WORLD_CONTAINER_GONE, "a", "4"));
    assert_marks(world, "service:c/web instance:a ");
    assert_false(apply_named(world, WORLD_CONTAINER_GONE, "a", "4"));
    assert_marks(world, "");
    assert_null(world_task(world, "ta"));
    assert_int_equal(service->task_count, 5);
    assert_string_equal(service->tasks[1]->id, "tb");

    static const char *const others[] = { "1", "2", "3", "5", "6" };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_true(apply_named(world, WORLD_CONTAINER_GONE, "a", others[i]));
    assert_null(world_service(world, "c", "web"));
    assert_null(world->tasks);
    assert_null(world_instance(world, "a")->tasks);
}

static void a_task_has_its_containers_by_name(void **state)
{
    struct world *world = *state;
    struct container_report report = report_make("id1", "t1");
    report.containers = 3;

    (void)apply_report(world, &report);
    report.id = "id2";
    report.container = SANDBOX_NAME;
    (void)apply_report(world, &report);
    report.id = "id3";
    report.container = "log";
    (void)apply_report(world, &report);

    const struct world_task *task = world_task(world, "t1");
    assert_int_equal(task->container_count, 3);
    assert_string_equal(task->containers[0]->container, SANDBOX_NAME);
    assert_string_equal(task->containers[1]->container, "log");
    assert_string_equal(world_task_container(task, "log")->id, "id3");
    assert_null(world_task_container(task, "none"));

    assert_true(apply_named(world, WORLD_CONTAINER_GONE, "a", "id3"));
    assert_int_equal(task->container_count, 2);
    assert_null(world_task_container(task, "log"));
    assert_string_equal(world_task_container(task, "web")->id, "id1");
}

static void changed_labels_are_another_task(void **state)
{
    struct world *world = *state;
    struct container_report report = report_make("id1", "t1");

    (void)apply_report(world, &report);
    report.task = "t2";
    report.service = "other";
    marks_forget(world);
    assert_true(apply_report(world, &report));
    assert_marks(world, "service:c/web instance:a service:c/other ");
    assert_null(world_task(world, "t1"));
    assert_null(world_service(world, "c", "web"));
    assert_string_equal(world_container(world, "id1")->task->id, "t2");

    report.service = NULL;
    report.group = "schedule:nightly";
    assert_true(apply_report(world, &report));
    assert_marks(world, "service:c/other instance:a ");
    assert_null(world_task(world, "t2")->service);
    assert_string_equal(world_task(world, "t2")->group, "schedule:nightly");
    report.status = CONTAINER_PAUSED;
    assert_true(apply_report(world, &report));
    assert_marks(world, "instance:a ");
}

static void one_task_on_two_instances_is_two(void **state)
{
    struct world *world = *state;
    struct container_report report = report_make("id1", "t1");
    (void)apply_report(world, &report);
    report.instance = "b";
    report.id = "id2";
    (void)apply_report(world, &report);
    report.instance = "c";
    report.id = "id3";
    (void)apply_report(world, &report);

    const struct world_service *service = world_service(world, "c", "web");
    assert_int_equal(service->task_count, 3);
    assert_string_equal(service->tasks[0]->instance, "a");
    assert_string_equal(service->tasks[1]->instance, "b");
    assert_string_equal(service->tasks[2]->instance, "c");

    (void)apply_named(world, WORLD_CONTAINER_GONE, "a", "id1");
    assert_non_null(world_task(world, "t1"));
    assert_string_not_equal(world_task(world, "t1")->instance, "a");
    (void)apply_named(world, WORLD_CONTAINER_GONE, "c", "id3");
    assert_string_equal(world_task(world, "t1")->instance, "b");
    (void)apply_named(world, WORLD_CONTAINER_GONE, "b", "id2");
    assert_null(world_task(world, "t1"));
    assert_null(world->services);
}

static void connecting_completing_losing(void **state)
{
    struct world *world = *state;
    struct container_report report = report_make("id1", "t1");

    assert_true(apply_instance(world, "a", 4096));
    assert_marks(world, "instance:a ");
    assert_false(apply_instance(world, "a", 4096));
    const struct world_instance *instance = world_instance(world, "a");
    assert_int_equal(instance->state, INSTANCE_CONNECTING);
    assert_false(instance->complete);

    assert_false(apply_named(world, WORLD_LISTING_BEGIN, "a", NULL));
    (void)apply_report(world, &report);
    (void)apply_named(world, WORLD_CONTAINER_STOPPING, "a", "id1");
    marks_forget(world);
    assert_true(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_marks(world, "instance:a service:c/web ");
    assert_true(instance->complete);
    assert_int_equal(instance->state, INSTANCE_ACTIVE);

    assert_true(apply_instance(world, "a", 8192));
    assert_int_equal(instance->memory_mib, 8192);
    assert_marks(world, "instance:a service:c/web ");

    assert_true(apply_lost(world, "a", "connection refused"));
    assert_marks(world, "instance:a service:c/web ");
    assert_false(apply_lost(world, "a", "connection refused"));
    assert_true(apply_lost(world, "a", "timeout"));
    assert_marks(world, "");
    assert_int_equal(instance->state, INSTANCE_LOST);
    assert_false(instance->complete);
    assert_string_equal(instance->failure, "timeout");
    assert_non_null(world_container(world, "id1"));
    assert_false(world_container(world, "id1")->stopping); /* who knows */

    assert_false(apply_instance(world, "a", 8192));
    assert_int_equal(instance->state, INSTANCE_LOST);
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    assert_true(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_marks(world, "service:c/web instance:a ");
    assert_int_equal(instance->state, INSTANCE_ACTIVE);
    assert_null(instance->failure);
    assert_null(world_container(world, "id1"));
    assert_null(world_instance(world, "b"));
}

static void a_listing_sweeps_what_it_did_not_see(void **state)
{
    struct world *world = *state;
    struct container_report first = report_make("id1", "t1");
    struct container_report second = report_make("id2", "t2");
    struct container_report elsewhere = report_make("id3", "t3");
    second.slot = 1;
    elsewhere.instance = "b";

    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    (void)apply_report(world, &first);
    (void)apply_report(world, &second);
    (void)apply_report(world, &elsewhere);
    (void)apply_named(world, WORLD_NETWORK, "a", "net1");
    (void)apply_named(world, WORLD_NETWORK, "a", "net2");
    (void)apply_named(world, WORLD_VOLUME, "a", "data");
    (void)apply_named(world, WORLD_LISTING_END, "a", NULL);

    marks_forget(world);
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    assert_false(apply_report(world, &second));
    assert_false(apply_named(world, WORLD_NETWORK, "a", "net1"));
    assert_true(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_marks(world, "reliers:a service:c/web instance:a ");
    assert_null(world_container(world, "id1"));
    assert_non_null(world_container(world, "id2"));
    assert_non_null(world_container(world, "id3"));
    const struct world_instance *instance = world_instance(world, "a");
    assert_non_null(world_network(instance, "net1"));
    assert_null(world_network(instance, "net2"));
    assert_null(world_volume(instance, "data"));

    /* A listing that was cut short, and an end without a beginning, sweep nothing. */
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    (void)apply_lost(world, "a", "reset");
    assert_false(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_non_null(world_container(world, "id2"));
    assert_non_null(world_network(instance, "net1"));

    /* Nothing new: no change. */
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    (void)apply_report(world, &second);
    (void)apply_named(world, WORLD_NETWORK, "a", "net1");
    assert_true(apply_named(world, WORLD_LISTING_END, "a", NULL));
    marks_forget(world);
    uint64_t version = world->version;
    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    (void)apply_report(world, &second);
    (void)apply_named(world, WORLD_NETWORK, "a", "net1");
    assert_false(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_marks(world, "");
    assert_int_equal(world->version, version);
}

static void images_are_found_by_all_their_names(void **state)
{
    struct world *world = *state;
    const char *tags[] = { "berth/hello:1", "berth/hello:2" };
    const char *digests[] = { "registry/hello@sha256:d" };
    struct world_change change = { .kind = WORLD_IMAGE,
                                   .image = { .instance = "a",
                                              .id = "sha256:i1",
                                              .tags = tags,
                                              .tag_count = 2,
                                              .digests = digests,
                                              .digest_count = 1,
                                              .name = "hello",
                                              .owner = "me",
                                              .size_bytes = 5 } };
    assert_true(world_apply(world, &change));
    assert_marks(world, "instance:a ");
    assert_false(world_apply(world, &change));
    assert_marks(world, "");
    const struct world_instance *instance = world_instance(world, "a");
    const struct world_image *image = world_image(instance, "sha256:i1");
    assert_non_null(image);
    assert_ptr_equal(world_image(instance, "berth/hello:2"), image);
    assert_ptr_equal(world_image(instance, "registry/hello@sha256:d"), image);
    assert_string_equal(image->name, "hello");
    assert_null(world_image(instance, "berth/hello:3"));

    /* A tag moves; the report that takes it from the first image comes later. */
    change.image.id = "sha256:i2";
    change.image.tags = &tags[1];
    change.image.tag_count = 1;
    change.image.digest_count = 0;
    assert_true(world_apply(world, &change));
    assert_marks(world, "reliers:a ");
    assert_string_equal(world_image(instance, "berth/hello:2")->id, "sha256:i2");
    change.image.id = "sha256:i1";
    change.image.tags = &tags[0];
    assert_true(world_apply(world, &change));
    assert_string_equal(world_image(instance, "berth/hello:2")->id, "sha256:i2");
    assert_string_equal(world_image(instance, "berth/hello:1")->id, "sha256:i1");
    assert_null(world_image(instance, "registry/hello@sha256:d"));

    marks_forget(world);
    assert_true(apply_named(world, WORLD_IMAGE_GONE, "a", "sha256:i2"));
    assert_marks(world, "reliers:a ");
    assert_false(apply_named(world, WORLD_IMAGE_GONE, "a", "sha256:i2"));
    assert_null(world_image(instance, "berth/hello:2"));

    (void)apply_named(world, WORLD_LISTING_BEGIN, "a", NULL);
    assert_true(apply_named(world, WORLD_LISTING_END, "a", NULL));
    assert_null(world_image(instance, "berth/hello:1"));
}

/* An engine tells the short form. */
static void images_are_found_by_any_form_of_a_name(void **state)
{
    struct world *world = *state;
    const char *tags[] = { "redis:7", "mine/web:latest" };
    struct world_change change = {
        .kind = WORLD_IMAGE,
        .image = { .instance = "a", .id = "sha256:i1", .tags = tags, .tag_count = 2 }
    };

    (void)world_apply(world, &change);
    const struct world_instance *instance = world_instance(world, "a");
    const struct world_image *image = world_image(instance, "redis:7");
    assert_non_null(image);
    assert_ptr_equal(world_image(instance, "docker.io/library/redis:7"), image);
    assert_ptr_equal(world_image(instance, "docker.io/mine/web"), image);
    assert_null(world_image(instance, "docker.io/library/redis"));
    assert_null(world_image(instance, "registry.internal/redis:7"));
    assert_true(apply_named(world, WORLD_IMAGE_GONE, "a", "sha256:i1"));
    assert_null(world_image(instance, "redis:7"));
    assert_null(world_image(instance, "docker.io/library/redis:7"));
}

static void networks_and_volumes_are_compared(void **state)
{
    struct world *world = *state;
    struct world_change change = {
        .kind = WORLD_VOLUME,
        .named = { .instance = "a", .name = "berth-me", .owner = "me", .root = "abc" }
    };
    assert_true(world_apply(world, &change));
    assert_marks(world, "instance:a ");
    assert_false(world_apply(world, &change));
    change.named.root = "def";
    assert_true(world_apply(world, &change));
    assert_marks(world, "reliers:a ");
    const struct world_instance *instance = world_instance(world, "a");
    assert_string_equal(world_volume(instance, "berth-me")->root, "def");
    assert_null(world_network(instance, "berth-me"));
    assert_false(apply_named(world, WORLD_NETWORK_GONE, "a", "berth-me"));
    assert_true(apply_named(world, WORLD_VOLUME_GONE, "a", "berth-me"));
    assert_marks(world, "reliers:a ");
    assert_null(world_volume(instance, "berth-me"));
}

static void too_long_labels_are_cut_everywhere_alike(void **state)
{
    struct world *world = *state;
    char text[200];
    memset(text, 'f', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct container_report report = report_make("id1", text);
    report.revision = text;
    report.deployment = text;
    report.commit = text;

    assert_true(apply_report(world, &report));
    assert_false(apply_report(world, &report));
    report.commit = NULL;
    assert_true(apply_report(world, &report));
    assert_int_equal(HASH_CNT(by_id, world->tasks), 1);
}

static void words_and_names(void **state)
{
    (void)state;
    enum container_status status = CONTAINER_CREATED;
    enum health_status health = HEALTH_NONE;

    assert_true(container_status_parse("exited", &status) && status == CONTAINER_EXITED);
    assert_false(container_status_parse("Exited", &status) || container_status_parse("", &status));
    assert_false(container_status_parse(NULL, &status));
    assert_int_equal(status, CONTAINER_EXITED);
    assert_string_equal(container_status_text(CONTAINER_DEAD), "dead");
    assert_true(health_status_parse("unhealthy", &health) && health == HEALTH_UNHEALTHY);
    assert_false(health_status_parse("well", &health));
    assert_string_equal(health_status_text(HEALTH_STARTING), "starting");

    assert_string_equal(action_kind_text(ACTION_CONTAINER_STOP), "stop");
    assert_string_equal(action_kind_mark(ACTION_CONTAINER_STOP), "-");
    assert_true(action_kind_is_long(ACTION_IMAGE_PULL));
    assert_false(action_kind_is_long(ACTION_CONTAINER_CREATE));

    AUTO(buf) key = { 0 };
    buf_init(&key, 100);
    action_effort_key(ACTION_IMAGE_PULL, "redis:7", &key);
    assert_string_equal(buf_text(&key), "pull redis:7");
    buf_reset(&key);
    action_effort_key(ACTION_CONTAINER_STOP, "berth-x", &key);
    assert_string_equal(buf_text(&key), "stop berth-x");

    char task[TASK_ID_SIZE];
    char other[TASK_ID_SIZE];
    char name[CONTAINER_NAME_SIZE];
    task_id_make("d1", 1, 12, NULL, task);
    task_id_make("d1", 11, 2, NULL, other);
    assert_int_equal(strlen(task), 32);
    assert_string_not_equal(task, other);
    /* printf 'd1\0001\00012\000' | sha256sum */
    assert_string_equal(task, "135a470a46eb72b2c684a3c3ab32f292");
    container_name("0123456789abcdef", "web", name);
    assert_string_equal(name, "berth-0123456789ab-web");
}

/* Any order of reports: the index is always what a plain scan of the containers says. */
static void index_check(const struct world *world)
{
    size_t listed = 0;
    for (const struct world_task *first = world->tasks; first != NULL; first = first->by_id.next) {
        for (const struct world_task *task = first; task != NULL; task = task->twin) {
            assert_true(task->container_count > 0);
            listed += task->container_count;
            for (size_t i = 0; i < task->container_count; i++)
                assert_ptr_equal(task->containers[i]->task, task);
        }
    }
    assert_int_equal(listed, HASH_CNT(by_id, world->containers));

    size_t in_services = 0;
    for (const struct world_service *service = world->services; service != NULL;
         service = service->by_key.next) {
        assert_true(service->task_count > 0);
        in_services += service->task_count;
        for (size_t i = 1; i < service->task_count; i++)
            assert_true(service->tasks[i - 1]->slot <= service->tasks[i]->slot);
    }
    size_t on_instances = 0;
    for (const struct world_instance *instance = world->instances; instance != NULL;
         instance = instance->by_name.next) {
        size_t count = 0;
        for (const struct world_task *task = instance->tasks; task != NULL; task = task->host_next)
            count++;
        assert_int_equal(count, instance->task_count);
        on_instances += count;
    }
    assert_int_equal(on_instances, in_services);
}

static void any_order_of_reports(void **state)
{
    struct world *world = *state;
    static const char *const instances[] = { "a", "b" };
    static const char *const services[] = { "web", "api", "db" };
    struct rng rng = { 7 };

    for (int i = 0; i < 20000; i++) {
        char id[8];
        char task[8];
        (void)snprintf(id, sizeof(id), "%d", (int)rng_below(&rng, 60));
        (void)snprintf(task, sizeof(task), "t%d", (int)rng_below(&rng, 20));
        const char *instance = instances[rng_below(&rng, 2)];
        if (rng_chance(&rng, 2)) {
            (void)apply_named(world, WORLD_LISTING_BEGIN, instance, NULL);
        } else if (rng_chance(&rng, 2)) {
            (void)apply_named(world, WORLD_LISTING_END, instance, NULL);
        } else if (rng_chance(&rng, 30)) {
            (void)apply_named(world, WORLD_CONTAINER_GONE, instance, id);
        } else {
            struct container_report report = report_make(id, task);
            report.instance = instance;
            report.service = services[rng_below(&rng, 3)];
            report.slot = (uint32_t)rng_below(&rng, 4);
            assert_true(apply_report(world, &report) || world_container(world, id) != NULL);
            assert_false(apply_report(world, &report));
        }
        if (i % 100 == 0)
            index_check(world);
    }
    index_check(world);
}

static const struct world_container *only_container(const struct world *world)
{
    assert_int_equal(HASH_CNT(by_id, world->tasks), 1);
    assert_int_equal(world->tasks->container_count, 1);
    return world->tasks->containers[0];
}

static void times_move_along_with_our_clock(void **state)
{
    struct world *world = *state;
    struct container_report report = inspected(report_make("id1", "t1"));
    struct err failure = { 0 };
    struct world_change instance = { .kind = WORLD_INSTANCE,
                                     .instance = { .instance = "a",
                                                   .engine_id = "ID",
                                                   .connected_ms = 1000,
                                                   .clock_skew_ms = 50 } };
    const struct world_change effort = { .kind = WORLD_EFFORT,
                                         .effort = { .instance = "a",
                                                     .key = "k",
                                                     .state = EFFORT_FAILED,
                                                     .at_ms = 2000,
                                                     .failure = &failure } };

    (void)err_set(&failure, ERR_FAILED, "no");
    (void)world_apply(world, &instance);
    (void)world_apply(world, &effort);
    (void)apply_report(world, &report);
    assert_int_equal(only_container(world)->clock_skew_ms, 50);

    world_clock_moved(world, 3600);
    assert_int_equal(world_instance(world, "a")->connected_ms, 4600);
    assert_int_equal(world_effort(world_instance(world, "a"), "k")->at_ms, 5600);
    assert_int_equal(world_effort_failures(world_effort(world_instance(world, "a"), "k"), 5000), 1);
    assert_int_equal(only_container(world)->clock_skew_ms, 50 - 3600);

    /* The engine's clock is seen anew: what was started before keeps its place, a new start has the
     * new one. */
    instance.instance.clock_skew_ms = 70;
    (void)world_apply(world, &instance);
    (void)apply_report(world, &report);
    assert_int_equal(only_container(world)->clock_skew_ms, 50 - 3600);
    report.started_ms += 1000;
    (void)apply_report(world, &report);
    assert_int_equal(only_container(world)->clock_skew_ms, 70);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_repeated_report_is_no_change),
        TEST(what_a_check_wrote_is_kept_and_marks_nothing),
        TEST(every_inspected_fact_is_compared),
        TEST(a_listing_keeps_what_an_inspection_told),
        TEST(times_move_along_with_our_clock),
        TEST(stopping_ends_when_seen_ended_or_started_again),
        TEST(tasks_are_sorted_and_go_with_their_containers),
        TEST(a_task_has_its_containers_by_name),
        TEST(changed_labels_are_another_task),
        TEST(one_task_on_two_instances_is_two),
        TEST(connecting_completing_losing),
        TEST(a_listing_sweeps_what_it_did_not_see),
        TEST(images_are_found_by_all_their_names),
        TEST(images_are_found_by_any_form_of_a_name),
        TEST(networks_and_volumes_are_compared),
        TEST(too_long_labels_are_cut_everywhere_alike),
        TEST(words_and_names),
        TEST(any_order_of_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
