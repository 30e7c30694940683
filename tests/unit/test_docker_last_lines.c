/*
 * What an engine answers when it is asked for the last lines of a container, and what is told of
 * it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/docker/engine.h"
#include "spec/action.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/unit.h"

#define INFO      "{\"ID\":\"engine\",\"ServerVersion\":\"20.10\",\"NCPU\":2}"
#define ENOUGH_MS 20000
#define OK_HEAD   "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n"

struct scene {
    struct loop *loop;
    struct http *http;
    struct io_server *server;
    struct engine *engine;
    struct timer patience;
    char directory[40];
    char socket[64];
    char host[80];
    int status; /* of the answer; 0: none comes */
    const char *body;
    size_t size;
    char *asked; /* the path of the request */
    struct err failure;
    unsigned dones;
    unsigned tells;
    char *told;
};

static void give_up(void *ctx)
{
    (void)ctx;
    fail_msg("nothing happens any more");
}

static void on_change(void *ctx, const struct world_change *change)
{
    struct scene *scene = ctx;

    if (change->kind == WORLD_LISTING_END)
        loop_stop(scene->loop);
    if (change->kind != WORLD_CONTAINER_LINES)
        return;
    assert_int_equal(scene->dones, 0);
    assert_string_equal(change->lines.instance, "local");
    assert_string_equal(change->lines.id, "c0ffee");
    scene->tells++;
    scene->told = mem_text(change->lines.text);
}

static void answer_lines(struct scene *scene, struct io_server_peer *peer, const char *path)
{
    char head[100];

    scene->asked = mem_text(path);
    if (scene->status == 200) {
        (void)snprintf(head, sizeof(head), OK_HEAD, scene->size);
        io_server_send_text(peer, head);
        for (size_t i = 0; i < scene->size; i++) /* in parts */
            io_server_send(peer, scene->body + i, 1);
    } else if (scene->status != 0) {
        io_server_answer(peer, scene->status, scene->body);
    }
}

static void serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    struct scene *scene = ctx;
    const char *path = request->path;

    if (strstr(path, "/_ping") != NULL)
        io_server_send_text(peer,
                            "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK");
    else if (strstr(path, "/info") != NULL)
        io_server_answer(peer, 200, INFO);
    else if (strstr(path, "/logs") != NULL)
        answer_lines(scene, peer, path);
    else if (strstr(path, "/events") != NULL)
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    else
        io_server_answer(peer, 200, strstr(path, "/volumes") != NULL ? "{\"Volumes\":[]}" : "[]");
}

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    struct engine_options options = { .instance = "local", .mandate = { .owner = "it" } };
    struct err err;

    *state = scene;
    text_copy(scene->directory, sizeof(scene->directory), "/tmp/berth-unit-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->socket, sizeof(scene->socket), "%s/s", scene->directory);
    (void)snprintf(scene->host, sizeof(scene->host), "unix://%s", scene->socket);
    scene->loop = loop_new(&err);
    scene->http = http_new(scene->loop, &err);
    scene->server = io_server_new(scene->loop, scene->socket, serve, scene);
    timer_start(scene->loop, &scene->patience, ENOUGH_MS, give_up, scene);
    options.http = scene->http;
    options.docker_host = scene->host;
    options.mandate.sink = (struct driver_sink){ .change = on_change, .context = scene };
    assert_int_equal(engine_new(&options, &scene->engine, &err), 0);
    engine_start(scene->engine);
    loop_run(scene->loop);
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    engine_free(scene->engine, NULL, NULL);
    timer_stop(&scene->patience);
    io_server_free(scene->server);
    http_free(scene->http);
    loop_free(scene->loop);
    assert_int_equal(rmdir(scene->directory), 0);
    free(scene->asked);
    free(scene->told);
    free(scene);
    return 0;
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct scene *scene = call->context;

    scene->dones++;
    if (failure != NULL)
        scene->failure = *failure;
    loop_stop(scene->loop);
}

