/*
 * Calls to an engine: versions, errors, streamed answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/docker_scene.h"
#include "tests/unit/unit.h"

/* ---- Versions ---- */

static void the_version_is_agreed_once(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 3; i++)
        (void)scene_start(scene, (struct docker_request){ .method = "GET", .path = "/info" });
    assert_int_equal(docker_api(scene->docker), 0);
    engine_wait(scene);
    (void)engine_get(scene, "/info");
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
        struct call *call = engine_get(scene, "/info");
        assert_int_equal(docker_api(scene->docker), examples[i].api);
        assert_int_equal(call->failed, examples[i].api == 0);
    }
}

static void an_old_engine_is_named(void **state)
{
    struct scene *scene = *state;

    scene->api = "1.40";
    struct call *call = engine_get(scene, "/info");
    assert_int_equal(call->failure.code, ERR_INVALID);
    assert_non_null(strstr(call->failure.text, "speaks version 1.40 of the Engine API, but 1.41"));
}

static void no_engine_is_named_and_comes_back(void **state)
{
    struct scene *scene = *state;

    (void)engine_get(scene, "/info");
    io_server_free(scene->server);
    scene->server = NULL;
    struct call *call = engine_get(scene, "/info");
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(call->failure.text, scene->host));
    assert_non_null(strstr(call->failure.text, "is the Docker Engine running?"));
    assert_int_equal(docker_api(scene->docker), 0);
    assert_int_equal(engine_get(scene, "/info")->failure.code, ERR_UNREACHABLE);

    scene->api = "1.42"; /* upgraded meanwhile */
    scene->server = io_server_new(scene->loop, scene->socket, engine_serve, scene);
    assert_false(engine_get(scene, "/info")->failed);
    assert_int_equal(docker_api(scene->docker), 42);
}

