/*
 * What is due is counted here by the minute, and every run that is stated is noted with its due
 * time: neither is taken from what the program remembers.
 */
#include "tests/sim/schedules.h"

#include <stdlib.h>
#include <string.h>

#include "reconciler/plan/memory_schedules.h"
#include "reconciler/run/cycle.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define MINUTE_MS         (60 * 1000)
#define HOUR_MS           (60 * MINUTE_MS)
#define PROMPT_MS         3000 /* so soon after it is due something has come of it */
#define LATE_MS           MINUTE_MS
#define SUSPENDS_PER_HOUR 12

static const struct kind_of_run {
    const char *name;
    struct sim_program program;
} kinds[] = {
    { "brief", { .runs_ms = 2000, .term_ms = 100, .work_ms = 300 } },
    { "failing", { .runs_ms = 1000, .exit_code = 1, .term_ms = 100, .work_ms = 300 } },
    { "long", { .runs_ms = 400 * 1000, .term_ms = 300, .work_ms = 2000 } },
    { "deaf", { .runs_ms = 100 * 1000, .ignores_term = true, .work_ms = 300 } },
    { "broken", { .start_error = "exec: no such file", .work_ms = 300 } },
};

static const char *const overlaps[] = { "SKIP", "ALLOW", "REPLACE" };
enum { SKIP, ALLOW, REPLACE };

static const char *image_of(const struct kind_of_run *kind, struct arena *arena)
{
    return arena_printf(arena, "registry.internal/due-%s:1", kind->name);
}

static const char *name_of(size_t index, struct arena *arena)
{
    return arena_printf(arena, "plan-%zu", index);
}

static const char *starter_of(size_t index, struct arena *arena)
{
    return arena_printf(arena, SCHEDULE_STARTER "%s", name_of(index, arena));
}

/* SCHEDULES_MAX: none of them. */
static size_t index_of(const char *started_by)
{
    size_t index = 0;

    for (; index < SCHEDULES_MAX; index++) {
        AUTO(arena) arena = { 0 };

        if (text_equal(started_by, starter_of(index, &arena)))
            break;
    }
    return index;
}

/* ---- What people declare --------------------------------------------------------------------- */

void schedules_draw(struct people *people, bool may)
{
    people->plans.state = people->newest.state ^ 0x9b05688c2b3e6c1f;
    people->runs_plans = rng_chance(&people->plans, 35) && may;
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && people->runs_plans; i++) {
        AUTO(arena) arena = { 0 };

        sim_set_program(people->sim, image_of(&kinds[i], &arena), &kinds[i].program);
    }
}

static struct wanted_schedule draw_schedule(struct rng *rng)
{
    static const uint32_t minutes[] = { 1, 1, 2, 3, 5 };

    return (struct wanted_schedule){ .exists = rng_chance(rng, 80),
                                     .disabled = rng_chance(rng, 10),
                                     .is_rate = rng_chance(rng, 40),
                                     .minutes = minutes[rng_below(rng, ARRAY_COUNT(minutes))],
                                     .kind = (uint32_t)rng_below(rng, ARRAY_COUNT(kinds)),
                                     .overlap = (uint32_t)rng_below(rng, ARRAY_COUNT(overlaps)),
                                     .tries = (uint32_t)rng_below(rng, 3),
                                     .skips_missed = rng_chance(rng, 30),
                                     .count = (uint32_t)rng_between(rng, 1, 2) };
}

void schedules_change(struct people *people)
{
    for (size_t i = 0; i < SCHEDULES_MAX && people->runs_plans; i++) {
        struct wanted_schedule *schedule = &people->wanted.schedules[i];

        if (schedule->count == 0 || rng_chance(&people->plans, 20))
            *schedule = draw_schedule(&people->plans);
    }
}

static void print_schedule(const struct wanted_schedule *schedule, const char *name,
                           struct buf *out)
{
    buf_printf(out,
               "---\napiVersion: berth/v1\nkind: Schedule\nmetadata: {name: %s}\n"
               "spec:\n  cluster: " PEOPLE_CLUSTER "\n  taskDefinition: due-%s\n"
               "  taskCount: %u\n  overlap: %s\n  state: %s\n  missedRuns: %s\n"
               "  retryPolicy: {maximumRetryAttempts: %u}\n",
               name, kinds[schedule->kind].name, schedule->count, overlaps[schedule->overlap],
               schedule->disabled ? "DISABLED" : "ENABLED",
               schedule->skips_missed ? "SKIP" : "RUN_ONCE", schedule->tries);
    if (schedule->is_rate)
        buf_printf(out, "  scheduleExpression: rate(%u minutes)\n", schedule->minutes);
    else
        buf_printf(out, "  scheduleExpression: cron(0/%u * * * ? *)\n", schedule->minutes);
}

