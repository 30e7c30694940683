/*
 * Just enough HTTP for tests: requests with a Content-Length or chunks, connections kept open.
 */
#include "tests/unit/io_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

struct io_server_peer {
    struct io_server *server;
    struct loop_watch *watch;
    int fd;
    struct buf in;
    struct buf out;
    size_t sent; /* of out; not dropped one by one: it may be 100 MB */
    bool closing;
    bool taken_over;
    struct io_server_peer *next;
};

struct io_server {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    char path[108];
    io_server_fn *fn;
    void *ctx;
    struct io_server_peer *peers;
    unsigned accepted;
    unsigned peer_count;
    unsigned peers_most;
};

static void peer_free(struct io_server_peer *peer)
{
    struct io_server_peer **slot = &peer->server->peers;

    while (*slot != peer)
        slot = &(*slot)->next;
    *slot = peer->next;
    peer->server->peer_count--;
    loop_unwatch(peer->watch);
    (void)close(peer->fd);
    buf_release(&peer->in);
    buf_release(&peer->out);
    free(peer);
}

/* false: the peer is gone. */
static bool flush(struct io_server_peer *peer)
{
    while (peer->sent < peer->out.size) {
        ssize_t count = send(peer->fd, peer->out.data + peer->sent, peer->out.size - peer->sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            peer_free(peer);
            return false;
        }
        peer->sent += (size_t)count;
    }
    if (peer->sent == peer->out.size) {
        peer->sent = 0;
        buf_reset(&peer->out);
    }
    if (peer->out.size == 0 && peer->closing) {
        peer_free(peer);
        return false;
    }
    loop_watch_change(peer->watch,
                      peer->out.size > 0 ? LOOP_READABLE | LOOP_WRITABLE : LOOP_READABLE);
    return true;
}

/* Of a header or a chunk: what stands in front of anything else. */
static size_t leading_number(const char *text, size_t base)
{
    static const char digits[] = "0123456789abcdef";
    size_t number = 0;

    while (*text == ' ')
        text++;
    for (; *text != '\0'; text++) {
        const char *digit = memchr(digits, *text | 0x20, base); /* 0x20 is set in a digit */

        if (digit == NULL)
            break;
        number = number * base + (size_t)(digit - digits);
    }
    return number;
}

/* The decoded body behind the head and how much of the input it took; false: not all came. */
static bool read_body(const struct io_server_peer *peer, const char *head, size_t head_size,
                      struct buf *out, size_t *out_used)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");
    size_t at = head_size;

    if (strcasestr(head, "\r\nTransfer-Encoding: chunked") == NULL) {
        size_t size = length != NULL ? leading_number(length + 17, 10) : 0;

        if (peer->in.size < at + size)
            return false;
        buf_add(out, peer->in.data + at, size);
        *out_used = at + size;
        return true;
    }
    for (;;) {
        char *end = memmem(peer->in.data + at, peer->in.size - at, "\r\n", 2);

        if (end == NULL)
            return false;

        size_t size = leading_number(peer->in.data + at, 16);
        size_t start = (size_t)(end - peer->in.data) + 2;
        if (peer->in.size < start + size + 2)
            return false;
        buf_add(out, peer->in.data + start, size);
        at = start + size + 2;
        if (size == 0) {
            *out_used = at;
            return true;
        }
    }
}

/* false: no whole request is there. */
static bool serve_one(struct io_server_peer *peer)
{
    const char *end =
        peer->in.size > 0 ? memmem(peer->in.data, peer->in.size, "\r\n\r\n", 4) : NULL;
    char head[8192];
    char line[8192];
    struct buf body;
    size_t used = 0;

    if (end == NULL)
        return false;

    size_t head_size = (size_t)(end - peer->in.data) + 4;
    ASSERT(head_size < sizeof(head));
    memcpy(head, peer->in.data, head_size);
    head[head_size] = '\0';
    buf_init(&body, (size_t)1 << 28);
    if (!read_body(peer, head, head_size, &body, &used)) {
        buf_release(&body);
        return false;
    }
    buf_drop_front(&peer->in, used);
    memcpy(line, head, head_size);

    char *path = strchr(line, ' ');
    ASSERT(path != NULL);
    *path++ = '\0';
    path[strcspn(path, " ")] = '\0';

    struct io_server_request request = {
        .method = line, .path = path, .head = head, .body = buf_text(&body), .size = body.size
    };
    peer->server->fn(peer->server->ctx, peer, &request);
    buf_release(&body);
    return true;
}

