/*
 * Calls, events and duplex streams against an engine that says what the test wants it to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/client.h"
#include "drivers/docker/events.h"
#include "drivers/docker/stream.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/unit.h"

#define CALLS 8

struct scene;

struct call {
    struct scene *scene;
    struct docker_call *handle;
    unsigned done;
    int status;
    bool failed;
    struct err failure;
    struct buf body;
    struct buf lines; /* of on_line and on_data */
};

struct scene {
    struct loop *loop;
    struct http *http;
    struct docker *docker;
    struct server *server;
    char directory[40];
    char socket[64];
    char host[80];
    struct timer patience;
    struct timer later;
    struct call calls[CALLS];
    unsigned wanted;
    unsigned done;
    struct buf seen;     /* "METHOD path\n" */
    const char *api;     /* header of the ping; NULL: none */
    const char *version; /* answer to /version; NULL: 404 */
    const char *stream;  /* what an event stream says */
    bool hang_ping;
    bool stream_ends;
    struct server_peer *peer; /* of the open stream or hijack */
    struct docker_events *events;
    struct hijack *hijack;
    struct buf out;    /* what came over the hijack */
    struct buf errors; /* likewise */
    struct buf got;    /* what the engine got over it */
    unsigned opened;
    unsigned ended;
    bool end_failed;
    struct err end_failure;
    bool late;
};

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

static void wait_for(struct scene *scene)
{
    loop_run(scene->loop);
    assert_false(scene->late);
}

static void serve_ping(struct scene *scene, struct server_peer *peer)
{
    char text[200];

    if (scene->hang_ping)
        return;
    (void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s%s%sContent-Length: 2\r\n\r\nOK",
                   scene->api != NULL ? "Api-Version: " : "", scene->api != NULL ? scene->api : "",
                   scene->api != NULL ? "\r\n" : "");
    server_send_text(peer, text);
}

static void serve_stream(struct scene *scene, struct server_peer *peer)
{
    server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    server_send_text(peer, scene->stream);
    if (scene->stream_ends)
        server_close(peer);
    scene->peer = peer;
}

