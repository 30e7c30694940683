/*
 * Service: one unit of planning, step by step.
 *
 *   1. Nothing without a ready engine, nothing while suspended.
 *   2. The deployment: a new revision makes a new one, a quarantined one does not.
 *   3. What happened to tasks is recorded; the circuit breaker judges.
 *   4. Images, network, volumes and the services it depends on are ready, or it waits for them.
 *   5. The rollout starts and stops tasks within the bounds.
 *   6. Every task takes its next step.
 */
#include <string.h>

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/job_int.h"
#include "reconciler/plan/scaler.h"
#include "reconciler/plan/traffic.h"
#include "spec/base/text.h"
#include "spec/names.h"

static void deployment_id(const struct planner *planner, const struct target *target,
                          const char *commit, char out[DEPLOYMENT_ID_SIZE])
{
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, planner->input->owner);
    sha256_add_text(hash, target->cluster);
    sha256_add_text(hash, target->service);
    sha256_add_text(hash, target->revision);
    sha256_add_text(hash, commit);
    sha256_add(hash, &planner->input->now_ms, sizeof(planner->input->now_ms));
    sha256_finish(hash, hex);
    text_copy(out, DEPLOYMENT_ID_SIZE, hex);
}

/* Pins of a revision that comes back are used again while their images exist; with nothing
 * remembered, those of its running tasks are adopted.  What is built already is what its tag says:
 * pinned at once, it costs no second transaction. */
void pins_make(const struct planner *planner, const struct service_view *view,
               struct deployment *deployment)
{
    const struct target *target = deployment->goal->target;
    const struct deployment *before = memory_revision(view->memory, target->revision);
    const struct world_service *seen =
        world_service(planner->input->world, target->cluster, target->service);

    deployment->pins =
        arena_array(planner->arena, struct pin, target->task->container_definitions_count);
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        const char *name = target->task->container_definitions[i].name;
        struct pin *pin = &deployment->pins[i];

        if (before != NULL && before->pins[i].image_id != NULL &&
            pool_image(view, before->pins[i].image_id) != NULL)
            *pin = before->pins[i];
        for (size_t t = 0; before == NULL && seen != NULL && t < seen->task_count; t++) {
            const struct world_container *container = world_task_container(seen->tasks[t], name);

            if (container == NULL || !text_equal(seen->tasks[t]->revision, target->revision) ||
                pool_image(view, container->image_id) == NULL)
                continue;
            pin->image_id = container->image_id;
            pin->digest = container->digest;
        }
        if (pin->image_id == NULL)
            pin->image_id = image_built(view, &target->images[i]);
    }
}

static void new_deployment(struct planner *planner, const struct service_view *view)
{
    struct goal *goal = view->desired->goal;
    const char *commit = generation_commit(planner->input->desired->generation);
    struct deployment *deployment = arena_new(planner->arena, struct deployment);

    deployment_id(planner, goal->target, commit, deployment->id);
    text_copy(deployment->commit, sizeof(deployment->commit), commit);
    deployment->state = ROLLOUT_IN_PROGRESS;
    deployment->created_ms = planner->input->now_ms;
    deployment->updated_ms = planner->input->now_ms;
    deployment->reason =
        arena_printf(planner->arena, "ECS deployment ecs-svc/%.12s in progress.", deployment->id);
    deployment->goal = goal;
    pins_make(planner, view, deployment);
    deployment_fact(planner, view, deployment);
}

static void lift(struct planner *planner, const struct service_view *view, enum fact_kind kind)
{
    struct fact *fact = plan_fact(planner, kind, view->cluster, view->service);

    fact->text = "";
    fact->durable = true;
}

/* A commit changes the service: what oscillated is tried again. */
static void thaw(struct planner *planner, const struct service_view *view)
{
    if (view->memory != NULL && view->memory->frozen != NULL)
        lift(planner, view, FACT_FREEZE);
}

/* Step 2.  True when facts came out. */
static bool decide_deployment(struct planner *planner, const struct service_view *view)
{
    const char *revision = view->desired->goal->target->revision;
    const char *quarantined = view->memory == NULL ? "" : view->memory->quarantined;

    if (recall(planner, view))
        return true;
    if (view->memory != NULL && (view->memory->hold != NULL || view->memory->removal != NULL)) {
        lift(planner, view, FACT_REMOVAL); /* declared again: nothing is removed any more */
        return true;
    }
    if (quarantined[0] != '\0' && !text_equal(quarantined, revision)) {
        lift(planner, view, FACT_QUARANTINE); /* a later commit changed the service */
        return true;
    }
    if (view->primary == NULL || (!text_equal(view->primary->goal->target->revision, revision) &&
                                  !text_equal(quarantined, revision))) {
        thaw(planner, view);
        new_deployment(planner, view);
        return true;
    }
    if (view->primary->state == ROLLOUT_COMPLETED && !view->primary->proven &&
        view->spec->desired_count > 0) {
        /* Completed without a task, which proved nothing: now it is to. */
        struct deployment *again = deployment_copy(planner, view->primary);

        again->state = ROLLOUT_IN_PROGRESS;
        again->reason =
            arena_printf(planner->arena, "ECS deployment ecs-svc/%.12s in progress.", again->id);
        deployment_fact(planner, view, again);
        return true;
    }
    if (text_equal(view->primary->goal->target->revision, revision) &&
        view->primary->goal != view->desired->goal &&
        !text_equal(view->primary->goal->text, view->desired->goal->text)) {
        /* Only what needs no new tasks: counts, percentages, dependencies. */
        struct deployment *changed = deployment_copy(planner, view->primary);

        changed->goal = view->desired->goal;
        thaw(planner, view);
        deployment_fact(planner, view, changed);
        return true;
    }
    return false;
}

