/*
 * Image: what a deployment's containers are created from. A built image is known by the tag that
 * its content gives it; a reference is pulled once per deployment, and what came is pinned, or,
 * with versionConsistency disabled, for each task that starts (ecs.md 1.3). ECS's default pull
 * behaviour: try the registry, else use what is there.
 */
#include <string.h>

#include "reconciler/plan/image_int.h"
#include "reconciler/plan/job_int.h"
#include "spec/base/text.h"

/* A step of a Dockerfile that failed so often in a row will not succeed by itself. */
#define BUILDS_ENOUGH 3

/* Clocks that differ by less are the same. */
#define SKEW_NOISE_MS 1000

static struct image_need need_of(struct planner *planner, const struct deployment *deployment,
                                 const struct world_instance *instance, size_t index)
{
    return (struct image_need){ .planner = planner,
                                .deployment = deployment,
                                .instance = instance,
                                .index = index,
                                .image = &deployment->goal->target->images[index] };
}

static struct action *image_action(const struct image_need *need, enum action_kind kind,
                                   const char *reference)
{
    struct action *action = plan_action(need->planner, kind, need->instance->name, reference);

    action->reference = reference;
    action->image_name = need->image->name;
    action->build_key = need->image->build_key;
    action->repository = need->image->repository;
    action->commit = need->deployment->commit;
    action->target = need->deployment->goal->target;
    action->goal = need->deployment->goal;
    action->container = need->index;
    action->cause = arena_printf(need->planner->arena, "deployment %.12s of %s needs it",
                                 need->deployment->id, need->planner->unit);
    return action;
}

void image_pin(const struct image_need *need, const char *image_id, const char *digest)
{
    struct deployment *changed = deployment_copy(need->planner, need->deployment);
    struct fact *fact =
        plan_fact(need->planner, FACT_DEPLOYMENT, need->deployment->goal->target->cluster,
                  need->deployment->goal->target->service);

    changed->pins[need->index].image_id = arena_text(need->planner->arena, image_id);
    changed->pins[need->index].digest = arena_text(need->planner->arena, digest);
    fact->deployment = changed;
    fact->durable = true;
}

/* ecs.md 1.4, stoppedReason. */
static const char *failure_prefix(enum action_kind kind)
{
    return kind == ACTION_IMAGE_PULL || kind == ACTION_IMAGE_COPY ? "CannotPullContainerError: "
                                                                  : "";
}

/* ---- Telling that a task cannot start -------------------------------------------------------- */

/* Behind the reason of a deployment, from when it was told until all its images are there. */
#define UNABLE " It is unable to start a task: "

static void state_reason(struct planner *planner, const struct deployment *deployment,
                         const char *reason)
{
    const struct target *target = deployment->goal->target;
    struct deployment *changed = deployment_copy(planner, deployment);
    struct fact *fact = plan_fact(planner, FACT_DEPLOYMENT, target->cluster, target->service);

    changed->reason = reason;
    fact->deployment = changed;
    fact->commit = deployment->commit;
}

static bool is_told(const struct deployment *deployment)
{
    return deployment->reason != NULL && strstr(deployment->reason, UNABLE) != NULL;
}

/* An event for each row of failures: ECS tells of each task, which here is not made before its
 * images are there. */
static void tell_unable(const struct image_need *need, enum action_kind kind, const char *reference,
                        const struct world_effort *effort)
{
    static const char *const doing[ACTION_KIND_COUNT] = { [ACTION_IMAGE_BUILD] =
                                                              "its image could not be built: ",
                                                          [ACTION_IMAGE_PUSH] =
                                                              "its image could not be pushed: " };
    struct planner *planner = need->planner;
    const struct target *target = need->deployment->goal->target;
    const char *reason = need->deployment->reason;
    const char *why;
    struct fact *event;

    if (!need->starting || is_told(need->deployment) || unit_stated(planner) ||
        world_effort_failures(effort, need->deployment->created_ms) == 0)
        return;
    why = arena_printf(planner->arena, "%s%s: %s",
                       doing[kind] != NULL ? doing[kind] : failure_prefix(kind), reference,
                       effort->failure.text);
    state_reason(planner, need->deployment,
                 arena_printf(planner->arena, "%s" UNABLE "%s", reason == NULL ? "" : reason, why));
    event = plan_fact(planner, FACT_EVENT, target->cluster, target->service);
    event->text = arena_printf(planner->arena, "(%s) was unable to start a task because %s",
                               unit_title(planner, target->service), why);
    event->commit = need->deployment->commit;
}

