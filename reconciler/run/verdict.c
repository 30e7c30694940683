/*
 * How far the services of a commit are, and which of them cannot move any more: what `apply` ends
 * with and what the API tells.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/run/app.h"
#include "spec/base/hash.h"
#include "spec/base/text.h"

#define OUTCOME_TEXT(name, code, text) [code] = (text),
static const char *const outcome_texts[] = { APP_OUTCOMES(OUTCOME_TEXT) };
#undef OUTCOME_TEXT

const char *app_outcome_text(enum app_outcome outcome)
{
    ASSERT(outcome < APP_OUTCOME_COUNT);
    return outcome_texts[outcome];
}

enum standing { STANDING_DONE, STANDING_PENDING, STANDING_FAILED, STANDING_BLOCKED };

struct judged {
    const struct desired_service *service;
    enum standing standing;
    bool rolled_back;
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
    struct judged judged = { .service = service };

    if (begun && primary->state == ROLLOUT_FAILED)
        judged.standing = STANDING_FAILED;
    else if (memory != NULL && memory->suspended != NULL)
        judged.standing = STANDING_BLOCKED;
    else if (!begun || primary->state == ROLLOUT_IN_PROGRESS)
        judged.standing = STANDING_PENDING;
    else
        judged.rolled_back = quarantined;
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

struct app_verdict app_judge(const struct app *app)
{
    const struct desired *desired = app->desired;
    struct app_verdict verdict = { .services = desired->service_count };
    struct judged *items = mem_alloc((desired->service_count + 1) * sizeof(*items));
    struct judged *all = NULL;
    size_t count = 0;

    for (const struct desired_service *at = desired->services; at != NULL; at = at->by_key.next) {
        struct judged *item = &items[count++];

        *item = judge(app, at);
        HASH_ADD_KEYPTR(by_key, all, at->key, strlen(at->key), item);
    }
    find_blocked(desired, all);
    HASH_CLEAR(by_key, all);
    for (size_t i = 0; i < count; i++) {
        verdict.pending += items[i].standing == STANDING_PENDING;
        verdict.failed += items[i].standing == STANDING_FAILED;
        verdict.blocked += items[i].standing == STANDING_BLOCKED;
        verdict.rolled_back += items[i].rolled_back;
    }
    free(items);
    return verdict;
}
