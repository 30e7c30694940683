/*
 * Listening sockets and the loop.  libmicrohttpd keeps all its descriptors in one epoll set, which
 * the loop watches like any other descriptor; one timer serves its timeouts.
 */
#include "reconciler/api/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "reconciler/api/server_int.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* A connection that is idle, or a request that does not get on. */
#define CONNECTION_TIMEOUT_S 15U
#define BACKLOG              128
#define RETRY_MS             200

/* ---- The loop ------------------------------------------------------------------------------ */

static void daemon_run(void *context)
{
    struct server *server = context;
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;

    server->kicked = false;
    (void)MHD_run(server->daemon);
    timer_stop(&server->timer);
    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
        return;
    if (wait_ms == 0)
        server_kick(server);
    else
        timer_start(server->loop, &server->timer, (int64_t)wait_ms, daemon_run, server);
}

void server_kick(struct server *server)
{
    if (server->kicked || server->stopping)
        return;
    server->kicked = true;
    loop_defer(server->loop, daemon_run, server);
}

static void daemon_ready(void *context, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    daemon_run(context);
}

/* ---- Connections --------------------------------------------------------------------------- */

static void accept_when(struct server *server, bool wanted)
{
    unsigned events = wanted ? LOOP_READABLE : 0;

    if (server->local.watch != NULL)
        loop_watch_change(server->local.watch, events);
    if (server->tcp.watch != NULL)
        loop_watch_change(server->tcp.watch, events);
}

static void accept_again(void *context)
{
    accept_when(context, true);
}

static void connection_changed(void *context, struct MHD_Connection *connection, void **slot,
                               enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;

    (void)connection;
    (void)slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->connection_count++;
        return;
    }
    server->connection_count--;
    if (!server->stopping && !timer_is_running(&server->retry))
        accept_when(server, true);
}

/* libmicrohttpd closes what comes beyond its limit; here it waits in the queue of the socket. */
static void listener_ready(void *context, int fd, unsigned events)
{
    struct listener *listener = context;
    struct server *server = listener->server;

    (void)events;
    while (server->connection_count < LIMIT_HTTP_CONNECTIONS) {
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof(address);
        int client =
            accept4(fd, (struct sockaddr *)(void *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accept_when(server, false);
                timer_start(server->loop, &server->retry, RETRY_MS, accept_again, server);
            }
            return;
        }
        (void)MHD_add_connection(server->daemon, client, (struct sockaddr *)(void *)&address, size);
        server_kick(server);
    }
    accept_when(server, false);
}

static int listener_start(struct listener *listener, struct err *err)
{
    listener->watch = loop_watch_fd(listener->server->loop, listener->fd, LOOP_READABLE,
                                    listener_ready, listener, err);
    return listener->watch == NULL ? -1 : 0;
}

static void listener_stop(struct listener *listener)
{
    loop_unwatch(listener->watch);
    listener->watch = NULL;
    fd_auto(&listener->fd);
}

static int daemon_start(struct server *server, struct err *err)
{
    const union MHD_DaemonInfo *info;

    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, exchange_handle, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)LIMIT_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_complete, server, MHD_OPTION_NOTIFY_CONNECTION,
        connection_changed, server, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (server->daemon == NULL)
        return err_set(err, ERR_CAPACITY, "start the HTTP server");
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ASSERT(info != NULL);
    server->watch =
        loop_watch_fd(server->loop, info->epoll_fd, LOOP_READABLE, daemon_ready, server, err);
    return server->watch == NULL ? -1 : 0;
}

/* ---- Sockets ------------------------------------------------------------------------------- */

static enum err_code code_of_errno(int number)
{
    if (number == EADDRINUSE)
        return ERR_CONFLICT;
    if (number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM)
        return ERR_CAPACITY;
    return number == EADDRNOTAVAIL ? ERR_INVALID : ERR_DENIED;
}

static int socket_bind(int family, const void *address, socklen_t size, struct err *err)
{
    AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return err_set_errno(err, code_of_errno(errno), errno, "socket");
    if (family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address, size) < 0)
        return err_set_errno(err, code_of_errno(errno), errno, "bind");
    return fd_take(&fd);
}

