/*
 * The HTTP client against a server that behaves well, badly, and not at all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drivers/io/http.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/unit.h"

#define MANY 200

struct scene;

/* One request of a test and what became of it. */
struct call {
    struct scene *scene;
    struct http_request *request;
    unsigned done;
    int status;
    bool failed;
    struct err failure;
    char content_type[64];
    char header[64];
    struct buf body;
    size_t size;
    struct buf data; /* of on_data */
    unsigned parts;
    size_t body_left; /* for body_read */
    bool wait_once;
};

struct scene {
    struct loop *loop;
    struct http *http;
    struct http_endpoint *endpoint;
    struct server *server;
    char directory[32];
    char path[64];
    struct timer patience;
    struct timer later;
    struct call calls[MANY];
    unsigned wanted; /* answers until the loop stops */
    unsigned done;
    unsigned served;
    struct server_peer *peer; /* of /later */
    struct buf seen;          /* what the server got: "METHOD PATH BODY\n" */
    bool late;
};

static void give_up(void *ctx)
{
    struct scene *scene = ctx;

    scene->late = true;
    loop_stop(scene->loop);
}

static void send_much(struct server_peer *peer, size_t size)
{
    char *data = mem_alloc(size);

    memset(data, 'm', size);
    server_send(peer, data, size);
    free(data);
}

