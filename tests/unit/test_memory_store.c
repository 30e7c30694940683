/*
 * What is written is what is loaded: the store follows memory_apply() for every kind of fact, in
 * any order, and forgets what memory has expired.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/memory/history.h"
#include "reconciler/memory/store.h"
#include "reconciler/plan/memory_hosts.h"
#include "reconciler/plan/memory_schedules.h"
#include "spec/base/buf.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "tests/unit/goals.h"
#include "tests/unit/memory_text.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

static const struct store_identity identity = { .command = "berth test", .started_ms = 1 };

static struct store *open_store(const char *directory)
{
    struct err err = { 0 };
    struct store *store = store_open(directory, "tester", &identity, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static void assert_store_holds(struct store *store, struct memory *expected)
{
    AUTO(memory) *loaded = memory_new();
    AUTO_TEXT char *want = memory_text(expected);
    AUTO_TEXT char *have = NULL;
    struct err err = { 0 };

    assert_int_equal(store_load(store, loaded, &err), 0);
    have = memory_text(loaded);
    assert_string_equal(have, want);
}

/* ---- Facts --------------------------------------------------------------------------------- */

struct bench {
    struct store *store;
    struct memory *memory;
    char *directory;
};

static void bench_open(struct bench *bench)
{
    bench->directory = scratch_make();
    bench->store = open_store(bench->directory);
    bench->memory = memory_new();
}

static void bench_close(struct bench *bench)
{
    store_close(bench->store);
    memory_free(bench->memory);
    scratch_remove(bench->directory);
}

