/*
 * Which credentials a registry gets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers/docker/auth.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/unit/scratch.h"
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
    text_wipe(choice.header);
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
    text_wipe(header);
    header = auth_from_helper("a.example", token, strlen(token));
    AUTO_TEXT char *with_token = base64_decode(header, &size);
    assert_string_equal(with_token, "{\"identitytoken\":\"t\",\"serveraddress\":\"a.example\"}");
    text_wipe(header);
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
    text_wipe(header);
    loop_stop(asked->loop);
}

static void on_all(void *ctx, char *header, const struct err *failure)
{
    struct asked *asked = ctx;
    size_t size = 0;

    asked->done = true;
    if (failure != NULL)
        asked->failure = *failure;
    asked->plain = base64_decode(header, &size);
    text_wipe(header);
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

/* ---- All of them ----------------------------------------------------------------------------- */

static void write_text(const char *folder, const char *name, mode_t mode, const char *text)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static struct asked ask_all(const char *folder, const char *config)
{
    struct asked asked = { .loop = loop_new(NULL) };

    write_text(folder, "config.json", 0600, config);
    assert_int_equal(setenv("DOCKER_CONFIG", folder, 1), 0);
    assert_non_null(auth_start_all(asked.loop, on_all, &asked));
    loop_run(asked.loop);
    assert_true(asked.done);
    loop_free(asked.loop);
    return asked;
}

static void the_logins_of_all_registries(void **state)
{
    char *folder = scratch_make();
    AUTO_TEXT char *path = mem_text(getenv("PATH"));
    char with_folder[8192];

    (void)state;
    (void)snprintf(with_folder, sizeof(with_folder), "%s:%s", folder, path);
    assert_int_equal(setenv("PATH", with_folder, 1), 0);
    write_text(
        folder, "docker-credential-t", 0755,
        "#!/bin/sh\nread -r server\ncase $1 in\n"
        "list) echo '{\"b.example\":\"x\",\"c.example\":\"x\"}' ;;\n"
        "*) echo \"{\\\"Username\\\":\\\"u\\\",\\\"Secret\\\":\\\"$server\\\"}\" ;;\nesac\n");

    struct asked asked = ask_all(
        folder,
        "{\"credHelpers\":{\"a.example\":\"t\",\"d.example\":\"none\"},"
        "\"auths\":{\"b.example\":{\"auth\":\"dXNlcjpwYXNz\"},\"a.example\":{\"auth\":\"eDp5\"},"
        "\"e.example\":{}}}");
    AUTO(json) *own = json_parse(asked.plain, strlen(asked.plain), NULL);
    assert_int_equal(json_count(own), 2);
    assert_string_equal(json_text(json_get(own, "a.example"), "password"), "a.example");
    assert_string_equal(json_text(json_get(own, "b.example"), "password"), "pass");
    assert_int_equal(asked.failure.code, ERR_NOT_FOUND); /* docker-credential-none */
    assert_non_null(strstr(asked.failure.text, "credentials for d.example"));
    free(asked.plain);

    asked = ask_all(folder, "{\"credsStore\":\"t\",\"auths\":{\"e.example\":{\"auth\":\"eDp5\"}}}");
    AUTO(json) *stored = json_parse(asked.plain, strlen(asked.plain), NULL);
    assert_int_equal(json_count(stored), 2);
    assert_string_equal(json_text(json_get(stored, "c.example"), "password"), "c.example");
    assert_int_equal(asked.failure.code, ERR_OK);
    free(asked.plain);

    asked = ask_all(folder, "{\"credsStore\":\"none\"}");
    assert_string_equal(asked.plain, "{}");
    assert_non_null(strstr(asked.failure.text, "credentials for all registries"));
    free(asked.plain);

    assert_int_equal(setenv("PATH", path, 1), 0);
    scratch_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registries),       cmocka_unit_test(logins_in_the_file),
        cmocka_unit_test(helpers_go_first), cmocka_unit_test(answers_of_helpers),
        cmocka_unit_test(nobody_logged_in), cmocka_unit_test(the_logins_of_all_registries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
