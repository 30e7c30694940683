/*
 * One request from its first line to its last byte.
 *
 * libmicrohttpd calls exchange_handle() first with the head, then with parts of the body, then at
 * the end of it, and again whenever a suspended request was woken. A response can only be handed
 * over from inside of that call, so it is kept until then.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "reconciler/api/server_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#define STREAM_BLOCK  ((size_t)16 * 1024)
/* A body that is too large is read to its end, so that the client gets to read why; but not for
 * ever. */
#define BODY_PATIENCE (4 * (uint64_t)LIMIT_HTTP_BODY)

/* ---- Routes -------------------------------------------------------------------------------- */

/* True when `path` has the form of the route; the parts that braces stand for go to params. */
static bool route_fits(const char *pattern, const char *path, struct arena *arena,
                       const char *params[ROUTE_PARAMS_MAX])
{
    size_t count = 0;

    for (;;) {
        size_t want = strcspn(pattern, "/");
        size_t have = strcspn(path, "/");

        if (pattern[0] == '{') {
            ASSERT(count < ROUTE_PARAMS_MAX);
            if (have == 0)
                return false;
            params[count++] = arena_text_n(arena, path, have);
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
        if (*pattern != *path)
            return false;
        if (*pattern == '\0')
            return true;
        pattern++;
        path++;
    }
}

static bool method_fits(const struct route *route, const char *method)
{
    return text_equal(route->method, method) ||
           (text_equal(route->method, "GET") && text_equal(method, "HEAD"));
}

static void fail_with_routes(struct request *request, const char *path)
{
    const struct server_options *options = &request->server->options;
    struct json *routes = json_array();
    struct err err = { 0 };

    for (size_t i = 0; i < options->route_count; i++)
        json_append_text(routes, arena_printf(&request->arena, "%s %s", options->routes[i].method,
                                              options->routes[i].path));
    (void)err_set(&err, ERR_NOT_FOUND, "there is no '%s'", path);
    request_fail_with(request, MHD_HTTP_NOT_FOUND, &err, "routes", routes);
}

static void fail_with_methods(struct request *request, const char *path, const char *allowed)
{
    struct err err = { 0 };

    (void)err_set(&err, ERR_INVALID, "'%s' takes %s", path, allowed);
    request_fail_with(request, MHD_HTTP_METHOD_NOT_ALLOWED, &err, NULL, NULL);
    (void)MHD_add_response_header(request->response, MHD_HTTP_HEADER_ALLOW, allowed);
}

static void find_route(struct request *request, const char *method, const char *path)
{
    const struct server_options *options = &request->server->options;
    AUTO(buf) allowed = { 0 };

    buf_init(&allowed, 256);
    for (size_t i = 0; i < options->route_count; i++) {
        const struct route *route = &options->routes[i];

        if (!route_fits(route->path, path, &request->arena, request->params))
            continue;
        if (method_fits(route, method)) {
            request->route = route;
            return;
        }
        buf_printf(&allowed, "%s%s", allowed.size == 0 ? "" : ", ", route->method);
    }
    if (allowed.size == 0)
        fail_with_routes(request, path);
    else
        fail_with_methods(request, path, buf_text(&allowed));
}

/* A parameter that nobody reads would be silently ignored. */
static enum MHD_Result check_query(void *context, enum MHD_ValueKind kind, const char *key,
                                   size_t key_size, const char *value, size_t value_size)
{
    struct request *request = context;
    const struct route_query *known = request->route->query;
    const char *names[ROUTE_QUERY_MAX];
    struct err err = { 0 };
    size_t count = 0;

    (void)kind;
    if (strlen(key) != key_size || (value != NULL && strlen(value) != value_size)) {
        (void)err_set(&err, ERR_INVALID, "a parameter holds a zero byte");
        request_fail(request, &err);
        return MHD_NO;
    }
    for (; known != NULL && known[count].name != NULL; count++) {
        ASSERT(count < ROUTE_QUERY_MAX);
        if (text_equal(known[count].name, key))
            return MHD_YES;
        names[count] = known[count].name;
    }
    const char *nearest = count > 0 ? text_nearest(key, names, count) : NULL;
    if (nearest != NULL)
        (void)err_set(&err, ERR_INVALID, "unknown parameter '%s': did you mean '%s'?", key,
                      nearest);
    else
        (void)err_set(&err, ERR_INVALID, "unknown parameter '%s'", key);
    request_fail(request, &err);
    return MHD_NO;
}

static void check_head(struct request *request, const char *method, const char *path)
{
    const char *refusal;
    struct err err = { 0 };

    find_route(request, method, path);
    if (request->response != NULL)
        return;
    refusal = guard_refusal(request, request->route);
    if (refusal != NULL) {
        (void)err_set(&err, ERR_DENIED, "%s", refusal);
        request_fail(request, &err);
        return;
    }
    (void)MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, check_query,
                                      request);
}

/* ---- Life of a request --------------------------------------------------------------------- */

static int request_descriptor(const struct request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
        ->connect_fd;
}

