/*
 * Walks the tables.  Nothing here may depend on the order of rows: moving a row must not replace
 * every task there is.
 */
#include "spec/canonical.h"

#include <stdlib.h>
#include <string.h>

/* Rows of one table, and so keys of one object. */
#define FIELDS_MAX 128

static bool is_printed(const struct field *field, const void *structure, enum canonical_scope scope)
{
    if (field->type == FIELD_IGNORED || field->type == FIELD_REFUSED)
        return false;
    if (scope == CANONICAL_ROLLS && field->change != FIELD_ROLLS)
        return false;
    /* A required number that happens to be 0 must be there when the text is read again. */
    if (field->required && field->type <= FIELD_F64)
        return true;
    return !field_is_initial(field, structure);
}

_Static_assert(FIELD_BOOL < FIELD_F64 && FIELD_U32 < FIELD_F64 && FIELD_I64 < FIELD_F64 &&
                   FIELD_TEXT > FIELD_F64,
               "truth and numbers come first");

/* Answers the number of bytes and the character. */
static size_t decode_utf8(const unsigned char *at, uint32_t *out)
{
    if (at[0] < 0x80) {
        *out = at[0];
        return 1;
    }
    if (at[0] < 0xE0) {
        *out = (at[0] & 0x1FU) << 6 | (at[1] & 0x3FU);
        return 2;
    }
    if (at[0] < 0xF0) {
        *out = (at[0] & 0x0FU) << 12 | (at[1] & 0x3FU) << 6 | (at[2] & 0x3FU);
        return 3;
    }
    *out = 0x10000;
    return 4;
}

void canonical_text(const char *text, struct buf *out)
{
    if (text == NULL) {
        buf_text_add(out, "null");
        return;
    }
    buf_char(out, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        uint32_t character;
        size_t size = decode_utf8(at, &character);
        if (character == '"' || character == '\\') {
            buf_char(out, '\\');
            buf_char(out, (char)character);
        } else if (character >= 0x20 && character < 0x7F) {
            buf_char(out, (char)character);
        } else if (character < 0x10000) {
            buf_printf(out, "\\u%04x", character);
        } else {
            buf_add(out, at, size);
        }
        at += size;
    }
    buf_char(out, '"');
}

static void print_scalar(const struct field *field, enum field_type type, const void *slot,
                         struct buf *out)
{
    if (type == FIELD_TEXT) {
        canonical_text(*(const char *const *)slot, out);
    } else if (type == FIELD_ENUM) {
        buf_char(out, '"');
        field_print(field, type, slot, out);
        buf_char(out, '"');
    } else {
        field_print(field, type, slot, out);
    }
}

static void print_map(const struct pair *pairs, size_t count, struct buf *out)
{
    buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        ASSERT(i == 0 || strcmp(pairs[i - 1].key, pairs[i].key) < 0);
        if (i > 0)
            buf_char(out, ',');
        canonical_text(pairs[i].key, out);
        buf_char(out, ':');
        canonical_text(pairs[i].value, out);
    }
    buf_char(out, '}');
}

struct named {
    const char *name;
    const void *element;
};

static int compare_named(const void *a_memory, const void *b_memory)
{
    const struct named *a = a_memory;
    const struct named *b = b_memory;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->element > b->element) - (a->element < b->element);
}

static void print_records(const struct field *field, const void *structure,
                          enum canonical_scope scope, struct buf *out)
{
    const struct field *name = record_name_field(field->record);
    size_t count = field_count(field, structure);
    const char *elements = field_elements(field, structure);
    struct named *sorted = mem_alloc((count + 1) * sizeof(*sorted));

    for (size_t i = 0; i < count; i++) {
        sorted[i].element = elements + i * field->record->size;
        sorted[i].name = "";
        if (name != NULL)
            memcpy(&sorted[i].name, field_slot_const(name, sorted[i].element),
                   sizeof(sorted[i].name));
    }
    if (name != NULL)
        qsort(sorted, count, sizeof(*sorted), compare_named);
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(out, ',');
        canonical_record(field->record, sorted[i].element, scope, out);
    }
    buf_char(out, ']');
    free(sorted);
}

static void print_list(const struct field *field, const void *structure, enum canonical_scope scope,
                       struct buf *out)
{
    size_t count = field_count(field, structure);
    size_t size = field_element_size(field);
    const char *elements = field_elements(field, structure);

    if (field->element == FIELD_RECORD) {
        print_records(field, structure, scope, out);
        return;
    }
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(out, ',');
        print_scalar(field, field->element, elements + i * size, out);
    }
    buf_char(out, ']');
}

static void print_field(const struct field *field, const void *structure,
                        enum canonical_scope scope, struct buf *out)
{
    const void *child;

    switch (field->type) {
    case FIELD_RECORD:
        memcpy(&child, field_slot_const(field, structure), sizeof(child));
        if (child != NULL)
            canonical_record(field->record, child, scope, out);
        else
            buf_text_add(out, "null");
        break;
    case FIELD_LIST: print_list(field, structure, scope, out); break;
    case FIELD_MAP:
        print_map(field_elements(field, structure), field_count(field, structure), out);
        break;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM:
        print_scalar(field, field->type, field_slot_const(field, structure), out);
        break;
    case FIELD_IGNORED:
    case FIELD_REFUSED: ASSERT(false); break;
    }
}

void canonical_record(const struct record *record, const void *structure,
                      enum canonical_scope scope, struct buf *out)
{
    const struct field *printed[FIELDS_MAX];
    size_t count = 0;

    ASSERT(record->field_count <= FIELDS_MAX);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (!is_printed(field, structure, scope))
            continue;
        size_t at = count++;
        for (; at > 0 && strcmp(printed[at - 1]->key, field->key) > 0; at--)
            printed[at] = printed[at - 1];
        printed[at] = field;
    }
    buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", printed[i]->key);
        print_field(printed[i], structure, scope, out);
    }
    buf_char(out, '}');
}
