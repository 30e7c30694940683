/*
 * A struct json is a json_t of jansson; no other file knows.  Printing is ours: jansson writes
 * reals with all their 17 digits, looks for cycles at every container and calls out at every
 * comma.
 */
#include "spec/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/libraries.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* In this file alone the three names mean jansson's functions ... */
#undef json_object
#undef json_array
#undef json_copy

#include <jansson.h>

/* ... and these three our functions, not jansson's macros. */
#undef json_is_object
#undef json_is_array
#undef json_is_null

#define KEY_MAX 256 /* one step of a path */

/* Beyond what the parser lets in (JSON_PARSER_MAX_DEPTH), with room for what we wrap around it. */
#define PRINT_DEPTH_MAX (2 * 2048)

static const json_t *in(const struct json *value)
{
    return (const json_t *)value;
}

static json_t *in_mutable(const struct json *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators want it so, and change nothing */
}

/* jansson fails to make a value only for want of memory. */
static struct json *made(json_t *value)
{
    ASSERT(value != NULL);
    return (struct json *)value;
}

struct json *json_parse(const char *text, size_t size, struct err *err)
{
    /* jansson takes a NUL between two values for a blank. */
    if (size > 0 && memchr(text, '\0', size) != NULL) {
        (void)err_set(err, ERR_INVALID, "not JSON: it holds a NUL byte");
        return NULL;
    }

    json_error_t failure;
    json_t *value = json_loadb(size > 0 ? text : "", size, JSON_DECODE_ANY, &failure);

    /* Engines answer UINT64_MAX for "no limit", and that shall not cost the whole answer. */
    if (value == NULL && json_error_code(&failure) == json_error_numeric_overflow)
        value = json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &failure);
    if (value == NULL)
        (void)err_set(err, ERR_INVALID, "line %d, column %d: not JSON: %s", failure.line,
                      failure.column, failure.text);
    return (struct json *)value;
}

void json_free(struct json *value)
{
    json_decref(in_mutable(value));
}

bool json_is_object(const struct json *value)
{
    return value != NULL && json_typeof(in(value)) == JSON_OBJECT;
}

bool json_is_array(const struct json *value)
{
    return value != NULL && json_typeof(in(value)) == JSON_ARRAY;
}

bool json_is_null(const struct json *value)
{
    return value == NULL || json_typeof(in(value)) == JSON_NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(in(object), key);
}

const struct json *json_path(const struct json *object, const char *path)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        char key[KEY_MAX];
        size_t size = (size_t)(dot - path);
        if (size >= sizeof(key))
            return NULL;
        memcpy(key, path, size);
        key[size] = '\0';
        object = json_get(object, key);
        path = dot + 1;
    }
    return json_get(object, path);
}

size_t json_count(const struct json *array_or_object)
{
    return json_is_array(array_or_object) ? json_array_size(in(array_or_object))
                                          : json_object_size(in(array_or_object));
}

const struct json *json_at(const struct json *array, size_t index)
{
    return (const struct json *)json_array_get(in(array), index);
}

const char *json_as_text(const struct json *value, const char *fallback)
{
    const char *text = json_string_value(in(value));

    return text != NULL ? text : fallback;
}

int64_t json_as_int(const struct json *value, int64_t fallback)
{
    if (json_is_integer(in(value)))
        return json_integer_value(in(value));
    if (!json_is_real(in(value)))
        return fallback;

    /* Casting a real that does not fit is undefined; 2^63 is the first that does not. */
    double real = json_real_value(in(value));
    return real >= -0x1p63 && real < 0x1p63 ? (int64_t)real : fallback;
}

static bool json_as_bool(const struct json *value, bool fallback)
{
    return json_is_boolean(in(value)) ? json_is_true(in(value)) : fallback;
}

const char *json_text(const struct json *object, const char *path)
{
    return json_as_text(json_path(object, path), /* fallback= */ NULL);
}

int64_t json_int(const struct json *object, const char *path, int64_t fallback)
{
    return json_as_int(json_path(object, path), fallback);
}

double json_double(const struct json *object, const char *path, double fallback)
{
    const struct json *value = json_path(object, path);

    return json_is_number(in(value)) ? json_number_value(in(value)) : fallback;
}

bool json_bool(const struct json *object, const char *path, bool fallback)
{
    return json_as_bool(json_path(object, path), fallback);
}

