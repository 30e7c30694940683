/*
 * Maintain: hosts of an EC2 cluster are worked on one after the other.
 *
 *   1. What is done to an instance is a round: the same is never done twice.  It is due on each
 *      ACTIVE instance of the cluster where it was not done yet.
 *   2. It begins where everything else of the cluster is well: so many instances as may be out are
 *      not out yet, and none has failed. Those that have waited longest come first, and of several
 *      one always stays for the tasks of the others.
 *   3. DRAINING: tasks leave as they do when the commit says so.  Those whose volumes are there
 *      stop when the others have left, as far as the bounds of their service allow, and come back.
 *   4. RUNNING: it is stated before the command is begun, and only over the connection that stands
 *      then it is begun. So it is not run twice: what became of one whose connection or process
 *      has gone is not known, and that is a failure.
 *   5. REBOOTING, if that is asked for: it goes away and comes back.  It has come back when it
 *      tells of another boot than before.
 *   6. RETURNING: it may have tasks again, and is out until its engine answers and each DAEMON
 *      has a healthy task there.
 *   7. The first failure stops the cluster: that instance stays without tasks, the others are left
 *      alone, until a person or another commit says what next.
 *   8. A commit that asks for it no more ends it, but for a command that runs, and a host that
 *      was told to reboot.
 */
#include "reconciler/plan/maintain.h"

#include "reconciler/plan/daemon.h"
#include "reconciler/plan/maintain_int.h"
#include "reconciler/plan/upgrade_script.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define ASK_TIMEOUT_S 60
#define GOING_DOWN_S  120 /* what a host takes to go, once it is told to */

/* One instance, and the cluster that maintains it. */
struct upkeep {
    struct planner *planner;
    const struct world_instance *seen;
    const struct host_record *record;         /* NULL: nothing is remembered of it */
    const struct maintenance *now;            /* likewise of this */
    struct pool *pool;                        /* NULL: no cluster maintains it */
    size_t index;                             /* in the pool */
    const struct cluster_maintenance *wanted; /* NULL with the pool */
    const char *round;                        /* what is wanted; likewise */
};

/* ---- What is wanted -------------------------------------------------------------------------- */

static void find_cluster(struct upkeep *upkeep)
{
    const struct generation *generation = upkeep->planner->input->desired->generation;

    for (size_t i = 0; i < generation_count(generation, KIND_CLUSTER); i++) {
        const struct resource *cluster = generation_at(generation, KIND_CLUSTER, i);
        struct pool *pool = resource_cluster(cluster)->maintenance == NULL
                                ? NULL
                                : pool_of(upkeep->planner, cluster->name);
        size_t index = pool == NULL ? 0 : pool_index(pool, upkeep->seen->name);

        if (pool == NULL || index == pool->count)
            continue;
        upkeep->pool = pool;
        upkeep->index = index;
        upkeep->wanted = pool->spec->maintenance;
        upkeep->round = maintain_round_name(upkeep->wanted, upkeep->planner->arena);
    }
}

/* ---- Facts ----------------------------------------------------------------------------------- */

static bool is_reached(const struct world_instance *seen)
{
    return seen->state == INSTANCE_ACTIVE && seen->complete;
}

/* With the engine that it is about, once that is known. */
static const struct maintenance *about(const struct upkeep *upkeep,
                                       const struct maintenance *maintenance)
{
    struct maintenance *copy;

    if (maintenance == NULL || maintenance->engine != NULL || !is_reached(upkeep->seen))
        return maintenance;
    copy = arena_copy(upkeep->planner->arena, maintenance, sizeof(*copy));
    copy->engine = upkeep->seen->engine_id;
    return copy;
}

static void state(struct upkeep *upkeep, const struct maintenance *maintenance, const char *text)
{
    struct planner *planner = upkeep->planner;
    struct host_record *record = arena_new(planner->arena, struct host_record);
    struct fact *fact = plan_fact(planner, FACT_HOST, /* cluster= */ NULL, /* service= */ NULL);

    if (upkeep->record != NULL)
        *record = *upkeep->record;
    record->instance = upkeep->seen->name;
    record->maintenance = about(upkeep, maintenance);
    fact->host = record;
    fact->text = text;
    fact->durable = true;
    if (upkeep->pool == NULL)
        return;
    fact = plan_fact(planner, FACT_EVENT, upkeep->pool->cluster, /* service= */ NULL);
    fact->text = arena_printf(planner->arena, "(instance %s) %s", upkeep->seen->name, text);
}

