/*
 * A stream on libuv's pipes and TCP sockets.  Memory goes when libuv has closed the handle and
 * given back every request.
 */
#include "drivers/io/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "drivers/io/loop_int.h"
#include "drivers/io/tls.h"

#define READ_SIZE ((size_t)64 * 1024)
#define NAME_SIZE 256

struct socket {
    struct tls *tls; /* NULL: a plain one, and the rest is used */
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } uv;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_getaddrinfo_t resolve;
    struct addrinfo *addresses;          /* of a host; owned */
    const struct addrinfo *next_address; /* to try if this one fails */
    struct socket_options options;       /* its texts are not used after the start */
    char name[NAME_SIZE];                /* for error texts */
    size_t unsent;
    struct socket_write *queued; /* written before connected, in order */
    struct socket_write **queued_end;
    bool is_pipe;
    bool resolving;
    bool connected;
    bool finishing; /* half close wanted */
    bool paused;
    bool ended; /* on_end was called, or is not wanted */
    bool freed; /* no callback any more */
    bool closed;
    char chunk[READ_SIZE];
};

struct socket_write {
    uv_write_t uv;
    struct socket *socket;
    struct socket_write *next;
    size_t size;
    char data[];
};

static void free_if_over(struct socket *socket)
{
    if (!socket->closed || socket->resolving)
        return;
    uv_freeaddrinfo(socket->addresses);
    free(socket);
}

static void on_closed(uv_handle_t *handle)
{
    struct socket *socket = handle->data;

    socket->closed = true;
    free_if_over(socket);
}

static void end(struct socket *socket, int status)
{
    struct err failure = { 0 };

    if (socket->ended)
        return;
    socket->ended = true;
    if (socket->connected)
        (void)uv_read_stop(&socket->uv.stream);
    if (status != 0 && status != UV_EOF)
        (void)loop_err(&failure, status == UV_EACCES ? ERR_DENIED : ERR_UNREACHABLE, status,
                       socket->connected ? "%s" : "cannot connect to %s", socket->name);
    socket->options.on_end(socket->options.ctx, failure.code != ERR_OK ? &failure : NULL);
}

/* ---- Reading ---- */

