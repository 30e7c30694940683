/*
 * What is told of things that are under way, and when.
 */
#include <stdio.h>
#include <string.h>

#include "reconciler/run/told.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

struct heard {
    char text[512]; /* "KEY: TEXT\n"... */
};

static void hear(void *context, const struct told *told)
{
    struct heard *heard = context;
    size_t size = strlen(heard->text);

    (void)snprintf(heard->text + size, sizeof(heard->text) - size, "%s: %s\n", told->key,
                   told->said);
}

/* One look; a NULL text: that thing is not under way. */
static bool look(struct told_list *list, struct heard *heard, int64_t now_ms, const char *web,
                 const char *pull)
{
    heard->text[0] = '\0';
    told_begin(list);
    if (web != NULL)
        (void)told_note(list, "local/web", web, SIZE_MAX, now_ms);
    if (pull != NULL) {
        struct told *told = told_note(list, "local pull redis:7", pull, SIZE_MAX, now_ms);
        if (told->object == NULL)
            told->object = mem_text("pull redis:7");
    }
    return told_end(list, now_ms, hear, heard);
}

static void what_is_over_within_a_second_is_not_told(void **state)
{
    struct told_list list = { 0 };
    struct heard heard;

    (void)state;
    assert_true(look(&list, &heard, 5000, "0 of 3", NULL));
    assert_string_equal(heard.text, "");
    assert_true(look(&list, &heard, 5999, "2 of 3", NULL));
    assert_string_equal(heard.text, "");
    assert_false(look(&list, &heard, 6500, NULL, NULL));
    assert_string_equal(heard.text, "");
    assert_true(look(&list, &heard, 7000, "2 of 3", NULL)); /* its second begins anew */
    assert_string_equal(heard.text, "");
    assert_false(look(&list, &heard, 8000, "2 of 3", NULL));
    assert_string_equal(heard.text, "local/web: 2 of 3\n");
    told_release(&list);
}

static void nothing_is_told_twice(void **state)
{
    struct told_list list = { 0 };
    struct heard heard;

    (void)state;
    (void)look(&list, &heard, 0, "0 of 3", NULL);
    (void)look(&list, &heard, 1000, "0 of 3", NULL);
    assert_string_equal(heard.text, "local/web: 0 of 3\n");
    assert_false(look(&list, &heard, 9000, "0 of 3", NULL));
    assert_string_equal(heard.text, "");
    assert_false(look(&list, &heard, 10000, NULL, NULL));
    (void)look(&list, &heard, 20000, "0 of 3", NULL); /* gone for a while, the same again */
    assert_false(look(&list, &heard, 30000, "0 of 3", NULL));
    assert_string_equal(heard.text, "");
    told_forget(&list);
    (void)look(&list, &heard, 40000, "0 of 3", NULL);
    (void)look(&list, &heard, 41000, "0 of 3", NULL);
    assert_string_equal(heard.text, "local/web: 0 of 3\n");
    told_release(&list);
}

static void a_service_is_told_of_once_a_second_an_image_every_five(void **state)
{
    struct told_list list = { 0 };
    struct heard heard;

    (void)state;
    assert_true(look(&list, &heard, 0, "0 of 3", "1 MiB"));
    assert_false(look(&list, &heard, 1000, "0 of 3", "2 MiB"));
    assert_string_equal(heard.text, "local/web: 0 of 3\nlocal pull redis:7: 2 MiB\n");
    assert_true(look(&list, &heard, 1999, "1 of 3", "3 MiB"));
    assert_string_equal(heard.text, "");
    assert_true(look(&list, &heard, 2000, "2 of 3", "3 MiB"));
    assert_string_equal(heard.text, "local/web: 2 of 3\n");
    assert_true(look(&list, &heard, 5999, "2 of 3", "4 MiB"));
    assert_string_equal(heard.text, "");
    assert_false(look(&list, &heard, 6000, "2 of 3", "5 MiB"));
    assert_string_equal(heard.text, "local pull redis:7: 5 MiB\n");
    told_release(&list);
}

static void ids_grow_and_only_what_is_so_still_is_current(void **state)
{
    struct told_list list = { 0 };
    struct heard heard;

    (void)state;
    (void)look(&list, &heard, 0, "0 of 3", "1 MiB");
    (void)look(&list, &heard, 1000, "0 of 3", "1 MiB");
    assert_int_equal(list.items->id, 1);
    assert_true(told_is_current(list.items));
    (void)look(&list, &heard, 1500, "1 of 3", "1 MiB");
    assert_false(told_is_current(list.items));
    (void)look(&list, &heard, 2000, "1 of 3", NULL);
    assert_true(told_is_current(list.items));
    assert_int_equal(list.items->id, 3);
    assert_false(told_is_current(list.items->by_key.next));
    told_forget(&list);
    (void)look(&list, &heard, 3000, "0 of 3", NULL);
    (void)look(&list, &heard, 4000, "0 of 3", NULL);
    assert_int_equal(list.items->id, 4);
    told_release(&list);
}

static const char *line_of(struct told_list *list, const char *text, size_t size)
{
    return told_note(list, "local/web", text, size, 0)->text;
}

static void only_the_steady_part_of_the_first_line_counts(void **state)
{
    struct told_list list = { 0 };

    (void)state;
    assert_string_equal(line_of(&list, "pulling image a: 1 of 7", strlen("pulling image a")),
                        "pulling image a");
    assert_string_equal(line_of(&list, "it failed: 7; last output:\na\nb", SIZE_MAX),
                        "it failed: 7; last output: ...");
    assert_string_equal(line_of(&list, "short\nmore", 3), "sho");
    assert_string_equal(line_of(&list, "", SIZE_MAX), "");
    told_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_within_a_second_is_not_told),
        cmocka_unit_test(nothing_is_told_twice),
        cmocka_unit_test(a_service_is_told_of_once_a_second_an_image_every_five),
        cmocka_unit_test(ids_grow_and_only_what_is_so_still_is_current),
        cmocka_unit_test(only_the_steady_part_of_the_first_line_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
