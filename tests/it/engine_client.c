/*
 * The Engine client on a real engine, one verb at a time: `engine_client HOST VERB ARGUMENT...`.
 * Says what came on standard output; the exit code is 0 unless the client itself misbehaved.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "drivers/docker/client.h"
#include "drivers/docker/events.h"
#include "drivers/docker/query.h"
#include "drivers/docker/stream.h"
#include "spec/base/text.h"

struct probe {
    struct loop *loop;
    struct http *http;
    struct docker *docker;
    struct docker_events *events;
    struct hijack *hijack;
    struct docker_call *call;
    struct demux demux;
    struct timer timer;
    const char *input;     /* for exec */
    bool tty;              /* likewise */
    unsigned lines;        /* of progress */
    unsigned wanted;       /* answers still to come */
    unsigned to_start;     /* of storm: calls still to make */
    unsigned failed;       /* of storm */
    const char *last_line; /* event that ends events */
};

static void say_failure(const struct err *failure)
{
    (void)printf("failure %s: %s\n", err_code_text(failure->code), failure->text);
}

static void stop(void *ctx)
{
    struct probe *probe = ctx;

    loop_stop(probe->loop);
}

static void on_answer(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct probe *probe = ctx;

    (void)printf("status %d\n%s\n", answer->status, answer->body);
    if (failure != NULL)
        say_failure(failure);
    loop_stop(probe->loop);
}

static void verb_call(struct probe *probe, char **arguments)
{
    const struct docker_request request = { .method = arguments[0],
                                            .path = arguments[1],
                                            .deadline_ms = 20000 };

    (void)docker_call(probe->docker, &request, on_answer, probe);
    loop_run(probe->loop);
    (void)printf("api 1.%u\n", docker_api(probe->docker));
}

/* ---- Streams ---- */

static void on_progress(void *ctx, const char *json, size_t size)
{
    struct probe *probe = ctx;
    AUTO(json) *value = json_parse(json, size, NULL);

    if (json_text(value, "stream") != NULL)
        (void)printf("stream %s", json_text(value, "stream"));
    else
        (void)printf("line %s\n", json);
    probe->lines++;
}

/* build TAR TAG */
static void verb_build(struct probe *probe, char **arguments)
{
    AUTO(buf) query;
    AUTO_FD int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    struct stat status;

    ASSERT(fd >= 0 && fstat(fd, &status) == 0);
    buf_init(&query, 1000);
    docker_query_add(&query, "t", arguments[1]);
    const struct docker_request request = {
        .method = "POST",
        .path = "/build",
        .query = buf_text(&query),
        .body_is_fd = true,
        .body_fd = fd,
        .body_fd_size = status.st_size,
        .is_long = true,
        .on_line = on_progress,
    };
    (void)docker_call(probe->docker, &request, on_answer, probe);
    loop_run(probe->loop);
}

static void on_output(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    (void)ctx;
    (void)printf("%s %.*s\n", kind == STREAM_OUT ? "out" : "errors", (int)size, data);
}

static void on_log(void *ctx, const char *data, size_t size)
{
    struct probe *probe = ctx;
    struct err err = { 0 };

    if (demux_feed(&probe->demux, data, size, on_output, probe, &err) < 0)
        say_failure(&err);
}

/* logs CONTAINER */
static void verb_logs(struct probe *probe, char **arguments)
{
    char path[200];

    (void)snprintf(path, sizeof(path), "/containers/%s/logs", arguments[0]);
    const struct docker_request request = {
        .method = "GET",
        .path = path,
        .query = "stdout=1&stderr=1",
        .is_long = true,
        .on_data = on_log,
    };
    (void)docker_call(probe->docker, &request, on_answer, probe);
    loop_run(probe->loop);
}

static void on_open(void *ctx)
{
    struct probe *probe = ctx;

    (void)printf("open\n");
    hijack_write(probe->hijack, probe->input, strlen(probe->input));
    /* The end of a terminal's input hangs it up: the engine then drops what the process said. */
    if (!probe->tty)
        hijack_finish(probe->hijack);
}

static void on_end(void *ctx, const struct err *failure)
{
    struct probe *probe = ctx;

    (void)printf("end\n");
    if (failure != NULL)
        say_failure(failure);
    hijack_free(probe->hijack);
    loop_stop(probe->loop);
}

/* exec ID INPUT tty|frames */
static void verb_exec(struct probe *probe, char **arguments)
{
    char path[200];
    struct err err = { 0 };
    bool tty = text_equal(arguments[2], "tty");
    struct hijack_options options = {
        .path = path,
        .json = tty ? "{\"Detach\": false, \"Tty\": true}" : "{\"Detach\": false, \"Tty\": false}",
        .tty = tty,
        .on_open = on_open,
        .on_data = on_output,
        .on_end = on_end,
        .ctx = probe,
    };

    (void)snprintf(path, sizeof(path), "/exec/%s/start", arguments[0]);
    probe->input = arguments[1];
    probe->tty = tty;
    probe->hijack = hijack_open(probe->docker, &options, &err);
    if (probe->hijack == NULL)
        say_failure(&err);
    else
        loop_run(probe->loop);
}

