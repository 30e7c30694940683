/*
 * A call waits until a version is agreed, then becomes one HTTP request.
 */
#include "drivers/docker/client.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/docker/frames.h"
#include "spec/base/json.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define AGREE_MS    10000 /* for each of the two questions about versions */
#define MESSAGE_MAX 400   /* bytes of an engine's message in our error */

struct docker {
    struct http *http;
    struct http_endpoint *endpoint;
    struct docker_host where;
    char *name;
    uint32_t api;                /* 0: not agreed */
    struct http_request *asking; /* the question about versions that is in flight */
    struct docker_call *waiting; /* for the answer, in order */
    struct docker_call **waiting_end;
    bool freed;
};

struct docker_call {
    struct docker *docker;
    struct docker_call *next;  /* of the waiting ones */
    struct http_request *http; /* NULL: waits */
    char *method;
    char *path;
    char *query; /* or NULL */
    char *body;  /* or NULL */
    char **headers;
    struct http_options options; /* its texts are set at the start */
    int64_t due_ms;              /* 0: no deadline */
    struct timer deadline;       /* while it waits */
    struct frames frames;
    docker_line_fn *on_line;
    http_data_fn *on_data;
    docker_done_fn *done;
    void *ctx;
    struct err failure; /* why it fails without an answer, or in spite of one */
    bool cancelled;
    bool deferred; /* `failure` is about to be reported */
    bool reading;  /* inside on_line or on_data: its memory must stay */
    bool answered; /* done was called while reading */
};

/* ---- The end of a call ---- */

static void call_free(struct docker_call *call)
{
    /* A header may be a login, and a body has the secrets of a container. */
    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++)
        text_wipe(call->headers[i]);
    free(call->headers);
    free(call->method);
    free(call->path);
    free(call->query);
    text_wipe(call->body);
    frames_release(&call->frames);
    free(call);
}

static void call_end(struct docker_call *call, const struct docker_answer *answer,
                     const struct err *failure)
{
    timer_stop(&call->deadline);
    call->done(call->ctx, answer, failure);
    call->answered = true;
    if (!call->reading)
        call_free(call);
}

static void leave_line(struct docker_call *call)
{
    struct docker *docker = call->docker;
    struct docker_call **slot = &docker->waiting;

    while (*slot != NULL && *slot != call)
        slot = &(*slot)->next;
    if (*slot == NULL)
        return;
    *slot = call->next;
    if (*slot == NULL)
        docker->waiting_end = slot;
    call->next = NULL;
}

static void call_give_up(void *ctx)
{
    const struct docker_answer answer = { .body = "" };
    struct docker_call *call = ctx;

    if (call->deferred)
        loop_defer_cancel(http_loop(call->docker->http), call_give_up, call);
    leave_line(call);
    call_end(call, &answer, &call->failure);
}

/* For a call that has not become a request: it stays in line until it is told. */
static void call_fail_later(struct docker_call *call, const struct err *failure)
{
    if (call->deferred)
        return;
    call->failure = *failure;
    call->deferred = true;
    loop_defer(http_loop(call->docker->http), call_give_up, call);
}

static void waited_too_long(void *ctx)
{
    struct docker_call *call = ctx;
    struct err failure = { 0 };

    (void)err_set(&failure, ERR_TIMEOUT, "%s: no answer in time", call->docker->name);
    call_fail_later(call, &failure);
}

/* ---- Errors of the engine ---- */

static enum err_code status_code(int status)
{
    switch (status) {
    case 400: return ERR_INVALID;
    case 401:
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    default: return ERR_FAILED;
    }
}

int docker_answer_err(int status, const char *body, size_t size, struct err *err)
{
    AUTO(json) *value = size > 0 ? json_parse(body, size, NULL) : NULL;
    const char *message = json_text(value, "message");
    enum err_code code = status_code(status);
    AUTO(buf) text;

    buf_init(&text, MESSAGE_MAX);
    if (message != NULL)
        buf_text_add(&text, message);
    else if (value == NULL && size > 0)
        buf_add(&text, body, strnlen(body, size));
    while (text.size > 0 && strchr(" \r\n", text.data[text.size - 1]) != NULL)
        text.data[--text.size] = '\0';
    if (strstr(buf_text(&text), "no space left on device") != NULL)
        code = ERR_CAPACITY;
    if (text.size == 0)
        return err_set(err, code, "the engine answered with status %d", status);
    return err_set(err, code, "%s", buf_text(&text));
}