void *json_next(const struct json *object, void *at, const char **out_key,
                const struct json **out_value)
{
    void *next = at == NULL ? json_object_iter(in_mutable(object))
                            : json_object_iter_next(in_mutable(object), at);

    if (next != NULL) {
        *out_key = json_object_iter_key(next);
        *out_value = (const struct json *)json_object_iter_value(next);
    }
    return next;
}

struct json *json_new_object(void)
{
    return made(json_object());
}

struct json *json_new_array(void)
{
    return made(json_array());
}

/* Heap text in which every byte that is not part of a UTF-8 character became U+FFFD. */
static char *repaired(const char *text)
{
    struct buf fixed;
    size_t left = strlen(text);

    buf_init(&fixed, 3 * left);
    while (left > 0) {
        size_t size = 1;
        while (size < 4 && size < left && !text_is_utf8(text, size))
            size++;
        if (text_is_utf8(text, size)) {
            buf_add(&fixed, text, size);
        } else {
            size = 1;
            buf_text_add(&fixed, "\xEF\xBF\xBD");
        }
        text += size;
        left -= size;
    }
    return buf_take(&fixed);
}

struct json *json_new_text(const char *text)
{
    if (text == NULL)
        return made(json_null());

    size_t size = strlen(text);
    if (text_is_utf8(text, size))
        return made(json_stringn_nocheck(text, size));

    AUTO_TEXT char *fixed = repaired(text);
    return made(json_string_nocheck(fixed));
}

struct json *json_new_int(int64_t value)
{
    return made(json_integer(value));
}

struct json *json_new_copy(const struct json *value)
{
    return value != NULL ? made(json_deep_copy(in(value))) : NULL;
}

void json_set(struct json *object, const char *key, struct json *value)
{
    ASSERT(json_is_object(object));
    if (value == NULL)
        return;

    AUTO_TEXT char *fixed = text_is_utf8(key, strlen(key)) ? NULL : repaired(key);
    int failed = json_object_set_new_nocheck(in_mutable(object), fixed != NULL ? fixed : key,
                                             in_mutable(value));
    ASSERT(failed == 0);
}

void json_append(struct json *array, struct json *value)
{
    ASSERT(json_is_array(array));
    if (value == NULL)
        return;

    int failed = json_array_append_new(in_mutable(array), in_mutable(value));
    ASSERT(failed == 0);
}

void json_set_text(struct json *object, const char *key, const char *text)
{
    if (text != NULL)
        json_set(object, key, json_new_text(text));
}

void json_set_int(struct json *object, const char *key, int64_t value)
{
    json_set(object, key, json_new_int(value));
}

void json_set_real(struct json *object, const char *key, double value)
{
    json_set(object, key, made(isfinite(value) ? json_real(value) : json_null()));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
    json_set(object, key, made(json_boolean(value)));
}

void json_append_text(struct json *array, const char *text)
{
    if (text != NULL)
        json_append(array, json_new_text(text));
}

static void print_escape(unsigned char c, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char *const short_forms[] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };

    if (c < ARRAY_COUNT(short_forms) && short_forms[c] != NULL) {
        buf_add(out, short_forms[c], 2);
        return;
    }
    char form[] = "\\u0000";
    form[4] = digits[c >> 4];
    form[5] = digits[c & 0x0F];
    buf_add(out, form, 6);
}

/* Copies runs: almost no character needs an escape.  JSON asks for those below a blank; terminals
 * obey DEL and C1 as well.  The canonical form is what digests are made of, and stays as it was. */
static void print_text(const char *text, enum json_style style, struct buf *out)
{
    const char *run = text;

    buf_char(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        /* C1 in UTF-8: 0xC2, and the second byte is the character. */
        bool is_c1 = style != JSON_STYLE_CANONICAL && c == 0xC2 && (text[1] & 0xE0) == 0x80;
        bool is_delete = style != JSON_STYLE_CANONICAL && c == 0x7F;

        if (c >= 0x20 && c != '"' && c != '\\' && !is_c1 && !is_delete)
            continue;
        buf_add(out, run, (size_t)(text - run));
        text += is_c1;
        print_escape((unsigned char)*text, out);
        run = text + 1;
    }
    buf_add(out, run, (size_t)(text - run));
    buf_char(out, '"');
}

static void print_int(int64_t value, struct buf *out)
{
    char digits[20]; /* "-9223372036854775808" */
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        digits[--at] = '-';
    buf_add(out, digits + at, sizeof(digits) - at);
}

