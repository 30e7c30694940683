/*
 * The HTTP client when the server fails, and under load.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/text.h"
#include "tests/unit/http_scene.h"
#include "tests/unit/unit.h"

/* ---- What goes wrong ---- */

static void no_socket_says_so(void **state)
{
    struct scene *scene = *state;

    io_server_free(scene->server);
    scene->server = NULL;
    struct call *call = web_get(scene, "/hello");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(call->failure.text,
                        "cannot connect to engine: No such file or directory; is it up?");
    assert_int_equal(call->status, 0);

    /* Back again. */
    scene->server = io_server_new(scene->loop, scene->path, web_serve, scene);
    assert_false(web_get(scene, "/hello")->failed);
    io_server_free(scene->server);
    scene->server = io_server_new(scene->loop, scene->path, web_serve, scene);
    assert_false(web_get(scene, "/hello")->failed); /* the kept connection is stale now */
}

static void nobody_listening_says_so(void **state)
{
    struct scene *scene = *state;

    io_server_free(scene->server);
    scene->server = NULL;
    AUTO_FD int fd = open(scene->path, O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    struct call *call = web_get(scene, "/hello");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(call->failure.text, "Connection refused; is it up?"));
    (void)unlink(scene->path);
}

static void no_permission_says_so(void **state)
{
    struct scene *scene = *state;
    bool is_root = geteuid() == 0; /* permissions do not count for root */

    assert_int_equal(chmod(scene->path, 0), 0);
    assert_true(!is_root || seteuid(65534) == 0);
    struct call *call = web_get(scene, "/hello");
    assert_true(!is_root || seteuid(0) == 0);
    assert_int_equal(call->failure.code, ERR_DENIED);
    assert_string_equal(call->failure.text,
                        "cannot connect to engine: Permission denied; may you use it?");
}

static void broken_answers_are_no_answers(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(web_get(scene, "/close")->failure.code, ERR_UNREACHABLE);

    struct call *call = web_get(scene, "/half");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(buf_text(&call->body), "only this");
    assert_int_equal(call->status, 200);
    call = web_get(scene, "/half-chunk");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    call = web_get(scene, "/noise");
    assert_true(call->failed);
    assert_false(web_get(scene, "/hello")->failed);
}

static void a_broken_stream_gives_what_came_first(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_start(
        scene,
        (struct http_options){ .method = "GET", .path = "/half-chunk", .on_data = web_data });

    web_wait(scene);
    assert_true(text_starts(buf_text(&call->data), "first"));
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
}

static void the_deadline_is_kept(void **state)
{
    struct scene *scene = *state;
    int64_t begin = loop_now_ms(scene->loop);
    struct call *call = web_start(
        scene, (struct http_options){ .method = "GET", .path = "/hang", .deadline_ms = 50 });

    web_wait(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    assert_string_equal(call->failure.text, "engine: no answer in time");
    assert_in_range(loop_now_ms(scene->loop) - begin, 50, 5000);
    assert_false(web_get(scene, "/hello")->failed);
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
    struct scene *scene = *state;
    struct call *call = web_get(scene, "/100MB");

    assert_int_equal(call->failure.code, ERR_CAPACITY);
    assert_string_equal(call->failure.text, "engine: the answer is larger than 67108864 bytes");

    call =
        web_start(scene, (struct http_options){ .method = "GET", .path = "/hello", .body_max = 5 });
    web_wait(scene);
    assert_int_equal(call->failure.code, ERR_CAPACITY);
    call = web_start(scene,
                     (struct http_options){ .method = "GET", .path = "/hello", .body_max = 11 });
    web_wait(scene);
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

    (void)web_start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    (void)web_start(scene, (struct http_options){ .method = "GET", .path = "/8MB" });
    timer_start(scene->loop, &scene->later, 5, cancel_both, scene);
    http_cancel(NULL);
    web_wait(scene);
    assert_int_equal(scene->calls[0].failure.code, ERR_CANCELLED);
    assert_int_equal(scene->calls[0].done, 1);
    assert_true(scene->calls[1].done == 1);

    /* Before it was sent. */
    struct call *call =
        web_start(scene, (struct http_options){ .method = "GET", .path = "/unsent" });
    http_cancel(call->request);
    assert_int_equal(call->done, 0);
    web_wait(scene);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
    assert_null(strstr(buf_text(&scene->seen), "/unsent"));
}

static void freeing_answers_all(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 60; i++) /* some wait in line */
        (void)web_start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    timer_start(scene->loop, &scene->later, 30, web_stop, scene);
    web_wait(scene);
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
        (void)web_start(scene, (struct http_options){
                                   .method = "GET", .path = "/hello", .deadline_ms = 20000 });
    web_wait(scene);
    assert_int_equal(scene->done, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(scene->calls[i].status, 200);
        assert_string_equal(buf_text(&scene->calls[i].body), "{\"hello\":1}");
    }
    assert_in_range(io_server_peers_most(scene->server), 1, HTTP_REQUESTS_MAX);
    assert_in_range(io_server_accepted(scene->server), 1, HTTP_REQUESTS_MAX);
}