/* On with the round. */
static void turn(struct upkeep *upkeep, enum maintenance_step step, const char *text)
{
    struct maintenance *next = arena_copy(upkeep->planner->arena, upkeep->now, sizeof(*next));

    next->step = step;
    next->since_ms = upkeep->planner->input->now_ms;
    next->reason = NULL;
    next->boot = NULL;
    state(upkeep, next, text);
}

static void turn_to_reboot(struct upkeep *upkeep, const char *boot)
{
    struct maintenance *next = arena_copy(upkeep->planner->arena, upkeep->now, sizeof(*next));

    next->step = MAINTENANCE_REBOOTING;
    next->since_ms = upkeep->planner->input->now_ms;
    next->boot = boot;
    state(upkeep, next, "maintenance: the command is done, and it is rebooted");
}

static void fail(struct upkeep *upkeep, const char *reason)
{
    struct maintenance *next = arena_copy(upkeep->planner->arena, upkeep->now, sizeof(*next));

    next->step = MAINTENANCE_FAILED;
    next->since_ms = upkeep->planner->input->now_ms;
    next->reason = reason;
    next->boot = NULL;
    state(upkeep, next,
          arena_printf(upkeep->planner->arena,
                       "maintenance failed: %s; it stays without tasks, and no other host is "
                       "begun: see `berth hosts resume`",
                       reason));
}

static void begin(struct upkeep *upkeep)
{
    const struct maintenance next = { .step = MAINTENANCE_DRAINING,
                                      .engine = upkeep->now == NULL ? NULL : upkeep->now->engine,
                                      .round = upkeep->round,
                                      .attempt = upkeep->now == NULL ? 0 : upkeep->now->attempt + 1,
                                      .since_ms = upkeep->planner->input->now_ms };

    state(upkeep, maintenance_copy(&next, upkeep->planner->arena),
          arena_printf(upkeep->planner->arena, "maintenance by cluster %s begins: its tasks leave",
                       upkeep->pool->cluster));
}

static void end(struct upkeep *upkeep)
{
    state(upkeep, /* maintenance= */ NULL,
          upkeep->now->step == MAINTENANCE_DONE
              ? "no commit asks for its maintenance any more"
              : "its maintenance ends: no commit asks for it any more");
}

/* Has the step taken too long?  Else the planner is woken then.  While Berth was not there, or the
 * host was not, nothing could go on: the time since they are together counts. */
