/*
 * A small web server for tests: repositories below a folder through `git http-backend`, on a free
 * port of 127.0.0.1, one request at a time.
 */
#ifndef TESTS_UNIT_GIT_HTTP_H
#define TESTS_UNIT_GIT_HTTP_H

#include <sys/types.h>

#include "spec/base/base.h"

enum git_http_mode {
    GIT_HTTP_SERVE,
    GIT_HTTP_SILENT, /* takes connections and never answers */
    GIT_HTTP_HALF,   /* answers the list of branches, and hangs in the middle of the pack */
};

struct git_http {
    pid_t pid;
    uint16_t port;
};

/* login: base64 of "user:password" that it insists on; NULL: it does not ask. */
void git_http_start(struct git_http *server, const char *folder, enum git_http_mode mode,
                    const char *login);
void git_http_stop(struct git_http *server);

#endif