static void state(struct bench *bench, const struct fact *facts, size_t count)
{
    struct err err = { 0 };

    if (store_write(bench->store, facts, count, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++)
        memory_apply(bench->memory, &facts[i]);
}

static void assert_kept(struct bench *bench)
{
    assert_store_holds(bench->store, bench->memory);
    store_close(bench->store);
    bench->store = open_store(bench->directory);
    assert_int_equal(store_warnings(bench->store)->count, 0);
    assert_store_holds(bench->store, bench->memory);
}

static struct fact fact_of(enum fact_kind kind, const char *service)
{
    return (struct fact){
        .kind = kind, .durable = true, .cluster = "default", .service = service, .at_ms = 1000
    };
}

static void forget(struct bench *bench, struct fact fact)
{
    fact.kind = FACT_FORGET;
    state(bench, &fact, 1);
    assert_kept(bench);
}

static void every_kind_of_fact_comes_back(void **unused)
{
    (void)unused;
    struct bench bench;
    AUTO(goal) *goal = goal_for_test("web", "blue");
    struct pin pins[2] = { { .image_id = "sha256:aa", .digest = NULL }, { NULL, "sha256:bb" } };
    struct deployment deployment = { .id = "d1",
                                     .commit = "c1",
                                     .state = ROLLOUT_FAILED,
                                     .rollback = true,
                                     .proven = true,
                                     .failed_tasks = 3,
                                     .attempt_max = UINT32_MAX,
                                     .created_ms = 5,
                                     .updated_ms = INT64_MAX,
                                     .reason = "tasks failed to start; it's \"quoted\" \xc3\xa4",
                                     .goal = goal,
                                     .pins = pins };
    struct task_record task = { .id = "t1",
                                .deployment = "d1",
                                .revision = "r1",
                                .commit = "c1",
                                .cluster = "default",
                                .service = "web",
                                .instance = "local",
                                .slot = 7,
                                .attempt = 2,
                                .stop_code = STOP_ESSENTIAL_CONTAINER_EXITED,
                                .reason = "Essential container in task exited",
                                .exit_code = -1,
                                .failed = true,
                                .started_ms = 1,
                                .healthy_ms = 2,
                                .stopping_ms = 3,
                                .stopped_ms = 4 };
    struct task_record bare = {
        .started_by = "alice", .claimed_ms = 5, .begun = " main ", .id = "t2", .cluster = "default"
    };
    struct fact facts[] = {
        fact_of(FACT_DEPLOYMENT, "web"), fact_of(FACT_TASK, "web"),
        fact_of(FACT_QUARANTINE, "web"), fact_of(FACT_HOLD, "api"),
        fact_of(FACT_SUSPEND, "web"),    fact_of(FACT_THROTTLE, "web"),
        fact_of(FACT_EVENT, "web"),      fact_of(FACT_FORGET, "never-was"),
        fact_of(FACT_TASK, NULL),        fact_of(FACT_REMOVAL, "old"),
        fact_of(FACT_FREEZE, "web"),
    };

    facts[0].deployment = &deployment;
    facts[1].task = &task;
    facts[2].text = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    facts[2].commit = "c1";
    facts[3].text = "the commit removes more than half of the services";
    facts[4].text = "anna: looking into it";
    facts[5].text = "d1";
    facts[5].throttle = (struct throttle){ 4, 99 };
    facts[6].text = "(service web) has reached a steady state.";
    facts[8].task = &bare;
    facts[9].text = "c2";
    facts[10].text = "Memory, Networks";
    bench_open(&bench);
    state(&bench, facts, ARRAY_COUNT(facts));
    assert_kept(&bench);

    /* Lifted, changed, forgotten. */
    facts[2].text = facts[3].text = facts[4].text = facts[9].text = facts[10].text = "";
    pins[0].digest = "sha256:cc";
    deployment.state = ROLLOUT_COMPLETED;
    task.stop_code = STOP_NONE;
    state(&bench, facts, ARRAY_COUNT(facts));
    assert_kept(&bench);
    forget(&bench, facts[0]);
    bench_close(&bench);
}

static void last_lines_come_back(void **unused)
{
    (void)unused;
    const struct task_record task = { .id = "t1", .cluster = "default", .service = "web" };
    const struct task_lines lines[] = { { "t1", "main", "T 1 a\n" },
                                        { "t1", "proxy", "T 2 \xc3\xa4\n" },
                                        { "t9", "main", "T 1 of a task that nobody knows\n" } };
    struct fact facts[] = { fact_of(FACT_TASK, "web"), fact_of(FACT_LINES, "web"),
                            fact_of(FACT_LINES, "web"), fact_of(FACT_LINES, "web") };
    struct bench bench;

    facts[0].task = &task;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        facts[1 + i].lines = &lines[i];
    bench_open(&bench);
    state(&bench, facts, ARRAY_COUNT(facts));
    assert_true(memory_has_lines(bench.memory, "t1", "proxy"));
    assert_false(memory_has_lines(bench.memory, "t9", "main"));
    assert_kept(&bench);
    bench_close(&bench);
}

static void images_come_back(void **unused)
{
    (void)unused;
    struct bench bench;
    struct image_record brought = { .engine = "ABCD:EFGH",
                                    .image_id = "sha256:aa",
                                    .references = "redis:7 redis:7.4",
                                    .name = "redis",
                                    .brought_ms = 7 };
    struct image_record direct = {
        .engine = "ABCD:EFGH", .image_id = "sha256:bb", .references = "nginx:1", .brought_ms = 8
    };
    struct fact facts[] = { fact_of(FACT_IMAGE, NULL), fact_of(FACT_IMAGE, NULL) };

    facts[0].image = &brought;
    facts[1].image = &direct;
    bench_open(&bench);
    state(&bench, facts, ARRAY_COUNT(facts));
    assert_kept(&bench);
    assert_string_equal(memory_image(bench.memory, "ABCD:EFGH", "sha256:aa")->name, "redis");

    /* Gone, and named once more. */
    brought.references = "";
    direct.references = "nginx:1 nginx:1.27";
    direct.name = "front";
    state(&bench, facts, ARRAY_COUNT(facts));
    assert_kept(&bench);
    assert_null(memory_image(bench.memory, "ABCD:EFGH", "sha256:aa"));
    bench_close(&bench);
}

static void how_far_a_maintenance_is_is_kept(void **unused)
{
    (void)unused;
    struct bench bench;
    struct maintenance maintenance = {
        .step = MAINTENANCE_FAILED, .round = "abc", .attempt = 2, .since_ms = 7, .reason = "no room"
    };
    const struct host_record with = { .instance = "h",
                                      .installed_ms = 5,
                                      .maintenance = &maintenance };
    const struct host_record without = { .instance = "h", .installed_ms = 5 };
    struct fact fact = fact_of(FACT_HOST, NULL);

    bench_open(&bench);
    for (enum maintenance_step step = 0; step < MAINTENANCE_STEP_COUNT; step++) {
        maintenance.step = step;
        maintenance.reason = step == MAINTENANCE_FAILED ? "no room" : NULL;
        maintenance.boot = step == MAINTENANCE_REBOOTING ? "b1" : NULL;
        maintenance.engine = step == MAINTENANCE_DONE ? "E1" : NULL;
        fact.host = &with;
        state(&bench, &fact, 1);
        assert_kept(&bench);
        assert_int_equal(memory_host(bench.memory, "h")->maintenance->step, step);
    }
    fact.host = &without;
    state(&bench, &fact, 1);
    assert_kept(&bench);
    assert_null(memory_host(bench.memory, "h")->maintenance);
    bench_close(&bench);
}

static const struct scaling *draw_scaling(struct rng *rng, struct arena *arena, bool lifted)
{
    struct scaling *scaling = arena_new(arena, struct scaling);

    if (lifted)
        return scaling;
    *scaling = (struct scaling){ .set = true,
                                 .desired = (uint32_t)rng_below(rng, 9),
                                 .from = (uint32_t)rng_below(rng, 9),
                                 .at_ms = rng_between(rng, 1, 99),
                                 .fulfilled = rng_chance(rng, 50),
                                 .out_ms = rng_between(rng, 0, 99),
                                 .out_from = (uint32_t)rng_below(rng, 9),
                                 .in_ms = rng_between(rng, 0, 99) };
    return scaling;
}

/* Draws one fact; texts and records live in the arena. */
static struct fact draw(struct rng *rng, struct arena *arena, struct goal *const *goals)
{
    static const char *const services[] = { "web", "api", "db" };
    size_t which = (size_t)rng_below(rng, 3);
    struct fact fact = fact_of((enum fact_kind)rng_below(rng, FACT_KIND_COUNT), services[which]);
    struct deployment *deployment = arena_new(arena, struct deployment);
    struct task_record *task = arena_new(arena, struct task_record);
    struct image_record *image = arena_new(arena, struct image_record);
    struct task_lines *lines = arena_new(arena, struct task_lines);
    struct host_record *host = arena_new(arena, struct host_record);
    struct schedule_record *schedule = arena_new(arena, struct schedule_record);
    const struct scaling_words words = { .cause = "it was drawn" };
    bool lifted = rng_chance(rng, 40);

    fact.durable = rng_chance(rng, 10);
    fact.text = lifted ? "" : arena_printf(arena, "text %u", (unsigned)rng_below(rng, 5));
    fact.throttle.start_failures = (uint32_t)rng_below(rng, 9);
    fact.throttle.retry_at_ms = rng_between(rng, 0, 1000000);
    (void)snprintf(deployment->id, sizeof(deployment->id), "%s-%u", services[which],
                   (unsigned)rng_below(rng, 12));
    if (fact.kind == FACT_THROTTLE)
        fact.text = deployment->id;
    deployment->state = (enum rollout_state)rng_below(rng, ROLLOUT_STATE_COUNT);
    deployment->proven = rng_chance(rng, 50);
    deployment->attempt_max = (uint32_t)rng_below(rng, 100);
    deployment->goal = goals[which * 2 + (size_t)rng_below(rng, 2)];
    deployment->pins = arena_array(arena, struct pin, 2);
    if (rng_chance(rng, 50))
        deployment->pins[1].image_id = fact.text;
    fact.deployment = deployment;
    (void)snprintf(task->id, sizeof(task->id), "%u", (unsigned)rng_below(rng, 20));
    task->cluster = "default";
    task->service = services[which];
    task->stop_code = (enum stop_code)rng_below(rng, STOP_CODE_COUNT);
    task->stopped_ms = rng_between(rng, 0, 1);
    task->due_ms = rng_between(rng, 0, 9);
    fact.task = task;
    image->engine = services[which];
    image->image_id = services[(size_t)rng_below(rng, 3)];
    image->references = fact.text;
    image->name = rng_chance(rng, 50) ? "web" : NULL;
    image->brought_ms = rng_between(rng, 0, 9);
    fact.image = image;
    lines->task = task->id;
    lines->container = services[(size_t)rng_below(rng, 3)];
    lines->text = "T 1 x\n";
    fact.lines = lines;
    host->instance = services[(size_t)rng_below(rng, 3)];
    host->forgotten_ms = lifted ? 0 : rng_between(rng, 1, 9);
    host->installed_ms = rng_between(rng, 0, 2);
    fact.host = host;
    schedule->name = services[(size_t)rng_below(rng, 3)];
    schedule->timing = lifted ? NULL : fact.text;
    schedule->result = (enum schedule_result)rng_below(rng, SCHEDULE_RESULT_COUNT);
    schedule->tries = (uint32_t)rng_below(rng, 9);
    fact.schedule = schedule;
    fact.scaling = draw_scaling(rng, arena, lifted);
    if (rng_chance(rng, 50))
        fact.words = arena_copy(arena, &words, sizeof(words));
    return fact;
}

static void any_sequence_of_facts_comes_back(void **unused)
{
    (void)unused;
    struct goal *goals[6];
    static const char *const names[] = { "web", "web", "api", "api", "db", "db" };

    for (size_t i = 0; i < 6; i++)
        goals[i] = goal_for_test(names[i], i % 2 == 0 ? "blue" : "green");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct bench bench;
        struct rng rng = { seed };
        AUTO(arena) arena = { 0 };

        bench_open(&bench);
        for (size_t cycle = 0; cycle < 15; cycle++) {
            struct fact facts[8];
            size_t count = (size_t)rng_between(&rng, 1, 8);

            for (size_t i = 0; i < count; i++)
                facts[i] = draw(&rng, &arena, goals);
            state(&bench, facts, count);
            assert_store_holds(bench.store, bench.memory);
        }
        assert_kept(&bench);
        bench_close(&bench);
    }
    for (size_t i = 0; i < 6; i++)
        goal_unref(goals[i]);
}

