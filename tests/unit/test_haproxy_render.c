/*
 * Load balancers as HAProxy's configuration.  That HAProxy takes the golden files is tested by
 * tests/it/test_balancer_driver.sh.
 */
#include <string.h>

#include "drivers/haproxy/quote.h"
#include "drivers/haproxy/render.h"
#include "spec/base/text.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

#define MAX 65536

static const struct target_health_check plain_check = { .path = "/",
                                                        .interval = 30,
                                                        .timeout = 6,
                                                        .healthy_threshold = 5,
                                                        .unhealthy_threshold = 2,
                                                        .matcher = "200" };

static bool all_but_new(void *context, const char *group, const struct balancer_member *member)
{
    (void)context;
    (void)group;
    return !text_starts(member->task, "new");
}

static const struct render_options options = { .owner = "me",
                                               .maxconn = 20000,
                                               .folder = "/run/lb/web",
                                               .log = "/run/lb/web/log",
                                               .user = "haproxy",
                                               .is_in_service = all_but_new };

static void check_golden(const char *path, struct balancer *balancer)
{
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    buf_init(&text, MAX);
    memset(balancer->shape, 'a', SHA256_HEX_SIZE - 1);
    assert_int_equal(render(balancer, &options, &text, &err), 0);
    golden_check(path, buf_text(&text));
}

/* ---- Golden ---- */

static struct balancer_member members[] = {
    { "aaaa", "10.1.0.2", 80, 81, false },
    { "bbbb", "10.1.0.3", 80, 81, true },
    { "new1", "10.1.0.4", 80, 81, false },
};

static void http(void **state)
{
    static const char *paths[] = { "/api/*", "/exact", "*.png", "/a?c/*/z" };
    static const char *hosts[] = { "shop.example", "*.shop.example" };
    static const char *methods[] = { "GET", "HEAD" };
    static const char *sources[] = { "10.0.0.0/8", "2001:db8::/32" };
    static const char *values[] = { "*beta*" };
    static struct target_header headers[] = { { "X-Channel", values, 1 } };
    static struct target_query queries[] = { { "version", "2*" }, { "debug", "?" } };
    static const struct target_health_check check = { .path = "/health?full=1",
                                                      .interval = 5,
                                                      .timeout = 2,
                                                      .healthy_threshold = 2,
                                                      .unhealthy_threshold = 3,
                                                      .matcher = "200-299,301" };
    static const struct service_target rest = { .container_name = "web",
                                                .container_port = 80,
                                                .health_check = &plain_check,
                                                .deregistration_delay = 30 };
    static struct service_target api = {
        .container_name = "api",
        .container_port = 80,
        .listener_port = 8080,
        .priority = 10,
        .path_pattern = paths,
        .path_pattern_count = ARRAY_COUNT(paths),
        .host_header = hosts,
        .host_header_count = ARRAY_COUNT(hosts),
        .http_request_method = methods,
        .http_request_method_count = ARRAY_COUNT(methods),
        .source_ip = sources,
        .source_ip_count = ARRAY_COUNT(sources),
        .http_header = headers,
        .http_header_count = ARRAY_COUNT(headers),
        .query_string = queries,
        .query_string_count = ARRAY_COUNT(queries),
        .health_check = &check,
        .deregistration_delay = 300,
        .load_balancing_algorithm = TARGET_ALGORITHM_LEAST_OUTSTANDING_REQUESTS,
    };
    static const char *first_paths[] = { "/first" };
    static struct service_target first = { .container_name = "first",
                                           .container_port = 80,
                                           .priority = 2,
                                           .path_pattern = first_paths,
                                           .path_pattern_count = 1,
                                           .health_check = &plain_check,
                                           .load_balancing_algorithm =
                                               TARGET_ALGORITHM_WEIGHTED_RANDOM };
    static const struct balancer_group groups[] = {
        { .name = "blue:shop:api:80",
          .target = &api,
          .members = members,
          .member_count = ARRAY_COUNT(members) },
        { .name = "blue:shop:first:80", .target = &first, .members = NULL, .member_count = 0 },
        { .name = "blue:shop:web:80", .target = &rest, .members = members, .member_count = 1 },
    };
    static struct listener listeners[] = { { .port = 8080, .address = "127.0.0.1" },
                                           { .port = 8081, .address = "::" } };
    static const struct load_balancer_spec spec = { .listeners = listeners,
                                                    .listeners_count = 2,
                                                    .idle_timeout = 60 };
    struct balancer balancer = {
        .name = "web", .spec = &spec, .groups = groups, .group_count = ARRAY_COUNT(groups)
    };

    (void)state;
    check_golden("tests/golden/haproxy/http.cfg", &balancer);
}

