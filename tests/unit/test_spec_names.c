/*
 * Names of what is made on an engine.
 */
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/names.h"
#include "tests/unit/unit.h"

#define VOLUME_NAME_MAX 255

static const char *long_name(struct arena *arena, char last)
{
    char *name = arena_alloc(arena, LIMIT_NAME + 1);

    memset(name, 'x', LIMIT_NAME);
    name[LIMIT_NAME - 1] = last;
    name[LIMIT_NAME] = '\0';
    return name;
}

static void names_say_what_they_are_of(void **state)
{
    AUTO(arena) arena = { 0 };

    (void)state;
    assert_string_equal(claim_volume_name(&arena, "me"), "berth-me");
    assert_string_equal(cluster_network_name(&arena, "me", "c"), "berth-me-c");
    assert_string_equal(service_volume_name(&arena, "me", "c", "web", "data"),
                        "berth-me-c.web.data");
}

/* Every name that manifests and options may have makes one that an engine takes, and another one
 * for another volume. */
static void long_names_fit(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *a = long_name(&arena, 'a');
    const char *b = long_name(&arena, 'b');
    const char *of_a = service_volume_name(&arena, "me", a, a, a);
    const char *fits = arena_printf(&arena, "%.*s", VOLUME_NAME_MAX - 16, a);

    (void)state;
    assert_int_equal(strlen(of_a), VOLUME_NAME_MAX);
    assert_true(text_starts(of_a, "berth-me-xxx"));
    assert_string_equal(of_a, service_volume_name(&arena, "me", a, a, a));
    assert_string_not_equal(of_a, service_volume_name(&arena, "me", a, a, b));
    assert_string_not_equal(of_a, service_volume_name(&arena, "me", a, b, a));
    assert_int_equal(strlen(claim_volume_name(&arena, a)), VOLUME_NAME_MAX);
    assert_string_not_equal(claim_volume_name(&arena, a), claim_volume_name(&arena, b));
    /* What just fits is as it was. */
    assert_string_equal(service_volume_name(&arena, "me", "c", "web2", fits) + 16, fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_what_they_are_of),
        cmocka_unit_test(long_names_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