static int local_listen(struct listener *listener, const char *path, struct err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = strlen(path);

    if (size >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID,
                       "socket path '%s' has more than %zu bytes: choose a shorter state directory",
                       path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, size + 1);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set_errno(err, ERR_DENIED, errno, "replace '%s'", path);
    listener->fd = socket_bind(AF_UNIX, &address, sizeof(address), err);
    if (listener->fd < 0)
        return err_wrap(err, "listen on '%s'", path);
    /* Nobody can connect before listen(), so the mode is in time. */
    if (chmod(path, 0600) < 0 || listen(listener->fd, BACKLOG) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "listen on '%s'", path);
    return listener_start(listener, err);
}

/* "127.0.0.1:8080", "localhost:8080", "[::1]:8080". */
static int address_parse(const char *text, struct sockaddr_storage *out, socklen_t *out_size,
                         struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    const char *colon = strrchr(text, ':');
    AUTO(arena) arena = { 0 };
    uint32_t port;
    char *host;

    if (colon == NULL || !text_parse_u32(colon + 1, &port) || port > UINT16_MAX)
        return err_set(err, ERR_INVALID, "'%s' is no address to listen on: HOST:PORT", text);
    host = arena_text_n(&arena, text, (size_t)(colon - text));
    if (host[0] == '[' && text_ends(host, "]")) {
        host[strlen(host) - 1] = '\0';
        host++;
    }
    if (!guard_is_loopback(host))
        return err_set(err, ERR_INVALID,
                       "'%s' is no loopback address: everyone on the network could look in", text);
    *out = (struct sockaddr_storage){ 0 };
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *out_size = sizeof(*v6);
        return 0;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* "localhost" */
    *out_size = sizeof(*v4);
    return 0;
}

static int tcp_listen(struct listener *listener, const char *where, struct err *err)
{
    struct sockaddr_storage address = { 0 };
    struct sockaddr_in *bound = (struct sockaddr_in *)(void *)&address;
    socklen_t size = 0;

    if (address_parse(where, &address, &size, err) < 0)
        return -1;
    listener->fd = socket_bind(address.ss_family, &address, size, err);
    if (listener->fd < 0)
        return err_wrap(err, "listen on '%s'", where);
    if (listen(listener->fd, BACKLOG) < 0 ||
        getsockname(listener->fd, (struct sockaddr *)(void *)&address, &size) < 0)
        return err_set_errno(err, code_of_errno(errno), errno, "listen on '%s'", where);
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname() wrote it */
    listener->server->port = ntohs(bound->sin_port); /* at the same place for IPv6 */
    return listener_start(listener, err);
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct server *server_new(struct loop *loop, const struct server_options *options, struct err *err)
{
    AUTO(server) *server = mem_alloc(sizeof(*server));

    server->loop = loop;
    server->options = *options;
    server->socket_path = mem_text(options->socket_path);
    server->local = (struct listener){ .server = server, .fd = -1 };
    server->tcp = (struct listener){ .server = server, .fd = -1 };
    if (daemon_start(server, err) < 0 ||
        local_listen(&server->local, options->socket_path, err) < 0)
        return NULL;
    if (options->listen != NULL && tcp_listen(&server->tcp, options->listen, err) < 0)
        return NULL;
    return TAKE(server);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    server->stopping = true;
    if (server->local.fd >= 0)
        (void)unlink(server->socket_path);
    listener_stop(&server->local);
    listener_stop(&server->tcp);
    for (struct request *request = server->requests; request != NULL; request = request->next)
        exchange_abort(request);
    loop_defer_cancel(server->loop, daemon_run, server);
    timer_stop(&server->timer);
    timer_stop(&server->retry);
    loop_unwatch(server->watch);
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    ASSERT(server->requests == NULL);
    free(server->socket_path);
    free(server);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

size_t server_request_count(const struct server *server)
{
    return server->request_count;
}

const char *server_library_version(void)
{
    return MHD_get_version();
}
