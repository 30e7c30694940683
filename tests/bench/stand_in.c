/*
 * Stands in for a Docker Engine on which nothing runs, where only connections are measured: it says
 * who it is, lists nothing, keeps a claim, and has no events.
 *
 *     stand_in SOCKET ID
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/base.h"
#include "spec/base/text.h"

#define REQUEST_MAX 65536

static const char *id;

static void answer(int fd, int status, const char *body)
{
    (void)dprintf(fd,
                  "HTTP/1.1 %d OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n"
                  "Content-Length: %zu\r\n\r\n%s",
                  status, strlen(body), body);
}

static void serve(int fd, const char *request, const char *body)
{
    char info[512];

    (void)snprintf(info, sizeof(info),
                   "{\"ID\": \"%s\", \"NCPU\": 2, \"MemTotal\": 8589934592, \"OSType\": \"linux\", "
                   "\"Architecture\": \"x86_64\", \"ServerVersion\": \"20.10.0\", \"MemoryLimit\": "
                   "true, \"SwapLimit\": true, \"CpuCfsQuota\": true, \"CPUShares\": true}",
                   id);
    if (strstr(request, "/_ping") != NULL)
        answer(fd, 200, "{}");
    else if (strstr(request, "/info") != NULL)
        answer(fd, 200, info);
    else if (strstr(request, "/events") != NULL)
        (void)dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n");
    else if (text_starts(request, "GET") && strstr(request, "/volumes") != NULL)
        answer(fd, 200, "{\"Volumes\": []}");
    else if (text_starts(request, "GET"))
        answer(fd, 200, "[]");
    else
        answer(fd, 201, body); /* a volume is as it was asked for */
}

/* What its Content-Length says; 0: it says none. */
static uint32_t body_size(const char *request, const char *end)
{
    const char *at = strcasestr(request, "\r\ncontent-length: ");
    char text[16];
    uint32_t size = 0;

    if (at == NULL || at > end)
        return 0;
    at += strlen("\r\ncontent-length: ");
    (void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "\r"), at);
    return text_parse_u32(text, &size) ? size : 0;
}

/* Requests of one connection, one after the other. */
static void serve_all(int fd)
{
    static char request[REQUEST_MAX + 1];
    size_t size = 0;

    for (;;) {
        ssize_t got = read(fd, request + size, REQUEST_MAX - size);
        char *end;
        size_t whole;

        if (got <= 0)
            return;
        size += (size_t)got;
        request[size] = '\0';
        end = strstr(request, "\r\n\r\n");
        if (end == NULL)
            continue;
        whole = (size_t)(end + 4 - request) + body_size(request, end);
        if (size < whole)
            continue;
        request[whole] = '\0';
        serve(fd, request, end + 4);
        size = 0;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (argc != 3) {
        (void)fprintf(stderr, "stand_in: see its source\n");
        return 2;
    }
    id = argv[2];
    text_copy(address.sun_path, sizeof(address.sun_path), argv[1]);
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listening, 64) < 0) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        int fd = accept(listening, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            serve_all(fd);
            _exit(0);
        }
        if (fd >= 0)
            (void)close(fd);
    }
}