static void serve_hijack(struct server_peer *peer, const struct server_request *request)
{
    if (strstr(request->path, "/gone/") != NULL) {
        server_answer(peer, 404, "{\"message\":\"No such exec instance: gone\"}");
        return;
    }
    assert_non_null(strstr(request->head, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(request->head, "\r\nUpgrade: tcp\r\n"));
    server_take_over(peer);
    if (strstr(request->path, "/shut/") != NULL) {
        server_close(peer);
        return;
    }
    server_send_text(peer,
                     "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                     "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    server_send(peer, "\1\0\0\0\0\0\0\6hello\n\2\0\0\0\0\0\0\3", 22); /* cut in a frame */
    server_send(peer, "err", 3);
}

static void serve(void *ctx, struct server_peer *peer, const struct server_request *request)
{
    struct scene *scene = ctx;
    const char *path = request->path;

    if (request->method[0] == '\0') {
        buf_add(&scene->got, request->body, request->size);
        return;
    }
    buf_printf(&scene->seen, "%s %s %s\n", request->method, path, request->body);
    if (strcmp(path, "/_ping") == 0)
        serve_ping(scene, peer);
    else if (strcmp(path, "/version") == 0)
        server_answer(peer, scene->version != NULL ? 200 : 404,
                      scene->version != NULL ? scene->version : "{\"message\":\"page not found\"}");
    else if (strstr(path, "/exec/") != NULL)
        serve_hijack(peer, request);
    else if (strstr(path, "/status/") != NULL)
        server_answer(peer, (int)strtol(strstr(path, "/status/") + 8, NULL, 10), request->body);
    else if (strstr(path, "/head") != NULL)
        server_answer(peer, 200, request->head);
    else if (strstr(path, "/hang") != NULL)
        scene->peer = peer;
    else if (scene->stream != NULL)
        serve_stream(scene, peer);
    else
        server_answer(peer, 200, "{}");
}

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    scene->http = http_new(scene->loop, NULL);
    (void)snprintf(scene->directory, sizeof(scene->directory), "/tmp/test_docker_client.XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->socket, sizeof(scene->socket), "%s/s", scene->directory);
    (void)snprintf(scene->host, sizeof(scene->host), "unix://%s", scene->socket);
    scene->server = server_new(scene->loop, scene->socket, serve, scene);
    scene->docker = docker_new(scene->http, scene->host, NULL);
    assert_non_null(scene->docker);
    scene->api = "1.41";
    buf_init(&scene->seen, 1 << 20);
    buf_init(&scene->out, 1 << 20);
    buf_init(&scene->errors, 1 << 20);
    buf_init(&scene->got, 1 << 20);
    for (size_t i = 0; i < CALLS; i++) {
        scene->calls[i].scene = scene;
        buf_init(&scene->calls[i].body, 1 << 20);
        buf_init(&scene->calls[i].lines, 1 << 21);
    }
    timer_start(scene->loop, &scene->patience, 20000, give_up, scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    timer_stop(&scene->patience);
    timer_stop(&scene->later);
    docker_events_close(scene->events);
    hijack_free(scene->hijack);
    docker_free(scene->docker);
    http_free(scene->http);
    server_free(scene->server);
    loop_free(scene->loop);
    buf_release(&scene->seen);
    buf_release(&scene->out);
    buf_release(&scene->errors);
    buf_release(&scene->got);
    for (size_t i = 0; i < CALLS; i++) {
        buf_release(&scene->calls[i].body);
        buf_release(&scene->calls[i].lines);
    }
    (void)rmdir(scene->directory);
    free(scene);
    return 0;
}

static void done(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct call *call = ctx;

    call->done++;
    call->status = answer->status;
    buf_add(&call->body, answer->body, answer->size);
    call->failed = failure != NULL;
    if (failure != NULL)
        call->failure = *failure;
    call->scene->done++;
    if (call->scene->done == call->scene->wanted)
        loop_stop(call->scene->loop);
}

static void on_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    assert_int_equal(strlen(json), size);
    buf_printf(&call->lines, "<%s>", json);
}

static void on_data(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    buf_add(&call->lines, data, size);
}

static struct call *start(struct scene *scene, struct docker_request request)
{
    struct call *call = &scene->calls[scene->wanted++];

    call->handle = docker_call(scene->docker, &request, done, call);
    assert_int_equal(call->done, 0);
    return call;
}

static struct call *get(struct scene *scene, const char *path)
{
    struct call *call = start(scene, (struct docker_request){ .method = "GET", .path = path });

    wait_for(scene);
    assert_int_equal(call->done, 1);
    return call;
}

static void stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

static void run_for(struct scene *scene, int64_t ms)
{
    timer_start(scene->loop, &scene->later, ms, stop, scene);
    wait_for(scene);
}

/* ---- Versions ---- */

static void the_version_is_agreed_once(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 3; i++)
        (void)start(scene, (struct docker_request){ .method = "GET", .path = "/info" });
    assert_int_equal(docker_api(scene->docker), 0);
    wait_for(scene);
    (void)get(scene, "/info");
    assert_int_equal(docker_api(scene->docker), 41);
    assert_string_equal(buf_text(&scene->seen),
                        "GET /_ping \nGET /v1.41/info \nGET /v1.41/info \nGET /v1.41/info \n"
                        "GET /v1.41/info \n");
}

struct version_example {
    const char *ping;
    const char *version;
    uint32_t api; /* 0: refused */
};

static void the_smaller_version_is_spoken(void **state)
{
    struct scene *scene = *state;
    const struct version_example examples[] = {
        { "1.43", NULL, 43 },
        { "1.42", NULL, 42 },
        { "1.40", NULL, 0 },
        { "1.9", NULL, 0 },
        { NULL, "{\"ApiVersion\":\"1.42\"}", 42 },
        { NULL, "{\"ApiVersion\":\"1.40\"}", 0 },
        { NULL, NULL, 0 },
        { NULL, "{}", 0 },
        { NULL, "nothing", 0 },
        { "1.x", "{\"ApiVersion\":\"2.1\"}", 0 },
        { "1.47", "{\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.24\"}", 43 },
        { "1.52", "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}", 44 },
        { "1.52", "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"7\"}", 43 },
    };

    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        scene->wanted = 0;
        scene->done = 0;
        scene->calls[0].done = 0;
        scene->api = examples[i].ping;
        scene->version = examples[i].version;
        docker_agree_again(scene->docker);
        struct call *call = get(scene, "/info");
        assert_int_equal(docker_api(scene->docker), examples[i].api);
        assert_int_equal(call->failed, examples[i].api == 0);
    }
}

