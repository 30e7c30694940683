/*
 * A server that forks for each connection, and a client that waits at most two seconds.
 */
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 2  /* to wait for the other side once */
#define REQUEST_MAX 15 /* seconds for a whole request; looking up a name that is gone takes 5 */

/* ---- Both sides ------------------------------------------------------------------------------ */

static void limit_time(int fd)
{
    struct timeval limit = { .tv_sec = SECONDS_MAX };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int send_all(int fd, const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        text += sent;
        size -= (size_t)sent;
    }
    return 0;
}

/* Reads until `end` was seen (NULL: until the peer closes) or out is full; NUL-terminated. */
static void receive(int fd, const char *end, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    while (used + 1 < size && (end == NULL || strstr(out, end) == NULL)) {
        ssize_t got = recv(fd, out + used, size - used - 1, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        out[used] = '\0';
    }
}

/* ---- Server ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped; /* a signal handler can reach nothing else */

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void answer_one(int fd, http_answer_fn *answer)
{
    char request[4096];
    char path[256];
    char text[HTTP_TEXT_SIZE] = "";
    char response[HTTP_TEXT_SIZE + 256];
    int status = 400;

    alarm(REQUEST_MAX);
    limit_time(fd);
    receive(fd, "\r\n\r\n", request, sizeof(request));
    if (sscanf(request, "GET %255s HTTP/1.", path) == 1)
        status = answer(path, text);
    snprintf(response, sizeof(response),
             "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             status, status == 200 ? "OK" : "Error", strlen(text), text);
    send_all(fd, response);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_one(int listener, http_answer_fn *answer)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (fork() == 0) {
        answer_one(fd, answer);
        _exit(0);
    }
    close(fd);
}

int http_serve(uint16_t port, http_answer_fn *answer)
{
    struct sigaction action = { .sa_handler = stop };
    sigset_t waiting;
    sigset_t working;
    int listener = listen_on(port);

    if (listener < 0) {
        perror("listen");
        return 1;
    }
    /* The two signals are let in only while waiting, so none can slip in between. */
    sigemptyset(&working);
    sigaddset(&working, SIGTERM);
    sigaddset(&working, SIGINT);
    sigprocmask(SIG_BLOCK, &working, &waiting);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    printf("listening on port %d\n", port);
    while (!stopped) {
        struct pollfd ready = { .fd = listener, .events = POLLIN };
        if (ppoll(&ready, 1, NULL, &waiting) > 0)
            accept_one(listener, answer);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
    close(listener);
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
    printf("stopped\n");
    return 0;
}

/* ---- Client ---------------------------------------------------------------------------------- */

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd < 0)
            continue;
        limit_time(fd);
        if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

int http_get(const char *host, const char *port, const char *path, char *out)
{
    char request[512];
    char response[HTTP_TEXT_SIZE + 1024];
    int status = -1;
    int fd = connect_to(host, port);

    if (fd < 0)
        return -1;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             path, host);
    if (send_all(fd, request) == 0) {
        receive(fd, NULL, response, sizeof(response));
        const char *text = strstr(response, "\r\n\r\n");
        if (text != NULL && sscanf(response, "HTTP/1.%*d %d", &status) == 1)
            snprintf(out, HTTP_TEXT_SIZE, "%s", text + 4);
    }
    close(fd);
    return status;
}
