/*
 * The server of the tests: each path is another way to behave.
 */
#include "tests/unit/http_scene.h"

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

static void send_much(struct io_server_peer *peer, size_t size)
{
    char *data = mem_alloc(size);

    memset(data, 'm', size);
    io_server_send(peer, data, size);
    free(data);
}

void web_serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    struct scene *scene = ctx;
    const char *path = request->path;

    scene->served++;
    buf_printf(&scene->seen, "%s %s %.40s\n", request->method, path, request->body);
    if (strcmp(path, "/hello") == 0)
        io_server_answer(peer, 200, "{\"hello\":1}");
    else if (strcmp(path, "/head") == 0)
        io_server_answer(peer, 200, request->head);
    else if (strcmp(path, "/missing") == 0)
        io_server_answer(peer, 404, "{\"message\":\"none\"}");
    else if (strcmp(path, "/size") == 0)
        io_server_answer(peer, 200, text_equal(request->method, "PUT") ? "put" : "other");
    else if (text_starts(path, "/nothing"))
        io_server_send_text(peer, "HTTP/1.1 204 No Content\r\n\r\n");
    else if (strcmp(path, "/close") == 0)
        io_server_close(peer);
    else if (strcmp(path, "/half") == 0) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        io_server_close(peer);
    } else if (strcmp(path, "/half-chunk") == 0) {
        io_server_send_text(
            peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n5\r\nse");
        io_server_close(peer);
    } else if (strcmp(path, "/noise") == 0) {
        io_server_send_text(peer, "220 this is something else\r\n\r\n");
        io_server_close(peer);
    } else if (strcmp(path, "/100MB") == 0) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
        send_much(peer, 104857600);
    } else if (strcmp(path, "/8MB") == 0) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
        send_much(peer, 8388608);
    } else if (strcmp(path, "/stream") == 0) {
        io_server_send_text(peer,
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none,\r\n");
        scene->peer = peer;
    } else if (strcmp(path, "/hang") == 0)
        scene->peer = peer;
}

int web_set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    scene->http = http_new(scene->loop, NULL);
    (void)snprintf(scene->directory, sizeof(scene->directory), "/tmp/test_io_http.XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/s", scene->directory);
    scene->server = io_server_new(scene->loop, scene->path, web_serve, scene);
    buf_init(&scene->seen, 1 << 20);
    scene->endpoint =
        http_endpoint_new(scene->http,
                          &(struct http_endpoint_options){ .unix_path = scene->path,
                                                           .name = "engine",
                                                           .hint = "is it up?",
                                                           .denied_hint = "may you use it?" },
                          NULL);
    assert_non_null(scene->endpoint);
    for (size_t i = 0; i < MANY; i++) {
        scene->calls[i].scene = scene;
        buf_init(&scene->calls[i].body, 1 << 20);
        buf_init(&scene->calls[i].data, 1 << 25);
    }
    timer_start(scene->loop, &scene->patience, 180000, give_up, scene);
    *state = scene;
    return 0;
}

int web_tear_down(void **state)
{
    struct scene *scene = *state;

    assert_false(scene->late);
    timer_stop(&scene->patience);
    timer_stop(&scene->later);
    http_endpoint_free(scene->endpoint);
    http_free(scene->http);
    io_server_free(scene->server);
    loop_free(scene->loop);
    buf_release(&scene->seen);
    for (size_t i = 0; i < MANY; i++) {
        buf_release(&scene->calls[i].body);
        buf_release(&scene->calls[i].data);
    }
    (void)rmdir(scene->directory);
    free(scene);
    return 0;
}

void web_done(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct call *call = ctx;
    const char *type = response->content_type != NULL ? response->content_type : "";
    const char *header = http_response_header(response, "x-test");

    call->done++;
    call->status = response->status;
    call->size = response->size;
    buf_add(&call->body, response->body, response->size);
    (void)snprintf(call->content_type, sizeof(call->content_type), "%s", type);
    (void)snprintf(call->header, sizeof(call->header), "%s", header != NULL ? header : "");
    call->failed = failure != NULL;
    if (failure != NULL)
        call->failure = *failure;
    call->scene->done++;
    if (call->scene->done == call->scene->wanted)
        loop_stop(call->scene->loop);
}

void web_data(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    assert_true(size > 0);
    call->parts++;
    buf_add(&call->data, data, size);
}

struct call *web_start(struct scene *scene, struct http_options options)
{
    struct call *call = &scene->calls[scene->wanted++];

    options.on_done = web_done;
    options.ctx = call;
    call->request = http_start(scene->endpoint, &options);
    assert_int_equal(call->done, 0);
    return call;
}

void web_wait(struct scene *scene)
{
    loop_run(scene->loop);
    assert_false(scene->late);
}

void web_stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

struct call *web_get(struct scene *scene, const char *path)
{
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = path, .deadline_ms = 120000 });

    web_wait(scene);
    assert_int_equal(call->done, 1);
    return call;
}
