/*
 * Which credentials a registry gets.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/auth.h"
#include "spec/base/digest.h"
#include "tests/unit/unit.h"

static void registries(void **state)
{
    static const struct {
        const char *reference;
        const char *registry;
    } cases[] = {
        { "redis", "docker.io" },
        { "library/redis:7", "docker.io" },
        { "docker.io/library/redis", "docker.io" },
        { "index.docker.io/library/redis", "docker.io" },
        { "registry:5000/a/b:tag", "registry:5000" },
        { "ghcr.io/a/b@sha256:00", "ghcr.io" },
        { "localhost/a", "localhost" },
        { "localhosts/a", "docker.io" },
    };
    char registry[AUTH_REGISTRY_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        auth_registry(cases[i].reference, registry);
        assert_string_equal(registry, cases[i].registry);
    }
}

/* The header's JSON, decoded, or NULL. */
static struct json *chosen(const char *config, const char *registry, const char **out_helper)
{
    AUTO(json) *value = json_parse(config, strlen(config), NULL);
    struct auth_choice choice;
    struct json *decoded = NULL;

    assert_non_null(value);
    auth_choose(value, registry, &choice);
    if (out_helper != NULL)
        *out_helper = choice.helper != NULL ? mem_text(choice.helper) : NULL;
    if (choice.header != NULL) {
        size_t size = 0;
        char *plain = base64_decode(choice.header, &size);
        assert_non_null(plain);
        decoded = json_parse(plain, size, NULL);
        free(plain);
    }
    auth_wipe(choice.header);
    return decoded;
}

static void logins_in_the_file(void **state)
{
    /* dXNlcjpwYTpzcw== is user:pa:ss */
    static const char config[] =
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOmh1Yg==\"},"
        "\"registry:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"},"
        "\"https://other.example/v2/\":{\"identitytoken\":\"tt\"},"
        "\"broken.example\":{\"auth\":\"!!\"}}}";

    (void)state;
    AUTO(json) *login = chosen(config, "registry:5000", NULL);
    assert_string_equal(json_text(login, "username"), "user");
    assert_string_equal(json_text(login, "password"), "pa:ss");
    assert_string_equal(json_text(login, "serveraddress"), "registry:5000");
    AUTO(json) *hub = chosen(config, "docker.io", NULL);
    assert_string_equal(json_text(hub, "username"), "hub");
    assert_string_equal(json_text(hub, "serveraddress"), "https://index.docker.io/v1/");
    AUTO(json) *token = chosen(config, "other.example", NULL);
    assert_string_equal(json_text(token, "identitytoken"), "tt");
    assert_null(json_text(token, "password"));
    AUTO(json) *broken = chosen(config, "broken.example", NULL);
    assert_null(broken);
    AUTO(json) *unknown = chosen(config, "registry", NULL);
    assert_null(unknown);
}

static void helpers_go_first(void **state)
{
    static const char config[] = "{\"credsStore\":\"all\",\"credHelpers\":{\"a.example\":\"one\"},"
                                 "\"auths\":{\"b.example\":{\"auth\":\"dXNlcjpwYXNz\"}}}";
    const char *one = NULL;
    const char *all = NULL;

    (void)state;
    AUTO(json) *first = chosen(config, "a.example", &one);
    AUTO(json) *second = chosen(config, "b.example", &all);
    assert_null(first);
    assert_null(second);
    assert_string_equal(one, "one");
    assert_string_equal(all, "all");
    free((char *)(uintptr_t)one);
    free((char *)(uintptr_t)all);
}

static void answers_of_helpers(void **state)
{
    static const char password[] =
        "{\"ServerURL\":\"a.example\",\"Username\":\"u\",\"Secret\":\"s\"}";
    static const char token[] = "{\"Username\":\"<token>\",\"Secret\":\"t\"}";
    size_t size = 0;

    (void)state;
    char *header = auth_from_helper("a.example", password, strlen(password));
    AUTO_TEXT char *plain = base64_decode(header, &size);
    assert_string_equal(plain,
                        "{\"username\":\"u\",\"password\":\"s\",\"serveraddress\":\"a.example\"}");
    auth_wipe(header);
    header = auth_from_helper("a.example", token, strlen(token));
    AUTO_TEXT char *with_token = base64_decode(header, &size);
    assert_string_equal(with_token, "{\"identitytoken\":\"t\",\"serveraddress\":\"a.example\"}");
    auth_wipe(header);
    assert_null(auth_from_helper("a.example", "no", 2));
}

/* ---- With a real configuration and a real helper -------------------------------------------- */

struct asked {
    struct loop *loop;
    char *plain;
    struct err failure;
    bool done;
};

static void on_auth(void *ctx, char *header, const struct err *failure)
{
    struct asked *asked = ctx;
    size_t size = 0;

    asked->done = true;
    if (failure != NULL)
        asked->failure = *failure;
    else
        asked->plain = base64_decode(header, &size);
    auth_wipe(header);
    loop_stop(asked->loop);
}

static void nobody_logged_in(void **state)
{
    struct asked asked = { .loop = loop_new(NULL) };

    (void)state;
    assert_int_equal(setenv("DOCKER_CONFIG", "/nonexistent", 1), 0);
    assert_non_null(auth_start(asked.loop, "registry:5000/a", on_auth, &asked));
    loop_run(asked.loop);
    assert_true(asked.done);
    assert_string_equal(asked.plain, "{}");
    free(asked.plain);
    loop_free(asked.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registries),       cmocka_unit_test(logins_in_the_file),
        cmocka_unit_test(helpers_go_first), cmocka_unit_test(answers_of_helpers),
        cmocka_unit_test(nobody_logged_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
