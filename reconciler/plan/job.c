/*
 * Job: one run of a Task that no Service asked for.  It runs at most once.
 *
 *   1. All its tasks are remembered, each with its id, before anything is done for them.
 *   2. A task gets its instance once, and that is durable before anything is created there: a
 *      claim.  It never moves.
 *   3. That a container is about to be started is durable before it is.  Until then one that is not
 *      there never ran, and is created again where the task was claimed; from then on its task is
 *      over when it is not there.
 *   4. What ended is not replaced.  When all tasks have ended and are removed, so are the volumes
 *      of the run, and it is forgotten: history keeps what they did.
 */
#include <string.h>

#include "reconciler/plan/job_int.h"
#include "reconciler/plan/rollout_int.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* An image that could not be had so often will not be had by itself. */
#define IMAGE_TRIES 3

/* What is remembered of its tasks expires after an hour; no event tells that. */
#define LOOK_AGAIN_MS (60 * 60 * 1000)

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

static bool has_begun(const struct task_record *record, const char *container)
{
    const char *at = record->begun;
    size_t size = strlen(container);

    while (at != NULL && (at = strstr(at, container)) != NULL) {
        if (at > record->begun && at[-1] == ' ' && at[size] == ' ')
            return true;
        at++;
    }
    return false;
}

bool job_has_begun(const struct task_record *record)
{
    return !text_is_empty(record->begun);
}

bool job_lacks_begun(const struct task_view *view)
{
    const char *name = view->record == NULL ? NULL : view->record->begun;

    for (; name != NULL && *(name += strspn(name, " ")) != '\0'; name += strcspn(name, " ")) {
        size_t i = 0;
        size_t size = strcspn(name, " ");

        while (i < view->task->container_count &&
               (strlen(view->task->containers[i]->container) != size ||
                strncmp(view->task->containers[i]->container, name, size) != 0))
            i++;
        if (i == view->task->container_count)
            return true;
    }
    return false;
}

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
    if (instance == NULL) /* not told of yet: only a person knows that it will not be */
        return pool_lists(planner, record->instance) ||
                       (job_has_begun(record) && record->stopping_ms == 0)
                   ? NULL
                   : arena_printf(planner->arena, "instance %s is gone", record->instance);
    if (instance_is_given_up(planner, job->view->cluster, instance))
        return arena_printf(planner->arena, "instance %s does not answer%s", record->instance,
                            !job_has_begun(record) ? "" : ": how the task ended is not known");
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

/* It never ran, and will not where it was to; NULL: it may. */
static const char *why_unborn(const struct job *job, const struct task_record *record)
{
    const struct pool *pool = job->view->pool;
    const char *why = why_nowhere(job);

    if (why == NULL && pool != NULL && pool_index(pool, record->instance) == pool->count)
        return arena_printf(job->planner->arena, "instance %s is none of its cluster any more",
                            record->instance);
    return why != NULL
               ? why
               : why_uncreated(job, record,
                               world_instance(job->planner->input->world, record->instance));
}

static void end_unseen(const struct job *job, const struct task_record *record)
{
    const struct world_instance *instance =
        world_instance(job->planner->input->world, record->instance);
    bool began = job_has_begun(record);
    const char *why = why_lost(job, record);

    if (why == NULL && !began)
        why = why_unborn(job, record);
    if (why != NULL)
        end(job, record, began ? STOP_NONE : STOP_TASK_FAILED_TO_START, why);
    else if (record->stopping_ms != 0 && !began && instance != NULL &&
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
    if (!job_has_begun(record) && record->stopping_ms == 0 && is_ready(job, instance))
        task_advance(job->planner, job->view->primary, &identity, instance, NULL);
    if (!unit_stated(job->planner))
        tell_wanted(job, record, instance);
}

/* What was made and may be started next.  NULL: nothing that was not so before. */
static const char *about_to_begin(const struct job *job, const struct task_record *record,
                                  const struct task_view *task)
{
    struct arena *arena = job->planner->arena;
    const char *all = NULL;

    for (size_t i = 0; i < task->task->container_count; i++) {
        const struct world_container *container = task->task->containers[i];

        if (container->status != CONTAINER_CREATED || has_begun(record, container->container))
            continue;
        if (all == NULL)
            all = text_is_empty(record->begun) ? " " : record->begun;
        all = arena_printf(arena, "%s%s ", all, container->container);
    }
    return all;
}

static void step(struct job *job, const struct task_record *record, const struct task_view *task)
{
    const char *begun;

    if (task->unknown) {
        plan_wait(job->planner, "what became of task %.12s on %s is not known yet", record->id,
                  task->task->instance);
        return;
    }
    begun = about_to_begin(job, record, task);
    if (begun == NULL) {
        /* What it lacks is made from images that may have gone meanwhile. */
        if (task->task->container_count < task->task->expected)
            (void)is_ready(job, task->instance);
        if (!unit_stated(job->planner))
            task_step(job->planner, task, job->view->primary);
        return;
    }
    struct task_record *changed = arena_copy(job->planner->arena, record, sizeof(*record));
    changed->begun = begun;
    task_fact(job->planner, job->view, changed, /* durable= */ true);
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

/* An instance that was given up may come back with a task of it: what that was is then known. */
static const char *may_come_back(struct planner *planner, const struct service_view *view)
{
    for (const struct memory_task *at = view->memory->tasks; at != NULL; at = at->next) {
        const char *name = job_has_begun(&at->record) ? at->record.instance : NULL;
        const struct world_instance *instance =
            name == NULL ? NULL : world_instance(planner->input->world, name);

        if (name != NULL && !text_equal(name, LOCAL_INSTANCE) &&
            !instance_is_forgotten(planner, name) &&
            (instance == NULL || !instance_is_seen(planner, instance)))
            return name;
    }
    return NULL;
}

static void forget(struct planner *planner, const struct service_view *view)
{
    const char *away = may_come_back(planner, view);
    const struct plan_pending *const *pending;

    if (away != NULL) {
        plan_rest(planner, JOB_IS_OVER ", and %s may come back with a task of it", away);
        plan_wake(planner, planner->input->now_ms + LOOK_AGAIN_MS);
    } else if (pending_of(planner, planner->unit, &pending) > 0)
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
