/*
 * Order: the next steps of one task. Containers come up as their dependsOn allows and go down in
 * the reverse order (ecs.md 1.3). Every step follows from what is seen, so a task that a crash left
 * half made is simply continued.
 */
#include <string.h>

#include "reconciler/plan/place.h"
#include "reconciler/plan/traffic.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define STOP_TIMEOUT_S 30 /* ecs.md 1.3, where the definition is not remembered */

/* Exit codes of a program that a signal ended. */
#define EXIT_SIGKILL 137
#define EXIT_SIGTERM 143

struct making {
    struct planner *planner;
    const struct deployment *deployment;
    const struct target *target;
    const struct task_identity *identity;
    const struct world_instance *instance;
    const struct world_task *task; /* NULL: nothing of it is seen yet */
};

static const struct world_container *seen(const struct making *making, const char *container)
{
    return making->task == NULL ? NULL : world_task_container(making->task, container);
}

static bool is_met(enum container_condition condition, const struct world_container *on)
{
    if (on == NULL)
        return false;
    switch (condition) {
    case CONTAINER_CONDITION_COMPLETE: return container_is_over(on);
    case CONTAINER_CONDITION_SUCCESS:
        return container_is_over(on) && on->inspected && on->exit_code == 0;
    case CONTAINER_CONDITION_HEALTHY: return on->health == HEALTH_HEALTHY;
    case CONTAINER_CONDITION_START:
    case CONTAINER_CONDITION_UNSET: break;
    }
    return true;
}

/* For people: "... waits for container proxy to be HEALTHY". */
static const char *condition_text(enum container_condition condition)
{
    switch (condition) {
    case CONTAINER_CONDITION_COMPLETE: return "to complete";
    case CONTAINER_CONDITION_SUCCESS: return "to succeed";
    case CONTAINER_CONDITION_HEALTHY: return "to be HEALTHY";
    case CONTAINER_CONDITION_START:
    case CONTAINER_CONDITION_UNSET: break;
    }
    return "to start";
}

static void wait_for_container(const struct making *making, const char *container, const char *on,
                               enum container_condition condition)
{
    plan_progress(making->planner, "task %.12s: container %s waits for container %s %s",
                  making->identity->task, container, on, condition_text(condition));
}

/* Creating waits for all conditions but START, which only wants the other one created. */
static bool may_create(const struct making *making, const struct container_definition *definition)
{
    for (size_t i = 0; i < definition->depends_on_count; i++) {
        const struct container_dependency *need = &definition->depends_on[i];

        if (is_met(need->condition, seen(making, need->container_name)))
            continue;
        wait_for_container(making, definition->name, need->container_name, need->condition);
        return false;
    }
    return true;
}

static bool may_start(const struct making *making, const struct container_definition *definition)
{
    for (size_t i = 0; i < definition->depends_on_count; i++) {
        const char *name = definition->depends_on[i].container_name;
        const struct world_container *on = seen(making, name);

        if (on != NULL && container_ran(on))
            continue;
        wait_for_container(making, definition->name, name, CONTAINER_CONDITION_START);
        return false;
    }
    return true;
}

/* NULL: it is not there, or not known yet, as of a task that was made before the memory of it was
 * lost, or whose images somebody removed.  images_ready() waits for it. */
static const char *image_of(const struct making *making, size_t index)
{
    const struct world_image *image;

    if (index != SANDBOX_INDEX)
        return image_there(making->planner, making->deployment, index, making->instance);
    image = world_image(making->instance, making->planner->input->sandbox);
    return image == NULL ? NULL : image->id;
}

static void create(const struct making *making, size_t index, const char *container,
                   const struct world_container *sandbox)
{
    struct planner *planner = making->planner;
    const char *image_id = image_of(making, index);
    const struct world_image *image;
    char name[CONTAINER_NAME_SIZE];
    struct action *action;

    container_name(making->identity->task, container, name);
    if (image_id == NULL || !step_allowed(planner, making->instance, ACTION_CONTAINER_CREATE, name))
        return;
    action = plan_action(planner, ACTION_CONTAINER_CREATE, making->instance->name, name);
    action->target = making->target;
    action->goal = making->deployment->goal;
    action->identity = *making->identity;
    action->container = index;
    if (joins_network(making->target))
        action->network = network_name(planner, making->target->cluster);
    action->cause =
        arena_printf(planner->arena, "task %.12s of deployment %.12s (commit %.8s)",
                     making->identity->task, making->deployment->id, making->deployment->commit);
    action->image_id = image_id;
    if (index == SANDBOX_INDEX)
        return;
    action->digest = making->deployment->pins[index].digest;
    /* A tag that the content gives says the same as the id, and people can read it. What was pulled
     * by its digest has none. */
    image = world_image(making->instance, making->target->images[index].reference);
    if (making->target->images[index].kind == TARGET_IMAGE_BUILD && image != NULL &&
        text_equal(image->id, image_id))
        action->reference = making->target->images[index].reference;
    action->sandbox_id = sandbox == NULL ? NULL : sandbox->id;
}

static void start(const struct making *making, const struct world_container *container)
{
    struct planner *planner = making->planner;
    struct action *action;

    if (!step_allowed(planner, making->instance, ACTION_CONTAINER_START, container->name))
        return;
    action = plan_action(planner, ACTION_CONTAINER_START, making->instance->name, container->name);
    action->container_id = container->id;
    action->identity = *making->identity;
    if (joins_network(making->target))
        action->network = network_name(planner, making->target->cluster);
    action->cause = arena_printf(planner->arena, "task %.12s is coming up", making->identity->task);
}

