/*
 * One OpenSSH child, over which the socket of a remote engine can be reached at a path of ours.  It
 * is dialled for as long as it lives: a connection that ends is made again, with growing pauses.
 */
#ifndef DRIVERS_EC2_CONNECTION_H
#define DRIVERS_EC2_CONNECTION_H

#include "drivers/ec2/dials.h"
#include "drivers/ec2/ssh_command.h"
#include "drivers/io/loop.h"

struct connection;

/* Texts are copied.  Callbacks come from the loop, and may free the connection. */
struct connection_options {
    struct loop *loop;
    struct dials *dials;
    struct ssh_target target; /* checked: ssh_target_check() */
    const char *socket_path;  /* where it listens on this side; nobody else's */
    void (*on_up)(void *ctx);
    /* It ended, or could not be made: once for each dial that was not cut short by us. */
    void (*on_down)(void *ctx, const struct err *failure);
    void *ctx;
};

/* Asks to dial at once. */
struct connection *connection_new(const struct connection_options *options);
/* Ends it; no callback follows.  NULL is allowed. */
void connection_free(struct connection *connection);

bool connection_is_up(const struct connection *connection);
/* Why the engine's socket could not be opened on the other side since this was asked last; NULL: it
 * was not tried, or could be. */
const char *connection_take_trouble(struct connection *connection);
/* What is not as it should be about a connection that works; NULL: nothing. */
const char *connection_note(const struct connection *connection);

#endif
