/*
 * Jobs: tasks that no Service asked for.  They are run, stopped and listed here.
 */
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/run_task.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/decode.h"
#include "spec/names.h"

#define OVERRIDES_MAX  8192 /* ecs.md 1.4: characters */
#define STARTED_BY_MAX 128
#define REASON_MAX     1024

/* ---- Running --------------------------------------------------------------------------------- */

static const char *first_mistake(const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].level == DIAG_ERROR)
            return diags->items[i].text;
    }
    return NULL;
}

/* By the table of the record, as a manifest would be read. */
static int read_overrides(const struct json *value, struct arena *arena,
                          const struct task_override **out, struct err *err)
{
    AUTO_TEXT char *text = json_print_text(value, JSON_STYLE_COMPACT);
    struct task_override *overrides = arena_new(arena, struct task_override);
    AUTO(diag_list) diags = { 0 };
    AUTO(decoder) decoder = { 0 };
    struct yaml_file file;

    if (strlen(text) > OVERRIDES_MAX)
        return err_set(err, ERR_INVALID, "overrides: more than %d characters", OVERRIDES_MAX);
    decoder_init(&decoder, "overrides", arena, &diags);
    if (yaml_parse("overrides", text, strlen(text), arena, &diags, &file) == 0 &&
        file.document_count == 1)
        decode_record(&decoder, &task_override_record, file.documents[0], overrides);
    if (first_mistake(&diags) != NULL)
        return err_set(err, ERR_INVALID, "overrides: %s", first_mistake(&diags));
    *out = overrides;
    return 0;
}

static int read_count(const struct json *body, uint32_t *out, struct err *err)
{
    int64_t count = json_int(body, "count", 1);

    if (count < 1 || count > RUN_TASKS_MAX)
        return err_set(err, ERR_INVALID, "count: %lld is not between 1 and %d", (long long)count,
                       RUN_TASKS_MAX);
    *out = (uint32_t)count;
    return 0;
}

static int read_text(const struct json *body, const char *name, size_t size_max, const char **out,
                     struct err *err)
{
    const char *text = json_text(body, name);

    if (text != NULL && strlen(text) > size_max)
        return err_set(err, ERR_INVALID, "'%s' is longer than %zu bytes", name, size_max);
    *out = text;
    return 0;
}

static int read_request(struct request *request, struct job_request *out, const char **started_by,
                        struct err *err)
{
    static const char *const members[] = { "cluster",   "taskDefinition", "count",
                                           "overrides", "startedBy",      "schedule" };
    const struct json *body;
    const char *schedule;

    if (request_json(request, &body, err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), err) < 0 ||
        read_count(body, &out->count, err) < 0 ||
        read_text(body, "startedBy", STARTED_BY_MAX, started_by, err) < 0)
        return -1;
    schedule = json_text(body, "schedule");
    if (schedule != NULL && json_count(body) > 1)
        return err_set(err, ERR_INVALID, "a schedule says itself what is run: give it alone");
    if (schedule != NULL)
        return schedule_request(request, schedule, out, started_by, err);
    if (*started_by != NULL && text_starts(*started_by, SCHEDULE_STARTER))
        return err_set(err, ERR_INVALID, "startedBy: '" SCHEDULE_STARTER "' is for schedules");
    out->cluster = json_text(body, "cluster");
    out->task = json_text(body, "taskDefinition");
    if (out->cluster == NULL)
        out->cluster = "default"; /* ecs.md 1.1 */
    if (out->task == NULL)
        return err_set(err, ERR_INVALID, "'taskDefinition' is missing");
    if (json_get(body, "overrides") == NULL)
        return 0;
    return read_overrides(json_get(body, "overrides"), request_arena(request), &out->overrides,
                          err);
}

