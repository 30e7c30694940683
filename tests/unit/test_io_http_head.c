/*
 * Heads of HTTP answers, whole, in part, and what is none.
 */
#include <string.h>

#include "drivers/io/http_head.h"
#include "tests/unit/unit.h"

static void whole_ones(void **state)
{
    static const struct {
        const char *text;
        int status;
        size_t body_size;
        const char *behind;
    } cases[] = {
        { "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nrest", 101, SIZE_MAX, "rest" },
        { "HTTP/1.0 200\r\n\r\n", 200, SIZE_MAX, "" },
        { "HTTP/1.1 404 Not Found\r\ncontent-length:  17\r\nX: y\r\n\r\n", 404, 17, "" },
        { "HTTP/1.1 500 x\r\nContent-Length:0\r\n\r\n", 500, 0, "" },
        /* Neither a length that is none, nor one behind the head. */
        { "HTTP/1.1 500 x\r\nContent-Length: -1\r\n\r\n", 500, SIZE_MAX, "" },
        { "HTTP/1.1 500 x\r\nContent-Length: 4294967296\r\n\r\n", 500, SIZE_MAX, "" },
        { "HTTP/1.1 500 x\r\nContent-Length: 99999999999\r\n\r\n", 500, SIZE_MAX, "" },
        { "HTTP/1.1 500 x\r\n\r\n\r\nContent-Length: 5", 500, SIZE_MAX, "\r\nContent-Length: 5" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t size = strlen(cases[i].text);
        struct http_head head = { 0 };

        assert_int_equal(http_head_parse(cases[i].text, size, &head), HTTP_HEAD_WHOLE);
        assert_int_equal(head.status, cases[i].status);
        assert_int_equal(head.body_size, cases[i].body_size);
        assert_string_equal(cases[i].text + head.size, cases[i].behind);
        for (size_t part = 0; part < head.size; part++)
            assert_int_equal(http_head_parse(cases[i].text, part, &head), HTTP_HEAD_PART);
    }
}

static void none(void **state)
{
    static const char *const cases[] = {
        "SSH-2.0-x\r\n\r\n",      "H2",
        "HTTP/1.1\r\n\r\n",       "HTTP/1.1 \r\n\r\n",
        "HTTP/1.1 9\r\n\r\n",     "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1\r\nA: 200 OK\r\n\r\n",
    };
    struct http_head head = { .status = 7 };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(http_head_parse(cases[i], strlen(cases[i]), &head), HTTP_HEAD_NONE);
    assert_int_equal(head.status, 7);
}

static void a_zero_byte_hides_nothing(void **state)
{
    static const char text[] = "HTTP/1.1 200 O\0K\r\n\r\n";
    struct http_head head = { 0 };

    (void)state;
    assert_int_equal(http_head_parse(text, sizeof(text) - 1, &head), HTTP_HEAD_WHOLE);
    assert_int_equal(head.size, sizeof(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_ones),
        cmocka_unit_test(none),
        cmocka_unit_test(a_zero_byte_hides_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