bool image_able_again(struct planner *planner, const struct deployment *deployment)
{
    const char *reason = deployment->reason;

    if (!is_told(deployment))
        return false;
    state_reason(planner, deployment,
                 arena_text_n(planner->arena, reason, (size_t)(strstr(reason, UNABLE) - reason)));
    return true;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

void image_wait(const struct image_need *need, enum action_kind kind, const char *reference,
                const char *doing)
{
    const struct world_effort *effort = effort_of(need->planner, need->instance, kind, reference);
    const char *where = "";

    if (kind == ACTION_IMAGE_COPY || need->elsewhere)
        where = arena_printf(need->planner->arena, " %s %s",
                             kind == ACTION_IMAGE_COPY ? "to" : "on", need->instance->name);
    plan_work(need->planner, kind, need->instance->name, reference);
    if (effort != NULL && effort->state != EFFORT_DONE &&
        (kind != ACTION_IMAGE_PULL || world_image(need->instance, reference) == NULL))
        tell_unable(need, kind, reference, effort);
    if (effort != NULL && effort->state == EFFORT_FAILED)
        plan_wait(need->planner, "%s%s: %s", failure_prefix(kind), reference, effort->failure.text);
    else if (effort != NULL && effort->state == EFFORT_RUNNING && effort->failures > 0)
        plan_wait(need->planner, "%s%s: tried again after %u failures: %s", failure_prefix(kind),
                  reference, effort->failures, effort->failure.text);
    else if (effort != NULL && effort->state == EFFORT_RUNNING && effort->progress != NULL)
        plan_progress_at(need->planner, effort->progress, "%s image %s%s", doing, reference, where);
    else
        plan_progress(need->planner, "%s image %s%s", doing, reference, where);
}

/* A newer deployment supersedes the pauses of an older one (design rule 4). */
static bool may_try(const struct image_need *need, enum action_kind kind, const char *reference)
{
    return effort_allows_since(need->planner, need->instance, kind, reference,
                               need->deployment->created_ms);
}

const char *image_built(const struct service_view *view, const struct target_image *image)
{
    const struct world_image *seen = NULL;

    if (image->kind == TARGET_IMAGE_BUILD && image->repository == NULL)
        seen = pool_image(view, image->reference);
    return seen == NULL ? NULL : seen->id;
}

static bool is_in_pool(const struct image_need *need)
{
    return need->deployment->goal->target->is_ec2;
}

void image_get(const struct image_need *need, enum action_kind kind, const char *reference,
               const char *doing)
{
    if (may_try(need, kind, reference))
        (void)image_action(need, kind, reference);
    image_wait(need, kind, reference, doing);
}

void image_get_copy(const struct image_need *need, const struct world_instance *giver)
{
    const char *reference = need->image->reference;

    if (may_try(need, ACTION_IMAGE_COPY, reference))
        image_action(need, ACTION_IMAGE_COPY, reference)->giver = giver->name;
    image_wait(need, ACTION_IMAGE_COPY, reference, "copying");
}

static bool is_digest_reference(const char *reference)
{
    return strchr(reference, '@') != NULL;
}

/* What was pinned and is gone from the engine is pulled again as it was: the tag may have moved. */
static const char *pinned_reference(const char *reference, const char *digest, struct arena *arena)
{
    const char *slash = strrchr(reference, '/');
    const char *name = slash != NULL ? slash : reference;
    size_t size = (size_t)(name - reference) + strcspn(name, ":");

    if (digest == NULL || is_digest_reference(reference))
        return reference;
    return arena_printf(arena, "%.*s@%s", (int)size, reference, digest);
}

static const char *wanted_reference(const struct image_need *need)
{
    return pinned_reference(need->image->reference, need->deployment->pins[need->index].digest,
                            need->planner->arena);
}

const char *image_there(struct planner *planner, const struct deployment *deployment, size_t index,
                        const struct world_instance *instance)
{
    const struct target *target = deployment->goal->target;
    const struct pin *pinned = &deployment->pins[index];
    const char *reference = target->images[index].reference;
    const struct world_image *image;

    if (!target->is_ec2 || pinned->image_id == NULL)
        return pinned->image_id;
    image = world_image(instance, pinned->image_id);
    if (image == NULL && target->images[index].kind == TARGET_IMAGE_BUILD)
        image = image_built_there(planner, &target->images[index], pinned, instance);
    else if (image == NULL && pinned->digest != NULL)
        image = world_image(instance, pinned_reference(reference, pinned->digest, planner->arena));
    if (image == NULL || text_equal(image->id, pinned->image_id))
        return image == NULL ? NULL : pinned->image_id;
    /* What is planned may outlive what the world knows. */
    return arena_text(planner->arena, image->id);
}

static bool ready_reference(const struct image_need *need)
{
    const struct pin *pinned = &need->deployment->pins[need->index];
    const char *reference = wanted_reference(need);
    const struct world_image *image = world_image(need->instance, reference);
    const struct world_effort *effort;

    if (pinned->image_id != NULL && (world_image(need->instance, pinned->image_id) != NULL ||
                                     (is_in_pool(need) && pinned->digest != NULL && image != NULL)))
        return true;
    if (image != NULL && is_digest_reference(reference)) {
        image_pin(need, image->id, strchr(reference, '@') + 1);
        return false;
    }
    effort = effort_of(need->planner, need->instance, ACTION_IMAGE_PULL, reference);
    if (effort != NULL && effort->state == EFFORT_DONE && effort->image_id != NULL &&
        effort->at_ms >= need->deployment->created_ms &&
        world_image(need->instance, effort->image_id) != NULL) {
        image_pin(need, effort->image_id, effort->digest);
        return false;
    }
    if (effort != NULL && effort->state == EFFORT_FAILED && image != NULL &&
        effort->at_ms >= need->deployment->created_ms) {
        image_pin(need, image->id, NULL); /* the registry does not answer, the image is here */
        return false;
    }
    image_get(need, ACTION_IMAGE_PULL, reference, "pulling");
    return false;
}

/* ---- versionConsistency: disabled ------------------------------------------------------------ */

static const struct container_definition *definition_of(const struct image_need *need)
{
    return &need->deployment->goal->target->task->container_definitions[need->index];
}

/* Its tag is looked up anew for each task that starts. */
static bool is_loose(const struct image_need *need)
{
    return need->image->kind == TARGET_IMAGE_REFERENCE &&
           !is_digest_reference(need->image->reference) &&
           definition_of(need)->version_consistency == VERSION_CONSISTENCY_DISABLED;
}

/* When a container of the deployment was last made: what was pulled before is of that one. */
static int64_t last_made_ms(const struct image_need *need)
{
    const struct target *target = need->deployment->goal->target;
    const char *key = unit_key(need->planner->arena, target->cluster, target->service);
    const struct plan_input *input = need->planner->input;
    const struct memory_service *memory = memory_service(input->memory, key);
    const struct world_service *seen =
        world_service(input->world, target->cluster, target->service);
    int64_t skew_ms = need->instance->clock_skew_ms;
    int64_t last_ms = need->deployment->created_ms;

    if (skew_ms > -SKEW_NOISE_MS && skew_ms < SKEW_NOISE_MS)
        skew_ms = 0;
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        const struct world_container *container =
            text_equal(seen->tasks[i]->deployment, need->deployment->id)
                ? world_task_container(seen->tasks[i], definition_of(need)->name)
                : NULL;

        if (container != NULL && container->created_ms - skew_ms > last_ms)
            last_ms = container->created_ms - skew_ms;
    }
    for (const struct memory_task *at = memory == NULL ? NULL : memory->tasks; at != NULL;
         at = at->next) {
        if (text_equal(at->record.deployment, need->deployment->id) &&
            at->record.stopped_ms > last_ms)
            last_ms = at->record.stopped_ms;
    }
    return last_ms;
}

