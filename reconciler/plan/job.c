/*
 * Job: one run of a Task that no Service asked for.  It runs at most once.
 *
 *   1. All its tasks are remembered, each with its id, before anything is done for them.
 *   2. A task gets its instance once, and that is durable before anything is created there: a
 *      claim.  It never moves.
 *   3. That its first container is about to be started is durable before it is.  Until then a task
 *      that is not there never ran, and is created again where it was claimed; from then on one
 *      that is not there is over.
 *   4. What ended is not replaced.  When all tasks have ended and are removed, so are the volumes
 *      of the run, and it is forgotten: history keeps what they did.
 */
#include "reconciler/plan/job_int.h"
#include "reconciler/plan/rollout_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* An image that could not be had so often will not be had by itself. */
#define IMAGE_TRIES 3

struct job {
    struct planner *planner;
    struct service_view *view;
    const struct task_record **records; /* by slot; NULL: it stopped too long ago */
    uint32_t count;
    const struct world_instance **asked; /* whether all is there for a task, */
    bool *ready;                         /* and the answer */
    size_t asked_count;
    bool no_room;
};

static void find_records(struct job *job)
{
    job->count = job->view->spec->desired_count;
    job->records = arena_array(job->planner->scratch, const struct task_record *, job->count + 1);
    job->asked = arena_array(job->planner->scratch, const struct world_instance *, job->count + 1);
    job->ready = arena_array(job->planner->scratch, bool, job->count + 1);
    for (const struct memory_task *at = job->view->memory->tasks; at != NULL; at = at->next) {
        if (at->record.slot < job->count)
            job->records[at->record.slot] = &at->record;
    }
}

static bool is_over(const struct task_record *record)
{
    return record == NULL || record->stopped_ms != 0;
}

static struct task_view *view_of(const struct job *job, const struct task_record *record)
{
    for (size_t i = 0; i < job->view->task_count; i++) {
        if (text_equal(job->view->tasks[i].task->id, record->id))
            return &job->view->tasks[i];
    }
    return NULL;
}

static struct task_identity identity_of(const struct job *job, const struct task_record *record)
{
    struct task_identity identity = { .slot = record->slot,
                                      .attempt = record->attempt,
                                      .deployment = job->view->primary->id,
                                      .commit = job->view->primary->commit };

    text_copy(identity.task, sizeof(identity.task), record->id);
    return identity;
}

/* ---- Ends that no container tells of --------------------------------------------------------- */

/* Also of one that was to be stopped before it had begun. */
static void end(const struct job *job, const struct task_record *record, enum stop_code code,
                const char *reason)
{
    struct task_record *ended = arena_copy(job->planner->arena, record, sizeof(*record));

    if (ended->stopping_ms == 0) {
        ended->stop_code = code;
        ended->reason = reason;
    }
    ended->failed = true;
    state_stopped(job->planner, job->view, ended);
}

/* No place will be found; NULL: one may be. */
static const char *why_nowhere(const struct job *job)
{
    const struct target *target = job->view->primary->goal->target;
    struct planner *planner = job->planner;
    const struct generation *generation = planner->input->desired->generation;

    if (generation_find(generation, KIND_CLUSTER, target->cluster) == NULL)
        return arena_printf(planner->arena, "cluster %s is not declared any more", target->cluster);
    if (target->is_ec2 != (job->view->pool != NULL))
        return arena_printf(planner->arena, "cluster %s has another launchType now",
                            target->cluster);
    if (image_failures(planner, job->view) >= IMAGE_TRIES)
        return image_failure(planner, job->view);
    return NULL;
}

/* Nobody will hear of it again, or not soon enough; NULL: its instance may tell. */
static const char *why_lost(const struct job *job, const struct task_record *record)
{
    struct planner *planner = job->planner;
    const struct world_instance *instance = world_instance(planner->input->world, record->instance);

    if (text_equal(record->instance, LOCAL_INSTANCE))
        return NULL; /* it is waited for */
    if (instance_is_forgotten(planner, record->instance))
        return arena_printf(planner->arena, "instance %s was given up", record->instance);
    if (instance == NULL)
        return pool_lists(planner, record->instance)
                   ? NULL
                   : arena_printf(planner->arena, "instance %s is gone", record->instance);
    if (instance_is_given_up(planner, job->view->cluster, instance))
        return arena_printf(planner->arena, "instance %s does not answer%s", record->instance,
                            record->begun_ms == 0 ? "" : ": how the task ended is not known");
    return NULL;
}

static const char *first_container(const struct target *target)
{
    return target->task->container_definitions_count > 1
               ? SANDBOX_NAME
               : target->task->container_definitions[0].name;
}

