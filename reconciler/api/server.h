/*
 * HTTP on a unix socket and, when asked for, on TCP; driven by the loop, no threads. It knows
 * routes, not what they mean.
 *
 * Whoever reaches the unix socket may do everything: it is 0600 in a 0700 directory. On TCP any
 * local user and, through a browser, any web page could come along: there, routes that change
 * something are refused, Host must name a loopback address (against DNS rebinding), and a foreign
 * Origin is refused.
 */
#ifndef RECONCILER_API_SERVER_H
#define RECONCILER_API_SERVER_H

#include "drivers/io/loop.h"
#include "reconciler/api/request.h"

#define ROUTE_PARAMS_MAX 4

/* A handler answers, or keeps the request. */
typedef void handler_fn(struct request *request);

/* A query parameter; anything else is refused. */
struct route_query {
    const char *name;
    const char *help;
};

#define ROUTE_QUERY_MAX 8

struct route {
    const char *method; /* "GET" also serves HEAD */
    const char *path;   /* "/v1/services/{cluster}/{service}": a name in braces fits one part */
    handler_fn *handler;
    const struct route_query *query; /* ends with a name of NULL; NULL: none */
    bool writes;                     /* changes something, or reaches into containers */
    const char *summary;             /* for the reference */
};

struct server;

struct server_options {
    const char *socket_path; /* an old one is replaced: the caller holds the state directory */
    const char *listen;      /* "HOST:PORT" of a loopback address; NULL: no TCP.  Port 0: any. */
    const struct route *routes;
    size_t route_count;
    void *context; /* for request_context() */
};

/* The routes are borrowed.  NULL on failure: ERR_INVALID (socket path too long, no loopback
 * address), ERR_DENIED, ERR_CONFLICT (address in use), ERR_CAPACITY. */
struct server *server_new(struct loop *loop, const struct server_options *options, struct err *err);
/* Ends all requests, streams and upgrades, and removes the socket. */
void server_free(struct server *server);
DEFINE_AUTO(server, server_free)

/* The TCP port that is listened on; 0: none. */
uint16_t server_port(const struct server *server);
/* Requests that are being answered now, followers included. */
size_t server_request_count(const struct server *server);

/* Of the library below, as it is loaded: "2.14". */
const char *server_library_version(void);

#endif
