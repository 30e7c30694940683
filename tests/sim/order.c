/*
 * Design rules 1 and 8: whose an engine is, what comes before what, and that there is room.
 */
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/names.h"
#include "tests/sim/check_int.h"
#include "tests/sim/traffic.h"

#define STOP_S 30 /* where nothing is remembered */

/* ---- Containers of a task ---- */

static bool is_up(const struct world_container *container)
{
    return container->status == CONTAINER_RUNNING || container->status == CONTAINER_PAUSED ||
           container->status == CONTAINER_RESTARTING;
}

static const struct sim_container *truth_of(const struct check *check, const char *id)
{
    return sim_container(check->process->sim, id);
}

/* What its task was made from is not remembered: nor is the order in it. */
static bool is_strange(const struct check *check, const struct world_task *task)
{
    const struct memory_service *memory =
        memory_service(check->process->app.memory, task->service->key);

    return check->forgot && memory_revision(memory, task->revision) == NULL;
}

/* Whoever needs it is down. */
static void check_stop_order(struct check *check, const struct world_container *container)
{
    const struct world_task *task = container->task;
    bool sandbox = text_equal(container->container, SANDBOX_NAME);

    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *other = task->containers[i];
        const struct sim_container *truth = truth_of(check, other->id);

        if (other == container || !is_up(other) || truth == NULL)
            continue;
        if (sandbox)
            check_failed(check, "%s stops before %s, which is in it", container->name, other->name);
        for (size_t n = 0; !is_strange(check, task) && n < truth->need_count; n++) {
            if (text_equal(truth->needs[n].container, container->container))
                check_failed(check, "%s stops before %s, which needs it", container->name,
                             other->name);
        }
    }
}

static void check_stop_timeout(struct check *check, const struct action *action)
{
    const struct sim_container *truth = truth_of(check, action->container_id);

    if (truth == NULL || text_equal(truth->report.container, SANDBOX_NAME) ||
        (check->forgot && action->stop_timeout_s == STOP_S))
        return;
    if (action->stop_timeout_s != truth->stop_timeout_s)
        check_failed(check, "%s is given %u s to stop, declared are %u", action->object,
                     action->stop_timeout_s, truth->stop_timeout_s);
}

static void check_create_order(struct check *check, const struct action *action)
{
    const struct world_task *task = world_task(check->process->app.world, action->identity.task);
    const struct container_definition *definition;

    if (action->container == SANDBOX_INDEX)
        return;
    definition = &action->target->task->container_definitions[action->container];
    for (size_t i = 0; i < definition->depends_on_count; i++) {
        const struct container_dependency *need = &definition->depends_on[i];
        const struct world_container *on =
            task == NULL ? NULL : world_task_container(task, need->container_name);

        if (on == NULL ||
            (need->condition == CONTAINER_CONDITION_HEALTHY && on->health != HEALTH_HEALTHY))
            check_failed(check, "%s is created before %s is as it must be", action->object,
                         need->container_name);
    }
}

static void check_start_order(struct check *check, const struct action *action)
{
    const struct world_container *container =
        world_container(check->process->app.world, action->container_id);
    const struct sim_container *truth = truth_of(check, action->container_id);

    for (size_t i = 0; container != NULL && truth != NULL && i < truth->need_count; i++) {
        const struct world_container *on =
            world_task_container(container->task, truth->needs[i].container);
        if (on == NULL || (!is_up(on) && on->started_ms == 0))
            check_failed(check, "%s starts before %s", action->object, truth->needs[i].container);
    }
}

/* ---- Services ---- */

static bool names(const struct service_spec *spec, const char *service)
{
    for (size_t i = 0; i < spec->depends_on_count; i++) {
        if (text_equal(spec->depends_on[i], service))
            return true;
    }
    return false;
}

/* Of removed services those go first that depend on others. */
static void check_removal_order(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct memory_service *removed = memory_service(app->memory, action->unit);

    if (removed == NULL || desired_service(app->desired, action->unit) != NULL)
        return;
    for (const struct memory_service *at = app->memory->services; at != NULL;
         at = at->by_key.next) {
        const struct deployment *primary = memory_primary(at);
        const struct world_service *seen = world_service(app->world, at->cluster, at->service);

        if (at == removed || primary == NULL || seen == NULL || seen->task_count == 0 ||
            desired_service(app->desired, at->key) != NULL)
            continue;
        if (names(primary->goal->target->spec, removed->service))
            check_failed(check, "%s goes before %s, which depends on it", action->unit, at->key);
    }
}

/* A deployment's tasks wait for the services that it depends on. */
static void check_dependencies(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct memory_service *memory = memory_service(app->memory, action->unit);
    const struct deployment *primary = memory_primary(memory);
    const struct service_spec *spec = check_spec(check, action->unit);

    if (primary == NULL || spec == NULL || primary->state == ROLLOUT_COMPLETED ||
        !text_equal(primary->goal->target->revision, action->target->revision))
        return;
    for (size_t i = 0; i < spec->depends_on_count; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, spec->depends_on[i]);
        const struct desired_service *on = desired_service(app->desired, key);
        const struct memory_service *known = memory_service(app->memory, key);

        if (on == NULL || check_desired(check, key) == 0)
            continue;
        if (known == NULL ||
            (known->quarantined[0] == '\0' &&
             !check_is_proved(check, spec->depends_on[i], on->goal->target->revision)))
            check_failed(check, "%s gets a task before %s, which it depends on, was healthy",
                         action->unit, key);
    }
}

void check_order(struct check *check, const struct action *action)
{
    const struct world_container *container =
        action->container_id == NULL
            ? NULL
            : world_container(check->process->app.world, action->container_id);

    if (action->kind == ACTION_CONTAINER_STOP && container != NULL) {
        check_stop_order(check, container);
        check_stop_timeout(check, action);
        check_removal_order(check, action);
        traffic_check_stop(check, container);
    }
    if (action->kind == ACTION_CONTAINER_START)
        check_start_order(check, action);
    if (action->kind != ACTION_CONTAINER_CREATE)
        return;
    check_create_order(check, action);
    if (world_task(check->process->app.world, action->identity.task) == NULL)
        check_dependencies(check, action);
}

/* ---- Room ---- */

void check_room(struct check *check, const struct container_report *made)
{
    const struct sim *sim = check->process->sim;
    uint32_t used_mib = TASK_MIB;

    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct container_report *report = &sim_container_at(sim, i)->report;
        size_t first = 0;

        if (report->task == NULL || !text_equal(report->instance, made->instance))
            continue; /* foreign, or elsewhere */
        while (!text_equal(sim_container_at(sim, first)->report.task, report->task))
            first++;
        if (first == i && !text_equal(report->task, made->task))
            used_mib += TASK_MIB;
    }
    if (used_mib > check->memory_mib)
        check_failed(check, "tasks of %u MiB are on an engine that has %u", used_mib,
                     check->memory_mib);
}

/* Something of its kind is in flight, whose end makes room for what found none. */
bool check_lane_is_used(const struct check *check, enum action_kind kind)
{
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;
        if (action == NULL)
            continue;
        if (action_kind_is_long(action->kind) == action_kind_is_long(kind) &&
            (action->kind == ACTION_CONTAINER_STOP) == (kind == ACTION_CONTAINER_STOP))
            return true;
    }
    return false;
}

/* ---- Counting ---- */

uint32_t check_percent(uint32_t count, uint32_t of, uint32_t add)
{
    return (count * of + add) / 100;
}
