/*
 * History tells what happened in the order it happened, does not repeat a cause that lasts, and
 * never outgrows its limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/memory/history.h"
#include "spec/base/text.h"
#include "tests/unit/goals.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define STEADY "(service web) has reached a steady state."
#define STUCK  "(service web) was unable to place a task."
#define HOUR   (INT64_C(3600) * 1000)

static char *directory;
static struct store *store;
static struct arena arena;

static int open_store(void **unused)
{
    (void)unused;
    struct store_identity identity = { .command = "berth test" };
    struct err err = { 0 };

    directory = scratch_make();
    store = store_open(directory, "tester", &identity, &err);
    return store == NULL ? -1 : 0;
}

static int close_store(void **unused)
{
    (void)unused;
    store_close(store);
    scratch_remove(directory);
    arena_release(&arena);
    return 0;
}

static void event(const char *service, int64_t at_ms, const char *commit, const char *text)
{
    struct fact fact = { .kind = FACT_EVENT,
                         .cluster = "default",
                         .service = service,
                         .at_ms = at_ms,
                         .commit = commit,
                         .text = text };
    struct err err = { 0 };

    assert_int_equal(store_write(store, &fact, 1, &err), 0);
}

static size_t events(const struct history_filter *filter, struct history_event **out)
{
    struct err err = { 0 };
    size_t count = 0;

    assert_int_equal(history_events(store, filter, &arena, out, &count, &err), 0);
    return count;
}

static void a_cause_that_lasts_is_told_once_in_six_hours(void **unused)
{
    (void)unused;
    struct history_filter all = { 0 };
    struct history_event *items;

    event("web", 1, "c1", STUCK);
    event("web", 2, "c1", "(service web) has started 1 tasks: (task a).");
    event("web", 3, "c1", STUCK);
    event("web", 6 * HOUR, "c1", STUCK);
    assert_int_equal(events(&all, &items), 2);
    event("web", 6 * HOUR + 1, "c1", STUCK);
    assert_int_equal(events(&all, &items), 3);
    event("web", 6 * HOUR + 2, "c2", STUCK); /* another commit */
    event("api", 6 * HOUR + 2, "c1", STUCK); /* another service */
    assert_int_equal(events(&all, &items), 5);
    event("web", 6 * HOUR + 3, "c2", STEADY); /* the cause is over */
    event("web", 6 * HOUR + 4, "c2", STEADY);
    event("web", 6 * HOUR + 5, "c2", STUCK);
    event("web", 6 * HOUR + 6, "c2", STEADY); /* and so was the steady state */
    assert_int_equal(events(&all, &items), 8);
    event("web", 12 * HOUR + 6, "c2", STEADY);
    assert_int_equal(events(&all, &items), 9);
}

static void events_are_followed_by_id(void **unused)
{
    (void)unused;
    struct history_filter filter = { .cluster = "default", .service = "web", .limit = 3 };
    struct history_event *items;

    for (int i = 0; i < 10; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "event %d", i);
        event(i == 9 ? "api" : "web", i + 1, NULL, text);
    }
    assert_int_equal(events(&filter, &items), 3);
    assert_string_equal(items[0].text, "event 6");
    assert_string_equal(items[2].text, "event 8");
    assert_string_equal(items[2].service, "web");
    assert_string_equal(items[2].commit, "");
    filter.since = items[0].id;
    assert_int_equal(events(&filter, &items), 2);
    assert_string_equal(items[0].text, "event 7");
    filter.since = 1;
    assert_int_equal(events(&filter, &items), 3);
    assert_string_equal(items[0].text, "event 1");
    filter.since = 1000;
    assert_int_equal(events(&filter, &items), 0);
    filter.since = 0;
    filter.after = true;
    assert_int_equal(events(&filter, &items), 3);
    assert_string_equal(items[0].text, "event 0");
}

static void an_event_of_no_service_is_kept(void **unused)
{
    (void)unused;
    struct fact fact = { .kind = FACT_EVENT, .at_ms = 5, .text = "engine 'local' is lost" };
    struct history_filter all = { 0 };
    struct history_event *items;
    struct err err = { 0 };

    assert_int_equal(store_write(store, &fact, 1, &err), 0);
    assert_int_equal(events(&all, &items), 1);
    assert_null(items[0].cluster);
    assert_null(items[0].service);
}

static void the_latest_hundred_events_stay(void **unused)
{
    (void)unused;
    AUTO(memory) *memory = memory_new();
    struct history_filter all = { .limit = 1000 };
    struct history_event *items;
    struct err err = { 0 };

    event("web", 1, NULL, "old");
    for (int i = 0; i < 150; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "event %d", i);
        event("api", i + 2, NULL, text);
    }
    assert_int_equal(store_prune(store, memory, 1000, &err), 0);
    assert_int_equal(events(&all, &items), 101);
    assert_string_equal(items[0].text, "old");
    assert_string_equal(items[1].text, "event 50");
    assert_int_equal(store_prune(store, memory, HISTORY_AGE_MS + 2, &err), 0);
    assert_int_equal(events(&all, &items), 100);
}