static void serve(void *ctx, struct server_peer *peer, const struct server_request *request)
{
    struct scene *scene = ctx;
    const char *path = request->path;

    scene->served++;
    buf_printf(&scene->seen, "%s %s %.40s\n", request->method, path, request->body);
    if (strcmp(path, "/hello") == 0)
        server_answer(peer, 200, "{\"hello\":1}");
    else if (strcmp(path, "/head") == 0)
        server_answer(peer, 200, request->head);
    else if (strcmp(path, "/missing") == 0)
        server_answer(peer, 404, "{\"message\":\"none\"}");
    else if (strcmp(path, "/size") == 0)
        server_answer(peer, 200, text_equal(request->method, "PUT") ? "put" : "other");
    else if (text_starts(path, "/nothing"))
        server_send_text(peer, "HTTP/1.1 204 No Content\r\n\r\n");
    else if (strcmp(path, "/close") == 0)
        server_close(peer);
    else if (strcmp(path, "/half") == 0) {
        server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        server_close(peer);
    } else if (strcmp(path, "/half-chunk") == 0) {
        server_send_text(
            peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n5\r\nse");
        server_close(peer);
    } else if (strcmp(path, "/noise") == 0) {
        server_send_text(peer, "220 this is something else\r\n\r\n");
        server_close(peer);
    } else if (strcmp(path, "/100MB") == 0) {
        server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
        send_much(peer, 104857600);
    } else if (strcmp(path, "/8MB") == 0) {
        server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
        send_much(peer, 8388608);
    } else if (strcmp(path, "/stream") == 0) {
        server_send_text(peer,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none,\r\n");
        scene->peer = peer;
    } else if (strcmp(path, "/hang") == 0)
        scene->peer = peer;
}

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));

    scene->loop = loop_new(NULL);
    scene->http = http_new(scene->loop, NULL);
    (void)snprintf(scene->directory, sizeof(scene->directory), "/tmp/test_io_http.XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/s", scene->directory);
    scene->server = server_new(scene->loop, scene->path, serve, scene);
    buf_init(&scene->seen, 1 << 20);
    scene->endpoint =
        http_endpoint_new(scene->http,
                          &(struct http_endpoint_options){
                              .unix_path = scene->path, .name = "engine", .hint = "is it up?" },
                          NULL);
    assert_non_null(scene->endpoint);
    for (size_t i = 0; i < MANY; i++) {
        scene->calls[i].scene = scene;
        buf_init(&scene->calls[i].body, 1 << 20);
        buf_init(&scene->calls[i].data, 1 << 25);
    }
    timer_start(scene->loop, &scene->patience, 30000, give_up, scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    assert_false(scene->late);
    timer_stop(&scene->patience);
    timer_stop(&scene->later);
    http_endpoint_free(scene->endpoint);
    http_free(scene->http);
    server_free(scene->server);
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

static void done(void *ctx, const struct http_response *response, const struct err *failure)
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

static void on_data(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    assert_true(size > 0);
    call->parts++;
    buf_add(&call->data, data, size);
}

static struct call *start(struct scene *scene, struct http_options options)
{
    struct call *call = &scene->calls[scene->wanted++];

    options.on_done = done;
    options.ctx = call;
    call->request = http_start(scene->endpoint, &options);
    assert_int_equal(call->done, 0);
    return call;
}

static void wait_for_answers(struct scene *scene)
{
    loop_run(scene->loop);
    assert_false(scene->late);
}

static void stop(void *ctx)
{
    struct scene *scene = ctx;

    loop_stop(scene->loop);
}

static struct call *get(struct scene *scene, const char *path)
{
    struct call *call =
        start(scene, (struct http_options){ .method = "GET", .path = path, .deadline_ms = 20000 });

    wait_for_answers(scene);
    assert_int_equal(call->done, 1);
    return call;
}

/* ---- What is sent and what comes back ---- */

static void an_answer_is_gathered(void **state)
{
    struct call *call = get(*state, "/hello");

    assert_false(call->failed);
    assert_int_equal(call->status, 200);
    assert_string_equal(buf_text(&call->body), "{\"hello\":1}");
    assert_string_equal(call->content_type, "application/json");
    assert_string_equal(call->header, "here");
}

static void any_status_is_an_answer(void **state)
{
    struct call *call = get(*state, "/missing");

    assert_false(call->failed);
    assert_int_equal(call->status, 404);
    assert_string_equal(buf_text(&call->body), "{\"message\":\"none\"}");
    call = get(*state, "/nothing");
    assert_false(call->failed);
    assert_int_equal(call->status, 204);
    assert_int_equal(call->size, 0);
}

static void methods_and_bodies_arrive(void **state)
{
    struct scene *scene = *state;
    const char *const methods[] = { "GET", "POST", "DELETE", "PUT", "HEAD" };

    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        (void)start(scene, (struct http_options){ .method = methods[i], .path = "/nothing?a=%20" });
        wait_for_answers(scene);
        (void)start(scene,
                    (struct http_options){
                        .method = methods[i], .path = "/nothing", .body = "b\0c", .body_size = 3 });
        wait_for_answers(scene);
    }
    for (unsigned i = 0; i < scene->wanted; i++)
        assert_false(scene->calls[i].failed);
    assert_string_equal(buf_text(&scene->seen), "GET /nothing?a=%20 \nGET /nothing b\n"
                                                "POST /nothing?a=%20 \nPOST /nothing b\n"
                                                "DELETE /nothing?a=%20 \nDELETE /nothing b\n"
                                                "PUT /nothing?a=%20 \nPUT /nothing b\n"
                                                "HEAD /nothing?a=%20 \nHEAD /nothing b\n");
    assert_int_equal(server_accepted(scene->server), 1);
}