static bool is_late(struct upkeep *upkeep, uint32_t timeout_s)
{
    const struct world_instance *seen = upkeep->seen;
    int64_t since_ms = upkeep->now->since_ms;
    int64_t end_ms;

    if (seen->state == INSTANCE_CONNECTING || (seen->state == INSTANCE_ACTIVE && !seen->complete))
        return false; /* it is about to be known */
    if (seen->connected_ms > since_ms)
        since_ms = seen->connected_ms;
    if (!seen->was_complete && seen->lost_ms > since_ms)
        since_ms = seen->lost_ms; /* it was dialled in vain, for the first time */
    end_ms = since_ms + (int64_t)timeout_s * 1000;
    if (upkeep->planner->input->now_ms >= end_ms)
        return true;
    plan_wake(upkeep->planner, end_ms);
    return false;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* Nothing is under way, and nothing is in the way. */
static void await_window(struct planner *planner, const struct round *round)
{
    plan_wake(planner, round->opens_ms);
    if (round->opens == NULL)
        plan_rest(planner, "maintenance: it waits for a window, and none opens any more");
    else
        plan_rest(planner, "maintenance: it waits for a window, which opens on %s", round->opens);
}

/* It is due, and not begun. */
static void maybe_begin(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;
    struct pool *pool = upkeep->pool;
    const struct host *host = &pool->hosts[upkeep->index];

    if (host->listed->state == CONTAINER_INSTANCE_DRAINING)
        return;
    if (pool->round == NULL)
        pool->round = maintain_round(planner, pool, upkeep->round);
    if (pool->round->begins[upkeep->index])
        begin(upkeep);
    else if (host->why_not == NULL && !pool->round->is_stopped && pool->round->is_shut)
        await_window(planner, pool->round);
    else if (host->why_not == NULL && !pool->round->is_stopped && pool->round->in_the_way != NULL)
        plan_progress(planner, "maintenance: it waits for %s", pool->round->in_the_way);
}

/* ---- The steps ------------------------------------------------------------------------------- */

static size_t tasks_left(const struct upkeep *upkeep)
{
    const struct plan_input *input = upkeep->planner->input;
    size_t count = upkeep->seen->task_count;
    const struct plan_pending *const *pending;
    size_t pending_count = pending_all(upkeep->planner, &pending);

    for (size_t i = 0; i < pending_count; i++)
        count += text_equal(pending[i]->instance, upkeep->seen->name) &&
                 world_task(input->world, pending[i]->task) == NULL;
    return count;
}

/* What keeps it from being empty; NULL: it is. */
static const char *what_is_left(const struct upkeep *upkeep)
{
    struct arena *arena = upkeep->planner->arena;
    const struct world_task *task = upkeep->seen->tasks;
    size_t count = tasks_left(upkeep);

    for (const struct world_effort *at = upkeep->seen->efforts; at != NULL; at = at->by_key.next) {
        if (at->state == EFFORT_RUNNING)
            return arena_printf(arena, "%s is under way", at->key);
    }
    if (count == 0)
        return NULL;
    if (task == NULL || task->service == NULL)
        return arena_printf(arena, "%zu %s left", count, count == 1 ? "task is" : "tasks are");
    return arena_printf(arena, "%zu %s left, one of %s", count,
                        count == 1 ? "task is" : "tasks are", task->service->key);
}

static void drain(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;
    const char *left;

    if (!text_equal(upkeep->now->round, upkeep->round)) {
        begin(upkeep);
        return;
    }
    left = is_reached(upkeep->seen) ? what_is_left(upkeep) : "it does not answer";
    if (left == NULL)
        turn(upkeep, MAINTENANCE_RUNNING, "maintenance: it is empty, and the command is run");
    else if (is_late(upkeep, upkeep->wanted->drain_timeout))
        fail(upkeep, arena_printf(planner->arena, "its tasks did not leave within %u s: %s",
                                  upkeep->wanted->drain_timeout, left));
    else
        plan_progress(planner, "maintenance: %s", left);
}

/* At most one of its name is ever asked for. */
static const char *run_name(const struct upkeep *upkeep)
{
    return arena_printf(upkeep->planner->arena, "%s/%s/%u", upkeep->seen->name, upkeep->now->round,
                        upkeep->now->attempt);
}

static void run(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;
    const char *name = run_name(upkeep);
    struct action *action;

    if (upkeep->seen->connected_ms >= upkeep->now->since_ms || !is_reached(upkeep->seen)) {
        fail(upkeep, "it is not known whether the command was run: Berth or the connection ended");
        return;
    }
    if (!text_equal(upkeep->now->round, upkeep->round)) {
        begin(upkeep);
        return;
    }
    action = plan_action(planner, ACTION_HOST_RUN, upkeep->seen->name, name);
    action->command = upkeep->wanted->upgrade_packages ? UPGRADE_SCRIPT : upkeep->wanted->command;
    action->timeout_s = upkeep->wanted->command_timeout;
    action->cause =
        arena_printf(planner->arena, "maintenance of cluster %s", upkeep->pool->cluster);
    plan_progress(planner, "maintenance: the command is about to run");
}

static bool must_reboot(const struct upkeep *upkeep, const struct world_effort *effort)
{
    return upkeep->wanted->reboot == REBOOT_ALWAYS ||
           (upkeep->wanted->reboot == REBOOT_IF_NEEDED && effort->needs_reboot);
}

/* It was begun. */
static void run_ended(struct upkeep *upkeep, const struct world_effort *effort)
{
    if (effort->state == EFFORT_RUNNING)
        plan_progress(upkeep->planner, "maintenance: the command runs");
    else if (upkeep->pool == NULL)
        end(upkeep);
    else if (effort->state == EFFORT_FAILED)
        fail(upkeep, arena_text(upkeep->planner->arena, effort->failure.text));
    else if (!must_reboot(upkeep, effort))
        turn(upkeep, MAINTENANCE_RETURNING,
             "maintenance: the command is done, and it may have tasks again");
    else if (effort->boot != NULL)
        turn_to_reboot(upkeep, effort->boot);
    else
        fail(upkeep, "the command is done, but it is not known which boot it ran in, so that it "
                     "could not be told whether a reboot is over");
}

/* ---- Reboot ---------------------------------------------------------------------------------- */

static void ask(struct upkeep *upkeep, const char *name, bool reboots)
{
    struct action *action = plan_action(upkeep->planner, ACTION_HOST_RUN, upkeep->seen->name, name);

    action->reboots = reboots;
    action->timeout_s = ASK_TIMEOUT_S;
    action->cause = "maintenance: reboot";
}

/* Over the connection that stood before: it is told to. */
static void send_off(struct upkeep *upkeep)
{
    const char *name = arena_printf(upkeep->planner->arena, "%s/reboot", run_name(upkeep));
    const struct world_effort *effort =
        effort_of(upkeep->planner, upkeep->seen, ACTION_HOST_RUN, name);

    plan_progress(upkeep->planner, "maintenance: it is about to reboot");
    if (effort == NULL || effort->at_ms < upkeep->now->since_ms)
        ask(upkeep, name, /* reboots= */ true);
    else if (effort->state == EFFORT_FAILED && effort->failure.code == ERR_FAILED)
        fail(upkeep, arena_text(upkeep->planner->arena, effort->failure.text));
    else if (effort->state == EFFORT_FAILED && /* it did not arrive, or its answer did not */
             effort_allows(upkeep->planner, upkeep->seen, ACTION_HOST_RUN, name))
        ask(upkeep, name, /* reboots= */ true);
}

/* Over a new connection: which boot is it? */
static void look_at_boot(struct upkeep *upkeep)
{
    const char *name = arena_printf(upkeep->planner->arena, "%s/look", run_name(upkeep));
    const struct world_effort *effort =
        effort_of(upkeep->planner, upkeep->seen, ACTION_HOST_RUN, name);

    if (effort == NULL || effort->at_ms < upkeep->seen->connected_ms ||
        effort->state == EFFORT_FAILED) {
        plan_progress(upkeep->planner, "maintenance: it is asked whether it was rebooted");
        if (effort == NULL || effort->at_ms < upkeep->seen->connected_ms ||
            effort_allows(upkeep->planner, upkeep->seen, ACTION_HOST_RUN, name))
            ask(upkeep, name, /* reboots= */ false);
    } else if (effort->state == EFFORT_RUNNING) {
        plan_progress(upkeep->planner, "maintenance: it is asked whether it was rebooted");
    } else if (effort->boot != NULL && !text_equal(effort->boot, upkeep->now->boot)) {
        turn(upkeep, MAINTENANCE_RETURNING,
             "maintenance: it was rebooted, and may have tasks again");
    } else {
        send_off(upkeep);
    }
}

static void reboot(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;

    if (is_late(upkeep, upkeep->wanted->return_timeout))
        fail(upkeep, arena_printf(planner->arena, "it was not back from its reboot within %u s",
                                  upkeep->wanted->return_timeout));
    else if (!is_reached(upkeep->seen))
        plan_progress(planner, "maintenance: it reboots");
    else if (upkeep->seen->connected_ms < upkeep->now->since_ms)
        send_off(upkeep);
    else
        look_at_boot(upkeep);
}

/* ---- Coming back ----------------------------------------------------------------------------- */

static bool is_expected(const struct planner *planner, const struct desired_service *service)
{
    const struct memory_service *memory = memory_service(planner->input->memory, service->key);
    const struct deployment *primary = memory_primary(memory);

    return (memory == NULL || memory->suspended == NULL) &&
           (primary == NULL || primary->state != ROLLOUT_FAILED);
}

static bool has_healthy(struct planner *planner, const struct desired_service *service,
                        const char *instance)
{
    const struct target *target = service->goal->target;
    const struct world_service *seen =
        world_service(planner->input->world, target->cluster, target->service);

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        struct task_view view;

        if (!text_equal(seen->tasks[i]->instance, instance))
            continue;
        task_view_make(planner, seen->tasks[i],
                       memory_service(planner->input->memory, service->key), service->goal, &view);
        if (view.healthy && is_alive(&view))
            return true;
        if (view.healthy_at_ms != 0)
            plan_wake(planner, view.healthy_at_ms);
    }
    return false;
}