/* ---- Copies and clocks --------------------------------------------------------------------- */

static void a_copy_holds_the_same(void **unused)
{
    (void)unused;
    struct image_record image = {
        .engine = "E", .image_id = "sha256:aa", .references = "a:1", .brought_ms = 5000
    };
    const struct task_record task = { .id = "t1", .cluster = "c", .service = "s" };
    const struct task_lines lines = { "t1", "main", "T 1 x\n" };
    const struct fact fact = { .kind = FACT_IMAGE, .image = &image };
    const struct fact ended = { .kind = FACT_TASK, .task = &task };
    const struct fact told = { .kind = FACT_LINES, .lines = &lines };
    const struct maintenance maintenance = {
        .step = MAINTENANCE_FAILED, .round = "abc", .since_ms = 5000, .reason = "why"
    };
    const struct host_record host = { .instance = "h",
                                      .forgotten_ms = 5000,
                                      .maintenance = &maintenance };
    const struct fact gone = { .kind = FACT_HOST, .host = &host };
    AUTO(memory) *memory = memory_new();
    AUTO(memory) *copy = NULL;
    AUTO_TEXT char *want = NULL;
    AUTO_TEXT char *have = NULL;

    memory_apply(memory, &fact);
    memory_apply(memory, &gone);
    memory_apply(memory, &ended);
    memory_apply(memory, &told);
    copy = memory_copy(memory);
    assert_true(memory_has_lines(copy, "t1", "main"));
    assert_false(memory_has_lines(copy, "t1", "mai"));
    want = memory_text(memory);
    have = memory_text(copy);
    assert_string_equal(have, want);
    assert_int_equal(memory_image(copy, "E", "sha256:aa")->brought_ms, 5000);
    memory_clock_moved(copy, 1000);
    assert_int_equal(memory_image(copy, "E", "sha256:aa")->brought_ms, 6000);
    assert_int_equal(memory_host(copy, "h")->forgotten_ms, 6000);
    assert_int_equal(memory_host(copy, "h")->maintenance->since_ms, 6000);
    memory_clock_limit(copy, 10);
    assert_int_equal(memory_image(copy, "E", "sha256:aa")->brought_ms, 10);
    assert_null(memory_image(copy, "F", "sha256:aa"));
}

