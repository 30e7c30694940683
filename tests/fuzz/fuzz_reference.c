/*
 * References of images, addresses of engines, parts of URLs.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/docker/client.h"
#include "drivers/docker/query.h"
#include "reconciler/cli/client.h"
#include "spec/base/text.h"
#include "spec/reference.h"
#include "tests/fuzz/fuzz.h"

/* A reference in full is one that means the same. */
static void check_reference(const char *text)
{
    AUTO(arena) arena = { 0 };
    struct image_reference reference;
    struct image_reference again;
    struct err err = { 0 };

    (void)reference_is_bare_name(text);
    (void)reference_is_path_part(text);
    if (reference_parse(text, &arena, &reference, &err) < 0) {
        ASSERT(err.code == ERR_INVALID);
        return;
    }
    const char *full = arena_printf(
        &arena, "%s/%s%s%s%s%s", reference.host, reference.path, reference.tag != NULL ? ":" : "",
        reference.tag != NULL ? reference.tag : "", reference.digest != NULL ? "@" : "",
        reference.digest != NULL ? reference.digest : "");
    if (reference_parse(full, &arena, &again, &err) < 0) {
        /* Written out, a short form may be longer than is allowed. */
        ASSERT(strlen(text) > 200);
        return;
    }
    ASSERT(text_equal(reference.host, again.host) && text_equal(reference.path, again.path));
    ASSERT(text_equal(reference.tag, again.tag) && text_equal(reference.digest, again.digest));
}

static void check_engine(const char *text)
{
    AUTO(docker_host) host = { 0 };
    struct err err = { 0 };

    if (docker_host_parse(&host, text, &err) < 0) {
        ASSERT(err.code == ERR_INVALID && host.unix_path == NULL && host.host == NULL);
        return;
    }
    ASSERT((host.unix_path == NULL) == (host.host != NULL && host.port != NULL));
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What was escaped is plain, and the same when it is taken back. */
static void check_escaped(const char *escaped, const char *text, bool has_more)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%";

    ASSERT(has_more || strspn(escaped, plain) == strlen(escaped));
    for (; *text != '\0'; text++) {
        char c = *escaped++;

        if (c == '%') {
            c = (char)(hex_digit(escaped[0]) * 16 + hex_digit(escaped[1]));
            escaped += 2;
        }
        ASSERT(c == *text);
    }
    ASSERT(*escaped == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    AUTO(arena) arena = { 0 };
    AUTO(buf) path = { 0 };

    check_reference(text);
    check_engine(text);
    buf_init(&path, FUZZ_PRINTED_MAX);
    docker_url_add(&path, text, "/:@");
    check_escaped(buf_text(&path), text, /* has_more= */ true);
    if (strlen(text) < 100000)
        check_escaped(client_segment(&arena, text), text, /* has_more= */ false);
    return 0;
}
