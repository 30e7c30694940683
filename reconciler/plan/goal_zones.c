/*
 * The time zones that a generation names.
 */
#include "reconciler/plan/goal.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"

const struct zone *desired_zone(const struct desired *desired, const char *name)
{
    if (text_equal(name, zone_utc.name))
        return &zone_utc;
    for (size_t i = 0; i < desired->zone_count; i++) {
        if (text_equal(desired->zones[i].name, name))
            return &desired->zones[i];
    }
    return NULL;
}

static int read_one(struct desired *desired, const char *name, zone_read_fn *read, void *context,
                    struct err *err)
{
    struct zone zone;

    if (desired_zone(desired, name) != NULL)
        return 0;
    if (read(context, arena_text(&desired->arena, name), &desired->arena, &zone, err) < 0)
        return -1;
    desired->zones = arena_enlarge(&desired->arena, desired->zones, desired->zone_count,
                                   desired->zone_count + 1, sizeof(*desired->zones));
    desired->zones[desired->zone_count++] = zone;
    return 0;
}

/* Of the scheduled actions of auto scaling. */
static int read_scaling(struct desired *desired, zone_read_fn *read, void *context,
                        struct diag_list *diags)
{
    int result = 0;

    for (size_t i = 0; i < generation_count(desired->generation, KIND_SERVICE); i++) {
        const struct resource *service = generation_at(desired->generation, KIND_SERVICE, i);
        const struct auto_scaling *scaling = resource_service(service)->auto_scaling;

        for (size_t k = 0; scaling != NULL && k < scaling->scheduled_actions_count; k++) {
            const char *name = scaling->scheduled_actions[k].timezone;
            struct err err;

            if (read_one(desired, name, read, context, &err) == 0)
                continue;
            diag_add(diags, DIAG_ERROR, service->pos,
                     "service '%s': autoScaling.scheduledActions[%zu].timezone: '%s': %s",
                     service->name, k, name, err.text);
            result = -1;
        }
    }
    return result;
}

int desired_read_zones(struct desired *desired, zone_read_fn *read, void *context,
                       struct diag_list *diags)
{
    int result = read_scaling(desired, read, context, diags);

    for (size_t i = 0; i < generation_count(desired->generation, KIND_CLUSTER); i++) {
        const struct resource *cluster = generation_at(desired->generation, KIND_CLUSTER, i);
        const struct cluster_maintenance *maintenance = resource_cluster(cluster)->maintenance;

        for (size_t k = 0; maintenance != NULL && k < maintenance->windows_count; k++) {
            const char *name = maintenance->windows[k].timezone;
            struct err err;

            if (read_one(desired, name, read, context, &err) == 0)
                continue;
            diag_add(diags, DIAG_ERROR, cluster->pos,
                     "cluster '%s': maintenance.windows[%zu].timezone: '%s': %s", cluster->name, k,
                     name, err.text);
            result = -1;
        }
    }
    for (size_t i = 0; i < generation_count(desired->generation, KIND_SCHEDULE); i++) {
        const struct resource *schedule = generation_at(desired->generation, KIND_SCHEDULE, i);
        const char *name = resource_schedule(schedule)->timezone;
        struct err err;

        if (read_one(desired, name, read, context, &err) == 0)
            continue;
        diag_add(diags, DIAG_ERROR, schedule->pos, "schedule '%s': timezone: '%s': %s",
                 schedule->name, name, err.text);
        result = -1;
    }
    return result;
}
