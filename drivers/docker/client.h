/*
 * One Docker Engine: where it is, which version of its API we speak, and calls to it.  Knows
 * nothing of containers; that is read.h and write.h.
 *
 * The version is agreed before the first call and again after the engine could not be reached:
 * min(DOCKER_API_OURS, the engine's).  An engine below DOCKER_API_OLDEST is refused; one that has
 * given up ours is spoken to in the oldest version that it has.
 * Source: https://docs.docker.com/engine/api/v1.43/ (paths, errors, versioning).
 */
#ifndef DRIVERS_DOCKER_CLIENT_H
#define DRIVERS_DOCKER_CLIENT_H

#include "drivers/io/http.h"

#define DOCKER_API_OURS   43 /* 1.43 */
#define DOCKER_API_OLDEST 41 /* 1.41: Engine 20.10 */

struct docker;
struct docker_call; /* in flight; gone after its done */

/* Where an engine listens. */
struct docker_host {
    char *unix_path; /* or host and port; owned */
    char *host;
    char *port;
    bool tls;
    char *ca_path; /* owned; NULL without tls */
    char *cert_path;
    char *key_path;
};

/* "unix:///path", "tcp://host:port" (default ports 2375, with TLS 2376).  NULL: DOCKER_HOST,
 * else unix:///var/run/docker.sock.  TLS: as the docker client, DOCKER_TLS_VERIFY not empty,
 * files ca.pem, cert.pem, key.pem in DOCKER_CERT_PATH (default ~/.docker).  Anything else is
 * ERR_INVALID. */
MUST_USE int docker_host_parse(struct docker_host *out, const char *text, struct err *err);
void docker_host_release(struct docker_host *host);
DEFINE_AUTO_VALUE(docker_host, docker_host_release)

/* docker_host as docker_host_parse() takes it.  Does not connect yet. */
struct docker *docker_new(struct http *http, const char *docker_host, struct err *err);
/* Texts call it so, instead of by its address. */
struct docker *docker_new_called(struct http *http, const char *docker_host, const char *name,
                                 struct err *err);
/* Calls in flight are answered with ERR_CANCELLED before it returns.  NULL is allowed. */
void docker_free(struct docker *docker);
DEFINE_AUTO(docker, docker_free)

struct http *docker_http(const struct docker *docker);
const struct docker_host *docker_where(const struct docker *docker);
const char *docker_name(const struct docker *docker); /* "unix:///var/run/docker.sock", for texts */
/* The minor number of the agreed version: 41 is 1.41; 0 until agreed. */
uint32_t docker_api(const struct docker *docker);
/* The next call asks again: another engine may be behind the same address now. */
void docker_agree_again(struct docker *docker);

struct docker_answer {
    int status;               /* 0: none came */
    const char *content_type; /* NULL: none said */
    const char *body;         /* never NULL, NUL-terminated; empty when a callback got it */
    size_t size;              /* bytes */
    const struct http_response *response; /* for http_response_header(); NULL when none came */
};

/* One JSON value of a streamed answer (progress, events), NUL-terminated, valid during the call. */
typedef void docker_line_fn(void *ctx, const char *json, size_t size);
/* Called exactly once, from the loop, never from inside docker_call() or docker_cancel().
 * failure: NULL for 2xx and for 304 (it is already so; status tells).  Else the engine's own
 * message and a code by status: 400 INVALID, 401 and 403 DENIED, 404 NOT_FOUND, 409 CONFLICT,
 * others FAILED, but CAPACITY where the engine says that its disk is full; or what http.h says,
 * without an answer. */
typedef void docker_done_fn(void *ctx, const struct docker_answer *answer,
                            const struct err *failure);

/* Zeroed but for method and path is valid.  Texts are copied. */
struct docker_request {
    const char *method;
    const char *path;           /* without version: "/containers/json" */
    const char *query;          /* encoded, without '?' (query.h); NULL: none */
    const char *json;           /* body; NULL: none */
    const char *content_type;   /* of the body; NULL: JSON for json, application/x-tar for others */
    const char *const *headers; /* NULL-terminated "Name: value", such as X-Registry-Auth */
    bool body_is_fd;            /* body from a file: http.h */
    int body_fd;
    int64_t body_fd_size;
    const struct http_part *body_parts; /* http.h */
    size_t body_part_count;
    int64_t deadline_ms;     /* for the whole call; 0: none */
    bool is_long;            /* a stream, or one that waits (stop, wait, build, pull): http.h */
    docker_line_fn *on_line; /* the 2xx answer is a stream of JSON values, each at most */
                             /* LIMIT_ENGINE_LINE bytes (ERR_CAPACITY) */
    http_data_fn *on_data;   /* the 2xx answer is a stream of bytes (logs, archives) */
};

/* Never fails at once.  ctx is that of done, on_line and on_data. */
struct docker_call *docker_call(struct docker *docker, const struct docker_request *request,
                                docker_done_fn *done, void *ctx);
/* done follows with ERR_CANCELLED; no other callback does.  NULL is allowed. */
void docker_cancel(struct docker_call *call);
/* How much of its body from a file was handed over to be sent. */
int64_t docker_sent(const struct docker_call *call);
/* Stops and starts the flow of on_data and on_line. */
void docker_pause(struct docker_call *call, bool paused);

/* Fills *err from an answer that is neither 2xx nor 304; returns -1. */
int docker_answer_err(int status, const char *body, size_t size, struct err *err);

#endif
