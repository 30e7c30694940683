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

static void names_of_jobs_are_no_others(void **state)
{
    AUTO(arena) arena = { 0 };
    const char *job = job_service(&arena, "report", "0123abcd");

    (void)state;
    assert_string_equal(job, "family:report/0123abcd");
    assert_string_equal(job_group(&arena, job), "family:report");
    assert_true(service_is_job(job));
    assert_false(service_is_job("family"));
    assert_false(service_is_job(NULL));
    assert_true(unit_is_job(arena_printf(&arena, "c/%s", job)));
    assert_false(unit_is_job("c/web"));
    assert_false(unit_is_job("host"));
    assert_string_equal(job_volume_name(&arena, "me", "c", job, "data", false),
                        "berth-me-c.family.report.0123abcd.data");
    assert_string_equal(job_volume_name(&arena, "me", "c", job, "data", true),
                        "berth-me-c.family.report.data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_what_they_are_of),
        cmocka_unit_test(long_names_fit),
        cmocka_unit_test(names_of_jobs_are_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
