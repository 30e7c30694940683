/*
 * Prune: what git no longer declares is removed, with every guard of the design: only what is ours,
 * only after a complete listing, dependents first, never more than half at once without a word from
 * a person, volumes only when their manifest said so.
 */
#include <string.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/maintain.h"
#include "reconciler/plan/place.h"
#include "spec/base/text.h"
#include "spec/names.h"

static bool depends_on(const struct memory_service *other, const struct service_view *view)
{
    const struct deployment *primary = memory_primary(other);
    const struct service_spec *spec;

    if (primary == NULL)
        return false;
    spec = primary->goal->target->spec;
    for (size_t i = 0; i < spec->depends_on_count; i++) {
        const char *slash = strchr(spec->depends_on[i], '/');

        if (text_equal(slash == NULL ? spec->depends_on[i] : slash + 1, view->service))
            return true;
    }
    return false;
}

/* Dependents go first. */
static const char *dependent(const struct planner *planner, const struct service_view *view)
{
    const struct plan_input *input = planner->input;

    for (const struct memory_service *at = input->memory->services; at != NULL;
         at = at->by_key.next) {
        const struct world_service *seen = world_service(input->world, at->cluster, at->service);

        if (desired_service(input->desired, at->key) == NULL && at != view->memory &&
            seen != NULL && seen->task_count > 0 && depends_on(at, view))
            return at->service;
    }
    return NULL;
}

/* Nothing is removed before all is seen. */
static bool instance_is_usable(struct planner *planner, const struct world_instance *instance)
{
    return instance->state == INSTANCE_ACTIVE && instance->complete &&
           instance_is_ours(planner, instance);
}

static bool goes_along(const struct service_view *view, const struct volume *volume)
{
    return service_is_job(view->service) ? is_named_volume(volume) && !volume_outlives_run(volume)
                                         : volume->delete_with_service;
}

/* Those of former revisions too. */
static bool prune_volumes_on(struct planner *planner, const struct service_view *view,
                             const struct world_instance *instance)
{
    const struct volume **volumes;
    size_t count = memory_volumes(view->memory, planner->arena, &volumes);
    bool waiting = false;

    for (size_t i = 0; i < count; i++) {
        const char *name = volume_name(planner, view->primary->goal->target, volumes[i]);
        struct action *action;

        if (!goes_along(view, volumes[i]) || world_volume(instance, name) == NULL)
            continue;
        waiting = true;
        if (!instance_is_usable(planner, instance) ||
            !step_allowed(planner, instance, ACTION_VOLUME_REMOVE, name))
            continue;
        action = plan_action(planner, ACTION_VOLUME_REMOVE, instance->name, name);
        action->name = name;
        action->cause = service_is_job(view->service)
                            ? "the run that used it has ended"
                            : "its service was removed, and the volume has deleteWithService";
    }
    return waiting;
}

bool prune_volumes(struct planner *planner, const struct service_view *view)
{
    bool waiting = false;

    if (view->primary == NULL)
        return false;
    for (const struct world_instance *at = planner->input->world->instances; at != NULL;
         at = at->by_name.next)
        waiting |= prune_volumes_on(planner, view, at);
    return waiting;
}

/* Of a service of a pool: an instance may run tasks of it that were not seen yet.  It waits. */
static bool may_run_elsewhere(struct planner *planner, const struct service_view *view)
{
    const struct pool *pool = pool_of(planner, view->cluster);

    if (view->instance != NULL)
        return false;
    for (const struct world_instance *at = planner->input->world->instances; at != NULL;
         at = at->by_name.next) {
        if (at->was_complete || at->same_as != NULL || text_equal(at->name, LOCAL_INSTANCE) ||
            instance_is_forgotten(planner, at->name))
            continue;
        plan_wait(planner, "instance %s was not reached yet, and may run tasks of it", at->name);
        return true;
    }
    for (size_t i = 0; pool != NULL && i < pool->count; i++) {
        if (pool->hosts[i].seen == NULL &&
            !instance_is_forgotten(planner, pool->hosts[i].listed->name)) {
            plan_wait(planner, "instance %s is not connected yet, and may run tasks of it",
                      pool->hosts[i].listed->name);
            return true;
        }
    }
    return false;
}

