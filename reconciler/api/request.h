/*
 * What a handler of the API sees of an HTTP request, and how it answers.
 *
 * A handler is called once, when the whole request is there.  It answers at once, or it calls
 * request_keep() and answers later, from the loop. An answer is one JSON document, a stream, or the
 * connection itself (upgrade). Whatever happens, `gone` is called once for a request that was kept,
 * after which the request must not be used; never from inside of a request_*() call.
 */
#ifndef RECONCILER_API_REQUEST_H
#define RECONCILER_API_REQUEST_H

#include "spec/base/arena.h"
#include "spec/base/base.h"
#include "spec/base/err.h"
#include "spec/base/json.h"

#define API_VERSION "berth/v1"

struct request;

/* It came through the socket in the state directory.  Words of programs (words.h) are taken out of
 * what is answered to any other one, whoever answers. */
bool request_is_local(const struct request *request);
/* What the server was made with: the running program. */
void *request_context(const struct request *request);
/* Lives as long as the request. */
struct arena *request_arena(struct request *request);
/* A part of the path that the route names in braces; never NULL. */
const char *request_param(const struct request *request, const char *name);
/* A query parameter that the route declares; NULL: not given.  "" counts as given. */
const char *request_query(const struct request *request, const char *name);
/* Absent: `fallback`; "", "true" or "1" and "false" or "0"; anything else is ERR_INVALID. */
int request_query_bool(const struct request *request, const char *name, bool fallback, bool *out,
                       struct err *err);
/* Absent: `fallback`. */
int request_query_u64(const struct request *request, const char *name, uint64_t fallback,
                      uint64_t *out, struct err *err);
/* The body, which must be a JSON object or empty (then an empty object).  Lives as long as the
 * request. */
int request_json(struct request *request, const struct json **out, struct err *err);

typedef void request_gone_fn(void *context);
/* The answer comes later. */
void request_keep(struct request *request, request_gone_fn *gone, void *context);

/* ---- One document -------------------------------------------------------------------------- */

/* Takes `object` over and adds apiVersion. */
void request_answer(struct request *request, struct json *object);
/* 202: accepted, and done soon. */
void request_accept(struct request *request, struct json *object);
/* {"apiVersion", "error": {"code", "message"}} with the status that belongs to the code. */
void request_fail(struct request *request, const struct err *err);
/* With one more member of `error`; takes `list` over. */
void request_fail_list(struct request *request, const struct err *err, const char *name,
                       struct json *list);
/* Other text, such as a plan in markdown.  Copied. */
void request_answer_text(struct request *request, const char *content_type, const char *text,
                         size_t size);

/* ---- A stream ------------------------------------------------------------------------------ */

/* More than this unsent: the writer should wait for `drained`. */
#define STREAM_ENOUGH (64 * 1024)
/* More than this unsent: the client is too slow and is cut off. */
#define STREAM_MAX    (4 * 1024 * 1024)

/* Begins; the request must have been kept.  `drained` (may be NULL) is called when all that was
 * written has left, with the context of request_keep(). */
void request_stream(struct request *request, const char *content_type, request_gone_fn *drained);
/* Copies.  Returns the bytes that have not left yet. */
size_t request_write(struct request *request, const void *data, size_t size);
/* One JSON document and a newline; takes `object` over. */
size_t request_write_json(struct request *request, struct json *object);
/* Nothing more comes. */
void request_finish(struct request *request);

/* ---- The connection ------------------------------------------------------------------------ */

/* All but `open` are optional.  Called from the loop, with the context of request_keep(). */
struct upgrade_ops {
    void (*open)(void *context);
    void (*data)(void *context, const char *data, size_t size);
    void (*drained)(void *context); /* all that was written has left */
    void (*end)(void *context);     /* the client closed, or is gone */
};

/* 101 when the request asks for `protocol` (else the request fails, and false is the answer); the
 * request must have been kept.  `ops` is static. */
bool request_upgrade(struct request *request, const char *protocol, const struct upgrade_ops *ops);
/* Copies.  Returns the bytes that have not left yet; more than STREAM_MAX cuts the client off. */
size_t upgrade_write(struct request *request, const void *data, size_t size);
/* Stops and starts reading. */
void upgrade_pause(struct request *request, bool paused);
/* Closes when all that was written has left; nothing is read any more, and `gone` follows. */
void upgrade_finish(struct request *request);

#endif
