/*
 * A byte stream to a unix or TCP socket, plain or with TLS, for protocols that libcurl does not
 * speak (the Engine's hijacked connections).
 *
 * Contract: after socket_connect() returned a socket, on_end is called exactly once, from
 * loop_run(), unless socket_free() came first.
 */
#ifndef DRIVERS_IO_SOCKET_H
#define DRIVERS_IO_SOCKET_H

#include "drivers/io/loop.h"

struct socket;

#define SOCKET_UNIX_PATH_MAX 107

struct socket_options {
    const char *unix_path; /* or host and port; everything is copied */
    const char *host;      /* a name or an address */
    const char *port;      /* decimal */
    bool is_tls;           /* of a host */
    const char *ca_path;   /* PEM, with TLS; NULL: the system's */
    const char *cert_path; /* PEM client certificate; NULL: none */
    const char *key_path;
    /* Connected; may write.  Optional. */
    void (*on_open)(void *ctx);
    /* Bytes came, valid during the call. */
    void (*on_data)(void *ctx, const char *data, size_t size);
    /* All that was written has left.  Optional: for writers that wait. */
    void (*on_drained)(void *ctx);
    /* Nothing more comes.  failure: NULL at an orderly end of the peer's stream, else
     * ERR_UNREACHABLE, or ERR_DENIED when one side does not trust the other. */
    void (*on_end)(void *ctx, const struct err *failure);
    void *ctx;
};

/* NULL and *err when the options are wrong (ERR_INVALID) or no socket is left (ERR_CAPACITY). */
struct socket *socket_connect(struct loop *loop, const struct socket_options *options,
                              struct err *err);
/* Copies; queued until connected.  No effect after socket_finish() or on_end. */
void socket_write(struct socket *socket, const void *data, size_t size);
size_t socket_unsent(const struct socket *socket); /* bytes written that have not left */
/* Half close: the peer sees the end of our stream after what was written; reading goes on. */
void socket_finish(struct socket *socket);
/* Stops and starts reading. */
void socket_pause(struct socket *socket, bool paused);
/* Closes at once; no callback follows.  Allowed from any callback.  NULL is allowed. */
void socket_free(struct socket *socket);

#endif
