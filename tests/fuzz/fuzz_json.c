/*
 * Any bytes as JSON: printed and parsed again it is the same, in every style.
 */
#include <string.h>

#include "drivers/docker/read.h"
#include "spec/base/json.h"
#include "tests/fuzz/fuzz.h"

static void print(const struct json *value, enum json_style style, struct buf *out)
{
    buf_init(out, FUZZ_PRINTED_MAX);
    json_print(value, style, out);
    ASSERT(!out->truncated);
}

static void check_style(const struct json *value, enum json_style style)
{
    AUTO(buf) first = { 0 };
    AUTO(buf) second = { 0 };
    struct err err = { 0 };

    print(value, style, &first);
    AUTO(json) *again = json_parse(first.data, first.size, &err);
    ASSERT(again != NULL);
    print(again, style, &second);
    ASSERT(strcmp(first.data, second.data) == 0);
}

static void read_all(const struct json *value)
{
    const struct json *child;
    const char *key;

    (void)json_as_int(value, 0);
    (void)json_as_text(value, "");
    (void)json_path(value, "a.b.c");
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++)
        read_all(json_at(value, i));
    for (void *at = NULL; (at = json_next(value, at, &key, &child)) != NULL;) {
        ASSERT(json_get(value, key) == child);
        (void)json_path(value, key);
        read_all(child);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    struct err err = { 0 };
    AUTO(json) *value = json_parse(text, size, &err);
    AUTO(json) *lenient = read_json(text, size, NULL);
    /* Of bytes that are not UTF-8 a text is made all the same. */
    AUTO(json) *quoted = json_new_text(text);

    check_style(quoted, JSON_STYLE_COMPACT);
    ASSERT((value == NULL) == (err.code != ERR_OK));
    ASSERT(value == NULL || lenient != NULL);
    if (lenient == NULL)
        return 0;
    read_all(lenient);
    for (enum json_style style = JSON_STYLE_COMPACT; style <= JSON_STYLE_CANONICAL; style++)
        check_style(lenient, style);
    AUTO(json) *copy = json_copy(lenient);
    AUTO_TEXT char *one = json_print_text(copy, JSON_STYLE_COMPACT);
    AUTO_TEXT char *other = json_print_text(lenient, JSON_STYLE_COMPACT);
    ASSERT(strcmp(one, other) == 0);
    return 0;
}