/* As many tasks as its bounds demand, and at least one. */
static bool is_up(const struct service_view *view)
{
    uint32_t lower = lower_bound(view->spec);
    uint32_t healthy = 0;

    for (size_t i = 0; i < view->task_count; i++)
        healthy += view->tasks[i].healthy;
    return healthy >= (lower > 1 ? lower : 1);
}

static bool is_ready(struct planner *planner, const struct desired_service *service)
{
    const struct memory_service *memory = memory_service(planner->input->memory, service->key);
    const struct deployment *primary = memory_primary(memory);
    struct service_view view;

    if (primary == NULL || primary->state != ROLLOUT_COMPLETED ||
        (!text_equal(primary->goal->target->revision, service->goal->target->revision) &&
         memory->quarantined[0] == '\0'))
        return false;
    /* Completed without a task proves nothing, once it is to have some; and what was healthy once
     * may not be now. */
    service_view_make(planner, service, &view);
    return view.spec->desired_count == 0 || (primary->proven && is_up(&view));
}

/* Dependencies hold back the tasks of a deployment, not the replacement of one that died. */
static bool dependencies_ready(struct planner *planner, const struct service_view *view)
{
    bool ready = true;

    if (view->primary->state == ROLLOUT_COMPLETED)
        return true;
    for (size_t i = 0; i < view->spec->depends_on_count; i++) {
        const struct desired_service *on =
            desired_dependency(planner->input->desired, view->spec->depends_on[i]);

        if (on != NULL && is_ready(planner, on))
            continue;
        plan_wait(planner, "service %s, which it depends on, is not healthy yet",
                  view->spec->depends_on[i]);
        ready = false;
    }
    return ready;
}

void next_identity(const struct service_view *view, const struct deployment *deployment,
                   uint32_t slot, const char *instance, struct task_identity *out)
{
    uint32_t seen = view->attempts[slot];

    *out = (struct task_identity){ .slot = slot,
                                   .deployment = deployment->id,
                                   .commit = deployment->commit };
    out->attempt = 1 + (seen > deployment->attempt_max ? seen : deployment->attempt_max);
    task_id_make(deployment->id, slot, out->attempt, instance, out->task);
}

static void view_tasks(struct planner *planner, struct service_view *view)
{
    const struct world_service *seen =
        world_service(planner->input->world, view->cluster, view->service);

    view->attempts = arena_array(planner->scratch, uint32_t, view->spec->desired_count + 1);
    if (seen == NULL)
        return;
    view->tasks = arena_array(planner->scratch, struct task_view, seen->task_count);
    view->task_count = seen->task_count;
    for (size_t i = 0; i < seen->task_count; i++) {
        const struct world_task *task = seen->tasks[i];

        task_view_make(planner, task, view->memory,
                       view->primary == NULL ? view->desired->goal : view->primary->goal,
                       &view->tasks[i]);
        if (view->daemon != NULL)
            view->tasks[i].leaving = daemon_slot(view, task->instance) == NO_SLOT;
        if (task->slot <= view->spec->desired_count && task->attempt > view->attempts[task->slot])
            view->attempts[task->slot] = task->attempt;
    }
}

void task_step(struct planner *planner, const struct task_view *task,
               const struct deployment *primary)
{
    const struct deployment *made =
        task->deployment == NULL && task->current ? primary : task->deployment;
    struct task_identity identity = { .slot = task->task->slot,
                                      .attempt = task->task->attempt,
                                      .deployment = task->task->deployment,
                                      .commit = task->task->commit };

    if (made == NULL || task->instance->state != INSTANCE_ACTIVE)
        return;
    text_copy(identity.task, sizeof(identity.task), task->task->id);
    if (task->status == TASK_ACTIVATING ||
        made->goal->target->task->container_definitions_count > 1)
        task_advance(planner, made, &identity, task->instance, task->task);
}

/* In few words; `why` has what the check wrote. */
static const char *check_in_the_way(struct planner *planner, const struct task_view *task)
{
    for (size_t i = 0; i < task->task->container_count; i++) {
        const struct world_container *container = task->task->containers[i];

        if (container->check_exit_code > 0)
            return arena_printf(planner->arena, "the health check of %s fails with exit code %d",
                                container->container, container->check_exit_code);
        if (container->check_exit_code < 0)
            return arena_printf(planner->arena, "the health check of %s takes too long",
                                container->container);
    }
    return NULL;
}

