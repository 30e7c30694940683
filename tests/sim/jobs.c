/*
 * What is asked for is noted here, and what reaches the engine is counted by ourselves.
 */
#include "tests/sim/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/run/run_task.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define HOUR_MS       (60 * 60 * 1000)
#define RUNS_PER_HOUR 25
#define ENDS_PER_HOUR 10
#define COUNT_MOST    3

static const struct kind_of_job {
    const char *name;
    struct sim_program program;
} kinds[] = {
    { "brief", { .runs_ms = 2000, .term_ms = 100, .work_ms = 300 } },
    { "failing", { .runs_ms = 3000, .exit_code = 1, .term_ms = 100, .work_ms = 300 } },
    { "long", { .runs_ms = 420 * 1000, .term_ms = 300, .work_ms = 5000 } },
    { "deaf", { .runs_ms = 60 * 1000, .ignores_term = true, .work_ms = 300 } },
    { "broken", { .start_error = "exec: no such file", .work_ms = 300 } },
    { "missing", { .work_error = "not found", .work_ms = 300 } },
    { "helper", { .term_ms = 100, .work_ms = 300 } }, /* never by itself */
};

#define ALONE (ARRAY_COUNT(kinds) - 1)

static const char *image_of(const struct kind_of_job *kind, struct arena *arena)
{
    return arena_printf(arena, "registry.internal/job-%s:1", kind->name);
}

void jobs_draw(struct people *people, bool may)
{
    people->asks.state = people->newest.state ^ 0x510e527fade682d1;
    people->runs_jobs = rng_chance(&people->asks, 35) && may;
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && people->runs_jobs; i++) {
        AUTO(arena) arena = { 0 };

        sim_set_program(people->sim, image_of(&kinds[i], &arena), &kinds[i].program);
    }
}

