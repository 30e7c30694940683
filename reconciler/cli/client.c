/*
 * A loop that runs while one request does.
 */
#include "reconciler/cli/client.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/io/http.h"
#include "spec/base/text.h"

#define CLIENT_DEADLINE_MS 30000
#define CLIENT_BODY_MAX    (64 * 1024 * 1024)
#define CLIENT_LINE_MAX    (1024 * 1024)

struct stream;

struct client {
    struct loop *loop;
    struct http *http;
    struct http_endpoint *endpoint;
    struct stream *streams; /* that are open */
    bool is_held;           /* goes on without a stream */
    bool is_closing;        /* nobody is told any more */
    bool was_interrupted;
    struct json *refusal; /* the body of the last one; NULL: none */
};

/* One request; lives on the stack of whoever waits for it. */
struct exchange {
    struct client *client;
    struct json *answer;
    struct err *err;
    bool failed;
};

struct stream {
    struct client *client;
    struct http_request *request;
    client_line_fn *line;
    client_end_fn *end;
    void *ctx;
    struct buf rest;  /* of a line that has not ended */
    bool has_stopped; /* `line` wants no more, or Ctrl-C came */
    struct stream *next;
};

int client_new(const struct cli_options *options, struct client **out, struct err *err)
{
    AUTO(client) *client = mem_alloc(sizeof(*client));
    AUTO(arena) arena = { 0 };
    const char *server = options->server;
    struct http_endpoint_options endpoint = {
        .name = server != NULL ? server : "berth",
        .hint = server != NULL ? "is `berth run` running there?"
                               : "is `berth run` running with the same --state?",
    };

    if (server == NULL)
        endpoint.unix_path = arena_printf(&arena, "%s/berth.sock", options->run.state_dir);
    else if (text_starts(server, "unix://"))
        endpoint.unix_path = server + strlen("unix://");
    else if (text_starts(server, "http://") || text_starts(server, "https://"))
        endpoint.base_url = server;
    else
        return err_set(err, ERR_INVALID,
                       "--server: '%s' is neither http://HOST:PORT nor unix://PATH", server);
    if (server == NULL)
        endpoint.name = endpoint.unix_path;
    client->loop = loop_new(err);
    if (client->loop == NULL)
        return -1;
    client->http = http_new(client->loop, err);
    if (client->http == NULL)
        return -1;
    client->endpoint = http_endpoint_new(client->http, &endpoint, err);
    if (client->endpoint == NULL)
        return -1;
    *out = TAKE(client);
    return 0;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    client->is_closing = true;
    http_endpoint_free(client->endpoint);
    http_free(client->http);
    loop_free(client->loop);
    json_free(client->refusal);
    free(client);
}

/* ---- Answers -------------------------------------------------------------------------------- */

/* The API says what is wrong as {"error": {"code": ..., "message": ...}}. */
static void refused(struct client *client, const struct http_response *response, struct err *err)
{
    struct json *body = json_parse(response->body, response->size, NULL);
    const char *text = json_text(body, "error.message");
    enum err_code code = ERR_FAILED;

    if (response->status == 404)
        code = ERR_NOT_FOUND;
    else if (response->status == 409)
        code = ERR_CONFLICT;
    else if (response->status >= 400 && response->status < 500)
        code = ERR_INVALID;
    if (text != NULL)
        (void)err_set(err, code, "%s", text);
    else
        (void)err_set(err, code, "the server answered %d", response->status);
    json_free(client->refusal);
    client->refusal = body;
}

static bool is_good(const struct http_response *response)
{
    return response->status >= 200 && response->status <= 299;
}

static void on_answer(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct exchange *exchange = ctx;

    loop_stop(exchange->client->loop);
    if (failure != NULL) {
        exchange->failed = true;
        *exchange->err = *failure;
    } else if (!is_good(response)) {
        exchange->failed = true;
        refused(exchange->client, response, exchange->err);
    } else if (response->size > 0) {
        exchange->answer = json_parse(response->body, response->size, exchange->err);
        exchange->failed = exchange->answer == NULL;
    }
}

static const char *const json_headers[] = { "Content-Type: application/json", NULL };

int client_call(struct client *client, const char *method, const char *path,
                const struct json *body, struct json **out, struct err *err)
{
    AUTO_TEXT char *text = body != NULL ? json_print_text(body, JSON_STYLE_COMPACT) : NULL;
    struct exchange exchange = { .client = client, .err = err };
    struct http_options options = { .method = method,
                                    .path = path,
                                    .headers = text != NULL ? json_headers : NULL,
                                    .body = text,
                                    .body_size = text != NULL ? strlen(text) : 0,
                                    .deadline_ms = CLIENT_DEADLINE_MS,
                                    .body_max = CLIENT_BODY_MAX,
                                    .on_done = on_answer,
                                    .ctx = &exchange };

    ASSERT(client->streams == NULL);
    json_free(TAKE(client->refusal));
    (void)http_start(client->endpoint, &options);
    loop_run(client->loop);
    if (exchange.failed)
        return -1;
    *out = exchange.answer;
    return 0;
}

const struct json *client_refusal(const struct client *client)
{
    return client->refusal;
}

/* ---- Streams -------------------------------------------------------------------------------- */