void docker_agree_again(struct docker *docker)
{
    docker->api = 0;
}

/* ---- Requests ---- */

static void on_http_done(void *ctx, const struct http_response *response,
                         const struct err *failure);
static void agree(struct docker *docker);

static bool on_value(void *ctx, const char *json, size_t size)
{
    struct docker_call *call = ctx;

    call->on_line(call->ctx, json, size);
    return !call->cancelled && !call->answered;
}

static void on_http_data(void *ctx, const char *data, size_t size)
{
    struct docker_call *call = ctx;
    struct err failure = { 0 };

    call->reading = true;
    if (call->on_data != NULL) {
        call->on_data(call->ctx, data, size);
    } else if (frames_feed(&call->frames, data, size, on_value, call, &failure) < 0 &&
               !call->cancelled && !call->answered) {
        call->failure = failure;
        http_cancel(call->http);
    }
    call->reading = false;
    if (call->answered)
        call_free(call);
}

static void call_launch(struct docker_call *call)
{
    struct docker *docker = call->docker;
    struct http_options options = call->options;
    AUTO(buf) path;

    timer_stop(&call->deadline);
    buf_init(&path, (size_t)1024 * 1024);
    buf_printf(&path, "/v1.%u%s", docker->api, call->path);
    if (call->query != NULL && call->query[0] != '\0')
        buf_printf(&path, "?%s", call->query);

    options.method = call->method;
    options.path = buf_text(&path);
    options.headers = (const char *const *)call->headers;
    if (call->body != NULL) {
        options.body = call->body;
        options.body_size = strlen(call->body);
    }
    if (call->due_ms > 0) {
        int64_t left = call->due_ms - loop_now_ms(http_loop(docker->http));

        options.deadline_ms = left > 0 ? left : 1;
    }
    call->http = http_start(docker->endpoint, &options);
}

/* Those that are about to fail stay in line: docker_free() finds them there. */
static void launch_waiting(struct docker *docker)
{
    struct docker_call **slot = &docker->waiting;

    while (*slot != NULL) {
        struct docker_call *call = *slot;

        if (call->deferred) {
            slot = &call->next;
            continue;
        }
        *slot = call->next;
        call->next = NULL;
        call_launch(call);
    }
    docker->waiting_end = slot;
}

/* Why a whole answer is none all the same; false: it is one. */
static bool find_failure(struct docker_call *call, const struct http_response *response,
                         struct err *failure)
{
    if (response->status == 304)
        return false;
    if (response->status < 200 || response->status > 299) {
        (void)docker_answer_err(response->status, response->body, response->size, failure);
        return true;
    }
    if (call->on_line == NULL)
        return false;

    call->reading = true;
    int status = frames_end(&call->frames, on_value, call, failure);
    call->reading = false;
    return status < 0;
}

static void on_http_done(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct docker_call *call = ctx;
    struct docker_answer answer = {
        .status = response->status,
        .content_type = response->content_type,
        .body = response->body,
        .size = response->size,
        .response = response->status != 0 ? response : NULL,
    };
    struct err own = { 0 };

    if (failure != NULL && call->failure.code != ERR_OK && !call->cancelled)
        failure = &call->failure;
    else if (failure == NULL && find_failure(call, response, &own))
        failure = &own;
    if (failure != NULL && failure->code == ERR_UNREACHABLE && !call->docker->freed)
        docker_agree_again(call->docker);
    call_end(call, &answer, failure);
}

/* ---- Agreeing on a version ---- */

/* "1.41" -> 41; 0 for anything else. */
static uint32_t parse_version(const char *text)
{
    uint32_t minor = 0;

    if (text == NULL || !text_starts(text, "1.") || !text_parse_u32(text + 2, &minor))
        return 0;
    return minor;
}

static void fail_waiting(struct docker *docker, const struct err *failure)
{
    for (struct docker_call *call = docker->waiting; call != NULL; call = call->next)
        call_fail_later(call, failure);
}