/* ---- Pruning ------------------------------------------------------------------------------- */

/* Of an engine that is there, and of one that is not. */
static void state_images(struct bench *bench)
{
    static const char *const engines[] = { "HERE", "GONE" };

    for (size_t i = 0; i < ARRAY_COUNT(engines); i++) {
        struct image_record image = {
            .engine = engines[i], .image_id = "sha256:aa", .references = "a:1", .brought_ms = 1
        };
        struct fact fact = fact_of(FACT_IMAGE, NULL);

        fact.image = &image;
        state(bench, &fact, 1);
    }
}

/* One that no commit lists, for a day; one that is listed, until it is back. */
static void hosts_are_forgotten_in_the_end(void **unused)
{
    (void)unused;
    struct bench bench;
    AUTO(world) *world = world_new(NULL, NULL);
    const struct host_record left = { .instance = "left", .forgotten_ms = 7 };
    const struct host_record listed = { .instance = "listed", .forgotten_ms = 7 };
    const struct host_record back = { .instance = "listed" };
    const struct world_change lost = { .kind = WORLD_INSTANCE_LOST,
                                       .lost = { .instance = "listed", .at_ms = 1 } };
    struct fact fact = fact_of(FACT_HOST, NULL);
    struct err err = { 0 };

    bench_open(&bench);
    (void)world_apply(world, &lost);
    fact.host = &left;
    state(&bench, &fact, 1);
    fact.host = &listed;
    state(&bench, &fact, 1);
    assert_kept(&bench);
    memory_expire(bench.memory, world, 7);
    assert_non_null(memory_host(bench.memory, "left"));
    memory_expire(bench.memory, world, 8);
    assert_null(memory_host(bench.memory, "left"));
    assert_int_equal(memory_host(bench.memory, "listed")->forgotten_ms, 7);
    assert_int_equal(store_prune(bench.store, bench.memory, 1000, &err), 0);
    assert_kept(&bench);
    fact.host = &back;
    state(&bench, &fact, 1);
    assert_kept(&bench);
    assert_null(memory_host(bench.memory, "listed"));
    bench_close(&bench);
}

