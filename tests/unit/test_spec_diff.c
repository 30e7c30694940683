/*
 * Differences as a plan prints them.
 */
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"
#include "spec/decode.h"
#include "spec/diff.h"
#include "spec/kinds/kinds.h"
#include "spec/yaml.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static const void *decode(const struct record *record, const char *text)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(decoder) decoder = { 0 };
    struct yaml_file file;
    void *structure = arena_alloc(&arena, record->size);

    assert_int_equal(yaml_parse("f", text, strlen(text), &arena, &diags, &file), 0);
    decoder_init(&decoder, "f", &arena, &diags);
    decode_record(&decoder, record, file.documents[0], structure);
    if (diags.errors > 0)
        fail_msg("%s", diags.items[0].text);
    return structure;
}

static void add_line(void *context, const struct field_diff *diff)
{
    static const char *const changes[] = { "?", "rolls", "in place", "none" };

    buf_printf(context, "%s: %s -> %s (%s)\n", diff->path,
               diff->old_text != NULL ? diff->old_text : "-",
               diff->new_text != NULL ? diff->new_text : "-", changes[diff->change]);
}

static void check(const struct record *record, const char *old, const char *new,
                  const char *expected)
{
    AUTO(buf) lines = { 0 };

    buf_init(&lines, 1 << 16);
    record_diff(record, old != NULL ? decode(record, old) : NULL,
                new != NULL ? decode(record, new) : NULL, add_line, &lines);
    assert_string_equal(buf_text(&lines), expected);
}

#define TASK(containers) "{cpu: 256, containerDefinitions: [" containers "]}"

static void equal_records_have_no_difference(void **state)
{
    (void)state;
    check(&task_spec_record, TASK("{name: a, image: x}"),
          TASK("{essential: true, image: x, name: a}"), "");
    check(&task_spec_record, TASK("{name: a, image: x}, {name: b, image: y}"),
          TASK("{name: b, image: y}, {name: a, image: x, linuxParameters: {}}"), "");
}

static void containers_are_matched_by_name(void **state)
{
    (void)state;
    check(&task_spec_record, TASK("{name: a, image: x}, {name: b, image: y, command: [r, 's t']}"),
          TASK("{name: c, image: z}, {name: a, image: w}"),
          "containerDefinitions[a].image: x -> w (rolls)\n"
          "containerDefinitions[b].name: b -> - (rolls)\n"
          "containerDefinitions[b].image: y -> - (rolls)\n"
          "containerDefinitions[b].command: [\"r\", \"s t\"] -> - (rolls)\n"
          "containerDefinitions[c].name: - -> c (rolls)\n"
          "containerDefinitions[c].image: - -> z (rolls)\n");
}

static void others_are_matched_by_position(void **state)
{
    (void)state;
    check(&task_spec_record, TASK("{name: a, image: x, portMappings: [{containerPort: 1}]}"),
          TASK("{name: a, image: x, portMappings: "
               "[{containerPort: 2, protocol: udp}, {containerPort: 3}]}"),
          "containerDefinitions[a].portMappings[0].containerPort: 1 -> 2 (rolls)\n"
          "containerDefinitions[a].portMappings[0].protocol: tcp -> udp (rolls)\n"
          "containerDefinitions[a].portMappings[1].containerPort: - -> 3 (rolls)\n");
}

static void maps_are_told_by_key_and_secrets_are_hidden(void **state)
{
    (void)state;
    check(&task_spec_record,
          TASK("{name: a, image: x, environment: {A: 1, DB_PASSWORD: old, Z: 1}}"),
          TASK("{name: a, image: x, environment: {B: 2, DB_PASSWORD: new, Z: 1, api_key: k}}"),
          "containerDefinitions[a].environment[A]: 1 -> - (rolls)\n"
          "containerDefinitions[a].environment[B]: - -> 2 (rolls)\n"
          "containerDefinitions[a].environment[DB_PASSWORD]: (sensitive) -> (sensitive) (rolls)\n"
          "containerDefinitions[a].environment[api_key]: - -> (sensitive) (rolls)\n");
}

static void each_field_says_what_its_change_does(void **state)
{
    (void)state;
    check(&service_spec_record, "{taskDefinition: t}",
          "{taskDefinition: t, desiredCount: 0, redeploy: '', tags: {a: b}, dependsOn: [x], "
          "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true}}}",
          "desiredCount: 1 -> 0 (in place)\n"
          "dependsOn: - -> [\"x\"] (in place)\n"
          "deploymentConfiguration.deploymentCircuitBreaker.enable: false -> true (in place)\n"
          "redeploy: - ->  (rolls)\n"
          "tags[a]: - -> b (none)\n");
}

static void all_of_a_new_record_is_new(void **state)
{
    (void)state;
    check(&image_spec_record, NULL, "{build: {context: a, args: {X: 1}}}",
          "build.context: - -> a (rolls)\n"
          "build.args[X]: - -> 1 (rolls)\n");
    check(&image_spec_record, "{source: x}", NULL, "source: x -> - (rolls)\n");
    check(&image_spec_record, "{source: x}", "{build: {context: a}}",
          "source: x -> - (rolls)\nbuild.context: - -> a (rolls)\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_records_have_no_difference),
        TEST(containers_are_matched_by_name),
        TEST(others_are_matched_by_position),
        TEST(maps_are_told_by_key_and_secrets_are_hidden),
        TEST(each_field_says_what_its_change_does),
        TEST(all_of_a_new_record_is_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
