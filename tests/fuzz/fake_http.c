/*
 * Contract as in drivers/io/http.h: on_done comes from the loop, once.
 */
#include "tests/fuzz/fake_http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "spec/base/limits.h"

#define TURNS_MAX 256

struct http {
    struct loop *loop;
};

struct http_endpoint {
    struct http *http;
    struct http_request *requests;
};

struct http_request {
    struct http_endpoint *endpoint;
    struct http_request *prev;
    struct http_request *next;
    struct http_options options;
    char *answer; /* the whole of it, cut up */
    const char *header;
    const char *body;
    size_t size; /* bytes of the body */
    int status;
    uint32_t piece; /* 0: all at once */
    bool stays_open;
    bool cancelled;
    bool passing; /* inside on_data */
};

static struct fuzz_input script;
static bool streams_stay_open;
static size_t open_count;
static uint64_t events; /* requests and answers: whether anything happens still */

void fake_http_script(const uint8_t *data, size_t size, bool may_stay_open)
{
    streams_stay_open = may_stay_open;
    script = (struct fuzz_input){ .data = data, .size = size };
}

size_t fake_http_open(void)
{
    return open_count;
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

void fake_http_settle(struct loop *loop)
{
    uint64_t before;
    int turns = 0;

    do {
        before = events;
        loop_defer(loop, stop, loop);
        loop_run(loop);
    } while (events != before && ++turns < TURNS_MAX);
}

struct http *http_new(struct loop *loop, struct err *err)
{
    struct http *http = mem_alloc(sizeof(*http));

    (void)err;
    http->loop = loop;
    return http;
}

void http_free(struct http *http)
{
    free(http);
}

struct loop *http_loop(const struct http *http)
{
    return http->loop;
}

struct http_endpoint *
http_endpoint_new(struct http *http, const struct http_endpoint_options *options, struct err *err)
{
    struct http_endpoint *endpoint = mem_alloc(sizeof(*endpoint));

    (void)err;
    ASSERT((options->unix_path == NULL) != (options->base_url == NULL));
    endpoint->http = http;
    return endpoint;
}

static uint32_t take_number(char **at, uint32_t most)
{
    uint32_t number = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++)
        number = number < most ? number * 10 + (uint32_t)(**at - '0') : number;
    *at += strspn(*at, " ");
    return number;
}

/* "+200 7 Name: value" */
static void read_answer(struct http_request *request)
{
    size_t size;
    char *line = fuzz_take(&script, "\n--\n", &size);
    char *end = memchr(line, '\n', size);

    request->answer = line;
    request->body = line + size;
    if (end != NULL) {
        *end = '\0';
        request->body = end + 1;
        request->size = size - (size_t)(end + 1 - line);
    }
    request->stays_open = *line == '+' && streams_stay_open;
    line += *line == '+' ? 1 : 0;
    request->status = (int)take_number(&line, 100);
    if (request->status < 100 || request->status > 999)
        request->status = 0;
    request->piece = take_number(&line, 10000);
    request->header = line;
}

static void destroy(struct http_request *request)
{
    DL_DELETE(request->endpoint->requests, request);
    free(request->answer);
    free(request);
    open_count--;
}

static bool is_passed_on(const struct http_request *request)
{
    return request->options.on_data != NULL && request->status >= 200 && request->status <= 299;
}

static void finish(struct http_request *request, enum err_code code)
{
    bool has_body = request->status != 0 && !is_passed_on(request);
    const struct http_response response = {
        .status = request->status,
        .body = has_body ? request->body : "",
        .size = has_body ? request->size : 0,
        .request = request,
    };
    struct err failure = { 0 };

    events++;
    if (code != ERR_OK)
        (void)err_set(&failure, code, "no answer");
    request->options.on_done(request->options.ctx, &response, code != ERR_OK ? &failure : NULL);
    destroy(request);
}

static void pass_on(struct http_request *request)
{
    struct fuzz_cut cut = { .state = request->piece, .most = request->piece };

    if (cut.most == 0)
        cut.most = request->size + 1;
    request->passing = true;
    for (size_t at = 0; at < request->size && !request->cancelled;) {
        size_t size = fuzz_piece(&cut, request->size - at);

        request->options.on_data(request->options.ctx, request->body + at, size);
        at += size;
    }
    request->passing = false;
}

static void answer(void *ctx)
{
    struct http_request *request = ctx;
    size_t most =
        request->options.body_max != 0 ? request->options.body_max : (size_t)LIMIT_ENGINE_RESPONSE;

    events++;
    if (is_passed_on(request))
        pass_on(request);
    else if (request->size > most)
        request->status = 0;
    if (request->cancelled)
        finish(request, ERR_CANCELLED);
    else if (request->status == 0)
        finish(request, ERR_UNREACHABLE);
    else if (!request->stays_open || !request->options.is_long)
        finish(request, ERR_OK);
}

static void answer_cancelled(void *ctx)
{
    finish(ctx, ERR_CANCELLED);
}

struct http_request *http_start(struct http_endpoint *endpoint, const struct http_options *options)
{
    struct http_request *request = mem_alloc(sizeof(*request));

    ASSERT(options->on_done != NULL && options->method != NULL && options->path[0] == '/');
    request->endpoint = endpoint;
    request->options = *options;
    read_answer(request);
    DL_APPEND(endpoint->requests, request);
    open_count++;
    events++;
    loop_defer(endpoint->http->loop, answer, request);
    return request;
}

void http_cancel(struct http_request *request)
{
    struct loop *loop;

    if (request == NULL || request->cancelled)
        return;
    request->cancelled = true;
    if (request->passing)
        return;
    loop = request->endpoint->http->loop;
    loop_defer_cancel(loop, answer, request);
    loop_defer(loop, answer_cancelled, request);
}

void http_endpoint_free(struct http_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    while (endpoint->requests != NULL) {
        struct http_request *request = endpoint->requests;

        loop_defer_cancel(endpoint->http->loop, answer, request);
        loop_defer_cancel(endpoint->http->loop, answer_cancelled, request);
        request->status = 0;
        finish(request, ERR_CANCELLED);
    }
    free(endpoint);
}

int64_t http_sent(const struct http_request *request)
{
    return request->options.body_fd_size;
}

void http_pause(struct http_request *request, bool paused)
{
    (void)request;
    (void)paused;
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    const char *header = response->request->header;
    size_t size = strlen(name);

    if (header == NULL || strncasecmp(header, name, size) != 0 || header[size] != ':')
        return NULL;
    return header + size + 1 + strspn(header + size + 1, " ");
}

const char *http_library_version(void)
{
    return "0";
}