/* No more digits than it takes to read back the same number, and a real: "0.1", "5.0". */
static void print_real(double value, struct buf *out)
{
    char digits[40];
    int size = 0;

    for (int precision = 15; precision <= 17; precision++) {
        size = snprintf(digits, sizeof(digits), "%.*g", precision, value);
        ASSERT(size > 0 && size < (int)sizeof(digits) - 2);
        if (strtod(digits, NULL) == value) /* tidy: our own digits, read back as jansson will */
            break;
    }

    bool is_real = false;
    for (int i = 0; i < size; i++) {
        if (strchr("0123456789+-e", digits[i]) == NULL)
            digits[i] = '.'; /* the locale's idea of a point */
        is_real = is_real || digits[i] == '.' || digits[i] == 'e';
    }
    buf_add(out, digits, (size_t)size);
    if (!is_real)
        buf_add(out, ".0", 2);
}

struct member {
    const char *key;
    const struct json *value;
};

static int compare_members(const void *a_memory, const void *b_memory)
{
    const struct member *a = a_memory;
    const struct member *b = b_memory;

    return strcmp(a->key, b->key);
}

/* Heap array of the members by key. */
static struct member *sorted_members(const struct json *object)
{
    struct member *members = mem_alloc(json_count(object) * sizeof(*members));
    size_t count = 0;
    void *at = NULL;

    while ((at = json_next(object, at, &members[count].key, &members[count].value)) != NULL)
        count++;
    ASSERT(count == json_count(object));
    qsort(members, count, sizeof(*members), compare_members);
    return members;
}

/* What stands in front of an item of a container, or of its closing bracket. */
static void print_gap(bool comma, size_t depth, enum json_style style, struct buf *out)
{
    if (comma)
        buf_char(out, ',');
    if (style != JSON_STYLE_PRETTY)
        return;
    buf_char(out, '\n');
    for (size_t i = 0; i < depth; i++)
        buf_add(out, "  ", 2);
}

static void print_key(const char *key, enum json_style style, struct buf *out)
{
    print_text(key, style, out);
    buf_add(out, ": ", style == JSON_STYLE_PRETTY ? 2 : 1);
}

static void print_scalar(const struct json *value, enum json_style style, struct buf *out)
{
    if (json_is_null(value))
        buf_add(out, "null", 4);
    else if (json_is_string(in(value)))
        print_text(json_string_value(in(value)), style, out);
    else if (json_is_integer(in(value)))
        print_int(json_integer_value(in(value)), out);
    else if (json_is_real(in(value)))
        print_real(json_real_value(in(value)), out);
    else
        buf_text_add(out, json_is_true(in(value)) ? "true" : "false");
}

static void print_value(const struct json *value, size_t depth, enum json_style style,
                        struct buf *out)
{
    bool is_array = json_is_array(value);
    size_t count = json_count(value);

    if (!is_array && !json_is_object(value)) {
        print_scalar(value, style, out);
        return;
    }
    ASSERT(depth < PRINT_DEPTH_MAX);

    buf_char(out, is_array ? '[' : '{');
    struct member *sorted =
        !is_array && style == JSON_STYLE_CANONICAL ? sorted_members(value) : NULL;
    void *at = NULL;
    for (size_t i = 0; i < count; i++) {
        struct member item = { 0 };
        if (is_array)
            item.value = json_at(value, i);
        else if (sorted != NULL)
            item = sorted[i];
        else
            at = json_next(value, at, &item.key, &item.value);
        print_gap(/* comma= */ i > 0, depth + 1, style, out);
        if (item.key != NULL)
            print_key(item.key, style, out);
        print_value(item.value, depth + 1, style, out);
    }
    free(sorted);
    if (count > 0)
        print_gap(/* comma= */ false, depth, style, out);
    buf_char(out, is_array ? ']' : '}');
}

void json_print(const struct json *value, enum json_style style, struct buf *out)
{
    print_value(value, /* depth= */ 0, style, out);
}

char *json_print_text(const struct json *value, enum json_style style)
{
    struct buf text;

    buf_init(&text, LIMIT_OUTPUT);
    json_print(value, style, &text);
    return buf_take(&text);
}

const char *json_library_version(void)
{
    return jansson_version_str();
}

void json_take_memory(void)
{
    json_set_alloc_funcs(library_alloc, free);
}
