/*
 * What a container wrote last, however it comes in parts.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/last_lines.h"
#include "spec/world.h"
#include "tests/unit/unit.h"

static void add(struct last_lines *lines, bool is_error, const char *text)
{
    last_lines_add(lines, is_error, text, strlen(text));
}

static void lines_are_whole_and_in_order(void **unused)
{
    (void)unused;
    AUTO(last_lines) lines = { 0 };

    last_lines_init(&lines);
    add(&lines, false, "T1 starting\r\nT2 rea");
    add(&lines, true, "T3 no such");
    add(&lines, true, " host\n");
    add(&lines, false, "dy\nT4 \n");
    add(&lines, true, "T5 without an end");
    assert_string_equal(last_lines_end(&lines), "T1 1 starting\n"
                                                "T3 2 no such host\n"
                                                "T2 1 ready\n"
                                                "T4 1 \n"
                                                "T5 2 without an end\n");
}

static void nothing_is_nothing(void **unused)
{
    (void)unused;
    AUTO(last_lines) lines = { 0 };
    const char *at = "";
    struct last_line line;

    last_lines_init(&lines);
    assert_string_equal(last_lines_end(&lines), "");
    assert_false(last_lines_next(&at, &line));
}

static void the_oldest_lines_go_first(void **unused)
{
    (void)unused;
    AUTO(last_lines) lines = { 0 };
    char text[128];

    last_lines_init(&lines);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "T%d %0100d\n", i, i);
        add(&lines, false, text);
    }
    const char *kept = last_lines_end(&lines);
    assert_true(strlen(kept) <= LAST_LINES_MAX);
    assert_true(strlen(kept) > LAST_LINES_MAX - 128);
    assert_true(text_starts(kept, "T1"));
    assert_true(text_ends(kept, "199\n"));
}

static void a_long_line_loses_its_end(void **unused)
{
    (void)unused;
    AUTO(last_lines) lines = { 0 };

    last_lines_init(&lines);
    add(&lines, false, "T1 before\nT2 ");
    for (int i = 0; i < 100 * 1000; i++)
        add(&lines, false, "\xc3\xa4");
    add(&lines, false, "\nT3 after\n");
    const char *kept = last_lines_end(&lines);
    assert_true(text_starts(kept, "T1 1 before\nT2 1 \xc3\xa4"));
    assert_true(text_ends(kept, "\xc3\xa4 ...\nT3 1 after\n"));
    assert_true(strlen(kept) < LAST_LINE_MAX + 40);
}

static void lines_are_read_back(void **unused)
{
    (void)unused;
    const char *at = "T1 1 hello world\nT2 2 \nno line of ours\n\nT3 1 x";
    struct last_line line;

    assert_true(last_lines_next(&at, &line));
    assert_int_equal(line.time_size, 2);
    assert_false(line.is_error);
    assert_int_equal(line.size, strlen("hello world"));
    assert_memory_equal(line.text, "hello world", line.size);
    assert_true(last_lines_next(&at, &line));
    assert_true(line.is_error);
    assert_int_equal(line.size, 0);
    assert_true(last_lines_next(&at, &line)); /* a database that somebody wrote to */
    assert_true(last_lines_next(&at, &line));
    assert_int_equal(line.size, 0);
    assert_true(last_lines_next(&at, &line));
    assert_memory_equal(line.text, "x", 1);
    assert_false(last_lines_next(&at, &line));
}

/* Whatever is written is bounded, made of whole lines, and read back to its end. */
static void anything_stays_within_bounds(void **unused)
{
    (void)unused;
    struct rng rng = { 5 };

    for (unsigned round = 0; round < 300; round++) {
        AUTO(last_lines) lines = { 0 };
        struct last_line line;
        char part[600];

        last_lines_init(&lines);
        for (unsigned i = 0; i < 40; i++) {
            size_t size = (size_t)rng_between(&rng, 0, (int64_t)sizeof(part));

            for (size_t b = 0; b < size; b++)
                part[b] = rng_chance(&rng, 2) ? '\n' : (char)rng_below(&rng, 256);
            last_lines_add(&lines, rng_chance(&rng, 50), part, size);
        }
        const char *at = last_lines_end(&lines);
        const char *end = at + strlen(at);
        assert_true(end - at <= LAST_LINES_MAX);
        assert_true(*at == '\0' || end[-1] == '\n');
        while (last_lines_next(&at, &line))
            assert_true(line.text + line.size < end);
        assert_ptr_equal(at, end);
    }
}

static unsigned marks;

static void on_dirty(void *context, enum dirty_kind kind, const char *key)
{
    (void)context;
    (void)key;
    marks += kind == DIRTY_SERVICE;
}

static bool told(struct world *world, const char *id, const char *text)
{
    const struct world_change change = { .kind = WORLD_CONTAINER_LINES,
                                         .lines = { "local", id, text } };

    return world_apply(world, &change);
}

static void the_world_keeps_what_was_told_first(void **unused)
{
    (void)unused;
    AUTO(world) *world = world_new(on_dirty, NULL);
    struct world_change seen = { .kind = WORLD_CONTAINER,
                                 .container = { .instance = "local",
                                                .id = "id1",
                                                .name = "berth-t1-main",
                                                .cluster = "c",
                                                .service = "web",
                                                .task = "t1",
                                                .container = "main",
                                                .containers = 1,
                                                .status = CONTAINER_EXITED,
                                                .inspected = true } };

    assert_true(world_apply(world, &seen));
    marks = 0;
    assert_true(told(world, "id1", "T1 1 x\n"));
    assert_int_equal(marks, 1); /* now it may go */
    assert_false(told(world, "id1", NULL));
    assert_false(told(world, "id9", "T1 1 x\n"));
    assert_false(world_apply(world, &seen)); /* a listing changes nothing of it */
    assert_string_equal(world_container(world, "id1")->last_lines, "T1 1 x\n");

    seen.container.id = "id2";
    seen.container.name = "berth-t1-proxy";
    seen.container.container = "proxy";
    assert_true(world_apply(world, &seen));
    assert_true(told(world, "id2", NULL)); /* it could not be had: */
    assert_true(world_container(world, "id2")->lines_asked);
    assert_null(world_container(world, "id2")->last_lines);
    assert_false(told(world, "id2", "T1 1 too late\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_whole_and_in_order),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(the_oldest_lines_go_first),
        cmocka_unit_test(a_long_line_loses_its_end),
        cmocka_unit_test(lines_are_read_back),
        cmocka_unit_test(anything_stays_within_bounds),
        cmocka_unit_test(the_world_keeps_what_was_told_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
