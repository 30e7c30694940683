/*
 * JSON values come out of a stream the same however it is cut.
 */
#include <string.h>

#include "drivers/docker/frames.h"
#include "spec/base/rng.h"
#include "tests/unit/unit.h"

struct got {
    struct buf text; /* every value between '<' and '>' */
    unsigned count;
    unsigned stop_after; /* 0: never */
};

static bool take(void *ctx, const char *json, size_t size)
{
    struct got *got = ctx;

    assert_int_equal(strlen(json), size);
    assert_true(size > 0);
    buf_printf(&got->text, "<%s>", json);
    got->count++;
    return got->stop_after == 0 || got->count < got->stop_after;
}

/* Feeds text in parts of at most `part` bytes (0: of random sizes). */
static int feed(struct got *got, const char *text, size_t part, struct rng *rng, struct err *err)
{
    struct frames frames;
    size_t size = strlen(text);
    int status = 0;

    buf_init(&got->text, 1 << 20);
    frames_init(&frames, 1000);
    for (size_t at = 0; at < size && status == 0;) {
        size_t count = part != 0 ? part : 1 + (size_t)rng_below(rng, 9);

        if (count > size - at)
            count = size - at;
        status = frames_feed(&frames, text + at, count, take, got, err);
        at += count;
    }
    if (status == 0)
        status = frames_end(&frames, take, got, err);
    frames_release(&frames);
    return status;
}

struct example {
    const char *in;
    const char *out;
};

static const struct example examples[] = {
    { "", "" },
    { " \r\n\t\n", "" },
    { "{}", "<{}>" },
    { "{\"a\":1}\n{\"b\":2}\n", "<{\"a\":1}><{\"b\":2}>" },
    { "{\"a\":1}{\"b\":2}[3]", "<{\"a\":1}><{\"b\":2}><[3]>" },
    { "{\"a\":1}\r\n{\"b\":2}\r\n", "<{\"a\":1}><{\"b\":2}>" },
    { "{\"a\":\"}{\"}{\"b\":\"]\"}", "<{\"a\":\"}{\"}><{\"b\":\"]\"}>" },
    { "{\"a\":\"\\\"}\"}{}", "<{\"a\":\"\\\"}\"}><{}>" },
    { "{\"a\":\"\\\\\"}{\"b\":\"\\\\\\\"}\"}", "<{\"a\":\"\\\\\"}><{\"b\":\"\\\\\\\"}\"}>" },
    { "{\"a\":{\"b\":[{},[]]}}\n\n\n[]", "<{\"a\":{\"b\":[{},[]]}}><[]>" },
    { "{\n  \"a\": [\n 1,\n 2 ]\n}\n", "<{\n  \"a\": [\n 1,\n 2 ]\n}>" },
    { "12\n\"text\"\nnull\n", "<12><\"text\"><null>" },
    { "no JSON at all \r\n{}", "<no JSON at all><{}>" },
    { "last line", "<last line>" },
    { "{\"\xc3\xa4\":\"\xe2\x82\xac\"}", "<{\"\xc3\xa4\":\"\xe2\x82\xac\"}>" },
    { "{\"a\":1]{\"b\":2}", "<{\"a\":1]><{\"b\":2}>" }, /* nonsense: for the parser to say */
};

static void any_cut_gives_the_same(void **state)
{
    (void)state;

    struct rng rng = { 7 };
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++)
        for (size_t part = 0; part < 200; part++) {
            struct got got = { 0 };
            struct err err = { 0 };

            assert_int_equal(feed(&got, examples[i].in, part < 30 ? part : 0, &rng, &err), 0);
            assert_string_equal(buf_text(&got.text), examples[i].out);
            buf_release(&got.text);
        }
}

static void an_open_value_at_the_end_is_an_error(void **state)
{
    (void)state;
    const char *const open[] = { "{", "{\"a\":1}\n{\"b\":", "[\"]", "{\"a\":\"\\\"}" };

    for (size_t i = 0; i < ARRAY_COUNT(open); i++) {
        struct got got = { 0 };
        struct err err = { 0 };

        assert_int_equal(feed(&got, open[i], 1, NULL, &err), -1);
        assert_int_equal(err.code, ERR_UNREACHABLE);
        buf_release(&got.text);
    }
}

static void values_are_bounded(void **state)
{
    (void)state;
    char text[2000];

    for (size_t size = 998; size < 1003; size++)
        for (size_t part = 1; part < 2000; part += 400) {
            struct got got = { 0 };
            struct err err = { 0 };

            memset(text, ' ', sizeof(text));
            text[0] = '{';
            text[size - 1] = '}';
            text[size] = '\0';
            assert_int_equal(feed(&got, text, part, NULL, &err), size <= 1000 ? 0 : -1);
            assert_int_equal(err.code, size <= 1000 ? ERR_OK : ERR_CAPACITY);
            buf_release(&got.text);
        }
}

static void the_reader_can_stop(void **state)
{
    (void)state;
    struct got got = { .stop_after = 2 };
    struct err err = { 0 };

    assert_int_equal(feed(&got, "{}{}{}{}", 100, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(got.count, 2);
    buf_release(&got.text);
}

/* Bytes without sense: no crash, nothing lost but white space, always an end. */
static void noise_is_survived(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\"\\ \n\ra,:1";
    struct rng rng = { 99 };

    for (unsigned round = 0; round < 20000; round++) {
        char text[64];
        size_t size = (size_t)rng_below(&rng, sizeof(text));
        struct got whole = { 0 };
        struct got cut = { 0 };
        struct err err = { 0 };

        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        text[size] = '\0';
        int status = feed(&whole, text, 1000, NULL, &err);
        assert_int_equal(feed(&cut, text, 0, &rng, &err), status);
        assert_string_equal(buf_text(&whole.text), buf_text(&cut.text));
        buf_release(&whole.text);
        buf_release(&cut.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(an_open_value_at_the_end_is_an_error),
        cmocka_unit_test(values_are_bounded),
        cmocka_unit_test(the_reader_can_stop),
        cmocka_unit_test(noise_is_survived),
    };

    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
