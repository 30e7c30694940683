/*
 * Inside of the server: server.c (sockets, loop), exchange.c (one request), upgrade.c.
 */
#ifndef RECONCILER_API_SERVER_INT_H
#define RECONCILER_API_SERVER_INT_H

#include <microhttpd.h>

#include "reconciler/api/server.h"
#include "spec/base/buf.h"

/* One socket that is listened on. */
struct listener {
    struct server *server;
    struct loop_watch *watch;
    int fd; /* -1: none */
};

struct server {
    struct loop *loop;
    struct server_options options; /* its texts are used by server_new() only */
    char *socket_path;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch; /* of the daemon's epoll set */
    struct timer timer;
    bool kicked; /* will run from the next iteration */
    bool stopping;
    struct listener local; /* the unix socket */
    struct listener tcp;
    struct timer retry;      /* accepts again after descriptors ran out */
    size_t connection_count; /* at LIMIT_HTTP_CONNECTIONS the others wait to be accepted */
    uint16_t port;
    struct request *requests; /* all that are open */
    size_t request_count;
};

/* An upgraded connection. */
struct upgrade {
    const struct upgrade_ops *ops;
    struct MHD_UpgradeResponseHandle *handle; /* NULL: not open yet, or closed */
    struct loop_watch *watch;
    int fd;
    struct buf out;
    bool paused;
    bool finishing;
    bool ended; /* `end` was told */
};

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    const struct route *route;
    const char *params[ROUTE_PARAMS_MAX]; /* in the order of the braces */
    struct arena arena;
    struct buf body;
    uint64_t body_bytes; /* that came, kept or not */
    struct json *json;
    struct MHD_Response *response; /* to be queued */
    unsigned status;
    bool is_local;  /* came through the unix socket */
    bool begun;     /* the handler was called */
    bool queued;    /* the response was handed over */
    bool suspended; /* MHD leaves it alone until request_wake() */
    request_gone_fn *gone;
    void *context;
    /* A stream. */
    bool streaming;
    bool finished;
    bool cut; /* ends as an error */
    request_gone_fn *drained;
    struct buf out;
    struct loop_watch *watch; /* for the client's end while there is nothing to send */
    struct upgrade upgrade;
    struct request *next;
    struct request *previous;
};

/* server.c */
void server_kick(struct server *server); /* runs the daemon from the next iteration */

/* exchange.c */
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **slot);
void exchange_complete(void *context, struct MHD_Connection *connection, void **slot,
                       enum MHD_RequestTerminationCode code);
/* Ends what is open, so that the daemon can stop. */
void exchange_abort(struct request *request);
void request_wake(struct request *request);
void request_set_response(struct request *request, unsigned status, struct MHD_Response *response);
/* With another status than the code's, and one more member of `error` (or NULL). */
void request_fail_with(struct request *request, unsigned status, const struct err *err,
                       const char *extra, struct json *value);

/* upgrade.c */
void upgrade_close(struct request *request);

/* guard.c: why a request may not come this way; NULL when it may. */
const char *guard_refusal(const struct request *request, const struct route *route);
/* "127.0.0.1", "localhost", "::1", "127.1.2.3". */
bool guard_is_loopback(const char *host);

#endif