static void advance_container(const struct making *making, size_t index,
                              const struct world_container *sandbox)
{
    const struct container_definition *definition =
        &making->target->task->container_definitions[index];
    const struct world_container *container = seen(making, definition->name);

    if (container == NULL) {
        if (may_create(making, definition))
            create(making, index, definition->name, sandbox);
        return;
    }
    if ((container->status == CONTAINER_CREATED && may_start(making, definition)) ||
        (container_is_over(container) && container_restarts(definition, container)))
        start(making, container);
}

void task_advance(struct planner *planner, const struct deployment *deployment,
                  const struct task_identity *identity, const struct world_instance *instance,
                  const struct world_task *task)
{
    const struct making making = { planner,  deployment, deployment->goal->target,
                                   identity, instance,   task };
    size_t count = making.target->task->container_definitions_count;
    const struct world_container *sandbox = NULL;

    if (count > 1) {
        sandbox = seen(&making, SANDBOX_NAME);
        if (sandbox == NULL) {
            create(&making, SANDBOX_INDEX, SANDBOX_NAME, NULL);
            return;
        }
        if (sandbox->status == CONTAINER_CREATED) {
            start(&making, sandbox);
            return;
        }
    }
    for (size_t i = 0; i < count; i++)
        advance_container(&making, i, sandbox);
}

/* A container may stop only when every container that declares a dependency on it is down. */
static bool may_stop(const struct task_view *view, const struct world_container *container)
{
    const struct world_task *task = view->task;

    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *other = task->containers[i];
        const struct container_definition *definition =
            definition_find(view->target, other->container);

        if (other == container || !container_is_up(other))
            continue;
        if (text_equal(container->container, SANDBOX_NAME))
            return false;
        for (size_t d = 0; definition != NULL && d < definition->depends_on_count; d++) {
            if (text_equal(definition->depends_on[d].container_name, container->container))
                return false;
        }
    }
    return true;
}

static void stop(struct planner *planner, const struct task_view *view,
                 const struct world_container *container)
{
    const struct container_definition *definition =
        definition_find(view->target, container->container);
    struct action *action;

    if (container->stopping || !may_stop(view, container) ||
        !step_allowed(planner, view->instance, ACTION_CONTAINER_STOP, container->name))
        return;
    action = plan_action(planner, ACTION_CONTAINER_STOP, view->instance->name, container->name);
    action->container_id = container->id;
    action->stop_timeout_s = definition == NULL ? STOP_TIMEOUT_S : definition->stop_timeout;
    action->cause = view->reason;
}

/* One that was told to end and does, or is killed for that it does not, has nothing to explain. */
static bool ended_badly(const struct world_container *container)
{
    return container->oom_killed ||
           (container->exit_code != 0 && container->exit_code != EXIT_SIGTERM &&
            container->exit_code != EXIT_SIGKILL);
}

/* What its program wrote last says why a task failed, or what a job did, and goes with its
 * container: it is asked for once, and whatever comes of it, the container is removed then. */
static bool wants_lines(const struct planner *planner, const struct task_view *view,
                        const struct world_container *container)
{
    bool failed = (view->record != NULL && view->record->failed) ||
                  (view->task->service != NULL && service_is_job(view->task->service->service));

    if (container->lines_asked || !container_ran(container) ||
        text_equal(container->container, SANDBOX_NAME) ||
        memory_has_lines(planner->input->memory, view->task->id, container->container))
        return false;
    for (size_t i = 0; i < view->task->container_count && !failed; i++)
        failed = ended_badly(view->task->containers[i]) &&
                 !text_equal(view->task->containers[i]->container, SANDBOX_NAME);
    return failed;
}

static void ask_lines(struct planner *planner, const struct task_view *view,
                      const struct world_container *container)
{
    struct action *action =
        plan_action(planner, ACTION_CONTAINER_LAST_LINES, view->instance->name, container->name);

    action->container_id = container->id;
    action->cause = view->reason;
}

static void remove_container(struct planner *planner, const struct task_view *view,
                             const struct world_container *container)
{
    struct action *action;

    if (container->status == CONTAINER_REMOVING ||
        !step_allowed(planner, view->instance, ACTION_CONTAINER_REMOVE, container->name))
        return;
    action = plan_action(planner, ACTION_CONTAINER_REMOVE, view->instance->name, container->name);
    action->container_id = container->id;
    action->cause = view->reason;
}

void task_wind_down(struct planner *planner, const struct task_view *view, bool recorded)
{
    const struct world_task *task = view->task;
    bool may_stop_now;

    if (!instance_is_seen(planner, view->instance))
        return;
    if (view->unknown && view->status != TASK_STOPPING)
        return; /* a container that was only listed is never removed */
    may_stop_now = view->status != TASK_STOPPING || traffic_is_over(planner, view);
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *container = task->containers[i];

        if (container_is_up(container) && may_stop_now)
            stop(planner, view, container);
        else if (container_is_up(container))
            continue;
        else if (view->status != TASK_DEPROVISIONING || !recorded || !container->inspected)
            continue;
        else if (wants_lines(planner, view, container))
            ask_lines(planner, view, container);
        else
            remove_container(planner, view, container);
    }
}
