/*
 * One row of operations for each type of scalar; lists, maps and records are made of those.
 */
#include "spec/field.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

/* ---- Scalars -------------------------------------------------------------------------------- */

static const char *parse_bool(const struct field *field, const char *text, void *slot,
                              struct arena *arena)
{
    bool *out = slot;

    (void)field;
    if (text_equal(text, "true"))
        *out = true;
    else if (text_equal(text, "false"))
        *out = false;
    else
        return arena_printf(arena, "'%s' is neither true nor false", text);
    return NULL;
}

static const char *check_range(const struct field *field, const char *text, double number,
                               struct arena *arena)
{
    double max = field->max > 0 ? field->max : UINT32_MAX;

    if (number >= field->min && number <= max)
        return NULL;
    return arena_printf(arena, "'%s' is not between %.15g and %.15g", text, field->min, max);
}

static bool parse_seconds(const char *text, uint32_t *out)
{
    int64_t ms;

    if (!text_parse_duration_ms(text, &ms) || ms % 1000 != 0 || ms / 1000 > UINT32_MAX)
        return false;
    *out = (uint32_t)(ms / 1000);
    return true;
}

static const char *parse_u32(const struct field *field, const char *text, void *slot,
                             struct arena *arena)
{
    static bool (*const parsers[])(const char *text, uint32_t *out) = {
        [FIELD_UNIT_NONE] = text_parse_u32,
        [FIELD_UNIT_SECONDS] = parse_seconds,
        [FIELD_UNIT_MIB] = text_parse_mib,
        [FIELD_UNIT_CPU] = text_parse_cpu_units,
    };
    uint32_t number;
    int64_t wide;

    /* Whole seconds may be more than ten years; that is a matter of the field's limits. */
    bool understood = text_parse_u32(text, &number) || parsers[field->unit](text, &number);
    const char *outside = !understood && text_parse_i64(text, &wide)
                              ? check_range(field, text, (double)wide, arena)
                              : NULL;
    if (outside != NULL)
        return outside;
    if (!understood)
        switch (field->unit) {
        case FIELD_UNIT_NONE: return arena_printf(arena, "'%s' is not a whole number", text);
        case FIELD_UNIT_SECONDS:
            return arena_printf(arena, "'%s' is no duration: write whole seconds, as 30 or 30s",
                                text);
        case FIELD_UNIT_MIB:
            return arena_printf(arena, "'%s' is no size: write whole MiB, as 512, 512MiB or 1GB",
                                text);
        case FIELD_UNIT_CPU:
            return arena_printf(arena, "'%s' is no amount of CPU: write units, as 256 or .25 vCPU",
                                text);
        }
    const char *complaint = check_range(field, text, number, arena);
    if (complaint == NULL)
        *(uint32_t *)slot = number;
    return complaint;
}

static const char *parse_i64(const struct field *field, const char *text, void *slot,
                             struct arena *arena)
{
    int64_t number;

    if (!text_parse_i64(text, &number))
        return arena_printf(arena, "'%s' is not a whole number", text);
    const char *complaint = check_range(field, text, (double)number, arena);
    if (complaint == NULL)
        *(int64_t *)slot = number;
    return complaint;
}

static const char *parse_f64(const struct field *field, const char *text, void *slot,
                             struct arena *arena)
{
    double number;

    if (!text_parse_f64(text, &number))
        return arena_printf(arena, "'%s' is not a number", text);
    const char *complaint = check_range(field, text, number, arena);
    if (complaint == NULL)
        *(double *)slot = number;
    return complaint;
}

static const char *parse_text(const struct field *field, const char *text, void *slot,
                              struct arena *arena)
{
    if (field->is_name && !text_is_name(text))
        return arena_printf(arena,
                            "'%s' is not a name: up to 255 letters, digits, '-' and '_', beginning "
                            "with a letter or digit",
                            text);
    if (field->type == FIELD_TEXT && field->required && text[0] == '\0')
        return "is empty";
    *(const char **)slot = arena_text(arena, text);
    return NULL;
}

static const char *parse_enum(const struct field *field, const char *text, void *slot,
                              struct arena *arena)
{
    const struct enumeration *values = field->values;

    for (unsigned value = 0; value < values->count; value++)
        if (text_equal(values->texts[value], text)) {
            memcpy(slot, &value, sizeof(value));
            return NULL;
        }