static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t size = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static struct request *exchange_begin(struct server *server, struct MHD_Connection *connection)
{
    struct request *request = mem_alloc(sizeof(*request));

    request->server = server;
    request->connection = connection;
    request->is_local = is_unix(request_descriptor(request));
    request->upgrade.fd = -1;
    buf_init(&request->body, LIMIT_HTTP_BODY);
    buf_init(&request->out, STREAM_MAX);
    request->next = server->requests;
    if (request->next != NULL)
        request->next->previous = request;
    server->requests = request;
    server->request_count++;
    return request;
}

void exchange_complete(void *context, struct MHD_Connection *connection, void **slot,
                       enum MHD_RequestTerminationCode code)
{
    struct request *request = *slot;
    struct server *server;

    (void)context;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    *slot = NULL;
    server = request->server;
    if (request->next != NULL)
        request->next->previous = request->previous;
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        server->requests = request->next;
    server->request_count--;
    loop_unwatch(request->watch);
    upgrade_close(request);
    if (request->gone != NULL)
        request->gone(request->context);
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    json_free(request->json);
    buf_release(&request->body);
    buf_release(&request->out);
    buf_release(&request->upgrade.out);
    arena_release(&request->arena);
    free(request);
}

static enum MHD_Result exchange_queue(struct request *request)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result result;

    ASSERT(!request->queued);
    request->response = NULL;
    request->queued = true;
    result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response); /* our reference */
    return result;
}

static void suspend(struct request *request)
{
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

void request_wake(struct request *request)
{
    if (!request->suspended)
        return;
    loop_unwatch(request->watch);
    request->watch = NULL;
    request->suspended = false;
    MHD_resume_connection(request->connection);
    server_kick(request->server);
}

static enum MHD_Result take_body(struct request *request, const char *upload, size_t *size)
{
    request->body_bytes += *size;
    if (request->body_bytes > BODY_PATIENCE)
        return MHD_NO; /* closes the connection */
    buf_add(&request->body, upload, *size);
    *size = 0;
    return MHD_YES;
}

static void run_handler(struct request *request)
{
    struct err err = { 0 };

    request->begun = true;
    if (request->body.truncated) {
        (void)err_set(&err, ERR_INVALID, "the body has more than %d bytes", LIMIT_HTTP_BODY);
        request_fail_with(request, MHD_HTTP_CONTENT_TOO_LARGE, &err, NULL, NULL);
        return;
    }
    request->route->handler(request);
    ASSERT(request->response != NULL || request->gone != NULL); /* answered or kept */
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **slot)
{
    struct request *request = *slot;

    (void)version;
    if (request == NULL) {
        request = exchange_begin(context, connection);
        *slot = request;
        check_head(request, method, url);
        return request->response == NULL ? MHD_YES : exchange_queue(request);
    }
    if (*upload_size > 0)
        return take_body(request, upload, upload_size);
    if (!request->begun)
        run_handler(request);
    if (request->response != NULL)
        return exchange_queue(request);
    if (!request->queued)
        suspend(request);
    return MHD_YES;
}

void exchange_abort(struct request *request)
{
    request->cut = true;
    request->finished = true;
    if (request->upgrade.handle != NULL) {
        upgrade_close(request);
        return;
    }
    if (request->response == NULL && !request->queued && request->begun) {
        struct err err = { 0 };

        (void)err_set(&err, ERR_CANCELLED, "Berth stops");
        request_fail(request, &err);
    }
    request_wake(request);
}

/* ---- Streams ------------------------------------------------------------------------------- */

/* The client of a stream that has nothing to send: what it sends means nothing, but its end does,
 * and libmicrohttpd does not look at connections that are suspended. */
static void client_moved(void *context, int fd, unsigned events)
{
    struct request *request = context;
    char byte;
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    (void)events;
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0) { /* the next request, too early: it waits */
        loop_unwatch(request->watch);
        request->watch = NULL;
        return;
    }
    request->cut = true;
    request_wake(request);
}

static ssize_t stream_read(void *context, uint64_t position, char *out, size_t size)
{
    struct request *request = context;
    size_t count = request->out.size < size ? request->out.size : size;

    (void)position;
    if (request->cut || request->out.truncated)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (count > 0) {
        memcpy(out, request->out.data, count);
        buf_drop_front(&request->out, count);
        if (request->out.size == 0 && request->drained != NULL && !request->finished)
            request->drained(request->context);
        return (ssize_t)count;
    }
    if (request->finished)
        return MHD_CONTENT_READER_END_OF_STREAM;
    suspend(request);
    request->watch = loop_watch_fd(request->server->loop, request_descriptor(request),
                                   LOOP_READABLE, client_moved, request, NULL);
    return 0;
}

void request_stream(struct request *request, const char *content_type, request_gone_fn *drained)
{
    struct MHD_Response *response;

    ASSERT(request->gone != NULL && !request->streaming);
    request->streaming = true;
    request->drained = drained;
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read,
                                                 request, NULL);
    ASSERT(response != NULL);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    request_set_response(request, MHD_HTTP_OK, response);
}

size_t request_write(struct request *request, const void *data, size_t size)
{
    ASSERT(request->streaming && !request->finished);
    buf_add(&request->out, data, size);
    request_wake(request);
    return request->out.size;
}

void request_finish(struct request *request)
{
    ASSERT(request->streaming);
    request->finished = true;
    request_wake(request);
}