static void on_chunk_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct socket *socket = handle->data;

    (void)suggested;
    *out = uv_buf_init(socket->chunk, (unsigned)sizeof(socket->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct socket *socket = stream->data;

    if (count < 0)
        end(socket, (int)count);
    else if (count > 0)
        socket->options.on_data(socket->options.ctx, buf->base, (size_t)count);
}

/* ---- Writing ---- */

static void on_written(uv_write_t *request, int status)
{
    struct socket_write *write = request->data;
    struct socket *socket = write->socket;

    socket->unsent -= write->size;
    free(write);
    if (socket->freed)
        return;
    /* A peer that reads no more may still have something to say: its end comes by reading. */
    if (status == 0 && socket->unsent == 0 && socket->options.on_drained != NULL && !socket->ended)
        socket->options.on_drained(socket->options.ctx);
}

static void send_write(struct socket *socket, struct socket_write *write)
{
    uv_buf_t buf = uv_buf_init(write->data, (unsigned)write->size);

    if (uv_write(&write->uv, &socket->uv.stream, &buf, 1, on_written) < 0) {
        socket->unsent -= write->size;
        free(write);
    }
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status;
}

static void send_end(struct socket *socket)
{
    (void)uv_shutdown(&socket->shutdown, &socket->uv.stream, on_shut);
}

void socket_write(struct socket *socket, const void *data, size_t size)
{
    if (socket->tls != NULL) {
        tls_write(socket->tls, data, size);
        return;
    }
    if (socket->ended || socket->finishing || size == 0)
        return;

    struct socket_write *write = mem_alloc(sizeof(*write) + size);
    write->socket = socket;
    write->uv.data = write;
    write->size = size;
    memcpy(write->data, data, size);
    socket->unsent += size;
    if (socket->connected) {
        send_write(socket, write);
        return;
    }
    *socket->queued_end = write;
    socket->queued_end = &write->next;
}

size_t socket_unsent(const struct socket *socket)
{
    return socket->tls != NULL ? tls_unsent(socket->tls) : socket->unsent;
}

void socket_finish(struct socket *socket)
{
    if (socket->tls != NULL) {
        tls_finish(socket->tls);
        return;
    }
    if (socket->ended || socket->finishing)
        return;
    socket->finishing = true;
    if (socket->connected)
        send_end(socket);
}

void socket_pause(struct socket *socket, bool paused)
{
    if (socket->tls != NULL) {
        tls_pause(socket->tls, paused);
        return;
    }
    socket->paused = paused;
    if (!socket->connected || socket->ended)
        return;
    if (paused)
        (void)uv_read_stop(&socket->uv.stream);
    else
        (void)uv_read_start(&socket->uv.stream, on_chunk_wanted, on_read);
}

/* ---- Connecting ---- */

static void on_connected(uv_connect_t *request, int status);

/* A host may have several addresses, of which the engine listens on one: `localhost` is ::1
 * first. */
static void try_next_address(struct socket *socket)
{
    const struct addrinfo *address = socket->next_address;

    socket->next_address = address->ai_next;
    (void)uv_tcp_init(loop_uv(socket->loop), &socket->uv.tcp);
    socket->uv.handle.data = socket;

    int status = uv_tcp_connect(&socket->connect, &socket->uv.tcp, address->ai_addr, on_connected);
    if (status < 0)
        end(socket, status);
}

static void on_failed_closed(uv_handle_t *handle)
{
    struct socket *socket = handle->data;

    if (socket->freed)
        on_closed(handle);
    else
        try_next_address(socket);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct socket *socket = request->data;
    struct socket_write *next;

    if (socket->freed)
        return;
    if (status < 0 && socket->next_address != NULL) {
        uv_close(&socket->uv.handle, on_failed_closed);
        return;
    }
    if (status < 0) {
        end(socket, status);
        return;
    }
    socket->connected = true;
    if (!socket->is_pipe)
        (void)uv_tcp_nodelay(&socket->uv.tcp, 1);
    for (struct socket_write *write = socket->queued; write != NULL; write = next) {
        next = write->next;
        send_write(socket, write);
    }
    socket->queued = NULL;
    socket->queued_end = &socket->queued;
    if (socket->finishing)
        send_end(socket);
    socket_pause(socket, socket->paused);
    if (socket->options.on_open != NULL)
        socket->options.on_open(socket->options.ctx);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct socket *socket = request->data;

    socket->resolving = false;
    socket->addresses = addresses;
    socket->next_address = addresses;
    if (socket->freed)
        free_if_over(socket);
    else if (status < 0)
        end(socket, status);
    else
        uv_close(&socket->uv.handle, on_failed_closed); /* and then connects to the first */
}

static int start(struct socket *socket, const struct socket_options *options)
{
    const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM };
    uv_loop_t *uv = loop_uv(socket->loop);

    socket->connect.data = socket;
    if (socket->is_pipe) {
        (void)uv_pipe_init(uv, &socket->uv.pipe, 0);
        uv_pipe_connect(&socket->connect, &socket->uv.pipe, options->unix_path, on_connected);
        return 0;
    }
    (void)uv_tcp_init(uv, &socket->uv.tcp);
    socket->resolve.data = socket;

    int status =
        uv_getaddrinfo(uv, &socket->resolve, on_resolved, options->host, options->port, &wanted);
    socket->resolving = status == 0;
    return status;
}

struct socket *socket_connect(struct loop *loop, const struct socket_options *options,
                              struct err *err)
{
    ASSERT(options->on_data != NULL && options->on_end != NULL);
    ASSERT((options->unix_path != NULL) != (options->host != NULL && options->port != NULL));

    if (options->unix_path != NULL && strlen(options->unix_path) > SOCKET_UNIX_PATH_MAX) {
        (void)err_set(err, ERR_INVALID, "'%s': the path of a socket has at most %d bytes",
                      options->unix_path, SOCKET_UNIX_PATH_MAX);
        return NULL;
    }

    struct socket *socket = mem_alloc(sizeof(*socket));
    if (options->is_tls) {
        socket->tls = tls_connect(loop, options, err);
        if (socket->tls != NULL)
            return socket;
        free(socket);
        return NULL;
    }
    socket->loop = loop;
    socket->is_pipe = options->unix_path != NULL;
    socket->options = *options;
    socket->queued_end = &socket->queued;
    if (socket->is_pipe)
        (void)snprintf(socket->name, sizeof(socket->name), "%s", options->unix_path);
    else
        (void)snprintf(socket->name, sizeof(socket->name), "%s:%s", options->host, options->port);

    int status = start(socket, options);
    socket->uv.handle.data = socket;
    if (status < 0) {
        uv_close(&socket->uv.handle, on_closed);
        (void)loop_err(err, ERR_INVALID, status, "'%s'", socket->name);
        return NULL;
    }
    return socket;
}

void socket_free(struct socket *socket)
{
    struct socket_write *next;

    if (socket == NULL)
        return;
    if (socket->tls != NULL) {
        tls_free(socket->tls);
        free(socket);
        return;
    }
    ASSERT(!socket->freed);

    socket->freed = true;
    socket->ended = true;
    for (struct socket_write *write = socket->queued; write != NULL; write = next) {
        next = write->next;
        free(write);
    }
    if (socket->resolving)
        (void)uv_cancel((uv_req_t *)&socket->resolve);
    if (!uv_is_closing(&socket->uv.handle)) /* else it is between two addresses */
        uv_close(&socket->uv.handle, on_closed);
}
