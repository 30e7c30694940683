/*
 * Just enough HTTP for git's smart protocol: bodies with a length or in chunks, basic
 * authentication, and an end of the connection as the end of the answer.
 */
#include "tests/unit/git_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define BODY_MAX (64UL * 1024 * 1024)

struct request {
    char method[16];
    char path[1024];
    char query[1024];
    char type[256];
    char login[512];
    bool chunked;
    bool expects;
    uint64_t length;
};

static char *read_line(FILE *in, char *line, size_t size)
{
    if (fgets(line, (int)size, in) == NULL)
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* The next word of a line, cut off in place. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");

    *at = word + strcspn(word, " ");
    if (**at != '\0')
        *(*at)++ = '\0';
    return word;
}

static bool read_head(FILE *in, struct request *request)
{
    char line[4096];
    char *at = line;
    char *target;
    char *query;

    *request = (struct request){ .length = 0 };
    if (read_line(in, line, sizeof(line)) == NULL)
        return false;
    (void)snprintf(request->method, sizeof(request->method), "%s", next_word(&at));
    target = next_word(&at);
    query = strchr(target, '?');
    if (query != NULL)
        *query++ = '\0';
    (void)snprintf(request->path, sizeof(request->path), "%s", target);
    (void)snprintf(request->query, sizeof(request->query), "%s", query != NULL ? query : "");
    while (read_line(in, line, sizeof(line)) != NULL && line[0] != '\0') {
        char *value = strchr(line, ':');

        if (value == NULL)
            return false;
        *value++ = '\0';
        value += strspn(value, " ");
        if (strcasecmp(line, "content-type") == 0)
            (void)snprintf(request->type, sizeof(request->type), "%s", value);
        else if (strcasecmp(line, "content-length") == 0)
            ASSERT(text_parse_u64(value, &request->length));
        else if (strcasecmp(line, "transfer-encoding") == 0)
            request->chunked = strcasecmp(value, "chunked") == 0;
        else if (strcasecmp(line, "expect") == 0)
            request->expects = true;
        else if (strcasecmp(line, "authorization") == 0 && text_starts(value, "Basic "))
            (void)snprintf(request->login, sizeof(request->login), "%s", value + 6);
    }
    return true;
}

static void copy_bytes(FILE *in, FILE *out, uint64_t size)
{
    char chunk[4096];

    while (size > 0) {
        size_t got = fread(chunk, 1, size < sizeof(chunk) ? size : sizeof(chunk), in);

        if (got == 0)
            return;
        (void)fwrite(chunk, 1, got, out);
        size -= got;
    }
}

/* 0 when it is no number: the last chunk too. */
static uint64_t parse_hex(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;

    for (; *text != '\0' && strchr(digits, *text | 0x20) != NULL; text++)
        number = number * 16 + (uint64_t)(strchr(digits, *text | 0x20) - digits);
    return number;
}

static FILE *read_body(FILE *in, const struct request *request)
{
    FILE *body = tmpfile();
    char line[64];

    ASSERT(body != NULL);
    if (!request->chunked) {
        copy_bytes(in, body, request->length);
    } else {
        while (read_line(in, line, sizeof(line)) != NULL && parse_hex(line) > 0) {
            copy_bytes(in, body, parse_hex(line));
            (void)read_line(in, line, sizeof(line));
        }
        (void)read_line(in, line, sizeof(line));
    }
    (void)fflush(body);
    (void)lseek(fileno(body), 0, SEEK_SET);
    return body;
}

/* The answer of git's own CGI program, with its headers. */
static void run_backend(const char *folder, const struct request *request, FILE *body,
                        struct buf *out)
{
    char program[] = "git";
    char verb[] = "http-backend";
    char *const arguments[] = { program, verb, NULL };
    posix_spawn_file_actions_t actions;
    char chunk[4096];
    ssize_t size;
    int ends[2];
    pid_t pid = 0;

    (void)setenv("GIT_PROJECT_ROOT", folder, 1);
    (void)setenv("GIT_HTTP_EXPORT_ALL", "1", 1);
    (void)setenv("PATH_INFO", request->path, 1);
    (void)setenv("QUERY_STRING", request->query, 1);
    (void)setenv("REQUEST_METHOD", request->method, 1);
    (void)setenv("CONTENT_TYPE", request->type, 1);
    ASSERT(pipe2(ends, O_CLOEXEC) == 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fileno(body), STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ASSERT(posix_spawnp(&pid, program, &actions, NULL, arguments, environ) == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    while ((size = read(ends[0], chunk, sizeof(chunk))) > 0)
        buf_add(out, chunk, (size_t)size);
    (void)close(ends[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static void wait_for_ever(void)
{
    for (;;)
        (void)pause();
}

static void serve(int connection, const char *folder, enum git_http_mode mode, const char *login)
{
    FILE *stream = fdopen(connection, "r+");
    struct request request;

    ASSERT(stream != NULL);
    if (mode == GIT_HTTP_SILENT)
        wait_for_ever();
    if (read_head(stream, &request)) {
        AUTO(buf) answer;
        FILE *body;
        const char *status;

        buf_init(&answer, BODY_MAX);
        (void)fseek(stream, 0, SEEK_CUR);
        if (request.expects)
            (void)fprintf(stream, "HTTP/1.1 100 Continue\r\n\r\n");
        (void)fflush(stream);
        body = read_body(stream, &request);
        (void)fseek(stream, 0, SEEK_CUR);
        if (login != NULL && !text_equal(login, request.login)) {
            (void)fprintf(stream,
                          "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic "
                          "realm=\"test\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        } else {
            run_backend(folder, &request, body, &answer);
            status = strstr(buf_text(&answer), "Status: ");
            (void)fprintf(stream, "HTTP/1.1 %.3s X\r\nConnection: close\r\n",
                          status == buf_text(&answer) ? status + 8 : "200");
            if (mode == GIT_HTTP_HALF && text_equal(request.method, "POST")) {
                (void)fwrite(answer.data, 1, answer.size / 2, stream);
                (void)fflush(stream);
                wait_for_ever();
            }
            (void)fwrite(answer.data, 1, answer.size, stream);
        }
        (void)fclose(body);
    }
    (void)fclose(stream);
}

void git_http_start(struct git_http *server, const char *folder, enum git_http_mode mode,
                    const char *login)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ASSERT(listener >= 0);
    ASSERT(bind(listener, (struct sockaddr *)&address, size) == 0);
    ASSERT(listen(listener, 16) == 0);
    ASSERT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    server->pid = fork();
    ASSERT(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

            if (connection >= 0)
                serve(connection, folder, mode, login);
        }
    }
    (void)close(listener);
}

void git_http_stop(struct git_http *server)
{
    if (server->pid <= 0)
        return;
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
}
