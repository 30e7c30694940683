/*
 * Asks a running Berth: HTTP over the unix socket in its state folder, or over --server.  Every
 * call blocks until it is over.
 */
#ifndef RECONCILER_CLI_CLIENT_H
#define RECONCILER_CLI_CLIENT_H

#include "reconciler/cli/cli.h"
#include "spec/base/json.h"

struct client;

/* Nothing is connected yet.  ERR_INVALID: --server is no address. */
int client_new(const struct cli_options *options, struct client **out, struct err *err);
void client_free(struct client *client);
DEFINE_AUTO(client, client_free)

/* The answer of a 2xx, which the caller frees; "" answers NULL in *out.  Any other status is an
 * error with the text of the API's own.  body NULL: none. */
int client_call(struct client *client, const char *method, const char *path,
                const struct json *body, struct json **out, struct err *err);

/* What the last call that was refused answered, with what the error has no room for; NULL: nothing.
 * Lives until the next call. */
const struct json *client_refusal(const struct client *client);

/* The answer line by line, until it ends or `line` returns false.  A line is NUL-terminated. */
typedef bool client_line_fn(void *ctx, const char *line, size_t size);
int client_lines(struct client *client, const char *path, client_line_fn *line, void *ctx,
                 struct err *err);

/* Likewise, of a POST with that body. */
int client_post_lines(struct client *client, const char *path, const struct json *body,
                      client_line_fn *line, void *ctx, struct err *err);

/* Several such answers at a time.  `line` as above; `end` once, after which the stream is gone:
 * failure NULL when it ended, `line` wanted no more, or Ctrl-C came.  Both are called from
 * client_run() only. */
typedef void client_end_fn(void *ctx, const struct err *failure);
void client_stream(struct client *client, const char *path, client_line_fn *line,
                   client_end_fn *end, void *ctx);
/* Runs until no stream is open, and, while it is held, until Ctrl-C. */
int client_run(struct client *client, struct err *err);
void client_hold(struct client *client, bool is_held);
/* For timers of whoever runs streams. */
struct loop *client_loop(struct client *client);
/* Ctrl-C came. */
bool client_was_interrupted(const struct client *client);

/* Path and query with what a URL does not allow escaped: client_query(arena, "/v1/logs", "service",
 * name, ..., NULL); a pair whose value is NULL is left out. */
char *client_query(struct arena *arena, const char *path, ...) __attribute__((sentinel));
/* One segment of a path, escaped. */
char *client_segment(struct arena *arena, const char *text);

#endif
