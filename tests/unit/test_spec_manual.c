/*
 * What the tables print: JSON Schema, the reference of each kind, and explanations.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/json.h"
#include "spec/base/text.h"
#include "spec/manual.h"
#include "spec/schema.h"
#include "tests/unit/golden.h"
#include "tests/unit/unit.h"

static void the_schema_is_as_reviewed(void **state)
{
    (void)state;
    AUTO(buf) text = { 0 };

    buf_init(&text, 1 << 20);
    schema_print(&text);
    golden_check("tests/golden/spec/schema.json", buf_text(&text));
}

/* Every "$ref" leads to a definition. */
static void check_references(const struct json *schema, const struct json *value)
{
    static const char prefix[] = "#/definitions/";
    const char *reference = json_text(value, "$ref");
    const char *key;
    const struct json *member;

    if (reference != NULL) {
        assert_true(text_starts(reference, prefix));
        assert_true(json_is_object(
            json_get(json_get(schema, "definitions"), reference + sizeof(prefix) - 1)));
    }
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++)
        check_references(schema, json_at(value, i));
    if (json_is_object(value))
        for (void *at = NULL; (at = json_next(value, at, &key, &member)) != NULL;)
            check_references(schema, member);
}

static void the_schema_holds_together(void **state)
{
    (void)state;
    AUTO(buf) text = { 0 };
    struct err err;

    buf_init(&text, 1 << 20);
    schema_print(&text);
    AUTO(json) *schema = json_parse(text.data, text.size, &err);
    assert_non_null(schema);
    check_references(schema, schema);
}

static void the_reference_is_as_reviewed(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        AUTO(buf) text = { 0 };
        char path[64];
        buf_init(&text, 1 << 20);
        manual_kind(kind, &text);
        assert_true(snprintf(path, sizeof(path), "tests/golden/spec/%s.md", kind_text(kind)) > 0);
        golden_check(path, buf_text(&text));
    }
}

static void fields_are_explained(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "Service",
        "service.deploymentConfiguration",
        "Service.spec.deploymentconfiguration.maximumPercent",
        "Task.containerDefinitions.healthCheck",
        "Task.containerDefinitions.stopTimeout",
        "Task.containerDefinitions.privileged",
        "Task.containerDefinitions.environment",
        "Task.networkMode",
        "Task.taskRoleArn",
        "Service.loadBalancers",
        "Image.metadata.name",
    };
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        buf_printf(&text, "== %s\n", paths[i]);
        assert_int_equal(manual_explain(paths[i], &text, &err), 0);
    }
    golden_check("tests/golden/spec/explain.txt", buf_text(&text));
}

static void check_unknown(const char *path, const char *message)
{
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    buf_init(&text, 1 << 20);
    assert_int_equal(manual_explain(path, &text, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, message);
}

static void what_is_unknown_gets_a_suggestion(void **state)
{
    (void)state;
    check_unknown("Servce", "there is no kind 'Servce': did you mean 'Service'?");
    check_unknown("x", "there is no kind 'x': Image, Task, Cluster or Service");
    check_unknown("Service.desiredCont",
                  "there is no field 'desiredCont': did you mean 'desiredCount'?");
    check_unknown("Service.desiredCount.x", "'desiredCount' has no fields");
    check_unknown("Service.spec.qqqqqqqqqq", "there is no field 'qqqqqqqqqq'");
}

static void the_same_as_json(void **state)
{
    (void)state;
    AUTO(json) *kinds = manual_kinds_json();
    AUTO(json) *kind = NULL;
    AUTO(json) *field = NULL;
    AUTO(json) *none = NULL;
    const struct json *memory = NULL;
    struct err err = { 0 };

    assert_string_equal(json_text(kinds, "apiVersion"), "berth/v1");
    assert_int_equal(json_count(json_get(kinds, "kinds")), KIND_COUNT);
    assert_int_equal(manual_explain_json("task", &kind, &err), 0);
    assert_string_equal(json_text(kind, "kind"), "Task");
    for (size_t i = 0; i < json_count(json_get(kind, "fields")); i++) {
        const struct json *at = json_at(json_get(kind, "fields"), i);
        if (text_equal(json_text(at, "field"), "memory"))
            memory = at;
    }
    assert_non_null(memory);
    assert_string_equal(json_text(memory, "change"), "replaces tasks");
    assert_non_null(json_text(memory, "value"));
    assert_non_null(json_text(memory, "help"));
    assert_int_equal(manual_explain_json("service.DESIREDCOUNT", &field, &err), 0);
    assert_string_equal(json_text(field, "field"), "desiredCount");
    assert_string_equal(json_text(field, "default"), "1");
    assert_int_equal(json_count(json_get(field, "fields")), 0);
    assert_int_equal(manual_explain_json("Service.desiredCuont", &none, &err), -1);
    assert_non_null(strstr(err.text, "did you mean 'desiredCount'?"));
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_is_as_reviewed),
        cmocka_unit_test(the_schema_holds_together),
        cmocka_unit_test(the_reference_is_as_reviewed),
        cmocka_unit_test(fields_are_explained),
        cmocka_unit_test(the_same_as_json),
        cmocka_unit_test(what_is_unknown_gets_a_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