static void answers_by_itself(void **state)
{
    static const struct fixed_response fixed = { 503, "text/plain", "closed for today" };
    static const struct redirect redirect = { "https://shop.example/", REDIRECT_STATUS_HTTP_301 };
    static const struct listener_action closed = { .type = LISTENER_ACTION_TYPE_FIXED_RESPONSE,
                                                   .fixed_response_config = &fixed };
    static const struct listener_action moved = { .type = LISTENER_ACTION_TYPE_REDIRECT,
                                                  .redirect_config = &redirect };
    static struct listener listeners[] = {
        { .port = 8080, .address = "127.0.0.1", .default_action = &closed },
        { .port = 8081, .address = "127.0.0.1", .default_action = &moved },
        { .port = 8082, .address = "127.0.0.1" },
        { .port = 8083, .address = "127.0.0.1", .protocol = LISTENER_PROTOCOL_TCP },
    };
    static const struct load_balancer_spec spec = { .listeners = listeners,
                                                    .listeners_count = 4,
                                                    .idle_timeout = 4000 };
    struct balancer balancer = { .name = "web", .spec = &spec };

    (void)state;
    check_golden("tests/golden/haproxy/default.cfg", &balancer);
}

static void https(void **state)
{
    static const struct service_target rest = { .container_name = "web",
                                                .container_port = 80,
                                                .health_check = &plain_check };
    static const struct balancer_group groups[] = {
        { .name = "blue:shop:web:80", .target = &rest, .members = members, .member_count = 1 }
    };
    static struct listener_certificate certificates[] = {
        { "/etc/letsencrypt/live/shop.example/fullchain.pem",
          "/etc/letsencrypt/live/shop.example/privkey.pem" },
        { "/etc/ssl/api.pem", "/etc/ssl/api.key" },
    };
    static const struct redirect redirect = { "https://shop.example", REDIRECT_STATUS_HTTP_301 };
    static const struct listener_action moved = { .type = LISTENER_ACTION_TYPE_REDIRECT,
                                                  .redirect_config = &redirect };
    static struct listener listeners[] = {
        { .port = 8080, .address = "127.0.0.1" },
        { .port = 8443,
          .address = "::",
          .protocol = LISTENER_PROTOCOL_HTTPS,
          .certificates = certificates,
          .certificates_count = ARRAY_COUNT(certificates) },
        { .port = 8444,
          .address = "127.0.0.1",
          .protocol = LISTENER_PROTOCOL_HTTPS,
          .certificates = certificates + 1,
          .certificates_count = 1,
          .default_action = &moved },
    };
    static const struct load_balancer_spec spec = { .listeners = listeners,
                                                    .listeners_count = ARRAY_COUNT(listeners),
                                                    .idle_timeout = 60 };
    struct balancer balancer = { .name = "web", .spec = &spec, .groups = groups, .group_count = 1 };

    (void)state;
    check_golden("tests/golden/haproxy/https.cfg", &balancer);
}

static void tcp(void **state)
{
    static const struct target_health_check check = { .protocol = TARGET_PROTOCOL_HTTP,
                                                      .path = "/",
                                                      .interval = 30,
                                                      .timeout = 6,
                                                      .healthy_threshold = 5,
                                                      .unhealthy_threshold = 2,
                                                      .matcher = "200" };
    static const struct balancer_member db[] = { { "aaaa", "10.1.0.2", 5432, 5432, false } };
    static const struct service_target one = { .container_name = "db",
                                               .container_port = 5432,
                                               .listener_port = 5432,
                                               .health_check = &plain_check };
    static const struct service_target other = { .container_name = "db",
                                                 .container_port = 5433,
                                                 .listener_port = 5433,
                                                 .health_check = &check };
    static const struct balancer_group groups[] = {
        { .name = "blue:db:db:5432", .target = &one, .members = db, .member_count = 1 },
        { .name = "blue:db:db:5433", .target = &other, .members = db, .member_count = 1 }
    };
    static struct listener listeners[] = {
        { .port = 5432, .address = "127.0.0.1", .protocol = LISTENER_PROTOCOL_TCP },
        { .port = 5433, .address = "127.0.0.1", .protocol = LISTENER_PROTOCOL_TCP },
    };
    static const struct load_balancer_spec spec = { .listeners = listeners,
                                                    .listeners_count = 2,
                                                    .idle_timeout = 60 };
    struct balancer balancer = { .name = "db", .spec = &spec, .groups = groups, .group_count = 2 };

    (void)state;
    check_golden("tests/golden/haproxy/tcp.cfg", &balancer);
}

