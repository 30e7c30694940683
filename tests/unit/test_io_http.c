/*
 * What the HTTP client sends, and how answers and streams arrive.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/http_scene.h"
#include "tests/unit/unit.h"

/* ---- What is sent and what comes back ---- */

static void an_answer_is_gathered(void **state)
{
    struct call *call = web_get(*state, "/hello");

    assert_false(call->failed);
    assert_int_equal(call->status, 200);
    assert_string_equal(buf_text(&call->body), "{\"hello\":1}");
    assert_string_equal(call->content_type, "application/json");
    assert_string_equal(call->header, "here");
}

static void any_status_is_an_answer(void **state)
{
    struct call *call = web_get(*state, "/missing");

    assert_false(call->failed);
    assert_int_equal(call->status, 404);
    assert_string_equal(buf_text(&call->body), "{\"message\":\"none\"}");
    call = web_get(*state, "/nothing");
    assert_false(call->failed);
    assert_int_equal(call->status, 204);
    assert_int_equal(call->size, 0);
}

static void methods_and_bodies_arrive(void **state)
{
    struct scene *scene = *state;
    const char *const methods[] = { "GET", "POST", "DELETE", "PUT", "HEAD" };

    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        (void)web_start(scene,
                        (struct http_options){ .method = methods[i], .path = "/nothing?a=%20" });
        web_wait(scene);
        (void)web_start(
            scene, (struct http_options){
                       .method = methods[i], .path = "/nothing", .body = "b\0c", .body_size = 3 });
        web_wait(scene);
    }
    for (unsigned i = 0; i < scene->wanted; i++)
        assert_false(scene->calls[i].failed);
    assert_string_equal(buf_text(&scene->seen), "GET /nothing?a=%20 \nGET /nothing b\n"
                                                "POST /nothing?a=%20 \nPOST /nothing b\n"
                                                "DELETE /nothing?a=%20 \nDELETE /nothing b\n"
                                                "PUT /nothing?a=%20 \nPUT /nothing b\n"
                                                "HEAD /nothing?a=%20 \nHEAD /nothing b\n");
    assert_int_equal(io_server_accepted(scene->server), 1);
}