static bool ready_loose(const struct image_need *need)
{
    const char *reference = need->image->reference;
    const struct world_effort *effort =
        effort_of(need->planner, need->instance, ACTION_IMAGE_PULL, reference);
    bool fresh = effort != NULL && effort->at_ms >= last_made_ms(need);
    const struct world_image *image = NULL;
    bool pulled = fresh && effort->state == EFFORT_DONE && effort->image_id != NULL;

    if (pulled)
        image = world_image(need->instance, effort->image_id);
    else if (fresh && effort->state == EFFORT_FAILED)
        image = world_image(need->instance, reference); /* what there is, as ECS does it */
    if (image == NULL) {
        image_get(need, ACTION_IMAGE_PULL, reference, "pulling");
        return false;
    }
    if (text_equal(need->deployment->pins[need->index].image_id, image->id))
        return true;
    image_pin(need, image->id, pulled ? effort->digest : NULL);
    return false;
}

static bool ready_sandbox(struct planner *planner, const struct world_instance *instance)
{
    const char *tag = planner->input->sandbox;
    struct action *action;

    if (world_image(instance, tag) != NULL)
        return true;
    if (!step_allowed(planner, instance, ACTION_SANDBOX_LOAD, tag))
        return false;
    action = plan_action(planner, ACTION_SANDBOX_LOAD, instance->name, tag);
    action->reference = tag;
    action->cause = "tasks of several containers share its namespaces";
    plan_progress(planner, "loading image %s", tag);
    return false;
}

