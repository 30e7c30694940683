#include "reconciler/run/upkeep.h"

#include <string.h>

#include "reconciler/plan/memory_hosts.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/fleet.h"
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
