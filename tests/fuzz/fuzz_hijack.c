/*
 * A connection that begins as HTTP, from its first byte: the first line chooses how it is cut, and
 * whether there is a terminal.  However it is cut, the same arrives.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/docker/stream.h"
#include "tests/fuzz/fake_http.h"
#include "tests/fuzz/fake_socket.h"

/* The first connection asks twice. */
static const char agreement[] = "200 0 Api-Version: 1.41\nOK\n--\n200\nOK";

struct seen {
    struct buf bytes;
    struct err failure;
    int opened;
    int ended;
    bool failed;
};

static void on_open(void *ctx)
{
    struct seen *seen = ctx;

    ASSERT(seen->ended == 0);
    seen->opened++;
}

static void on_data(void *ctx, enum stream_kind kind, const char *data, size_t size)
{
    struct seen *seen = ctx;

    ASSERT(seen->opened == 1 && seen->ended == 0 && size > 0);
    for (size_t i = 0; i < size; i++) {
        buf_char(&seen->bytes, (char)('0' + (int)kind));
        buf_char(&seen->bytes, data[i]);
    }
}

static void on_end(void *ctx, const struct err *failure)
{
    struct seen *seen = ctx;

    seen->ended++;
    seen->failed = failure != NULL;
    if (failure != NULL)
        seen->failure = *failure;
}

struct engine {
    struct loop *loop;
    struct http *http;
    struct docker *docker;
};

static void say(const char *text, size_t size, struct fuzz_cut cut)
{
    for (size_t at = 0; at < size && fake_socket() != NULL;) {
        size_t piece = fuzz_piece(&cut, size - at);
        char *copy = mem_alloc(piece);

        memcpy(copy, text + at, piece);
        (void)fake_socket_say(copy, piece);
        free(copy);
        at += piece;
    }
    if (fake_socket() != NULL)
        fake_socket_end();
}

static void see(const struct engine *engine, bool tty, const char *text, size_t size,
                struct fuzz_cut cut, struct seen *seen)
{
    const struct hijack_options options = { .path = "/exec/one/start",
                                            .json = "{}",
                                            .tty = tty,
                                            .on_open = on_open,
                                            .on_data = on_data,
                                            .on_end = on_end,
                                            .ctx = seen };
    struct hijack *hijack;
    struct err err = { 0 };

    buf_init(&seen->bytes, FUZZ_PRINTED_MAX);
    fake_http_script((const uint8_t *)agreement, strlen(agreement), /* may_stay_open= */ true);
    hijack = hijack_open(engine->docker, &options, &err);
    ASSERT(hijack != NULL);
    hijack_write(hijack, "early", 5);
    fake_http_settle(engine->loop);
    ASSERT(fake_socket() != NULL);
    say(text, size, cut);
    ASSERT(seen->ended == 1 && fake_socket() == NULL);
    hijack_write(hijack, "late", 4);
    hijack_free(hijack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    uint32_t choice = fuzz_choice(&input, 200000);
    size_t text_size;
    AUTO_TEXT char *text = fuzz_rest(&input, &text_size);
    struct engine engine = { .loop = loop_new(NULL) };
    struct seen whole = { 0 };
    struct seen cut_up = { 0 };

    engine.http = http_new(engine.loop, NULL);
    engine.docker = docker_new(engine.http, "unix:///engine.sock", NULL);
    see(&engine, choice % 2 == 1, text, text_size, (struct fuzz_cut){ .most = text_size + 1 },
        &whole);
    see(&engine, choice % 2 == 1, text, text_size,
        (struct fuzz_cut){ .state = choice, .most = 1 + choice / 2 }, &cut_up);
    ASSERT(whole.opened == cut_up.opened && whole.failed == cut_up.failed);
    ASSERT(whole.bytes.size == cut_up.bytes.size);
    ASSERT(memcmp(buf_text(&whole.bytes), buf_text(&cut_up.bytes), whole.bytes.size) == 0);
    ASSERT(whole.failure.code == cut_up.failure.code);
    buf_release(&whole.bytes);
    buf_release(&cut_up.bytes);
    docker_free(engine.docker);
    http_free(engine.http);
    loop_free(engine.loop);
    return 0;
}