/* A host that was taken out for a while is not maintained anew, nor is its failure lifted. */
static void a_maintenance_is_remembered_for_long(void **unused)
{
    (void)unused;
    const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
    const struct maintenance failed = {
        .step = MAINTENANCE_FAILED, .round = "r", .since_ms = 7, .reason = "exit code 1"
    };
    const struct host_record host = { .instance = "away", .maintenance = &failed };
    struct bench bench;
    AUTO(world) *world = world_new(NULL, NULL);
    struct fact fact = fact_of(FACT_HOST, NULL);

    bench_open(&bench);
    fact.host = &host;
    state(&bench, &fact, 1);
    memory_expire(bench.memory, world, 89 * day_ms);
    assert_non_null(memory_host(bench.memory, "away"));
    memory_expire(bench.memory, world, 91 * day_ms);
    assert_null(memory_host(bench.memory, "away"));
    bench_close(&bench);
}

static void state_deployments(struct bench *bench, struct goal *goal, int first, int count)
{
    struct pin pins[2] = { { "sha256:aa", NULL }, { NULL, NULL } };

    for (int i = first; i < first + count; i++) {
        struct deployment deployment = { .goal = goal, .pins = pins, .state = ROLLOUT_FAILED };
        struct fact fact = fact_of(FACT_DEPLOYMENT, "web");

        (void)snprintf(deployment.id, sizeof(deployment.id), "d%02d", i);
        fact.deployment = &deployment;
        state(bench, &fact, 1);
    }
}