/* A service that is to have a healthy task there and has none; NULL: none. */
static const char *missing_daemon(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;

    for (const struct desired_service *at = planner->input->desired->daemons; at != NULL;
         at = at->next_daemon) {
        const struct pool *pool = pool_of(planner, at->goal->target->cluster);
        size_t index = pool == NULL ? 0 : pool_index(pool, upkeep->seen->name);

        if (pool == NULL || index == pool->count || !is_expected(planner, at) ||
            daemon_of(planner, at->goal->target)->slots[index] == NO_SLOT)
            continue;
        if (!has_healthy(planner, at, upkeep->seen->name))
            return at->key;
    }
    return NULL;
}

static void come_back(struct upkeep *upkeep)
{
    struct planner *planner = upkeep->planner;
    const char *missing = NULL;
    const char *what = "its engine does not answer";

    plan_watch(planner);
    if (is_reached(upkeep->seen)) {
        missing = missing_daemon(upkeep);
        what = missing == NULL
                   ? NULL
                   : arena_printf(planner->arena, "%s has no healthy task there", missing);
    }
    if (what == NULL)
        turn(upkeep, MAINTENANCE_DONE, "maintenance is done");
    else if (is_late(upkeep, upkeep->wanted->return_timeout))
        fail(upkeep, arena_printf(planner->arena, "it was not of use again within %u s: %s",
                                  upkeep->wanted->return_timeout, what));
    else
        plan_progress(planner, "maintenance: %s yet", what);
}

