/*
 * References of images, as Docker understands them.
 */
#include <string.h>

#include "spec/reference.h"
#include "tests/unit/unit.h"

/* expected: in full; NULL: it is refused. */
static void check(const char *text, const char *expected)
{
    AUTO(arena) arena = { 0 };
    AUTO(buf) printed = { 0 };
    struct image_reference reference;
    struct err err = { 0 };

    if (reference_parse(text, &arena, &reference, &err) < 0) {
        if (expected != NULL)
            fail_msg("%s", err.text);
        assert_int_equal(err.code, ERR_INVALID);
        return;
    }
    buf_init(&printed, 1024);
    buf_printf(&printed, "%s/%s", reference.host, reference.path);
    if (reference.tag != NULL)
        buf_printf(&printed, ":%s", reference.tag);
    if (reference.digest != NULL)
        buf_printf(&printed, "@%s", reference.digest);
    if (expected == NULL)
        fail_msg("'%s' was understood as '%s'", text, buf_text(&printed));
    assert_string_equal(buf_text(&printed), expected);
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void short_forms_are_written_out(void **state)
{
    (void)state;
    check("redis", "docker.io/library/redis");
    check("redis:7.4", "docker.io/library/redis:7.4");
    check("bitnami/redis", "docker.io/bitnami/redis");
    check("index.docker.io/redis", "docker.io/library/redis");
    check("docker.io/a/b", "docker.io/a/b");
    check("localhost/x", "localhost/x");
    check("Host/x", "Host/x");
    check("r.example/x", "r.example/x");
    check("r:5000/x", "r:5000/x");
    check("r.example:5000/a/b/c:v1", "r.example:5000/a/b/c:v1");
    check("[::1]:5000/x", "[::1]:5000/x");
    check("a@sha256:" HEX64, "docker.io/library/a@sha256:" HEX64);
    check("a:1@sha256:" HEX64, "docker.io/library/a:1@sha256:" HEX64);
    check("a__b/c-d--e.f_g:_T.-x", "docker.io/a__b/c-d--e.f_g:_T.-x");
}

static void what_docker_refuses_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "/a",
        "a/",
        "a//b",
        "A",
        "a/B",
        "a b",
        "a:",
        "a:-x",
        "a:.x",
        "a:x y",
        "a@",
        "a@sha256:",
        "a@sha512:" HEX64,
        "a@sha256:"
        "0123",
        "-a",
        "a-",
        "a_-b",
        "a___b",
        "a..b",
        HEX64,
        "r:99999/x",
        "r:x/y",
        "-r.x/y",
        "r..x/y",
        "http://a/b",
        "a/b:1:2",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        check(wrong[i], NULL);
}

static void length_is_limited_as_in_ecs(void **state)
{
    (void)state;
    char text[300];

    memset(text, 'a', sizeof(text));
    text[255] = '\0';
    AUTO(arena) arena = { 0 };
    struct image_reference reference;
    struct err err = { 0 };
    assert_int_equal(reference_parse(text, &arena, &reference, &err), 0);
    text[255] = 'a';
    text[256] = '\0';
    assert_int_equal(reference_parse(text, &arena, &reference, &err), -1);
}

static void bare_names_are_names_of_images(void **state)
{
    (void)state;
    assert_true(reference_is_bare_name("redis"));
    assert_false(reference_is_bare_name("redis:7"));
    assert_false(reference_is_bare_name("a/b"));
    assert_false(reference_is_bare_name("a@b"));
}

static void references_mean_the_same(void **state)
{
    (void)state;
    assert_true(reference_is_same("redis", "docker.io/library/redis:latest"));
    assert_true(reference_is_same("redis:7", "index.docker.io/library/redis:7"));
    assert_false(reference_is_same("redis:7", "redis:8"));
    assert_false(reference_is_same("redis:7", "localhost:5000/redis:7"));
    assert_false(reference_is_same("localhost:5000/redis", "localhost:5001/redis"));
    assert_true(reference_is_same("localhost:5000/redis", "localhost:5000/redis:latest"));
    assert_false(reference_is_same("redis:7", "redis"));
    assert_true(reference_is_same("no reference", "no reference"));
    assert_false(reference_is_same("no reference", "another one"));
    assert_true(reference_is_sibling("redis:7", "docker.io/library/redis:8"));
    assert_false(reference_is_sibling("redis:7", "localhost:5000/redis:7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_forms_are_written_out),
        cmocka_unit_test(what_docker_refuses_is_refused),
        cmocka_unit_test(length_is_limited_as_in_ecs),
        cmocka_unit_test(bare_names_are_names_of_images),
        cmocka_unit_test(references_mean_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
