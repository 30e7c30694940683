/*
 * How things stand now: version, status, services, tasks, images, names for shells.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/api/api_int.h"
#include "reconciler/run/cycle.h"
#include "reconciler/run/execute.h"
#include "reconciler/run/fleet.h"
#include "reconciler/run/follow.h"
#include "reconciler/run/tell.h"
#include "reconciler/run/upkeep.h"
#include "reconciler/source/url.h"
#include "spec/action.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"
#include "spec/names.h"

void get_version(struct request *request)
{
    struct json *answer = json_object();

    json_set_text(answer, "version", api_of(request)->version);
    request_answer(request, answer);
}

/* ---- Status ---------------------------------------------------------------------------------- */

static struct json *show_commit(const struct source_commit *commit)
{
    struct json *object = json_object();

    json_set_text(object, "id", commit->id);
    json_set_text(object, "author", commit->author);
    json_set_text(object, "email", commit->email);
    json_set_text(object, "subject", commit->subject);
    show_time(object, "time", commit->time_ms);
    return object;
}

static struct json *show_rejected(const char *commit, const struct diag_list *diags)
{
    struct json *object = json_object();

    json_set_text(object, "commit", commit);
    json_set_int(object, "errorCount", (int64_t)diags->errors);
    json_set(object, "errors", show_mistakes(diags));
    return object;
}

static struct json *show_instance(const struct world_instance *instance)
{
    static const char *const states[] = {
#define STATE_TEXT(name, text) text,
        INSTANCE_STATES(STATE_TEXT)
#undef STATE_TEXT
    };
    struct json *object = json_object();

    json_set_text(object, "name", instance->name);
    json_set_text(object, "state", states[instance->state]);
    json_set_text(object, "failure", instance->failure);
    json_set_text(object, "engineId", instance->engine_id);
    json_set_text(object, "engineVersion", instance->engine_version);
    json_set_text(object, "architecture", instance->architecture);
    json_set_int(object, "cpuUnits", instance->cpu_units);
    json_set_int(object, "memoryMiB", instance->memory_mib);
    json_set_int(object, "clockSkewMs", instance->clock_skew_ms);
    return object;
}

/* `cluster` NULL: all. */
static struct json *list_services(struct request *request, const char *cluster)
{
    const struct app *app = app_of(request);
    struct plan_input input = input_of(request);
    struct arena *arena = request_arena(request);
    struct json *list = json_array();
    struct plan_unit *units;
    size_t count = plan_units(&input, arena, &units);

    for (size_t i = 0; i < count; i++) {
        const char *key = units[i].key;
        const char *slash = strchr(key, '/');

        if (units[i].kind != DIRTY_SERVICE || slash == NULL || unit_is_job(key))
            continue;
        if (cluster != NULL &&
            !text_equal(arena_text_n(arena, key, (size_t)(slash - key)), cluster))
            continue;
        json_append(list, show_service(app, &input, key, arena));
    }
    return list;
}

/* A folder by its real path, a URL without its credentials. */
static void show_repository(const struct app *app, struct json *answer)
{
    AUTO_TEXT char *folder = realpath(app->options->repo, NULL);
    AUTO_TEXT char *redacted = url_redact(app->options->repo);

    json_set_text(answer, "repository", folder != NULL ? folder : redacted);
}

static void show_verdict(const struct app *app, struct json *answer)
{
    struct json *counts = json_object();
    struct app_verdict verdict = app_judge(app);

    json_set_int(counts, "services", (int64_t)verdict.services);
    json_set_int(counts, "pending", (int64_t)verdict.pending);
    json_set_int(counts, "failed", (int64_t)verdict.failed);
    json_set_int(counts, "blocked", (int64_t)verdict.blocked);
    json_set_int(counts, "rolledBack", (int64_t)verdict.rolled_back);
    json_set(counts, "undone", app_undone(app));
    json_set(answer, "verdict", counts);
}

static void show_told(void *context, uint64_t id, const struct log_fields *fields, const char *text)
{
    struct json *object = json_object();

    json_set_int(object, "id", (int64_t)id);
    json_set_text(object, "service", fields->service);
    json_set_text(object, "object", fields->object);
    json_set_text(object, "text", text);
    json_append(context, object);
}

static void show_upkeep(void *context, const char *instance, const struct maintenance *maintenance,
                        const char *text)
{
    struct json *object = json_object();

    json_set_text(object, "instance", instance);
    if (maintenance != NULL)
        json_set_text(object, "step", maintenance_step_text(maintenance->step));
    json_set_text(object, "text", text);
    json_append(context, object);
}

