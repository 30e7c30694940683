/*
 * Texts that many share.
 */
#include <string.h>

#include "spec/base/intern.h"
#include "tests/unit/unit.h"

static void equal_texts_are_one(void **state)
{
    struct interned interned = { 0 };
    char copy[] = "sha256:1";
    const char *first = intern(&interned, "sha256:1");
    const char *second = intern(&interned, copy);
    const char *other = intern(&interned, "sha256:12");

    (void)state;
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, copy);
    assert_string_equal(first, "sha256:1");
    assert_string_equal(other, "sha256:12");
    assert_null(intern(&interned, NULL));
    intern_drop(&interned, NULL);
    intern_drop(&interned, second);
    assert_string_equal(first, "sha256:1"); /* the other one who asked for it has it still */
    intern_drop(&interned, first);
    assert_non_null(interned.texts);
    intern_drop(&interned, other);
    assert_null(interned.texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