    if (values->count == 1)
        return arena_printf(arena, "'%s' is not possible here, only %s is", text, values->texts[0]);
    struct buf list;
    buf_init(&list, 1024);
    for (size_t i = 0; i < values->count; i++)
        if (values->texts[i] != NULL)
            buf_printf(&list, "%s%s", list.size > 0 ? ", " : "", values->texts[i]);
    const char *near = text_nearest(text, values->texts, values->count);
    const char *complaint =
        near != NULL ? arena_printf(arena, "'%s' is not one of %s: did you mean '%s'?", text,
                                    buf_text(&list), near)
                     : arena_printf(arena, "'%s' is not one of %s", text, buf_text(&list));
    buf_release(&list);
    return complaint;
}

static void print_bool(const struct field *field, const void *slot, struct buf *out)
{
    (void)field;
    buf_text_add(out, *(const bool *)slot ? "true" : "false");
}

static void print_u32(const struct field *field, const void *slot, struct buf *out)
{
    (void)field;
    buf_printf(out, "%u", *(const uint32_t *)slot);
}

static void print_i64(const struct field *field, const void *slot, struct buf *out)
{
    (void)field;
    buf_printf(out, "%lld", (long long)*(const int64_t *)slot);
}

/* With as few digits as bring the same number back. */
static void print_f64(const struct field *field, const void *slot, struct buf *out)
{
    double number = *(const double *)slot;
    char text[40];
    double again = 0;

    (void)field;
    for (int precision = 1; precision <= 17; precision++) {
        int size = snprintf(text, sizeof(text), "%.*g", precision, number);
        ASSERT(size > 0 && size < (int)sizeof(text));
        if (text_parse_f64(text, &again) && again >= number && again <= number)
            break;
    }
    buf_text_add(out, text);
}

static void print_text(const struct field *field, const void *slot, struct buf *out)
{
    const char *text = *(const char *const *)slot;

    (void)field;
    if (text != NULL)
        buf_text_add(out, text);
}

static void print_enum(const struct field *field, const void *slot, struct buf *out)
{
    unsigned value;

    memcpy(&value, slot, sizeof(value));
    ASSERT(value < field->values->count);
    if (field->values->texts[value] != NULL)
        buf_text_add(out, field->values->texts[value]);
}

static bool equal_text(const void *a, const void *b)
{
    return text_equal(*(const char *const *)a, *(const char *const *)b);
}

static bool equal_f64(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x >= y && x <= y;
}

struct field_ops {
    const char *(*parse)(const struct field *field, const char *text, void *slot,
                         struct arena *arena);
    void (*print)(const struct field *field, const void *slot, struct buf *out);
    bool (*equal)(const void *a, const void *b); /* NULL: the same bytes */
    size_t size;
};

static const struct field_ops scalar_ops[] = {
    [FIELD_BOOL] = { parse_bool, print_bool, NULL, sizeof(bool) },
    [FIELD_U32] = { parse_u32, print_u32, NULL, sizeof(uint32_t) },
    [FIELD_I64] = { parse_i64, print_i64, NULL, sizeof(int64_t) },
    [FIELD_F64] = { parse_f64, print_f64, equal_f64, sizeof(double) },
    [FIELD_TEXT] = { parse_text, print_text, equal_text, sizeof(const char *) },
    [FIELD_ENUM] = { parse_enum, print_enum, NULL, sizeof(unsigned) },
};

static const struct field_ops *ops_of(enum field_type type)
{
    ASSERT((size_t)type < ARRAY_COUNT(scalar_ops));
    return &scalar_ops[type];
}

const char *field_parse(const struct field *field, enum field_type type, const char *text,
                        void *slot, struct arena *arena)
{
    return ops_of(type)->parse(field, text, slot, arena);
}

void field_print(const struct field *field, enum field_type type, const void *slot, struct buf *out)
{
    ops_of(type)->print(field, slot, out);
}

static bool scalar_equal(enum field_type type, const void *a, const void *b)
{
    const struct field_ops *ops = ops_of(type);

    return ops->equal != NULL ? ops->equal(a, b) : memcmp(a, b, ops->size) == 0;
}

/* ---- Lists and maps ------------------------------------------------------------------------- */

size_t field_count(const struct field *field, const void *structure)
{
    size_t count;

    ASSERT(field->type == FIELD_LIST || field->type == FIELD_MAP);
    memcpy(&count, (const char *)structure + field->count_offset, sizeof(count));
    return count;
}

const void *field_elements(const struct field *field, const void *structure)
{
    const void *elements;

    ASSERT(field->type == FIELD_LIST || field->type == FIELD_MAP);
    memcpy(&elements, field_slot_const(field, structure), sizeof(elements));
    return elements;
}

