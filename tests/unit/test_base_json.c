/*
 * Reading forgives, printing is exact.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/json.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static struct json *parsed(const char *text)
{
    struct json *value = json_parse(text, strlen(text), NULL);

    assert_non_null(value);
    return value;
}

static void printed_is(const struct json *value, enum json_style style, const char *expected)
{
    AUTO_TEXT char *text = json_print_text(value, style);

    assert_string_equal(text, expected);
}

static void same_after_reading(const char *text)
{
    AUTO(json) *value = parsed(text);

    printed_is(value, JSON_STYLE_COMPACT, text);
}

static void prints_what_it_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "0.1",
        "-0.25",
        "5.0",
        "1e+300",
        "1e-07",
        "0.30000000000000004",

        "\"\"",
        "[]",
        "{}",
        "[1,[2,{}],\"a\"]",
        "{\"b\":1,\"a\":{\"c\":null}}",
        "\"\\\"\\\\\\n\\t\\r\\b\\f\\u0001\\u001f\\u007f\\u009b/\xC3\xA9\xC2\xA0\xF0\x9F\x9A\xA2\"",
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        same_after_reading(texts[i]);
}

static void three_styles(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("{\"b\":[1,{\"z\":1,\"y\":2}],\"a\":{},\"ab\":[]}");

    printed_is(value, JSON_STYLE_COMPACT, "{\"b\":[1,{\"z\":1,\"y\":2}],\"a\":{},\"ab\":[]}");
    printed_is(value, JSON_STYLE_CANONICAL, "{\"a\":{},\"ab\":[],\"b\":[1,{\"y\":2,\"z\":1}]}");
    printed_is(value, JSON_STYLE_PRETTY,
               "{\n  \"b\": [\n    1,\n    {\n      \"z\": 1,\n      \"y\": 2\n    }\n  ],\n"
               "  \"a\": {},\n  \"ab\": []\n}");
    printed_is(NULL, JSON_STYLE_COMPACT, "null");
}

/* The canonical form is what digests were made of before. */
static void the_canonical_form_stays(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("\"\\u007f\\u009b\"");

    printed_is(value, JSON_STYLE_COMPACT, "\"\\u007f\\u009b\"");
    printed_is(value, JSON_STYLE_CANONICAL, "\"\x7F\xC2\x9B\"");
}

static void refuses_what_is_not_one_value(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",
                                         "{",
                                         "[1,]",
                                         "{} x",
                                         "1 2",
                                         "'a'",
                                         "nul",
                                         "\"\\u0000\"",
                                         "{\"\\u0000\":1}",
                                         "\"\xFF\"",
                                         "1e999",
                                         "\"a\nb\"",
                                         "[1e999,18446744073709551615]" };

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct err err = { 0 };
        assert_null(json_parse(wrong[i], strlen(wrong[i]), &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(text_starts(err.text, "line "));
    }
    assert_null(json_parse("[1\0]", 4, NULL));
    assert_null(json_parse("1\0", 2, NULL));

    AUTO_TEXT char *deep = mem_alloc(100001);
    memset(deep, '[', 100000);
    assert_null(json_parse(deep, 100000, NULL));
}

static void huge_integers_become_reals(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("{\"limit\":18446744073709551615,\"used\":4096}");

    assert_int_equal(json_int(value, "limit", -1), -1);
    assert_int_equal(json_int(value, "used", -1), 4096);
}

