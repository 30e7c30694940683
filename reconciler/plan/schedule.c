/*
 * Schedule: due times become runs of jobs (job.c).
 *
 *   1. What becomes of a due time is decided once: `decided_ms` grows, and whatever the clock does,
 *      what is not later was decided.  When several have passed, the newest stands for all of them.
 *   2. The decision that a run begins, the run and its tasks are one durable write, and the ids of
 *      the run and of its tasks follow from the due time.  Then it is a job like any other, which
 *      runs at most once.
 *   3. A due time may have another run only when all is known of the one before: every task of it
 *      ended with an exit code, or never started.
 *   4. Nothing here ends a run but overlap REPLACE, and its age while it waits for a place: a
 *      schedule that is changed, disabled or removed lets what runs go on.
 */
#include "reconciler/plan/schedule.h"

#include <string.h>

#include "reconciler/plan/job.h"
#include "reconciler/plan/job_int.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "spec/timing.h"

#define LATE_MS (60 * 1000) /* who comes later than that missed it */

/* ---- When it is due -------------------------------------------------------------------------- */

struct due {
    struct timing timing;
    struct timing_frame frame;
};

static int64_t date_s(const char *text, const struct zone *zone, int64_t absent_s)
{
    int64_t local_s;
    struct err err;

    return text == NULL || timing_parse_date(text, &local_s, &err) < 0 ? absent_s
                                                                       : zone_utc_s(zone, local_s);
}

/* False: its zone is not known, which desired_read_zones() refuses. */
static bool due_make(const struct desired *desired, const struct schedule_spec *spec,
                     int64_t since_ms, struct due *out)
{
    const struct zone *zone = desired_zone(desired, spec->timezone);
    struct err err;

    if (zone == NULL || timing_parse(spec->schedule_expression, &out->timing, &err) < 0)
        return false;
    out->frame = (struct timing_frame){ .zone = zone,
                                        .since_s = since_ms / 1000,
                                        .start_s = date_s(spec->start_date, zone, INT64_MIN),
                                        .end_s = date_s(spec->end_date, zone, INT64_MAX) };
    return true;
}

static int64_t in_ms(int64_t seconds)
{
    return seconds == TIMING_NEVER ? NEVER : seconds * 1000;
}

static int64_t next_ms(const struct due *due, int64_t after_ms)
{
    return in_ms(timing_next_s(&due->timing, &due->frame, after_ms / 1000));
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t schedule_first_ms(const struct desired *desired, const struct schedule_spec *spec,
                          int64_t now_ms)
{
    struct due due;

    return due_make(desired, spec, now_ms, &due) ? next_ms(&due, now_ms) : NEVER;
}

/* ---- The schedule ---------------------------------------------------------------------------- */

struct scheduling {
    struct planner *planner;
    const struct desired_schedule *desired;
    const struct schedule_spec *spec;
    struct schedule_record *record; /* as it will be remembered */
    struct due due;
    const char *starter;
    bool changed;
};

/* What says when it is due. */
static const char *timing_text(const struct schedule_spec *spec, struct arena *arena)
{
    if (spec->state == SCHEDULE_STATE_DISABLED)
        return "";
    return arena_printf(arena, "%s %s %s %s", spec->schedule_expression, spec->timezone,
                        spec->start_date == NULL ? "-" : spec->start_date,
                        spec->end_date == NULL ? "-" : spec->end_date);
}

static const char *starter_of(const char *name, struct arena *arena)
{
    return arena_printf(arena, SCHEDULE_STARTER "%s", name);
}

static const char *when(const struct scheduling *at, int64_t time_ms)
{
    char text[ZONE_TIME_SIZE];

    zone_print(at->due.frame.zone, time_ms, text);
    return arena_text(at->planner->arena, text);
}

/* Beside its events are those of its tasks. */
static void tell(const struct scheduling *at, const char *text)
{
    const struct target *target = at->desired->goal->target;
    struct fact *fact = plan_fact(at->planner, FACT_EVENT, target->cluster, target->service);

    fact->commit = generation_commit(at->planner->input->desired->generation);
    fact->text = arena_printf(at->planner->arena, "(schedule %s) %s", at->record->name, text);
}

static int64_t age_ms(const struct scheduling *at)
{
    return (int64_t)at->spec->retry_policy->maximum_event_age_in_seconds * 1000;
}

static bool is_live(const struct task_record *record, const char *starter)
{
    return record->stopped_ms == 0 && text_equal(record->started_by, starter);
}

static uint32_t count_live(const struct memory *memory, const char *starter)
{
    uint32_t count = 0;

    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        for (const struct memory_task *task = service_is_job(at->service) ? at->tasks : NULL;
             task != NULL; task = task->next)
            count += is_live(&task->record, starter);
    }
    return count;
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* The same due time, the same try, the same run: also for who forgot that it was begun. */
static void run_id(const struct scheduling *at, char out[DEPLOYMENT_ID_SIZE])
{
    const struct schedule_record *record = at->record;
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, at->planner->input->owner);
    sha256_add_text(hash, SCHEDULE_KEY);
    sha256_add_text(hash, record->name);
    sha256_add(hash, &record->due_ms, sizeof(record->due_ms));
    sha256_add(hash, &record->tries, sizeof(record->tries));
    sha256_finish(hash, hex);
    text_copy(out, DEPLOYMENT_ID_SIZE, hex);
}

