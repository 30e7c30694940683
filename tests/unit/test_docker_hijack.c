/*
 * Duplex streams go both ways and end once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/docker_scene.h"
#include "tests/unit/unit.h"

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
    engine_run_for(scene, 50);
    assert_int_equal(scene->opened, 1);
    assert_string_equal(buf_text(&scene->out), "hello\n");
    assert_string_equal(buf_text(&scene->errors), "err");
    hijack_write(scene->hijack, "late", 4);
    hijack_finish(scene->hijack);
    hijack_write(scene->hijack, "too late", 8);
    engine_wait(scene); /* the engine closes when our side has ended */
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
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_NOT_FOUND);
    assert_string_equal(scene->end_failure.text, "No such exec instance: gone");
    assert_int_equal(scene->opened, 0);
    hijack_write(scene->hijack, "x", 1);
    hijack_finish(scene->hijack);
    hijack_free(scene->hijack);

    options.path = "/exec/shut/start";
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_int_equal(scene->ended, 2);
}

static void what_is_behind_a_refusal_is_not_part_of_it(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/talks/start");

    scene->hijack = hijack_open(scene->docker, &options, NULL);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_FAILED);
    assert_string_equal(scene->end_failure.text, "it is broken");
}

static void much_may_stand_behind_the_head(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/much/start");

    buf_release(&scene->out);
    buf_init(&scene->out, (size_t)2 * SCENE_MUCH);
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    engine_run_for(scene, 100);
    assert_int_equal(scene->ended, 0);
    assert_int_equal(scene->out.size, SCENE_MUCH);
    for (size_t i = 0; i < SCENE_MUCH; i++)
        assert_int_equal(scene->out.data[i], 'a' + (int)(i % 26));
}

static void no_engine_ends_the_stream(void **state)
{
    struct scene *scene = *state;
    struct hijack_options options = hijack_to(scene, "/exec/one/start");

    (void)engine_get(scene, "/info"); /* the version is known: the socket itself fails */
    io_server_free(scene->server);
    scene->server = NULL;
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    assert_int_equal(scene->ended, 0);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    hijack_free(scene->hijack);

    docker_agree_again(scene->docker); /* and now the question about it does */
    scene->hijack = hijack_open(scene->docker, &options, NULL);
    engine_wait(scene);
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
    engine_wait(scene);
    assert_int_equal(scene->out.size + scene->errors.size, 6);

    hijack_free(hijack_open(scene->docker, &options, NULL)); /* while connecting */
    docker_agree_again(scene->docker);
    hijack_free(hijack_open(scene->docker, &options, NULL)); /* while agreeing */
    engine_run_for(scene, 20);
    assert_int_equal(scene->ended, 0);
}

static void tls_needs_its_files(void **state)
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
    scene->hijack = hijack_open(docker, &options, &err);
    assert_non_null(scene->hijack);
    loop_run(scene->loop);
    assert_int_equal(scene->ended, 1);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    hijack_free(TAKE(scene->hijack));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", scene->directory, names[i]);
        (void)unlink(path);
    }
    (void)unsetenv("DOCKER_TLS_VERIFY");
    (void)unsetenv("DOCKER_CERT_PATH");
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(bytes_go_both_ways),
        SCENE_TEST(a_refusal_is_the_engines_own),
        SCENE_TEST(what_is_behind_a_refusal_is_not_part_of_it),
        SCENE_TEST(much_may_stand_behind_the_head),
        SCENE_TEST(no_engine_ends_the_stream),
        SCENE_TEST(the_stream_can_be_freed_at_any_time),
        SCENE_TEST(tls_needs_its_files),
    };

    return cmocka_run_group_tests_name("hijack", tests, NULL, NULL);
}
