/*
 * Requests and their libcurl handles: shared by http.c (life, order, callbacks), http_endpoint.c
 * (the server, libcurl's events) and http_easy.c (libcurl's options and errors).
 */
#ifndef DRIVERS_IO_HTTP_INT_H
#define DRIVERS_IO_HTTP_INT_H

#include <curl/curl.h>

#include "drivers/io/http.h"
#include "spec/base/buf.h"

/* Handles kept for the next requests. */
#define HTTP_SPARE_MAX 16
/* So much of a streamed answer waits for its reader before libcurl is told to wait too. */
#define HTTP_DATA_MAX  ((size_t)4 * 1024 * 1024)

/* A connection that the loop looks at, also while no request uses it: most are used again at once,
 * and telling the kernel each time would cost more than the request. */
struct http_socket {
    struct http_endpoint *endpoint;
    struct loop_watch *watch;
    curl_socket_t fd;
    unsigned events; /* that are looked for */
    bool is_idle;    /* libcurl waits for nothing there */
    struct http_socket *previous;
    struct http_socket *next;
};

struct http_endpoint {
    struct http *http;
    struct loop *loop;
    CURLM *multi;
    struct http_socket *sockets;
    char *unix_path; /* or NULL */
    char *url;       /* in front of every path */
    char *name;
    char *hint;        /* or NULL */
    char *denied_hint; /* or NULL */
    char *ca_path;
    char *cert_path;
    char *key_path;
    uint32_t requests_max;
    uint32_t counted; /* requests that libcurl has, without the long ones */
    CURL *spare[HTTP_SPARE_MAX];
    uint32_t spare_count;
    struct http_request *requests;     /* all that are not answered */
    struct http_request *waiting;      /* for counted < requests_max, in order */
    struct http_request *waiting_last; /* NULL: none waits */
    struct http_request *ready;        /* with data to deliver or an answer, in order */
    struct http_request *ready_last;
    struct timer timer; /* libcurl's */
    uint32_t depth;     /* of callbacks that run now */
    bool settling;      /* endpoint_settle() is deferred */
    bool kicking;       /* libcurl's timer of 0 is deferred */
    bool in_curl;       /* libcurl runs: it must not be entered again */
    bool freed;         /* goes when depth is 0 */
};

struct http_request {
    struct http_endpoint *endpoint;
    struct http_request *previous; /* in requests */
    struct http_request *next;
    struct http_request *next_waiting;
    struct http_request *next_ready;
    CURL *easy;                 /* NULL: libcurl never had it */
    struct curl_slist *headers; /* must outlive the transfer */
    struct timer deadline;
    char *method;
    char *path;
    char *body;
    size_t body_size;
    int body_fd;
    int64_t body_fd_size;
    int64_t body_fd_at;                 /* bytes sent */
    const struct http_part *body_parts; /* the caller's; NULL: the file as it is */
    size_t body_part_count;
    http_data_fn *on_data;
    http_done_fn *on_done;
    void *ctx;
    struct buf gathered; /* of the answer */
    struct buf data;     /* for on_data, not delivered yet */
    bool body_is_fd;
    bool is_long;
    bool is_counted; /* in endpoint->counted */
    bool is_waiting;
    bool is_ready;
    bool in_multi;
    bool paused;   /* by the reader */
    bool choked;   /* libcurl waits until `data` was delivered or the reader goes on */
    bool finished; /* nothing more comes; `failed` tells how */
    bool failed;
    bool dropped; /* ended by us: `data` is not delivered any more */
    struct err failure;
    char error_text[CURL_ERROR_SIZE];
};

/* Sets every option of request->easy.  -1: request->failure is set. */
int http_easy_set_up(struct http_request *request);
/* Sets request->failure from what libcurl said, unless it is set. */
void http_easy_fail(struct http_request *request, CURLcode code);
/* CURLOPT_OPENSOCKETFUNCTION: no child inherits it. */
curl_socket_t http_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
/* CURLOPT_CLOSESOCKETFUNCTION; ctx is the endpoint. */
int http_close_socket(void *ctx, curl_socket_t fd);
/* What an error of libcurl means. */
enum err_code http_error_code(CURLcode code);
/* Puts the request in line for its callbacks. */
void http_request_ready(struct http_request *request);
/* Ends it by a decision of ours; on_done follows.  No effect on one that ended. */
void http_request_fail(struct http_request *request, enum err_code code, const char *text);
/* The same for everybody who no longer wants an answer, even one that came. */
void http_request_cancel(struct http_request *request);
/* Calls on_done and frees the request. */
void http_request_answer(struct http_request *request);

/* Calls back for everything that came, and starts what waits.  May free the endpoint. */
void http_endpoint_settle(struct http_endpoint *endpoint);
/* Takes back the deferred call of the former. */
void http_endpoint_forget(struct http_endpoint *endpoint);
/* Frees its memory, when nothing calls back any more. */
void http_endpoint_destroy(struct http_endpoint *endpoint);

#endif
