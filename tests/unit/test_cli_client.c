/*
 * The blocking client against a server in a process of its own.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/cli/client.h"
#include "spec/base/text.h"
#include "tests/unit/io_server.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define PATIENCE_MS 30000

struct fixture {
    char *folder;
    pid_t server; /* its process */
    struct client *client;
};

/* ---- The other side -------------------------------------------------------------------------- */

static void serve(void *ctx, struct io_server_peer *peer, const struct io_server_request *request)
{
    (void)ctx;
    if (text_equal(request->path, "/echo")) {
        char text[512];
        snprintf(text, sizeof(text), "{\"method\": \"%s\", \"body\": %s}", request->method,
                 request->size > 0 ? request->body : "null");
        io_server_answer(peer, 200, text);
    } else if (text_equal(request->path, "/empty")) {
        io_server_answer(peer, 204, "");
    } else if (text_equal(request->path, "/garbage")) {
        io_server_answer(peer, 200, "<html>");
    } else if (text_equal(request->path, "/lines")) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none\ntw");
        io_server_send_text(peer, "o\n\nlast");
        io_server_close(peer);
    } else if (text_equal(request->path, "/endless")) {
        io_server_send_text(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst\nsecond\n");
    } else if (text_equal(request->path, "/busy")) {
        io_server_answer(peer, 409, "{\"error\": {\"code\": \"conflict\", \"message\": \"held\"}}");
    } else if (text_equal(request->path, "/broken")) {
        io_server_answer(peer, 500, "oh");
    } else {
        io_server_answer(peer, 404,
                         "{\"error\": {\"code\": \"not-found\", \"message\": \"no such\"}}");
    }
}

static void run_server(const char *path)
{
    struct err err = { 0 };
    struct loop *loop = loop_new(&err);

    (void)io_server_new(loop, path, serve, NULL);
    loop_run(loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    struct cli_options options = { 0 };
    struct err err = { 0 };
    char path[512];

    fixture->folder = scratch_make();
    snprintf(path, sizeof(path), "%s/berth.sock", fixture->folder);
    fixture->server = fork();
    if (fixture->server == 0) {
        run_server(path);
        _exit(0);
    }
    options.run.state_dir = fixture->folder;
    *state = fixture;
    if (client_new(&options, &fixture->client, &err) < 0)
        return -1;
    /* That the socket is there does not say yet that somebody listens. */
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        struct json *answer = NULL;

        if (client_call(fixture->client, "POST", "/empty", NULL, &answer, &err) == 0)
            return 0;
        (void)poll(NULL, 0, 5);
    }
    return -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    client_free(fixture->client);
    kill(fixture->server, SIGKILL);
    waitpid(fixture->server, NULL, 0);
    scratch_remove(fixture->folder);
    free(fixture);
    return 0;
}

/* ---- Documents ------------------------------------------------------------------------------- */

static void a_document_comes_and_goes(void **state)
{
    struct fixture *fixture = *state;
    AUTO(json) *body = json_object();
    struct json *answer = NULL;
    struct err err = { 0 };

    json_set_text(body, "reason", "a \"test\"");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(client_call(fixture->client, "POST", "/echo", body, &answer, &err), 0);
        assert_string_equal(json_text(answer, "method"), "POST");
        assert_string_equal(json_text(answer, "body.reason"), "a \"test\"");
        json_free(answer);
    }
    assert_int_equal(client_call(fixture->client, "GET", "/echo", NULL, &answer, &err), 0);
    assert_string_equal(json_text(answer, "method"), "GET");
    json_free(answer);
    assert_int_equal(client_call(fixture->client, "POST", "/empty", NULL, &answer, &err), 0);
    assert_null(answer);
}

