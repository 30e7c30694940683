/*
 * What builds printed, and how much of it is kept.
 */
#include <stdio.h>
#include <string.h>

#include "reconciler/run/outputs.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static void begin(struct outputs *outputs, const char *key, int64_t at_ms)
{
    const struct effort_report effort = { .instance = "local",
                                          .key = key,
                                          .state = EFFORT_RUNNING,
                                          .at_ms = at_ms,
                                          .image_name = "web" };

    outputs_begin(outputs, &effort);
}

static void a_build_keeps_its_lines_in_order(void **state)
{
    struct outputs outputs = { 0 };

    (void)state;
    begin(&outputs, "build berth/web:1", 5);
    outputs_add(&outputs, "berth/web:1", "one");
    begin(&outputs, "build berth/web:1", 5); /* it goes on */
    outputs_add(&outputs, "berth/web:1", "two");
    assert_string_equal(outputs.builds->lines->text, "one");
    assert_string_equal(outputs.builds->lines->next->text, "two");
    assert_int_equal(outputs.last_id, 2);
    assert_false(outputs.builds->is_cut);
    begin(&outputs, "build berth/web:1", 6); /* tried again */
    assert_string_equal(outputs.builds->last->text, "two");
    outputs_add(&outputs, "berth/web:1", "three");
    assert_int_equal(outputs.builds->lines->id, 1);
    assert_int_equal(outputs.builds->last->id, 3);
    assert_int_equal(outputs.builds->began_ms, 6);
    assert_int_equal(outputs.count, 1);
    outputs_release(&outputs);
}

static void only_builds_are_kept(void **state)
{
    struct outputs outputs = { 0 };

    (void)state;
    begin(&outputs, "pull redis:7", 5);
    outputs_add(&outputs, "redis:7", "text");
    outputs_add(&outputs, "berth/sandbox:1", "Loaded image");
    assert_null(outputs.builds);
    assert_int_equal(outputs.last_id, 0);
}

static void the_last_of_a_long_output_is_kept(void **state)
{
    struct outputs outputs = { 0 };
    char line[1001];
    struct output *output;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    begin(&outputs, "build a:1", 1);
    for (int i = 0; i < 1000; i++)
        outputs_add(&outputs, "a:1", line);
    outputs_add(&outputs, "a:1", "the end");
    output = outputs.builds;
    assert_true(output->is_cut);
    assert_true(output->size <= LIMIT_BUILD_OUTPUT);
    assert_true(output->size > LIMIT_BUILD_OUTPUT - 2 * (int)sizeof(line));
    assert_string_equal(output->last->text, "the end");
    assert_int_equal(output->last->id, 1001);
    outputs_release(&outputs);
}

static void the_oldest_build_makes_room(void **state)
{
    struct outputs outputs = { 0 };
    char key[32];

    (void)state;
    for (int i = 0; i <= OUTPUTS_BUILDS_MAX; i++) {
        (void)snprintf(key, sizeof(key), "build a:%d", i);
        begin(&outputs, key, i);
    }
    assert_int_equal(outputs.count, OUTPUTS_BUILDS_MAX);
    assert_string_equal(outputs.builds->object, "a:1");
    begin(&outputs, "build a:1", 100); /* it is the newest now */
    assert_int_equal(outputs.count, OUTPUTS_BUILDS_MAX);
    assert_string_equal(outputs.builds->object, "a:2");
    outputs_release(&outputs);
}

static void a_build_is_found_by_image_and_reference(void **state)
{
    char object[] = "berth/web:1";
    char name[] = "web";
    struct output output = { .object = object, .image_name = name };

    (void)state;
    assert_true(output_is_of(&output, "web"));
    assert_true(output_is_of(&output, "berth/web"));
    assert_true(output_is_of(&output, "berth/web:1"));
    assert_false(output_is_of(&output, "berth/we"));
    assert_false(output_is_of(&output, "berth/web:11"));
    output.image_name = NULL;
    assert_false(output_is_of(&output, "web"));
}

static void lines_about_layers_are_told_apart(void **state)
{
    (void)state;
    assert_true(output_is_about_layers(" ---> 22aae0ab65c1"));
    assert_true(output_is_about_layers("#4 sha256:22aa 1B / 2B"));
    assert_false(output_is_about_layers("#4 0.123 made it"));
    assert_false(output_is_about_layers("Step 1/2 : FROM scratch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_build_keeps_its_lines_in_order),
        cmocka_unit_test(only_builds_are_kept),
        cmocka_unit_test(the_last_of_a_long_output_is_kept),
        cmocka_unit_test(the_oldest_build_makes_room),
        cmocka_unit_test(a_build_is_found_by_image_and_reference),
        cmocka_unit_test(lines_about_layers_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