void post_tasks(struct request *request)
{
    struct job_request asked = { 0 };
    const char *started_by = NULL;
    struct run_started started;
    struct json *answer;
    struct json *tasks;
    struct err err = { 0 };

    if (read_request(request, &asked, &started_by, &err) < 0 ||
        app_run_task(app_of(request), &asked, started_by, request_arena(request), &started, &err) <
            0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    tasks = json_array();
    json_set_text(answer, "run", started.run);
    json_set_text(answer, "cluster", asked.cluster);
    json_set_text(answer, "group", started.group);
    for (size_t i = 0; i < started.count; i++)
        json_append_text(tasks, started.tasks[i]);
    json_set(answer, "tasks", tasks);
    request_accept(request, answer);
}

/* ---- Stopping -------------------------------------------------------------------------------- */

/* One that has not stopped, by its first digits, whether anything of it is seen or not. */
static int find_stoppable(const struct app *app, const char *name, const char **out,
                          struct err *err)
{
    const struct world_task *seen = NULL;
    const char *found = NULL;

    for (const struct memory_task *at = app->memory->tasks; at != NULL; at = at->by_id.next) {
        if (at->record.stopped_ms != 0 || strlen(name) < TASK_DIGITS_MIN ||
            !text_starts(at->record.id, name))
            continue;
        if (found != NULL)
            return err_set(err, ERR_INVALID, "'%s' is the beginning of several tasks", name);
        found = at->record.id;
    }
    if (found == NULL && find_task(app, name, &seen, err) < 0)
        return -1;
    *out = found != NULL ? found : seen->id;
    return 0;
}

void post_stop(struct request *request)
{
    static const char *const members[] = { "reason" };
    struct app *app = app_of(request);
    const char *task = NULL;
    const char *reason = NULL;
    const struct json *body;
    struct json *answer;
    struct err err = { 0 };

    if (request_json(request, &body, &err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), &err) < 0 ||
        read_text(body, "reason", REASON_MAX, &reason, &err) < 0 ||
        find_stoppable(app, request_param(request, "task"), &task, &err) < 0 ||
        app_stop_task(app, task, reason, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    json_set_text(answer, "task", task);
    if (memory_task(app->memory, task) != NULL)
        show_unit(answer, memory_task(app->memory, task)->cluster,
                  memory_task(app->memory, task)->service, request_arena(request));
    request_accept(request, answer);
}

/* ---- Listing --------------------------------------------------------------------------------- */

struct listing {
    struct request *request;
    struct plan_input input;
    const char *cluster; /* this and the next two: NULL: all */
    const char *group;
    const char *run;
    const char *starter; /* likewise */
    struct json *jobs;
};

static bool is_listed(const struct listing *listing, const struct task_record *record)
{
    struct arena *arena = request_arena(listing->request);

    return service_is_job(record->service) &&
           (listing->cluster == NULL || text_equal(record->cluster, listing->cluster)) &&
           (listing->group == NULL ||
            text_equal(job_group(arena, record->service), listing->group)) &&
           (listing->starter == NULL || text_equal(record->started_by, listing->starter)) &&
           (listing->run == NULL || text_equal(record->deployment, listing->run));
}

/* What its run waits for, while nothing of it is seen. */
static const char *wait_of(const struct listing *listing, const struct task_record *record)
{
    return cycle_wait(app_of(listing->request)->cycle,
                      unit_key(request_arena(listing->request), record->cluster, record->service));
}

static void add_live(struct listing *listing, const struct task_record *record)
{
    const struct world_task *task = world_task(listing->input.world, record->id);
    struct json *object = show_stopped_task(record, request_arena(listing->request));
    enum task_status status = record->claimed_ms == 0 ? TASK_PENDING : TASK_ACTIVATING;
    const char *reason = record->reason;

    if (task != NULL) {
        struct task_state state;

        plan_task_state(&listing->input, task, request_arena(listing->request), &state);
        status = state.status;
        reason = state.reason;
    } else if (text_is_empty(reason)) {
        reason = wait_of(listing, record);
    }
    json_set_text(object, "status", task_status_text(status));
    json_set_text(object, "reason", reason);
    json_append(listing->jobs, object);
}

static int add_lines(struct listing *listing, const struct task_record *record, struct json *object,
                     struct err *err)
{
    struct json *list;
    struct task_lines *lines;
    size_t count;

    if (history_lines(app_of(listing->request)->store, record->id, request_arena(listing->request),
                      &lines, &count, err) < 0)
        return -1;
    list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json *of = json_object();

        json_set_text(of, "task", record->id);
        json_set_text(of, "container", lines[i].container);
        json_set_text(of, "text", lines[i].text);
        json_append(list, of);
    }
    json_set(object, "lastLines", list);
    return 0;
}

static int add_over(struct listing *listing, size_t limit, struct err *err)
{
    const struct history_filter filter = { .cluster = listing->cluster,
                                           .service = listing->group,
                                           .limit = listing->run == NULL && listing->starter == NULL
                                                        ? limit
                                                        : HISTORY_JOBS_ALL };
    struct task_record *over;
    size_t count;

    if (history_jobs(app_of(listing->request)->store, &filter, request_arena(listing->request),
                     &over, &count, err) < 0)
        return -1;
    for (size_t i = 0, listed = 0; i < count; i++) {
        struct json *object;

        if (!is_listed(listing, &over[i]) || (listing->run == NULL && listed++ >= limit))
            continue;
        object = show_stopped_task(&over[i], request_arena(listing->request));
        json_append(listing->jobs, object);
        if (listing->run != NULL && add_lines(listing, &over[i], object, err) < 0)
            return -1;
    }
    return 0;
}

/* Of a run: nothing of it is left but what is told of it. */
static bool is_run_over(const struct listing *listing)
{
    const struct memory *memory = listing->input.memory;

    for (const struct memory_service *at = memory->services; at != NULL; at = at->by_key.next) {
        const char *wait = cycle_wait(app_of(listing->request)->cycle, at->key);

        if (memory_deployment(at, listing->run) != NULL && service_is_job(at->service))
            return wait != NULL && text_starts(wait, JOB_IS_OVER);
    }
    return true;
}

void get_jobs(struct request *request)
{
    const char *family = request_query(request, "family");
    const char *schedule = request_query(request, "schedule");
    struct listing listing = { .request = request,
                               .input = input_of(request),
                               .cluster = request_query(request, "cluster"),
                               .run = request_query(request, "run") };
    AUTO(json) *answer = json_object();
    uint64_t limit;
    struct err err = { 0 };

    if (schedule != NULL)
        listing.starter = arena_printf(request_arena(request), SCHEDULE_STARTER "%s", schedule);
    if (family != NULL)
        listing.group = arena_printf(request_arena(request), JOB_GROUP "%s", family);
    if (request_query_u64(request, "limit", HISTORY_JOBS, &limit, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    listing.jobs = json_array();
    json_set(answer, "jobs", listing.jobs);
    for (const struct memory_task *at = app_of(request)->memory->tasks; at != NULL;
         at = at->by_id.next) {
        if (at->record.stopped_ms == 0 && is_listed(&listing, &at->record))
            add_live(&listing, &at->record);
    }
    if (add_over(&listing, limit, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    if (listing.run != NULL)
        json_set_bool(answer, "over", is_run_over(&listing));
    request_answer(request, TAKE(answer));
}