static void headers_are_ours_alone(void **state)
{
    struct scene *scene = *state;
    const char *const headers[] = { "X-Registry-Auth: abc", "Content-Type: application/x-tar",
                                    NULL };
    char *body = mem_alloc(2 << 20);
    struct call *call = start(scene, (struct http_options){ .method = "POST",
                                                            .path = "/head",
                                                            .headers = headers,
                                                            .body = body,
                                                            .body_size = 2 << 20 });

    wait_for_answers(scene);
    free(body);

    const char *head = buf_text(&call->body);
    assert_non_null(strstr(head, "\r\nX-Registry-Auth: abc\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Type: application/x-tar\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Length: 2097152\r\n"));
    assert_null(strcasestr(head, "expect"));
    assert_null(strcasestr(head, "proxy"));

    call = start(scene, (struct http_options){ .method = "POST", .path = "/head" });
    wait_for_answers(scene);
    assert_null(strcasestr(buf_text(&call->body), "content-type"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nContent-Length: 0\r\n"));
}

static void the_environment_has_no_say(void **state)
{
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_false(get(*state, "/hello")->failed);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
}

static void a_file_is_sent(void **state)
{
    struct scene *scene = *state;
    AUTO_FD int fd = memfd_create("body", MFD_CLOEXEC);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    (void)start(scene, (struct http_options){ .method = "PUT",
                                              .path = "/size",
                                              .body_is_fd = true,
                                              .body_fd = fd,
                                              .body_fd_size = 10 });
    wait_for_answers(scene);
    (void)start(scene, (struct http_options){ .method = "POST",
                                              .path = "/size",
                                              .body_is_fd = true,
                                              .body_fd = fd,
                                              .body_fd_size = 5 });
    wait_for_answers(scene);
    (void)start(scene, (struct http_options){
                           .method = "POST", .path = "/size", .body_is_fd = true, .body_fd = fd });
    wait_for_answers(scene);
    assert_string_equal(buf_text(&scene->seen),
                        "PUT /size 0123456789\nPOST /size 01234\nPOST /size \n");
}

static void a_file_that_shrank_is_an_error(void **state)
{
    struct scene *scene = *state;
    AUTO_FD int fd = memfd_create("body", MFD_CLOEXEC);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    struct call *call = start(scene, (struct http_options){ .method = "PUT",
                                                            .path = "/size",
                                                            .body_is_fd = true,
                                                            .body_fd = fd,
                                                            .body_fd_size = 11 });
    wait_for_answers(scene);
    assert_int_equal(call->failure.code, ERR_FAILED);
    assert_non_null(strstr(call->failure.text, "cannot read what to send"));
}

static void go_on_sending(void *ctx)
{
    struct call *call = ctx;

    http_body_ready(call->request);
}

static int64_t give_body(void *ctx, char *out, size_t size)
{
    struct call *call = ctx;

    if (call->wait_once) {
        call->wait_once = false;
        timer_start(call->scene->loop, &call->scene->later, 20, go_on_sending, call);
        return HTTP_BODY_WAIT;
    }
    if (size > call->body_left)
        size = call->body_left;
    memset(out, 'z', size);
    call->body_left -= size;
    return (int64_t)size;
}

static int64_t give_up_body(void *ctx, char *out, size_t size)
{
    (void)ctx;
    (void)out;
    (void)size;
    return -1;
}

static void a_callback_can_send_and_wait(void **state)
{
    struct scene *scene = *state;

    scene->calls[0].body_left = 25;
    scene->calls[0].wait_once = true;
    struct call *call = start(
        scene, (struct http_options){ .method = "PUT", .path = "/size", .body_read = give_body });
    wait_for_answers(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&scene->seen), "PUT /size zzzzzzzzzzzzzzzzzzzzzzzzz\n");
}

static void a_callback_can_give_up(void **state)
{
    struct scene *scene = *state;
    struct call *call =
        start(scene,
              (struct http_options){ .method = "PUT", .path = "/size", .body_read = give_up_body });

    wait_for_answers(scene);
    assert_true(call->failed);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

/* ---- Streams ---- */

static void send_more(void *ctx)
{
    struct scene *scene = ctx;

    server_send_text(scene->peer, "4\r\ntwo,\r\n0\r\n\r\n");
}

static void a_stream_arrives_in_parts(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/stream", .on_data = on_data });

    timer_start(scene->loop, &scene->later, 50, send_more, scene);
    wait_for_answers(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&call->data), "one,two,");
    assert_int_equal(call->parts, 2);
    assert_int_equal(call->size, 0);
}

static void an_error_of_a_stream_is_gathered(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/missing", .on_data = on_data });

    wait_for_answers(scene);
    assert_int_equal(call->parts, 0);
    assert_string_equal(buf_text(&call->body), "{\"message\":\"none\"}");
}

static void cancel_at_once(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    on_data(ctx, data, size);
    http_cancel(call->request);
    http_cancel(call->request);
    assert_int_equal(call->done, 0);
}

static void a_stream_can_be_cancelled_by_its_data(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = cancel_at_once });

    wait_for_answers(scene);
    assert_int_equal(call->parts, 1);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
    assert_int_equal(call->status, 200);
    assert_false(get(scene, "/hello")->failed);
}

