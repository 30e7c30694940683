/*
 * The HTTP server against well and badly behaved clients, on real sockets.  The server runs in a
 * child with its own loop, so that the tests can block, and its leaks fail the test that ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/api/server.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/api_bench.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

/* ---- The client --------------------------------------------------------------------------------
 * */

static char *directory;
static char path[100];
static uint16_t port;
static pid_t child;

static int start_server(void **unused)
{
    int report[2];

    (void)unused;
    directory = scratch_make();
    (void)snprintf(path, sizeof(path), "%s/berth.sock", directory);
    if (pipe(report) < 0)
        return -1;
    child = fork();
    if (child == 0) {
        (void)close(report[0]);
        api_bench_serve(path, report[1]);
    }
    (void)close(report[1]);
    if (read(report[0], &port, sizeof(port)) != sizeof(port))
        return -1;
    (void)close(report[0]);
    return 0;
}

/* Whether it ended without a leak and removed its socket. */
static bool end_server(void)
{
    pid_t pid = child;
    int status;

    child = -1;
    (void)kill(pid, SIGTERM);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           access(path, F_OK) < 0;
}

static int stop_server(void **unused)
{
    bool clean = child < 0 || end_server();

    (void)unused;
    scratch_remove(directory);
    return clean ? 0 : -1;
}

static int connect_to(int family, const void *address, socklen_t size)
{
    struct timeval patience = { .tv_sec = 30 };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, address, size) < 0)
        fail_msg("connect: error %d", errno);
    return fd;
}

static int dial(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return connect_to(AF_UNIX, &address, sizeof(address));
}