static void an_old_engine_is_named(void **state)
{
    struct scene *scene = *state;

    scene->api = "1.40";
    struct call *call = get(scene, "/info");
    assert_int_equal(call->failure.code, ERR_INVALID);
    assert_non_null(strstr(call->failure.text, "speaks version 1.40 of the Engine API, but 1.41"));
}

static void no_engine_is_named_and_comes_back(void **state)
{
    struct scene *scene = *state;

    (void)get(scene, "/info");
    server_free(scene->server);
    scene->server = NULL;
    struct call *call = get(scene, "/info");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(call->failure.text, scene->host));
    assert_non_null(strstr(call->failure.text, "is the Docker Engine running?"));
    assert_int_equal(docker_api(scene->docker), 0);
    assert_int_equal(get(scene, "/info")->failure.code, ERR_UNREACHABLE);

    scene->api = "1.42"; /* upgraded meanwhile */
    scene->server = server_new(scene->loop, scene->socket, serve, scene);
    assert_false(get(scene, "/info")->failed);
    assert_int_equal(docker_api(scene->docker), 42);
}

static void waiting_for_the_version_has_a_deadline(void **state)
{
    struct scene *scene = *state;

    scene->hang_ping = true;
    struct call *call = start(
        scene, (struct docker_request){ .method = "GET", .path = "/info", .deadline_ms = 30 });
    wait_for(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    call = start(scene, (struct docker_request){ .method = "GET", .path = "/info" });
    docker_cancel(call->handle);
    docker_cancel(call->handle);
    assert_int_equal(call->done, 0);
    wait_for(scene);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

/* Some wait for the version, one of them about to fail; then all is over at once. */
static void freeing_answers_all(void **state)
{
    struct scene *scene = *state;

    scene->hang_ping = true;
    for (unsigned i = 0; i < 3; i++)
        (void)start(scene, (struct docker_request){
                               .method = "GET", .path = "/info", .deadline_ms = 10000 });
    run_for(scene, 20);
    docker_cancel(scene->calls[1].handle);
    docker_free(scene->docker);
    scene->docker = NULL;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(scene->calls[i].done, 1);
        assert_int_equal(scene->calls[i].failure.code, ERR_CANCELLED);
    }
    run_for(scene, 20);
}

/* ---- Calls ---- */

struct status_example {
    int status;
    const char *body;
    enum err_code code;
    const char *text;
};

static void errors_are_the_engines_own(void **state)
{
    struct scene *scene = *state;
    const struct status_example examples[] = {
        { 400, "{\"message\":\"bad parameter\"}", ERR_INVALID, "bad parameter" },
        { 401, "{\"message\":\"x\"}", ERR_DENIED, "x" },
        { 403, "{\"message\":\"x\"}", ERR_DENIED, "x" },
        { 404, "{\"message\":\"No such container: a\"}", ERR_NOT_FOUND, "No such container: a" },
        { 409, "{\"message\":\"in use\"}", ERR_CONFLICT, "in use" },
        { 500, "{\"message\":\"write /x: no space left on device\"}", ERR_CAPACITY,
          "write /x: no space left on device" },
        { 500, "{\"message\":\"\"}", ERR_FAILED, "the engine answered with status 500" },
        { 500, "", ERR_FAILED, "the engine answered with status 500" },
        { 502, "Bad Gateway\r\n", ERR_FAILED, "Bad Gateway" },
        { 503, "{\"cause\":1}", ERR_FAILED, "the engine answered with status 503" },
        { 301, "", ERR_FAILED, "the engine answered with status 301" },
        { 200, "{}", ERR_OK, "" },
        { 201, "{}", ERR_OK, "" },
        { 304, "", ERR_OK, "" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        char path[40];

        scene->wanted = 0;
        scene->done = 0;
        scene->calls[0].done = 0;
        memset(&scene->calls[0].failure, 0, sizeof(struct err));
        (void)snprintf(path, sizeof(path), "/status/%d", examples[i].status);
        struct call *call = start(
            scene,
            (struct docker_request){ .method = "POST", .path = path, .json = examples[i].body });
        wait_for(scene);
        assert_int_equal(call->status, examples[i].status);
        assert_int_equal(call->failed, examples[i].code != ERR_OK);
        assert_int_equal(call->failure.code, examples[i].code);
        assert_string_equal(call->failure.text, examples[i].text);
    }
}

static void requests_arrive_whole(void **state)
{
    struct scene *scene = *state;
    const char *const headers[] = { "X-Registry-Auth: e30=", NULL };
    struct call *call = start(scene, (struct docker_request){ .method = "POST",
                                                              .path = "/head",
                                                              .query = "name=a%20b",
                                                              .json = "{\"a\":1}",
                                                              .headers = headers });

    wait_for(scene);
    assert_non_null(strstr(buf_text(&scene->seen), "POST /v1.41/head?name=a%20b {\"a\":1}\n"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nX-Registry-Auth: e30=\r\n"));
}

static void progress_comes_line_by_line(void **state)
{
    struct scene *scene = *state;

    scene->stream = "{\"status\":\"a\"}\r\n{\"status\":\"b\"}{\"status\":\"c\"}";
    scene->stream_ends = true;
    struct call *call = start(
        scene, (struct docker_request){ .method = "POST", .path = "/build", .on_line = on_line });
    wait_for(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&call->lines),
                        "<{\"status\":\"a\"}><{\"status\":\"b\"}><{\"status\":\"c\"}>");

    scene->stream = "{\"status\":\"a\"}\n{\"status";
    call = start(scene,
                 (struct docker_request){ .method = "POST", .path = "/build", .on_line = on_line });
    wait_for(scene);
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(buf_text(&call->lines), "<{\"status\":\"a\"}>");

    call = start(scene,
                 (struct docker_request){ .method = "GET", .path = "/logs", .on_data = on_data });
    wait_for(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&call->lines), scene->stream);
}

static void an_endless_line_is_refused(void **state)
{
    struct scene *scene = *state;
    char *line = mem_alloc(3 << 20);

    memset(line, 'x', (3 << 20) - 1);
    line[0] = '{';
    scene->stream = line;
    struct call *call = start(
        scene, (struct docker_request){ .method = "POST", .path = "/build", .on_line = on_line });
    wait_for(scene);
    free(line);
    assert_int_equal(call->failure.code, ERR_CAPACITY);
}

static void cancel_on_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    on_line(ctx, json, size);
    docker_cancel(call->handle);
}

static void free_on_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    on_line(ctx, json, size);
    docker_free(call->scene->docker);
    call->scene->docker = NULL;
    assert_int_equal(call->done, 1);
}