/* No commit asks for its reboot any more: it may be about to go all the same. */
static bool is_back(struct upkeep *upkeep)
{
    if ((is_reached(upkeep->seen) && upkeep->seen->connected_ms >= upkeep->now->since_ms) ||
        is_late(upkeep, GOING_DOWN_S))
        return true;
    plan_progress(upkeep->planner, "maintenance: it was told to reboot");
    return false;
}

static void step(struct upkeep *upkeep)
{
    const struct world_effort *effort = NULL;

    if (upkeep->now->step == MAINTENANCE_RUNNING)
        effort = effort_of(upkeep->planner, upkeep->seen, ACTION_HOST_RUN, run_name(upkeep));
    if (effort != NULL && effort->at_ms >= upkeep->now->since_ms) {
        run_ended(upkeep, effort);
        return;
    }
    if (upkeep->pool == NULL) {
        if (upkeep->now->step != MAINTENANCE_REBOOTING || is_back(upkeep))
            end(upkeep);
        return;
    }
    switch (upkeep->now->step) {
    case MAINTENANCE_DRAINING: drain(upkeep); break;
    case MAINTENANCE_RUNNING: run(upkeep); break;
    case MAINTENANCE_REBOOTING: reboot(upkeep); break;
    case MAINTENANCE_RETURNING: come_back(upkeep); break;
    case MAINTENANCE_DONE:
        if (!text_equal(upkeep->now->round, upkeep->round))
            maybe_begin(upkeep);
        break;
    case MAINTENANCE_FAILED:
        if (!text_equal(upkeep->now->round, upkeep->round) &&
            upkeep->pool->hosts[upkeep->index].listed->state != CONTAINER_INSTANCE_DRAINING)
            begin(upkeep);
        break;
    case MAINTENANCE_STEP_COUNT: break;
    }
}

/* ---- Which machine it is -------------------------------------------------------------------- */

/* Of two names, what is remembered of each is of the other.  Copies: what is told of the one first
 * ends what the memory had of it. */
static void exchange(struct upkeep *upkeep, const struct host_record *other)
{
    struct planner *planner = upkeep->planner;
    struct host_record *record = arena_copy(planner->arena, other, sizeof(*record));
    struct fact *fact = plan_fact(planner, FACT_HOST, /* cluster= */ NULL, /* service= */ NULL);

    record->instance = arena_text(planner->arena, other->instance);
    record->maintenance =
        upkeep->now == NULL ? NULL : maintenance_copy(upkeep->now, planner->arena);
    fact->host = record;
    fact->text = arena_printf(planner->arena, "its machine is called %s now", upkeep->seen->name);
    fact->durable = true;
    state(
        upkeep, maintenance_copy(other->maintenance, planner->arena),
        arena_printf(planner->arena, "it was called %s: its maintenance counts", other->instance));
}

/* What is remembered under its name may be of another engine, what was done to this one under
 * another name.  True when that was stated. */
static bool identify(struct upkeep *upkeep)
{
    const char *engine = upkeep->seen->engine_id;
    const struct host_record *other;

    if (!is_reached(upkeep->seen) || engine == NULL ||
        (upkeep->now != NULL && text_equal(upkeep->now->engine, engine)))
        return false;
    other = memory_host_of(upkeep->planner->input->memory, engine);
    if (other != NULL)
        exchange(upkeep, other);
    else if (upkeep->now != NULL && upkeep->now->engine != NULL)
        state(upkeep, /* maintenance= */ NULL,
              "another machine has its name: what was done to the former one does not count");
    else
        return false;
    return true;
}

bool maintain(struct planner *planner, const struct world_instance *instance)
{
    struct upkeep upkeep = { .planner = planner,
                             .seen = instance,
                             .record = memory_host(planner->input->memory, instance->name) };

    upkeep.now = upkeep.record == NULL ? NULL : upkeep.record->maintenance;
    if (text_equal(instance->name, LOCAL_INSTANCE))
        return false;
    find_cluster(&upkeep);
    if (identify(&upkeep))
        return true;
    if (upkeep.now != NULL)
        step(&upkeep);
    else if (upkeep.pool != NULL)
        maybe_begin(&upkeep);
    return unit_stated(planner);
}
