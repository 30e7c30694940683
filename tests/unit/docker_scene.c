/*
 * The engine of the tests: it understands a few paths, and `stream` is its answer to all others.
 */
#include "tests/unit/docker_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

void engine_wait(struct scene *scene)
{
    loop_run(scene->loop);
    assert_false(scene->late);
}

static void serve_ping(struct scene *scene, struct io_server_peer *peer)
{
    char text[200];

    if (scene->hang_ping)
        return;
    (void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s%s%sContent-Length: 2\r\n\r\nOK",
                   scene->api != NULL ? "Api-Version: " : "", scene->api != NULL ? scene->api : "",
                   scene->api != NULL ? "\r\n" : "");
    io_server_send_text(peer, text);
}

static void serve_stream(struct scene *scene, struct io_server_peer *peer)
{
    io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    io_server_send_text(peer, scene->stream);
    if (scene->stream_ends)
        io_server_close(peer);
    scene->peer = peer;
}

/* The head and a large frame at once, so that they are read at once. */
static void serve_much(struct io_server_peer *peer)
{
    AUTO(buf) answer;

    buf_init(&answer, (size_t)2 * SCENE_MUCH);
    buf_text_add(&answer, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    buf_add(&answer, "\1\0\0\0\0\0\x9c\x40", 8);
    for (size_t i = 0; i < SCENE_MUCH; i++)
        buf_char(&answer, (char)('a' + i % 26));
    io_server_send(peer, answer.data, answer.size);
}

static void serve_hijack(struct io_server_peer *peer, const struct io_server_request *request)
{
    if (strstr(request->path, "/gone/") != NULL) {
        io_server_answer(peer, 404, "{\"message\":\"No such exec instance: gone\"}");
        return;
    }
    if (strstr(request->path, "/talks/") != NULL) {
        /* What it says behind the length that it announced is not part of the answer. */
        io_server_take_over(peer);
        io_server_send_text(peer, "HTTP/1.1 500 Error\r\nContent-Length: 12\r\n\r\nit is broken"
                                  " and no space left on device");
        return;
    }
    assert_non_null(strstr(request->head, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(request->head, "\r\nUpgrade: tcp\r\n"));
    io_server_take_over(peer);
    if (strstr(request->path, "/shut/") != NULL) {
        io_server_close(peer);
        return;
    }
    if (strstr(request->path, "/much/") != NULL) {
        serve_much(peer);
        return;
    }
    io_server_send_text(
        peer, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
              "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    io_server_send(peer, "\1\0\0\0\0\0\0\6hello\n\2\0\0\0\0\0\0\3", 22); /* cut in a frame */
    io_server_send(peer, "err", 3);
}

static void serve_status(struct io_server_peer *peer, const char *text, const char *body)
{
    uint32_t status = 0;

    assert_true(text_parse_u32(text, &status));
    io_server_answer(peer, (int)status, body);
}

void engine_serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
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
        io_server_answer(peer, scene->version != NULL ? 200 : 404,
                         scene->version != NULL ? scene->version
                                                : "{\"message\":\"page not found\"}");
    else if (strstr(path, "/exec/") != NULL)
        serve_hijack(peer, request);
    else if (strstr(path, "/status/") != NULL)
        serve_status(peer, strstr(path, "/status/") + 8, request->body);
    else if (strstr(path, "/head") != NULL)
        io_server_answer(peer, 200, request->head);
    else if (strstr(path, "/hang") != NULL)
        scene->peer = peer;
    else if (scene->stream != NULL)
        serve_stream(scene, peer);
    else
        io_server_answer(peer, 200, "{}");
}

int engine_set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    scene->http = http_new(scene->loop, NULL);
    (void)snprintf(scene->directory, sizeof(scene->directory), "/tmp/test_docker_client.XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->socket, sizeof(scene->socket), "%s/s", scene->directory);
    (void)snprintf(scene->host, sizeof(scene->host), "unix://%s", scene->socket);
    scene->server = io_server_new(scene->loop, scene->socket, engine_serve, scene);
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

int engine_tear_down(void **state)
{
    struct scene *scene = *state;

    timer_stop(&scene->patience);
    timer_stop(&scene->later);
    docker_events_close(scene->events);
    hijack_free(scene->hijack);
    docker_free(scene->docker);
    http_free(scene->http);
    io_server_free(scene->server);
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

void engine_done(void *ctx, const struct docker_answer *answer, const struct err *failure)
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

void engine_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    assert_int_equal(strlen(json), size);
    buf_printf(&call->lines, "<%s>", json);
}

void engine_data(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    buf_add(&call->lines, data, size);
}

struct call *scene_start(struct scene *scene, struct docker_request request)
{
    struct call *call = &scene->calls[scene->wanted++];

    call->handle = docker_call(scene->docker, &request, engine_done, call);
    assert_int_equal(call->done, 0);
    return call;
}

struct call *engine_get(struct scene *scene, const char *path)
{
    struct call *call =
        scene_start(scene, (struct docker_request){ .method = "GET", .path = path });

    engine_wait(scene);
    assert_int_equal(call->done, 1);
    return call;
}

static void stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

void engine_run_for(struct scene *scene, int64_t ms)
{
    timer_start(scene->loop, &scene->later, ms, stop, scene);
    engine_wait(scene);
}
