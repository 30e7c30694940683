/*
 * The schedules of a generation, and what their runs would be.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/goal_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"
#include "spec/world.h"

const struct desired_schedule *desired_schedule(const struct desired *desired, const char *key)
{
    struct desired_schedule *entry = NULL;

    if (desired != NULL)
        HASH_FIND(by_key, desired->schedules, key, strlen(key), entry);
    return entry;
}

struct goal *goal_lend(const struct target *target, struct arena *arena)
{
    AUTO(buf) text = { 0 };
    struct goal *goal = arena_new(arena, struct goal);

    buf_init(&text, LIMIT_OUTPUT);
    target_print(target, &text);
    ASSERT(!text.truncated);
    goal->text = arena_text_n(arena, buf_text(&text), text.size);
    goal->text_size = text.size;
    goal->target = target;
    return goal;
}

static struct goal *make_goal(struct desired *desired, const struct resource *schedule,
                              struct goal *known, secret_digest_fn *secrets, void *secrets_context,
                              struct err *err)
{
    const struct schedule_spec *spec = resource_schedule(schedule);
    const struct job_request request = { .cluster = spec->cluster,
                                         .task = spec->task_definition,
                                         .run = "",
                                         .count = spec->task_count,
                                         .overrides = spec->overrides };
    AUTO(arena) scratch = { 0 };
    AUTO(buf) text = { 0 };
    const struct target *target =
        target_make_job(desired->generation, &request, secrets, secrets_context, &scratch, err);

    if (target == NULL)
        return NULL;
    /* As each run of it will be: with an id. */
    buf_init(&text, LIMIT_GOAL_BYTES - DEPLOYMENT_ID_SIZE);
    target_print(target, &text);
    return goal_of(known, &text, err);
}

bool schedules_make(struct desired *desired, const struct desired *before,
                    const struct tree *concerned, secret_digest_fn *secrets, void *secrets_context,
                    struct diag_list *diags)
{
    bool complete = true;

    for (size_t i = 0; i < generation_count(desired->generation, KIND_SCHEDULE); i++) {
        const struct resource *schedule = generation_at(desired->generation, KIND_SCHEDULE, i);
        AUTO(arena) scratch = { 0 };
        const char *key = arena_printf(&scratch, SCHEDULE_KEY "%s", schedule->name);
        const struct desired_schedule *known = desired_schedule(before, key);
        bool is_same = known != NULL && tree_get(concerned, schedule->name) == NULL &&
                       !has_secrets(known->goal->target);
        struct desired_schedule *entry;
        struct goal *goal;
        struct err err;

        goal = is_same ? goal_ref(known->goal)
                       : make_goal(desired, schedule, known == NULL ? NULL : known->goal, secrets,
                                   secrets_context, &err);
        if (goal == NULL) {
            diag_add(diags, DIAG_ERROR, schedule->pos, "schedule '%s': %s", schedule->name,
                     err.text);
            complete = false;
            continue;
        }
        entry = mem_alloc(sizeof(*entry));
        entry->key = mem_text(key);
        entry->resource = schedule;
        entry->goal = goal;
        HASH_ADD_KEYPTR(by_key, desired->schedules, entry->key, strlen(entry->key), entry);
    }
    return complete;
}

void schedules_compare(const struct desired *before, const struct desired *after,
                       desired_changed_fn *changed, void *context)
{
    for (const struct desired_schedule *at = after->schedules; at != NULL; at = at->by_key.next) {
        const struct desired_schedule *known = desired_schedule(before, at->key);

        if (known == NULL || known->goal != at->goal ||
            !text_equal(known->resource->digest, at->resource->digest) ||
            cluster_differs(before, after, at->goal->target->cluster))
            changed(context, at->key);
    }
    if (before == NULL)
        return;
    for (const struct desired_schedule *at = before->schedules; at != NULL; at = at->by_key.next) {
        if (desired_schedule(after, at->key) == NULL)
            changed(context, at->key);
    }
}

void desired_free_schedules(struct desired *desired)
{
    struct desired_schedule *entry;
    struct desired_schedule *next;

    HASH_ITER(by_key, desired->schedules, entry, next)
    {
        HASH_DELETE(by_key, desired->schedules, entry);
        goal_unref(entry->goal);
        free(entry->key);
        free(entry);
    }
}