static void readers_forgive(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("{\"State\":{\"Health\":{\"Status\":\"healthy\"},\"Code\":-3.9,"
                               "\"On\":true,\"Off\":false,\"None\":null,\"Big\":1e300},"
                               "\"List\":[1,\"two\"]}");

    assert_string_equal(json_text(value, "State.Health.Status"), "healthy");
    assert_null(json_text(value, "State.Nothing.Status"));
    assert_null(json_text(value, "State.Code.Status"));
    assert_null(json_text(value, "State.None") ? "text" : NULL);
    assert_null(json_text(NULL, "State"));
    assert_int_equal(json_int(value, "State.Code", 1), -3);
    assert_int_equal(json_int(value, "State.Big", 1), 1);
    assert_int_equal(json_int(value, "State.On", 1), 1);
    assert_true(json_bool(value, "State.On", false));
    assert_false(json_bool(value, "State.Off", true));
    assert_true(json_bool(value, "State.None", true));
    assert_string_equal(json_as_text(json_at(json_get(value, "List"), 1), "x"), "two");
    assert_null(json_at(json_get(value, "List"), 2));
    assert_null(json_at(value, 0));
    assert_int_equal(json_count(value), 2);
    assert_int_equal(json_count(json_get(value, "List")), 2);
    assert_int_equal(json_count(NULL), 0);
    assert_true(json_is_null(NULL) && json_is_null(json_path(value, "State.None")));
    assert_true(json_is_object(value) && json_is_array(json_get(value, "List")));
    assert_false(json_is_object(NULL) || json_is_array(value));

    char path[1000];
    memset(path, 'k', sizeof(path));
    path[500] = '.';
    path[sizeof(path) - 1] = '\0';
    assert_null(json_path(value, path));
}

static void members_come_in_order(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("{\"z\":0,\"a\":1,\"m\":2}");
    const char *key = NULL;
    const struct json *member = NULL;
    char keys[4] = "";
    int64_t count = 0;

    for (void *at = NULL; (at = json_next(value, at, &key, &member)) != NULL; count++) {
        keys[count] = key[0];
        assert_int_equal(json_as_int(member, -1), count);
    }
    assert_string_equal(keys, "zam");
    assert_null(json_next(NULL, NULL, &key, &member));
}

static void builders(void **state)
{
    (void)state;
    AUTO(json) *object = json_object();
    struct json *list = json_array();

    json_append_text(list, "a");
    json_append_text(list, NULL);
    json_append(list, json_new_int(INT64_MIN));
    json_append(list, json_new_text(NULL));
    json_append(list, NULL);
    json_set(object, "list", list);
    json_set(object, "nothing", NULL);
    json_set_text(object, "text", "x");
    json_set_text(object, "absent", NULL);
    json_set_int(object, "int", 5);
    json_set_real(object, "real", 0.1);
    json_set_real(object, "nan", (double)NAN);
    json_set_bool(object, "on", true);

    AUTO(json) *copy = json_copy(object);
    json_append_text(list, "later");
    printed_is(copy, JSON_STYLE_COMPACT,
               "{\"list\":[\"a\",-9223372036854775808,null],\"text\":\"x\",\"int\":5,"
               "\"real\":0.1,\"nan\":null,\"on\":true}");
    assert_null(json_copy(NULL));
}

static void broken_utf8_is_repaired(void **state)
{
    (void)state;
    AUTO(json) *object = json_object();

    json_set_text(object, "k\xFF", "\xC3\xA9\xC3(\xE2\x82");
    printed_is(object, JSON_STYLE_COMPACT,
               "{\"k\xEF\xBF\xBD\":\"\xC3\xA9\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\"}");
}

static void deep_values_print(void **state)
{
    (void)state;
    char text[4001];

    memset(text, '[', 2000);
    memset(text + 2000, ']', 2000);
    text[4000] = '\0';
    same_after_reading(text);
}

static void printing_stops_at_the_maximum(void **state)
{
    (void)state;
    AUTO(json) *value = parsed("[1,2,3,4,5,6,7,8,9]");
    AUTO(buf) out;

    buf_init(&out, 5);
    json_print(value, JSON_STYLE_COMPACT, &out);
    assert_string_equal(buf_text(&out), "[1,2,");
    assert_true(out.truncated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_it_read),
        cmocka_unit_test(three_styles),
        cmocka_unit_test(the_canonical_form_stays),
        cmocka_unit_test(refuses_what_is_not_one_value),
        cmocka_unit_test(huge_integers_become_reals),
        cmocka_unit_test(readers_forgive),
        cmocka_unit_test(members_come_in_order),
        cmocka_unit_test(builders),
        cmocka_unit_test(broken_utf8_is_repaired),
        cmocka_unit_test(deep_values_print),
        cmocka_unit_test(printing_stops_at_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
