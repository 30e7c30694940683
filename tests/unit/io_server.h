/*
 * A server in the loop of the test: it answers what the test tells it to, byte by byte if need be.
 */
#ifndef TESTS_UNIT_IO_SERVER_H
#define TESTS_UNIT_IO_SERVER_H

#include "drivers/io/loop.h"

struct io_server;
struct io_server_peer; /* one connection */

struct io_server_request {
    const char *method;
    const char *path; /* with its query */
    const char *head; /* the whole head, NUL-terminated */
    const char *body;
    size_t size; /* bytes of body */
};

/* A whole request came.  Answers now or later with io_server_send(). */
typedef void io_server_fn(void *ctx, struct io_server_peer *peer,
                          const struct io_server_request *request);

/* Listens on `path`, which must not exist. */
struct io_server *io_server_new(struct loop *loop, const char *path, io_server_fn *fn, void *ctx);
/* Closes all its connections and removes the path. */
void io_server_free(struct io_server *server);
unsigned io_server_accepted(const struct io_server *server); /* connections, ever */
unsigned io_server_peers(const struct io_server *server);    /* connections now */
unsigned io_server_peers_most(const struct io_server *server);
/* From now on every byte that comes goes to fn as it is, in `body`: the end of HTTP. */
void io_server_take_over(struct io_server_peer *peer);

/* Queues bytes. */
void io_server_send(struct io_server_peer *peer, const void *data, size_t size);
void io_server_send_text(struct io_server_peer *peer, const char *text);
/* A whole answer with a Content-Length. */
void io_server_answer(struct io_server_peer *peer, int status, const char *body);
/* After what is queued. */
void io_server_close(struct io_server_peer *peer);

#endif