static bool ready_one(const struct image_need *need, bool starting)
{
    if (need->image->kind == TARGET_IMAGE_BUILD)
        return image_built_ready(need);
    if (is_loose(need))
        return !starting || ready_loose(need);
    return ready_reference(need);
}

bool images_ready(struct planner *planner, const struct deployment *deployment,
                  const struct world_instance *instance, bool starting)
{
    size_t count = deployment->goal->target->task->container_definitions_count;
    bool ready;

    planner->unit_looked = true;
    if (!place_architecture(planner, deployment->goal->target, instance))
        return false; /* nothing is fetched that could not run */
    ready = count == 1 || ready_sandbox(planner, instance);
    for (size_t i = 0; i < count; i++) {
        struct image_need need = need_of(planner, deployment, instance, i);

        need.starting = starting;
        ready &= ready_one(&need, starting);
        if (unit_stated(planner))
            return false; /* each fact holds the whole record: one at a time */
    }
    /* Of several instances one may be unable, and each is asked. */
    return ready && (deployment->goal->target->is_ec2 || !image_able_again(planner, deployment));
}

bool image_is_underway(struct planner *planner, const struct deployment *deployment,
                       const struct world_instance *instance)
{
    static const enum action_kind kinds[] = { ACTION_IMAGE_BUILD, ACTION_IMAGE_PULL,
                                              ACTION_IMAGE_PUSH, ACTION_IMAGE_COPY };
    size_t count = deployment->goal->target->task->container_definitions_count;

    for (size_t i = 0; i < count && instance->efforts != NULL; i++) {
        const struct image_need need = need_of(planner, deployment, instance, i);
        const char *reference = wanted_reference(&need);

        for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            const struct world_effort *effort = effort_of(planner, instance, kinds[k], reference);

            if (effort != NULL && effort->state == EFFORT_RUNNING)
                return true;
        }
    }
    return false;
}

