/*
 * A connection to the running Berth that leaves HTTP: the socket itself, after the 101.
 */
#ifndef RECONCILER_CLI_UPGRADE_H
#define RECONCILER_CLI_UPGRADE_H

#include "reconciler/cli/cli.h"
#include "spec/base/buf.h"

struct upgrade_request {
    const char *path;
    const char *protocol;
    const struct json *body;
};

/* POSTs over the unix socket and asks for the protocol.  *out_fd is the caller's to
 * close; what the server sent right behind its answer is in *early, which must be initialised.
 * Errors: those of client_call(); ERR_INVALID when --server is not a unix socket. */
int upgrade_open(const struct cli_options *options, const struct upgrade_request *request,
                 int *out_fd, struct buf *early, struct err *err);

#endif
