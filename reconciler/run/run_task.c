/*
 * Both are facts: what follows of them is the planner's.
 */
#include "reconciler/run/run_task.h"

#include <string.h>

#include "reconciler/plan/job.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/secrets.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* ---- A run ----------------------------------------------------------------------------------- */

/* One that was never there: the time tells two of them apart, and a number those of one time. */
static void run_id(const struct app *app, const struct job_request *request, int64_t now_ms,
                   uint32_t number, char out[DEPLOYMENT_ID_SIZE])
{
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, app->options->owner);
    sha256_add_text(hash, request->cluster);
    sha256_add_text(hash, request->task);
    sha256_add(hash, &now_ms, sizeof(now_ms));
    sha256_add(hash, &number, sizeof(number));
    sha256_finish(hash, hex);
    text_copy(out, DEPLOYMENT_ID_SIZE, hex);
}

static void new_run_id(const struct app *app, const struct job_request *request, int64_t now_ms,
                       char out[DEPLOYMENT_ID_SIZE])
{
    char first[TASK_ID_SIZE];
    uint32_t number = 0;

    do {
        run_id(app, request, now_ms, number++, out);
        task_id_make(out, /* slot= */ 0, /* attempt= */ 1, /* instance= */ NULL, first);
    } while (memory_task(app->memory, first) != NULL);
}

static int check_names(const struct app *app, const struct job_request *request, struct err *err)
{
    const struct generation *generation = app->desired == NULL ? NULL : app->desired->generation;

    if (generation == NULL)
        return err_set(err, ERR_CONFLICT, "no commit is in force yet");
    if (generation_find(generation, KIND_TASK, request->task) == NULL)
        return err_set(err, ERR_NOT_FOUND, "commit %.8s declares no Task '%s'",
                       generation_commit(generation), request->task);
    if (generation_find(generation, KIND_CLUSTER, request->cluster) == NULL)
        return err_set(err, ERR_NOT_FOUND, "commit %.8s declares no Cluster '%s'",
                       generation_commit(generation), request->cluster);
    if (request->count < 1 || request->count > RUN_TASKS_MAX)
        return err_set(err, ERR_INVALID, "count: %u is not between 1 and %d", request->count,
                       RUN_TASKS_MAX);
    return 0;
}

static struct goal *goal_of(struct app *app, const struct job_request *request, struct arena *arena,
                            struct err *err)
{
    const struct target *target =
        target_make_job(app->desired->generation, request, secret_digest, app->secrets, arena, err);
    AUTO(buf) text = { 0 };

    if (target == NULL)
        return NULL;
    buf_init(&text, LIMIT_GOAL_BYTES);
    target_print(target, &text);
    if (text.truncated) {
        (void)err_set(err, ERR_INVALID, "the Task is larger than %d KiB", LIMIT_GOAL_BYTES / 1024);
        return NULL;
    }
    return goal_parse(buf_text(&text), text.size, err);
}

int app_run_task(struct app *app, const struct job_request *request, const char *started_by,
                 struct arena *arena, struct run_started *out, struct err *err)
{
    struct run_started started = { .count = request->count };
    struct job_start start = { .run = started.run,
                               .started_by = started_by,
                               .at_ms = loop_wall_ms() };
    struct job_request asked = *request;
    AUTO(goal) *goal = NULL;
    struct fact *facts;
    size_t count;

    if (check_names(app, request, err) < 0)
        return -1;
    new_run_id(app, request, start.at_ms, started.run);
    asked.run = started.run;
    goal = goal_of(app, &asked, arena, err);
    if (goal == NULL)
        return -1;
    start.goal = goal;
    start.commit = generation_commit(app->desired->generation);
    count = job_facts(&start, arena, &facts);
    if (cycle_state(app->cycle, facts, count, err) < 0)
        return -1;
    for (size_t i = 0; i < started.count; i++)
        text_copy(started.tasks[i], TASK_ID_SIZE, facts[1 + i].task->id);
    started.group = job_group(arena, goal->target->service);
    *out = started;
    return 0;
}

/* ---- An end ---------------------------------------------------------------------------------- */

/* Of a task that was not recorded yet. */
static struct task_record record_of(const struct world_task *task)
{
    struct task_record record = { .deployment = task->deployment,
                                  .revision = task->revision,
                                  .commit = task->commit,
                                  .cluster = task->service->cluster,
                                  .service = task->service->service,
                                  .instance = task->instance,
                                  .slot = task->slot,
                                  .attempt = task->attempt,
                                  .exit_code = -1 };

    text_copy(record.id, sizeof(record.id), task->id);
    return record;
}

int app_stop_task(struct app *app, const char *task, const char *reason, struct err *err)
{
    const struct world_task *seen = world_task(app->world, task);
    const struct task_record *known = memory_task(app->memory, task);
    AUTO(arena) scratch = { 0 };
    const struct memory_service *service;
    struct task_record record;
    struct fact fact = { .kind = FACT_TASK, .durable = true, .task = &record };

    if (known == NULL && (seen == NULL || seen->service == NULL))
        return err_set(err, ERR_NOT_FOUND, "there is no task '%s'", task);
    record = known != NULL ? *known : record_of(seen);
    if (record.stopped_ms != 0)
        return err_set(err, ERR_CONFLICT, "task %.12s has stopped already", task);
    if (record.stopping_ms != 0)
        return 0;
    service = memory_service(app->memory, unit_key(&scratch, record.cluster, record.service));
    if (service != NULL && service->suspended != NULL)
        return err_set(err, ERR_CONFLICT,
                       "service %s is suspended, and nothing of it changes: resume it first",
                       service->key);
    record.stop_code = STOP_USER_INITIATED;
    record.reason = text_is_empty(reason) ? "Task stopped by user" : reason;
    record.stopping_ms = loop_wall_ms();
    fact.cluster = record.cluster;
    fact.service = record.service;
    fact.at_ms = record.stopping_ms;
    return cycle_state(app->cycle, &fact, 1, err);
}
