/*
 * The count of a scaled service.
 *
 *   1. It begins with the larger of desiredCount and what the service had before; with nothing
 *      remembered, of tasks that run, with as many as there are.
 *   2. It changes by a decision of scale.c, or when bounds move past it.
 *   3. It ends when git declares no autoScaling any more: desiredCount holds again.
 */
#include "reconciler/plan/scaler.h"

#include "reconciler/plan/place.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/scaling_time.h"

/* ---- Bounds ---------------------------------------------------------------------------------- */

/* What an action sets is in force from its last time on, until a later one sets it. */
static void take_action(const struct scheduled_action *action, int64_t at_s, int64_t *min_s,
                        int64_t *max_s, struct scale_bounds *out)
{
    if (action->min_capacity != CAPACITY_ABSENT && at_s >= *min_s) {
        out->min = action->min_capacity;
        out->min_action = action->name;
        *min_s = at_s;
    }
    if (action->max_capacity != CAPACITY_ABSENT && at_s >= *max_s) {
        out->max = action->max_capacity;
        out->max_action = action->name;
        *max_s = at_s;
    }
}

void scale_bounds(const struct auto_scaling *spec, const struct desired *desired, int64_t now_ms,
                  struct scale_bounds *out)
{
    int64_t now_s = now_ms / 1000;
    int64_t min_s = SCALING_NEVER;
    int64_t max_s = SCALING_NEVER;

    *out = (struct scale_bounds){ .min = spec->min_capacity,
                                  .max = spec->max_capacity,
                                  .next_ms = INT64_MAX };
    for (size_t i = 0; i < spec->scheduled_actions_count; i++) {
        const struct scheduled_action *action = &spec->scheduled_actions[i];
        const struct zone *zone = desired_zone(desired, action->timezone);
        struct scaling_time time;
        const char *wrong;
        int64_t last_s;
        int64_t next_s;

        if (spec->suspended->scheduled_scaling || zone == NULL ||
            scaling_time_parse(action, zone, &time, &wrong, NULL) < 0)
            continue; /* validation refuses the latter two */
        last_s = scaling_time_last(&time, now_s);
        next_s = scaling_time_next(&time, now_s);
        if (last_s != SCALING_NEVER)
            take_action(action, last_s, &min_s, &max_s, out);
        if (next_s != INT64_MAX && next_s * 1000 < out->next_ms)
            out->next_ms = next_s * 1000;
    }
    /* The one that was set later moves the other. */
    if (out->min > out->max && min_s > max_s)
        out->max = out->min;
    else if (out->min > out->max)
        out->min = out->max;
}

static uint32_t between(const struct scale_bounds *bounds, uint32_t count)
{
    return count < bounds->min ? bounds->min : count > bounds->max ? bounds->max : count;
}

/* ---- Where it begins ------------------------------------------------------------------------- */

static bool is_up(const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        if (container_is_up(task->containers[i]))
            return true;
    }
    return false;
}

/* As many as are needed so that none of them has to go: on the local engine slots count, of several
 * instances tasks, two in one slot once. */
static uint32_t count_found(const struct plan_input *input, const struct target *target)
{
    const struct world_service *seen =
        world_service(input->world, target->cluster, target->service);
    const struct resource *cluster =
        generation_find(input->desired->generation, KIND_CLUSTER, target->cluster);
    bool is_pool = cluster != NULL && resource_cluster(cluster)->launch_type == LAUNCH_TYPE_EC2;
    uint32_t count = 0;
    uint32_t last = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        uint32_t slot = seen->tasks[i]->slot;

        if (!is_up(seen->tasks[i]))
            continue;
        if (is_pool && count > 0 && slot == last)
            continue;
        count = is_pool ? count + 1 : slot + 1 > count ? slot + 1 : count;
        last = slot;
    }
    return count;
}

static uint32_t count_begin(const struct plan_input *input, const struct target *target,
                            const struct memory_service *memory)
{
    uint32_t wanted = target->spec->desired_count;
    const struct deployment *primary = memory_primary(memory);
    uint32_t had =
        primary != NULL ? primary->goal->target->spec->desired_count : count_found(input, target);

    if (primary == NULL && had > 0)
        return had;
    return had > wanted ? had : wanted;
}

/* Before the bounds. */
static uint32_t count_of(const struct plan_input *input, const struct target *target,
                         const struct memory_service *memory)
{
    return memory != NULL && memory->scaling.set ? memory->scaling.desired
                                                 : count_begin(input, target, memory);
}

const struct service_spec *scaled_spec(const struct plan_input *input, const struct target *target,
                                       struct arena *arena)
{
    const struct auto_scaling *scaling = target->spec->auto_scaling;
    struct scale_bounds bounds;
    struct service_spec *spec;

    if (scaling == NULL)
        return target->spec;
    scale_bounds(scaling, input->desired, input->now_ms, &bounds);
    spec = arena_copy(arena, target->spec, sizeof(*target->spec));
    spec->desired_count = between(
        &bounds,
        count_of(input, target,
                 memory_service(input->memory, unit_key(arena, target->cluster, target->service))));
    return spec;
}

