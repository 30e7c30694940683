/*
 * A server that behaves well, badly and not at all, and requests to it.
 */
#ifndef TESTS_UNIT_HTTP_SCENE_H
#define TESTS_UNIT_HTTP_SCENE_H

#include "drivers/io/http.h"
#include "spec/base/buf.h"
#include "tests/unit/io_server.h"

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
};

struct scene {
    struct loop *loop;
    struct http *http;
    struct http_endpoint *endpoint;
    struct io_server *server;
    char directory[32];
    char path[64];
    struct timer patience;
    struct timer later;
    struct call calls[MANY];
    unsigned wanted; /* answers until the loop stops */
    unsigned done;
    unsigned served;
    struct io_server_peer *peer; /* of /later */
    struct buf seen;             /* what the server got: "METHOD PATH BODY\n" */
    bool late;
};

/* For cmocka: *state becomes the scene. */
int web_set_up(void **state);
int web_tear_down(void **state);
/* What the server does; ctx is the scene. */
void web_serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request);

/* Runs until all wanted answers came, or web_stop() was called; fails after 30 seconds. */
void web_wait(struct scene *scene);
void web_stop(void *ctx);
/* The next of scene->calls. */
struct call *web_start(struct scene *scene, struct http_options options);
/* A GET, waited for. */
struct call *web_get(struct scene *scene, const char *path);

/* Callbacks that write down what comes; ctx is the call. */
void web_done(void *ctx, const struct http_response *response, const struct err *failure);
void web_data(void *ctx, const char *data, size_t size);

#endif
