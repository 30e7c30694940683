/*
 * Locations: what is told apart, what is refused, and that passwords are never shown.
 */
#include "reconciler/source/url.h"
#include "spec/base/redact.h"
#include "tests/unit/unit.h"

struct example {
    const char *location;
    enum url_kind kind;
    const char *user; /* NULL: none */
    const char *host;
    const char *port;
    const char *path;
};

static void check_text(const char *found, const char *expected)
{
    if (expected == NULL)
        assert_null(found);
    else
        assert_string_equal(found, expected);
}

static void test_forms(void **state)
{
    static const struct example examples[] = {
        { "/srv/repo", URL_LOCAL, NULL, NULL, NULL, "/srv/repo" },
        { "./a:b", URL_LOCAL, NULL, NULL, NULL, "./a:b" },
        { "repo", URL_LOCAL, NULL, NULL, NULL, "repo" },
        { "file:///srv/repo", URL_FILE, NULL, NULL, NULL, "/srv/repo" },
        { "https://example.org/a.git", URL_HTTP, NULL, "example.org", NULL, "/a.git" },
        { "https://u:p@example.org:8443/a", URL_HTTP, NULL, "example.org", "8443", "/a" },
        { "HTTP://[::1]:80/a", URL_HTTP, NULL, "::1", "80", "/a" },
        { "ssh://git@example.org/a/b", URL_SSH, "git", "example.org", NULL, "/a/b" },
        { "ssh://git@example.org:22/~ada/b", URL_SSH, "git", "example.org", "22", "~ada/b" },
        { "git@example.org:a/b.git", URL_SSH, "git", "example.org", NULL, "a/b.git" },
        { "example.org:/a", URL_SSH, NULL, "example.org", NULL, "/a" },
        { "git@[::1]:a", URL_SSH, "git", "::1", NULL, "a" },
        { "ssh://[::1]:2222/a", URL_SSH, NULL, "::1", "2222", "/a" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        AUTO(url) url = { 0 };
        struct err err = { 0 };

        if (url_parse(examples[i].location, &url, &err) < 0)
            fail_msg("%s: %s", examples[i].location, err.text);
        assert_int_equal(url.kind, examples[i].kind);
        check_text(url.user, examples[i].user);
        check_text(url.host, examples[i].host);
        check_text(url.port, examples[i].port);
        check_text(url.path, examples[i].path);
    }
}

static void test_refused(void **state)
{
    static const char *const locations[] = {
        "",
        "ftp://example.org/a",
        "ext::sh -c id://",
        "https:///a",
        "ssh://example.org",
        "ssh://-oProxyCommand=id/a",
        "-oProxyCommand=id:a",
        "ssh://-l@example.org/a",
        "host:-x",
        "ssh://example.org:0/a",
        "ssh://example.org:70000/a",
        "https://example.org:x/a",
        "https://[::1/a",
        "https://[::1]x/a",
        "https://example.org/a\nhost=other",
        "file://host/path",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(locations); i++) {
        AUTO(url) url = { 0 };
        struct err err = { 0 };

        if (url_parse(locations[i], &url, &err) == 0)
            fail_msg("'%s' was accepted", locations[i]);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void test_redacted(void **state)
{
    static const char *const pairs[][2] = {
        { "https://ada:secret@example.org/a", "https://***@example.org/a" },
        { "https://token@example.org/a", "https://***@example.org/a" },
        { "https://ada:se@cret@example.org/a", "https://***@example.org/a" },
        { "ssh://git@example.org/a", "ssh://git@example.org/a" },
        { "ssh://git:secret@example.org/a", "ssh://git:***@example.org/a" },
        { "no url at all", "no url at all" },
        { "can't reach 'http://u:p@h/x': at http://u:p@h/y",
          "can't reach 'http://***@h/x': at http://***@h/y" },
        { "https://example.org/a@b", "https://example.org/a@b" },
        { "://", "://" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        AUTO_TEXT char *shown = url_redact(pairs[i][0]);

        assert_string_equal(shown, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_redacted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