static void a_line_may_end_everything(void **state)
{
    struct scene *scene = *state;

    scene->stream = "{\"a\":1}{\"a\":2}{\"a\":3}";
    struct call *call = start(
        scene,
        (struct docker_request){ .method = "POST", .path = "/pull", .on_line = cancel_on_line });
    wait_for(scene);
    assert_string_equal(buf_text(&call->lines), "<{\"a\":1}>");
    assert_int_equal(call->failure.code, ERR_CANCELLED);

    call = start(scene, (struct docker_request){
                            .method = "POST", .path = "/pull", .on_line = free_on_line });
    wait_for(scene);
    assert_string_equal(buf_text(&call->lines), "<{\"a\":1}>");
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

/* ---- Events ---- */

static void on_event(void *ctx, const struct json *event)
{
    struct scene *scene = ctx;

    buf_printf(&scene->out, "%s ", json_text(event, "Action"));
    if (text_equal(json_text(event, "Action"), "last"))
        loop_stop(scene->loop);
}

static void on_lost(void *ctx, const struct err *failure)
{
    struct scene *scene = ctx;

    scene->ended++;
    scene->end_failure = *failure;
    docker_events_close(scene->events);
    scene->events = NULL;
    loop_stop(scene->loop);
}

static void open_events(struct scene *scene, const char *stream, bool ends)
{
    scene->stream = stream;
    scene->stream_ends = ends;
    scene->events = docker_events_open(scene->docker,
                                       &(struct docker_events_options){ .since = "17.000000001",
                                                                        .label = "berth.owner=demo",
                                                                        .on_event = on_event,
                                                                        .on_lost = on_lost,
                                                                        .ctx = scene });
}

static void more_events(void *ctx)
{
    struct scene *scene = ctx;

    server_send_text(scene->peer, "{\"Action\":\"die\"}\n{\"Action\":\"last\"");
    server_send_text(scene->peer, "}");
}

static void events_arrive(void **state)
{
    struct scene *scene = *state;

    open_events(scene, "{\"Action\":\"create\"}\n{\"Action\":\"start\"}{not an event}[]\n", false);
    timer_start(scene->loop, &scene->later, 50, more_events, scene);
    wait_for(scene);
    assert_string_equal(buf_text(&scene->out), "create start die last ");
    const char *seen = strstr(buf_text(&scene->seen), "/v1.41/events?since=17.000000001&filters=");
    assert_non_null(seen);
    assert_non_null(strstr(seen, "health_status"));
    assert_non_null(strstr(seen, "berth.owner%3Ddemo"));
    assert_null(strstr(seen, "exec"));
    docker_events_close(scene->events);
    scene->events = NULL;
    run_for(scene, 20);
    assert_int_equal(scene->ended, 0);
}

static void a_lost_stream_is_told_once(void **state)
{
    struct scene *scene = *state;

    open_events(scene, "{\"Action\":\"create\"}\n", true);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(scene->end_failure.text, "ended the stream of events"));
    open_events(scene, "{\"Action\":\"cre", true);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    server_free(scene->server);
    scene->server = NULL;
    docker_agree_again(scene->docker);
    open_events(scene, "", true);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_int_equal(scene->ended, 3);
    run_for(scene, 20);
    assert_int_equal(scene->ended, 3);
}

