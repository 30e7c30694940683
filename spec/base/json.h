/*
 * JSON values: what the engine answers, what the API serves.  The only home of jansson.
 *
 * Readers accept NULL and values of other types and then give the fallback: foreign JSON is read
 * without a check after every step.  An object's absent member, null member and member of another
 * type look the same.
 */
#ifndef SPEC_BASE_JSON_H
#define SPEC_BASE_JSON_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"

struct json;

/* libjansson exports functions of these three names.  Ours must not reach the linker under them:
 * the library would call ours in place of its own. */
#define json_object()    json_new_object()
#define json_array()     json_new_array()
#define json_copy(value) json_new_copy(value)

/* Parses exactly one value; NULL and *err (ERR_INVALID) when it is none, or when it holds a NUL.
 * When one integer is past int64_t, all numbers of the value are kept as reals. */
struct json *json_parse(const char *text, size_t size, struct err *err);
void json_free(struct json *value);
DEFINE_AUTO(json, json_free)

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value); /* NULL too */

/* A member of an object.  Lives as long as the object. */
const struct json *json_get(const struct json *object, const char *key);
/* A member at a path of keys "State.Health.Status". */
const struct json *json_path(const struct json *object, const char *path);
size_t json_count(const struct json *array_or_object);
const struct json *json_at(const struct json *array, size_t index);

const char *json_as_text(const struct json *value, const char *fallback);
int64_t json_as_int(const struct json *value, int64_t fallback); /* a real is cut towards zero */

const char *json_text(const struct json *object, const char *path); /* NULL when absent */
int64_t json_int(const struct json *object, const char *path, int64_t fallback);
double json_double(const struct json *object, const char *path, double fallback); /* integers too */
bool json_bool(const struct json *object, const char *path, bool fallback);

/* Members in the order they were written:
 *     const char *key; const struct json *value;
 *     for (void *at = NULL; (at = json_next(object, at, &key, &value)) != NULL;) */
void *json_next(const struct json *object, void *at, const char **out_key,
                const struct json **out_value);

struct json *json_new_object(void);
struct json *json_new_array(void);
/* NULL: a JSON null.  Bytes that are not UTF-8 become U+FFFD, in keys too. */
struct json *json_new_text(const char *text);
struct json *json_new_int(int64_t value);
struct json *json_new_copy(const struct json *value); /* deep; NULL of NULL */

/* The container takes `value` over; a NULL value adds nothing. */
void json_set(struct json *object, const char *key, struct json *value);
void json_append(struct json *array, struct json *value);
/* A NULL text adds nothing. */
void json_set_text(struct json *object, const char *key, const char *text);
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_real(struct json *object, const char *key, double value); /* not finite: null */
void json_set_bool(struct json *object, const char *key, bool value);
void json_append_text(struct json *array, const char *text);

enum json_style {
    JSON_STYLE_COMPACT,
    JSON_STYLE_PRETTY,
    JSON_STYLE_CANONICAL /* sorted, compact */
};
void json_print(const struct json *value, enum json_style style, struct buf *out);
char *json_print_text(const struct json *value, enum json_style style); /* heap */

/* Of the library below, as it is loaded: "2.14". */
const char *json_library_version(void);

/* Lets jansson take its memory from the heap of base.h, before anything else uses it. */
void json_take_memory(void);

#endif
