/*
 * POST /v1/exec: a command in a container, its streams carried in frames (frame.h) between the
 * client and the engine's own connection.
 *
 * An exec lives until its client is gone and all its calls to the engine are over.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/query.h"
#include "drivers/docker/stream.h"
#include "reconciler/api/api_int.h"
#include "reconciler/api/frame.h"
#include "reconciler/run/fleet.h"
#include "spec/base/json.h"
#include "spec/base/text.h"

#define CALL_MS 15000

struct exec {
    struct request *request; /* NULL: the client is gone */
    const struct app *app;
    char *instance;
    char *path; /* "/exec/ID" once it was created */
    struct hijack *hijack;
    struct frame_reader reader;
    size_t calls; /* in flight */
    int64_t rows; /* of the terminal; 0: not known */
    int64_t columns;
    bool tty;
    bool resizing; /* a call about it is in flight, */
    bool resized;  /* and it has another size since */
};

static void exec_free_when_over(struct exec *exec)
{
    if (exec->request != NULL || exec->calls > 0)
        return;
    hijack_free(exec->hijack);
    frame_reader_release(&exec->reader);
    free(exec->path);
    free(exec->instance);
    free(exec);
}

static void client_gone(void *context)
{
    struct exec *exec = context;

    exec->request = NULL;
    hijack_free(TAKE(exec->hijack)); /* the command gets the end of its input */
    exec_free_when_over(exec);
}

static size_t write_frame(struct exec *exec, enum frame_kind kind, const void *data, size_t size)
{
    unsigned char head[FRAME_HEAD];

    frame_head(head, kind, (uint32_t)size);
    (void)upgrade_write(exec->request, head, sizeof(head));
    return upgrade_write(exec->request, data, size);
}

static void finish_with(struct exec *exec, const struct err *failure)
{
    (void)write_frame(exec, FRAME_ERROR, failure->text, strlen(failure->text));
    upgrade_finish(exec->request);
}

/* The instance may leave while the command runs. */
static struct docker *docker_of(const struct exec *exec, struct err *err)
{
    struct docker *docker =
        exec->app->driver == NULL ? NULL : fleet_docker(exec->app->driver, exec->instance);

    if (docker == NULL)
        (void)err_set(err, ERR_UNREACHABLE, "the engine of '%s' is not connected", exec->instance);
    return docker;
}

static void call(struct exec *exec, const char *method, const char *suffix, const char *query,
                 docker_done_fn *done)
{
    struct docker_request request = { .method = method, .query = query, .deadline_ms = CALL_MS };
    AUTO(buf) path = { 0 };
    struct docker *docker;
    struct err err = { 0 };

    buf_init(&path, 256);
    buf_printf(&path, "%s%s", exec->path, suffix);
    request.path = buf_text(&path);
    exec->calls++;
    docker = docker_of(exec, &err);
    if (docker != NULL)
        (void)docker_call(docker, &request, done, exec);
    else
        done(exec, &(struct docker_answer){ .body = "" }, &err);
}

/* ---- The command ----------------------------------------------------------------------------- */

static void on_result(void *context, const struct docker_answer *answer, const struct err *failure)
{
    struct exec *exec = context;
    AUTO(json) *result = NULL;
    struct err err = { 0 };

    exec->calls--;
    if (exec->request == NULL) {
        exec_free_when_over(exec);
        return;
    }
    if (failure == NULL) {
        result = json_parse(answer->body, answer->size, &err);
        failure = result == NULL ? &err : NULL;
    }
    if (failure != NULL) {
        finish_with(exec, failure);
        return;
    }
    uint32_t code = (uint32_t)json_int(result, "ExitCode", 255);
    const unsigned char bytes[4] = { (unsigned char)(code >> 24), (unsigned char)(code >> 16),
                                     (unsigned char)(code >> 8), (unsigned char)code };

    (void)write_frame(exec, FRAME_EXIT, bytes, sizeof(bytes));
    upgrade_finish(exec->request);
}

