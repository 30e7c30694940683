/*
 * The head of an HTTP answer, in one piece and byte by byte.
 */
#include <string.h>

#include "drivers/io/http_head.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size);
    struct http_head whole = { 0 };
    enum http_head_state state;
    enum http_head_state part = HTTP_HEAD_PART;
    size_t at = 0;

    if (size > 0)
        memcpy(text, data, size);
    state = http_head_parse(text, size, &whole);
    if (state == HTTP_HEAD_WHOLE)
        ASSERT(whole.size <= size && whole.status >= 100 && whole.status <= 999);
    for (; at <= size && at < 2000 && part == HTTP_HEAD_PART; at++) {
        struct http_head head = { 0 };
        /* Without what comes later, so that reading beyond it is seen. */
        char *begin = mem_alloc(at);

        if (at > 0)
            memcpy(begin, text, at);
        part = http_head_parse(begin, at, &head);
        text_auto(&begin);
        /* The decision is that of the whole, and falls with the last byte of the head. */
        ASSERT(part == HTTP_HEAD_PART || part == state);
        if (part == HTTP_HEAD_WHOLE)
            ASSERT(head.size == at && memcmp(&head, &whole, sizeof(head)) == 0);
    }
    ASSERT(part == state || at == 2000);
    text_auto(&text);
    return 0;
}