size_t field_element_size(const struct field *field)
{
    if (field->type == FIELD_MAP)
        return sizeof(struct pair);
    ASSERT(field->type == FIELD_LIST);
    return field->element == FIELD_RECORD ? field->record->size : ops_of(field->element)->size;
}

void field_set_elements(const struct field *field, void *structure, void *elements, size_t count)
{
    ASSERT(field->type == FIELD_LIST || field->type == FIELD_MAP);
    memcpy(field_slot(field, structure), &elements, sizeof(elements));
    memcpy((char *)structure + field->count_offset, &count, sizeof(count));
}

/* ---- Records -------------------------------------------------------------------------------- */

static bool is_scalar(const struct field *field)
{
    return field->type <= FIELD_ENUM;
}

_Static_assert(FIELD_BOOL == 0 && FIELD_RECORD == FIELD_ENUM + 1, "scalars come first");

bool field_equal(const struct field *field, const void *a, const void *b)
{
    if (is_scalar(field))
        return scalar_equal(field->type, field_slot_const(field, a), field_slot_const(field, b));

    ASSERT(field->type == FIELD_LIST && field->element != FIELD_RECORD);
    size_t count = field_count(field, a);
    size_t size = field_element_size(field);
    const char *left = field_elements(field, a);
    const char *right = field_elements(field, b);
    if (count != field_count(field, b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!scalar_equal(field->element, left + i * size, right + i * size))
            return false;
    return true;
}

static const void *child_of(const struct field *field, const void *structure)
{
    const void *child;

    ASSERT(field->type == FIELD_RECORD);
    memcpy(&child, field_slot_const(field, structure), sizeof(child));
    return child;
}

static bool has_initial(const struct field *field)
{
    return field->initial != NULL || field->absent != NULL;
}

/* What is only there to tell that nothing was written need not be within the limits. */
static void parse_initial(const struct field *field, void *slot, struct arena *arena)
{
    struct field any = *field;
    const char *complaint;

    if (field->absent != NULL) {
        any.min = -DBL_MAX;
        any.max = DBL_MAX;
    }
    complaint =
        field_parse(&any, any.type, any.absent != NULL ? any.absent : any.initial, slot, arena);
    ASSERT(complaint == NULL);
}

void record_init(const struct record *record, void *structure, struct arena *arena)
{
    memset(structure, 0, record->size);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        void *slot = has_initial(field) ? field_slot(field, structure) : NULL;
        if (slot == NULL)
            continue;
        if (is_scalar(field)) {
            parse_initial(field, slot, arena);
            continue;
        }
        ASSERT(field->type == FIELD_RECORD && text_equal(field->initial, "{}"));
        void *child = arena_alloc(arena, field->record->size);
        record_init(field->record, child, arena);
        memcpy(slot, &child, sizeof(child));
    }
}

static bool scalar_is_initial(const struct field *field, const void *structure)
{
    union {
        bool boolean;
        uint32_t u32;
        int64_t i64;
        double f64;
        const char *text;
        unsigned enumerated;
    } initial;
    struct arena arena = { 0 };

    /* The text of a default needs no copy, and only that would use the arena. */
    memset(&initial, 0, sizeof(initial));
    if (field->type == FIELD_TEXT)
        initial.text = field->initial;
    else if (has_initial(field))
        parse_initial(field, &initial, &arena);
    return scalar_equal(field->type, &initial, field_slot_const(field, structure));
}

static bool record_is_initial(const struct record *record, const void *structure)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (!field_is_initial(&record->fields[i], structure))
            return false;
    return true;
}

bool field_is_initial(const struct field *field, const void *structure)
{
    if (is_scalar(field))
        return scalar_is_initial(field, structure);
    if (field->type == FIELD_LIST || field->type == FIELD_MAP)
        return field_count(field, structure) == 0;
    if (field->type != FIELD_RECORD)
        return true;

    /* A map that says nothing is as good as none. */
    const void *child = child_of(field, structure);
    return child == NULL || record_is_initial(field->record, child);
}

const struct field *record_field(const struct record *record, const char *key)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (strcmp(record->fields[i].key, key) == 0)
            return &record->fields[i];
    return NULL;
}

const struct field *record_name_field(const struct record *record)
{
    const struct field *field = record_field(record, "name");

    return field != NULL && field->type == FIELD_TEXT && field->required ? field : NULL;
}

bool field_name_is_secret(const char *name)
{
    return strcasestr(name, "PASS") != NULL || strcasestr(name, "SECRET") != NULL ||
           strcasestr(name, "TOKEN") != NULL || strcasestr(name, "KEY") != NULL;
}