void get_status(struct request *request)
{
    const struct app *app = app_of(request);
    const struct source_commit *commit = follower_commit(app->follower);
    const char *rejected = NULL;
    const struct diag_list *mistakes = follower_rejected(app->follower, &rejected);
    struct json *answer = json_object();
    struct json *instances = json_array();
    struct json *progress = json_array();
    struct json *upkeep = json_array();

    json_set_text(answer, "version", api_of(request)->version);
    json_set_text(answer, "owner", app->options->owner);
    show_repository(app, answer);
    json_set_text(answer, "branch", follower_branch(app->follower));
    json_set_text(answer, "path", app->options->path);
    show_time(answer, "startedAt", app->started_ms);
    json_set_bool(answer, "converged", cycle_is_converged(app->cycle));
    json_set_int(answer, "inFlight", (int64_t)executor_in_flight(app->executor));
    json_set_int(answer, "outputId", (int64_t)app->outputs.last_id);
    json_set_int(answer, "looks", (int64_t)follower_looks(app->follower));
    if (app->desired != NULL)
        show_verdict(app, answer);
    json_set_text(answer, "sourceFailure", follower_trouble(app->follower));
    if (commit != NULL)
        json_set(answer, "commit", show_commit(commit));
    if (mistakes != NULL)
        json_set(answer, "rejected", show_rejected(rejected, mistakes));
    for (const struct world_instance *at = app->world->instances; at != NULL; at = at->by_name.next)
        json_append(instances, show_instance(at));
    json_set(answer, "instances", instances);
    upkeep_each(app, show_upkeep, upkeep);
    json_set(answer, "maintenance", upkeep);
    json_set(answer, "services", list_services(request, NULL));
    json_set(answer, "loadBalancers", list_balancers(app, request_arena(request)));
    tell_each(app->teller, show_told, progress);
    json_set(answer, "progress", progress);
    request_answer(request, answer);
}

/* ---- Services and tasks ---------------------------------------------------------------------- */

void get_services(struct request *request)
{
    struct json *answer = json_object();

    json_set(answer, "services", list_services(request, request_query(request, "cluster")));
    request_answer(request, answer);
}

static int add_history(struct request *request, const struct history_filter *filter,
                       struct json *answer, struct err *err)
{
    struct app *app = app_of(request);
    struct arena *arena = request_arena(request);
    struct json *stopped;
    struct json *list;
    struct task_record *tasks;
    struct history_event *events;
    size_t count;

    if (history_tasks(app->store, filter, arena, &tasks, &count, err) < 0)
        return -1;
    stopped = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(stopped, show_stopped_task(&tasks[i], arena));
    json_set(answer, "stoppedTasks", stopped);
    if (history_events(app->store, filter, arena, &events, &count, err) < 0)
        return -1;
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(list, show_event(&events[i]));
    json_set(answer, "events", list);
    return 0;
}

/* Tasks of which nothing is seen yet. */
static void list_wanted(const struct plan_input *input, const char *key, struct arena *arena,
                        struct json *list)
{
    struct service_status status;

    plan_service_status(input, key, arena, &status);
    for (size_t i = 0; i < status.wanted_count; i++)
        json_append(list, show_wanted_task(&status.wanted[i], arena));
}

static void add_running(const struct app *app, const struct plan_input *input, const char *key,
                        struct arena *arena, struct json *answer)
{
    const struct memory_service *memory = memory_service(app->memory, key);
    struct json *tasks = json_array();
    struct json *deployments = json_array();

    for (const struct world_task *at = app->world->tasks; at != NULL; at = at->by_id.next) {
        if (at->service != NULL && text_equal(at->service->key, key))
            json_append(tasks, show_task(app, input, at, arena));
    }
    list_wanted(input, key, arena, tasks);
    for (const struct memory_deployment *at = memory == NULL ? NULL : memory->newest; at != NULL;
         at = at->older)
        json_append(deployments, show_deployment(&at->record));
    json_set(answer, "tasks", tasks);
    json_set(answer, "deployments", deployments);
}

