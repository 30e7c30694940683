/*
 * HTTP/1.1 client on the loop: libcurl's multi interface.
 *
 * Contract: an accepted request is answered by exactly one on_done, always from loop_run(), never
 * from inside http_start() or http_cancel(); only http_endpoint_free() calls those that are left
 * itself.  No callback runs inside libcurl: each may start, cancel and free
 * anything.
 */
#ifndef DRIVERS_IO_HTTP_H
#define DRIVERS_IO_HTTP_H

#include "drivers/io/loop.h"

struct http;          /* what all endpoints share */
struct http_endpoint; /* one server and the connections kept to it */
struct http_request;  /* in flight; gone after its on_done */

struct http *http_new(struct loop *loop, struct err *err);
/* Its endpoints must be freed before (asserted). */
void http_free(struct http *http);
DEFINE_AUTO(http, http_free)
struct loop *http_loop(const struct http *http);

/* Exactly one of unix_path and base_url.  Everything is copied. */
struct http_endpoint_options {
    const char *unix_path; /* at most HTTP_UNIX_PATH_MAX bytes; proxies are never used */
    const char *base_url;  /* "http://host:port" or "https://host:port/prefix", no '/' at the end */
    const char *name;      /* for error texts; NULL: unix_path or base_url */
    const char *hint; /* said after "cannot be reached", e.g. "is it running?"; NULL: nothing */
    const char *denied_hint; /* said where it may not be reached; NULL: nothing */
    const char *ca_path;     /* PEM; NULL: the system's */
    const char *cert_path;   /* PEM client certificate; NULL: none */
    const char *key_path;
    uint32_t requests_max; /* at once, without the long ones; others wait; 0: HTTP_REQUESTS_MAX */
};
#define HTTP_UNIX_PATH_MAX 107
#define HTTP_REQUESTS_MAX  32

struct http_endpoint *
http_endpoint_new(struct http *http, const struct http_endpoint_options *options, struct err *err);
/* Requests in flight are answered with ERR_CANCELLED before it returns.  NULL is allowed. */
void http_endpoint_free(struct http_endpoint *endpoint);

struct http_response {
    int status;                         /* 0: none came */
    const char *content_type;           /* NULL: none said */
    const char *body;                   /* never NULL, NUL-terminated; empty when on_data got it */
    size_t size;                        /* bytes of body */
    const struct http_request *request; /* for http_response_header() */
};

/* A piece of a file. */
struct http_part {
    int64_t at; /* bytes from its start */
    int64_t size;
};

/* A part of the body of a 2xx answer, of any size above 0.  (The body of any other answer is
 * gathered in the response.) */
typedef void http_data_fn(void *ctx, const char *data, size_t size);
/* failure: NULL when a whole answer came, whatever its status.  Else ERR_UNREACHABLE (not
 * connected, or the connection broke), ERR_TIMEOUT, ERR_CANCELLED, ERR_CAPACITY (larger than
 * body_max), ERR_DENIED (TLS: not trusted); the response then has what came before.  Both are valid
 * during the call. */
typedef void http_done_fn(void *ctx, const struct http_response *response,
                          const struct err *failure);
/* Zeroed but for method, path and on_done is valid.  Texts and `body` are copied. */
struct http_options {
    const char *method;         /* "GET" ... */
    const char *path;           /* with its query, beginning with '/' */
    const char *const *headers; /* NULL-terminated "Name: value"; NULL: none */
    const void *body;           /* bytes of the request; NULL: none */
    size_t body_size;
    bool body_is_fd; /* a regular file or memfd, read from its start by pread; stays the caller's */
    int body_fd;
    int64_t body_fd_size; /* bytes */
    /* Of the file only these, one after the other; body_fd_size is their sum.  They stay the
     * caller's.  NULL: all of it. */
    const struct http_part *body_parts;
    size_t body_part_count;
    int64_t deadline_ms;   /* for the whole, waiting for a connection included; 0: none */
    bool is_long;          /* a stream or a slow call: not counted by requests_max, never waits */
    size_t body_max;       /* of the gathered answer; 0: LIMIT_ENGINE_RESPONSE */
    http_data_fn *on_data; /* NULL: the answer is gathered */
    http_done_fn *on_done;
    void *ctx; /* of on_data and on_done */
};

/* Never fails at once: what is wrong comes with on_done.  The request is valid until then. */
struct http_request *http_start(struct http_endpoint *endpoint, const struct http_options *options);
/* on_data is not called any more; on_done follows with ERR_CANCELLED.  Once on_done was called the
 * request is gone and must not be named again.  NULL is allowed. */
void http_cancel(struct http_request *request);
/* How much of a body from a file was handed over to be sent. */
int64_t http_sent(const struct http_request *request);
/* Stops and starts the flow of on_data: for a reader slower than the server. */
void http_pause(struct http_request *request, bool paused);

/* The first header of that name, in any case; NULL: none.  Valid during on_done. */
const char *http_response_header(const struct http_response *response, const char *name);

/* Of the library below, as it is loaded: "2.14". */
const char *http_library_version(void);

#endif
