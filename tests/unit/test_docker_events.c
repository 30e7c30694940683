/*
 * Events arrive, and a lost stream is told once.
 */
#include <string.h>

#include "spec/base/text.h"
#include "tests/unit/docker_scene.h"
#include "tests/unit/unit.h"

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

    io_server_send_text(scene->peer, "{\"Action\":\"die\"}\n{\"Action\":\"last\"");
    io_server_send_text(scene->peer, "}");
}

static void events_arrive(void **state)
{
    struct scene *scene = *state;

    open_events(scene, "{\"Action\":\"create\"}\n{\"Action\":\"start\"}{not an event}[]\n", false);
    timer_start(scene->loop, &scene->later, 50, more_events, scene);
    engine_wait(scene);
    assert_string_equal(buf_text(&scene->out), "create start die last ");
    const char *seen = strstr(buf_text(&scene->seen), "/v1.41/events?since=17.000000001&filters=");
    assert_non_null(seen);
    assert_non_null(strstr(seen, "health_status"));
    assert_non_null(strstr(seen, "berth.owner%3Ddemo"));
    assert_null(strstr(seen, "exec"));
    docker_events_close(scene->events);
    scene->events = NULL;
    engine_run_for(scene, 20);
    assert_int_equal(scene->ended, 0);
}

static void a_lost_stream_is_told_once(void **state)
{
    struct scene *scene = *state;

    open_events(scene, "{\"Action\":\"create\"}\n", true);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(scene->end_failure.text, "ended the stream of events"));
    open_events(scene, "{\"Action\":\"cre", true);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    io_server_free(scene->server);
    scene->server = NULL;
    docker_agree_again(scene->docker);
    open_events(scene, "", true);
    engine_wait(scene);
    assert_int_equal(scene->end_failure.code, ERR_UNREACHABLE);
    assert_int_equal(scene->ended, 3);
    engine_run_for(scene, 20);
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
    engine_wait(scene);
    engine_run_for(scene, 20);
    assert_int_equal(scene->opened, 1);
    assert_int_equal(scene->ended, 0);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(events_arrive),
        SCENE_TEST(a_lost_stream_is_told_once),
        SCENE_TEST(an_event_may_close_the_stream),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
