/*
 * What a command of a host wrote is kept so that it can be shown.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/ec2/host_lines.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void the_newest_lines_are_kept(void **unused)
{
    (void)unused;
    AUTO(buf) lines = { 0 };
    char line[32];

    host_lines_init(&lines);
    host_lines_add(&lines, "first");
    assert_string_equal(buf_text(&lines), "first");
    host_lines_add(&lines, "second");
    assert_string_equal(buf_text(&lines), "first / second");
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(line, sizeof(line), "line %d", i);
        host_lines_add(&lines, line);
        assert_true(lines.size <= HOST_LINES_MAX);
        assert_false(lines.truncated);
    }
    assert_true(text_ends(buf_text(&lines), "line 998 / line 999"));
    assert_true(lines.size > HOST_LINES_MAX / 2);
}

/* Whatever is cut off, at its end or in front of all. */
static void characters_stay_whole(void **unused)
{
    (void)unused;

    for (int before = 0; before < 8; before++) {
        AUTO(buf) lines = { 0 };
        AUTO(buf) text = { 0 };

        host_lines_init(&lines);
        buf_init(&text, 512);
        for (int i = 0; i < 100 + before; i++)
            buf_text_add(&text, i < before ? "x" : i % 2 == 0 ? "\xC3\xBC" : "\xE2\x82\xAC");
        for (int i = 0; i < 10; i++) {
            host_lines_add(&lines, buf_text(&text) + i % 2 * before);
            assert_true(text_is_utf8(buf_text(&lines), lines.size));
            assert_true(lines.size <= HOST_LINES_MAX);
        }
    }
}

static void what_is_shown_is_harmless(void **unused)
{
    (void)unused;
    AUTO(buf) lines = { 0 };
    char line[256];

    host_lines_init(&lines);
    host_lines_add(&lines, "\x1b[2J\rgone\x07 \xC2\x9B");
    assert_string_equal(buf_text(&lines), "?[2J?gone? ??");
    host_lines_add(&lines, "Err:1 https://me:s3cret@example.com/debian stable");
    assert_non_null(strstr(buf_text(&lines), "https://***@example.com/debian"));
    /* Also where the line is cut within it. */
    memset(line, 'x', sizeof(line));
    (void)snprintf(line + 80, sizeof(line) - 80, " https://me:s3cret%060d@example.com", 1);
    host_lines_add(&lines, line);
    assert_null(strstr(buf_text(&lines), "s3cret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_lines_are_kept),
        cmocka_unit_test(characters_stay_whole),
        cmocka_unit_test(what_is_shown_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