static void refusals_say_what_the_server_said(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        enum err_code code;
        const char *text;
    } cases[] = {
        { "/nothing", ERR_NOT_FOUND, "no such" },
        { "/busy", ERR_CONFLICT, "held" },
        { "/broken", ERR_FAILED, "the server answered 500" },
        { "/garbage", ERR_INVALID, NULL },
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct json *answer = NULL;
        struct err err = { 0 };
        assert_int_equal(client_call(fixture->client, "GET", cases[i].path, NULL, &answer, &err),
                         -1);
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].text != NULL)
            assert_string_equal(err.text, cases[i].text);
        assert_null(answer);
    }
}

static void nobody_there_is_explained(void **state)
{
    (void)state;
    struct cli_options options = { .run.state_dir = "/nonexistent" };
    struct json *answer = NULL;
    struct err err = { 0 };
    AUTO(client) *client = NULL;

    assert_int_equal(client_new(&options, &client, &err), 0);
    assert_int_equal(client_call(client, "GET", "/x", NULL, &answer, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.text, "/nonexistent/berth.sock"));
    assert_non_null(strstr(err.text, "is `berth run` running"));
}

static void a_server_is_an_address(void **state)
{
    struct fixture *fixture = *state;
    char unix_url[512];
    struct cli_options options = { .server = "localhost:80" };
    struct json *answer = NULL;
    struct err err = { 0 };
    struct client *client = NULL;

    assert_int_equal(client_new(&options, &client, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    snprintf(unix_url, sizeof(unix_url), "unix://%s/berth.sock", fixture->folder);
    options.server = unix_url;
    assert_int_equal(client_new(&options, &client, &err), 0);
    assert_int_equal(client_call(client, "GET", "/echo", NULL, &answer, &err), 0);
    json_free(answer);
    client_free(client);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

struct seen {
    char text[256];
    unsigned count;
    unsigned enough; /* lines; 0: never */
};

static bool see(void *ctx, const char *line, size_t size)
{
    struct seen *seen = ctx;
    size_t used = strlen(seen->text);

    assert_int_equal(strlen(line), size);
    snprintf(seen->text + used, sizeof(seen->text) - used, "[%s]", line);
    return ++seen->count != seen->enough;
}

static void lines_are_whole_whatever_came_together(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = { 0 };
    struct err err = { 0 };

    assert_int_equal(client_lines(fixture->client, "/lines", see, &seen, &err), 0);
    assert_string_equal(seen.text, "[one][two][][last]");
}

static void whoever_has_enough_stops(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = { .enough = 1 };
    struct err err = { 0 };

    assert_int_equal(client_lines(fixture->client, "/endless", see, &seen, &err), 0);
    assert_string_equal(seen.text, "[first]");
}

static bool interrupt(void *ctx, const char *line, size_t size)
{
    if (text_equal(line, "second"))
        (void)raise(SIGINT);
    return see(ctx, line, size);
}

static void ctrl_c_ends_a_stream_in_peace(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = { 0 };
    struct err err = { 0 };

    assert_int_equal(client_lines(fixture->client, "/endless", interrupt, &seen, &err), 0);
    assert_string_equal(seen.text, "[first][second]");
}

static void a_refused_stream_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = { 0 };
    struct err err = { 0 };

    assert_int_equal(client_lines(fixture->client, "/nothing", see, &seen, &err), -1);
    assert_string_equal(err.text, "no such");
    assert_string_equal(seen.text, "");
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static void addresses_are_escaped(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };

    assert_string_equal(client_query(&arena, "/v1/x", NULL), "/v1/x");
    assert_string_equal(client_query(&arena, "/v1/x", "a", "1 & 2/ä", "b", NULL, "c", "~", NULL),
                        "/v1/x?a=1%20%26%202%2F%C3%A4&c=~");
    assert_string_equal(client_segment(&arena, "local/web"), "local%2Fweb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_say_what_the_server_said, set_up, tear_down),
        cmocka_unit_test(nobody_there_is_explained),
        cmocka_unit_test_setup_teardown(a_server_is_an_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_are_whole_whatever_came_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_has_enough_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ctrl_c_ends_a_stream_in_peace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_stream_is_an_error, set_up, tear_down),
        cmocka_unit_test(addresses_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