static void free_endpoint(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    on_data(ctx, data, size);
    http_endpoint_free(call->scene->endpoint);
    call->scene->endpoint = NULL;
    assert_int_equal(call->done, 1);
}

static void the_endpoint_can_be_freed_by_data(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = free_endpoint });

    (void)start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    wait_for_answers(scene);
    assert_int_equal(call->parts, 1);
    assert_int_equal(scene->calls[0].failure.code, ERR_CANCELLED);
    assert_int_equal(scene->calls[1].failure.code, ERR_CANCELLED);
}

static void unpause(void *ctx)
{
    struct call *call = ctx;

    assert_int_equal(call->parts, 1);
    http_pause(call->request, false);
}

static void pause_first(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    on_data(ctx, data, size);
    if (call->parts == 1) {
        http_pause(call->request, true);
        timer_start(call->scene->loop, &call->scene->later, 100, unpause, call);
    }
}

static void a_slow_reader_holds_the_stream(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = pause_first });

    wait_for_answers(scene);
    assert_false(call->failed);
    assert_int_equal(call->data.size, 8388608);
}

/* ---- What goes wrong ---- */

static void no_socket_says_so(void **state)
{
    struct scene *scene = *state;

    server_free(scene->server);
    scene->server = NULL;
    struct call *call = get(scene, "/hello");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(call->failure.text,
                        "cannot connect to engine: No such file or directory; is it up?");
    assert_int_equal(call->status, 0);

    /* Back again. */
    scene->server = server_new(scene->loop, scene->path, serve, scene);
    assert_false(get(scene, "/hello")->failed);
    server_free(scene->server);
    scene->server = server_new(scene->loop, scene->path, serve, scene);
    assert_false(get(scene, "/hello")->failed); /* the kept connection is stale now */
}

static void nobody_listening_says_so(void **state)
{
    struct scene *scene = *state;

    server_free(scene->server);
    scene->server = NULL;
    AUTO_FD int fd = open(scene->path, O_CREAT | O_CLOEXEC, 0600);
    struct call *call = get(scene, "/hello");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(call->failure.text, "Connection refused; is it up?"));
    (void)unlink(scene->path);
}

static void broken_answers_are_no_answers(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(get(scene, "/close")->failure.code, ERR_UNREACHABLE);

    struct call *call = get(scene, "/half");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(buf_text(&call->body), "only this");
    assert_int_equal(call->status, 200);
    call = get(scene, "/half-chunk");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    call = get(scene, "/noise");
    assert_true(call->failed);
    assert_false(get(scene, "/hello")->failed);
}

static void a_broken_stream_gives_what_came_first(void **state)
{
    struct scene *scene = *state;
    struct call *call = start(
        scene, (struct http_options){ .method = "GET", .path = "/half-chunk", .on_data = on_data });

    wait_for_answers(scene);
    assert_true(text_starts(buf_text(&call->data), "first"));
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
}

