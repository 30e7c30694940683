/*
 * Pending: the tasks of which nothing is seen yet, and which count all the same, by the unit that
 * they are of: those whose first container is being created, and those of jobs that have claimed
 * their instance. There may be many, of which each unit wants to see its own.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/place.h"
#include "spec/base/text.h"
#include "spec/names.h"

static int compare(const void *a, const void *b)
{
    const struct plan_pending *left = *(const struct plan_pending *const *)a;
    const struct plan_pending *right = *(const struct plan_pending *const *)b;
    int order = strcmp(left->unit, right->unit);

    if (order == 0 && unit_is_job(left->unit))
        order = strcmp(left->task, right->task);
    if (order != 0)
        return order;
    return (left > right) - (left < right); /* as they were given */
}

bool is_being_created(const struct plan_input *input, const char *task)
{
    for (size_t i = 0; i < input->pending_count; i++) {
        if (text_equal(input->pending[i].task, task))
            return true;
    }
    return false;
}

static size_t count_claims(const struct memory *memory)
{
    size_t count = 0;

    for (const struct memory_task *at = memory->claims; at != NULL; at = at->claim_next)
        count++;
    return count;
}

static void add_claims(struct planner *planner)
{
    const struct plan_input *input = planner->input;

    for (const struct memory_task *at = input->memory->claims; at != NULL; at = at->claim_next) {
        const struct deployment *run = memory_primary(at->service);
        struct plan_pending *pending;

        if (run == NULL || world_task(input->world, at->record.id) != NULL ||
            is_being_created(input, at->record.id))
            continue;
        pending = arena_new(planner->arena, struct plan_pending);
        *pending = (struct plan_pending){ .unit = at->service->key,
                                          .task = at->record.id,
                                          .instance = at->record.instance,
                                          .slot = at->record.slot,
                                          .target = run->goal->target };
        planner->pending[planner->pending_count++] = pending;
    }
}

size_t pending_all(struct planner *planner, const struct plan_pending *const **out)
{
    const struct plan_input *input = planner->input;

    if (planner->pending == NULL) {
        planner->pending = arena_array(planner->arena, const struct plan_pending *,
                                       input->pending_count + count_claims(input->memory) + 1);
        for (size_t i = 0; i < input->pending_count; i++)
            planner->pending[i] = &input->pending[i];
        planner->pending_count = input->pending_count;
        add_claims(planner);
        qsort(planner->pending, planner->pending_count, sizeof(*planner->pending), compare);
    }
    *out = planner->pending;
    return planner->pending_count;
}

size_t pending_of(struct planner *planner, const char *unit, const struct plan_pending *const **out)
{
    const struct plan_pending *const *all;
    size_t high = pending_all(planner, &all);
    size_t total = high;
    size_t low = 0;
    size_t count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(all[middle]->unit, unit) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = &all[low];
    while (low + count < total && strcmp(all[low + count]->unit, unit) == 0)
        count++;
    return count;
}