void schedules_print(const struct people *people, struct buf *out)
{
    AUTO(arena) arena = { 0 };

    for (size_t i = 0; i < ARRAY_COUNT(kinds) && people->runs_plans; i++)
        buf_printf(out,
                   "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: due-%s}\n"
                   "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n"
                   "    - {name: main, image: %s, stopTimeout: 5}\n",
                   kinds[i].name, image_of(&kinds[i], &arena));
    for (size_t i = 0; i < SCHEDULES_MAX && people->runs_plans; i++) {
        if (people->wanted.schedules[i].exists)
            print_schedule(&people->wanted.schedules[i], name_of(i, &arena), out);
    }
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* One of a schedule, as it was stated. */
struct noted_run {
    char run[DEPLOYMENT_ID_SIZE];
    size_t schedule;
    int64_t due_ms;
    struct noted_run *older;
};

static bool is_live(const struct task_record *record, size_t schedule)
{
    return record->stopped_ms == 0 && index_of(record->started_by) == schedule;
}

/* Has any of its tasks not stopped, but of that run (NULL: of any)? */
static bool has_live(const struct check *check, size_t schedule, const char *but_run)
{
    const struct memory_task *at = check->process->app.memory->tasks;

    for (; at != NULL; at = at->by_id.next) {
        if (is_live(&at->record, schedule) && !text_equal(at->record.deployment, but_run))
            return true;
    }
    return false;
}

/* Of that due time there is none that is under way, and not as many as there may be. */
static void check_again(struct check *check, const struct task_record *task, size_t schedule)
{
    const struct wanted_schedule *wanted = &check->people->wanted.schedules[schedule];
    uint32_t runs = 0;

    for (const struct noted_run *at = check->runs; at != NULL; at = at->older) {
        if (at->schedule != schedule)
            continue;
        if (at->due_ms > task->due_ms)
            check_failed(check, "plan-%zu is run for a time before that of the last run", schedule);
        if (at->due_ms != task->due_ms)
            break;
        runs++;
    }
    if (runs > wanted->tries)
        check_failed(check, "plan-%zu is run %u times for one due time", schedule, runs + 1);
    for (const struct memory_task *at = check->process->app.memory->tasks; at != NULL && runs > 0;
         at = at->by_id.next) {
        if (at->record.due_ms != task->due_ms || index_of(at->record.started_by) != schedule)
            continue;
        if (at->record.stopped_ms == 0)
            check_failed(check, "plan-%zu is run again while it runs", schedule);
        if (at->record.begun != NULL && at->record.exit_code < 0 &&
            at->record.stop_code != STOP_TASK_FAILED_TO_START)
            check_failed(check, "plan-%zu is run again, and how it ended is not known", schedule);
    }
}

static void check_begin(struct check *check, const struct task_record *task, size_t schedule)
{
    const struct wanted_schedule *wanted = &check->people->wanted.schedules[schedule];
    int64_t now_ms = sim_now(check->process->sim);

    if (!wanted->exists || wanted->disabled)
        check_failed(check, "plan-%zu is run, and nobody declares it", schedule);
    if (task->due_ms > now_ms)
        check_failed(check, "plan-%zu is run before it is due", schedule);
    if (!wanted->is_rate && task->due_ms % ((int64_t)wanted->minutes * MINUTE_MS) != 0)
        check_failed(check, "plan-%zu is run when it is not due", schedule);
    if (wanted->overlap != ALLOW && has_live(check, schedule, task->deployment))
        check_failed(check, "plan-%zu is run beside another run, and overlap is %s", schedule,
                     overlaps[wanted->overlap]);
    check_again(check, task, schedule);
}

static bool is_noted(const struct check *check, const char *run)
{
    const struct noted_run *at = check->runs;

    while (at != NULL && !text_equal(at->run, run))
        at = at->older;
    return at != NULL;
}

void schedules_check_facts(struct check *check, const struct fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct task_record *task = facts[i].kind == FACT_TASK ? facts[i].task : NULL;
        size_t schedule = task == NULL ? SCHEDULES_MAX : index_of(task->started_by);
        struct noted_run *noted;

        if (schedule == SCHEDULES_MAX || task->due_ms == 0 || is_noted(check, task->deployment))
            continue;
        if (check->process->store->full)
            continue; /* it is not kept */
        check_begin(check, task, schedule);
        noted = mem_alloc(sizeof(*noted));
        *noted = (struct noted_run){ .schedule = schedule,
                                     .due_ms = task->due_ms,
                                     .older = check->runs };
        text_copy(noted->run, sizeof(noted->run), task->deployment);
        check->runs = noted;
    }
}

static const struct task_record *record_of(const struct check *check,
                                           const struct sim_container *container)
{
    const char *task = container->report.task;

    return task == NULL ? NULL : memory_task(check->process->app.memory, task);
}