static void begin(struct scheduling *at)
{
    struct planner *planner = at->planner;
    struct schedule_record *record = at->record;
    struct job_start start = { .commit = generation_commit(planner->input->desired->generation),
                               .started_by = at->starter,
                               .due_ms = record->due_ms,
                               .at_ms = planner->input->now_ms };
    struct fact *facts;
    size_t count;

    record->tries++;
    run_id(at, record->run);
    record->result = SCHEDULE_RUNNING;
    record->tasks = at->spec->task_count;
    record->begin_ms = start.at_ms;
    record->ended_ms = 0;
    record->exit_code = -1;
    record->reason = NULL;
    at->changed = true;
    start.run = record->run;
    start.goal = goal_lend(target_of_run(at->desired->goal->target, record->run, planner->arena),
                           planner->arena);
    count = job_facts(&start, planner->arena, &facts);
    for (size_t i = 0; i < count; i++)
        *plan_fact(planner, facts[i].kind, facts[i].cluster, facts[i].service) = facts[i];
}

/* Of all of its tasks, or of those that have no place yet.  True while any is not stopped. */
static bool stop_runs(const struct scheduling *at, bool waiting_only, const char *reason)
{
    const struct memory *memory = at->planner->input->memory;
    bool any = false;

    for (const struct memory_task *task = memory->tasks; task != NULL; task = task->by_id.next) {
        const struct task_record *record = &task->record;
        struct task_record *stopped;
        struct fact *fact;

        if (!is_live(record, at->starter) ||
            (waiting_only && (record->claimed_ms != 0 || record->due_ms != at->record->due_ms)))
            continue;
        any = true;
        if (record->stopping_ms != 0)
            continue;
        stopped = arena_copy(at->planner->arena, record, sizeof(*record));
        stopped->stop_code = STOP_SERVICE_SCHEDULER_INITIATED;
        stopped->reason = reason;
        stopped->stopping_ms = at->planner->input->now_ms;
        fact = plan_fact(at->planner, FACT_TASK, record->cluster, record->service);
        fact->task = stopped;
        fact->durable = true;
    }
    return any;
}

/* ---- How a run ended ------------------------------------------------------------------------- */

struct end {
    bool is_open;      /* a task has not stopped */
    bool failed;       /* one did */
    bool stopped;      /* one was stopped: nobody wants another */
    bool is_uncertain; /* what one did is not known: it may still run somewhere */
    int exit_code;
    const char *reason;
};

static bool was_stopped(const struct task_record *record)
{
    return record->stop_code == STOP_USER_INITIATED ||
           record->stop_code == STOP_SERVICE_SCHEDULER_INITIATED;
}

/* One that is not remembered any more stopped long ago. */
static struct end end_of(const struct scheduling *at)
{
    struct end end = { .exit_code = 0 };

    for (uint32_t slot = 0; slot < at->record->tasks; slot++) {
        const struct task_record *record;
        char id[TASK_ID_SIZE];

        task_id_make(at->record->run, slot, /* attempt= */ 1, /* instance= */ NULL, id);
        record = memory_task(at->planner->input->memory, id);
        end.is_open |= record != NULL && record->stopped_ms == 0;
        end.is_uncertain |= record == NULL || (record->exit_code < 0 && !was_stopped(record) &&
                                               record->stop_code != STOP_TASK_FAILED_TO_START);
        end.stopped |= record != NULL && was_stopped(record);
        if (record == NULL || !record->failed || end.failed)
            continue;
        end.failed = true;
        end.exit_code = record->exit_code;
        end.reason = record->reason;
    }
    return end;
}

static bool may_try_again(const struct scheduling *at, const struct end *end)
{
    const struct schedule_record *record = at->record;

    return end->failed && !end->stopped && !end->is_uncertain &&
           record->tries <= at->spec->retry_policy->maximum_retry_attempts &&
           record->due_ms > record->since_ms &&
           at->planner->input->now_ms - record->due_ms <= age_ms(at);
}

