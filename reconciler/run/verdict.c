/*
 * How far the services of a commit are, and which of them cannot move any more: what `apply` ends
 * with and what the API tells.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/memory/history.h"
#include "reconciler/run/app.h"
#include "reconciler/run/cycle.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"
#include "spec/last_lines.h"

#define TASKS_SEEN  5  /* that ended last */
#define LINES_SHOWN 10 /* of a container; `berth logs` shows all that are kept */

#define OUTCOME_TEXT(name, code, text) [code] = (text),
static const char *const outcome_texts[] = { APP_OUTCOMES(OUTCOME_TEXT) };
#undef OUTCOME_TEXT

const char *app_outcome_text(enum app_outcome outcome)
{
    ASSERT(outcome < APP_OUTCOME_COUNT);
    return outcome_texts[outcome];
}

#define STANDINGS(X)                                                                               \
    X(DONE, "done")                                                                                \
    X(ROLLED_BACK, "rolledBack") /* done too, but not what the commit wants */                     \
    X(PENDING, "pending")                                                                          \
    X(FAILED, "failed")                                                                            \
    X(BLOCKED, "blocked")

#define STANDING_ENUM(name, text) STANDING_##name,
enum standing { STANDINGS(STANDING_ENUM) };
#undef STANDING_ENUM
#define STANDING_TEXT(name, text) text,
static const char *const standing_texts[] = { STANDINGS(STANDING_TEXT) };
#undef STANDING_TEXT

struct judged {
    const struct desired_service *service;
    enum standing standing;
    UT_hash_handle by_key;
};

static struct judged judge(const struct app *app, const struct desired_service *service)
{
    const struct memory_service *memory = memory_service(app->memory, service->key);
    const struct deployment *primary = memory_primary(memory);
    const char *revision = service->goal->target->revision;
    bool quarantined = memory != NULL && text_equal(memory->quarantined, revision);
    /* What is remembered of another revision says nothing about this commit. */
    bool begun =
        primary != NULL && (quarantined || text_equal(primary->goal->target->revision, revision));
    const struct plan_input input = app_plan_input(app);
    struct judged judged = { .service = service };

    if (begun && primary->state == ROLLOUT_FAILED)
        judged.standing = STANDING_FAILED;
    else if (memory != NULL && memory->suspended != NULL)
        judged.standing = STANDING_BLOCKED;
    else if (begun && primary->state == ROLLOUT_IN_PROGRESS && plan_is_unbuildable(&input, memory))
        judged.standing = STANDING_FAILED;
    else if (!begun || primary->state == ROLLOUT_IN_PROGRESS)
        judged.standing = STANDING_PENDING;
    else if (quarantined)
        judged.standing = STANDING_ROLLED_BACK;
    return judged;
}

/* One that waits for a service which does not come is blocked as well. */
static bool waits_in_vain(const struct desired *desired, struct judged *all,
                          const struct desired_service *service)
{
    const struct service_spec *spec = service->goal->target->spec;

    for (size_t i = 0; i < spec->depends_on_count; i++) {
        const struct desired_service *on = desired_dependency(desired, spec->depends_on[i]);
        struct judged *judged = NULL;

        if (on != NULL)
            HASH_FIND(by_key, all, on->key, strlen(on->key), judged);
        if (judged != NULL &&
            (judged->standing == STANDING_FAILED || judged->standing == STANDING_BLOCKED))
            return true;
    }
    return false;
}

/* As often as the longest chain of dependencies, which is no cycle. */
static void find_blocked(const struct desired *desired, struct judged *all)
{
    bool again = true;

    while (again) {
        again = false;
        for (struct judged *at = all; at != NULL; at = at->by_key.next) {
            if (at->standing != STANDING_PENDING || !waits_in_vain(desired, all, at->service))
                continue;
            at->standing = STANDING_BLOCKED;
            again = true;
        }
    }
}

/* In the order of the commit; the caller frees them. */
static struct judged *judge_all(const struct app *app)
{
    const struct desired *desired = app->desired;
    struct judged *items = mem_alloc((desired->service_count + 1) * sizeof(*items));
    struct judged *all = NULL;
    size_t count = 0;

    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        struct judged *item = &items[count++];