static void on_data(void *ctx, const char *data, size_t size)
{
    struct stream *stream = ctx;

    while (size > 0 && !stream->has_stopped) {
        const char *end = memchr(data, '\n', size);
        size_t part = end != NULL ? (size_t)(end - data) : size;

        buf_add(&stream->rest, data, part);
        data += part;
        size -= part;
        if (end == NULL)
            break;
        data++;
        size--;
        stream->has_stopped =
            !stream->line(stream->ctx, buf_text(&stream->rest), stream->rest.size);
        buf_reset(&stream->rest);
    }
    if (stream->has_stopped)
        http_cancel(stream->request);
}

static void stop_when_idle(struct client *client)
{
    if (client->streams == NULL && (!client->is_held || client->was_interrupted))
        loop_stop(client->loop);
}

static void on_end(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct stream *stream = ctx;
    struct client *client = stream->client;
    struct err refusal = { 0 };

    for (struct stream **at = &client->streams; *at != NULL; at = &(*at)->next) {
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    }
    if (stream->has_stopped) {
        failure = NULL;
    } else if (failure == NULL && !is_good(response)) {
        refused(client, response, &refusal);
        failure = &refusal;
    }
    if (!client->is_closing) {
        if (failure == NULL && !stream->has_stopped && stream->rest.size > 0)
            (void)stream->line(stream->ctx, buf_text(&stream->rest), stream->rest.size);
        stream->end(stream->ctx, failure);
        stop_when_idle(client);
    }
    buf_release(&stream->rest);
    free(stream);
}

/* `how` says what is asked. */
static void stream_open(struct client *client, struct stream how, struct http_options options)
{
    struct stream *stream = mem_alloc(sizeof(*stream));

    *stream = how;
    stream->client = client;
    stream->next = client->streams;
    buf_init(&stream->rest, CLIENT_LINE_MAX);
    client->streams = stream;
    options.is_long = true;
    options.on_data = on_data;
    options.on_done = on_end;
    options.ctx = stream;
    stream->request = http_start(client->endpoint, &options);
}

void client_stream(struct client *client, const char *path, client_line_fn *line,
                   client_end_fn *end, void *ctx)
{
    stream_open(client, (struct stream){ .line = line, .end = end, .ctx = ctx },
                (struct http_options){ .method = "GET", .path = path });
}

static void on_interrupt(void *ctx, int signal_number)
{
    struct client *client = ctx;

    (void)signal_number;
    client->was_interrupted = true;
    for (struct stream *at = client->streams; at != NULL; at = at->next) {
        at->has_stopped = true;
        http_cancel(at->request);
    }
    stop_when_idle(client);
}

int client_run(struct client *client, struct err *err)
{
    struct loop_signal *interrupt =
        loop_watch_signal(client->loop, SIGINT, on_interrupt, client, err);

    if (interrupt == NULL)
        return -1;
    if (client->streams != NULL || client->is_held)
        loop_run(client->loop);
    loop_unwatch_signal(interrupt);
    return 0;
}

void client_hold(struct client *client, bool is_held)
{
    client->is_held = is_held;
    if (!is_held)
        stop_when_idle(client);
}

struct loop *client_loop(struct client *client)
{
    return client->loop;
}

bool client_was_interrupted(const struct client *client)
{
    return client->was_interrupted;
}

/* A single one, to its end. */
struct single {
    client_line_fn *line;
    void *ctx;
    struct err *err;
    bool failed;
};

static bool single_line(void *ctx, const char *line, size_t size)
{
    struct single *single = ctx;

    return single->line(single->ctx, line, size);
}

static void single_end(void *ctx, const struct err *failure)
{
    struct single *single = ctx;

    single->failed = failure != NULL;
    if (failure != NULL)
        *single->err = *failure;
}

static int run_single(struct single *single, struct client *client, struct http_options options)
{
    stream_open(client, (struct stream){ .line = single_line, .end = single_end, .ctx = single },
                options);
    if (client_run(client, single->err) < 0)
        return -1;
    return single->failed ? -1 : 0;
}

int client_lines(struct client *client, const char *path, client_line_fn *line, void *ctx,
                 struct err *err)
{
    struct single single = { .line = line, .ctx = ctx, .err = err };

    return run_single(&single, client, (struct http_options){ .method = "GET", .path = path });
}

int client_post_lines(struct client *client, const char *path, const struct json *body,
                      client_line_fn *line, void *ctx, struct err *err)
{
    AUTO_TEXT char *text = json_print_text(body, JSON_STYLE_COMPACT);
    struct single single = { .line = line, .ctx = ctx, .err = err };

    return run_single(&single, client,
                      (struct http_options){ .method = "POST",
                                             .path = path,
                                             .headers = json_headers,
                                             .body = text,
                                             .body_size = strlen(text) });
}

/* ---- Addresses ------------------------------------------------------------------------------ */

static void escape(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        if (is_plain)
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

char *client_segment(struct arena *arena, const char *text)
{
    AUTO(buf) out = { 0 };

    buf_init(&out, CLIENT_LINE_MAX);
    escape(&out, text);
    return arena_text(arena, buf_text(&out));
}

char *client_query(struct arena *arena, const char *path, ...)
{
    AUTO(buf) out = { 0 };
    char separator = '?';
    va_list pairs;

    buf_init(&out, CLIENT_LINE_MAX);
    buf_text_add(&out, path);
    va_start(pairs, path);
    for (;;) {
        const char *name = va_arg(pairs, const char *);
        if (name == NULL)
            break;
        const char *value = va_arg(pairs, const char *);
        if (value == NULL)
            continue;
        buf_char(&out, separator);
        buf_text_add(&out, name);
        buf_char(&out, '=');
        escape(&out, value);
        separator = '&';
    }
    va_end(pairs);
    return arena_text(arena, buf_text(&out));
}