static void close_on_event(void *ctx, const struct json *event)
{
    struct scene *scene = ctx;

    (void)event;
    scene->opened++;
    docker_events_close(scene->events);
    scene->events = NULL;
    loop_stop(scene->loop);
}

static void an_event_may_close_the_stream(void **state)
{
    struct scene *scene = *state;

    scene->stream = "{}{}{}";
    scene->events = docker_events_open(
        scene->docker, &(struct docker_events_options){
                           .on_event = close_on_event, .on_lost = on_lost, .ctx = scene });
    wait_for(scene);
    run_for(scene, 20);
    assert_int_equal(scene->opened, 1);
    assert_int_equal(scene->ended, 0);
}

/* ---- Duplex streams ---- */

static void hijack_open_says(void *ctx)
{
    struct scene *scene = ctx;

    scene->opened++;
}

static void hijack_data(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct scene *scene = ctx;

    buf_add(kind == STREAM_ERRORS ? &scene->errors : &scene->out, data, size);
}

static void hijack_end(void *ctx, const struct err *failure)
{
    struct scene *scene = ctx;

    scene->ended++;
    scene->end_failed = failure != NULL;
    if (failure != NULL)
        scene->end_failure = *failure;
    loop_stop(scene->loop);
}

static struct hijack_options hijack_to(struct scene *scene, const char *path)
{
    return (struct hijack_options){ .path = path,
                                    .json = "{\"Tty\":false}",
                                    .on_open = hijack_open_says,
                                    .on_data = hijack_data,
                                    .on_end = hijack_end,
                                    .ctx = scene };
}

static void bytes_go_both_ways(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/one/start");

    scene->hijack = hijack_open(scene->docker, &options, NULL);
    hijack_write(scene->hijack, "early ", 6);
    assert_int_equal(hijack_unsent(scene->hijack), 6);
    run_for(scene, 50);
    assert_int_equal(scene->opened, 1);
    assert_string_equal(buf_text(&scene->out), "hello\n");
    assert_string_equal(buf_text(&scene->errors), "err");
    hijack_write(scene->hijack, "late", 4);
    hijack_finish(scene->hijack);
    hijack_write(scene->hijack, "too late", 8);
    wait_for(scene); /* the engine closes when our side has ended */
    assert_string_equal(buf_text(&scene->got), "early late");
    assert_false(scene->end_failed);
    assert_int_equal(scene->ended, 1);
    assert_non_null(strstr(buf_text(&scene->seen), "POST /v1.41/exec/one/start {\"Tty\":false}\n"));
}