/* What was started before is over on the engine, too, unless the memory of it was deleted. */
void schedules_check_engine(struct check *check, const struct sim_container *container)
{
    const struct sim *sim = check->process->sim;
    const struct task_record *record;
    size_t schedule;

    if (!check->process->running || check->people->host_count > 0 || check->forgot)
        return;
    record = record_of(check, container);
    schedule = record == NULL ? SCHEDULES_MAX : index_of(record->started_by);
    for (size_t i = 0; i < sim_container_count(sim) && schedule < SCHEDULES_MAX; i++) {
        const struct sim_container *other = sim_container_at(sim, i);
        const struct task_record *of =
            other->report.status == CONTAINER_RUNNING ? record_of(check, other) : NULL;

        if (of != NULL && of->due_ms == record->due_ms && index_of(of->started_by) == schedule &&
            !text_equal(of->deployment, record->deployment))
            check_failed(check, "plan-%zu runs twice for one due time", schedule);
    }
}

void schedules_release(struct check *check)
{
    while (check->runs != NULL) {
        struct noted_run *noted = check->runs;

        check->runs = noted->older;
        free(noted);
    }
}

/* ---- Due times ------------------------------------------------------------------------------- */

void schedules_renew(struct check *check)
{
    for (size_t i = 0; i < SCHEDULES_MAX; i++)
        check->watched_ms[i] = sim_now(check->process->sim) + 1000; /* it looks by then */
}

static bool has_run(const struct check *check, size_t schedule, int64_t due_ms)
{
    const struct noted_run *at = check->runs;

    while (at != NULL && (at->schedule != schedule || at->due_ms != due_ms))
        at = at->older;
    return at != NULL;
}

/* Did a task of it run, or wait, at that time? */
static bool was_live(const struct check *check, size_t schedule, int64_t at_ms)
{
    for (const struct memory_task *at = check->process->app.memory->tasks; at != NULL;
         at = at->by_id.next) {
        const struct task_record *record = &at->record;

        if (index_of(record->started_by) == schedule && record->due_ms < at_ms &&
            (record->stopped_ms == 0 || record->stopped_ms >= at_ms))
            return true;
    }
    return false;
}

static bool is_suspended(const struct check *check, size_t schedule)
{
    AUTO(arena) arena = { 0 };
    const struct schedule_record *known =
        memory_schedule(check->process->app.memory, name_of(schedule, &arena));

    return known != NULL && known->suspended != NULL;
}

/* The last one that it was there for. */
static void check_due(struct check *check, size_t schedule)
{
    const struct wanted_schedule *wanted = &check->people->wanted.schedules[schedule];
    int64_t every_ms = (int64_t)wanted->minutes * MINUTE_MS;
    int64_t now_ms = sim_now(check->process->sim);
    int64_t due_ms = every_ms == 0 ? 0 : (now_ms - PROMPT_MS) / every_ms * every_ms;

    if (check->watched_ms[schedule] == 0 || is_suspended(check, schedule))
        check->watched_ms[schedule] = now_ms;
    if (!wanted->exists || wanted->disabled || wanted->is_rate ||
        due_ms <= check->watched_ms[schedule])
        return;
    check->watched_ms[schedule] = due_ms;
    if (has_run(check, schedule, due_ms))
        return;
    if (wanted->overlap == ALLOW || !was_live(check, schedule, due_ms))
        check_failed(check, "plan-%zu was due at %lld, and nothing came of it", schedule,
                     (long long)due_ms);
}

static void suspend(struct check *check, size_t schedule, const char *why)
{
    struct app *app = &check->process->app;
    AUTO(arena) arena = { 0 };
    const struct schedule_record *known = memory_schedule(app->memory, name_of(schedule, &arena));
    struct schedule_record record;
    const struct fact fact = { .kind = FACT_SCHEDULE, .durable = true, .schedule = &record };

    if (known == NULL)
        return;
    record = *known;
    record.suspended = why;
    (void)cycle_state(app->cycle, &fact, 1, /* err= */ NULL);
    check->watched_ms[schedule] = sim_now(check->process->sim);
}

void schedules_disturb(struct check *check, int64_t passed_ms)
{
    struct rng *rng = &check->people->plans;

    if (!check->people->runs_plans || !check->process->running)
        return;
    if (check->process->store->full || check->process->app.memory->schedules == NULL)
        schedules_renew(check);
    for (size_t i = 0; i < SCHEDULES_MAX && !check->process->store->full; i++)
        check_due(check, i);
    if ((int64_t)rng_below(rng, HOUR_MS) < passed_ms * SUSPENDS_PER_HOUR)
        suspend(check, (size_t)rng_below(rng, SCHEDULES_MAX),
                rng_chance(rng, 40) ? "by hand" : NULL);
}

void schedules_give_up(struct check *check)
{
    for (size_t i = 0; i < SCHEDULES_MAX && check->people->runs_plans; i++)
        suspend(check, i, "the end");
}