#define HOSTILE "a\"b'c\\d$HOME#e %[src] {f}\n\tglobal\r\x7f\xc3\xa4"

/* In each place where a manifest may say anything. */
static void hostile(void **state)
{
    static const char *texts[] = { HOSTILE, HOSTILE "*", "*" HOSTILE, HOSTILE "?x*" };
    static const char *one[] = { HOSTILE };
    static const char *source[] = { "10.0.0.0/8" };
    static struct target_header headers[] = { { "X-$A#%", texts, ARRAY_COUNT(texts) } };
    static struct target_query queries[] = { { HOSTILE, HOSTILE "*" } };
    static const struct target_health_check check = { .path = "/" HOSTILE,
                                                      .interval = 30,
                                                      .timeout = 6,
                                                      .healthy_threshold = 5,
                                                      .unhealthy_threshold = 2,
                                                      .matcher = "200" };
    static struct service_target target = { .container_name = "web",
                                            .container_port = 80,
                                            .priority = 1,
                                            .path_pattern = texts,
                                            .path_pattern_count = ARRAY_COUNT(texts),
                                            .host_header = texts,
                                            .host_header_count = ARRAY_COUNT(texts),
                                            .http_request_method = one,
                                            .http_request_method_count = 1,
                                            .source_ip = source,
                                            .source_ip_count = 1,
                                            .http_header = headers,
                                            .http_header_count = 1,
                                            .query_string = queries,
                                            .query_string_count = 1,
                                            .health_check = &check };
    static const struct balancer_group groups[] = {
        { .name = "blue:shop:web:80", .target = &target, .members = NULL, .member_count = 0 }
    };
    static const struct fixed_response fixed = { 200, "text/plain; a=\"b'c\\d$HOME#e %[src]\"",
                                                 HOSTILE };
    static const struct redirect redirect = { "https://a\"b'c\\d$HOME#e%[src] f",
                                              REDIRECT_STATUS_HTTP_302 };
    static const struct listener_action said = { .type = LISTENER_ACTION_TYPE_FIXED_RESPONSE,
                                                 .fixed_response_config = &fixed };
    static const struct listener_action moved = { .type = LISTENER_ACTION_TYPE_REDIRECT,
                                                  .redirect_config = &redirect };
    static struct listener listeners[] = {
        { .port = 8080, .address = "127.0.0.1", .default_action = &said },
        { .port = 8081, .address = "127.0.0.1", .default_action = &moved },
    };
    static const struct load_balancer_spec spec = { .listeners = listeners,
                                                    .listeners_count = 2,
                                                    .idle_timeout = 60 };
    struct balancer balancer = { .name = "web", .spec = &spec, .groups = groups, .group_count = 1 };

    (void)state;
    check_golden("tests/golden/haproxy/hostile.cfg", &balancer);
}

/* ---- Quoting ---- */

