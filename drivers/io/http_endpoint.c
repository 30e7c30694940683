/*
 * A server, and what libcurl wants to wait for on its behalf: descriptors and one timeout.
 *
 * Contracts: https://curl.se/libcurl/c/curl_multi_socket_action.html and CURLMOPT_SOCKETFUNCTION,
 * CURLMOPT_TIMERFUNCTION (a timeout of 0 must not call libcurl from inside its callback),
 * CURLOPT_CLOSESOCKETFUNCTION (called for every connection that is closed).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "drivers/io/http_int.h"
#include "spec/base/libraries.h"
#include "spec/base/text.h"

struct http {
    struct loop *loop;
    uint32_t endpoint_count;
};

/* ---- libcurl's events ---- */

/* No descriptor could be watched: libcurl refuses everything until it has no transfer left. */
static void fail_all(struct http_endpoint *endpoint, CURLMcode code)
{
    struct http_request *next;

    for (struct http_request *request = endpoint->requests; request != NULL; request = next) {
        next = request->next;
        if (request->in_multi)
            http_request_fail(request, ERR_CAPACITY, curl_multi_strerror(code));
    }
}

static void curl_action(struct http_endpoint *endpoint, curl_socket_t fd, int events)
{
    int running = 0;

    ASSERT(!endpoint->in_curl);
    endpoint->in_curl = true;
    CURLMcode code = curl_multi_socket_action(endpoint->multi, fd, events, &running);
    endpoint->in_curl = false;
    if (code != CURLM_OK)
        fail_all(endpoint, code);
    http_endpoint_settle(endpoint);
}

static struct http_socket *find_socket(const struct http_endpoint *endpoint, curl_socket_t fd)
{
    struct http_socket *at;

    DL_SEARCH_SCALAR(endpoint->sockets, at, fd, fd);
    return at;
}

static void forget_socket(struct http_socket *socket)
{
    DL_DELETE2(socket->endpoint->sockets, socket, previous, next);
    loop_unwatch(socket->watch);
    free(socket);
}

static void on_fd(void *ctx, int fd, unsigned events)
{
    struct http_socket *socket = ctx;
    struct http_endpoint *endpoint = socket->endpoint;
    int seen = 0;

    if (socket->is_idle) { /* the server closes it, which libcurl sees before it is used again */
        forget_socket(socket);
        return;
    }
    if ((events & LOOP_READABLE) != 0)
        seen |= CURL_CSELECT_IN;
    if ((events & LOOP_WRITABLE) != 0)
        seen |= CURL_CSELECT_OUT;
    curl_action(endpoint, fd, seen);
}

static void on_timer(void *ctx)
{
    curl_action(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(void *ctx)
{
    struct http_endpoint *endpoint = ctx;

    if (!endpoint->kicking)
        return;
    endpoint->kicking = false;
    curl_action(endpoint, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long delay_ms, void *ctx)
{
    struct http_endpoint *endpoint = ctx;

    (void)multi;
    timer_stop(&endpoint->timer);
    if (endpoint->kicking)
        loop_defer_cancel(endpoint->loop, on_kick, endpoint);
    endpoint->kicking = delay_ms == 0;
    if (endpoint->kicking)
        loop_defer(endpoint->loop, on_kick, endpoint);
    else if (delay_ms > 0)
        timer_start(endpoint->loop, &endpoint->timer, delay_ms, on_timer, endpoint);
    return 0;
}

static int use_socket(struct http_endpoint *endpoint, struct http_socket *socket, curl_socket_t fd,
                      unsigned events)
{
    if (socket == NULL) {
        socket = mem_alloc(sizeof(*socket));
        socket->endpoint = endpoint;
        socket->fd = fd;
        socket->watch = loop_watch_fd(endpoint->loop, fd, events, on_fd, socket, NULL);
        if (socket->watch == NULL) {
            free(socket);
            return -1;
        }
        DL_APPEND2(endpoint->sockets, socket, previous, next);
    } else if (socket->events != events) {
        loop_watch_change(socket->watch, events);
    }
    socket->events = events;
    socket->is_idle = false;
    return 0;
}

/* It stays watched for what the next answer will be: something to read. */
static void idle_socket(struct http_socket *socket)
{
    if (socket->events != LOOP_READABLE)
        loop_watch_change(socket->watch, LOOP_READABLE);
    socket->events = LOOP_READABLE;
    socket->is_idle = true;
}

int http_close_socket(void *ctx, curl_socket_t fd)
{
    struct http_socket *socket = find_socket(ctx, fd);

    if (socket != NULL)
        forget_socket(socket);
    return close(fd);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct http_endpoint *endpoint = ctx;
    struct http_socket *socket = find_socket(endpoint, fd);
    unsigned events = 0;

    (void)easy;
    (void)of_socket;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL)
            idle_socket(socket);
        return 0;
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= LOOP_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= LOOP_WRITABLE;
    return use_socket(endpoint, socket, fd, events);
}

/* ---- Life ---- */

struct http *http_new(struct loop *loop, struct err *err)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, library_alloc, free, library_resize, library_text,
                             library_zeroed) != CURLE_OK) {
        (void)err_set(err, ERR_INTERNAL, "libcurl cannot be initialised");
        return NULL;
    }

    struct http *http = mem_alloc(sizeof(*http));
    http->loop = loop;
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    ASSERT(http->endpoint_count == 0);
    free(http);
    curl_global_cleanup();
}