static void headers_are_ours_alone(void **state)
{
    struct scene *scene = *state;
    const char *const headers[] = { "X-Registry-Auth: abc", "Content-Type: application/x-tar",
                                    NULL };
    char *body = mem_alloc(2 << 20);
    struct call *call = web_start(scene, (struct http_options){ .method = "POST",
                                                                .path = "/head",
                                                                .headers = headers,
                                                                .body = body,
                                                                .body_size = 2 << 20 });

    web_wait(scene);
    free(body);

    const char *head = buf_text(&call->body);
    assert_non_null(strstr(head, "\r\nX-Registry-Auth: abc\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Type: application/x-tar\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Length: 2097152\r\n"));
    assert_null(strcasestr(head, "expect"));
    assert_null(strcasestr(head, "proxy"));

    call = web_start(scene, (struct http_options){ .method = "POST", .path = "/head" });
    web_wait(scene);
    assert_null(strcasestr(buf_text(&call->body), "content-type"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nContent-Length: 0\r\n"));
}

static void the_environment_has_no_say(void **state)
{
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_false(web_get(*state, "/hello")->failed);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
}

static void a_file_is_sent(void **state)
{
    struct scene *scene = *state;
    AUTO_FD int fd = memfd_create("body", MFD_CLOEXEC);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    (void)web_start(scene, (struct http_options){ .method = "PUT",
                                                  .path = "/size",
                                                  .body_is_fd = true,
                                                  .body_fd = fd,
                                                  .body_fd_size = 10 });
    web_wait(scene);
    (void)web_start(scene, (struct http_options){ .method = "POST",
                                                  .path = "/size",
                                                  .body_is_fd = true,
                                                  .body_fd = fd,
                                                  .body_fd_size = 5 });
    web_wait(scene);
    (void)web_start(scene,
                    (struct http_options){
                        .method = "POST", .path = "/size", .body_is_fd = true, .body_fd = fd });
    web_wait(scene);
    assert_string_equal(buf_text(&scene->seen),
                        "PUT /size 0123456789\nPOST /size 01234\nPOST /size \n");
}

static void parts_of_a_file_are_sent(void **state)
{
    static const struct http_part parts[] = { { 1, 2 }, { 4, 0 }, { 5, 1 }, { 8, 2 } };
    struct scene *scene = *state;
    AUTO_FD int fd = memfd_create("body", MFD_CLOEXEC);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    (void)web_start(scene, (struct http_options){ .method = "POST",
                                                  .path = "/size",
                                                  .body_is_fd = true,
                                                  .body_fd = fd,
                                                  .body_fd_size = 5,
                                                  .body_parts = parts,
                                                  .body_part_count = ARRAY_COUNT(parts) });
    web_wait(scene);
    assert_string_equal(buf_text(&scene->seen), "POST /size 12589\n");
}

static void a_file_that_shrank_is_an_error(void **state)
{
    struct scene *scene = *state;
    AUTO_FD int fd = memfd_create("body", MFD_CLOEXEC);

    assert_int_equal(write(fd, "0123456789", 10), 10);
    struct call *call = web_start(scene, (struct http_options){ .method = "PUT",
                                                                .path = "/size",
                                                                .body_is_fd = true,
                                                                .body_fd = fd,
                                                                .body_fd_size = 11 });
    web_wait(scene);
    assert_int_equal(call->failure.code, ERR_FAILED);
    assert_non_null(strstr(call->failure.text, "cannot read what to send"));
}

/* ---- Streams ---- */

static void send_more(void *ctx)
{
    struct scene *scene = ctx;

    io_server_send_text(scene->peer, "4\r\ntwo,\r\n0\r\n\r\n");
}

static void a_stream_arrives_in_parts(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/stream", .on_data = web_data });

    timer_start(scene->loop, &scene->later, 50, send_more, scene);
    web_wait(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&call->data), "one,two,");
    assert_int_equal(call->parts, 2);
    assert_int_equal(call->size, 0);
}

static void an_error_of_a_stream_is_gathered(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/missing", .on_data = web_data });

    web_wait(scene);
    assert_int_equal(call->parts, 0);
    assert_string_equal(buf_text(&call->body), "{\"message\":\"none\"}");
}

static void cancel_at_once(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    web_data(ctx, data, size);
    http_cancel(call->request);
    http_cancel(call->request);
    assert_int_equal(call->done, 0);
}

static void a_stream_can_be_cancelled_by_its_data(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = cancel_at_once });

    web_wait(scene);
    assert_int_equal(call->parts, 1);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
    assert_int_equal(call->status, 200);
    assert_false(web_get(scene, "/hello")->failed);
}

static void free_endpoint(void *ctx, const char *data, size_t size)
{
    struct call *call = ctx;

    web_data(ctx, data, size);
    http_endpoint_free(call->scene->endpoint);
    call->scene->endpoint = NULL;
    assert_int_equal(call->done, 1);
}

static void the_endpoint_can_be_freed_by_data(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = free_endpoint });

    (void)web_start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    web_wait(scene);
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

    web_data(ctx, data, size);
    if (call->parts == 1) {
        http_pause(call->request, true);
        timer_start(call->scene->loop, &call->scene->later, 100, unpause, call);
    }
}

static void a_slow_reader_holds_the_stream(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/8MB", .on_data = pause_first });

    web_wait(scene);
    assert_false(call->failed);
    assert_int_equal(call->data.size, 8388608);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, web_set_up, web_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_answer_is_gathered),
        SCENE_TEST(any_status_is_an_answer),
        SCENE_TEST(methods_and_bodies_arrive),
        SCENE_TEST(headers_are_ours_alone),
        SCENE_TEST(the_environment_has_no_say),
        SCENE_TEST(a_file_is_sent),
        SCENE_TEST(parts_of_a_file_are_sent),
        SCENE_TEST(a_file_that_shrank_is_an_error),
        SCENE_TEST(a_stream_arrives_in_parts),
        SCENE_TEST(an_error_of_a_stream_is_gathered),
        SCENE_TEST(a_stream_can_be_cancelled_by_its_data),
        SCENE_TEST(the_endpoint_can_be_freed_by_data),
        SCENE_TEST(a_slow_reader_holds_the_stream),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