static int dial_tcp(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(AF_INET, &address, sizeof(address));
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Until the server closes, or `end` was seen (NULL: only then); the text is static. */
static const char *hear(int fd, const char *end)
{
    static char text[API_BENCH_BIG + 1024 * 1024];
    size_t size = 0;

    text[0] = '\0';
    while (end == NULL || strstr(text, end) == NULL) {
        ssize_t got = recv(fd, text + size, sizeof(text) - 1 - size, 0);

        if (got <= 0)
            break;
        size += (size_t)got;
        text[size] = '\0';
    }
    return text;
}

static const char *ask_on(int fd, const char *text)
{
    const char *answer;

    say(fd, text);
    answer = hear(fd, NULL);
    (void)close(fd);
    return answer;
}

#define CLOSE "Host: localhost\r\nConnection: close\r\n\r\n"

static const char *ask(const char *line)
{
    char text[4096];

    (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" CLOSE, line);
    return ask_on(dial(), text);
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (strstr((text), (part)) == NULL)                                                        \
            fail_msg("no '%s' in: %.600s", (part), (text));                                        \
    } while (0)

static int64_t state_of(const char *key)
{
    const char *answer = ask("GET /v1/state");
    AUTO(json) *json = NULL;
    const char *body = strstr(answer, "\r\n\r\n");

    assert_non_null(body);
    json = json_parse(body + 4, strlen(body + 4), NULL);
    assert_non_null(json);
    return json_int(json, key, -1);
}

/* Waits, with a bound, until the server says so. */
static void await_gone(int64_t count)
{
    for (int i = 0; i < 3000; i++) {
        if (state_of("gone") == count)
            return;
        (void)poll(NULL, 0, 10);
    }
    fail_msg("%d kept requests are gone, not %d", (int)state_of("gone"), (int)count);
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void answers_are_versioned_json(void **unused)
{
    (void)unused;
    const char *answer = ask("GET /v1/hello/default/web?loud");
    struct stat status;

    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "Content-Type: application/json\r\n");
    assert_has(answer, "\"apiVersion\":\"berth/v1\"");
    assert_has(answer, "\"cluster\":\"default\",\"name\":\"web\",\"loud\":true");
    answer = ask("HEAD /v1/hello/default/web");
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_null(strstr(answer, "apiVersion"));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void what_is_not_there_is_explained(void **unused)
{
    (void)unused;
    const char *answer = ask("GET /v1/nothing");

    assert_has(answer, "HTTP/1.1 404 ");
    assert_has(answer, "\"error\":{\"code\":\"not-found\"");
    assert_has(answer, "\"GET /v1/hello/{cluster}/{name}\"");
    assert_has(ask("GET /v1/hello/default"), " 404 ");
    assert_has(ask("GET /v1/hello/default/"), " 404 ");
    assert_has(ask("GET /v1/hello/default/web/more"), " 404 ");
    assert_has(ask("GET /"), " 404 ");
    answer = ask("DELETE /v1/echo");
    assert_has(answer, "HTTP/1.1 405 ");
    assert_has(answer, "Allow: POST\r\n");
    assert_has(ask("GET /v1/hello/a/b?lod=1"), "did you mean 'loud'?");
    assert_has(ask("GET /v1/hello/a/b?loud=maybe"), "HTTP/1.1 400 ");
    assert_has(ask("GET /v1/later?ms=-1"), "HTTP/1.1 400 ");
}

static void paths_lead_nowhere_but_to_routes(void **unused)
{
    (void)unused;
    static const char *const paths[] = {
        "/../../etc/passwd",    "/v1/../../etc/passwd",         "/v1/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",         "/v1/hello/..%2f..%2fetc/pass", "/v1/hello/%00/x/y",
        "/v1/state/../../../x", "/v1/hello/a%2Fb/c%2F..",
    };

    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        char line[128];
        const char *answer;

        (void)snprintf(line, sizeof(line), "GET %s", paths[i]);
        answer = ask(line);
        if (strstr(answer, " 404 ") == NULL)
            fail_msg("%s: %s", paths[i], answer);
        assert_null(strstr(answer, "root:"));
    }
}

static void a_connection_serves_many_requests(void **unused)
{
    (void)unused;
    int fd = dial();

    for (int i = 0; i < 50; i++) {
        say(fd, i % 2 == 0 ? "GET /v1/hello/a/b HTTP/1.1\r\nHost: x\r\n\r\n"
                           : "GET /v1/later?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_has(hear(fd, "\"berth/v1\"}\n"), "200 OK");
    }
    /* Two at once. */
    say(fd, "GET /v1/later HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/hello/a/zzz HTTP/1.1\r\n" CLOSE);
    assert_has(hear(fd, NULL), "zzz");
    (void)close(fd);
}

static void slow_and_half_closed_clients_are_served(void **unused)
{
    (void)unused;
    static const char request[] = "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n"
                                  "Connection: close\r\n\r\n{\"text\":\"hello\"}";
    int fd = dial();

    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        if (i % 20 == 0)
            (void)poll(NULL, 0, 1);
    }
    assert_has(hear(fd, NULL), "\"size\":5");
    (void)close(fd);

    fd = dial();
    say(fd, "GET /v1/later?ms=50 HTTP/1.1\r\n" CLOSE);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_has(hear(fd, NULL), "200 OK");
    (void)close(fd);

    fd = dial(); /* gives up in the middle */
    say(fd, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    (void)close(fd);
    assert_int_equal(state_of("open"), 1);
}

static void bodies_are_bounded(void **unused)
{
    (void)unused;
    char *body = mem_alloc(LIMIT_HTTP_BODY * 6);
    char head[256];
    int fd;

    memset(body, ' ', LIMIT_HTTP_BODY * 6);
    assert_has(ask_on(dial(), "POST /v1/echo HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "[1]"),
               "HTTP/1.1 400 ");
    assert_has(ask_on(dial(), "POST /v1/echo HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "{x}"),
               "HTTP/1.1 400 ");
    assert_has(ask_on(dial(), "POST /v1/echo HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE),
               "HTTP/1.1 202 ");

    memcpy(body, "{}", 2);
    for (int i = 0; i < 2; i++) { /* what is allowed, and one more */
        (void)snprintf(head, sizeof(head), "POST /v1/echo HTTP/1.1\r\nContent-Length: %d\r\n" CLOSE,
                       LIMIT_HTTP_BODY + i);
        fd = dial();
        say(fd, head);
        assert_int_equal(send(fd, body, LIMIT_HTTP_BODY + (size_t)i, MSG_NOSIGNAL),
                         LIMIT_HTTP_BODY + i);
        assert_has(hear(fd, NULL), i == 0 ? "HTTP/1.1 202 " : "HTTP/1.1 413 ");
        (void)close(fd);
    }
    /* Without an end in sight it is cut off. */
    fd = dial();
    say(fd, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n600000\r\n");
    for (size_t sent = 0; sent < LIMIT_HTTP_BODY * 6;) {
        ssize_t size = send(fd, body + sent, LIMIT_HTTP_BODY * 6 - sent, MSG_NOSIGNAL);

        if (size <= 0)
            break;
        sent += (size_t)size;
    }
    assert_string_equal(hear(fd, NULL), "");
    (void)close(fd);
    free(body);
}

static void nonsense_is_no_harm(void **unused)
{
    (void)unused;
    static const char *const refused[] = {
        "GET\r\n\r\n",
        "GET /v1/state\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    static const char *const unfinished[] = { "\r\n\r\n", "\x16\x03\x01\x02\x01", "", "GET " };
    char *head = mem_alloc(200000);
    int fd;

    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        const char *answer = ask_on(dial(), refused[i]);

        assert_true(answer[0] == '\0' || text_starts(answer, "HTTP/1.1 4"));
    }
    for (size_t i = 0; i < ARRAY_COUNT(unfinished); i++) {
        fd = dial();
        say(fd, unfinished[i]);
        (void)close(fd);
    }
    memset(head, 'a', 199999);
    memcpy(head, "GET /", 5);
    fd = dial();
    (void)send(fd, head, 199999, MSG_NOSIGNAL);
    (void)hear(fd, NULL);
    (void)close(fd);
    free(head);
    assert_int_equal(state_of("open"), 1);
}

static void a_hundred_clients_at_once(void **unused)
{
    (void)unused;
    int fds[100];

    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        fds[i] = dial();
        say(fds[i], "GET /v1/later?ms=20 HTTP/1.1\r\n" CLOSE);
    }
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        assert_has(hear(fds[i], NULL), "200 OK");
        (void)close(fds[i]);
    }
    await_gone(100);
    assert_int_equal(state_of("open"), 1);
}

static void a_stream_waits_for_its_reader(void **unused)
{
    (void)unused;
    int fd = dial();
    const char *answer;

    say(fd, "GET /v1/big HTTP/1.0\r\nHost: x\r\n\r\n");
    (void)poll(NULL, 0, 50);
    answer = hear(fd, NULL);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), API_BENCH_BIG);
    (void)close(fd);
    await_gone(1);
}

static void a_stream_comes_line_by_line(void **unused)
{
    (void)unused;
    int fd = dial();
    const char *answer;

    say(fd, "GET /v1/ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    answer = hear(fd, "0\r\n\r\n");
    assert_has(answer, "Transfer-Encoding: chunked\r\n");
    assert_has(answer, "{\"left\":3}\n");
    assert_has(answer, "{\"left\":0}\n");
    say(fd, "GET /v1/hello/a/b HTTP/1.1\r\n" CLOSE); /* and the connection goes on */
    assert_has(hear(fd, NULL), "200 OK");
    (void)close(fd);
}

static void a_follower_that_leaves_is_noticed(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? dial() : dial_tcp();

        say(fd, "GET /v1/silence HTTP/1.1\r\nHost: localhost\r\n\r\n");
        (void)hear(fd, "\r\n\r\n");
        assert_int_equal(state_of("open"), 2);
        (void)close(fd);
        await_gone(i + 1);
    }
}

static void a_reader_too_slow_is_cut_off(void **unused)
{
    (void)unused;
    int fd = dial();

    say(fd, "GET /v1/flood HTTP/1.1\r\nHost: x\r\n\r\n");
    await_gone(1);
    (void)close(fd);
}

static void an_upgrade_carries_bytes_both_ways(void **unused)
{
    (void)unused;
    static const char head[] = "POST /v1/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                               "Upgrade: echo/1\r\nContent-Length: 0\r\n\r\n";
    int fd = dial();
    const char *answer;
    char *block = mem_alloc(200001);

    say(fd, head);
    answer = hear(fd, "welcome\n");
    assert_has(answer, "HTTP/1.1 101 ");
    assert_has(answer, "Upgrade: echo/1\r\n");
    say(fd, "one");
    assert_string_equal(hear(fd, "one"), "one");
    memset(block, 'y', 200000);
    block[199999] = '!';
    say(fd, block);
    assert_int_equal(strlen(hear(fd, NULL)), 200000); /* all of it, then the end */
    (void)close(fd);
    free(block);
    await_gone(1);

    fd = dial(); /* leaves without a word */
    say(fd, head);
    (void)hear(fd, "welcome\n");
    (void)close(fd);
    await_gone(2);

    assert_has(ask_on(dial(), "POST /v1/upgrade HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE),
               "HTTP/1.1 426 ");
    await_gone(3);
}

static const char *ask_tcp(const char *line, const char *headers)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nConnection: close\r\n%s\r\n", line, headers);
    return ask_on(dial_tcp(), text);
}

static void tcp_is_for_reading_from_this_machine(void **unused)
{
    (void)unused;
    char headers[256];

    assert_has(ask_tcp("GET /v1/state", "Host: 127.0.0.1:1\r\n"), " 200 ");
    assert_has(ask_tcp("GET /v1/state", "Host: LOCALHOST\r\n"), " 200 ");
    assert_has(ask_tcp("GET /v1/state", "Host: [::1]:80\r\n"), " 200 ");
    assert_has(ask_tcp("GET /v1/state", "Host: evil.example\r\n"), " 403 ");
    assert_has(ask_tcp("GET /v1/state", "Host: 127.0.0.1.evil.example\r\n"), " 403 ");
    assert_has(ask_tcp("GET /v1/state", "Host: [::1\r\n"), " 403 ");
    assert_has(ask_tcp("GET /v1/state", "Host: localhost\r\nOrigin: http://evil.example\r\n"),
               " 403 ");
    assert_has(ask_tcp("GET /v1/state", "Host: localhost\r\nOrigin: null\r\n"), " 403 ");
    (void)snprintf(headers, sizeof(headers),
                   "Host: localhost:%u\r\nOrigin: http://localhost:%u\r\n", port, port);
    assert_has(ask_tcp("GET /v1/state", headers), " 200 ");
    assert_has(ask_tcp("POST /v1/echo", "Host: localhost\r\nContent-Length: 0\r\n"), " 403 ");
}

static void words_of_programs_stay_on_the_socket(void **unused)
{
    (void)unused;
    static const char *const lines[] = { "GET /v1/words", "GET /v1/words?form=lines",
                                         "GET /v1/words?form=text" };

    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        char text[256];
        const char *answer;

        (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" CLOSE, lines[i]);
        assert_has(ask_on(dial(), text), "(web: exit code 1: pin)");
        answer = ask_tcp(lines[i], "Host: localhost\r\n");
        assert_has(answer, " 200 ");
        assert_has(answer, "(web: exit code 1)");
        assert_null(strstr(answer, "pin"));
    }
}

static void the_end_of_the_server_ends_everything(void **unused)
{
    (void)unused;
    int silence = dial();
    int waiting = dial();
    int upgraded = dial();
    int body = dial();

    say(silence, "GET /v1/silence HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)hear(silence, "\r\n\r\n");
    say(waiting, "GET /v1/later?ms=600000 HTTP/1.1\r\nHost: x\r\n\r\n");
    say(upgraded, "POST /v1/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                  "Upgrade: echo/1\r\nContent-Length: 0\r\n\r\n");
    (void)hear(upgraded, "welcome\n");
    say(body, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    while (state_of("open") < 4)
        (void)poll(NULL, 0, 10);
    assert_true(end_server());
    (void)hear(silence, NULL);
    (void)hear(waiting, NULL);
    (void)hear(upgraded, NULL);
    (void)hear(body, NULL);
    (void)close(silence);
    (void)close(waiting);
    (void)close(upgraded);
    (void)close(body);
}

static void what_cannot_be_listened_on_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *listen;
        enum err_code code;
    } rows[] = {
        { "0.0.0.0:0", ERR_INVALID },       { "[::]:0", ERR_INVALID },
        { "example.com:80", ERR_INVALID },  { "localhost", ERR_INVALID },
        { "localhost:70000", ERR_INVALID }, { "localhost:", ERR_INVALID },
    };
    struct server_options options = { 0 };
    struct err err = { 0 };
    AUTO(loop) *loop = loop_new(&err);
    AUTO(arena) arena = { 0 };

    directory = scratch_make();
    options.socket_path = arena_printf(&arena, "%s/a.sock", directory);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        options.listen = rows[i].listen;
        assert_null(server_new(loop, &options, &err));
        assert_int_equal(err.code, rows[i].code);
    }
    options.listen = NULL;
    options.socket_path = arena_printf(&arena, "%s/%0120d", directory, 0);
    assert_null(server_new(loop, &options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "shorter"));
    scratch_remove(directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_server, stop_server)
    const struct CMUnitTest tests[] = {
        TEST(answers_are_versioned_json),
        TEST(what_is_not_there_is_explained),
        TEST(paths_lead_nowhere_but_to_routes),
        TEST(a_connection_serves_many_requests),
        TEST(slow_and_half_closed_clients_are_served),
        TEST(bodies_are_bounded),
        TEST(nonsense_is_no_harm),
        TEST(a_hundred_clients_at_once),
        TEST(a_stream_waits_for_its_reader),
        TEST(a_stream_comes_line_by_line),
        TEST(a_follower_that_leaves_is_noticed),
        TEST(a_reader_too_slow_is_cut_off),
        TEST(an_upgrade_carries_bytes_both_ways),
        TEST(tcp_is_for_reading_from_this_machine),
        TEST(words_of_programs_stay_on_the_socket),
        TEST(the_end_of_the_server_ends_everything),
        cmocka_unit_test(what_cannot_be_listened_on_is_refused),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
