/*
 * Streams that are cut into pieces anywhere: JSON values of events and progress, the frames of a
 * container's output, those of berth-exec/1.  The first line chooses which and how it is cut;
 * however it is, the same comes out.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/frames.h"
#include "drivers/docker/stream.h"
#include "reconciler/api/frame.h"
#include "spec/base/json.h"
#include "tests/fuzz/fuzz.h"

#define VALUE_MAX 4096

enum protocol { JSON_VALUES, OUTPUT, OUTPUT_RAW, EXEC, PROTOCOL_COUNT };

/* What came out, and how it ended. */
struct seen {
    struct buf bytes;
    struct err err;
    int result;
};

static bool see_value(void *ctx, const char *json, size_t size)
{
    struct seen *seen = ctx;

    ASSERT(size > 0 && size <= VALUE_MAX && json[size] == '\0');
    buf_add(&seen->bytes, json, size);
    buf_char(&seen->bytes, '\n');
    json_free(json_parse(json, size, NULL));
    return true;
}

/* Parts of one frame are put together: where they were cut is no matter. */
static void see_output(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct seen *seen = ctx;

    for (size_t i = 0; i < size; i++) {
        buf_char(&seen->bytes, (char)('0' + (int)kind));
        buf_char(&seen->bytes, data[i]);
    }
}

static void see_frame(void *ctx, enum frame_kind kind, const char *data, uint32_t size)
{
    struct seen *seen = ctx;
    unsigned char head[FRAME_HEAD];

    frame_head(head, kind, size);
    buf_add(&seen->bytes, head, sizeof(head));
    buf_add(&seen->bytes, data, size);
}

struct reading {
    enum protocol protocol;
    struct frames frames;
    struct demux demux;
    struct frame_reader reader;
    struct seen *seen;
};

static int feed(struct reading *reading, const char *data, size_t size)
{
    struct seen *seen = reading->seen;

    switch (reading->protocol) {
    case JSON_VALUES: return frames_feed(&reading->frames, data, size, see_value, seen, &seen->err);
    case OUTPUT:
    case OUTPUT_RAW: return demux_feed(&reading->demux, data, size, see_output, seen, &seen->err);
    case EXEC: return frame_feed(&reading->reader, data, size, see_frame, seen, &seen->err);
    case PROTOCOL_COUNT: break;
    }
    return -1;
}

static int end(struct reading *reading)
{
    struct seen *seen = reading->seen;

    if (reading->protocol == JSON_VALUES)
        return frames_end(&reading->frames, see_value, seen, &seen->err);
    if (reading->protocol != EXEC)
        return demux_end(&reading->demux, &seen->err);
    return 0;
}

static void see_all(enum protocol protocol, const char *text, size_t size, struct fuzz_cut cut,
                    struct seen *seen)
{
    struct reading reading = { .protocol = protocol, .seen = seen };

    buf_init(&seen->bytes, FUZZ_PRINTED_MAX);
    frames_init(&reading.frames, VALUE_MAX);
    reading.demux.raw = protocol == OUTPUT_RAW;
    for (size_t at = 0; at < size && seen->result == 0;) {
        size_t piece = fuzz_piece(&cut, size - at);
        /* Of its own, so that reading beyond it is seen. */
        char *copy = mem_alloc(piece);

        memcpy(copy, text + at, piece);
        seen->result = feed(&reading, copy, piece);
        free(copy);
        at += piece;
    }
    if (seen->result == 0)
        seen->result = end(&reading);
    frames_release(&reading.frames);
    frame_reader_release(&reading.reader);
    ASSERT((seen->result == 0) == (seen->err.code == ERR_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    uint32_t choice = fuzz_choice(&input, PROTOCOL_COUNT * 64);
    enum protocol protocol = choice % PROTOCOL_COUNT;
    struct fuzz_cut cut = { .state = choice, .most = 1 + choice / PROTOCOL_COUNT };
    size_t text_size;
    AUTO_TEXT char *text = fuzz_rest(&input, &text_size);
    struct seen whole = { 0 };
    struct seen cut_up = { 0 };

    see_all(protocol, text, text_size, (struct fuzz_cut){ .most = text_size + 1 }, &whole);
    see_all(protocol, text, text_size, (struct fuzz_cut){ .most = 1 }, &cut_up);
    ASSERT(whole.result == cut_up.result && whole.err.code == cut_up.err.code);
    ASSERT(strcmp(whole.err.text, cut_up.err.text) == 0);
    ASSERT(whole.bytes.size == cut_up.bytes.size);
    ASSERT(memcmp(buf_text(&whole.bytes), buf_text(&cut_up.bytes), whole.bytes.size) == 0);
    buf_release(&cut_up.bytes);
    cut_up = (struct seen){ 0 };
    see_all(protocol, text, text_size, cut, &cut_up);
    ASSERT(whole.result == cut_up.result && whole.bytes.size == cut_up.bytes.size);
    ASSERT(memcmp(buf_text(&whole.bytes), buf_text(&cut_up.bytes), whole.bytes.size) == 0);
    buf_release(&whole.bytes);
    buf_release(&cut_up.bytes);
    return 0;
}
