/*
 * Three calls: create, start (which becomes the duplex connection), and how it ended.
 */
#include "drivers/docker/exec.h"

#include <stdio.h>
#include <stdlib.h>

#include "drivers/docker/query.h"
#include "drivers/docker/read.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define PATH_SIZE 1024
#define ID_SIZE   80
#define CALL_MS   30000

struct exec {
    struct docker *docker;
    struct docker_call *call;
    struct hijack *hijack;
    char id[ID_SIZE];
    bool tty;
    bool closed; /* goes when the call is answered */
    uint32_t rows;
    uint32_t columns;
    void (*on_open)(void *ctx);
    stream_fn *on_data;
    void (*on_drained)(void *ctx);
    void (*on_end)(void *ctx, int exit_code, const struct err *failure);
    void *ctx;
};

static void exec_path(const struct exec *exec, const char *what, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "/exec/%s/%s", exec->id, what);
}

static void on_ended(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct exec *exec = ctx;

    exec->call = NULL;
    if (exec->closed) {
        free(exec);
        return;
    }
    AUTO(json) *value =
        failure == NULL ? read_json(answer->body, answer->size, /* err= */ NULL) : NULL;
    int64_t code = json_int(value, "ExitCode", /* fallback= */ -1);
    exec->on_end(exec->ctx, code >= 0 && code <= UINT8_MAX ? (int)code : -1, failure);
}

static void on_stream_end(void *ctx, const struct err *failure)
{
    struct exec *exec = ctx;
    char path[PATH_SIZE];
    struct docker_request request = { .method = "GET", .path = path, .deadline_ms = CALL_MS };

    hijack_free(TAKE(exec->hijack));
    if (failure != NULL) {
        exec->on_end(exec->ctx, -1, failure);
        return;
    }
    exec_path(exec, "json", path);
    exec->call = docker_call(exec->docker, &request, on_ended, exec);
}

static void on_resized(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    (void)ctx;
    (void)answer;
    (void)failure;
}

/* The size of its terminal changed.  A failure has no effect. */
static void exec_resize(struct exec *exec, uint32_t rows, uint32_t columns)
{
    AUTO(buf) query = { 0 };
    char path[PATH_SIZE];

    if (exec->hijack == NULL || !exec->tty || rows == 0 || columns == 0)
        return;
    buf_init(&query, PATH_SIZE);
    docker_query_add_int(&query, "h", rows);
    docker_query_add_int(&query, "w", columns);
    exec_path(exec, "resize", path);
    struct docker_request request = {
        .method = "POST", .path = path, .query = buf_text(&query), .deadline_ms = CALL_MS
    };
    (void)docker_call(exec->docker, &request, on_resized, NULL);
}

static void on_stream_open(void *ctx)
{
    struct exec *exec = ctx;

    exec_resize(exec, exec->rows, exec->columns);
    if (exec->on_open != NULL)
        exec->on_open(exec->ctx);
}

static void on_stream_data(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct exec *exec = ctx;

    exec->on_data(exec->ctx, kind, data, size);
}

static void on_stream_drained(void *ctx)
{
    struct exec *exec = ctx;

    if (exec->on_drained != NULL)
        exec->on_drained(exec->ctx);
}

static void on_created(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct exec *exec = ctx;
    char path[PATH_SIZE];
    struct err err = { 0 };

    exec->call = NULL;
    if (exec->closed) {
        free(exec);
        return;
    }
    if (failure != NULL) {
        exec->on_end(exec->ctx, -1, failure);
        return;
    }
    AUTO(json) *value = read_json(answer->body, answer->size, /* err= */ NULL);
    (void)snprintf(exec->id, sizeof(exec->id), "%s", json_as_text(json_get(value, "Id"), ""));
    exec_path(exec, "start", path);
    struct hijack_options options = { .path = path,
                                      .json = exec->tty ? "{\"Detach\":false,\"Tty\":true}"
                                                        : "{\"Detach\":false,\"Tty\":false}",
                                      .tty = exec->tty,
                                      .on_open = on_stream_open,
                                      .on_data = on_stream_data,
                                      .on_drained = on_stream_drained,
                                      .on_end = on_stream_end,
                                      .ctx = exec };
    exec->hijack = hijack_open(exec->docker, &options, &err);
    if (exec->hijack == NULL)
        exec->on_end(exec->ctx, -1, &err);
}

static void write_body(const struct exec_options *options, struct buf *out)
{
    AUTO(json) *body = json_object();
    struct json *argv = json_array();

    for (size_t i = 0; options->argv[i] != NULL; i++)
        json_append_text(argv, options->argv[i]);
    json_set(body, "Cmd", argv);
    json_set_bool(body, "AttachStdin", options->input);
    json_set_bool(body, "AttachStdout", true);
    json_set_bool(body, "AttachStderr", true);
    json_set_bool(body, "Tty", options->tty);
    json_set_text(body, "User", options->user);
    json_set_text(body, "WorkingDir", options->directory);
    json_print(body, JSON_STYLE_COMPACT, out);
}

struct exec *exec_open(struct docker *docker, const struct exec_options *options)
{
    struct exec *exec = mem_alloc(sizeof(*exec));
    AUTO(buf) body = { 0 };
    AUTO(buf) path = { 0 };

    exec->docker = docker;
    exec->tty = options->tty;
    exec->rows = options->rows;
    exec->columns = options->columns;
    exec->on_open = options->on_open;
    exec->on_data = options->on_data;
    exec->on_drained = options->on_drained;
    exec->on_end = options->on_end;
    exec->ctx = options->ctx;
    buf_init(&body, LIMIT_HTTP_BODY);
    buf_init(&path, PATH_SIZE);
    write_body(options, &body);
    buf_text_add(&path, "/containers/");
    docker_url_add(&path, options->container, "");
    buf_text_add(&path, "/exec");
    struct docker_request request = {
        .method = "POST", .path = buf_text(&path), .json = buf_text(&body), .deadline_ms = CALL_MS
    };
    exec->call = docker_call(docker, &request, on_created, exec);
    return exec;
}

void exec_write(struct exec *exec, const void *data, size_t size)
{
    if (exec->hijack != NULL)
        hijack_write(exec->hijack, data, size);
}

void exec_finish(struct exec *exec)
{
    if (exec->hijack != NULL)
        hijack_finish(exec->hijack);
}

void exec_close(struct exec *exec)
{
    if (exec == NULL)
        return;
    ASSERT(!exec->closed);
    exec->closed = true;
    hijack_free(TAKE(exec->hijack));
    if (exec->call != NULL)
        docker_cancel(exec->call);
    else
        free(exec);
}