static void long_ones_do_not_hold_up_others(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 50; i++)
        (void)web_start(scene,
                        (struct http_options){ .method = "GET", .path = "/hang", .is_long = true });
    scene->wanted = 1; /* of 51: the one that is answered */
    struct call *call = &scene->calls[50];
    call->request = http_start(
        scene->endpoint, &(struct http_options){
                             .method = "GET", .path = "/hello", .on_done = web_done, .ctx = call });
    web_wait(scene);
    assert_int_equal(call->status, 200);
    assert_int_equal(io_server_peers(scene->server), 51);
}

/* Also the deadline of one that waits in line is kept. */
static void waiting_counts_for_the_deadline(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < HTTP_REQUESTS_MAX; i++)
        (void)web_start(scene, (struct http_options){ .method = "GET", .path = "/hang" });
    scene->wanted = 1;
    struct call *call = &scene->calls[100];
    call->request = http_start(scene->endpoint, &(struct http_options){ .method = "GET",
                                                                        .path = "/hello",
                                                                        .deadline_ms = 50,
                                                                        .on_done = web_done,
                                                                        .ctx = call });
    web_wait(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    assert_null(strstr(buf_text(&scene->seen), "/hello"));
}

static void start_next(void *ctx, const struct http_response *response, const struct err *failure)
{
    struct call *call = ctx;

    web_done(ctx, response, failure);
    if (call->scene->wanted < 20)
        (void)web_start(call->scene, (struct http_options){ .method = "GET", .path = "/hello" });
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
    web_wait(scene);
    web_wait(scene);
    assert_int_equal(scene->done, 2);
}

/* With a connection kept and a stream open, and nothing to do. */
static void an_idle_client_does_not_wake_up(void **state)
{
    struct scene *scene = *state;
    struct rusage before;
    struct rusage after;

    (void)web_get(scene, "/hello");
    (void)web_start(scene,
                    (struct http_options){
                        .method = "GET", .path = "/stream", .is_long = true, .on_data = web_data });
    timer_start(scene->loop, &scene->later, 500, web_stop, scene);
    web_wait(scene);
    timer_start(scene->loop, &scene->later, 1000, web_stop, scene);
    (void)getrusage(RUSAGE_SELF, &before);
    web_wait(scene);
    (void)getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 2);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, web_set_up, web_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(no_socket_says_so),
        SCENE_TEST(nobody_listening_says_so),
        SCENE_TEST(no_permission_says_so),
        SCENE_TEST(broken_answers_are_no_answers),
        SCENE_TEST(a_broken_stream_gives_what_came_first),
        SCENE_TEST(the_deadline_is_kept),
        SCENE_TEST(an_answer_that_is_too_large_is_refused),
        SCENE_TEST(a_request_can_be_cancelled),
        SCENE_TEST(freeing_answers_all),
        SCENE_TEST(wrong_options_are_refused),
        SCENE_TEST(many_at_once_share_connections),
        SCENE_TEST(long_ones_do_not_hold_up_others),
        SCENE_TEST(waiting_counts_for_the_deadline),
        SCENE_TEST(an_answer_may_start_the_next),
        SCENE_TEST(an_idle_client_does_not_wake_up),
    };

    return cmocka_run_group_tests_name("http_faults", tests, NULL, NULL);
}