struct loop *http_loop(const struct http *http)
{
    return http->loop;
}

static char *text_or_null(const char *text)
{
    return text != NULL ? mem_text(text) : NULL;
}

static int check_options(const struct http_endpoint_options *options, struct err *err)
{
    ASSERT((options->unix_path == NULL) != (options->base_url == NULL));
    if (options->unix_path != NULL && strlen(options->unix_path) > HTTP_UNIX_PATH_MAX)
        return err_set(err, ERR_INVALID, "'%s': the path of a socket has at most %d bytes",
                       options->unix_path, HTTP_UNIX_PATH_MAX);
    if (options->base_url != NULL && !text_starts(options->base_url, "http://") &&
        !text_starts(options->base_url, "https://"))
        return err_set(err, ERR_INVALID, "'%s' is not an http:// or https:// address",
                       options->base_url);

    const char *const files[] = { options->ca_path, options->cert_path, options->key_path };
    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        if (files[i] != NULL && access(files[i], R_OK) < 0)
            return err_set(err, ERR_INVALID, "'%s' cannot be read", files[i]);
    return 0;
}

struct http_endpoint *
http_endpoint_new(struct http *http, const struct http_endpoint_options *options, struct err *err)
{
    if (check_options(options, err) < 0)
        return NULL;

    struct http_endpoint *endpoint = mem_alloc(sizeof(*endpoint));
    const char *where = options->unix_path != NULL ? options->unix_path : options->base_url;
    endpoint->http = http;
    endpoint->loop = http->loop;
    endpoint->unix_path = text_or_null(options->unix_path);
    endpoint->url = mem_text(options->base_url != NULL ? options->base_url : "http://localhost");
    endpoint->name = mem_text(options->name != NULL ? options->name : where);
    endpoint->hint = text_or_null(options->hint);
    endpoint->denied_hint = text_or_null(options->denied_hint);
    endpoint->ca_path = text_or_null(options->ca_path);
    endpoint->cert_path = text_or_null(options->cert_path);
    endpoint->key_path = text_or_null(options->key_path);
    endpoint->requests_max = options->requests_max > 0 ? options->requests_max : HTTP_REQUESTS_MAX;
    endpoint->multi = curl_multi_init();
    ASSERT(endpoint->multi != NULL); /* memory only */
    (void)curl_multi_setopt(endpoint->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
    (void)curl_multi_setopt(endpoint->multi, CURLMOPT_SOCKETDATA, endpoint);
    (void)curl_multi_setopt(endpoint->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(endpoint->multi, CURLMOPT_TIMERDATA, endpoint);
    (void)curl_multi_setopt(endpoint->multi, CURLMOPT_MAXCONNECTS, (long)endpoint->requests_max);
    http->endpoint_count++;
    return endpoint;
}

void http_endpoint_destroy(struct http_endpoint *endpoint)
{
    endpoint->http->endpoint_count--;
    free(endpoint->unix_path);
    free(endpoint->url);
    free(endpoint->name);
    free(endpoint->hint);
    free(endpoint->denied_hint);
    free(endpoint->ca_path);
    free(endpoint->cert_path);
    free(endpoint->key_path);
    free(endpoint);
}

void http_endpoint_free(struct http_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    ASSERT(!endpoint->freed);
    ASSERT(!endpoint->in_curl);

    endpoint->freed = true;
    endpoint->depth++;
    while (endpoint->requests != NULL) {
        struct http_request *request = endpoint->requests;

        http_request_cancel(request);
        http_request_answer(request);
    }
    while (endpoint->spare_count > 0)
        curl_easy_cleanup(endpoint->spare[--endpoint->spare_count]);
    endpoint->in_curl = true;
    (void)curl_multi_cleanup(endpoint->multi);
    endpoint->in_curl = false;
    ASSERT(endpoint->sockets == NULL);
    timer_stop(&endpoint->timer);
    loop_defer_cancel(endpoint->loop, on_kick, endpoint);
    http_endpoint_forget(endpoint);
    endpoint->depth--;
    if (endpoint->depth == 0)
        http_endpoint_destroy(endpoint);
}