static void commit_seen(const char *id, enum commit_outcome outcome, const char *subject)
{
    struct history_commit commit = { .author = "Anna",
                                     .email = "anna@berth.example",
                                     .subject = subject,
                                     .committed_ms = 10,
                                     .seen_ms = 20,
                                     .outcome = outcome,
                                     .summary = "1 service changed" };
    struct store_progress progress = { 0 };
    struct store_progress found;
    struct err err = { 0 };

    (void)snprintf(commit.id, sizeof(commit.id), "%s", id);
    (void)snprintf(progress.applied, sizeof(progress.applied), "%s", id);
    assert_int_equal(history_add_commit(store, &commit, &progress, &err), 0);
    assert_int_equal(store_progress_read(store, &arena, &found, &err), 0);
    assert_string_equal(found.applied, id);
}

static void commits_are_paged_and_found_by_prefix(void **unused)
{
    (void)unused;
    struct history_filter filter = { .limit = 2 };
    struct history_commit *items;
    struct history_commit one;
    struct err err = { 0 };
    size_t count;

    commit_seen("aaaa1111", COMMIT_SUPERSEDED, "first");
    commit_seen("aaaa2222", COMMIT_REJECTED, "second");
    commit_seen("bbbb3333", COMMIT_APPLIED, "third");
    commit_seen("aaaa1111", COMMIT_APPLIED, "first again");
    assert_int_equal(history_commits(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(items[0].subject, "first again");
    assert_string_equal(items[1].id, "bbbb3333");
    assert_int_equal(items[1].outcome, COMMIT_APPLIED);
    assert_string_equal(items[1].author, "Anna");
    assert_int_equal(items[1].committed_ms, 10);
    filter.before = items[1].number;
    assert_int_equal(history_commits(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(items[1].subject, "first");

    assert_int_equal(history_commit(store, "aaaa1", &arena, &one, &err), 0);
    assert_string_equal(one.subject, "first again");
    assert_int_equal(history_commit(store, "aaaa", &arena, &one, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(history_commit(store, "cccc", &arena, &one, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(history_commit(store, "aa", &arena, &one, &err), -1);
    assert_int_equal(history_commit(store, "' OR 1", &arena, &one, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void deployment(const char *service, const char *id, const char *commit)
{
    AUTO(goal) *goal = goal_for_test(service, "blue");
    struct pin pins[2] = { { NULL, NULL }, { NULL, NULL } };
    struct deployment record = { .goal = goal, .pins = pins, .reason = "why", .created_ms = 3 };
    struct fact fact = {
        .kind = FACT_DEPLOYMENT, .cluster = "default", .service = service, .deployment = &record
    };
    struct err err = { 0 };

    (void)snprintf(record.id, sizeof(record.id), "%s", id);
    (void)snprintf(record.commit, sizeof(record.commit), "%s", commit);
    assert_int_equal(store_write(store, &fact, 1, &err), 0);
}

static void deployments_know_their_commit_and_outlive_their_service(void **unused)
{
    (void)unused;
    struct history_filter filter = { .cluster = "default", .service = "web" };
    struct fact forget = { .kind = FACT_FORGET, .cluster = "default", .service = "web" };
    struct history_deployment *items;
    struct err err = { 0 };
    size_t count;

    deployment("web", "d1", "aaaa1111");
    deployment("api", "d2", "aaaa1111");
    deployment("web", "d3", "cccc");
    commit_seen("aaaa1111", COMMIT_APPLIED, "bigger buttons");
    assert_int_equal(store_write(store, &forget, 1, &err), 0);
    assert_int_equal(history_deployments(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(items[0].id, "d3");
    assert_null(items[0].author);
    assert_string_equal(items[1].id, "d1");
    assert_string_equal(items[1].author, "Anna");
    assert_string_equal(items[1].subject, "bigger buttons");
    assert_string_equal(items[1].reason, "why");
    assert_int_equal(strlen(items[1].revision), 64);
    filter.before = items[0].number;
    assert_int_equal(history_deployments(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 1);
    filter = (struct history_filter){ 0 };
    assert_int_equal(history_deployments(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 3);
}

static void task_of(const char *deployment_id, int64_t stopped_ms)
{
    struct task_record task = { .id = "t1",
                                .deployment = deployment_id,
                                .cluster = "default",
                                .service = "web",
                                .instance = "local",
                                .exit_code = -1,
                                .stopped_ms = stopped_ms };
    struct fact fact = { .kind = FACT_TASK, .task = &task };
    struct err err = { 0 };

    assert_int_equal(store_write(store, &fact, 1, &err), 0);
}

static const char *status_of(size_t i)
{
    struct history_filter filter = { .cluster = "default", .service = "web" };
    struct history_deployment *items;
    struct err err = { 0 };
    size_t count;

    assert_int_equal(history_deployments(store, &filter, &arena, &items, &count, &err), 0);
    assert_true(i < count);
    assert_string_equal(items[i].replaced_by, i == 0 ? "" : items[i - 1].id);
    return deployment_status_text(items[i].status);
}

static void a_replaced_deployment_is_active_while_it_has_tasks(void **unused)
{
    (void)unused;
    struct fact forget = { .kind = FACT_FORGET, .cluster = "default", .service = "web" };
    struct err err = { 0 };

    deployment("web", "d1", "aaaa1111");
    deployment("api", "d2", "aaaa1111");
    assert_string_equal(status_of(0), "PRIMARY");
    task_of("d1", 0);
    assert_string_equal(status_of(0), "PRIMARY");
    deployment("web", "d3", "cccc");
    assert_string_equal(status_of(0), "PRIMARY");
    assert_string_equal(status_of(1), "ACTIVE");
    task_of("d1", 5);
    assert_string_equal(status_of(1), "INACTIVE");
    assert_int_equal(store_write(store, &forget, 1, &err), 0);
    assert_string_equal(status_of(0), "INACTIVE");
}

static void task_stopped(const char *id, const char *service, int64_t stopped_ms)
{
    struct task_record task = { .cluster = "default",
                                .service = service,
                                .instance = "local",
                                .stop_code = STOP_USER_INITIATED,
                                .reason = "someone did it",
                                .stopped_ms = stopped_ms };
    struct fact fact = { .kind = FACT_TASK, .task = &task };
    struct err err = { 0 };

    (void)snprintf(task.id, sizeof(task.id), "%s", id);
    assert_int_equal(store_write(store, &fact, 1, &err), 0);
}

static void stopped_tasks_stay_for_a_day(void **unused)
{
    (void)unused;
    AUTO(memory) *memory = memory_new();
    struct history_filter filter = { .cluster = "default", .service = "web" };
    struct task_record *items;
    struct err err = { 0 };
    size_t count;

    task_stopped("t1", "web", 10);
    task_stopped("t2", "web", 30);
    task_stopped("t3", "api", 20);
    task_stopped("t4", "web", 0); /* runs */
    assert_int_equal(history_tasks(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(items[0].id, "t2");
    assert_string_equal(items[0].reason, "someone did it");
    assert_int_equal(items[0].stop_code, STOP_USER_INITIATED);
    assert_int_equal(store_prune(store, memory, HISTORY_TASKS_MS + 10, &err), 0);
    assert_int_equal(history_tasks(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(store_prune(store, memory, HISTORY_TASKS_MS + 11, &err), 0);
    assert_int_equal(history_tasks(store, &filter, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 1);
}

static size_t jobs_of(const char *group, const char *first)
{
    const struct history_filter filter = { .service = group, .limit = HISTORY_JOBS_ALL };
    struct task_record *items;
    struct err err = { 0 };
    size_t count;

    assert_int_equal(history_jobs(store, &filter, &arena, &items, &count, &err), 0);
    if (count > 0)
        assert_string_equal(items[0].id, first);
    return count;
}

/* Nobody else would tell how the last nights went; and they are no tasks of services. */
static void jobs_stay_longer(void **unused)
{
    (void)unused;
    AUTO(memory) *memory = memory_new();
    const struct history_filter all = { .limit = HISTORY_TASKS };
    struct task_record *items;
    struct err err = { 0 };
    size_t count;
    char id[16];
    char service[32];

    for (int i = 0; i < HISTORY_JOBS + 5; i++) {
        (void)snprintf(id, sizeof(id), "n%d", i);
        (void)snprintf(service, sizeof(service), "family:nightly/r%d", i);
        task_stopped(id, service, 10 + i);
    }
    task_stopped("once", "family:once/r", 7);
    task_stopped("runs", "family:once/r", 0);
    assert_int_equal(jobs_of(NULL, "n104"), HISTORY_JOBS + 6);
    assert_int_equal(history_tasks(store, &all, &arena, &items, &count, &err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_prune(store, memory, 2 * HISTORY_TASKS_MS, &err), 0);
    assert_int_equal(jobs_of("family:nightly", "n104"), HISTORY_JOBS);
    assert_int_equal(jobs_of("family:once", "once"), 1);
    assert_int_equal(jobs_of("family:o", ""), 0);
    assert_int_equal(store_prune(store, memory, HISTORY_AGE_MS + 8, &err), 0);
    assert_int_equal(jobs_of("family:once", ""), 0);
    assert_int_equal(jobs_of("family:nightly", "n104"), HISTORY_JOBS);
}

/* A run is no deployment, and what its tasks did is told of the whole family. */
static void runs_are_no_deployments(void **unused)
{
    (void)unused;
    AUTO(goal) *goal = goal_for_test("web", "blue");
    struct pin pins[2] = { 0 };
    const struct deployment run = { .id = "r1", .commit = "c1", .goal = goal, .pins = pins };
    const struct fact facts[] = {
        { .kind = FACT_DEPLOYMENT, .cluster = "c", .service = "family:x/r1", .deployment = &run },
        { .kind = FACT_EVENT, .cluster = "c", .service = "family:x/r1", .at_ms = 1, .text = "so" },
    };
    const struct fact forget = { .kind = FACT_FORGET, .cluster = "c", .service = "family:x/r1" };
    const struct history_filter of_group = { .service = "family:x" };
    struct history_deployment *deployments;
    struct history_event *events;
    struct err err = { 0 };
    size_t count;

    assert_int_equal(store_write(store, facts, ARRAY_COUNT(facts), &err), 0);
    assert_int_equal(history_events(store, &of_group, &arena, &events, &count, &err), 0);
    assert_int_equal(count, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(history_deployments(store, &(struct history_filter){ 0 }, &arena,
                                             &deployments, &count, &err),
                         0);
        assert_int_equal(count, 0);
        assert_int_equal(store_write(store, &forget, 1, &err), 0);
    }
}

static void lines_said(const char *task, const char *container, const char *text)
{
    const struct task_lines lines = { task, container, text };
    const struct fact fact = {
        .kind = FACT_LINES, .cluster = "c", .service = "web", .lines = &lines
    };
    struct err err = { 0 };

    assert_int_equal(store_write(store, &fact, 1, &err), 0);
}

static size_t lines_of(const char *task, const char *text)
{
    struct task_lines *lines;
    struct err err = { 0 };
    size_t count;

    assert_int_equal(history_lines(store, task, &arena, &lines, &count, &err), 0);
    if (count > 0)
        assert_string_equal(lines[0].text, text);
    return count;
}

static void last_lines_go_with_their_task(void **unused)
{
    (void)unused;
    AUTO(memory) *memory = memory_new();
    struct err err = { 0 };

    task_stopped("t1", "web", 10);
    lines_said("t1", "proxy", "T 1 later\n");
    lines_said("t1", "main", "T 1 first\n");
    lines_said("t1", "main", "T 1 not asked twice\n");
    lines_said("t2", "main", "T 1 of no task\n");
    assert_int_equal(lines_of("t1", "T 1 first\n"), 2);
    assert_int_equal(lines_of("t2", ""), 0);
    assert_int_equal(store_prune(store, memory, HISTORY_TASKS_MS + 10, &err), 0);
    assert_int_equal(lines_of("t1", "T 1 first\n"), 2);
    assert_int_equal(store_prune(store, memory, HISTORY_TASKS_MS + 11, &err), 0);
    assert_int_equal(lines_of("t1", ""), 0);
}

static void last_lines_have_a_limit(void **unused)
{
    (void)unused;
    AUTO(memory) *memory = memory_new();
    AUTO_TEXT char *text = mem_alloc(4096 + 1);
    struct err err = { 0 };
    size_t kept = 0;
    char id[16];

    memset(text, 'x', 4096);
    for (int i = 0; i < 1030; i++) {
        (void)snprintf(id, sizeof(id), "t%d", i);
        task_stopped(id, "web", 10 + i);
        lines_said(id, "main", text);
    }
    assert_int_equal(store_prune(store, memory, 10, &err), 0);
    for (int i = 0; i < 1030; i++) {
        (void)snprintf(id, sizeof(id), "t%d", i);
        kept += lines_of(id, text);
    }
    assert_int_equal(kept, HISTORY_LINES_BYTES / 4096);
    assert_int_equal(lines_of("t5", text), 0); /* the oldest went */
    assert_int_equal(lines_of("t6", text), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(a_cause_that_lasts_is_told_once_in_six_hours),
        TEST(events_are_followed_by_id),
        TEST(an_event_of_no_service_is_kept),
        TEST(the_latest_hundred_events_stay),
        TEST(commits_are_paged_and_found_by_prefix),
        TEST(deployments_know_their_commit_and_outlive_their_service),
        TEST(a_replaced_deployment_is_active_while_it_has_tasks),
        TEST(stopped_tasks_stay_for_a_day),
        TEST(jobs_stay_longer),
        TEST(runs_are_no_deployments),
        TEST(last_lines_go_with_their_task),
        TEST(last_lines_have_a_limit),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
