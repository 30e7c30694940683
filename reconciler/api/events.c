/*
 * What happened: events, with followers, deployments and commits.
 */
#include <stdlib.h>

#include "reconciler/api/api_int.h"
#include "spec/base/text.h"

static bool filter_of(struct request *request, struct history_filter *out)
{
    struct history_filter filter = { 0 };
    struct err err = { 0 };
    uint64_t limit;

    if (request_query_u64(request, "limit", HISTORY_EVENTS, &limit, &err) == 0) {
        if (limit >= 1 && limit <= HISTORY_COMMITS) {
            filter.limit = (size_t)limit;
            filter.cluster = request_query(request, "cluster");
            filter.service = request_query(request, "service");
            *out = filter;
            return true;
        }
        (void)err_set(&err, ERR_INVALID, "limit: between 1 and %d", HISTORY_COMMITS);
    }
    request_fail(request, &err);
    return false;
}

/* A number or an id that a former answer gave. */
static bool cursor_of(struct request *request, const char *name, int64_t *out)
{
    struct err err = { 0 };
    uint64_t value;

    if (request_query_u64(request, name, 0, &value, &err) == 0) {
        if (value <= INT64_MAX) {
            *out = (int64_t)value;
            return true;
        }
        (void)err_set(&err, ERR_INVALID, "%s: too large", name);
    }
    request_fail(request, &err);
    return false;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void follower_gone(void *context)
{
    struct follower_stream *stream = context;

    for (struct follower_stream **at = &stream->api->followers; *at != NULL; at = &(*at)->next) {
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    }
    free(stream);
}

/* Writes what came since; true when there may be more. */
static bool follower_write(struct follower_stream *stream)
{
    AUTO(arena) arena = { 0 };
    struct history_event *events;
    struct err err = { 0 };
    size_t count;

    if (history_events(stream->api->app->store, &stream->filter, &arena, &events, &count, &err) < 0)
        return false; /* the disk may recover; the next event tries again */
    for (size_t i = 0; i < count; i++) {
        (void)request_write_json(stream->request, show_event(&events[i]));
        stream->filter.since = events[i].id;
    }
    return count == stream->filter.limit;
}

void followers_tell(struct api *api)
{
    for (struct follower_stream *at = api->followers; at != NULL; at = at->next) {
        while (follower_write(at))
            continue;
    }
}

static void follow(struct request *request, const struct history_filter *filter)
{
    struct api *api = api_of(request);
    struct follower_stream *stream = mem_alloc(sizeof(*stream));

    stream->api = api;
    stream->request = request;
    stream->filter = *filter;
    stream->next = api->followers;
    api->followers = stream;
    request_keep(request, follower_gone, stream);
    request_stream(request, "application/x-ndjson", NULL);
    (void)follower_write(stream);
    stream->filter.after = true; /* from now on, none is left out */
}

void get_events(struct request *request)
{
    struct app *app = app_of(request);
    struct history_filter filter;
    struct history_event *events;
    struct json *answer;
    struct json *list;
    struct err err = { 0 };
    size_t count;
    bool follows;

    if (!filter_of(request, &filter) || !cursor_of(request, "since", &filter.since))
        return;
    if (request_query_bool(request, "follow", false, &follows, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    if (follows) {
        follow(request, &filter);
        return;
    }
    if (history_events(app->store, &filter, request_arena(request), &events, &count, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(list, show_event(&events[i]));
    json_set(answer, "events", list);
    request_answer(request, answer);
}

/* ---- Deployments and commits ----------------------------------------------------------------- */

static struct json *show_past_deployment(const struct history_deployment *deployment)
{
    struct json *object = json_object();

    json_set_int(object, "number", deployment->number);
    json_set_text(object, "id", deployment->id);
    json_set_text(object, "cluster", deployment->cluster);
    json_set_text(object, "service", deployment->service);
    json_set_text(object, "status", deployment_status_text(deployment->status));
    if (deployment->replaced_by[0] != '\0')
        json_set_text(object, "replacedBy", deployment->replaced_by);
    json_set_text(object, "rolloutState", rollout_state_text(deployment->state));
    json_set_text(object, "rolloutStateReason", deployment->reason);
    json_set_text(object, "revision", deployment->revision);
    json_set_text(object, "commit", deployment->commit);
    json_set_text(object, "author", deployment->author);
    json_set_text(object, "subject", deployment->subject);
    json_set_bool(object, "rollback", deployment->rollback);
    json_set_int(object, "failedTasks", deployment->failed_tasks);
    show_time(object, "createdAt", deployment->created_ms);
    show_time(object, "updatedAt", deployment->updated_ms);
    return object;
}

void get_history(struct request *request)
{
    struct app *app = app_of(request);
    struct history_filter filter;
    struct history_deployment *items;
    struct json *answer;
    struct json *list;
    struct err err = { 0 };
    size_t count;

    if (!filter_of(request, &filter) || !cursor_of(request, "before", &filter.before))
        return;
    if (history_deployments(app->store, &filter, request_arena(request), &items, &count, &err) <
        0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(list, show_past_deployment(&items[i]));
    json_set(answer, "deployments", list);
    request_answer(request, answer);
}

static struct json *show_past_commit(const struct history_commit *commit)
{
    struct json *object = json_object();

    json_set_int(object, "number", commit->number);
    json_set_text(object, "id", commit->id);
    json_set_text(object, "author", commit->author);
    json_set_text(object, "email", commit->email);
    json_set_text(object, "subject", commit->subject);
    json_set_text(object, "outcome", commit_outcome_text(commit->outcome));
    json_set_text(object, "summary", commit->summary);
    show_time(object, "committedAt", commit->committed_ms);
    show_time(object, "seenAt", commit->seen_ms);
    return object;
}

void get_commits(struct request *request)
{
    struct app *app = app_of(request);
    struct history_filter filter;
    struct history_commit *items;
    struct json *answer;
    struct json *list;
    struct err err = { 0 };
    size_t count;

    if (!filter_of(request, &filter) || !cursor_of(request, "before", &filter.before))
        return;
    if (history_commits(app->store, &filter, request_arena(request), &items, &count, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_append(list, show_past_commit(&items[i]));
    json_set(answer, "commits", list);
    request_answer(request, answer);
}