/* The engine does not create it, and will not. */
static const char *why_uncreated(const struct job *job, const struct task_record *record,
                                 const struct world_instance *instance)
{
    char name[CONTAINER_NAME_SIZE];

    if (instance == NULL || is_being_created(job->planner->input, record->id))
        return NULL;
    container_name(record->id, first_container(job->view->primary->goal->target), name);
    return step_failure(job->planner, instance, ACTION_CONTAINER_CREATE, name);
}

static void end_unseen(const struct job *job, const struct task_record *record)
{
    const struct world_instance *instance =
        world_instance(job->planner->input->world, record->instance);
    const char *why = why_lost(job, record);

    if (why != NULL) {
        end(job, record, record->begun_ms == 0 ? STOP_TASK_FAILED_TO_START : STOP_NONE, why);
        return;
    }
    why = record->begun_ms == 0 ? why_uncreated(job, record, instance) : NULL;
    if (why != NULL)
        end(job, record, STOP_TASK_FAILED_TO_START, why);
    else if (record->stopping_ms != 0 && record->begun_ms == 0 && instance != NULL &&
             instance_is_seen(job->planner, instance) &&
             !is_being_created(job->planner->input, record->id))
        end(job, record, STOP_USER_INITIATED, record->reason);
}

/* True when facts came out. */
static bool end_tasks(const struct job *job)
{
    const char *nowhere = NULL;
    bool asked = false;

    for (uint32_t slot = 0; slot < job->count; slot++) {
        const struct task_record *record = job->records[slot];
        const struct task_view *task = is_over(record) ? NULL : view_of(job, record);

        if (is_over(record) || (task != NULL && !task->given_up))
            continue;
        if (record->claimed_ms != 0) {
            end_unseen(job, record);
            continue;
        }
        if (!asked)
            nowhere = why_nowhere(job);
        asked = true;
        if (record->stopping_ms != 0 || nowhere != NULL)
            end(job, record, STOP_TASK_FAILED_TO_START, nowhere);
    }
    return unit_stated(job->planner);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static void claim(const struct job *job, const struct task_record *record, const char *instance)
{
    struct task_record *claimed = arena_copy(job->planner->arena, record, sizeof(*record));

    claimed->instance = instance;
    claimed->claimed_ms = job->planner->input->now_ms;
    task_fact(job->planner, job->view, claimed, /* durable= */ true);
}

/* Each instance is asked once. */
static bool is_ready(struct job *job, const struct world_instance *instance)
{
    size_t i = 0;

    while (i < job->asked_count && job->asked[i] != instance)
        i++;
    if (i < job->asked_count)
        return job->ready[i];
    job->asked[i] = instance;
    job->asked_count++;
    job->ready[i] = host_ready(job->planner, job->view->primary, instance, /* starting= */ true);
    return job->ready[i];
}

static void tell_wanted(const struct job *job, const struct task_record *record,
                        const struct world_instance *instance)
{
    const struct plan *plan = job->planner->plan;
    const struct wanted_task wanted = { .identity = identity_of(job, record),
                                        .target = job->view->primary->goal->target,
                                        .instance = instance == NULL ? NULL : instance->name,
                                        .status = instance == NULL ? TASK_PENDING : TASK_ACTIVATING,
                                        .reason = plan->wait_count == 0
                                                      ? NULL
                                                      : plan->waits[plan->wait_count - 1].reason };

    plan_wanted(job->planner, &wanted);
}

static void place(struct job *job, const struct task_record *record)
{
    const struct world_instance *instance =
        job->no_room ? NULL
                     : place_task(job->planner, job->view->primary->goal->target, record->id);

    job->no_room = instance == NULL;
    if (instance != NULL && is_ready(job, instance))
        claim(job, record, instance->name);
    if (!unit_stated(job->planner))
        tell_wanted(job, record, instance);
}

/* What was seen has its place, whatever is remembered.  True when that was stated. */
static bool adopt(const struct job *job)
{
    for (uint32_t slot = 0; slot < job->count; slot++) {
        const struct task_record *record = job->records[slot];
        const struct task_view *task = is_over(record) ? NULL : view_of(job, record);

        if (task != NULL && record->claimed_ms == 0)
            claim(job, record, task->task->instance);
    }
    return unit_stated(job->planner);
}

static void place_tasks(struct job *job)
{
    for (uint32_t slot = 0; slot < job->count; slot++) {
        const struct task_record *record = job->records[slot];

        if (!is_over(record) && record->claimed_ms == 0)
            place(job, record);
    }
    job->planner->unit_looked = !job->no_room;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void create(struct job *job, const struct task_record *record)
{
    const struct world_instance *instance =
        world_instance(job->planner->input->world, record->instance);
    const struct task_identity identity = identity_of(job, record);

    if (instance == NULL || !instance_is_seen(job->planner, instance)) {
        plan_wait(job->planner, "instance %s, where task %.12s is to run, does not answer",
                  record->instance, record->id);
        return;
    }
    if (record->begun_ms == 0 && record->stopping_ms == 0 && is_ready(job, instance))
        task_advance(job->planner, job->view->primary, &identity, instance, NULL);
    if (!unit_stated(job->planner))
        tell_wanted(job, record, instance);
}

static void begin(const struct job *job, const struct task_record *record)
{
    struct task_record *begun = arena_copy(job->planner->arena, record, sizeof(*record));

    begun->begun_ms = job->planner->input->now_ms;
    task_fact(job->planner, job->view, begun, /* durable= */ true);
}

static void step(const struct job *job, const struct task_record *record,
                 const struct task_view *task)
{
    if (task->unknown)
        plan_wait(job->planner, "what became of task %.12s on %s is not known yet", record->id,
                  task->task->instance);
    else if (record->begun_ms == 0)
        begin(job, record);
    else
        task_step(job->planner, task, job->view->primary);
}

static void step_tasks(struct job *job)
{
    for (uint32_t slot = 0; slot < job->count && !unit_stated(job->planner); slot++) {
        const struct task_record *record = job->records[slot];
        const struct task_view *task = is_over(record) ? NULL : view_of(job, record);

        if (is_over(record) || record->claimed_ms == 0)
            continue;
        if (task == NULL)
            create(job, record);
        else if (!task->ended && is_alive(task))
            step(job, record, task);
    }
}

/* True while anything is left of those that ended. */
static bool wind_down(struct planner *planner, const struct service_view *view)
{
    size_t leaving = 0;

    for (size_t i = 0; i < view->task_count; i++) {
        const struct task_view *task = &view->tasks[i];

        if (is_alive(task))
            continue;
        leaving++;
        task_wind_down(planner, task, task->record != NULL && task->record->stopped_ms != 0);
    }
    if (leaving > 0)
        plan_progress(planner, "%zu tasks are being stopped", leaving);
    return leaving > 0;
}

/* ---- The run --------------------------------------------------------------------------------- */

static void forget(struct planner *planner, const struct service_view *view)
{
    const struct plan_pending *const *pending;

    if (pending_of(planner, planner->unit, &pending) > 0)
        plan_progress(planner, "what is being created for it is removed then");
    else if (prune_volumes(planner, view))
        plan_progress(planner, "its volumes are being removed");
    else
        plan_fact(planner, FACT_FORGET, view->cluster, view->service)->durable = true;
}

/* What it was is not remembered: what runs goes on to its end, what was not started stays so. */
static void plan_unknown(struct planner *planner, const char *key)
{
    struct service_view view;

    removed_view_make(planner, key, &view);
    planner->unit_looked = true;
    if (record_tasks(planner, &view))
        return;
    for (size_t i = 0; i < view.task_count; i++) {
        struct task_view *task = &view.tasks[i];

        if (!task->unknown && !task->ended && task->status == TASK_ACTIVATING &&
            task->started_ms == 0)
            stop_task(planner, &view, task, STOP_TASK_FAILED_TO_START,
                      "the run it is of is not remembered");
    }
    (void)wind_down(planner, &view);
    if (view.memory != NULL && view.task_count == 0)
        forget(planner, &view);
}

static void plan_known(struct planner *planner, struct service_view *view)
{
    struct job job = { .planner = planner, .view = view };
    bool over = true;

    find_records(&job);
    if (adopt(&job) || record_tasks(planner, view) || end_tasks(&job))
        return;
    place_tasks(&job);
    if (unit_stated(planner))
        return;
    step_tasks(&job);
    if (unit_stated(planner))
        return;
    for (uint32_t slot = 0; slot < job.count; slot++)
        over &= is_over(job.records[slot]);
    if (!wind_down(planner, view) && over && view->task_count == 0)
        forget(planner, view);
}

void plan_job(struct planner *planner, const char *key)
{
    const struct memory_service *memory = memory_service(planner->input->memory, key);
    const struct deployment *primary = memory_primary(memory);
    struct desired_service asked = { 0 };
    struct service_view view;

    if (primary == NULL) {
        plan_unknown(planner, key);
        return;
    }
    asked.key = memory->key;
    asked.goal = primary->goal;
    service_view_make(planner, &asked, &view);
    if (!primary->goal->target->is_ec2 && view.pool == NULL) {
        view.instance = place_engine(planner);
        if (view.instance == NULL)
            return;
    }
    planner->view = &view;
    plan_known(planner, &view);
}
