/*
 * Frames arrive whole however they were cut, and nonsense is refused before it costs memory.
 */
#include <string.h>

#include "reconciler/api/frame.h"
#include "spec/base/buf.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

static void print_frame(void *context, enum frame_kind kind, const char *data, uint32_t size)
{
    struct buf *out = context;

    buf_printf(out, "%d:%u:", (int)kind, size);
    buf_add(out, data, size);
    buf_char(out, ';');
}

static void add_frame(struct buf *out, enum frame_kind kind, const char *text)
{
    unsigned char head[FRAME_HEAD];

    frame_head(head, kind, (uint32_t)strlen(text));
    buf_add(out, head, sizeof(head));
    buf_text_add(out, text);
}

static void frames_survive_any_cut(void **state)
{
    (void)state;
    AUTO(buf) bytes = { 0 };

    buf_init(&bytes, 1024);
    add_frame(&bytes, FRAME_IN, "hello");
    add_frame(&bytes, FRAME_IN_END, "");
    add_frame(&bytes, FRAME_RESIZE, "abcd");
    add_frame(&bytes, FRAME_IN, "");
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct frame_reader reader = { 0 };
        struct rng rng = { seed };
        struct err err = { 0 };
        AUTO(buf) out = { 0 };

        buf_init(&out, 1024);
        for (size_t at = 0; at < bytes.size;) {
            size_t part = (size_t)rng_between(&rng, 0, 12);

            if (part > bytes.size - at)
                part = bytes.size - at;
            assert_int_equal(frame_feed(&reader, bytes.data + at, part, print_frame, &out, &err),
                             0);
            at += part;
        }
        assert_string_equal(buf_text(&out), "0:5:hello;3:0:;4:4:abcd;0:0:;");
        frame_reader_release(&reader);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const unsigned char heads[][FRAME_HEAD] = {
        { 7, 0, 0, 0, 0, 0, 0, 1 },
        { 0, 1, 0, 0, 0, 0, 0, 1 },
        { 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T' },
        { 0, 0, 0, 0, 0, 1, 0, 1 }, /* one more than FRAME_MAX */
        { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
    };

    for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
        struct frame_reader reader = { 0 };
        struct err err = { 0 };

        assert_int_equal(
            frame_feed(&reader, (const char *)heads[i], FRAME_HEAD, print_frame, NULL, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        frame_reader_release(&reader);
    }
}

static void the_largest_frame_fits(void **state)
{
    (void)state;
    static char payload[FRAME_MAX];
    struct frame_reader reader = { 0 };
    unsigned char head[FRAME_HEAD];
    struct err err = { 0 };
    AUTO(buf) out = { 0 };

    buf_init(&out, 2 * FRAME_MAX);
    memset(payload, 'x', sizeof(payload));
    frame_head(head, FRAME_OUT, FRAME_MAX);
    assert_int_equal(frame_feed(&reader, (const char *)head, sizeof(head), print_frame, &out, &err),
                     0);
    assert_int_equal(frame_feed(&reader, payload, sizeof(payload), print_frame, &out, &err), 0);
    assert_int_equal(out.size, strlen("1:65536:;") + FRAME_MAX);
    frame_reader_release(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_survive_any_cut),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(the_largest_frame_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