/* Every other one has a helper that does not end by itself. */
void jobs_print(const struct people *people, struct buf *out)
{
    for (size_t i = 0; i < ALONE && people->runs_jobs; i++) {
        AUTO(arena) arena = { 0 };

        buf_printf(out,
                   "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: job-%s}\n"
                   "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                   "    - {name: main, image: %s, stopTimeout: 5}\n",
                   kinds[i].name, image_of(&kinds[i], &arena));
        if (i % 2 == 0)
            buf_printf(out, "    - {name: helper, image: %s, essential: false, stopTimeout: 5}\n",
                       image_of(&kinds[ALONE], &arena));
    }
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static bool drawn(struct check *check, int64_t passed_ms, uint32_t per_hour)
{
    return (int64_t)rng_below(&check->people->asks, HOUR_MS) <
           passed_ms * (int64_t)(per_hour * check->people->scale.density);
}

static void run(struct check *check)
{
    struct rng *rng = &check->people->asks;
    AUTO(arena) arena = { 0 };
    struct job_request request = { .cluster = PEOPLE_CLUSTER };
    struct run_started started;
    struct err err = { 0 };

    request.task = arena_printf(&arena, "job-%s", kinds[rng_below(rng, ALONE)].name);
    request.count = (uint32_t)rng_between(rng, 1, COUNT_MOST);
    if (app_run_task(&check->process->app, &request, "people", &arena, &started, &err) < 0 &&
        err.code != ERR_CAPACITY)
        check_failed(check, "%s is not run: %s", request.task, err.text);
}

/* One of those that are remembered and have not stopped. */
static const struct task_record *draw_live(struct check *check)
{
    const struct memory_task *at = check->process->app.memory->tasks;
    const struct task_record *found = NULL;
    size_t count = 0;

    for (; at != NULL; at = at->by_id.next) {
        if (service_is_job(at->record.service) && at->record.stopped_ms == 0 &&
            rng_below(&check->people->asks, ++count) == 0)
            found = &at->record;
    }
    return found;
}

void jobs_disturb(struct check *check, int64_t passed_ms)
{
    const struct task_record *live;

    if (!check->people->runs_jobs || !check->process->running)
        return;
    if (drawn(check, passed_ms, RUNS_PER_HOUR))
        run(check);
    if (!drawn(check, passed_ms, ENDS_PER_HOUR))
        return;
    live = draw_live(check);
    if (live != NULL)
        (void)app_stop_task(&check->process->app, live->id, "by hand", /* err= */ NULL);
}

void jobs_give_up(struct check *check, bool all)
{
    struct app *app = &check->process->app;
    bool any;

    do {
        any = false;
        for (const struct memory_task *at = app->memory->tasks; at != NULL && !any;
             at = at->by_id.next) {
            any = service_is_job(at->record.service) && (all || at->record.claimed_ms == 0) &&
                  at->record.stopping_ms == 0 && at->record.stopped_ms == 0;
            if (any)
                (void)app_stop_task(app, at->record.id, "not wanted", /* err= */ NULL);
        }
    } while (any);
    for (const struct world_task *at = app->world->tasks; at != NULL; at = at->by_id.next) {
        if (at->service != NULL && unit_is_job(at->service->key) &&
            memory_service(app->memory, at->service->key) == NULL)
            (void)app_stop_task(app, at->id, "not known", /* err= */ NULL);
    }
}

bool jobs_are_left(const struct check *check)
{
    const struct app *app = &check->process->app;

    for (const struct memory_service *at = app->memory->services; at != NULL;
         at = at->by_key.next) {
        if (unit_is_job(at->key))
            return true;
    }
    for (const struct world_service *at = app->world->services; at != NULL; at = at->by_key.next) {
        if (unit_is_job(at->key))
            return true;
    }
    return false;
}

bool jobs_want_room(const struct check *check)
{
    const struct app *app = &check->process->app;

    for (const struct memory_task *at = app->memory->tasks; at != NULL; at = at->by_id.next) {
        if (service_is_job(at->record.service) && at->record.stopped_ms == 0 &&
            world_task(app->world, at->record.id) == NULL)
            return true;
    }
    return false;
}

/* ---- What reaches an engine ------------------------------------------------------------------ */

/* A container of a task, by its name, wherever it is. */
struct job_container {
    char *name;
    char *instance; /* where it was created first */
    char *started;  /* the id of the one that was; NULL: none */
    UT_hash_handle by_name;
};

static struct job_container *container_of(struct check *check, const char *name)
{
    struct job_container *entry;

    HASH_FIND(by_name, check->jobs, name, strlen(name), entry);
    if (entry != NULL)
        return entry;
    entry = mem_alloc(sizeof(*entry));
    entry->name = mem_text(name);
    HASH_ADD_KEYPTR(by_name, check->jobs, entry->name, strlen(entry->name), entry);
    return entry;
}

void jobs_release(struct check *check)
{
    struct job_container *at;
    struct job_container *next;

    HASH_ITER(by_name, check->jobs, at, next)
    {
        HASH_DELETE(by_name, check->jobs, at);
        free(at->name);
        free(at->instance);
        free(at->started);
        free(at);
    }
}

void jobs_check_engine(struct check *check, enum action_kind kind,
                       const struct sim_container *container)
{
    const struct container_report *report = &container->report;
    struct job_container *entry;

    if (!service_is_job(report->group))
        return;
    entry = container_of(check, report->name);
    if (kind == ACTION_CONTAINER_CREATE) {
        if (entry->started != NULL)
            check_failed(check, "%s is created again, and it ran", report->name);
        if (entry->instance != NULL && !text_equal(entry->instance, report->instance))
            check_failed(check, "%s is created on %s, and was on %s", report->name,
                         report->instance, entry->instance);
        if (entry->instance == NULL)
            entry->instance = mem_text(report->instance);
    }
    if (kind != ACTION_CONTAINER_START)
        return;
    if (entry->started != NULL && !text_equal(entry->started, report->id))
        check_failed(check, "%s runs twice", report->name);
    /* But for one that somebody started by hand, before our request came. */
    if (entry->started != NULL &&
        (report->status == CONTAINER_EXITED || report->status == CONTAINER_DEAD))
        check_failed(check, "%s has ended, and is started again", report->name);
    if (entry->started == NULL)
        entry->started = mem_text(report->id);
}

/* ---- What is asked of it --------------------------------------------------------------------- */

void jobs_check_apply(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct store *store = check->process->store;
    const char *task = action->identity.task;
    const struct task_record *record = memory_task(app->memory, task);
    bool creates = action->kind == ACTION_CONTAINER_CREATE;
    bool starts = action->kind == ACTION_CONTAINER_START;

    if (!creates && !starts)
        return;
    if (record == NULL || record->stopped_ms != 0 ||
        !text_equal(record->instance, action->instance))
        check_failed(check, "%s %s: it has another place, or none", action_kind_text(action->kind),
                     action->object);
    if (creates && !journal_keeps_job(store, task, /* container= */ NULL))
        check_failed(check, "%s is created, and a crash may lose its place", action->object);
    if (starts && !journal_keeps_job(store, task,
                                     world_container(app->world, action->container_id)->container))
        check_failed(check, "%s is started, and a crash may lose that", action->object);
}

void jobs_check_end(struct check *check)
{
    if (jobs_are_left(check))
        check_failed(check, "in the end a job is left");
}
