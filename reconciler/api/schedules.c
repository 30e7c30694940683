/*
 * Schedules: when they are due, and what became of that.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/plan/schedule.h"
#include "reconciler/run/cycle.h"
#include "spec/base/text.h"
#include "spec/names.h"

static void show_declared(struct json *object, const struct resource *resource)
{
    const struct schedule_spec *spec = resource_schedule(resource);

    json_set_text(object, "cluster", spec->cluster);
    json_set_text(object, "taskDefinition", spec->task_definition);
    json_set_text(object, "scheduleExpression", spec->schedule_expression);
    json_set_text(object, "timezone", spec->timezone);
    json_set_text(object, "state", enumeration_text(&schedule_state_values, spec->state));
    json_set_text(object, "overlap", enumeration_text(&schedule_overlap_values, spec->overlap));
    json_set_text(object, "file", resource->pos.file);
    json_set_int(object, "line", resource->pos.line);
}

static void show_record(struct json *object, const struct schedule_record *record)
{
    json_set_text(object, "suspended", record->suspended);
    if (record->missed_ms != 0) {
        struct json *missed = json_object();

        show_time(missed, "dueAt", record->missed_ms);
        json_set_text(missed, "reason", record->missed);
        json_set(object, "missed", missed);
    }
    if (record->due_ms == 0)
        return;
    struct json *last = json_object();
    show_time(last, "dueAt", record->due_ms);
    json_set_text(last, "result", schedule_result_text(record->result));
    if (record->run[0] != '\0')
        json_set_text(last, "run", record->run);
    json_set_int(last, "tries", record->tries);
    show_time(last, "beganAt", record->begin_ms);
    show_time(last, "endedAt", record->ended_ms);
    if (record->ended_ms != 0 && record->exit_code >= 0)
        json_set_int(last, "exitCode", record->exit_code);
    json_set_text(last, "reason", record->reason);
    json_set(object, "last", last);
}

static struct json *show_schedule(struct request *request, const char *name)
{
    const struct app *app = app_of(request);
    const char *key = arena_printf(request_arena(request), SCHEDULE_KEY "%s", name);
    const struct desired_schedule *desired = desired_schedule(app->desired, key);
    const struct plan_input input = input_of(request);
    struct json *object = json_object();
    struct schedule_status status;

    plan_schedule_status(&input, name, &status);
    json_set_text(object, "name", name);
    if (desired != NULL)
        show_declared(object, desired->resource);
    if (status.record != NULL)
        show_record(object, status.record);
    if (status.next_ms != INT64_MAX)
        show_time(object, "nextDueAt", status.next_ms);
    json_set_int(object, "liveTasks", status.live);
    json_set_text(object, "waitsFor", cycle_wait(app->cycle, key));
    return object;
}

void get_schedules(struct request *request)
{
    const struct app *app = app_of(request);
    const struct generation *generation = app->desired == NULL ? NULL : app->desired->generation;
    struct json *answer = json_object();
    struct json *list = json_array();

    for (size_t i = 0; generation != NULL && i < generation_count(generation, KIND_SCHEDULE); i++)
        json_append(list,
                    show_schedule(request, generation_at(generation, KIND_SCHEDULE, i)->name));
    json_set(answer, "schedules", list);
    request_answer(request, answer);
}

const struct resource *find_schedule(const struct app *app, const char *name)
{
    return app->desired == NULL ? NULL
                                : generation_find(app->desired->generation, KIND_SCHEDULE, name);
}

/* ---- Suspending ------------------------------------------------------------------------------ */

bool suspend_schedule(struct request *request, const char *name, const char *reason)
{
    struct app *app = app_of(request);
    const struct schedule_record *known = memory_schedule(app->memory, name);
    struct schedule_record record;
    const struct fact fact = { .kind = FACT_SCHEDULE, .durable = true, .schedule = &record };
    bool was_suspended = known != NULL && known->suspended != NULL;
    struct json *answer;
    struct err err = { 0 };

    if (find_schedule(app, name) == NULL)
        return false;
    if (known == NULL) {
        (void)err_set(&err, ERR_CONFLICT, "schedule '%s' was not looked at yet: try again", name);
        request_fail(request, &err);
        return true;
    }
    record = *known;
    record.suspended = reason;
    if (cycle_state(app->cycle, &fact, 1, &err) < 0) {
        request_fail(request, &err);
        return true;
    }
    answer = show_schedule(request, name);
    if (text_is_empty(reason))
        json_set_bool(answer, "resumed", was_suspended);
    request_answer(request, answer);
    return true;
}

/* ---- Running now ----------------------------------------------------------------------------- */

int schedule_request(struct request *request, const char *name, struct job_request *out,
                     const char **started_by, struct err *err)
{
    const struct resource *resource = find_schedule(app_of(request), name);
    const struct schedule_spec *spec;

    if (resource == NULL)
        return err_set(err, ERR_NOT_FOUND, "the commit in force declares no Schedule '%s'", name);
    spec = resource_schedule(resource);
    *out = (struct job_request){ .cluster = spec->cluster,
                                 .task = spec->task_definition,
                                 .count = spec->task_count,
                                 .overrides = spec->overrides };
    *started_by = arena_printf(request_arena(request), SCHEDULE_STARTER "%s", name);
    return 0;
}
