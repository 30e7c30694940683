/*
 * Growing text stops at its maximum and stays text.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "tests/unit/unit.h"

static void empty_is_text(void **state)
{
    (void)state;
    AUTO(buf) buf = { 0 };

    assert_string_equal(buf_text(&buf), "");
    buf_drop_front(&buf, 10);
    buf_reset(&buf);
    AUTO_TEXT char *text = buf_take(&buf);
    assert_string_equal(text, "");
    buf_release(NULL);
}

static void adds_in_all_ways(void **state)
{
    (void)state;
    AUTO(buf) buf;

    buf_init(&buf, 1000);
    buf_add(&buf, "abc", 2);
    buf_text_add(&buf, "cd");
    buf_char(&buf, 'e');
    buf_printf(&buf, "%d", 6);
    assert_string_equal(buf_text(&buf), "abcde6");
    assert_int_equal(buf.size, 6);
    buf_drop_front(&buf, 4);
    assert_string_equal(buf_text(&buf), "e6");
    buf_drop_front(&buf, 100);
    assert_string_equal(buf_text(&buf), "");
    buf_printf(&buf, "%*d", 900, 1);
    assert_int_equal(buf.size, 900);
    assert_false(buf.truncated);
}

static void stops_at_the_maximum(void **state)
{
    (void)state;

    for (size_t max = 0; max < 200; max++) {
        AUTO(buf) buf;
        AUTO(buf) printed;
        buf_init(&buf, max);
        buf_init(&printed, max);
        for (size_t i = 0; i < 30; i++) {
            buf_text_add(&buf, "12345");
            buf_printf(&printed, "%s", "12345");
        }
        assert_int_equal(buf.size, max < 150 ? max : 150);
        assert_int_equal(strlen(buf_text(&buf)), buf.size);
        assert_int_equal(buf.truncated, max < 150);
        assert_true(buf.capacity <= max + 1);
        assert_string_equal(buf_text(&printed), buf_text(&buf));
        assert_int_equal(printed.truncated, buf.truncated);
    }
}

static void one_long_print_is_cut(void **state)
{
    (void)state;
    AUTO(buf) buf;

    buf_init(&buf, 100);
    buf_printf(&buf, "%*d", 5000, 1);
    assert_int_equal(buf.size, 100);
    assert_true(buf.truncated);
    buf_reset(&buf);
    assert_false(buf.truncated);
    buf_text_add(&buf, "again");
    assert_string_equal(buf_text(&buf), "again");
}

static void take_empties_but_keeps_the_maximum(void **state)
{
    (void)state;
    AUTO(buf) buf;

    buf_init(&buf, 8);
    buf_text_add(&buf, "text");
    AUTO_TEXT char *text = buf_take(&buf);
    assert_string_equal(text, "text");
    assert_string_equal(buf_text(&buf), "");
    buf_text_add(&buf, "123456789");
    assert_string_equal(buf_text(&buf), "12345678");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_text),
        cmocka_unit_test(adds_in_all_ways),
        cmocka_unit_test(stops_at_the_maximum),
        cmocka_unit_test(one_long_print_is_cut),
        cmocka_unit_test(take_empties_but_keeps_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
