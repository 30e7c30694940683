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

static void bindings(void **state)
{
    static const char *const wrong[] = { "",        "80/tcp",   ":80/tcp",
                                         "49153:",  "x:80/tcp", "49153:/tcp",
                                         "0:1/tcp", "1:0/tcp",  "65536:1/tcp" };
    const char *text = "49153:80/tcp 53:5353/udp";
    struct port_binding binding;

    (void)state;
    assert_true(port_binding_next(&text, &binding));
    assert_int_equal(binding.host, 49153);
    assert_int_equal(binding.container, 80);
    assert_false(binding.is_udp);
    assert_true(port_binding_next(&text, &binding));
    assert_int_equal(binding.host, 53);
    assert_int_equal(binding.container, 5353);
    assert_true(binding.is_udp);
    assert_false(port_binding_next(&text, &binding));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        text = wrong[i];
        assert_false(port_binding_next(&text, &binding));
    }
    text = NULL;
    assert_false(port_binding_next(&text, &binding));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(keys),
        cmocka_unit_test(bindings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