/* Where its host is not seen only what is remembered says how it is to be stopped. */
static void a_deployment_is_remembered_while_it_has_a_task(void **unused)
{
    (void)unused;
    AUTO(goal) *goal = goal_for_test("web", "blue");
    AUTO(world) *world = world_new(NULL, NULL);
    struct task_record task = {
        .id = "e1", .deployment = "d00", .cluster = "default", .service = "web", .started_ms = 1
    };
    struct world_change host = { .kind = WORLD_INSTANCE_LOST, .lost.instance = "host" };
    struct fact fact = fact_of(FACT_TASK, "web");
    struct bench bench;

    bench_open(&bench);
    state_deployments(&bench, goal, 0, 2);
    fact.task = &task;
    state(&bench, &fact, 1);
    state_deployments(&bench, goal, 2, 20);
    (void)world_apply(world, &host); /* what it has was not seen yet */
    memory_expire(bench.memory, world, 2);
    const struct memory_service *service = memory_service(bench.memory, "default/web");
    assert_non_null(memory_deployment(service, "d01"));
    host = (struct world_change){ .kind = WORLD_INSTANCE_GONE, .named.instance = "host" };
    (void)world_apply(world, &host);
    memory_expire(bench.memory, world, 2);
    assert_non_null(memory_deployment(service, "d00"));
    assert_null(memory_deployment(service, "d01"));
    task.stopped_ms = 3;
    state(&bench, &fact, 1);
    memory_expire(bench.memory, world, 2);
    assert_null(memory_deployment(service, "d00"));
    bench_close(&bench);
}

/* The way back was itself overtaken by commits, more of them than are remembered. */
static void a_rollback_that_was_overtaken_is_where_the_next_one_leads(void **unused)
{
    (void)unused;
    AUTO(goal) *good = goal_for_test("web", "blue");
    AUTO(goal) *bad = goal_for_test("web", "red");
    AUTO(world) *world = world_new(NULL, NULL);
    struct pin pins[2] = { { "sha256:aa", NULL }, { NULL, NULL } };
    struct deployment deployment = {
        .id = "a0", .goal = good, .pins = pins, .state = ROLLOUT_COMPLETED, .proven = true
    };
    struct fact fact = fact_of(FACT_DEPLOYMENT, "web");
    struct bench bench;

    bench_open(&bench);
    fact.deployment = &deployment;
    state(&bench, &fact, 1);
    deployment = (struct deployment){ .id = "a1", .goal = good, .pins = pins, .proven = true };
    deployment.rollback = true;
    state(&bench, &fact, 1);
    for (int i = 0; i < 20; i++) {
        state_deployments(&bench, bad, i, 1);
        memory_expire(bench.memory, world, 2);
    }
    const struct memory_service *service = memory_service(bench.memory, "default/web");
    assert_non_null(memory_fallback(service));
    assert_string_equal(memory_fallback(service)->id, "a1");
    bench_close(&bench);
}

static void pruning_follows_memory_and_keeps_history(void **unused)
{
    (void)unused;
    struct bench bench;
    AUTO(goal) *goal = goal_for_test("web", "blue");
    AUTO(world) *world = world_new(NULL, NULL);
    AUTO(arena) arena = { 0 };
    struct history_filter all = { .limit = 1000 };
    struct history_deployment *deployments;
    struct err err = { 0 };
    size_t count;
    const struct world_change engine = { .kind = WORLD_INSTANCE,
                                         .instance = { .instance = "local", .engine_id = "HERE" } };

    bench_open(&bench);
    state_deployments(&bench, goal, 0, 40);
    state_images(&bench);
    memory_expire(bench.memory, world, 0);
    /* Not reached yet, an engine may be any. */
    memory_expire(bench.memory, world, INT64_C(91) * 24 * 60 * 60 * 1000);
    assert_non_null(memory_image(bench.memory, "GONE", "sha256:aa"));
    (void)world_apply(world, &engine);
    memory_expire(bench.memory, world, INT64_C(91) * 24 * 60 * 60 * 1000);
    assert_null(memory_image(bench.memory, "GONE", "sha256:aa"));
    assert_non_null(memory_image(bench.memory, "HERE", "sha256:aa"));
    assert_int_equal(store_prune(bench.store, bench.memory, 1000, &err), 0);
    assert_kept(&bench);
    assert_int_equal(history_deployments(bench.store, &all, &arena, &deployments, &count, &err), 0);
    assert_int_equal(count, 40);
    assert_string_equal(deployments[0].id, "d39");
    bench_close(&bench);
}

