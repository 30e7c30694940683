/*
 * What load balancers say of a task, as the service that runs it needs to know.
 */
#include "reconciler/plan/traffic.h"

#include "spec/base/text.h"

#define TARGET_FAILED "Task failed ELB health checks in (target-group %s)"

/* So long a balancer may take to hear that a task is to stop; then it stops all the same. */
#define OUT_MS  (30 * 1000)
#define DELAY_S 300 /* ecs.md 1.11 */

const char *target_group_name(struct arena *arena, const char *cluster, const char *service,
                              const struct service_target *target)
{
    return arena_printf(arena, "%s:%s:%s:%u", cluster, service, target->container_name,
                        target->container_port);
}

const struct service_spec *declared_spec(const struct planner *planner, const char *key)
{
    const struct desired_service *desired = desired_service(planner->input->desired, key);

    return desired == NULL ? NULL : desired->goal->target->spec;
}

/* What a spec says of the same port. */
static const struct service_target *same_target(const struct service_spec *spec,
                                                const struct service_target *target)
{
    for (size_t i = 0; i < spec->load_balancers_count; i++) {
        const struct service_target *at = &spec->load_balancers[i];

        if (text_equal(at->load_balancer, target->load_balancer) &&
            text_equal(at->container_name, target->container_name) &&
            at->container_port == target->container_port)
            return at;
    }
    return NULL;
}

/* The entry of `spec` for a balancer that has so many before it of which `other` knows nothing. */
static const struct service_target *newcomer(const struct service_spec *spec,
                                             const struct service_spec *other, const char *balancer,
                                             size_t before)
{
    for (size_t i = 0; i < spec->load_balancers_count; i++) {
        const struct service_target *at = &spec->load_balancers[i];

        if (text_equal(at->load_balancer, balancer) && same_target(other, at) == NULL &&
            before-- == 0)
            return at;
    }
    return NULL;
}

const struct service_target *counterpart(const struct service_spec *spec,
                                         const struct service_target *entry,
                                         const struct service_spec *other)
{
    const struct service_target *same = other == NULL ? NULL : same_target(other, entry);
    size_t before = 0;

    if (same != NULL || other == NULL)
        return same;
    while (newcomer(spec, other, entry->load_balancer, before) != entry)
        before++;
    return newcomer(other, spec, entry->load_balancer, before);
}

/* ---- Health --------------------------------------------------------------------------------- */

/* How load balancers see a task. */
struct traffic {
    bool expected;   /* it is to be behind at least one */
    bool healthy;    /* all its targets are */
    bool unhealthy;  /* one of them is not */
    bool unknown;    /* of one nothing can be said: its balancer does not run */
    const char *why; /* it is not healthy, for people */
};

static const char *group_of(struct planner *planner, const struct world_task *task,
                            const struct service_target *entry)
{
    return target_group_name(planner->scratch, task->service->cluster, task->service->service,
                             entry);
}

/* Of the task, as the balancer of the entry tells it; NULL: it is none, or nothing is told. */
static const struct world_target *target_of(struct planner *planner, const struct world_task *task,
                                            const struct service_target *entry)
{
    const struct world_balancer *balancer =
        world_balancer(planner->input->world, entry->load_balancer);

    return balancer == NULL || !balancer->runs
               ? NULL
               : world_target(balancer, group_of(planner, task, entry), task->id);
}

static void judge_target(struct planner *planner, const struct task_view *view,
                         const struct service_target *entry, struct traffic *out)
{
    const struct world_balancer *balancer =
        world_balancer(planner->input->world, entry->load_balancer);
    const struct world_target *target;

    out->expected = true;
    if (balancer == NULL || !balancer->runs || balancer->stopping) {
        out->unknown = true;
        out->why =
            arena_printf(planner->arena, "load balancer %s does not run yet", entry->load_balancer);
        return;
    }
    target = target_of(planner, view->task, entry);
    if (target != NULL && target->state == TARGET_HEALTHY)
        return;
    out->healthy = false;
    if (target != NULL && target->state == TARGET_UNHEALTHY) {
        out->unhealthy = true;
        out->why = arena_printf(
            planner->arena, TARGET_FAILED "%s%s", group_of(planner, view->task, entry),
            target->reason == NULL ? "" : ": ", target->reason == NULL ? "" : target->reason);
    } else if (out->why == NULL) {
        out->why =
            arena_printf(planner->arena, "load balancer %s has not found it healthy yet%s%s",
                         entry->load_balancer, target == NULL || target->reason == NULL ? "" : ": ",
                         target == NULL || target->reason == NULL ? "" : target->reason);
    }
}

static void traffic_of(struct planner *planner, const struct task_view *view, struct traffic *out)
{
    const struct service_spec *made = view->target == NULL ? NULL : view->target->spec;
    const struct service_spec *declared =
        view->task->service == NULL ? NULL : declared_spec(planner, view->task->service->key);

    *out = (struct traffic){ .healthy = true };
    for (size_t i = 0; made != NULL && i < made->load_balancers_count; i++) {
        const struct service_target *entry = counterpart(made, &made->load_balancers[i], declared);

        if (entry != NULL)
            judge_target(planner, view, entry, out);
    }
    /* Nobody remembers what it was made by: it is to be where it is found (balancer.c). */
    for (size_t i = 0; made == NULL && declared != NULL && i < declared->load_balancers_count; i++)
        if (target_of(planner, view->task, &declared->load_balancers[i]) != NULL)
            judge_target(planner, view, &declared->load_balancers[i], out);
}

