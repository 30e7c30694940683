/*
 * Streams over TLS that come to nothing: each ends once, says why, and may be freed at any time.
 * Those that work are tried on a real engine, in tests/it/slow_engine_client.sh.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/io/http.h"
#include "drivers/io/socket.h"
#include "tests/unit/unit.h"

struct tls_scene {
    struct loop *loop;
    struct http *http; /* it is what starts libcurl */
    struct socket *socket;
    int listener;
    char port[8];
    struct timer patience;
    unsigned ended;
    struct err failure;
};

static int set_up(void **state)
{
    struct tls_scene *scene = mem_alloc(sizeof(*scene));
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    scene->loop = loop_new(NULL);
    scene->http = http_new(scene->loop, NULL);
    scene->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(scene->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(scene->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(scene->port, sizeof(scene->port), "%u", ntohs(address.sin_port));
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct tls_scene *scene = *state;

    socket_free(scene->socket);
    timer_stop(&scene->patience);
    (void)close(scene->listener);
    http_free(scene->http);
    loop_free(scene->loop);
    free(scene);
    return 0;
}

static void on_data(void *ctx, const char *data, size_t size)
{
    (void)ctx;
    (void)data;
    fail_msg("%zu bytes came", size);
}

static void on_end(void *ctx, const struct err *failure)
{
    struct tls_scene *scene = ctx;

    scene->ended++;
    assert_non_null(failure);
    scene->failure = *failure;
    loop_stop(scene->loop);
}

static void on_patience(void *ctx)
{
    (void)ctx;
    fail_msg("nothing happened");
}

static void open_to(struct tls_scene *scene, const char *cert_path)
{
    const struct socket_options options = { .host = "127.0.0.1",
                                            .port = scene->port,
                                            .is_tls = true,
                                            .cert_path = cert_path,
                                            .on_data = on_data,
                                            .on_end = on_end,
                                            .ctx = scene };

    scene->socket = socket_connect(scene->loop, &options, NULL);
    assert_non_null(scene->socket);
    socket_write(scene->socket, "early", 5);
    assert_int_equal(socket_unsent(scene->socket), 5);
}

static void run(struct tls_scene *scene)
{
    timer_start(scene->loop, &scene->patience, 20000, on_patience, scene);
    loop_run(scene->loop);
    assert_int_equal(scene->ended, 1);
}

static void nobody_listens(void **state)
{
    struct tls_scene *scene = *state;

    open_to(scene, NULL);
    run(scene);
    assert_int_equal(scene->failure.code, ERR_UNREACHABLE);
    assert_non_null(strstr(scene->failure.text, "cannot connect to https://127.0.0.1:"));
}

static void a_server_that_speaks_no_tls(void **state)
{
    struct tls_scene *scene = *state;
    char chunk[100];
    int peer;

    assert_int_equal(listen(scene->listener, 1), 0);
    open_to(scene, NULL);
    peer = accept4(scene->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(peer >= 0);
    assert_true(read(peer, chunk, sizeof(chunk)) > 0);
    assert_true(write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) == 28);
    run(scene);
    assert_int_equal(scene->failure.code, ERR_UNREACHABLE);
    (void)close(peer);
}

static void a_certificate_that_is_not_there(void **state)
{
    struct tls_scene *scene = *state;

    assert_int_equal(listen(scene->listener, 1), 0);
    open_to(scene, "/no/cert.pem");
    run(scene);
    assert_int_equal(scene->failure.code, ERR_DENIED);
    assert_non_null(strstr(scene->failure.text, "/no/cert.pem"));
}

/* The other side accepts and says nothing: loop_free() would wait for the thread that connects. */
static void it_can_be_freed_while_it_connects(void **state)
{
    struct tls_scene *scene = *state;
    int64_t began_ms = loop_steady_ms();

    assert_int_equal(listen(scene->listener, 1), 0);
    open_to(scene, NULL);
    socket_pause(scene->socket, true);
    socket_finish(scene->socket);
    socket_free(scene->socket);
    scene->socket = NULL;
    assert_int_equal(tear_down(state), 0);
    assert_true(loop_steady_ms() - began_ms < 8000); /* the time to connect is 10 s */
    assert_int_equal(set_up(state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_listens),
        TEST(a_server_that_speaks_no_tls),
        TEST(a_certificate_that_is_not_there),
        TEST(it_can_be_freed_while_it_connects),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