static void quoting(void **state)
{
    static const struct {
        const char *text;
        const char *word;
        const char *format;
    } cases[] = {
        { "", "\"\"", "\"\"" },
        { "plain text", "\"plain text\"", "\"plain text\"" },
        { "a\nb\rc\td", "\"a\\x0ab\\x0dc\\x09d\"", "\"a\\x0ab\\x0dc\\x09d\"" },
        { "\"", "\"\\\"\"", "\"\\\"\"" },
        { "'", "\"\\x27\"", "\"\\x27\"" },
        { "\\", "\"\\\\\"", "\"\\\\\"" },
        { "$HOME ${X}", "\"\\$HOME \\${X}\"", "\"\\$HOME \\${X}\"" },
        { "#", "\"\\x23\"", "\"\\x23\"" },
        { "%[src] %", "\"\\x25[src] \\x25\"", "\"\\x25\\x25[src] \\x25\\x25\"" },
        { "\xc3\xa4\x7f", "\"\\xc3\\xa4\\x7f\"", "\"\\xc3\\xa4\\x7f\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) word = { 0 };
        AUTO(buf) format = { 0 };

        buf_init(&word, MAX);
        buf_init(&format, MAX);
        quote_word(&word, cases[i].text);
        quote_format(&format, cases[i].text);
        assert_string_equal(buf_text(&word), cases[i].word);
        assert_string_equal(buf_text(&format), cases[i].format);
    }
}

static void patterns(void **state)
{
    static const char *const cases[][2] = {
        { "/a", "-m str -- \"/a\"" },
        { "/a/*", "-m beg -- \"/a/\"" },
        { "*.png", "-m end -- \".png\"" },
        { "*", "-m reg -- \"^.*\\$\"" },
        { "**", "-m reg -- \"^.*.*\\$\"" },
        { "?", "-m reg -- \"^.\\$\"" },
        { "/a?*", "-m reg -- \"^/a..*\\$\"" },
        { "*a*", "-m reg -- \"^.*a.*\\$\"" },
        { "(.+)*x", "-m reg -- \"^\\\\(\\\\.\\\\+\\\\).*x\\$\"" },
        { "\\*x", "-m reg -- \"^\\\\\\\\.*x\\$\"" },
        { "-f*", "-m beg -- \"-f\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) out = { 0 };

        buf_init(&out, MAX);
        quote_pattern(&out, cases[i][0], false);
        assert_string_equal(buf_text(&out), cases[i][1]);
    }

    AUTO(buf) out = { 0 };
    buf_init(&out, MAX);
    quote_pattern(&out, "A*", true);
    buf_char(&out, ' ');
    quote_parameter(&out, "k&", "v*");
    assert_string_equal(buf_text(&out),
                        "-i -m beg -- \"A\" -i -m reg -- \"(^|&)k\\\\&=v[^&]*(&|\\$)\"");
}

/* ---- What is refused ---- */

static void check_refused(const struct listener *listener, const struct service_target *target,
                          const char *address, const char *reason)
{
    struct listener listeners[] = { *listener };
    const struct load_balancer_spec spec = { .listeners = listeners,
                                             .listeners_count = 1,
                                             .idle_timeout = 60 };
    const struct balancer_member member = { "aaaa", address, 80, 80, false };
    const struct balancer_group group = {
        .name = "a:b:c:80", .target = target, .members = &member, .member_count = 1
    };
    const struct balancer balancer = {
        .name = "web", .spec = &spec, .groups = &group, .group_count = 1
    };
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    buf_init(&text, MAX);
    assert_int_equal(render(&balancer, &options, &text, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, reason));
}

static void refused(void **state)
{
    static const char *values[] = { "x" };
    static struct target_header header = { "a) path", values, 1 };
    static const struct target_health_check wrong = { .path = "/",
                                                      .interval = 1,
                                                      .matcher = "200 x" };
    const struct service_target good = { .container_name = "c", .health_check = &plain_check };
    struct service_target bad_header = good;
    struct service_target bad_matcher = good;
    struct listener_certificate spaced = { "/a.pem", "/a.key\n    daemon" };
    const struct listener home = { .port = 80, .address = "127.0.0.1" };

    (void)state;
    bad_header.http_header = &header;
    bad_header.http_header_count = 1;
    bad_matcher.health_check = &wrong;
    check_refused(&(struct listener){ .port = 80, .address = "/tmp/socket" }, &good, "10.0.0.1",
                  "'/tmp/socket' is no address to listen on");
    check_refused(
        &(struct listener){
            .port = 80, .address = "127.0.0.1", .certificates = &spaced, .certificates_count = 1 },
        &good, "10.0.0.1", "is no absolute path without spaces");
    check_refused(&home, &good, "10.0.0.1 weight 100", "is no address");
    check_refused(&home, &bad_header, "10.0.0.1", "'a) path' is no name of a header");
    check_refused(&home, &bad_matcher, "10.0.0.1", "'200 x' is no list of statuses");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http),    cmocka_unit_test(answers_by_itself),
        cmocka_unit_test(tcp),     cmocka_unit_test(hostile),
        cmocka_unit_test(quoting), cmocka_unit_test(patterns),
        cmocka_unit_test(refused), cmocka_unit_test(https),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