/* ---- Settings ------------------------------------------------------------------------------ */

static const char *file_of(const char *directory, const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void the_secret_key_is_made_once(void **unused)
{
    (void)unused;
    AUTO_TEXT char *directory = scratch_make();
    AUTO_TEXT char *other = scratch_make();
    unsigned char first[STORE_KEY_BYTES];
    unsigned char second[STORE_KEY_BYTES];
    struct err err = { 0 };

    for (int i = 0; i < 2; i++) {
        AUTO(store) *store = open_store(directory);

        assert_int_equal(store_secret_key(store, i == 0 ? first : second, &err), 0);
        assert_int_equal(unlink(file_of(directory, "berth.db")), 0); /* it outlives that */
    }
    assert_memory_equal(first, second, STORE_KEY_BYTES);
    {
        AUTO(store) *store = open_store(other);

        assert_int_equal(store_secret_key(store, second, &err), 0);
    }
    assert_memory_not_equal(first, second, STORE_KEY_BYTES);
    scratch_remove(TAKE(directory));
    scratch_remove(TAKE(other));
}

static void a_cut_key_is_an_error(void **unused)
{
    (void)unused;
    AUTO_TEXT char *directory = scratch_make();
    unsigned char key[STORE_KEY_BYTES];
    struct err err = { 0 };

    {
        AUTO(store) *store = open_store(directory);

        {
            AUTO_FD int fd = open(file_of(directory, "secret.key"), O_WRONLY | O_CREAT, 0600);

            assert_int_equal(write(fd, "short", 5), 5);
        }
        assert_int_equal(store_secret_key(store, key, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, "secret.key"));
    }
    scratch_remove(TAKE(directory));
}

static void progress_comes_back(void **unused)
{
    (void)unused;
    AUTO(arena) arena = { 0 };
    struct store_progress progress = { .root = "a0",
                                       .applied = "a1",
                                       .rejected = "a2",
                                       .confirmed = "a3",
                                       .rejected_errors = "web.yaml:1:2: wrong\n",
                                       .take_over = true };
    struct store_progress found;
    struct err err = { 0 };
    struct bench bench;

    bench_open(&bench);
    assert_int_equal(store_progress_read(bench.store, &arena, &found, &err), 0);
    assert_int_equal(store_progress_write(bench.store, &progress, &err), 0);
    assert_int_equal(store_progress_read(bench.store, &arena, &found, &err), 0);
    assert_string_equal(found.root, "a0");
    assert_string_equal(found.applied, "a1");
    assert_string_equal(found.rejected, "a2");
    assert_string_equal(found.confirmed, "a3");
    assert_string_equal(found.rejected_errors, "web.yaml:1:2: wrong\n");
    assert_true(found.take_over);
    progress = (struct store_progress){ .applied = "b1" };
    assert_int_equal(store_progress_write(bench.store, &progress, &err), 0);
    assert_int_equal(store_progress_read(bench.store, &arena, &found, &err), 0);
    assert_string_equal(found.applied, "b1");
    assert_null(found.rejected_errors);
    assert_false(found.take_over);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_far_a_maintenance_is_is_kept),
        cmocka_unit_test(every_kind_of_fact_comes_back),
        cmocka_unit_test(last_lines_come_back),
        cmocka_unit_test(images_come_back),
        cmocka_unit_test(any_sequence_of_facts_comes_back),
        cmocka_unit_test(a_copy_holds_the_same),
        cmocka_unit_test(hosts_are_forgotten_in_the_end),
        cmocka_unit_test(a_maintenance_is_remembered_for_long),
        cmocka_unit_test(a_deployment_is_remembered_while_it_has_a_task),
        cmocka_unit_test(a_rollback_that_was_overtaken_is_where_the_next_one_leads),
        cmocka_unit_test(pruning_follows_memory_and_keeps_history),
        cmocka_unit_test(the_secret_key_is_made_once),
        cmocka_unit_test(a_cut_key_is_an_error),
        cmocka_unit_test(progress_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
