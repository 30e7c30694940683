/*
 * GET /v1/tasks/{task}/logs: what the containers of a task write, as lines, side by side.  The
 * engine keeps the logs; of a task that failed memory has the last lines.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/query.h"
#include "drivers/docker/stream.h"
#include "reconciler/api/api_int.h"
#include "reconciler/run/fleet.h"
#include "spec/base/json.h"
#include "spec/base/text.h"
#include "spec/last_lines.h"

/* A line is passed on in parts of this size. */
#define LINE_MAX_BYTES ((size_t)64 * 1024)

struct log_stream;

/* One container. */
struct log_source {
    struct log_stream *stream;
    char *container;
    char *path; /* "/containers/ID" */
    struct docker_call *call;
    struct demux demux;
    struct err failure;  /* what came is no log */
    struct buf lines[2]; /* standard output and error: the line that is arriving */
};

struct log_stream {
    struct request *request; /* NULL: the client is gone */
    const struct app *app;
    char *instance;
    char *query;
    bool timestamps;
    struct log_source *sources;
    size_t count;
    size_t open; /* sources with a call */
};

static void stream_free(struct log_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        struct log_source *source = &stream->sources[i];

        free(source->container);
        free(source->path);
        buf_release(&source->lines[0]);
        buf_release(&source->lines[1]);
    }
    free(stream->instance);
    free(stream->sources);
    free(stream->query);
    free(stream);
}

static void client_gone(void *context)
{
    struct log_stream *stream = context;

    stream->request = NULL;
    if (stream->open == 0) {
        stream_free(stream);
        return;
    }
    for (size_t i = 0; i < stream->count; i++)
        docker_cancel(stream->sources[i].call);
}

static void pause_all(struct log_stream *stream, bool paused)
{
    for (size_t i = 0; i < stream->count; i++) {
        if (stream->sources[i].call != NULL)
            docker_pause(stream->sources[i].call, paused);
    }
}

static void drained(void *context)
{
    pause_all(context, false);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void write_line(struct log_source *source, size_t which)
{
    struct log_stream *stream = source->stream;
    struct buf *line = &source->lines[which];
    const char *text = buf_text(line);
    const char *space = stream->timestamps ? strchr(text, ' ') : NULL;
    struct json *object = json_object();

    json_set_text(object, "container", source->container);
    json_set_text(object, "stream", which == 0 ? "stdout" : "stderr");
    if (space != NULL) {
        AUTO(arena) arena = { 0 };

        json_set_text(object, "time", arena_text_n(&arena, text, (size_t)(space - text)));
        text = space + 1;
    }
    json_set_text(object, "text", text);
    buf_reset(line);
    if (request_write_json(stream->request, object) >= STREAM_ENOUGH)
        pause_all(stream, true);
}

static void on_written(void *context, enum stream_kind kind, const char *data, size_t size)
{
    struct log_source *source = context;
    size_t which = kind == STREAM_ERRORS ? 1 : 0;
    struct buf *line = &source->lines[which];

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            write_line(source, which);
        else if (data[i] != '\r' && data[i] != '\0')
            buf_char(line, data[i]);
        if (line->size == LINE_MAX_BYTES)
            write_line(source, which);
    }
}