static void a_refusal_is_the_engines_own(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/gone/start");

    scene->hijack = hijack_open(scene->docker, &options, NULL);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_NOT_FOUND);
    assert_string_equal(scene->end_failure.text, "No such exec instance: gone");
    assert_int_equal(scene->opened, 0);
    hijack_write(scene->hijack, "x", 1);
    hijack_finish(scene->hijack);
    hijack_free(scene->hijack);

    options.path = "/exec/shut/start";
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_int_equal(scene->ended, 2);
}

static void no_engine_ends_the_stream(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/one/start");

    (void)get(scene, "/info"); /* the version is known: the socket itself fails */
    server_free(scene->server);
    scene->server = NULL;
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    assert_int_equal(scene->ended, 0);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    hijack_free(scene->hijack);

    docker_agree_again(scene->docker); /* and now the question about it does */
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    wait_for(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_int_equal(scene->ended, 2);
}

static void free_on_data(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct scene *scene = ctx;

    hijack_data(ctx, kind, data, size);
    hijack_free(scene->hijack);
    scene->hijack = NULL;
    loop_stop(scene->loop);
}

static void the_stream_can_be_freed_at_any_time(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/one/start");

    options.on_data = free_on_data;
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    wait_for(scene);
    assert_int_equal(scene->out.size + scene->errors.size, 6);

    hijack_free(hijack_open(scene->docker, &options, NULL)); /* while connecting */
    docker_agree_again(scene->docker);
    hijack_free(hijack_open(scene->docker, &options, NULL)); /* while agreeing */
    run_for(scene, 20);
    assert_int_equal(scene->ended, 0);
}

static void tls_is_refused_for_streams(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/one/start");
    struct err err = { 0 };

    (void)setenv("DOCKER_TLS_VERIFY", "1", 1);
    (void)setenv("DOCKER_CERT_PATH", "/no/certs", 1);
    assert_null(docker_new(scene->http, "tcp://127.0.0.1:1", &err));
    assert_string_equal(err.text, "'/no/certs/ca.pem' cannot be read");

    char path[80];
    const char *const names[] = { "ca.pem", "cert.pem", "key.pem" };
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", scene->directory, names[i]);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
    (void)setenv("DOCKER_CERT_PATH", scene->directory, 1);
    AUTO(docker) *docker = docker_new(scene->http, "tcp://127.0.0.1:1", &err);
    assert_non_null(docker);
    assert_null(hijack_open(docker, &options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "not possible over TLS"));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", scene->directory, names[i]);
        (void)unlink(path);
    }
    (void)unsetenv("DOCKER_TLS_VERIFY");
    (void)unsetenv("DOCKER_CERT_PATH");
}

#define CLIENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(the_version_is_agreed_once),
        CLIENT_TEST(the_smaller_version_is_spoken),
        CLIENT_TEST(an_old_engine_is_named),
        CLIENT_TEST(no_engine_is_named_and_comes_back),
        CLIENT_TEST(waiting_for_the_version_has_a_deadline),
        CLIENT_TEST(freeing_answers_all),
        CLIENT_TEST(errors_are_the_engines_own),
        CLIENT_TEST(requests_arrive_whole),
        CLIENT_TEST(progress_comes_line_by_line),
        CLIENT_TEST(an_endless_line_is_refused),
        CLIENT_TEST(a_line_may_end_everything),
        CLIENT_TEST(events_arrive),
        CLIENT_TEST(a_lost_stream_is_told_once),
        CLIENT_TEST(an_event_may_close_the_stream),
        CLIENT_TEST(bytes_go_both_ways),
        CLIENT_TEST(a_refusal_is_the_engines_own),
        CLIENT_TEST(no_engine_ends_the_stream),
        CLIENT_TEST(the_stream_can_be_freed_at_any_time),
        CLIENT_TEST(tls_is_refused_for_streams),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