/* Asks, and waits for the end. */
static void ask(struct scene *scene, int status, const char *body, size_t size)
{
    const struct action action = { .kind = ACTION_CONTAINER_LAST_LINES,
                                   .instance = "local",
                                   .object = "berth-x",
                                   .container_id = "c0ffee" };
    struct driver_call call = {
        .action = &action, .timeout_ms = 500, .done = on_done, .context = scene
    };
    struct err err = { 0 };

    scene->status = status;
    scene->body = body;
    scene->size = size;
    assert_int_equal(engine_apply(scene->engine, &call, &err), 0);
    loop_run(scene->loop);
    assert_int_equal(scene->dones, 1);
}

static void frames_come_apart(void **state)
{
    struct scene *scene = *state;
    static const char body[] = "\1\0\0\0\0\0\0\14T1 starting\n"
                               "\2\0\0\0\0\0\0\6T2 no "
                               "\1\0\0\0\0\0\0\0"
                               "\2\0\0\0\0\0\0\5host\n";

    ask(scene, 200, body, sizeof(body) - 1);
    assert_int_equal(scene->failure.code, ERR_OK);
    assert_string_equal(scene->told, "T1 1 starting\nT2 2 no host\n");
    assert_non_null(strstr(scene->asked, "/containers/c0ffee/logs?"));
    assert_non_null(strstr(scene->asked, "tail=20"));
    assert_null(strstr(scene->asked, "follow"));
}

static void a_terminal_writes_without_frames(void **state)
{
    struct scene *scene = *state;
    static const char body[] = "2026-11-26T15:29:15.1Z one\r\n2026-11-26T15:29:16.1Z two\r\n";

    ask(scene, 200, body, sizeof(body) - 1);
    assert_string_equal(scene->told,
                        "2026-11-26T15:29:15.1Z 1 one\n2026-11-26T15:29:16.1Z 1 two\n");
}

static void what_wrote_nothing_is_told_too(void **state)
{
    struct scene *scene = *state;

    ask(scene, 200, "", 0);
    assert_int_equal(scene->failure.code, ERR_OK);
    assert_int_equal(scene->tells, 1);
    assert_string_equal(scene->told, "");
}

/* Of a log driver that only writes. */
static void a_log_that_cannot_be_read_is_no_failure(void **state)
{
    struct scene *scene = *state;

    ask(scene, 501, "{\"message\":\"configured logging driver does not support reading\"}", 0);
    assert_int_equal(scene->failure.code, ERR_OK);
    assert_int_equal(scene->tells, 1);
    assert_string_equal(scene->told, "");
}

static void a_container_that_is_gone_is_a_failure(void **state)
{
    struct scene *scene = *state;

    ask(scene, 404, "{\"message\":\"No such container: c0ffee\"}", 0);
    assert_int_equal(scene->failure.code, ERR_NOT_FOUND);
    assert_int_equal(scene->tells, 0);
}

static void what_is_no_log_is_a_failure(void **state)
{
    struct scene *scene = *state;

    ask(scene, 200, "{\"this\": \"is no log\"}", 21);
    assert_int_equal(scene->failure.code, ERR_INVALID);
    assert_int_equal(scene->tells, 0);
}

static void an_answer_that_does_not_come_is_not_awaited(void **state)
{
    struct scene *scene = *state;

    ask(scene, 0, "", 0);
    assert_int_equal(scene->failure.code, ERR_TIMEOUT);
    assert_int_equal(scene->tells, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(frames_come_apart),
        TEST(a_terminal_writes_without_frames),
        TEST(what_wrote_nothing_is_told_too),
        TEST(a_log_that_cannot_be_read_is_no_failure),
        TEST(a_container_that_is_gone_is_a_failure),
        TEST(what_is_no_log_is_a_failure),
        TEST(an_answer_that_does_not_come_is_not_awaited),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