/* What keeps the first task that runs and is not healthy from being so; NULL: nothing is known. */
static const char *in_the_way(struct planner *planner, const struct service_view *view)
{
    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (!task->current || task->healthy || task->status != TASK_RUNNING)
            continue;
        if (task->traffic != NULL && task->health != HEALTH_STARTING)
            return task->traffic;
        return task->min_ready_seconds > 0
                   ? arena_printf(planner->arena, "without a health check that takes %u s",
                                  task->min_ready_seconds)
                   : check_in_the_way(planner, task);
    }
    return NULL;
}

static void wait_for_health(struct planner *planner, const struct service_view *view)
{
    const char *why = in_the_way(planner, view);
    const char *failure = traffic_failure(planner, view->spec);

    if (failure != NULL)
        plan_wait(planner, "%s", failure);
    else if (why == NULL)
        plan_progress(planner, "%u of %u tasks are healthy", view->healthy,
                      view->spec->desired_count);
    else
        plan_progress_at(planner, why, "%u of %u tasks are healthy", view->healthy,
                         view->spec->desired_count);
}

/* Step 6. */
static void step_tasks(struct planner *planner, const struct service_view *view)
{
    const struct world_instance *away = NULL;
    size_t leaving = 0;

    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (task->given_up)
            continue;
        if (task->instance->lost_ms != 0 && away == NULL)
            away = task->instance;
        if (is_alive(task)) {
            task_step(planner, task, view->primary);
            continue;
        }
        leaving++;
        task_wind_down(planner, task, task->record != NULL && task->record->stopped_ms != 0);
    }
    if (!unit_stated(planner) && !unit_waits(planner) && view->healthy < view->spec->desired_count)
        wait_for_health(planner, view);
    if (away != NULL)
        plan_wait(planner, "instance %s does not answer, and has tasks of it: %s", away->name,
                  away->failure == NULL ? "connection lost" : away->failure);
    /* Whoever waits for nothing is at rest, and it is not: their end may come without a call of
     * ours. */
    if (leaving > 0)
        plan_progress(planner, "%zu tasks are being stopped", leaving);
}

void service_view_make(struct planner *planner, const struct desired_service *desired,
                       struct service_view *out)
{
    service_view_as(planner, desired,
                    memory_primary(memory_service(planner->input->memory, desired->key)), out);
}

void service_view_as(struct planner *planner, const struct desired_service *desired,
                     const struct deployment *primary, struct service_view *out)
{
    const struct plan_input *input = planner->input;

    *out = (struct service_view){ .desired = desired,
                                  .cluster = desired->goal->target->cluster,
                                  .service = desired->goal->target->service };
    out->memory = memory_service(input->memory, desired->key);
    out->primary = primary;
    out->fallback = memory_fallback(out->memory);
    out->pool = pool_of(planner, out->cluster);
    out->daemon = daemon_of(planner, desired->goal->target);
    out->spec = out->daemon != NULL ? daemon_spec(planner, desired->goal->target, out->daemon)
                                    : scaled_spec(input, desired->goal->target, planner->arena);
    view_tasks(planner, out);
}

/* Step 4.  Unless a fact comes out, may_start tells. */
static void prepare(struct planner *planner, struct service_view *view)
{
    if (view->pool != NULL) {
        rollout_prepare(planner, view);
        return;
    }
    view->may_start &=
        images_ready(planner, view->primary, view->instance, rollout_is_short(planner, view));
    if (!unit_stated(planner))
        view->may_start &= place_ready(planner, view->primary->goal->target, view->instance);
}

static void plan_declared(struct planner *planner, const struct desired_service *desired)
{
    struct service_view view;

    service_view_make(planner, desired, &view);
    if (view.pool != NULL && !pool_is_known(planner, view.pool, desired->goal->target))
        return;
    view.instance = view.pool != NULL ? NULL : place_engine(planner);
    if (view.pool == NULL && view.instance == NULL)
        return;
    planner->view = &view;
    if (view.daemon != NULL)
        plan_watch(planner); /* which instances are to have a task may depend on anything there */
    if (view.memory != NULL && view.memory->suspended != NULL) {
        plan_wait(planner, "suspended: %s", view.memory->suspended);
        return;
    }
    if (scale_count(planner, &view) || decide_deployment(planner, &view) ||
        record_tasks(planner, &view) || breaker(planner, &view) || oscillate(planner, &view))
        return;
    name_frozen(planner, &view);
    if (view.primary->state != ROLLOUT_FAILED) {
        view.is_free = dependencies_ready(planner, &view);
        view.may_start = view.is_free;
        prepare(planner, &view);
        if (unit_stated(planner))
            return;
    }
    rollout(planner, &view);
    step_tasks(planner, &view);
}

void plan_service(struct planner *planner, const char *key)
{
    const struct desired_service *desired = desired_service(planner->input->desired, key);

    if (unit_is_job(key))
        plan_job(planner, key);
    else if (desired == NULL)
        plan_removed(planner, key);
    else
        plan_declared(planner, desired);
    planner->view = NULL;
}
