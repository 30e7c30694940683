/*
 * Pending: the tasks whose first container is being created, by the unit that they are of. There
 * may be many, of which each unit wants to see its own.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/place.h"

static int compare(const void *a, const void *b)
{
    const struct plan_pending *left = *(const struct plan_pending *const *)a;
    const struct plan_pending *right = *(const struct plan_pending *const *)b;
    int order = strcmp(left->unit, right->unit);

    if (order != 0)
        return order;
    return (left > right) - (left < right); /* as they were given */
}

static void sort(struct planner *planner)
{
    const struct plan_input *input = planner->input;

    planner->pending =
        arena_array(planner->arena, const struct plan_pending *, input->pending_count + 1);
    for (size_t i = 0; i < input->pending_count; i++)
        planner->pending[i] = &input->pending[i];
    qsort(planner->pending, input->pending_count, sizeof(*planner->pending), compare);
}

size_t pending_of(struct planner *planner, const char *unit, const struct plan_pending *const **out)
{
    size_t low = 0;
    size_t high = planner->input->pending_count;
    size_t count = 0;

    if (planner->pending == NULL)
        sort(planner);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(planner->pending[middle]->unit, unit) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = &planner->pending[low];
    while (low + count < planner->input->pending_count &&
           strcmp(planner->pending[low + count]->unit, unit) == 0)
        count++;
    return count;
}
