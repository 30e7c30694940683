/*
 * Whatever a client writes to the socket of the API, on a server with one route for each thing that
 * a handler can do.  A client that is gone leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "reconciler/api/server.h"
#include "tests/fuzz/fuzz.h"

#define TURNS_MAX 300

static void get_both(struct request *request)
{
    struct json *answer = json_object();
    struct err err = { 0 };
    bool loud = false;
    uint64_t limit = 0;

    if (request_query_bool(request, "loud", false, &loud, &err) < 0 ||
        request_query_u64(request, "limit", 10, &limit, &err) < 0) {
        json_free(answer);
        request_fail(request, &err);
        return;
    }
    ASSERT(strchr(request_param(request, "name"), '/') == NULL);
    json_set_text(answer, "cluster", request_param(request, "cluster"));
    json_set_text(answer, "name", request_param(request, "name"));
    json_set_text(answer, "since", request_query(request, "since"));
    json_set_bool(answer, "loud", loud);
    request_answer(request, answer);
}

static void post_body(struct request *request)
{
    const struct json *body;
    struct err err = { 0 };

    if (request_json(request, &body, &err) < 0) {
        request_fail(request, &err);
        return;
    }
    ASSERT(json_is_object(body));
    request_accept(request, json_copy(body));
}

static void nothing(void *context)
{
    (void)context;
}

static void get_lines(struct request *request)
{
    request_keep(request, nothing, request);
    request_stream(request, "application/x-ndjson", NULL);
    (void)request_write_json(request, json_object());
    request_finish(request);
}

static void on_open(void *context)
{
    (void)upgrade_write(context, "hello", 5);
}

static void on_data(void *context, const char *data, size_t size)
{
    (void)upgrade_write(context, data, size);
    if (memchr(data, '!', size) != NULL)
        upgrade_finish(context);
}

static void on_end(void *context)
{
    upgrade_finish(context);
}

static void post_upgrade(struct request *request)
{
    static const struct upgrade_ops ops = { .open = on_open, .data = on_data, .end = on_end };

    request_keep(request, nothing, request);
    (void)request_upgrade(request, "echo/1", &ops);
}

static const struct route_query query[] = {
    { "loud", NULL }, { "limit", NULL }, { "since", NULL }, { NULL, NULL }
};

static const struct route routes[] = {
    { "GET", "/v1/both/{cluster}/{name}", get_both, query, false, NULL },
    { "POST", "/v1/body", post_body, NULL, true, NULL },
    { "GET", "/v1/lines", get_lines, NULL, false, NULL },
    { "POST", "/v1/upgrade", post_upgrade, NULL, true, NULL },
};

static char folder[] = "/tmp/fuzz-request-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct loop *loop;
static struct server *server;

static void tear_down(void)
{
    server_free(server);
    loop_free(loop);
    (void)rmdir(folder);
}

static void set_up(void)
{
    struct server_options options = { .socket_path = address.sun_path,
                                      .routes = routes,
                                      .route_count = ARRAY_COUNT(routes) };
    struct err err = { 0 };
    char *made = mkdtemp(folder);

    ASSERT(made != NULL);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    loop = loop_new(&err);
    server = server_new(loop, &options, &err);
    ASSERT(server != NULL);
    (void)atexit(tear_down);
}

static void stop(void *context)
{
    loop_stop(context);
}

static void turn(void)
{
    loop_defer(loop, stop, loop);
    loop_run(loop);
}

/* What the server says, until it closes or has nothing to say any more. */
static void hear(int fd, struct buf *out)
{
    char part[16 * 1024];
    int idle = 0;

    for (int i = 0; i < TURNS_MAX && idle < 8; i++) {
        ssize_t size = recv(fd, part, sizeof(part), MSG_DONTWAIT);

        if (size == 0 || (size < 0 && errno != EAGAIN))
            return;
        idle = size > 0 ? 0 : idle + 1;
        if (size > 0)
            buf_add(out, part, (size_t)size);
        turn();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) answer = { 0 };
    int fd;

    if (server == NULL)
        set_up();
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0);
    int connected = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    ASSERT(connected == 0);
    buf_init(&answer, FUZZ_PRINTED_MAX);
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, data + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN)
            break;
        at += sent > 0 ? (size_t)sent : 0;
        hear(fd, &answer);
        if (sent < 0)
            break; /* it reads no more */
    }
    (void)shutdown(fd, SHUT_WR);
    hear(fd, &answer);
    (void)close(fd);
    for (int i = 0; i < 50 && server_request_count(server) > 0; i++)
        turn();
    ASSERT(server_request_count(server) == 0);
    if (answer.size > 0)
        ASSERT(answer.size > 9 && memcmp(answer.data, "HTTP/1.", 7) == 0);
    return 0;
}
