/*
 * How long one call takes on two ways to the same engine, in turns and one after the other, through
 * the client that Berth uses.
 *
 *     latency HOST OTHER PATH COUNT
 *
 * Prints "HOST-NS OTHER-NS BYTES" for each pair of calls.
 */
#include <stdio.h>
#include <time.h>

#include "drivers/docker/client.h"
#include "spec/base/text.h"

#define DEADLINE_MS (60 * 1000)
#define WARM_UP     3 /* pairs that are not printed: connections are made */

struct latency {
    struct loop *loop;
    struct docker *sides[2];
    int64_t took_ns[2];
    const char *path;
    uint32_t left;
    uint32_t warm_up;
    int side; /* that was asked */
    int64_t asked_ns;
    bool failed;
};

static int64_t now_ns(void)
{
    struct timespec time = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void on_answer(void *ctx, const struct docker_answer *answer, const struct err *failure);

static void ask(struct latency *latency, int side)
{
    latency->side = side;
    latency->asked_ns = now_ns();
    (void)docker_call(latency->sides[side],
                      &(struct docker_request){
                          .method = "GET", .path = latency->path, .deadline_ms = DEADLINE_MS },
                      on_answer, latency);
}

static void on_answer(void *ctx, const struct docker_answer *answer, const struct err *failure)
{
    struct latency *latency = ctx;

    if (failure != NULL) {
        (void)fprintf(stderr, "latency: %s\n", failure->text);
        latency->failed = true;
        loop_stop(latency->loop);
        return;
    }
    latency->took_ns[latency->side] = now_ns() - latency->asked_ns;
    if (latency->side == 0) {
        ask(latency, 1);
        return;
    }
    if (latency->warm_up > 0) {
        latency->warm_up--;
    } else {
        (void)printf("%lld %lld %zu\n", (long long)latency->took_ns[0],
                     (long long)latency->took_ns[1], answer->size);
        latency->left--;
    }
    if (latency->left > 0)
        ask(latency, 0);
    else
        loop_stop(latency->loop);
}

int main(int argc, char **argv)
{
    struct latency latency = { .warm_up = WARM_UP };
    struct err err = { 0 };
    struct http *http;

    if (argc != 5 || !text_parse_u32(argv[4], &latency.left) || latency.left == 0) {
        (void)fprintf(stderr, "latency: see its source\n");
        return 2;
    }
    latency.path = argv[3];
    latency.loop = loop_new(&err);
    http = latency.loop == NULL ? NULL : http_new(latency.loop, &err);
    for (int i = 0; i < 2 && http != NULL && err.code == ERR_OK; i++)
        latency.sides[i] = docker_new(http, argv[1 + i], &err);
    if (latency.sides[1] == NULL) {
        (void)fprintf(stderr, "latency: %s\n", err.text);
        return 2;
    }
    ask(&latency, 0);
    loop_run(latency.loop);
    docker_free(latency.sides[0]);
    docker_free(latency.sides[1]);
    http_free(http);
    loop_free(latency.loop);
    return latency.failed ? 1 : 0;
}