/* Was it in a pool?  What is remembered says so, or else where its tasks are, or its cluster. */
static bool was_in_pool(struct planner *planner, const struct service_view *view)
{
    if (view->primary != NULL)
        return view->primary->goal->target->is_ec2;
    if (view->task_count > 0)
        return !text_equal(view->tasks[0].instance->name, LOCAL_INSTANCE);
    return pool_of(planner, view->cluster) != NULL;
}

void removed_view_make(struct planner *planner, const char *key, struct service_view *view)
{
    const char *slash = strchr(key, '/');
    const struct world_service *seen;

    ASSERT(slash != NULL);
    *view = (struct service_view){ 0 };
    view->cluster = arena_text_n(planner->arena, key, (size_t)(slash - key));
    view->service = slash + 1;
    view->memory = memory_service(planner->input->memory, key);
    view->primary = memory_primary(view->memory);
    seen = world_service(planner->input->world, view->cluster, view->service);
    if (seen == NULL)
        return;
    view->tasks = arena_array(planner->arena, struct task_view, seen->task_count);
    view->task_count = seen->task_count;
    for (size_t i = 0; i < seen->task_count; i++)
        task_view_make(planner, seen->tasks[i], view->memory, NULL, &view->tasks[i]);
}

/* May it go?  Whether it is held is known only while the commit is new, suspended or not: later the
 * services that it declares again look like those that were always there. */
static bool may_go(struct planner *planner, const struct service_view *view)
{
    const struct memory_service *memory = view->memory;
    bool held = memory != NULL && memory->hold != NULL;
    bool leaves = memory != NULL && memory->removal != NULL;
    const char *why = leaves ? NULL : removal_guard(planner->input, memory, planner->arena);
    bool said = why == NULL ? leaves : held;
    struct fact *fact;

    if (memory != NULL && memory->suspended != NULL && (why == NULL || held)) {
        plan_wait(planner, "its removal waits: suspended: %s", memory->suspended);
        return false;
    }
    if (said && why != NULL)
        plan_wait(planner, "its removal is held: %s; 'berth confirm' lets it go", why);
    if (said)
        return why == NULL;
    /* Half removed is what nobody wants: once it may go, no other commit holds it. */
    fact = plan_fact(planner, why != NULL ? FACT_HOLD : FACT_REMOVAL, view->cluster, view->service);
    fact->text = why != NULL ? why : generation_commit(planner->input->desired->generation);
    fact->durable = true;
    return false;
}

void plan_removed(struct planner *planner, const char *key)
{
    struct service_view view;
    const struct plan_pending *const *pending;
    size_t pending_count;
    const char *why;

    removed_view_make(planner, key, &view);
    if (view.memory == NULL && view.task_count == 0) {
        planner->unit_looked = true;
        return;
    }
    if (!was_in_pool(planner, &view)) {
        view.instance = place_engine(planner);
        if (view.instance == NULL)
            return;
    }
    if (!may_go(planner, &view))
        return;
    planner->unit_looked = true; /* it needs no image any more */
    why = dependent(planner, &view);
    if (why != NULL) {
        plan_wait(planner, "service %s, which depends on it, goes first", why);
        return;
    }
    if (record_tasks(planner, &view))
        return;
    for (size_t i = 0; i < view.task_count; i++) {
        struct task_view *task = &view.tasks[i];

        if (!task->unknown && !task->ended)
            stop_task(planner, &view, task, STOP_SERVICE_SCHEDULER_INITIATED, SERVICE_REMOVED);
    }
    for (size_t i = 0; i < view.task_count; i++)
        task_wind_down(planner, &view.tasks[i],
                       view.tasks[i].record != NULL && view.tasks[i].record->stopped_ms != 0);
    if (view.task_count > 0) {
        plan_progress(planner, "%zu tasks are being removed", view.task_count);
        return;
    }
    pending_count = pending_of(planner, key, &pending);
    if (pending_count > 0) { /* what it needs to end is remembered as long as it may come */
        plan_progress(planner, "%zu tasks are being created and then removed", pending_count);
        return;
    }
    if (may_run_elsewhere(planner, &view))
        return;
    if (prune_volumes(planner, &view))
        plan_progress(planner, "its volumes are being removed");
    else if (view.memory != NULL)
        plan_fact(planner, FACT_FORGET, view.cluster, view.service)->durable = true;
}

