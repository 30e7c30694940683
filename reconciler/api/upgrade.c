/*
 * A connection that was taken over from HTTP: bytes both ways until one side closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "reconciler/api/server_int.h"
#include "spec/base/limits.h"

#define READ_SIZE ((size_t)16 * 1024)

void upgrade_close(struct request *request)
{
    struct upgrade *upgrade = &request->upgrade;
    struct MHD_UpgradeResponseHandle *handle = upgrade->handle;

    loop_unwatch(upgrade->watch);
    upgrade->watch = NULL;
    if (handle == NULL)
        return;
    upgrade->handle = NULL;
    (void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    server_kick(request->server);
}

static void watch_update(struct upgrade *upgrade)
{
    unsigned events = 0;

    if (upgrade->watch == NULL)
        return;
    if (!upgrade->paused && !upgrade->ended && !upgrade->finishing)
        events |= LOOP_READABLE;
    if (upgrade->out.size > 0)
        events |= LOOP_WRITABLE;
    loop_watch_change(upgrade->watch, events);
}

/* The client is gone, or closed its side: in this protocol the same. */
static void client_ended(struct request *request)
{
    struct upgrade *upgrade = &request->upgrade;

    if (upgrade->finishing) {
        upgrade_close(request);
        return;
    }
    if (upgrade->ended)
        return;
    upgrade->ended = true;
    watch_update(upgrade);
    if (upgrade->ops->end != NULL)
        upgrade->ops->end(request->context);
    else
        upgrade_close(request);
}

static void upgrade_receive(struct request *request)
{
    struct upgrade *upgrade = &request->upgrade;
    char data[READ_SIZE];
    ssize_t size = recv(upgrade->fd, data, sizeof(data), MSG_DONTWAIT);

    if (size > 0) {
        if (upgrade->ops->data != NULL)
            upgrade->ops->data(request->context, data, (size_t)size);
        return;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR))
        client_ended(request);
}

static void upgrade_send(struct request *request)
{
    struct upgrade *upgrade = &request->upgrade;
    ssize_t size =
        send(upgrade->fd, upgrade->out.data, upgrade->out.size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (size < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return;
        buf_reset(&upgrade->out);
        client_ended(request);
        return;
    }
    buf_drop_front(&upgrade->out, (size_t)size);
    if (upgrade->out.size > 0)
        return;
    if (upgrade->finishing)
        upgrade_close(request);
    else if (upgrade->ops->drained != NULL && !upgrade->ended)
        upgrade->ops->drained(request->context);
}

static void upgrade_moved(void *context, int fd, unsigned events)
{
    struct request *request = context;
    struct upgrade *upgrade = &request->upgrade;

    (void)fd;
    if ((events & LOOP_WRITABLE) != 0 && upgrade->out.size > 0)
        upgrade_send(request);
    if ((events & LOOP_READABLE) != 0 && upgrade->watch != NULL && !upgrade->paused)
        upgrade_receive(request);
    if (upgrade->watch != NULL)
        watch_update(upgrade);
}

/* Called by libmicrohttpd after the 101 has left.
 * NOLINTNEXTLINE(readability-function-size): its signature */
static void upgrade_opened(void *context, struct MHD_Connection *connection, void *slot,
                           const char *early, size_t early_size, MHD_socket fd,
                           struct MHD_UpgradeResponseHandle *handle)
{
    struct request *request = context;
    struct upgrade *upgrade = &request->upgrade;
    int flags = fcntl(fd, F_GETFL);

    (void)connection;
    (void)slot;
    upgrade->handle = handle;
    upgrade->fd = fd;
    if (request->cut || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        upgrade_close(request);
        return;
    }
    upgrade->watch =
        loop_watch_fd(request->server->loop, fd, LOOP_READABLE, upgrade_moved, request, NULL);
    if (upgrade->watch == NULL) {
        upgrade_close(request);
        return;
    }
    upgrade->ops->open(request->context);
    if (early_size > 0 && upgrade->ops->data != NULL)
        upgrade->ops->data(request->context, early, early_size);
    if (upgrade->watch != NULL)
        watch_update(upgrade);
}

bool request_upgrade(struct request *request, const char *protocol, const struct upgrade_ops *ops)
{
    const char *asked =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_UPGRADE);
    struct MHD_Response *response;
    struct err err = { 0 };

    ASSERT(request->gone != NULL && ops->open != NULL);
    if (asked == NULL || strcasecmp(asked, protocol) != 0) {
        (void)err_set(&err, ERR_INVALID, "this needs 'Connection: Upgrade' and 'Upgrade: %s'",
                      protocol);
        request_fail_with(request, MHD_HTTP_UPGRADE_REQUIRED, &err, NULL, NULL);
        return false;
    }
    buf_init(&request->upgrade.out, 2 * (size_t)STREAM_MAX);
    request->upgrade.ops = ops;
    response = MHD_create_response_for_upgrade(upgrade_opened, request);
    ASSERT(response != NULL);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, protocol);
    request->status = MHD_HTTP_SWITCHING_PROTOCOLS;
    request->response = response;
    request_wake(request);
    return true;
}

size_t upgrade_write(struct request *request, const void *data, size_t size)
{
    struct upgrade *upgrade = &request->upgrade;

    if (upgrade->handle == NULL || upgrade->ended || upgrade->finishing)
        return 0;
    buf_add(&upgrade->out, data, size);
    if (upgrade->out.size > STREAM_MAX) { /* the end is told from the loop, as always */
        buf_reset(&upgrade->out);
        (void)shutdown(upgrade->fd, SHUT_RDWR);
    }
    watch_update(upgrade);
    return upgrade->out.size;
}

void upgrade_pause(struct request *request, bool paused)
{
    request->upgrade.paused = paused;
    watch_update(&request->upgrade);
}

void upgrade_finish(struct request *request)
{
    struct upgrade *upgrade = &request->upgrade;

    upgrade->finishing = true;
    if (upgrade->out.size == 0 || upgrade->ended)
        upgrade_close(request);
    else
        watch_update(upgrade);
}