static void the_deadline_is_kept(void **state)
{
    struct scene *scene = *state;
    int64_t begin = loop_now_ms(scene->loop);
    struct call *call =
        start(scene, (struct http_options){ .method = "GET", .path = "/hang", .deadline_ms = 50 });

    wait_for_answers(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    assert_string_equal(call->failure.text, "engine: no answer in time");
    assert_in_range(loop_now_ms(scene->loop) - begin, 50, 5000);
    assert_false(get(scene, "/hello")->failed);
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
    struct scene *scene = *state;
    struct call *call = get(scene, "/100MB");

    assert_int_equal(call->failure.code, ERR_CAPACITY);
    assert_string_equal(call->failure.text, "engine: the answer is larger than 67108864 bytes");

    call = start(scene, (struct http_options){ .method = "GET", .path = "/hello", .body_max = 5 });
    wait_for_answers(scene);
    assert_int_equal(call->failure.code, ERR_CAPACITY);
    call = start(scene, (struct http_options){ .method = "GET", .path = "/hello", .body_max = 11 });
    wait_for_answers(scene);
    assert_false(call->failed);
}

static void cancel_both(void *ctx)
{
    struct scene *scene = ctx;

    http_cancel(scene->calls[0].request);
    http_cancel(scene->calls[1].request);
    assert_int_equal(scene->done, 0);
}

static void a_request_can_be_cancelled(void **state)
{
    struct scene *scene = *state;

    (void)start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    (void)start(scene, (struct http_options){ .method = "GET", .path = "/8MB" });
    timer_start(scene->loop, &scene->later, 5, cancel_both, scene);
    http_cancel(NULL);
    wait_for_answers(scene);
    assert_int_equal(scene->calls[0].failure.code, ERR_CANCELLED);
    assert_int_equal(scene->calls[0].done, 1);
    assert_true(scene->calls[1].done == 1);

    /* Before it was sent. */
    struct call *call = start(scene, (struct http_options){ .method = "GET", .path = "/unsent" });
    http_cancel(call->request);
    assert_int_equal(call->done, 0);
    wait_for_answers(scene);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
    assert_null(strstr(buf_text(&scene->seen), "/unsent"));
}

static void freeing_answers_all(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 60; i++) /* some wait in line */
        (void)start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    timer_start(scene->loop, &scene->later, 30, stop, scene);
    wait_for_answers(scene);
    http_endpoint_free(scene->endpoint);
    scene->endpoint = NULL;
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(scene->calls[i].done, 1);
        assert_int_equal(scene->calls[i].failure.code, ERR_CANCELLED);
    }
}

static void wrong_options_are_refused(void **state)
{
    struct scene *scene = *state;
    char path[200];
    struct err err = { 0 };

    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[108] = '\0';
    assert_null(
        http_endpoint_new(scene->http, &(struct http_endpoint_options){ .unix_path = path }, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(http_endpoint_new(scene->http,
                                  &(struct http_endpoint_options){ .base_url = "ftp://x" }, &err));
    assert_string_equal(err.text, "'ftp://x' is not an http:// or https:// address");
    assert_null(http_endpoint_new(
        scene->http,
        &(struct http_endpoint_options){ .base_url = "https://x", .ca_path = "/no/such/ca.pem" },
        &err));
    assert_string_equal(err.text, "'/no/such/ca.pem' cannot be read");
}

/* ---- Many ---- */

static void many_at_once_share_connections(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < MANY; i++)
        (void)start(scene, (struct http_options){
                               .method = "GET", .path = "/hello", .deadline_ms = 20000 });
    wait_for_answers(scene);
    assert_int_equal(scene->done, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(scene->calls[i].status, 200);
        assert_string_equal(buf_text(&scene->calls[i].body), "{\"hello\":1}");
    }
    assert_in_range(server_peers_most(scene->server), 1, HTTP_REQUESTS_MAX);
    assert_in_range(server_accepted(scene->server), 1, HTTP_REQUESTS_MAX);
}

static void long_ones_do_not_hold_up_others(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 50; i++)
        (void)start(scene,
                    (struct http_options){ .method = "GET", .path = "/hang", .is_long = true });
    scene->wanted = 1; /* of 51: the one that is answered */
    struct call *call = &scene->calls[50];
    call->request = http_start(
        scene->endpoint,
        &(struct http_options){ .method = "GET", .path = "/hello", .on_done = done, .ctx = call });
    wait_for_answers(scene);
    assert_int_equal(call->status, 200);
    assert_int_equal(server_peers(scene->server), 51);
}

