/*
 * A server in the loop of the test: it answers what the test tells it to, byte by byte if need be.
 */
#ifndef TESTS_UNIT_IO_SERVER_H
#define TESTS_UNIT_IO_SERVER_H

#include "drivers/io/loop.h"

struct server;
struct server_peer; /* one connection */

struct server_request {
    const char *method;
    const char *path; /* with its query */
    const char *head; /* the whole head, NUL-terminated */
    const char *body;
    size_t size; /* bytes of body */
};

/* A whole request came.  Answers now or later with server_send(). */
typedef void server_fn(void *ctx, struct server_peer *peer, const struct server_request *request);

/* Listens on `path`, which must not exist. */
struct server *server_new(struct loop *loop, const char *path, server_fn *fn, void *ctx);
/* Closes all its connections and removes the path. */
void server_free(struct server *server);
unsigned server_accepted(const struct server *server); /* connections, ever */
unsigned server_peers(const struct server *server);    /* connections now */
unsigned server_peers_most(const struct server *server);
/* From now on every byte that comes goes to fn as it is, in `body`: the end of HTTP. */
void server_take_over(struct server_peer *peer);

/* Queues bytes. */
void server_send(struct server_peer *peer, const void *data, size_t size);
void server_send_text(struct server_peer *peer, const char *text);
/* A whole answer with a Content-Length. */
void server_answer(struct server_peer *peer, int status, const char *body);
/* After what is queued. */
void server_close(struct server_peer *peer);

#endif
