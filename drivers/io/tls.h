/*
 * The same stream as socket.h's over TLS to a host and port; socket.c hands everything on.  libcurl
 * does the handshake and the records.
 */
#ifndef DRIVERS_IO_TLS_H
#define DRIVERS_IO_TLS_H

#include "drivers/io/socket.h"

struct tls;

/* NULL and *err when the options are wrong. */
struct tls *tls_connect(struct loop *loop, const struct socket_options *options, struct err *err);
void tls_write(struct tls *tls, const void *data, size_t size);
size_t tls_unsent(const struct tls *tls);
void tls_finish(struct tls *tls);
void tls_pause(struct tls *tls, bool paused);
void tls_free(struct tls *tls);

#endif
