/*
 * Expands the .def files to tables.
 */
#include "spec/kinds/kinds.h"

#include "spec/base/text.h"

/* ---- Enumerations --------------------------------------------------------------------------- */

#define VALUE_TEXT(constant, text) [constant] = (text),
#define ENUM_TABLE(name_, VALUES)                                                                  \
    static const char *const name_##_texts[] = { VALUES(VALUE_TEXT) };                             \
    const struct enumeration name_##_values = { .name = #name_,                                    \
                                                .texts = name_##_texts,                            \
                                                .count = ARRAY_COUNT(name_##_texts) };
ALL_ENUMS(ENUM_TABLE)

/* ---- Records -------------------------------------------------------------------------------- */

/* Short names for the columns of the .def files, seen nowhere else. */
#define ROLLS    FIELD_ROLLS
#define IN_PLACE FIELD_IN_PLACE
#define NONE     FIELD_NONE
#define FARGATE  LAUNCH_TYPE_FARGATE

#define AT(structure, name)       .offset = offsetof(struct structure, name)
#define COUNT_AT(structure, name) .count_offset = offsetof(struct structure, name##_count)

#define ROW_BOOL(structure, name, child) .type = FIELD_BOOL, AT(structure, name)
#define ROW_U32(structure, name, child)  .type = FIELD_U32, AT(structure, name)
#define ROW_I64(structure, name, child)  .type = FIELD_I64, AT(structure, name)
#define ROW_F64(structure, name, child)  .type = FIELD_F64, AT(structure, name)
#define ROW_TEXT(structure, name, child) .type = FIELD_TEXT, AT(structure, name)
#define ROW_ENUM(structure, name, child)                                                           \
    .type = FIELD_ENUM, AT(structure, name), .values = &child##_values
#define ROW_RECORD(structure, name, child)                                                         \
    .type = FIELD_RECORD, AT(structure, name), .record = &child##_record
#define ROW_LIST(structure, name, of)                                                              \
    .type = FIELD_LIST, .element = (of), AT(structure, name), COUNT_AT(structure, name)
#define ROW_LIST_TEXT(structure, name, child) ROW_LIST(structure, name, FIELD_TEXT)
#define ROW_LIST_U32(structure, name, child)  ROW_LIST(structure, name, FIELD_U32)
#define ROW_LIST_ENUM(structure, name, child)                                                      \
    ROW_LIST(structure, name, FIELD_ENUM), .values = &child##_values
#define ROW_LIST_RECORD(structure, name, child)                                                    \
    ROW_LIST(structure, name, FIELD_RECORD), .record = &child##_record
#define ROW_MAP(structure, name, child)                                                            \
    .type = FIELD_MAP, AT(structure, name), COUNT_AT(structure, name)
#define ROW_IGNORED(structure, name, child) .type = FIELD_IGNORED
#define ROW_REFUSED(structure, name, child) .type = FIELD_REFUSED

#define ROW(structure, row_type, name, key_, child, ...)                                           \
    { .key = (key_), .member = #name, ROW_##row_type(structure, name, child), __VA_ARGS__ },
#define RECORD_TABLE(name_, FIELDS)                                                                \
    static const struct field name_##_fields[] = { FIELDS(ROW, name_) };                           \
    const struct record name_##_record = { .name = #name_,                                         \
                                           .size = sizeof(struct name_),                           \
                                           .fields = name_##_fields,                               \
                                           .field_count = ARRAY_COUNT(name_##_fields) };
ALL_RECORDS(RECORD_TABLE)

/* An enumeration is read and written through unsigned (spec/decode.c). */
#define ENUM_SIZE(name, VALUES)                                                                    \
    _Static_assert(sizeof(enum name) == sizeof(unsigned), "an enumeration is an unsigned");
ALL_ENUMS(ENUM_SIZE)

/* ---- Look-ups ------------------------------------------------------------------------------- */

const struct record *kind_record(enum kind kind)
{
#define KIND_RECORD(constant, name, text) [KIND_##constant] = &name##_spec_record,
    static const struct record *const records[] = { KINDS(KIND_RECORD) };

    ASSERT(kind < KIND_COUNT);
    return records[kind];
}

const char *kind_text(enum kind kind)
{
#define KIND_TEXT(constant, name, text) [KIND_##constant] = (text),
    static const char *const texts[] = { KINDS(KIND_TEXT) };

    ASSERT(kind < KIND_COUNT);
    return texts[kind];
}

bool kind_parse(const char *text, enum kind *out)
{
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        if (text_equal(kind_text(kind), text)) {
            *out = kind;
            return true;
        }
    return false;
}

const char *enumeration_text(const struct enumeration *values, unsigned value)
{
    ASSERT(value < values->count);
    return values->texts[value];
}