        *item = judge(app, at);
        HASH_ADD_KEYPTR(by_key, all, at->key, strlen(at->key), item);
    }
    ASSERT(count == desired->service_count);
    find_blocked(desired, all);
    HASH_CLEAR(by_key, all);
    return items;
}

struct app_verdict app_judge(const struct app *app)
{
    struct app_verdict verdict = { .services = app->desired->service_count };
    struct judged *items = judge_all(app);

    for (size_t i = 0; i < verdict.services; i++) {
        verdict.pending += items[i].standing == STANDING_PENDING;
        verdict.failed += items[i].standing == STANDING_FAILED;
        verdict.blocked += items[i].standing == STANDING_BLOCKED;
        verdict.rolled_back += items[i].standing == STANDING_ROLLED_BACK;
    }
    free(items);
    return verdict;
}

/* What it waits for says it all, but after a rollback nothing waits.  NULL: nothing is known. */
static const char *reason_of(const struct app *app, const struct judged *item, struct arena *arena)
{
    const char *key = item->service->key;
    const char *wait = cycle_wait(app->cycle, key);
    const struct deployment *failed = memory_failed(memory_service(app->memory, key));

    if (item->standing != STANDING_ROLLED_BACK || failed == NULL)
        return wait;
    return arena_printf(arena, "deployment %.12s of commit %.8s failed and was rolled back: %s",
                        failed->id, failed->commit,
                        failed->reason == NULL ? "no reason is remembered" : failed->reason);
}

/* What the last task of what the commit wants wrote last of which anything is kept: the end of it.
 */
static struct json *lines_of(const struct app *app, const struct target *target,
                             struct arena *arena)
{
    const struct history_filter filter = { .cluster = target->cluster,
                                           .service = target->service,
                                           .limit = TASKS_SEEN };
    struct json *list = json_array();
    struct task_record *tasks;
    struct task_lines *kept = NULL;
    size_t task_count;
    size_t count = 0;

    if (history_tasks(app->store, &filter, arena, &tasks, &task_count, NULL) < 0)
        task_count = 0;
    for (size_t i = 0; i < task_count && count == 0; i++) {
        if (text_equal(tasks[i].revision, target->revision) &&
            history_lines(app->store, tasks[i].id, arena, &kept, &count, NULL) < 0)
            count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct json *item = json_object();

        json_set_text(item, "task", kept[i].task);
        json_set_text(item, "container", kept[i].container);
        json_set_text(item, "text", last_lines_words(kept[i].text, LINES_SHOWN, arena));
        json_append(list, item);
    }
    return list;
}

const char *app_lines_text(const struct json *lines, struct arena *arena)
{
    return arena_printf(arena, "task %.12s, %s wrote:\n%s", json_text(lines, "task"),
                        json_text(lines, "container"), json_text(lines, "text"));
}

struct json *app_undone(const struct app *app)
{
    AUTO(arena) arena = { 0 };
    struct json *list = json_array();
    struct judged *items = judge_all(app);

    for (size_t i = 0; i < app->desired->service_count; i++) {
        const struct target *target = items[i].service->goal->target;
        const char *reason = reason_of(app, &items[i], &arena);
        enum standing standing = items[i].standing;
        struct json *item;

        if (standing == STANDING_DONE && reason != NULL)
            standing = STANDING_PENDING; /* it lost tasks since */
        if (standing == STANDING_DONE)
            continue;
        item = json_object();
        json_set_text(item, "cluster", target->cluster);
        json_set_text(item, "service", target->service);
        json_set_text(item, "standing", standing_texts[standing]);
        json_set_text(item, "reason", reason);
        if (standing == STANDING_FAILED || standing == STANDING_ROLLED_BACK)
            json_set(item, "lastLines", lines_of(app, target, &arena));
        json_append(list, item);
    }
    free(items);
    return list;
}

void app_end_release(struct app_end *end)
{
    json_free(TAKE(end->undone));
}
