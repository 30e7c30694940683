/*
 * A log has frames unless its container has a terminal; engines before API 1.42 do not say which,
 * so the container is asked first.
 */
#include "drivers/docker/logs.h"

#include <stdio.h>
#include <stdlib.h>

#include "drivers/docker/query.h"
#include "drivers/docker/read.h"

#define PATH_SIZE  1024
#define INSPECT_MS 30000
#define MS_PER_S   1000

struct logs {
    struct docker *docker;
    struct docker_call *call;
    struct buf container; /* encoded */
    struct buf query;
    struct demux demux;
    stream_fn *on_data;
    void (*on_end)(void *ctx, const struct err *failure);
    void *ctx;
    struct err failure; /* of the demultiplexer */
    bool streaming;
    bool failed;
    bool closed; /* goes when the call is answered */
};

static void release(struct logs *logs)
{
    buf_release(&logs->container);
    buf_release(&logs->query);
    free(logs);
}

static void on_stream(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct logs *logs = ctx;

    if (!logs->closed)
        logs->on_data(logs->ctx, kind, data, size);
}

static void on_bytes(void *ctx, const char *data, size_t size)
{
    struct logs *logs = ctx;

    if (logs->closed || logs->failed)
        return;
    if (demux_feed(&logs->demux, data, size, on_stream, logs, &logs->failure) < 0) {
        logs->failed = true;
        docker_cancel(logs->call);
    }
}

static void on_done(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct logs *logs = ctx;

    (void)answer;
    logs->call = NULL;
    if (logs->closed) {
        release(logs);
        return;
    }
    if (!logs->failed && failure == NULL && demux_end(&logs->demux, &logs->failure) < 0)
        logs->failed = true;
    logs->on_end(logs->ctx, logs->failed ? &logs->failure : failure);
}

static void on_inspect(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct logs *logs = ctx;
    char path[PATH_SIZE];

    logs->call = NULL;
    if (logs->closed) {
        release(logs);
        return;
    }
    if (failure != NULL) {
        logs->on_end(logs->ctx, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, /* err= */ NULL);
    logs->demux.raw = json_bool(value, "Config.Tty", /* fallback= */ false);
    logs->streaming = true;
    (void)snprintf(path, sizeof(path), "/containers/%s/logs", buf_text(&logs->container));
    struct docker_request request = { .method = "GET",
                                      .path = path,
                                      .query = buf_text(&logs->query),
                                      .is_long = true,
                                      .on_data = on_bytes };
    logs->call = docker_call(logs->docker, &request, on_done, logs);
}

struct logs *logs_open(struct docker *docker, const struct logs_options *options)
{
    struct logs *logs = mem_alloc(sizeof(*logs));
    char path[PATH_SIZE];
    struct docker_request request = { .method = "GET", .path = path, .deadline_ms = INSPECT_MS };

    logs->docker = docker;
    logs->on_data = options->on_data;
    logs->on_end = options->on_end;
    logs->ctx = options->ctx;
    buf_init(&logs->container, PATH_SIZE / 2);
    buf_init(&logs->query, PATH_SIZE);
    docker_url_add(&logs->container, options->container, "");
    docker_query_add_bool(&logs->query, "stdout", true);
    docker_query_add_bool(&logs->query, "stderr", true);
    docker_query_add_bool(&logs->query, "follow", options->follow);
    docker_query_add_bool(&logs->query, "timestamps", options->timestamps);
    if (options->tail >= 0)
        docker_query_add_int(&logs->query, "tail", options->tail);
    if (options->since_ms > 0) {
        char since[48];
        (void)snprintf(since, sizeof(since), "%lld.%03lld000000",
                       (long long)(options->since_ms / MS_PER_S),
                       (long long)(options->since_ms % MS_PER_S));
        docker_query_add(&logs->query, "since", since);
    }
    (void)snprintf(path, sizeof(path), "/containers/%s/json", buf_text(&logs->container));
    logs->call = docker_call(docker, &request, on_inspect, logs);
    return logs;
}

void logs_close(struct logs *logs)
{
    if (logs == NULL)
        return;
    ASSERT(!logs->closed);
    logs->closed = true;
    if (logs->call != NULL)
        docker_cancel(logs->call);
    else
        release(logs);
}
