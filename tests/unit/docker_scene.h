/*
 * An engine that says what the test wants it to, and calls to it.
 */
#ifndef TESTS_UNIT_DOCKER_SCENE_H
#define TESTS_UNIT_DOCKER_SCENE_H

#include "drivers/docker/client.h"
#include "drivers/docker/events.h"
#include "drivers/docker/stream.h"
#include "tests/unit/io_server.h"

#define CALLS 8

/* So many bytes /exec/much/start says in one frame (0x9c40). */
#define SCENE_MUCH 40000

struct scene;

struct call {
    struct scene *scene;
    struct docker_call *handle;
    unsigned done;
    int status;
    bool failed;
    struct err failure;
    struct buf body;
    struct buf lines; /* of on_line and on_data */
};

struct scene {
    struct loop *loop;
    struct http *http;
    struct docker *docker;
    struct io_server *server;
    char directory[40];
    char socket[64];
    char host[80];
    struct timer patience;
    struct timer later;
    struct call calls[CALLS];
    unsigned wanted;
    unsigned done;
    struct buf seen;     /* "METHOD path\n" */
    const char *api;     /* header of the ping; NULL: none */
    const char *version; /* answer to /version; NULL: 404 */
    const char *stream;  /* what an event stream says */
    bool hang_ping;
    bool stream_ends;
    struct io_server_peer *peer; /* of the open stream or hijack */
    struct docker_events *events;
    struct hijack *hijack;
    struct buf out;    /* what came over the hijack */
    struct buf errors; /* likewise */
    struct buf got;    /* what the engine got over it */
    unsigned opened;
    unsigned ended;
    bool end_failed;
    struct err end_failure;
    bool late;
};

/* For cmocka: *state becomes the scene. */
int engine_set_up(void **state);
int engine_tear_down(void **state);

/* What the engine does; ctx is the scene. */
void engine_serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request);

/* Runs until all wanted answers came, or a callback stops the loop; fails after 20 seconds. */
void engine_wait(struct scene *scene);
void engine_run_for(struct scene *scene, int64_t ms);
/* The next of scene->calls. */
struct call *scene_start(struct scene *scene, struct docker_request request);
/* A GET, waited for. */
struct call *engine_get(struct scene *scene, const char *path);

/* Callbacks that write down what comes; ctx is the call. */
void engine_done(void *ctx, const struct docker_answer *answer, const struct err *failure);
void engine_line(void *ctx, const char *json, size_t size);
void engine_data(void *ctx, const char *data, size_t size);

#endif
