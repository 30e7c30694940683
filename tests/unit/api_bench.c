/*
 * One route for each thing that a handler can do.
 */
#include "tests/unit/api_bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/api/server.h"

struct bench {
    struct loop *loop;
    struct server *server;
    int64_t gone; /* kept requests that ended */
};

struct kept {
    struct bench *bench;
    struct request *request;
    struct timer timer;
    size_t left;
};

static void kept_gone(void *context)
{
    struct kept *kept = context;

    timer_stop(&kept->timer);
    kept->bench->gone++;
    free(kept);
}

static struct kept *keep(struct request *request)
{
    struct kept *kept = mem_alloc(sizeof(*kept));

    kept->bench = request_context(request);
    kept->request = request;
    request_keep(request, kept_gone, kept);
    return kept;
}

static void get_hello(struct request *request)
{
    struct json *answer = json_object();
    struct err err = { 0 };
    bool loud;

    if (request_query_bool(request, "loud", false, &loud, &err) < 0) {
        json_free(answer);
        request_fail(request, &err);
        return;
    }
    json_set_text(answer, "cluster", request_param(request, "cluster"));
    json_set_text(answer, "name", request_param(request, "name"));
    json_set_bool(answer, "loud", loud);
    request_answer(request, answer);
}

static void post_echo(struct request *request)
{
    const struct json *body;
    struct json *answer;
    struct err err = { 0 };

    if (request_json(request, &body, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    answer = json_object();
    json_set_int(answer, "size", (int64_t)strlen(json_as_text(json_get(body, "text"), "")));
    request_accept(request, answer);
}

static const char words[] = "stopped: Task failed container health checks (web: exit code 1: pin)";

/* What a program wrote, as one document, as lines, or as text. */
static void get_words(struct request *request)
{
    const char *form = request_query(request, "form");
    struct json *answer;

    if (form != NULL && strcmp(form, "text") == 0) {
        request_answer_text(request, "text/plain", words, strlen(words));
        return;
    }
    answer = json_object();
    json_set_text(answer, "reason", words);
    if (form == NULL) {
        request_answer(request, answer);
        return;
    }
    (void)keep(request);
    request_stream(request, "application/x-ndjson", NULL);
    (void)request_write_json(request, answer);
    request_finish(request);
}

static void get_state(struct request *request)
{
    struct bench *bench = request_context(request);
    struct json *answer = json_object();

    json_set_int(answer, "gone", bench->gone);
    json_set_int(answer, "open", (int64_t)server_request_count(bench->server));
    request_answer(request, answer);
}

static void later(void *context)
{
    struct kept *kept = context;

    request_answer(kept->request, json_object());
}

static void get_later(struct request *request)
{
    struct kept *kept = keep(request);
    struct err err = { 0 };
    uint64_t ms;

    if (request_query_u64(request, "ms", 10, &ms, &err) < 0)
        request_fail(request, &err);
    else
        timer_start(kept->bench->loop, &kept->timer, (int64_t)ms, later, kept);
}

static void stream_more(void *context)
{
    struct kept *kept = context;
    char block[1000];

    memset(block, 'x', sizeof(block));
    while (kept->left > 0) {
        size_t size = kept->left < sizeof(block) ? kept->left : sizeof(block);

        kept->left -= size;
        if (request_write(kept->request, block, size) >= STREAM_ENOUGH)
            return;
    }
    request_finish(kept->request);
}

static void get_big(struct request *request)
{
    struct kept *kept = keep(request);

    kept->left = API_BENCH_BIG;
    request_stream(request, "text/plain", stream_more);
    stream_more(kept);
}

static void tick(void *context)
{
    struct kept *kept = context;
    struct json *line = json_object();

    json_set_int(line, "left", (int64_t)kept->left);
    (void)request_write_json(kept->request, line);
    if (kept->left-- == 0)
        request_finish(kept->request);
    else
        timer_start(kept->bench->loop, &kept->timer, 20, tick, kept);
}

static void get_ticks(struct request *request)
{
    struct kept *kept = keep(request);

    kept->left = 3;
    request_stream(request, "application/x-ndjson", NULL);
    tick(kept);
}

static void get_silence(struct request *request)
{
    (void)keep(request);
    request_stream(request, "text/plain", NULL);
}

static void get_flood(struct request *request)
{
    static const char block[STREAM_ENOUGH];

    (void)keep(request);
    request_stream(request, "text/plain", NULL);
    for (size_t size = 0; size <= STREAM_MAX; size += sizeof(block))
        (void)request_write(request, block, sizeof(block));
}

static void echo_open(void *context)
{
    struct kept *kept = context;

    (void)upgrade_write(kept->request, "welcome\n", 8);
}

static void echo_data(void *context, const char *data, size_t size)
{
    struct kept *kept = context;

    (void)upgrade_write(kept->request, data, size);
    if (memchr(data, '!', size) != NULL)
        upgrade_finish(kept->request);
}

static void echo_end(void *context)
{
    struct kept *kept = context;

    upgrade_finish(kept->request);
}

static void post_upgrade(struct request *request)
{
    static const struct upgrade_ops ops = { .open = echo_open, .data = echo_data, .end = echo_end };

    (void)keep(request);
    (void)request_upgrade(request, "echo/1", &ops);
}

static const struct route_query hello_query[] = { { "loud", NULL }, { NULL, NULL } };
static const struct route_query words_query[] = { { "form", NULL }, { NULL, NULL } };
static const struct route_query later_query[] = { { "ms", NULL }, { NULL, NULL } };

static const struct route routes[] = {
    { "GET", "/v1/hello/{cluster}/{name}", get_hello, hello_query, false, NULL },
    { "POST", "/v1/echo", post_echo, NULL, true, NULL },
    { "GET", "/v1/state", get_state, NULL, false, NULL },
    { "GET", "/v1/words", get_words, words_query, false, NULL },
    { "GET", "/v1/later", get_later, later_query, false, NULL },
    { "GET", "/v1/big", get_big, NULL, false, NULL },
    { "GET", "/v1/ticks", get_ticks, NULL, false, NULL },
    { "GET", "/v1/silence", get_silence, NULL, false, NULL },
    { "GET", "/v1/flood", get_flood, NULL, false, NULL },
    { "POST", "/v1/upgrade", post_upgrade, NULL, true, NULL },
};

static void stop(void *context, int number)
{
    (void)number;
    loop_stop(((struct bench *)context)->loop);
}

void api_bench_serve(const char *path, int report)
{
    struct server_options options = { .socket_path = path,
                                      .listen = "localhost:0",
                                      .routes = routes,
                                      .route_count = ARRAY_COUNT(routes) };
    struct bench bench = { 0 };
    struct loop_signal *watch;
    struct err err = { 0 };
    uint16_t port;

    bench.loop = loop_new(&err);
    options.context = &bench;
    bench.server = server_new(bench.loop, &options, &err);
    if (bench.server == NULL) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    watch = loop_watch_signal(bench.loop, SIGTERM, stop, &bench, &err);
    port = server_port(bench.server);
    (void)!write(report, &port, sizeof(port));
    (void)close(report);
    loop_run(bench.loop);
    server_free(bench.server);
    loop_unwatch_signal(watch);
    loop_free(bench.loop);
    exit(0); /* the sanitizer looks for leaks now */
}