static void on_output(void *context, enum stream_kind kind, const char *data, size_t size)
{
    struct exec *exec = context;
    size_t unsent = 0;

    while (size > 0) {
        size_t part = size < FRAME_MAX ? size : FRAME_MAX;

        unsent = write_frame(exec, kind == STREAM_ERRORS ? FRAME_ERRORS : FRAME_OUT, data, part);
        data += part;
        size -= part;
    }
    if (unsent >= STREAM_ENOUGH)
        hijack_pause(exec->hijack, true);
}

static void on_end(void *context, const struct err *failure)
{
    struct exec *exec = context;

    hijack_free(TAKE(exec->hijack));
    if (failure != NULL)
        finish_with(exec, failure);
    else
        call(exec, "GET", "/json", NULL, on_result);
}

static void on_resized(void *context, const struct docker_answer *answer,
                       const struct err *failure);

/* One call at a time: of two, the engine may obey the second one first. */
static void resize(struct exec *exec)
{
    AUTO(buf) query = { 0 };

    if (!exec->tty || exec->rows == 0 || exec->columns == 0)
        return;
    exec->resized = exec->resizing;
    if (exec->resizing)
        return;
    exec->resizing = true;
    buf_init(&query, 64);
    docker_query_add_int(&query, "h", exec->rows);
    docker_query_add_int(&query, "w", exec->columns);
    call(exec, "POST", "/resize", buf_text(&query), on_resized);
}

static void on_resized(void *context, const struct docker_answer *answer, const struct err *failure)
{
    struct exec *exec = context;

    (void)answer;
    (void)failure; /* a terminal of the wrong size still works */
    exec->calls--;
    exec->resizing = false;
    if (exec->resized && exec->request != NULL)
        resize(exec);
    exec_free_when_over(exec);
}

static void on_started(void *context)
{
    resize(context);
}

static void on_input_sent(void *context)
{
    struct exec *exec = context;

    upgrade_pause(exec->request, false);
}

/* ---- The client ------------------------------------------------------------------------------ */

static void client_open(void *context)
{
    struct exec *exec = context;
    AUTO(buf) path = { 0 };
    struct docker *docker;
    struct err err = { 0 };
    struct hijack_options options = { .json = exec->tty ? "{\"Detach\":false,\"Tty\":true}"
                                                        : "{\"Detach\":false,\"Tty\":false}",
                                      .tty = exec->tty,
                                      .on_open = on_started,
                                      .on_data = on_output,
                                      .on_drained = on_input_sent,
                                      .on_end = on_end,
                                      .ctx = exec };

    buf_init(&path, 256);
    buf_printf(&path, "%s/start", exec->path);
    options.path = buf_text(&path);
    docker = docker_of(exec, &err);
    exec->hijack = docker == NULL ? NULL : hijack_open(docker, &options, &err);
    if (exec->hijack == NULL)
        finish_with(exec, &err);
}

static void on_frame(void *context, enum frame_kind kind, const char *data, uint32_t size)
{
    struct exec *exec = context;
    const unsigned char *bytes = (const unsigned char *)data;

    if (exec->hijack == NULL)
        return; /* it is over */
    switch (kind) {
    case FRAME_IN: hijack_write(exec->hijack, data, size); return;
    case FRAME_IN_END: hijack_finish(exec->hijack); return;
    case FRAME_RESIZE:
        if (size != 4)
            return;
        exec->rows = bytes[0] << 8 | bytes[1];
        exec->columns = bytes[2] << 8 | bytes[3];
        resize(exec);
        return;
    case FRAME_OUT:
    case FRAME_ERRORS:
    case FRAME_EXIT:
    case FRAME_ERROR: return; /* these are ours */
    }
}

static void client_data(void *context, const char *data, size_t size)
{
    struct exec *exec = context;
    struct err err = { 0 };

    if (frame_feed(&exec->reader, data, size, on_frame, exec, &err) < 0) {
        hijack_free(TAKE(exec->hijack));
        finish_with(exec, &err);
        return;
    }
    if (exec->hijack != NULL && hijack_unsent(exec->hijack) >= STREAM_ENOUGH)
        upgrade_pause(exec->request, true);
}

static void client_drained(void *context)
{
    struct exec *exec = context;

    if (exec->hijack != NULL)
        hijack_pause(exec->hijack, false);
}

static void client_end(void *context)
{
    struct exec *exec = context;

    upgrade_finish(exec->request);
}