/* Also the deadline of one that waits in line is kept. */
static void waiting_counts_for_the_deadline(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < HTTP_REQUESTS_MAX; i++)
        (void)start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    scene->wanted = 1;
    struct call *call = &scene->calls[100];
    call->request = http_start(
        scene->endpoint,
        &(struct http_options){
            .method = "GET", .path = "/hello", .deadline_ms = 50, .on_done = done, .ctx = call });
    wait_for_answers(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    assert_null(strstr(buf_text(&scene->seen), "/hello"));
}

static void start_next(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct call *call = ctx;

    done(ctx, response, failure);
    if (call->scene->wanted < 20)
        (void)start(call->scene, (struct http_options){ .method = "GET", .path = "/hello" });
}

static void an_answer_may_start_the_next(void **state)
{
    struct scene *scene = *state;
    struct call *call = &scene->calls[0];

    scene->wanted = 1;
    call->request =
        http_start(scene->endpoint,
                   &(struct http_options){
                       .method = "GET", .path = "/hello", .on_done = start_next, .ctx = call });
    wait_for_answers(scene);
    wait_for_answers(scene);
    assert_int_equal(scene->done, 2);
}

/* With a connection kept and a stream open, and nothing to do. */
static void an_idle_client_does_not_wake_up(void **state)
{
    struct scene *scene = *state;
    struct rusage before;
    struct rusage after;

    (void)get(scene, "/hello");
    (void)start(scene,
                (struct http_options){
                    .method = "GET", .path = "/stream", .is_long = true, .on_data = on_data });
    timer_start(scene->loop, &scene->later, 500, stop, scene);
    wait_for_answers(scene);
    timer_start(scene->loop, &scene->later, 1000, stop, scene);
    (void)getrusage(RUSAGE_SELF, &before);
    wait_for_answers(scene);
    (void)getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 2);
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(an_answer_is_gathered),
        HTTP_TEST(any_status_is_an_answer),
        HTTP_TEST(methods_and_bodies_arrive),
        HTTP_TEST(headers_are_ours_alone),
        HTTP_TEST(the_environment_has_no_say),
        HTTP_TEST(a_file_is_sent),
        HTTP_TEST(a_file_that_shrank_is_an_error),
        HTTP_TEST(a_callback_can_send_and_wait),
        HTTP_TEST(a_callback_can_give_up),
        HTTP_TEST(a_stream_arrives_in_parts),
        HTTP_TEST(an_error_of_a_stream_is_gathered),
        HTTP_TEST(a_stream_can_be_cancelled_by_its_data),
        HTTP_TEST(the_endpoint_can_be_freed_by_data),
        HTTP_TEST(a_slow_reader_holds_the_stream),
        HTTP_TEST(no_socket_says_so),
        HTTP_TEST(nobody_listening_says_so),
        HTTP_TEST(broken_answers_are_no_answers),
        HTTP_TEST(a_broken_stream_gives_what_came_first),
        HTTP_TEST(the_deadline_is_kept),
        HTTP_TEST(an_answer_that_is_too_large_is_refused),
        HTTP_TEST(a_request_can_be_cancelled),
        HTTP_TEST(freeing_answers_all),
        HTTP_TEST(wrong_options_are_refused),
        HTTP_TEST(many_at_once_share_connections),
        HTTP_TEST(long_ones_do_not_hold_up_others),
        HTTP_TEST(waiting_counts_for_the_deadline),
        HTTP_TEST(an_answer_may_start_the_next),
        HTTP_TEST(an_idle_client_does_not_wake_up),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