void get_service(struct request *request)
{
    const struct app *app = app_of(request);
    struct plan_input input = input_of(request);
    struct arena *arena = request_arena(request);
    struct history_filter filter = { .cluster = request_param(request, "cluster"),
                                     .service = request_param(request, "service"),
                                     .limit = 20 };
    AUTO(json) *answer = NULL;
    const char *key;
    struct err err = { 0 };

    if (find_service(app, unit_key(arena, filter.cluster, filter.service), arena, &key, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = show_service(app, &input, key, arena);
    add_running(app, &input, key, arena, answer);
    if (add_history(request, &filter, answer, &err) < 0)
        request_fail(request, &err);
    else
        request_answer(request, TAKE(answer));
}

static bool task_fits(const struct world_task *task, const struct history_filter *filter)
{
    if (filter->cluster == NULL && filter->service == NULL)
        return true;
    return task->service != NULL &&
           (filter->cluster == NULL || text_equal(task->service->cluster, filter->cluster)) &&
           (filter->service == NULL || text_equal(task->service->service, filter->service));
}

static void list_wanted_of(const struct plan_input *input, const struct history_filter *filter,
                           struct arena *arena, struct json *list)
{
    const struct desired_service *at = input->desired == NULL ? NULL : input->desired->services;

    for (const struct memory_service *job = input->memory->services;
         job != NULL && filter->service == NULL; job = job->by_key.next) {
        if (service_is_job(job->service) &&
            (filter->cluster == NULL || text_equal(job->cluster, filter->cluster)))
            list_wanted(input, job->key, arena, list);
    }
    for (; at != NULL; at = at->by_key.next) {
        const struct target *target = at->goal->target;

        if ((filter->cluster == NULL || text_equal(target->cluster, filter->cluster)) &&
            (filter->service == NULL || text_equal(target->service, filter->service)))
            list_wanted(input, at->key, arena, list);
    }
}

static void append_stopped(struct request *request, const struct task_record *stopped, size_t count,
                           struct json *list)
{
    for (size_t i = 0; i < count; i++) {
        if (world_task(app_of(request)->world, stopped[i].id) == NULL)
            json_append(list, show_stopped_task(&stopped[i], request_arena(request)));
    }
}

static int add_stopped(struct request *request, struct history_filter filter, struct json *list,
                       struct err *err)
{
    struct app *app = app_of(request);
    struct task_record *stopped;
    size_t count;

    filter.limit = HISTORY_TASKS;
    if (history_tasks(app->store, &filter, request_arena(request), &stopped, &count, err) < 0)
        return -1;
    append_stopped(request, stopped, count, list);
    if (filter.service != NULL)
        return 0;
    if (history_jobs(app->store, &filter, request_arena(request), &stopped, &count, err) < 0)
        return -1;
    append_stopped(request, stopped, count, list);
    return 0;
}

void get_tasks(struct request *request)
{
    const struct app *app = app_of(request);
    struct plan_input input = input_of(request);
    struct history_filter filter = { .cluster = request_query(request, "cluster"),
                                     .service = request_query(request, "service") };
    AUTO(json) *list = json_array();
    struct json *answer;
    struct err err = { 0 };
    bool all;

    if (request_query_bool(request, "all", false, &all, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    for (const struct world_task *at = app->world->tasks; at != NULL; at = at->by_id.next) {
        if (task_fits(at, &filter))
            json_append(list, show_task(app, &input, at, request_arena(request)));
    }
    list_wanted_of(&input, &filter, request_arena(request), list);
    if (all && add_stopped(request, filter, list, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    json_set(answer, "tasks", TAKE(list));
    request_answer(request, answer);
}

/* ---- Images ---------------------------------------------------------------------------------- */

/* "built" here or by whom; "pulled" for us; "loaded", of Berth itself; "found": somebody else's. */
static const char *origin_of(const struct plan_input *input, const struct world_image *image,
                             const struct image_record *brought)
{
    if (image->owner != NULL)
        return "built";
    if (brought != NULL)
        return "pulled";
    for (size_t i = 0; i < image->tag_count; i++) {
        if (text_equal(image->tags[i], input->sandbox))
            return "loaded";
    }
    return "found";
}

/* The instance that it was copied from, as long as that is known; NULL: it was not. */
static const char *giver_of(const struct world_instance *instance, const struct world_image *image)
{
    AUTO(arena) scratch = { 0 };

    for (size_t i = 0; i < image->tag_count; i++) {
        const struct world_effort *copy =
            world_effort(instance, arena_printf(&scratch, "copy %s", image->tags[i]));

        if (copy != NULL && copy->state == EFFORT_DONE && text_equal(copy->image_id, image->id))
            return copy->giver;
    }
    return NULL;
}

static struct json *show_image(const struct plan_input *input,
                               const struct world_instance *instance,
                               const struct world_image *image)
{
    bool built = text_equal(image->owner, input->owner);
    const struct image_record *brought =
        built || instance->engine_id == NULL
            ? NULL
            : memory_image(input->memory, instance->engine_id, image->id);
    const char *name = brought != NULL ? brought->name : image->name;
    struct json *object = json_object();
    struct json *tags = json_array();
    struct json *digests = json_array();

    json_set_text(object, "id", image->id);
    json_set_text(object, "name", name);
    json_set_text(object, "origin", origin_of(input, image, brought));
    json_set_text(object, "owner", image->owner);
    if (brought != NULL)
        json_set_text(object, "pulledAs", brought->references);
    json_set_text(object, "copiedFrom", giver_of(instance, image));
    if (input->desired != NULL && name != NULL && (built || brought != NULL))
        json_set_text(object, "held", image_guard(input, name));
    for (size_t i = 0; i < image->tag_count; i++)
        json_append_text(tags, image->tags[i]);
    for (size_t i = 0; i < image->digest_count; i++)
        json_append_text(digests, image->digests[i]);
    json_set(object, "tags", tags);
    json_set(object, "digests", digests);
    json_set_int(object, "sizeBytes", (int64_t)image->size_bytes);
    show_time(object, "createdAt", image->created_ms);
    if (brought != NULL)
        show_time(object, "broughtAt", brought->brought_ms);
    return object;
}

static struct json *show_effort(const struct world_effort *effort)
{
    struct json *object = json_object();

    json_set_text(object, "work", effort->key);
    json_set_text(object, "state", effort_state_text(effort->state));
    json_set_text(object, "progress", effort->progress);
    json_set_int(object, "failures", effort->failures);
    if (effort->state == EFFORT_FAILED)
        json_set_text(object, "failure", effort->failure.text);
    show_time(object, "time", effort->at_ms);
    return object;
}

void get_images(struct request *request)
{
    const struct app *app = app_of(request);
    struct plan_input input = input_of(request);
    struct json *answer = json_object();
    struct json *instances = json_array();

    for (const struct world_instance *at = app->world->instances; at != NULL;
         at = at->by_name.next) {
        struct json *instance = json_object();
        struct json *images = json_array();
        struct json *efforts = json_array();

        json_set_text(instance, "name", at->name);
        for (const struct world_image *one = at->images; one != NULL; one = one->by_id.next)
            json_append(images, show_image(&input, at, one));
        for (const struct world_effort *one = at->efforts; one != NULL; one = one->by_key.next) {
            if (action_effort_is_long(one->key))
                json_append(efforts, show_effort(one));
        }
        json_set(instance, "images", images);
        json_set(instance, "work", efforts);
        json_append(instances, instance);
    }
    json_set_text(answer, "owner", input.owner);
    json_set(answer, "instances", instances);
    request_answer(request, answer);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void add_clusters(const struct app *app, struct json *names)
{
    const struct generation *generation = app->desired->generation;

    for (size_t i = 0; i < generation_count(generation, KIND_CLUSTER); i++)
        json_append_text(names, generation_at(generation, KIND_CLUSTER, i)->name);
}

static void add_schedules(const struct app *app, struct json *names)
{
    const struct generation *generation = app->desired->generation;

    for (size_t i = 0; i < generation_count(generation, KIND_SCHEDULE); i++)
        json_append_text(names, generation_at(generation, KIND_SCHEDULE, i)->name);
}

static void add_services(const struct app *app, struct arena *arena, struct json *names)
{
    struct plan_input input = app_plan_input(app);
    struct plan_unit *units;
    size_t count = plan_units(&input, arena, &units);

    for (size_t i = 0; i < count; i++) {
        if (units[i].kind == DIRTY_SERVICE && !unit_is_job(units[i].key))
            json_append_text(names, units[i].key);
    }
}

static void add_tasks(const struct app *app, struct arena *arena, struct json *names)
{
    for (const struct world_task *at = app->world->tasks; at != NULL; at = at->by_id.next)
        json_append_text(names, arena_text_n(arena, at->id, 12));
}

static void add_instance(void *names, const char *name, bool leaving)
{
    (void)leaving;
    if (!text_equal(name, LOCAL_INSTANCE))
        json_append_text(names, name);
}

void get_complete(struct request *request)
{
    const struct app *app = app_of(request);
    const char *what = request_query(request, "what");
    struct json *names = json_array();
    struct json *answer = json_object();
    bool targets = text_equal(what, "targets");

    if (text_equal(what, "clusters") && app->desired != NULL)
        add_clusters(app, names);
    if (targets || text_equal(what, "services"))
        add_services(app, request_arena(request), names);
    if ((targets || text_equal(what, "schedules")) && app->desired != NULL)
        add_schedules(app, names);
    if (targets || text_equal(what, "tasks"))
        add_tasks(app, request_arena(request), names);
    if (text_equal(what, "instances") && app->driver != NULL)
        fleet_each(app->driver, add_instance, names);
    json_set(answer, "names", names);
    request_answer(request, answer);
}
