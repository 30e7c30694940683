/*
 * Errors never outgrow their struct, and diagnostics come out in the order of the manifest.
 */
#include <errno.h>
#include <string.h>

#include "spec/base/err.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void set_and_wrap_build_a_chain(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct pos pos = { "web.yaml", 7, 15 };

    assert_int_equal(err_set_at(&err, ERR_INVALID, pos, "'%d' is too many", 99), -1);
    assert_int_equal(err_wrap(&err, "service '%s'", "web"), -1);
    assert_string_equal(err.text, "service 'web': '99' is too many");
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.pos.file, "web.yaml");
    assert_int_equal(err.pos.line, 7);
    assert_int_equal(err.pos.column, 15);

    assert_int_equal(err_set(&err, ERR_TIMEOUT, "late"), -1);
    assert_string_equal(err.text, "late");
    assert_int_equal(err.pos.line, 0);
}

static void no_struct_is_fine(void **state)
{
    (void)state;
    struct pos pos = { 0 };

    assert_int_equal(err_set(NULL, ERR_FAILED, "x"), -1);
    assert_int_equal(err_set_at(NULL, ERR_FAILED, pos, "x"), -1);
    assert_int_equal(err_set_errno(NULL, ERR_FAILED, ENOENT, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void errno_is_spelled_out(void **state)
{
    (void)state;
    struct err err = { 0 };

    assert_int_equal(err_set_errno(&err, ERR_NOT_FOUND, ENOENT, "open '%s'", "a"), -1);
    assert_string_equal(err.text, "open 'a': No such file or directory");
    (void)err_set_errno(&err, ERR_FAILED, 99999, "x");
    assert_string_equal(err.text, "x: error 99999");
}

static void long_text_is_cut_with_dots(void **state)
{
    (void)state;
    struct err err = { 0 };
    char text[2000];

    memset(text, 'a', sizeof(text));
    for (size_t size = 505; size < 520; size++) {
        text[size] = '\0';
        (void)err_set(&err, ERR_FAILED, "%s", text);
        assert_int_equal(strlen(err.text), size < sizeof(err.text) ? size : sizeof(err.text) - 1);
        assert_true(text_ends(err.text, size < sizeof(err.text) ? "aaa" : "a..."));
        (void)err_wrap(&err, "ctx");
        assert_true(text_starts(err.text, "ctx: aaa"));
        assert_true(strlen(err.text) < sizeof(err.text));
        assert_true(text_ends(err.text, size + 5 < sizeof(err.text) ? "aaa" : "a..."));
        (void)err_wrap(&err, "%s", text);
        (void)err_wrap(&err, "%s", text);
        text[size] = 'a';
    }
}

static void cut_text_stays_utf8(void **state)
{
    (void)state;
    char text[1200];
    struct err err = { 0 };

    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t at = shift; at + 4 < sizeof(text); at += 4)
            memcpy(text + at, "\xF0\x9F\x9A\xA2", 5);
        (void)err_set(&err, ERR_FAILED, "%s", text);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
        assert_true(text_ends(err.text, "..."));
    }
}

static void text_may_quote_itself(void **state)
{
    (void)state;
    struct err err = { 0 };

    (void)err_set(&err, ERR_FAILED, "inner");
    (void)err_set(&err, ERR_DENIED, "outer of %s", err.text);
    assert_string_equal(err.text, "outer of inner");
}

static void codes_have_text_and_class(void **state)
{
    (void)state;
    assert_string_equal(err_code_text(ERR_OK), "ok");
    assert_string_equal(err_code_text(ERR_NOT_FOUND), "not-found");
    assert_int_equal(err_class(ERR_OK), ERR_CLASS_NONE);
    assert_int_equal(err_class(ERR_DENIED), ERR_CLASS_USER);
    assert_int_equal(err_class(ERR_TIMEOUT), ERR_CLASS_RETRY);
    assert_int_equal(err_class(ERR_INTERNAL), ERR_CLASS_BUG);
}

static void places_are_as_exact_as_known(void **state)
{
    AUTO(arena) arena = { 0 };

    (void)state;
    assert_string_equal(pos_prefix(&arena, (struct pos){ "a.yaml", 2, 9 }), "a.yaml:2:9: ");
    assert_string_equal(pos_prefix(&arena, (struct pos){ "a.yaml", 0, 0 }), "a.yaml: ");
    assert_string_equal(pos_prefix(&arena, (struct pos){ NULL, 0, 0 }), "");
}

static void diagnostics_sort_by_place(void **state)
{
    (void)state;
    AUTO(diag_list) list = { 0 };

    diag_add(&list, DIAG_ERROR, (struct pos){ "b.yaml", 1, 1 }, "fourth");
    diag_add(&list, DIAG_WARNING, (struct pos){ "a.yaml", 2, 9 }, "third");
    diag_add(&list, DIAG_ERROR, (struct pos){ "a.yaml", 2, 3 }, "second %d", 2);
    diag_add(&list, DIAG_ERROR, (struct pos){ NULL, 0, 0 }, "first");
    diag_sort(&list);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.errors, 3);
    assert_int_equal(list.warnings, 1);
    assert_null(list.items[0].file);
    assert_string_equal(list.items[1].text, "second 2");
    assert_string_equal(list.items[2].text, "third");
    assert_int_equal(list.items[2].level, DIAG_WARNING);
    assert_string_equal(list.items[3].file, "b.yaml");
}

static void diagnostics_are_bounded(void **state)
{
    (void)state;
    struct diag_list list = { 0 };
    struct pos pos = { "a.yaml", 1, 1 };

    for (int i = 0; i < 3 * LIMIT_DIAGNOSTICS; i++)
        diag_add(&list, DIAG_ERROR, pos, "%d", i);
    assert_int_equal(list.count, LIMIT_DIAGNOSTICS);
    assert_int_equal(list.errors, 3 * LIMIT_DIAGNOSTICS);
    diag_release(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.items);
    diag_release(&list);
    diag_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_wrap_build_a_chain),
        cmocka_unit_test(no_struct_is_fine),
        cmocka_unit_test(errno_is_spelled_out),
        cmocka_unit_test(long_text_is_cut_with_dots),
        cmocka_unit_test(cut_text_stays_utf8),
        cmocka_unit_test(text_may_quote_itself),
        cmocka_unit_test(codes_have_text_and_class),
        cmocka_unit_test(diagnostics_sort_by_place),
        cmocka_unit_test(places_are_as_exact_as_known),
        cmocka_unit_test(diagnostics_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