bool traffic_judge(struct planner *planner, struct task_view *view, const struct service_spec *spec,
                   bool checks_pass)
{
    struct traffic traffic;

    traffic_of(planner, view, &traffic);
    if (!traffic.expected || view->status != TASK_RUNNING || view->unknown)
        return traffic.expected;
    view->traffic = traffic.why;
    if (traffic.unhealthy && !view->unhealthy && !in_grace(planner, spec, view->started_ms)) {
        view->unhealthy = true;
        view->reason = traffic.why;
    }
    view->healthy = !view->unhealthy && checks_pass && traffic.healthy &&
                    (!traffic.unknown || (view->record != NULL && view->record->healthy_ms != 0));
    return true;
}

const char *traffic_failure(struct planner *planner, const struct service_spec *spec)
{
    for (size_t i = 0; i < spec->load_balancers_count; i++) {
        const char *name = spec->load_balancers[i].load_balancer;
        const struct world_balancer *balancer = world_balancer(planner->input->world, name);

        if (balancer != NULL && balancer->failures > 0)
            return arena_printf(planner->arena, "load balancer %s cannot be set up: %s", name,
                                balancer->failure);
    }
    return NULL;
}

/* ---- The end -------------------------------------------------------------------------------- */

/* What it will lead to when that is done is not known. */
static bool is_being_set_up(const struct planner *planner, const char *balancer)
{
    for (size_t i = 0; i < planner->input->setting_up_count; i++)
        if (text_equal(planner->input->setting_up[i], balancer))
            return true;
    return false;
}

/* It is about to run, and whether the task will be behind it is not known. */
static bool is_coming(const struct planner *planner, const struct world_balancer *balancer,
                      const char *name)
{
    return generation_find(planner->input->desired->generation, KIND_LOAD_BALANCER, name) != NULL &&
           (balancer == NULL || balancer->failures == 0);
}

static int64_t last_ms(const struct task_view *view, const struct service_target *entry)
{
    return view->record->stopping_ms + (int64_t)entry->deregistration_delay * 1000;
}

/* Until the task is taken out, but no longer than OUT_MS. */
static bool is_out(struct planner *planner, const struct task_view *view,
                   const struct service_target *entry, bool out)
{
    int64_t end_ms = last_ms(view, entry) + OUT_MS;

    if (out || planner->input->now_ms >= end_ms)
        return true;
    plan_wake(planner, end_ms);
    plan_watch(planner);
    plan_progress(planner, "task %.12s is being taken out of load balancer %s", view->task->id,
                  entry->load_balancer);
    return false;
}

bool target_is_drained(const struct world_target *target)
{
    return target->state == TARGET_DRAINING && target->connections == 0;
}

static bool target_is_over(struct planner *planner, const struct task_view *view,
                           const struct world_target *target, const struct service_target *entry)
{
    int64_t end_ms = last_ms(view, entry);

    if (target == NULL || target_is_drained(target) || target->state != TARGET_DRAINING)
        return is_out(planner, view, entry, target == NULL || target_is_drained(target));
    if (planner->input->now_ms >= end_ms)
        return true;
    plan_wake(planner, end_ms);
    plan_progress(planner, "task %.12s: what load balancer %s has open to it may finish",
                  view->task->id, entry->load_balancer);
    return false;
}

/* `made`: what the task was made by; `entry`: what is declared in its place, or the same. */
static bool entry_is_over(struct planner *planner, const struct task_view *view,
                          const struct service_target *made, const struct service_target *entry)
{
    const char *name = entry->load_balancer;
    const struct world_balancer *balancer = world_balancer(planner->input->world, name);
    const struct world_target *target;

    if (is_being_set_up(planner, name))
        return is_out(planner, view, entry, /* out= */ false);
    if (balancer == NULL || !balancer->runs)
        return is_out(planner, view, entry, !is_coming(planner, balancer, name));
    target = target_of(planner, view->task, entry);
    if (target == NULL) /* under the name that it came by */
        target = target_of(planner, view->task, made);
    return target_is_over(planner, view, target, entry);
}

/* Nobody remembers what it was made by: wherever it is found, it has the time that ECS gives. */
static bool stranger_is_over(struct planner *planner, const struct task_view *view)
{
    bool over = true;

    for (const struct world_balancer *at = planner->input->world->balancers; at != NULL;
         at = at->by_name.next) {
        const struct service_target entry = { .load_balancer = at->name,
                                              .deregistration_delay = DELAY_S };

        for (size_t i = 0; i < at->target_count; i++)
            if (text_equal(at->targets[i].task, view->task->id))
                over &= target_is_over(planner, view, &at->targets[i], &entry);
    }
    return over;
}

bool traffic_is_over(struct planner *planner, const struct task_view *view)
{
    const struct task_record *record = view->record;
    const struct service_spec *made;
    const struct service_spec *declared;
    bool over = true;
    int64_t end_ms;

    /* What has failed by itself answers nothing any more. */
    if (record == NULL || record->stopping_ms == 0 ||
        record->stop_code == STOP_ESSENTIAL_CONTAINER_EXITED ||
        record->stop_code == STOP_TASK_FAILED_TO_START)
        return true;
    if (view->target == NULL)
        return stranger_is_over(planner, view);
    if (view->task->service == NULL || view->target->spec->load_balancers_count == 0)
        return true;
    end_ms = record->stopping_ms + OUT_MS;
    if (!planner->input->world->balancers_known && planner->input->now_ms < end_ms) {
        plan_wake(planner, end_ms);
        plan_progress(planner, "it is being looked at which load balancers run");
        return false;
    }
    made = view->target->spec;
    declared = declared_spec(planner, view->task->service->key);
    for (size_t i = 0; i < made->load_balancers_count; i++) {
        const struct service_target *own = &made->load_balancers[i];
        const struct service_target *entry = counterpart(made, own, declared);

        over &= entry_is_over(planner, view, own, entry == NULL ? own : entry);
    }
    return over;
}