/* The effort of the deployment that failed most, and how often. That the engine was not reached, or
 * had no room, is no evidence against the revision. */
struct failed_effort {
    const struct world_effort *effort; /* NULL: none did */
    enum action_kind kind;
    uint32_t failures;
};

static struct failed_effort failed_effort(struct planner *planner,
                                          const struct deployment *deployment,
                                          const struct world_instance *instance)
{
    static const enum action_kind kinds[] = { ACTION_IMAGE_BUILD, ACTION_IMAGE_PULL,
                                              ACTION_IMAGE_PUSH };
    struct failed_effort worst = { 0 };

    for (size_t i = 0; i < deployment->goal->target->task->container_definitions_count; i++) {
        const struct image_need need = need_of(planner, deployment, instance, i);

        if (deployment->pins[i].image_id != NULL)
            continue;
        for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            const struct world_effort *effort =
                effort_of(planner, instance, kinds[k], need.image->reference);
            uint32_t failures =
                effort == NULL ? 0 : world_effort_refusals(effort, deployment->created_ms);

            if (kinds[k] == ACTION_IMAGE_PULL && need.image->kind == TARGET_IMAGE_BUILD &&
                image_is_not_there(effort))
                continue; /* then it is built */
            if (failures > worst.failures)
                worst = (struct failed_effort){ effort, kinds[k], failures };
        }
    }
    return worst;
}

/* Of all instances: what one of them got is pinned, and is no failure any more. */
static struct failed_effort worst_effort(struct planner *planner, const struct service_view *view)
{
    struct failed_effort worst = { 0 };

    if (view->pool == NULL)
        return failed_effort(planner, view->primary, view->instance);
    for (size_t i = 0; i < view->pool->troubled.count; i++) {
        const struct host *host = &view->pool->hosts[view->pool->troubled.items[i]];
        struct failed_effort failed = failed_effort(planner, view->primary, host->seen);

        if (failed.failures > worst.failures)
            worst = failed;
    }
    return worst;
}

uint32_t image_failures(struct planner *planner, const struct service_view *view)
{
    return worst_effort(planner, view).failures;
}

const char *image_failure(struct planner *planner, const struct service_view *view)
{
    struct failed_effort worst = worst_effort(planner, view);

    return worst.effort == NULL ? NULL
                                : arena_printf(planner->arena, "%s%s", failure_prefix(worst.kind),
                                               worst.effort->failure.text);
}

static bool is_unbuildable(struct planner *planner, const struct deployment *deployment,
                           const struct world_instance *instance, size_t index)
{
    const struct image_need need = need_of(planner, deployment, instance, index);
    const struct world_effort *build;

    if (need.image->kind != TARGET_IMAGE_BUILD || deployment->pins[index].image_id != NULL)
        return false;
    build = effort_of(planner, instance, ACTION_IMAGE_BUILD, need.image->reference);
    if (build == NULL || build->state == EFFORT_DONE)
        return false;
    /* Also while it is tried once more. */
    return world_effort_refusals(build, deployment->created_ms) >=
           (err_class(build->failure.code) == ERR_CLASS_USER ? 1 : BUILDS_ENOUGH);
}

bool plan_is_unbuildable(const struct plan_input *input, const struct memory_service *service)
{
    const struct deployment *deployment = memory_primary(service);
    struct planner planner = { .input = input };
    size_t count =
        deployment == NULL ? 0 : deployment->goal->target->task->container_definitions_count;

    for (const struct world_instance *at = input->world->instances; at != NULL;
         at = at->by_name.next) {
        for (size_t i = 0; i < count; i++) {
            if (is_unbuildable(&planner, deployment, at, i))
                return true;
        }
    }
    return false;
}