static void serve_raw(struct io_server_peer *peer)
{
    struct io_server_request request = {
        .method = "", .path = "", .head = "", .body = peer->in.data, .size = peer->in.size
    };

    peer->server->fn(peer->server->ctx, peer, &request);
    buf_reset(&peer->in);
}

static void on_peer(void *ctx, int fd, unsigned events)
{
    struct io_server_peer *peer = ctx;
    char bytes[65536];

    if ((events & LOOP_READABLE) != 0) {
        ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (count < 0 && errno != EAGAIN) {
            peer_free(peer);
            return;
        }
        if (count == 0 && !peer->taken_over) {
            peer_free(peer);
            return;
        }
        if (count == 0) {
            io_server_close(peer);
            (void)flush(peer);
            return;
        }
        if (count > 0)
            buf_add(&peer->in, bytes, (size_t)count);
        while (!peer->taken_over && serve_one(peer))
            continue;
        if (peer->taken_over && peer->in.size > 0)
            serve_raw(peer);
    }
    (void)flush(peer);
}

static void on_accept(void *ctx, int fd, unsigned events)
{
    struct io_server *server = ctx;
    int accepted;

    (void)events;
    while ((accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct io_server_peer *peer = mem_alloc(sizeof(*peer));

        peer->server = server;
        peer->fd = accepted;
        buf_init(&peer->in, (size_t)1 << 28);
        buf_init(&peer->out, (size_t)1 << 28);
        peer->watch = loop_watch_fd(server->loop, accepted, LOOP_READABLE, on_peer, peer, NULL);
        peer->next = server->peers;
        server->peers = peer;
        server->accepted++;
        server->peer_count++;
        if (server->peer_count > server->peers_most)
            server->peers_most = server->peer_count;
    }
}

struct io_server *io_server_new(struct loop *loop, const char *path, io_server_fn *fn, void *ctx)
{
    struct io_server *server = mem_alloc(sizeof(*server));
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    server->loop = loop;
    server->fn = fn;
    server->ctx = ctx;
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)snprintf(server->path, sizeof(server->path), "%s", path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);

    int bound = bind(server->fd, (const struct sockaddr *)&address, sizeof(address));
    ASSERT(bound == 0);
    int listening = listen(server->fd, 512);
    ASSERT(listening == 0);
    server->watch = loop_watch_fd(loop, server->fd, LOOP_READABLE, on_accept, server, NULL);
    return server;
}

void io_server_free(struct io_server *server)
{
    if (server == NULL)
        return;
    while (server->peers != NULL)
        peer_free(server->peers);
    loop_unwatch(server->watch);
    (void)close(server->fd);
    (void)unlink(server->path);
    free(server);
}

unsigned io_server_accepted(const struct io_server *server)
{
    return server->accepted;
}

unsigned io_server_peers(const struct io_server *server)
{
    return server->peer_count;
}

unsigned io_server_peers_most(const struct io_server *server)
{
    return server->peers_most;
}

void io_server_take_over(struct io_server_peer *peer)
{
    peer->taken_over = true;
}

void io_server_send(struct io_server_peer *peer, const void *data, size_t size)
{
    buf_add(&peer->out, data, size);
    loop_watch_change(peer->watch, LOOP_READABLE | LOOP_WRITABLE);
}

void io_server_send_text(struct io_server_peer *peer, const char *text)
{
    io_server_send(peer, text, strlen(text));
}

void io_server_answer(struct io_server_peer *peer, int status, const char *body)
{
    char head[200];

    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %d Text\r\nContent-Type: application/json\r\nX-Test: here\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   status, strlen(body));
    io_server_send_text(peer, head);
    io_server_send_text(peer, body);
}

void io_server_close(struct io_server_peer *peer)
{
    peer->closing = true;
    loop_watch_change(peer->watch, LOOP_READABLE | LOOP_WRITABLE);
}
