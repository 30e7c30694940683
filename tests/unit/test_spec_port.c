/*
 * Ports as texts, also those that a label of somebody else says.
 */
#include "spec/port.h"
#include "tests/unit/unit.h"

static void ranges(void **state)
{
    static const char *const wrong[] = { "",         "-",       "80",     "80-",
                                         "-80",      "81-80",   "0-80",   "80-65536",
                                         "80-81-82", "80 - 81", "+80-81", "000080-81" };
    uint32_t first;
    uint32_t last;

    (void)state;
    assert_true(port_range_parse("80-65535", &first, &last));
    assert_int_equal(first, 80);
    assert_int_equal(last, 65535);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(port_range_parse(wrong[i], &first, &last));
}

static void keys(void **state)
{
    static const char *const wrong[] = { "",     "/tcp", "x/tcp", "70000/tcp", "80000000000/tcp",
                                         "0/udp" };
    const char *text = "80/tcp 53/udp 53/tcp";
    const uint32_t expected[] = { PORT_KEY(80, false), PORT_KEY(53, true), PORT_KEY(53, false) };
    uint32_t key;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_true(port_key_next(&text, &key));
        assert_int_equal(key, expected[i]);
    }
    assert_false(port_key_next(&text, &key));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        text = wrong[i];
        assert_false(port_key_next(&text, &key));
    }
    text = NULL;
    assert_false(port_key_next(&text, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
