/*
 * The framed output of a container comes apart the same however it is cut.
 */
#include <string.h>

#include "drivers/docker/stream.h"
#include "spec/base/buf.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

struct got {
    struct buf streams[3];
    unsigned parts;
};

static void take(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct got *got = ctx;

    assert_true(size > 0);
    buf_add(&got->streams[kind], data, size);
    got->parts++;
}

static void got_init(struct got *got)
{
    *got = (struct got){ 0 };
    for (size_t i = 0; i < 3; i++)
        buf_init(&got->streams[i], 1 << 20);
}

static void got_release(struct got *got)
{
    for (size_t i = 0; i < 3; i++)
        buf_release(&got->streams[i]);
}

static void add_frame(struct buf *out, unsigned char kind, const char *payload, size_t size)
{
    const unsigned char head[8] = { kind,
                                    0,
                                    0,
                                    0,
                                    (unsigned char)(size >> 24),
                                    (unsigned char)(size >> 16),
                                    (unsigned char)(size >> 8),
                                    (unsigned char)size };

    buf_add(out, head, sizeof(head));
    buf_add(out, payload, size);
}

/* Random frames, empty ones among them, cut at random: each stream must be the sum of its
 * payloads. */
static void any_cut_gives_the_same(void **state)
{
    (void)state;

    struct rng rng = { 3 };
    for (unsigned round = 0; round < 3000; round++) {
        struct got expected;
        struct got got;
        struct demux demux = { 0 };
        AUTO(buf) text;
        char payload[70];

        got_init(&expected);
        got_init(&got);
        buf_init(&text, 1 << 20);
        for (uint64_t frames = rng_below(&rng, 8); frames > 0; frames--) {
            size_t size = rng_chance(&rng, 20) ? 0 : (size_t)rng_below(&rng, sizeof(payload));
            uint64_t kind = rng_below(&rng, 3);

            for (size_t i = 0; i < size; i++)
                payload[i] = (char)rng_below(&rng, 256);
            add_frame(&text, (unsigned char)kind, payload, size);
            buf_add(&expected.streams[kind], payload, size);
        }
        for (size_t at = 0; at < text.size;) {
            size_t part = round % 3 == 0 ? 1 : 1 + (size_t)rng_below(&rng, 40);

            if (part > text.size - at)
                part = text.size - at;
            assert_int_equal(demux_feed(&demux, text.data + at, part, take, &got, NULL), 0);
            at += part;
        }
        assert_int_equal(demux_end(&demux, NULL), 0);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(got.streams[i].size, expected.streams[i].size);
            assert_memory_equal(buf_text(&got.streams[i]), buf_text(&expected.streams[i]),
                                got.streams[i].size + 1);
        }
        got_release(&expected);
        got_release(&got);
    }
}

static void a_terminal_has_no_frames(void **state)
{
    (void)state;
    struct demux demux = { .raw = true };
    struct got got;

    got_init(&got);
    assert_int_equal(demux_feed(&demux, "\1\0\0\0ab", 6, take, &got, NULL), 0);
    assert_int_equal(demux_feed(&demux, "", 0, take, &got, NULL), 0);
    assert_int_equal(got.streams[STREAM_OUT].size, 6);
    assert_int_equal(demux_end(&demux, NULL), 0);
    got_release(&got);
}

static void what_has_no_frames_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = { "plain text", "\4\0\0\0\0\0\0\1", "\1\0\0\1\0\0\0\1" };

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct demux demux = { 0 };
        struct err err = { 0 };
        struct got got;

        got_init(&got);
        assert_int_equal(demux_feed(&demux, wrong[i], 8, take, &got, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(got.parts, 0);
        got_release(&got);
    }
}

static void the_end_inside_a_frame_is_noticed(void **state)
{
    (void)state;
    const char frame[] = "\2\0\0\0\0\0\0\3abc";

    for (size_t size = 0; size <= 11; size++) {
        struct demux demux = { 0 };
        struct err err = { 0 };
        struct got got;

        got_init(&got);
        assert_int_equal(demux_feed(&demux, frame, size, take, &got, NULL), 0);
        assert_int_equal(demux_end(&demux, &err), size == 0 || size == 11 ? 0 : -1);
        assert_int_equal(got.streams[STREAM_ERRORS].size, size > 8 ? size - 8 : 0);
        got_release(&got);
    }
}

/* Four gigabytes need no memory. */
static void the_largest_frame_passes(void **state)
{
    (void)state;
    struct demux demux = { 0 };
    struct got got;
    char part[4096] = "";

    got_init(&got);
    assert_int_equal(demux_feed(&demux, "\1\0\0\0\377\377\377\377", 8, take, &got, NULL), 0);
    assert_int_equal(demux_feed(&demux, part, sizeof(part), take, &got, NULL), 0);
    assert_true(demux.left == UINT32_MAX - sizeof(part));
    assert_int_equal(got.streams[STREAM_OUT].size, sizeof(part));
    got_release(&got);
}

static void an_engine_error_is_shown(void **state)
{
    (void)state;
    struct demux demux = { 0 };
    struct got got;

    got_init(&got);
    assert_int_equal(demux_feed(&demux, "\3\0\0\0\0\0\0\2no", 10, take, &got, NULL), 0);
    assert_string_equal(buf_text(&got.streams[STREAM_ERRORS]), "no");
    got_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(a_terminal_has_no_frames),
        cmocka_unit_test(what_has_no_frames_is_refused),
        cmocka_unit_test(the_end_inside_a_frame_is_noticed),
        cmocka_unit_test(the_largest_frame_passes),
        cmocka_unit_test(an_engine_error_is_shown),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