/* ---- The request ----------------------------------------------------------------------------- */

static void on_created(void *context, const struct docker_answer *answer, const struct err *failure)
{
    static const struct upgrade_ops ops = {
        .open = client_open, .data = client_data, .drained = client_drained, .end = client_end
    };
    struct exec *exec = context;
    AUTO(json) *created = NULL;
    AUTO(buf) path = { 0 };
    struct err err = { 0 };

    exec->calls--;
    if (exec->request == NULL) {
        exec_free_when_over(exec);
        return;
    }
    if (failure != NULL) {
        request_fail(exec->request, failure);
        return;
    }
    created = json_parse(answer->body, answer->size, &err);
    if (json_text(created, "Id") == NULL) {
        (void)err_set(&err, ERR_FAILED, "the engine gave no id for the command");
        request_fail(exec->request, &err);
        return;
    }
    buf_init(&path, 256);
    buf_printf(&path, "/exec/");
    docker_url_add(&path, json_text(created, "Id"), "");
    exec->path = mem_text(buf_text(&path));
    (void)request_upgrade(exec->request, EXEC_PROTOCOL, &ops);
}

/* The body of the engine's POST /containers/ID/exec. */
static struct json *command_of(const struct json *body, struct err *err)
{
    const struct json *command = json_get(body, "command");
    struct json *object;
    struct json *words = json_array();

    for (size_t i = 0; i < json_count(command); i++)
        json_append_text(words, json_as_text(json_at(command, i), NULL));
    if (json_count(words) == 0 || json_count(words) != json_count(command)) {
        json_free(words);
        (void)err_set(err, ERR_INVALID, "'command' must be a list of at least one text");
        return NULL;
    }
    object = json_object();
    json_set_bool(object, "AttachStdin", true);
    json_set_bool(object, "AttachStdout", true);
    json_set_bool(object, "AttachStderr", true);
    json_set_bool(object, "Tty", json_bool(body, "tty", false));
    json_set_text(object, "User", json_text(body, "user"));
    json_set_text(object, "WorkingDir", json_text(body, "workdir"));
    json_set(object, "Cmd", words);
    return object;
}

static int exec_begin(struct request *request, struct exec *exec, struct err *err)
{
    static const char *const members[] = { "task", "container", "command", "tty",
                                           "user", "workdir",   "rows",    "columns" };
    const struct app *app = app_of(request);
    const struct json *body;
    const struct world_task *task;
    const struct world_container *container;
    struct docker_request create = { .method = "POST", .deadline_ms = CALL_MS };
    AUTO(json) *command = NULL;
    AUTO_TEXT char *text = NULL;
    AUTO(buf) path = { 0 };
    struct docker *docker;

    if (request_json(request, &body, err) < 0 ||
        check_members(body, members, ARRAY_COUNT(members), err) < 0)
        return -1;
    if (json_text(body, "task") == NULL)
        return err_set(err, ERR_INVALID, "'task' is missing");
    if (find_task(app, json_text(body, "task"), &task, err) < 0 ||
        find_task_container(task, json_text(body, "container"), &container, err) < 0)
        return -1;
    exec->app = app;
    exec->instance = mem_text(task->instance);
    docker = docker_of(exec, err);
    if (docker == NULL)
        return -1;
    command = command_of(body, err);
    if (command == NULL)
        return -1;
    exec->request = request;
    exec->tty = json_bool(body, "tty", false);
    exec->rows = json_int(body, "rows", 0);
    exec->columns = json_int(body, "columns", 0);
    text = json_print_text(command, JSON_STYLE_COMPACT);
    buf_init(&path, 256);
    buf_printf(&path, "/containers/%s/exec", container->id);
    create.path = buf_text(&path);
    create.json = text;
    request_keep(request, client_gone, exec);
    exec->calls++;
    (void)docker_call(docker, &create, on_created, exec);
    return 0;
}

void post_exec(struct request *request)
{
    struct exec *exec = mem_alloc(sizeof(*exec));
    struct err err = { 0 };

    if (exec_begin(request, exec, &err) == 0)
        return;
    exec_free_when_over(exec);
    request_fail(request, &err);
}
