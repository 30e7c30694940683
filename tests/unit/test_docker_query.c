/*
 * Parts of URLs, and where an engine listens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/client.h"
#include "drivers/docker/query.h"
#include "tests/unit/unit.h"

static void values_are_encoded(void **state)
{
    (void)state;
    AUTO(buf) query;

    buf_init(&query, 1000);
    docker_query_add(&query, "name", "a b&c=d/e?f#g%h+i");
    docker_query_add(&query, "skip", NULL);
    docker_query_add(&query, "empty", "");
    docker_query_add_int(&query, "t", -1);
    docker_query_add_bool(&query, "all", true);
    docker_query_add_bool(&query, "v", false);
    assert_string_equal(buf_text(&query),
                        "name=a%20b%26c%3Dd%2Fe%3Ff%23g%25h%2Bi&empty=&t=-1&all=1&v=0");
}

static void every_byte_is_encoded_or_plain(void **state)
{
    (void)state;

    for (int c = 1; c < 256; c++) {
        const char text[2] = { (char)c, '\0' };
        AUTO(buf) out;

        buf_init(&out, 100);
        docker_url_add(&out, text, "/");
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("-._~/", c) != NULL) {
            assert_string_equal(buf_text(&out), text);
        } else {
            char escape[4];

            (void)snprintf(escape, sizeof(escape), "%%%02X", c);
            assert_string_equal(buf_text(&out), escape);
        }
    }
}

static void filters_collect_values(void **state)
{
    (void)state;
    AUTO(json) *filters = json_object();
    AUTO(buf) query;

    buf_init(&query, 1000);
    docker_filter_add(filters, "label", "berth.owner=demo");
    docker_filter_add(filters, "label", "x");
    docker_filter_add(filters, "event", "die");
    AUTO_TEXT char *text = json_print_text(filters, JSON_STYLE_CANONICAL);
    assert_string_equal(text, "{\"event\":[\"die\"],\"label\":[\"berth.owner=demo\",\"x\"]}");
    docker_query_add_json(&query, "filters", filters);
    assert_string_equal(buf_text(&query),
                        "filters=%7B%22event%22%3A%5B%22die%22%5D%2C%22label%22%3A%"
                        "5B%22berth.owner%3Ddemo%22%2C%22x%22%5D%7D");
}

static int forget_environment(void **state)
{
    (void)state;
    (void)unsetenv("DOCKER_HOST");
    (void)unsetenv("DOCKER_TLS_VERIFY");
    (void)unsetenv("DOCKER_CERT_PATH");
    return 0;
}

static void sockets_are_understood(void **state)
{
    (void)state;
    AUTO(docker_host) host = { 0 };

    assert_int_equal(docker_host_parse(&host, NULL, NULL), 0);
    assert_string_equal(host.unix_path, "/var/run/docker.sock");
    docker_host_release(&host);
    (void)setenv("DOCKER_HOST", "unix:///run/user/1/podman.sock", 1);
    assert_int_equal(docker_host_parse(&host, NULL, NULL), 0);
    assert_string_equal(host.unix_path, "/run/user/1/podman.sock");
    docker_host_release(&host);
    assert_int_equal(docker_host_parse(&host, "unix:///a", NULL), 0);
    assert_string_equal(host.unix_path, "/a");
    docker_host_release(&host);
    (void)setenv("DOCKER_HOST", "", 1);
    assert_int_equal(docker_host_parse(&host, NULL, NULL), 0);
    assert_string_equal(host.unix_path, "/var/run/docker.sock");
}

struct tcp_example {
    const char *text;
    const char *host;
    const char *port;
};

static void addresses_are_understood(void **state)
{
    (void)state;
    const struct tcp_example examples[] = {
        { "tcp://10.0.0.1:4000", "10.0.0.1", "4000" },
        { "tcp://engine.example", "engine.example", "2375" },
        { "tcp://engine:65535/", "engine", "65535" },
        { "tcp://[::1]:2376", "::1", "2376" },
        { "tcp://[fe80::1]", "fe80::1", "2375" },
    };

    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        AUTO(docker_host) host = { 0 };

        assert_int_equal(docker_host_parse(&host, examples[i].text, NULL), 0);
        assert_string_equal(host.host, examples[i].host);
        assert_string_equal(host.port, examples[i].port);
        assert_false(host.tls);
        assert_null(host.unix_path);
    }
}

static void what_is_no_address_is_told_with_its_origin(void **state)
{
    (void)state;
    AUTO(docker_host) host = { 0 };
    struct err err = { 0 };

    (void)setenv("DOCKER_HOST", "nonsense", 1);
    assert_int_equal(docker_host_parse(&host, NULL, &err), -1);
    assert_string_equal(err.text, "'nonsense' is no address of an engine (DOCKER_HOST, "
                                  "--docker-host): it is unix:///PATH or tcp://HOST:PORT");
    assert_int_equal(docker_host_parse(&host, "ssh://there", &err), -1);
    assert_string_equal(err.text,
                        "'ssh://there' is not a local engine, and this version knows no others");
}

static void tls_comes_from_the_environment(void **state)
{
    (void)state;
    AUTO(docker_host) host = { 0 };

    (void)setenv("DOCKER_TLS_VERIFY", "1", 1);
    (void)setenv("DOCKER_CERT_PATH", "/certs", 1);
    assert_int_equal(docker_host_parse(&host, "tcp://engine", NULL), 0);
    assert_true(host.tls);
    assert_string_equal(host.port, "2376");
    assert_string_equal(host.ca_path, "/certs/ca.pem");
    assert_string_equal(host.cert_path, "/certs/cert.pem");
    assert_string_equal(host.key_path, "/certs/key.pem");
    docker_host_release(&host);

    (void)unsetenv("DOCKER_CERT_PATH");
    (void)setenv("HOME", "/home/me", 1);
    assert_int_equal(docker_host_parse(&host, "tcp://engine:1", NULL), 0);
    assert_string_equal(host.ca_path, "/home/me/.docker/ca.pem");
    docker_host_release(&host);

    (void)setenv("DOCKER_TLS_VERIFY", "", 1);
    assert_int_equal(docker_host_parse(&host, "tcp://engine", NULL), 0);
    assert_false(host.tls);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "unix://relative",
        "unix://",
        "tcp://",
        "tcp://:2375",
        "tcp://a:0",
        "tcp://a:65536",
        "tcp://a:port",
        "tcp://[::1",
        "tcp://[]:1",
        "tcp://a/b:1",
        "tcp://a:",
        "ssh://me@host",
        "npipe:////./x",
        "http://a:123",
        "/var/run/x",
        "tcp://[::1]2",
        "x",
        "tcp://a:1/b",
    };

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct docker_host host = { 0 };
        struct err err = { 0 };

        assert_int_equal(docker_host_parse(&host, wrong[i], &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, wrong[i]));
        assert_null(host.host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_encoded),
        cmocka_unit_test(every_byte_is_encoded_or_plain),
        cmocka_unit_test(filters_collect_values),
        cmocka_unit_test_setup(sockets_are_understood, forget_environment),
        cmocka_unit_test_setup(addresses_are_understood, forget_environment),
        cmocka_unit_test_setup(what_is_no_address_is_told_with_its_origin, forget_environment),
        cmocka_unit_test_setup(tls_comes_from_the_environment, forget_environment),
        cmocka_unit_test_setup(nonsense_is_refused, forget_environment),
    };

    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