/* theirs: the newest that the engine speaks; oldest: the oldest, 0 if it does not say. */
static void agreed(struct docker *docker, uint32_t theirs, uint32_t oldest)
{
    struct err failure = { 0 };

    if (theirs < DOCKER_API_OLDEST) {
        (void)err_set(
            &failure, ERR_INVALID,
            "%s speaks version 1.%u of the Engine API, but 1.%d (Docker 20.10) or later is needed",
            docker->name, theirs, DOCKER_API_OLDEST);
        fail_waiting(docker, &failure);
        return;
    }
    docker->api = theirs < DOCKER_API_OURS ? theirs : DOCKER_API_OURS;
    if (oldest > docker->api && oldest <= theirs)
        docker->api = oldest; /* it has given up ours */
    launch_waiting(docker);
}

static void on_version(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct docker *docker = ctx;
    struct err own = { 0 };

    docker->asking = NULL;
    if (docker->freed)
        return;
    if (failure == NULL && response->status != 200) {
        (void)docker_answer_err(response->status, response->body, response->size, &own);
        (void)err_wrap(&own, "%s: version", docker->name);
        failure = &own;
    }
    if (failure != NULL) {
        fail_waiting(docker, failure);
        return;
    }

    AUTO(json) *version = json_parse(response->body, response->size, NULL);
    uint32_t theirs = parse_version(json_text(version, "ApiVersion"));
    if (theirs == 0) {
        (void)err_set(&own, ERR_FAILED, "%s is no Docker Engine: it names no API version",
                      docker->name);
        fail_waiting(docker, &own);
        return;
    }
    agreed(docker, theirs, parse_version(json_text(version, "MinAPIVersion")));
}

static void ask(struct docker *docker, const char *path, http_done_fn *done)
{
    const struct http_options options = {
        .method = "GET",
        .path = path,
        .deadline_ms = AGREE_MS,
        .is_long = true, /* others wait for it */
        .body_max = (size_t)LIMIT_ENGINE_LINE,
        .on_done = done,
        .ctx = docker,
    };

    docker->asking = http_start(docker->endpoint, &options);
}

/* A ping is cheaper than the version, but does not tell which version is the oldest. */
static void on_ping(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct docker *docker = ctx;

    docker->asking = NULL;
    if (docker->freed)
        return;
    if (failure != NULL) {
        fail_waiting(docker, failure);
        return;
    }

    uint32_t theirs =
        response->status == 200 ? parse_version(http_response_header(response, "Api-Version")) : 0;
    if (theirs == 0 || theirs > DOCKER_API_OURS)
        ask(docker, "/version", on_version);
    else
        agreed(docker, theirs, 0);
}

static void agree(struct docker *docker)
{
    if (docker->asking == NULL)
        ask(docker, "/_ping", on_ping);
}

/* ---- Life ---- */

static char *where_text(const struct docker_host *where)
{
    struct buf text;

    buf_init(&text, 4096);
    if (where->unix_path != NULL)
        buf_printf(&text, "unix://%s", where->unix_path);
    else
        buf_printf(&text, strchr(where->host, ':') != NULL ? "tcp://[%s]:%s" : "tcp://%s:%s",
                   where->host, where->port);
    return buf_take(&text);
}

struct docker *docker_new(struct http *http, const char *docker_host, struct err *err)
{
    return docker_new_called(http, docker_host, /* name= */ NULL, err);
}

struct docker *docker_new_called(struct http *http, const char *docker_host, const char *called,
                                 struct err *err)
{
    AUTO(docker_host) where = { 0 };
    struct http_endpoint_options options = { .hint = "is the Docker Engine running?",
                                             .denied_hint = "is this user in the group 'docker'?" };
    AUTO(buf) url;

    buf_init(&url, 4096);
    if (docker_host_parse(&where, docker_host, err) < 0)
        return NULL;

    AUTO_TEXT char *address = where_text(&where);
    options.name = called != NULL ? called : address;
    options.unix_path = where.unix_path;
    if (where.unix_path == NULL) {
        buf_printf(&url, "%s%s", where.tls ? "https" : "http", address + strlen("tcp"));
        options.base_url = buf_text(&url);
        options.ca_path = where.ca_path;
        options.cert_path = where.cert_path;
        options.key_path = where.key_path;
    }

    struct http_endpoint *endpoint = http_endpoint_new(http, &options, err);
    if (endpoint == NULL)
        return NULL;

    struct docker *docker = mem_alloc(sizeof(*docker));
    docker->http = http;
    docker->endpoint = endpoint;
    docker->where = where;
    docker->name = mem_text(options.name);
    docker->waiting_end = &docker->waiting;
    where = (struct docker_host){ 0 };
    return docker;
}