static void follow(struct scheduling *at)
{
    struct schedule_record *record = at->record;
    int64_t now_ms = at->planner->input->now_ms;
    struct end end = end_of(at);

    if (end.is_open) {
        if (now_ms - record->due_ms <= age_ms(at))
            plan_wake(at->planner, record->due_ms + age_ms(at) + 1);
        else
            (void)stop_runs(at, /* waiting_only= */ true,
                            "no place was found within maximumEventAgeInSeconds");
        return;
    }
    at->changed = true;
    record->ended_ms = now_ms;
    record->exit_code = end.exit_code;
    record->reason = end.reason;
    record->result = end.stopped                      ? SCHEDULE_STOPPED
                     : end.failed || end.is_uncertain ? SCHEDULE_FAILED
                                                      : SCHEDULE_SUCCEEDED;
    if (!may_try_again(at, &end))
        return;
    record->result = SCHEDULE_WAITING;
    record->begin_ms = retry_at_ms(record->tries, now_ms);
}

/* ---- Due times ------------------------------------------------------------------------------- */

static void leave_out(struct scheduling *at, int64_t due_ms, const char *why)
{
    at->record->missed_ms = due_ms;
    at->record->missed = why;
    at->changed = true;
    tell(at, arena_printf(at->planner->arena, "was due on %s and was not run: %s", when(at, due_ms),
                          why));
}

/* Why it is too late for it; NULL: it is not. */
static const char *why_late(const struct scheduling *at, int64_t due_ms)
{
    int64_t late_ms = at->planner->input->now_ms - due_ms;

    if (late_ms <= LATE_MS)
        return NULL;
    if (at->spec->missed_runs == MISSED_RUNS_SKIP)
        return "nobody was there to begin it then, and missedRuns is SKIP";
    return late_ms <= age_ms(at) ? NULL
                                 : "nobody was there to begin it then, and that is longer ago than "
                                   "maximumEventAgeInSeconds";
}

/* What is still to be tried for an older one is not any more. */
static void give_up(struct scheduling *at, const char *why)
{
    struct schedule_record *record = at->record;

    if (record->result != SCHEDULE_WAITING)
        return;
    at->changed = true;
    record->result = record->tries > 0 ? SCHEDULE_FAILED : SCHEDULE_NONE;
    if (record->tries == 0)
        leave_out(at, record->due_ms, why);
}

static void decide(struct scheduling *at, int64_t due_ms)
{
    struct schedule_record *record = at->record;
    const char *late = why_late(at, due_ms);

    record->decided_ms = due_ms;
    at->changed = true;
    give_up(at, "the next one was due before it could begin");
    if (late != NULL) {
        leave_out(at, due_ms, late);
        return;
    }
    if (at->spec->overlap == SCHEDULE_OVERLAP_SKIP &&
        count_live(at->planner->input->memory, at->starter) > 0) {
        leave_out(at, due_ms, "a run of it had not ended, and overlap is SKIP");
        return;
    }
    record->due_ms = due_ms;
    record->result = SCHEDULE_WAITING;
    record->run[0] = '\0';
    record->tries = 0;
    record->begin_ms = at->planner->input->now_ms;
}

/* True when it begins. */
static bool begin_waiting(struct scheduling *at)
{
    const struct schedule_record *record = at->record;
    int64_t now_ms = at->planner->input->now_ms;

    if (now_ms - record->due_ms > age_ms(at)) {
        give_up(at, "it could not begin within maximumEventAgeInSeconds");
        return false;
    }
    if (now_ms < record->begin_ms) {
        plan_wake(at->planner, record->begin_ms);
        plan_rest(at->planner, "try %u of the run due on %s failed: the next one is on %s",
                  record->tries, when(at, record->due_ms), when(at, record->begin_ms));
        return false;
    }
    if (at->spec->overlap == SCHEDULE_OVERLAP_REPLACE &&
        stop_runs(at, /* waiting_only= */ false,
                  arena_printf(at->planner->arena, "the run due on %s takes its place",
                               when(at, record->due_ms)))) {
        plan_progress(at->planner, "the run due on %s begins when the former has stopped",
                      when(at, record->due_ms));
        plan_wake(at->planner, record->due_ms + age_ms(at) + 1);
        return false;
    }
    if (at->spec->overlap == SCHEDULE_OVERLAP_SKIP &&
        count_live(at->planner->input->memory, at->starter) > 0) {
        plan_rest(at->planner, "the run due on %s is tried again when the one under way has ended",
                  when(at, record->due_ms));
        plan_wake(at->planner, record->due_ms + age_ms(at) + 1);
        return false;
    }
    begin(at);
    return true;
}