/* ---- What is stated -------------------------------------------------------------------------- */

static void state_count(struct planner *planner, const struct service_view *view,
                        const struct scaling *scaling, const char *cause)
{
    struct fact *fact = plan_fact(planner, FACT_SCALE, view->cluster, view->service);

    fact->scaling = arena_copy(planner->arena, scaling, sizeof(*scaling));
    fact->durable = true;
    if (cause != NULL) {
        struct scaling_words *words = arena_new(planner->arena, struct scaling_words);

        words->cause = cause;
        fact->words = words;
    }
}

static const char *moved_cause(struct planner *planner, const struct scale_bounds *bounds,
                               bool raised)
{
    const char *action = raised ? bounds->min_action : bounds->max_action;

    return arena_printf(planner->arena, "%s capacity was set to %u%s%s",
                        raised ? "minimum" : "maximum", raised ? bounds->min : bounds->max,
                        action == NULL ? "" : " by scheduled action ",
                        action == NULL ? "" : action);
}

bool scale_count(struct planner *planner, const struct service_view *view)
{
    const struct plan_input *input = planner->input;
    const struct target *target = view->desired->goal->target;
    struct scaling before = { 0 };
    struct scale_bounds bounds;
    struct scaling scaling;

    if (view->memory != NULL)
        before = view->memory->scaling;
    if (target->spec->auto_scaling == NULL) {
        if (before.set)
            state_count(planner, view, &(const struct scaling){ 0 }, NULL);
        return before.set;
    }
    scale_bounds(target->spec->auto_scaling, input->desired, input->now_ms, &bounds);
    if (bounds.next_ms != INT64_MAX)
        plan_wake(planner, bounds.next_ms);
    scaling = before;
    scaling.set = true;
    scaling.from = before.set ? before.desired : count_begin(input, target, view->memory);
    scaling.desired = between(&bounds, scaling.from);
    if (before.set && scaling.desired == before.desired)
        return false;
    scaling.at_ms = input->now_ms;
    scaling.fulfilled = false;
    state_count(planner, view, &scaling,
                scaling.desired == scaling.from
                    ? "the service was registered as a scalable target"
                    : moved_cause(planner, &bounds, scaling.desired > scaling.from));
    if (before.set)
        service_event(planner, view,
                      "(service %s) Message: Successfully set desired count to %u. Waiting for "
                      "change to be fulfilled by ecs. Cause: %s.",
                      view->service, scaling.desired,
                      moved_cause(planner, &bounds, scaling.desired > scaling.from));
    return true;
}

/* ---- For an evaluation ----------------------------------------------------------------------- */

static bool is_listed(const struct plan_input *input, const char *instance)
{
    const struct world_instance *seen = world_instance(input->world, instance);

    return seen != NULL && (seen->complete || seen->state == INSTANCE_LOST);
}

/* What runs has to be known. Of hosts that are away tasks count until they are given up; the local
 * engine has all of them. */
static const char *blind_for(const struct plan_input *input, const struct target *target,
                             struct arena *arena)
{
    const struct resource *found =
        generation_find(input->desired->generation, KIND_CLUSTER, target->cluster);
    const struct cluster_spec *cluster = found == NULL ? NULL : resource_cluster(found);
    const struct world_instance *local;

    if (cluster == NULL || cluster->launch_type != LAUNCH_TYPE_EC2) {
        local = world_instance(input->world, LOCAL_INSTANCE);
        return local != NULL && local->complete ? NULL : "the engine does not answer";
    }
    for (size_t i = 0; i < cluster->instances_count; i++) {
        if (!is_listed(input, cluster->instances[i].name))
            return arena_printf(arena, "what runs on instance %s is not known yet",
                                cluster->instances[i].name);
    }
    return NULL;
}

bool scale_look(const struct plan_input *input, const char *key, struct arena *arena,
                struct scale_input *out, const char **why)
{
    const struct desired_service *desired = desired_service(input->desired, key);
    const struct memory_service *memory = memory_service(input->memory, key);
    const struct deployment *primary = memory_primary(memory);
    struct service_status status;
    struct scale_bounds bounds;

    *why = NULL;
    if (desired == NULL || desired->goal->target->spec->auto_scaling == NULL)
        return false;
    if (memory != NULL && memory->suspended != NULL) {
        *why = "the service is suspended";
        return false;
    }
    if (memory == NULL || !memory->scaling.set || primary == NULL) {
        *why = "the service was not looked at yet";
        return false;
    }
    *why = blind_for(input, desired->goal->target, arena);
    if (*why != NULL)
        return false;
    scale_bounds(desired->goal->target->spec->auto_scaling, input->desired, input->now_ms, &bounds);
    plan_service_status(input, key, arena, &status);
    *out = (struct scale_input){ .spec = desired->goal->target->spec->auto_scaling,
                                 .min = bounds.min,
                                 .max = bounds.max,
                                 .desired = status.desired,
                                 .running = status.running,
                                 .deploying = primary->state == ROLLOUT_IN_PROGRESS,
                                 .memory = memory->scaling,
                                 .now_ms = input->now_ms };
    return true;
}