static void waiting_for_the_version_has_a_deadline(void **state)
{
    struct scene *scene = *state;

    scene->hang_ping = true;
    struct call *call = scene_start(
        scene, (struct docker_request){ .method = "GET", .path = "/info", .deadline_ms = 30 });
    engine_wait(scene);
    assert_int_equal(call->failure.code, ERR_TIMEOUT);
    call = scene_start(scene, (struct docker_request){ .method = "GET", .path = "/info" });
    docker_cancel(call->handle);
    docker_cancel(call->handle);
    assert_int_equal(call->done, 0);
    engine_wait(scene);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

static void cancel_the_call(void *ctx, const struct docker_answer *answer,
                            const struct err *failure)
{
    struct scene *scene = ctx;

    (void)answer;
    assert_int_equal(failure->code, ERR_UNREACHABLE);
    docker_cancel(scene->calls[0].handle);
}

/* Who gave a call up knows it by that, whatever else would have become of it. */
static void one_that_is_about_to_fail_is_cancelled(void **state)
{
    struct scene *scene = *state;
    const struct docker_request request = { .method = "GET", .path = "/info" };

    io_server_free(scene->server);
    scene->server = NULL;
    (void)docker_call(scene->docker, &request, cancel_the_call, scene);
    struct call *call = scene_start(scene, request);
    engine_wait(scene);
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

/* ---- Secrets ---- */

#define SECRET "do not leave me in memory"

static unsigned wiped;

/* In place of the C library's, under both of its names. */
void __explicit_bzero_chk(void *at, size_t size, size_t room);
void __explicit_bzero_chk(void *at, size_t size, size_t room)
{
    void *volatile seen = at; /* it is declared as never read */
    volatile char *bytes = seen;

    (void)room;
    if (size > 0 && memmem(seen, size, SECRET, strlen(SECRET)) != NULL)
        wiped++;
    for (size_t i = 0; i < size; i++)
        bytes[i] = 0;
}

void explicit_bzero(void *at, size_t size)
{
    __explicit_bzero_chk(at, size, size);
}

static void bodies_and_headers_are_wiped(void **state)
{
    struct scene *scene = *state;
    static const char *const headers[] = { "X-Registry-Auth: " SECRET, NULL };

    (void)scene_start(scene, (struct docker_request){
                                 .method = "POST", .path = "/info", .json = "\"" SECRET "\"" });
    engine_wait(scene);
    assert_int_equal(wiped, 2); /* the call's and the request's */
    (void)scene_start(
        scene, (struct docker_request){ .method = "GET", .path = "/info", .headers = headers });
    engine_wait(scene);
    assert_int_equal(wiped, 4);
}

/* Some wait for the version, one of them about to fail; then all is over at once. */
static void freeing_answers_all(void **state)
{
    struct scene *scene = *state;

    scene->hang_ping = true;
    for (unsigned i = 0; i < 3; i++)
        (void)scene_start(scene, (struct docker_request){
                                     .method = "GET", .path = "/info", .deadline_ms = 10000 });
    engine_run_for(scene, 20);
    docker_cancel(scene->calls[1].handle);
    docker_free(scene->docker);
    scene->docker = NULL;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(scene->calls[i].done, 1);
        assert_int_equal(scene->calls[i].failure.code, ERR_CANCELLED);
    }
    engine_run_for(scene, 20);
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
        struct call *call = scene_start(
            scene,
            (struct docker_request){ .method = "POST", .path = path, .json = examples[i].body });
        engine_wait(scene);
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
    struct call *call = scene_start(scene, (struct docker_request){ .method = "POST",
                                                                    .path = "/head",
                                                                    .query = "name=a%20b",
                                                                    .json = "{\"a\":1}",
                                                                    .headers = headers });

    engine_wait(scene);
    assert_non_null(strstr(buf_text(&scene->seen), "POST /v1.41/head?name=a%20b {\"a\":1}\n"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(buf_text(&call->body), "\r\nX-Registry-Auth: e30=\r\n"));
}

static void progress_comes_line_by_line(void **state)
{
    struct scene *scene = *state;

    scene->stream = "{\"status\":\"a\"}\r\n{\"status\":\"b\"}{\"status\":\"c\"}";
    scene->stream_ends = true;
    struct call *call = scene_start(
        scene,
        (struct docker_request){ .method = "POST", .path = "/build", .on_line = engine_line });
    engine_wait(scene);
    assert_false(call->failed);
    assert_string_equal(buf_text(&call->lines),
                        "<{\"status\":\"a\"}><{\"status\":\"b\"}><{\"status\":\"c\"}>");

    scene->stream = "{\"status\":\"a\"}\n{\"status";
    call = scene_start(scene, (struct docker_request){
                                  .method = "POST", .path = "/build", .on_line = engine_line });
    engine_wait(scene);
    assert_int_equal(call->failure.code, ERR_UNREACHABLE);
    assert_string_equal(buf_text(&call->lines), "<{\"status\":\"a\"}>");

    call = scene_start(
        scene, (struct docker_request){ .method = "GET", .path = "/logs", .on_data = engine_data });
    engine_wait(scene);
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
    struct call *call = scene_start(
        scene,
        (struct docker_request){ .method = "POST", .path = "/build", .on_line = engine_line });
    engine_wait(scene);
    free(line);
    assert_int_equal(call->failure.code, ERR_CAPACITY);
}

static void cancel_on_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    engine_line(ctx, json, size);
    docker_cancel(call->handle);
}

static void free_on_line(void *ctx, const char *json, size_t size)
{
    struct call *call = ctx;

    engine_line(ctx, json, size);
    docker_free(call->scene->docker);
    call->scene->docker = NULL;
    assert_int_equal(call->done, 1);
}

static void a_line_may_end_everything(void **state)
{
    struct scene *scene = *state;

    scene->stream = "{\"a\":1}{\"a\":2}{\"a\":3}";
    struct call *call = scene_start(
        scene,
        (struct docker_request){ .method = "POST", .path = "/pull", .on_line = cancel_on_line });
    engine_wait(scene);
    assert_string_equal(buf_text(&call->lines), "<{\"a\":1}>");
    assert_int_equal(call->failure.code, ERR_CANCELLED);

    call = scene_start(scene, (struct docker_request){
                                  .method = "POST", .path = "/pull", .on_line = free_on_line });
    engine_wait(scene);
    assert_string_equal(buf_text(&call->lines), "<{\"a\":1}>");
    assert_int_equal(call->failure.code, ERR_CANCELLED);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_version_is_agreed_once),
        SCENE_TEST(the_smaller_version_is_spoken),
        SCENE_TEST(an_old_engine_is_named),
        SCENE_TEST(no_engine_is_named_and_comes_back),
        SCENE_TEST(waiting_for_the_version_has_a_deadline),
        SCENE_TEST(one_that_is_about_to_fail_is_cancelled),
        SCENE_TEST(bodies_and_headers_are_wiped),
        SCENE_TEST(freeing_answers_all),
        SCENE_TEST(errors_are_the_engines_own),
        SCENE_TEST(requests_arrive_whole),
        SCENE_TEST(progress_comes_line_by_line),
        SCENE_TEST(an_endless_line_is_refused),
        SCENE_TEST(a_line_may_end_everything),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