static void on_data(void *context, const char *data, size_t size)
{
    struct log_source *source = context;

    if (demux_feed(&source->demux, data, size, on_written, source, &source->failure) < 0)
        docker_cancel(source->call);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static void source_end(struct log_source *source, const struct err *failure)
{
    struct log_stream *stream = source->stream;

    source->call = NULL;
    stream->open--;
    if (stream->request == NULL) {
        if (stream->open == 0)
            stream_free(stream);
        return;
    }
    for (size_t which = 0; which < ARRAY_COUNT(source->lines); which++) {
        if (source->lines[which].size > 0)
            write_line(source, which);
    }
    if (failure != NULL) {
        struct json *object = json_object();

        json_set_text(object, "container", source->container);
        json_set_text(object, "error", failure->text);
        (void)request_write_json(stream->request, object);
    }
    if (stream->open == 0)
        request_finish(stream->request);
}

static void on_logs_end(void *context, const struct docker_answer *answer,
                        const struct err *failure)
{
    struct log_source *source = context;

    (void)answer;
    source_end(source, source->failure.code != ERR_OK ? &source->failure : failure);
}

/* The instance may leave while somebody reads. */
static struct docker *docker_of(const struct log_stream *stream, struct err *err)
{
    const struct app *app = stream->app;
    struct docker *docker =
        app->driver == NULL ? NULL : fleet_docker(app->driver, stream->instance);

    if (docker == NULL)
        (void)err_set(err, ERR_UNREACHABLE, "the engine of '%s' is not connected",
                      stream->instance);
    return docker;
}

/* A container with a terminal writes without frames, and only an inspection says so. */
static void on_inspected(void *context, const struct docker_answer *answer,
                         const struct err *failure)
{
    struct log_source *source = context;
    struct docker_request request = { .method = "GET", .is_long = true, .on_data = on_data };
    AUTO(json) *container = NULL;
    struct docker *docker;
    AUTO(buf) path = { 0 };
    struct err err = { 0 };

    if (failure != NULL || source->stream->request == NULL) {
        source_end(source, failure);
        return;
    }
    container = json_parse(answer->body, answer->size, &err);
    if (container == NULL) {
        source_end(source, &err);
        return;
    }
    source->demux.raw = json_bool(container, "Config.Tty", false);
    buf_init(&path, 256);
    buf_printf(&path, "%s/logs", source->path);
    request.path = buf_text(&path);
    request.query = source->stream->query;
    docker = docker_of(source->stream, &err);
    if (docker == NULL)
        source_end(source, &err);
    else
        source->call = docker_call(docker, &request, on_logs_end, source);
}

static void source_begin(struct log_stream *stream, struct docker *docker,
                         const struct world_container *container)
{
    struct log_source *source = &stream->sources[stream->count++];
    struct docker_request request = { .method = "GET", .deadline_ms = 15000 };
    AUTO(buf) path = { 0 };

    source->stream = stream;
    source->container = mem_text(container->container);
    buf_init(&path, 256);
    buf_printf(&path, "/containers/%s", container->id);
    source->path = mem_text(buf_text(&path));
    buf_init(&source->lines[0], LINE_MAX_BYTES);
    buf_init(&source->lines[1], LINE_MAX_BYTES);
    buf_printf(&path, "/json");
    request.path = buf_text(&path);
    stream->open++;
    source->call = docker_call(docker, &request, on_inspected, source);
}

/* ---- The request ----------------------------------------------------------------------------- */

static int query_of(struct request *request, struct log_stream *stream, struct err *err)
{
    const char *tail = request_query(request, "tail");
    AUTO(buf) query = { 0 };
    uint64_t since_ms;
    uint64_t lines;
    bool follows;

    if (request_query_bool(request, "follow", false, &follows, err) < 0 ||
        request_query_bool(request, "timestamps", false, &stream->timestamps, err) < 0 ||
        request_query_u64(request, "since", 0, &since_ms, err) < 0 ||
        request_query_u64(request, "tail", 0, &lines, err) < 0)
        return -1;
    buf_init(&query, 256);
    buf_printf(&query, "stdout=true&stderr=true");
    docker_query_add_bool(&query, "follow", follows);
    docker_query_add_bool(&query, "timestamps", stream->timestamps);
    docker_query_add(&query, "tail", tail);
    if (since_ms > 0)
        buf_printf(&query, "&since=%llu.%03u", (unsigned long long)(since_ms / 1000),
                   (unsigned)(since_ms % 1000));
    stream->query = buf_take(&query);
    return 0;
}

static int logs_begin(struct request *request, struct log_stream *stream, struct err *err)
{
    const struct app *app = app_of(request);
    const char *name = request_query(request, "container");
    const struct world_container *only = NULL;
    struct docker *docker;
    const struct world_task *task;

    if (query_of(request, stream, err) < 0 ||
        find_task(app, request_param(request, "task"), &task, err) < 0 ||
        (name != NULL && find_task_container(task, name, &only, err) < 0))
        return -1;
    stream->app = app;
    stream->instance = mem_text(task->instance);
    docker = docker_of(stream, err);
    if (docker == NULL)
        return -1;
    stream->request = request;
    stream->sources = mem_alloc((task->container_count + 1) * sizeof(*stream->sources));
    request_keep(request, client_gone, stream);
    request_stream(request, "application/x-ndjson", drained);
    for (size_t i = 0; i < task->container_count; i++) {
        const struct world_container *at = task->containers[i];

        if (only != NULL ? at == only : !text_equal(at->container, SANDBOX_NAME))
            source_begin(stream, docker, at);
    }
    if (stream->open == 0)
        request_finish(request);
    return 0;
}

/* ---- Of a task that stopped ------------------------------------------------------------------ */

static void kept_gone(void *context)
{
    (void)context;
}

/* What is asked for of them. */
struct kept_filter {
    const char *container; /* NULL: all */
    uint64_t since_ms;
    uint64_t tail;
};

static int kept_filter_of(const struct request *request, struct kept_filter *out, struct err *err)
{
    out->container = request_query(request, "container");
    return request_query_u64(request, "since", 0, &out->since_ms, err) < 0 ||
                   request_query_u64(request, "tail", UINT64_MAX, &out->tail, err) < 0
               ? -1
               : 0;
}

static void write_kept(struct request *request, const struct kept_filter *filter,
                       const struct task_lines *kept)
{
    struct arena *arena = request_arena(request);
    const char *at = kept->text;
    struct last_line line;
    uint64_t left = 0;

    while (last_lines_next(&at, &line))
        left++;
    at = kept->text;
    for (; last_lines_next(&at, &line); left--) {
        const char *time = arena_text_n(arena, line.time, line.time_size);
        struct json *object;
        int64_t time_ms;

        if (left > filter->tail ||
            (text_parse_time_ms(time, &time_ms) && time_ms < (int64_t)filter->since_ms))
            continue;
        object = json_object();
        json_set_text(object, "container", kept->container);
        json_set_text(object, "stream", line.is_error ? "stderr" : "stdout");
        json_set_text(object, "time", time);
        json_set_text(object, "text", arena_text_n(arena, line.text, line.size));
        (void)request_write_json(request, object);
    }
}

/* Its log went with its containers; of one that failed the last lines are kept. */
static int answer_kept(struct request *request, const struct task_record *task, struct err *err)
{
    struct kept_filter filter;
    struct task_lines *kept;
    size_t count;

    if (kept_filter_of(request, &filter, err) < 0 ||
        history_lines(app_of(request)->store, task->id, request_arena(request), &kept, &count,
                      err) < 0)
        return -1;
    if (count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "task %.12s has stopped, and nothing is kept of what it wrote: that is done"
                       " of tasks that failed",
                       task->id);
    request_keep(request, kept_gone, request);
    request_stream(request, "application/x-ndjson", NULL);
    for (size_t i = 0; i < count; i++) {
        if (filter.container == NULL || text_equal(filter.container, kept[i].container))
            write_kept(request, &filter, &kept[i]);
    }
    request_finish(request);
    return 0;
}

void get_logs(struct request *request)
{
    struct log_stream *stream = mem_alloc(sizeof(*stream));
    const struct task_record *stopped;
    struct err err = { 0 };

    if (logs_begin(request, stream, &err) == 0)
        return;
    stream_free(stream);
    stopped =
        err.code == ERR_NOT_FOUND
            ? find_stopped(app_of(request), request_param(request, "task"), request_arena(request))
            : NULL;
    if (stopped == NULL || world_task(app_of(request)->world, stopped->id) != NULL ||
        answer_kept(request, stopped, &err) < 0)
        request_fail(request, &err);
}