/* ---- Events ---- */

static void on_event(void *ctx, const struct json *event)
{
    struct probe *probe = ctx;

    (void)printf("event %s %s\n", json_text(event, "Action"),
                 json_text(event, "Actor.Attributes.name"));
    (void)fflush(stdout);
    if (text_equal(json_text(event, "Action"), probe->last_line))
        loop_stop(probe->loop);
}

static void on_lost(void *ctx, const struct err *failure)
{
    struct probe *probe = ctx;

    (void)printf("lost\n");
    say_failure(failure);
    loop_stop(probe->loop);
}

/* events SINCE LABEL LAST */
static void verb_events(struct probe *probe, char **arguments)
{
    const struct docker_events_options options = {
        .since = arguments[0],
        .label = arguments[1],
        .on_event = on_event,
        .on_lost = on_lost,
        .ctx = probe,
    };

    probe->last_line = arguments[2];
    probe->events = docker_events_open(probe->docker, &options);
    loop_run(probe->loop);
    docker_events_close(probe->events);
}

/* ---- Cost ---- */

static void storm_next(struct probe *probe);

static void on_storm(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct probe *probe = ctx;

    probe->failed += failure != NULL || answer->status != 200;
    probe->wanted--;
    storm_next(probe);
    if (probe->wanted == 0)
        loop_stop(probe->loop);
}

static void storm_next(struct probe *probe)
{
    const struct docker_request request = {
        .method = "GET", .path = "/containers/json", .query = "all=1", .deadline_ms = 30000
    };

    if (probe->to_start == 0)
        return;
    probe->to_start--;
    (void)docker_call(probe->docker, &request, on_storm, probe);
}

static int64_t cpu_us(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000) +
           usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

/* storm CALLS AT_ONCE: what a call costs the client; then whether it sleeps with a stream open */
static void verb_storm(struct probe *probe, char **arguments)
{
    const struct docker_events_options options = { .on_event = on_event,
                                                   .on_lost = on_lost,
                                                   .ctx = probe };
    uint32_t calls = 0;
    uint32_t at_once = 0;
    struct rusage before;
    struct rusage after;

    ASSERT(text_parse_u32(arguments[0], &calls) && text_parse_u32(arguments[1], &at_once));
    probe->wanted = calls;
    probe->to_start = calls;
    (void)getrusage(RUSAGE_SELF, &before);
    for (uint32_t i = 0; i < at_once; i++)
        storm_next(probe);
    loop_run(probe->loop);
    (void)getrusage(RUSAGE_SELF, &after);
    (void)printf("failed %u\ncpu_us_per_call %lld\n", probe->failed,
                 (long long)((cpu_us(&after) - cpu_us(&before)) / calls));

    probe->events = docker_events_open(probe->docker, &options);
    timer_start(probe->loop, &probe->timer, 1000, stop, probe);
    loop_run(probe->loop);
    (void)getrusage(RUSAGE_SELF, &before);
    timer_start(probe->loop, &probe->timer, 3000, stop, probe);
    loop_run(probe->loop);
    (void)getrusage(RUSAGE_SELF, &after);
    (void)printf("wake_ups %ld\n", after.ru_nvcsw - before.ru_nvcsw);
    docker_events_close(probe->events);
}

struct verb {
    const char *name;
    int arguments;
    void (*run)(struct probe *probe, char **arguments);
};

static const struct verb verbs[] = {
    { "call", 2, verb_call }, { "build", 2, verb_build },   { "logs", 1, verb_logs },
    { "exec", 3, verb_exec }, { "events", 3, verb_events }, { "storm", 2, verb_storm },
};

int main(int count, char **arguments)
{
    struct probe probe = { 0 };
    struct err err = { 0 };

    if (count < 3)
        return 2;
    probe.loop = loop_new(NULL);
    probe.http = http_new(probe.loop, NULL);
    probe.docker = docker_new(probe.http, arguments[1], &err);
    if (probe.docker == NULL)
        say_failure(&err);
    for (size_t i = 0; probe.docker != NULL && i < ARRAY_COUNT(verbs); i++)
        if (text_equal(arguments[2], verbs[i].name) && count == verbs[i].arguments + 3)
            verbs[i].run(&probe, arguments + 3);
    docker_free(probe.docker);
    http_free(probe.http);
    loop_free(probe.loop);
    return 0;
}
