#include "reconciler/run/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/maintain.h"
#include "reconciler/plan/memory_hosts.h"
#include "reconciler/plan/window.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/fleet.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define PREFIX "maintenance: " /* of what the planner says about an instance */

static const struct maintenance *known_of(const struct app *app, const char *instance)
{
    const struct host_record *record = memory_host(app->memory, instance);

    return record == NULL ? NULL : record->maintenance;
}

int upkeep_resume(struct app *app, const char *instance, bool is_done, struct err *err)
{
    const struct maintenance *known = known_of(app, instance);
    struct maintenance next;
    struct host_record record;
    struct fact fact = { .kind = FACT_HOST,
                         .durable = true,
                         .at_ms = loop_wall_ms(),
                         .host = &record,
                         .text = is_done ? "maintenance goes on: a person did what is to be done"
                                         : "maintenance is tried again: its tasks leave" };

    if (app->driver == NULL || fleet_host(app->driver, instance) == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no instance '%s'", instance);
    if (known == NULL || known->step != MAINTENANCE_FAILED)
        return err_set(err, ERR_CONFLICT, "no maintenance of instance '%s' has failed", instance);
    next = *known;
    next.step = is_done ? MAINTENANCE_RETURNING : MAINTENANCE_DRAINING;
    next.attempt++;
    next.since_ms = fact.at_ms;
    next.reason = NULL;
    record = *memory_host(app->memory, instance);
    record.maintenance = &next;
    return cycle_state(app->cycle, &fact, 1, err);
}

const char *upkeep_text(const struct app *app, const char *instance, struct arena *arena)
{
    const struct maintenance *known = known_of(app, instance);
    const char *wait = cycle_wait(app->cycle, instance);

    if (known != NULL && known->step == MAINTENANCE_FAILED)
        return arena_printf(arena, "maintenance failed: %s", known->reason);
    return wait != NULL && text_starts(wait, PREFIX) ? wait : NULL;
}

const char *upkeep_failed(const struct app *app)
{
    for (const struct memory_host *at = app->memory->hosts; at != NULL; at = at->by_name.next) {
        if (at->record.maintenance != NULL && at->record.maintenance->step == MAINTENANCE_FAILED &&
            app->driver != NULL && fleet_host(app->driver, at->record.instance) != NULL)
            return at->record.instance;
    }
    return NULL;
}

/* All else is as it should be, and hosts of the cluster are due that wait for a window; NULL: none.
 */
static const char *rest_text(const struct plan_input *input, const struct resource *cluster,
                             struct arena *arena)
{
    const char *order = maintain_order(input, cluster, arena);
    struct window_look look;

    if (order == NULL)
        return NULL;
    window_look(resource_cluster(cluster)->maintenance, input->desired, input->now_ms, &look);
    if (look.is_open)
        return NULL;
    if (look.zone == NULL)
        return arena_printf(arena, "maintenance of %s waits for a window, and none opens any more",
                            order);
    return arena_printf(arena, "maintenance of %s waits for a window, which opens on %s", order,
                        window_opens_text(&look, arena));
}

void upkeep_tell_rest(struct app *app)
{
    const struct generation *generation = app->desired->generation;
    const struct plan_input input = app_plan_input(app);
    AUTO(arena) arena = { 0 };
    AUTO(buf) all = { 0 };

    buf_init(&all, LIMIT_OUTPUT);
    for (size_t i = 0; i < generation_count(generation, KIND_CLUSTER); i++) {
        const struct resource *cluster = generation_at(generation, KIND_CLUSTER, i);
        struct fact fact = { .kind = FACT_EVENT, .cluster = cluster->name, .at_ms = input.now_ms };
        const char *rest = rest_text(&input, cluster, &arena);
        struct err err;

        if (rest == NULL)
            continue;
        fact.text = arena_printf(&arena, "(cluster %s) %s", cluster->name, rest);
        buf_printf(&all, "%s\n", fact.text);
        if (app->rest_told != NULL && strstr(app->rest_told, fact.text) != NULL)
            continue;
        app_tell(app, "event", NULL, "%s", fact.text);
        if (cycle_state(app->cycle, &fact, 1, &err) < 0)
            app_say(app, "warning", "state: %s", err.text);
    }
    free(app->rest_told);
    app->rest_told = mem_text(buf_text(&all));
}

void upkeep_each(const struct app *app, upkeep_fn *fn, void *context)
{
    const struct plan_input input = app_plan_input(app);
    AUTO(arena) arena = { 0 };

    for (const struct memory_host *at = app->memory->hosts; at != NULL; at = at->by_name.next) {
        const char *name = at->record.instance;

        if (maintenance_is_open(at->record.maintenance) && app->driver != NULL &&
            fleet_host(app->driver, name) != NULL)
            fn(context, name, at->record.maintenance, upkeep_text(app, name, &arena));
    }
    for (size_t i = 0;
         app->desired != NULL && i < generation_count(app->desired->generation, KIND_CLUSTER);
         i++) {
        const struct resource *cluster = generation_at(app->desired->generation, KIND_CLUSTER, i);
        const char *rest = rest_text(&input, cluster, &arena);

        if (rest != NULL)
            fn(context, /* instance= */ NULL, /* maintenance= */ NULL,
               arena_printf(&arena, "cluster %s: %s", cluster->name, rest));
    }
}