void docker_free(struct docker *docker)
{
    if (docker == NULL)
        return;
    ASSERT(!docker->freed);

    docker->freed = true;
    while (docker->waiting != NULL) {
        struct docker_call *call = docker->waiting;

        (void)err_set(&call->failure, ERR_CANCELLED, "%s: the call was cancelled", docker->name);
        call_give_up(call);
    }
    http_endpoint_free(docker->endpoint);
    docker_host_release(&docker->where);
    free(docker->name);
    free(docker);
}

struct http *docker_http(const struct docker *docker)
{
    return docker->http;
}

const struct docker_host *docker_where(const struct docker *docker)
{
    return &docker->where;
}

const char *docker_name(const struct docker *docker)
{
    return docker->name;
}

uint32_t docker_api(const struct docker *docker)
{
    return docker->api;
}

/* ---- Calls ---- */

/* The caller's and ours. */
static char **copy_headers(const struct docker_request *request)
{
    size_t count = 0;
    bool has_body = request->json != NULL || request->body_is_fd;
    const char *type = request->content_type;

    while (request->headers != NULL && request->headers[count] != NULL)
        count++;

    char **headers = mem_alloc((count + 2) * sizeof(*headers));
    for (size_t i = 0; i < count; i++)
        headers[i] = mem_text(request->headers[i]);
    if (has_body) {
        struct buf text;

        if (type == NULL)
            type = request->json != NULL ? "application/json" : "application/x-tar";
        buf_init(&text, 1024);
        buf_printf(&text, "Content-Type: %s", type);
        headers[count] = buf_take(&text);
    }
    return headers;
}

static struct docker_call *call_new(struct docker *docker, const struct docker_request *request)
{
    struct docker_call *call = mem_alloc(sizeof(*call));
    bool streams = request->on_line != NULL || request->on_data != NULL;

    call->docker = docker;
    call->method = mem_text(request->method);
    call->path = mem_text(request->path);
    call->query = request->query != NULL ? mem_text(request->query) : NULL;
    call->body = request->json != NULL ? mem_text(request->json) : NULL;
    call->headers = copy_headers(request);
    call->on_line = request->on_line;
    call->on_data = request->on_data;
    call->options = (struct http_options){
        .body_is_fd = request->body_is_fd,
        .body_fd = request->body_fd,
        .body_fd_size = request->body_fd_size,
        .body_parts = request->body_parts,
        .body_part_count = request->body_part_count,
        .is_long = request->is_long,
        .on_data = streams ? on_http_data : NULL,
        .on_done = on_http_done,
        .ctx = call,
    };
    if (request->on_line != NULL)
        frames_init(&call->frames, (size_t)LIMIT_ENGINE_LINE);
    return call;
}

struct docker_call *docker_call(struct docker *docker, const struct docker_request *request,
                                docker_done_fn *done, void *ctx)
{
    ASSERT(!docker->freed);
    ASSERT(done != NULL);
    ASSERT(request->path[0] == '/');
    ASSERT(request->on_line == NULL || request->on_data == NULL);

    struct docker_call *call = call_new(docker, request);
    struct loop *loop = http_loop(docker->http);
    call->done = done;
    call->ctx = ctx;
    if (request->deadline_ms > 0)
        call->due_ms = loop_now_ms(loop) + request->deadline_ms;
    if (docker->api != 0) {
        call_launch(call);
        return call;
    }
    *docker->waiting_end = call;
    docker->waiting_end = &call->next;
    if (request->deadline_ms > 0)
        timer_start(loop, &call->deadline, request->deadline_ms, waited_too_long, call);
    agree(docker);
    return call;
}

void docker_cancel(struct docker_call *call)
{
    struct err failure = { 0 };

    if (call == NULL)
        return;
    call->cancelled = true;
    if (call->http != NULL) {
        http_cancel(call->http);
        return;
    }
    (void)err_set(&failure, ERR_CANCELLED, "%s: the call was cancelled", call->docker->name);
    call_fail_later(call, &failure);
    call->failure = failure; /* also of one that was about to fail */
}

int64_t docker_sent(const struct docker_call *call)
{
    return call->http == NULL ? 0 : http_sent(call->http);
}

void docker_pause(struct docker_call *call, bool paused)
{
    if (call->http != NULL)
        http_pause(call->http, paused);
}