/* ---- Instance: the claim, and what nothing needs any more ------------------------------------ */

static void claim(struct planner *planner, const struct world_instance *instance, const char *name)
{
    const struct world_named *volume = world_volume(instance, name);
    enum action_kind kind = volume == NULL ? ACTION_CLAIM : ACTION_VOLUME_REMOVE;
    struct action *action;

    if (volume != NULL && text_equal(volume->root, planner->input->root))
        return;
    if (volume != NULL && !planner->input->take_over) {
        (void)place_is_ours(planner, instance); /* says who has it */
        return;
    }
    if (!effort_allows(planner, instance, kind, name))
        return;
    action = plan_action(planner, kind, instance->name, name);
    action->name = name;
    action->cause = volume == NULL ? "first use of this engine" : "--take-over was given";
}

/* On this instance: it is one of the cluster's, or tasks of it are there. */
static bool cluster_is_used(struct planner *planner, const char *cluster,
                            const struct world_instance *instance)
{
    const struct plan_input *input = planner->input;
    const struct pool *pool = pool_of(planner, cluster);

    if (pool != NULL
            ? pool_index(pool, instance->name) < pool->count
            : text_equal(instance->name, LOCAL_INSTANCE) &&
                  generation_find(input->desired->generation, KIND_CLUSTER, cluster) != NULL)
        return true;
    for (const struct world_task *at = instance->tasks; at != NULL; at = at->host_next) {
        if (at->service != NULL && text_equal(at->service->cluster, cluster))
            return true;
    }
    return removal_is_open(input); /* asked last: it looks at all services */
}

static void prune_networks(struct planner *planner, const struct world_instance *instance)
{
    for (const struct world_named *at = instance->networks; at != NULL; at = at->by_name.next) {
        struct action *action;

        if (!text_equal(at->owner, planner->input->owner) || at->cluster == NULL ||
            cluster_is_used(planner, at->cluster, instance) ||
            !effort_allows(planner, instance, ACTION_NETWORK_REMOVE, at->name))
            continue;
        action = plan_action(planner, ACTION_NETWORK_REMOVE, instance->name, at->name);
        action->name = at->name;
        action->cause = arena_printf(planner->arena, "cluster %s was removed", at->cluster);
    }
}

/* It is back.  True when that was stated. */
static bool remembered_again(struct planner *planner, const struct world_instance *instance)
{
    const struct host_record *known = memory_host(planner->input->memory, instance->name);
    struct host_record *record;
    struct fact *fact;

    if (known == NULL || known->forgotten_ms == 0)
        return false;
    record = arena_copy(planner->arena, known, sizeof(*known));
    record->forgotten_ms = 0;
    fact = plan_fact(planner, FACT_HOST, /* cluster= */ NULL, /* service= */ NULL);
    fact->host = record;
    fact->text = "it is back after it was given up";
    fact->durable = true;
    return true;
}

void plan_instance(struct planner *planner, const char *name)
{
    const struct world_instance *instance = world_instance(planner->input->world, name);
    const char *claim_name = claim_volume_name(planner->arena, planner->input->owner);
    const struct world_named *held;
    bool listed;

    if (instance == NULL || instance->same_as != NULL || maintain(planner, instance) ||
        instance->state != INSTANCE_ACTIVE || !instance->complete)
        return;
    if (remembered_again(planner, instance))
        return;
    listed = text_equal(name, LOCAL_INSTANCE) || pool_lists(planner, name);
    if (listed)
        claim(planner, instance, claim_name);
    held = world_volume(instance, claim_name);
    if (held == NULL || !text_equal(held->root, planner->input->root))
        return;
    if (images_recorded(planner, instance))
        return;
    prune_networks(planner, instance);
    if (listed)
        prune_images(planner, instance);
}
