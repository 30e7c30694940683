/*
 * One HTTP request by hand, because libcurl keeps connections that were upgraded to itself.
 */
#include "reconciler/cli/upgrade.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/io/http_head.h"
#include "spec/base/text.h"

#define HANDSHAKE_SECONDS 30
#define ANSWER_MAX        ((size_t)64 * 1024)

static int socket_open(const char *path, struct err *err)
{
    const struct timeval patience = { .tv_sec = HANDSHAKE_SECONDS };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "socket");
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID, "'%s': the path of a socket may have %zu bytes", path,
                       sizeof(address.sun_path) - 1);
    text_copy(address.sun_path, sizeof(address.sun_path), path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return err_set_errno(err, ERR_UNREACHABLE, errno,
                             "%s cannot be reached (is `berth run` running with the same"
                             " --state?)",
                             path);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd_take(&fd);
}

static int send_all(int fd, const char *data, size_t size, struct err *err)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return err_set_errno(err, ERR_UNREACHABLE, errno, "sending the request");
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static int receive(int fd, struct buf *in, struct err *err)
{
    char data[4096];
    ssize_t size;

    do {
        size = recv(fd, data, sizeof(data), 0);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return err_set(err, ERR_TIMEOUT, "no answer within %d s", HANDSHAKE_SECONDS);
    if (size < 0)
        return err_set_errno(err, ERR_UNREACHABLE, errno, "reading the answer");
    if (size == 0)
        return err_set(err, ERR_UNREACHABLE, "the connection was closed");
    buf_add(in, data, (size_t)size);
    if (in->truncated)
        return err_set(err, ERR_CAPACITY, "the answer is too large");
    return 0;
}

/* What the API says instead of a 101. */
static int refused(int fd, const struct http_head *head, struct buf *in, struct err *err)
{
    size_t body_size = head->body_size != SIZE_MAX ? head->body_size : 0;

    while (in->size - head->size < body_size) {
        if (receive(fd, in, err) < 0)
            return -1;
    }
    AUTO(json) *answer = json_parse(buf_text(in) + head->size, in->size - head->size, NULL);
    const char *text = json_text(answer, "error.message");
    enum err_code code = head->status == 404 ? ERR_NOT_FOUND : ERR_FAILED;

    if (head->status >= 400 && head->status < 500 && head->status != 404)
        code = ERR_INVALID;
    if (text != NULL)
        return err_set(err, code, "%s", text);
    return err_set(err, code, "the server answered %d", head->status);
}

static int handshake(int fd, struct buf *early, struct err *err)
{
    AUTO(buf) in = { 0 };
    struct http_head head;
    enum http_head_state state;

    buf_init(&in, ANSWER_MAX);
    do {
        if (receive(fd, &in, err) < 0)
            return -1;
        state = http_head_parse(buf_text(&in), in.size, &head);
    } while (state == HTTP_HEAD_PART);
    if (state == HTTP_HEAD_NONE)
        return err_set(err, ERR_FAILED, "what answers is no HTTP server");
    if (head.status != 101)
        return refused(fd, &head, &in, err);
    buf_add(early, buf_text(&in) + head.size, in.size - head.size);
    return 0;
}

int upgrade_open(const struct cli_options *options, const struct upgrade_request *request,
                 int *out_fd, struct buf *early, struct err *err)
{
    static const struct timeval no_limit = { 0 };
    AUTO_TEXT char *text = json_print_text(request->body, JSON_STYLE_COMPACT);
    AUTO(arena) arena = { 0 };
    const char *server = options->server;

    if (server != NULL && !text_starts(server, "unix://"))
        return err_set(err, ERR_INVALID,
                       "--server: this goes through the socket only: '%s' is not"
                       " unix://PATH",
                       server);
    const char *socket_path = server != NULL
                                  ? server + strlen("unix://")
                                  : arena_printf(&arena, "%s/berth.sock", options->run.state_dir);
    AUTO_FD int fd = socket_open(socket_path, err);
    if (fd < 0)
        return -1;
    const char *head = arena_printf(&arena,
                                    "POST %s HTTP/1.1\r\nHost: berth\r\nConnection: Upgrade\r\n"
                                    "Upgrade: %s\r\nContent-Type: application/json\r\n"
                                    "Content-Length: %zu\r\n\r\n",
                                    request->path, request->protocol, strlen(text));
    if (send_all(fd, head, strlen(head), err) < 0 || send_all(fd, text, strlen(text), err) < 0 ||
        handshake(fd, early, err) < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &no_limit, sizeof(no_limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &no_limit, sizeof(no_limit));
    *out_fd = fd_take(&fd);
    return 0;
}