static void look(struct scheduling *at)
{
    struct schedule_record *record = at->record;
    int64_t now_ms = at->planner->input->now_ms;
    int64_t last_ms = in_ms(
        timing_last_s(&at->due.timing, &at->due.frame, record->decided_ms / 1000, now_ms / 1000));
    int64_t next;

    if (last_ms != NEVER)
        decide(at, last_ms);
    if (record->result == SCHEDULE_WAITING && begin_waiting(at))
        return;
    next = next_ms(&at->due, later(record->decided_ms, now_ms));
    if (next == NEVER) {
        plan_rest(at->planner, "it is not due any more");
        return;
    }
    plan_wake(at->planner, next);
    if (record->decided_ms > now_ms)
        plan_rest(at->planner,
                  "the clock was moved back: what is due until %s was decided before, and it is "
                  "due again on %s",
                  when(at, record->decided_ms), when(at, next));
    else
        plan_rest(at->planner, "it is due on %s", when(at, next));
}

/* ---- The unit -------------------------------------------------------------------------------- */

static void state_record(struct planner *planner, struct schedule_record *record)
{
    struct fact *fact = plan_fact(planner, FACT_SCHEDULE, /* cluster= */ NULL, /* service= */ NULL);

    fact->schedule = record;
    fact->durable = true;
}

static void plan_undeclared(struct planner *planner, const char *name)
{
    if (memory_schedule(planner->input->memory, name) != NULL)
        state_record(planner,
                     arena_copy(planner->arena, &(const struct schedule_record){ .name = name },
                                sizeof(struct schedule_record)));
}

/* It is new, or is due by another rule: what was due before is not owed.  True when it is. */
static bool renew(struct scheduling *at)
{
    struct schedule_record *record = at->record;
    const char *timing = timing_text(at->spec, at->planner->arena);

    if (text_equal(record->timing, timing))
        return false;
    give_up(at, "its manifest was changed");
    record->timing = timing;
    record->since_ms = at->planner->input->now_ms;
    at->changed = true;
    return true;
}

static struct schedule_record *record_of(struct planner *planner, const char *name)
{
    const struct schedule_record *known = memory_schedule(planner->input->memory, name);
    struct schedule_record *record;

    if (known != NULL)
        return schedule_record_copy(known, planner->arena);
    record = arena_new(planner->arena, struct schedule_record);
    record->name = name;
    record->exit_code = -1;
    return record;
}

static void plan_one(struct scheduling *at)
{
    struct schedule_record *record = at->record;
    bool is_new = renew(at);

    if (record->result == SCHEDULE_RUNNING && !is_new)
        follow(at);
    if (unit_stated(at->planner) || at->changed || at->spec->state == SCHEDULE_STATE_DISABLED)
        return;
    if (record->suspended != NULL)
        plan_rest(at->planner, "suspended: %s", record->suspended);
    else
        look(at);
}

void plan_schedule(struct planner *planner, const char *key)
{
    const struct desired_schedule *desired = desired_schedule(planner->input->desired, key);
    const char *name = key + strlen(SCHEDULE_KEY);
    struct scheduling at = { .planner = planner, .desired = desired };

    planner->unit_looked = true;
    if (desired == NULL) {
        plan_undeclared(planner, name);
        return;
    }
    at.spec = resource_schedule(desired->resource);
    at.record = record_of(planner, name);
    at.starter = starter_of(name, planner->arena);
    if (!due_make(planner->input->desired, at.spec,
                  at.record->since_ms == 0 ? planner->input->now_ms : at.record->since_ms, &at.due))
        return;
    plan_one(&at);
    if (at.changed)
        state_record(planner, at.record);
}

void plan_schedule_status(const struct plan_input *input, const char *name,
                          struct schedule_status *out)
{
    AUTO(arena) scratch = { 0 };
    const struct desired_schedule *desired =
        desired_schedule(input->desired, arena_printf(&scratch, SCHEDULE_KEY "%s", name));
    const struct schedule_record *record = memory_schedule(input->memory, name);
    struct schedule_status status = { .record = record, .next_ms = NEVER };
    struct due due;

    status.live = count_live(input->memory, starter_of(name, &scratch));
    if (desired != NULL) {
        status.spec = resource_schedule(desired->resource);
        status.zone = desired_zone(input->desired, status.spec->timezone);
        if (status.spec->state == SCHEDULE_STATE_ENABLED &&
            (record == NULL || record->suspended == NULL) &&
            due_make(input->desired, status.spec, record == NULL ? input->now_ms : record->since_ms,
                     &due))
            status.next_ms = next_ms(
                &due, record == NULL ? input->now_ms : later(record->decided_ms, input->now_ms));
    }
    *out = status;
}
