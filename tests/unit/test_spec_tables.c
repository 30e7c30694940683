/*
 * The tables themselves: every row is complete, and what they declare survives the way to canonical
 * text and back.
 */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/rng.h"
#include "spec/base/text.h"
#include "spec/canonical.h"
#include "spec/decode.h"
#include "spec/kinds/kinds.h"
#include "spec/yaml.h"
#include "tests/unit/unit.h"

#define RECORD_ROW(name, FIELDS) &name##_record,
static const struct record *const records[] = { ALL_RECORDS(RECORD_ROW) };

static bool is_understood(const struct field *field)
{
    return field->type != FIELD_IGNORED && field->type != FIELD_REFUSED;
}

static void check_row(const struct record *record, const struct field *field)
{
    size_t same = 0;
    size_t help = field->help != NULL ? strlen(field->help) : 0;

    for (size_t i = 0; i < record->field_count; i++)
        same += text_equal(record->fields[i].key, field->key) ? 1 : 0;
    if (same != 1)
        fail_msg("%s has '%s' twice", record->name, field->key);
    if (field->change == FIELD_CHANGE_UNSET)
        fail_msg("%s.%s has no change class", record->name, field->key);
    if (help < 2 || field->help[help - 1] != '.')
        fail_msg("%s.%s: the help is no full sentence", record->name, field->key);
    if ((field->ignored != NULL) != (field->type == FIELD_IGNORED) ||
        (field->refused != NULL) != (field->type == FIELD_REFUSED))
        fail_msg("%s.%s: no reason, or one that is not seen", record->name, field->key);
    if (!is_understood(field) && field->change != FIELD_NONE)
        fail_msg("%s.%s changes nothing", record->name, field->key);
    if (field->required && field->initial != NULL)
        fail_msg("%s.%s has a default that is never used", record->name, field->key);
    if (field->min > field->max && field->max > 0)
        fail_msg("%s.%s: min is above max", record->name, field->key);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_COUNT(records); r++)
        for (size_t i = 0; i < records[r]->field_count; i++)
            check_row(records[r], &records[r]->fields[i]);
}

/* Else the digest of what rolls would skip it with its parent. */
static void what_rolls_is_in_what_rolls(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_COUNT(records); r++) {
        for (size_t i = 0; i < records[r]->field_count; i++) {
            const struct field *field = &records[r]->fields[i];
            for (size_t c = 0; field->record != NULL && c < field->record->field_count; c++)
                if (field->change != FIELD_ROLLS && field->record->fields[c].change == FIELD_ROLLS)
                    fail_msg("%s.%s.%s rolls, the map it is in does not", records[r]->name,
                             field->key, field->record->fields[c].key);
        }
    }
}

/* An absent enumeration is 0: the default of the table, or a value that cannot be written. */
static void enumerations_begin_with_their_default(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_COUNT(records); r++) {
        for (size_t i = 0; i < records[r]->field_count; i++) {
            const struct field *field = &records[r]->fields[i];
            if (field->type != FIELD_ENUM)
                continue;
            const char *first = field->values->texts[0];
            if (first != NULL && !text_equal(first, field->initial))
                fail_msg("%s.%s: 0 is '%s'", records[r]->name, field->key, first);
        }
    }
}

static void defaults_are_what_absence_is(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_COUNT(records); r++) {
        AUTO(arena) arena = { 0 };
        void *structure = arena_alloc(&arena, records[r]->size);
        record_init(records[r], structure, &arena);
        for (size_t i = 0; i < records[r]->field_count; i++)
            if (!field_is_initial(&records[r]->fields[i], structure))
                fail_msg("%s.%s", records[r]->name, records[r]->fields[i].key);
    }
}

/* ---- Random structs there and back ----------------------------------------------------------- */

static const char *const texts[] = {
    "x",
    "no",
    "null",
    "~",
    "",
    " a b ",
    "\"q\" \\ \n\t",
    "\x7f",
    "gr\xC3\xBC\xC3\x9F",
    "\xE2\x80\xA8",
    "\xF0\x9F\x98\x80",
    "<<",
    "*a",
    "# c",
    "123",
};

static void fill_record(struct rng *rng, struct arena *arena, const struct record *record,
                        void *structure);

static void fill_scalar(struct rng *rng, struct arena *arena, const struct field *field,
                        enum field_type type, void *slot)
{
    AUTO(buf) text = { 0 };
    double max = field->max > 0 ? field->max : 1000000;

    buf_init(&text, 256);
    switch (type) {
    case FIELD_BOOL: buf_text_add(&text, rng_chance(rng, 50) ? "true" : "false"); break;
    case FIELD_U32:
    case FIELD_I64:
        buf_printf(&text, "%lld", (long long)rng_between(rng, (int64_t)field->min, (int64_t)max));
        break;
    case FIELD_F64: buf_printf(&text, "%.3f", field->min + (double)rng_below(rng, 100) / 7); break;
    case FIELD_ENUM:
        do
            buf_reset(&text);
        while (enumeration_text(field->values, (unsigned)rng_below(rng, field->values->count)) ==
               NULL);
        buf_text_add(&text, field->values->texts[field->values->count - 1]);
        break;
    case FIELD_TEXT:
        if (field->is_name)
            buf_printf(&text, "n%u", (unsigned)rng_below(rng, 1000000));
        else
            buf_printf(&text, "%s%s", field->required ? "r" : "",
                       texts[rng_below(rng, ARRAY_COUNT(texts))]);
        break;
    case FIELD_RECORD:
    case FIELD_LIST:
    case FIELD_MAP:
    case FIELD_IGNORED:
    case FIELD_REFUSED: fail();
    }
    assert_null(field_parse(field, type, buf_text(&text), slot, arena));
}

static void fill_map(struct rng *rng, struct arena *arena, const struct field *field,
                     void *structure)
{
    size_t count = (size_t)rng_below(rng, 4);
    struct pair *pairs = arena_array(arena, struct pair, count);

    for (size_t i = 0; i < count; i++) {
        pairs[i].key = arena_printf(arena, "k%zu%s", i, texts[rng_below(rng, ARRAY_COUNT(texts))]);
        pairs[i].value = texts[rng_below(rng, ARRAY_COUNT(texts))];
    }
    field_set_elements(field, structure, pairs, count);
}

static void fill_list(struct rng *rng, struct arena *arena, const struct field *field,
                      void *structure)
{
    size_t count = (size_t)rng_below(rng, 3) + (field->required ? 1 : 0);
    char *elements = arena_alloc_array(arena, count, field_element_size(field));

    for (size_t i = 0; i < count; i++) {
        void *element = elements + i * field_element_size(field);
        if (field->element == FIELD_RECORD)
            fill_record(rng, arena, field->record, element);
        else
            fill_scalar(rng, arena, field, field->element, element);
    }
    field_set_elements(field, structure, elements, count);
}

static void fill_field(struct rng *rng, struct arena *arena, const struct field *field,
                       void *structure)
{
    void *child;

    if (!is_understood(field) || (!field->required && rng_chance(rng, 40)))
        return;
    switch (field->type) {
    case FIELD_RECORD:
        child = arena_alloc(arena, field->record->size);
        fill_record(rng, arena, field->record, child);
        memcpy(field_slot(field, structure), &child, sizeof(child));
        break;
    case FIELD_LIST: fill_list(rng, arena, field, structure); break;
    case FIELD_MAP: fill_map(rng, arena, field, structure); break;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM:
        fill_scalar(rng, arena, field, field->type, field_slot(field, structure));
        break;
    case FIELD_IGNORED:
    case FIELD_REFUSED: break;
    }
}

static void fill_record(struct rng *rng, struct arena *arena, const struct record *record,
                        void *structure)
{
    record_init(record, structure, arena);
    for (size_t i = 0; i < record->field_count; i++)
        fill_field(rng, arena, &record->fields[i], structure);
}

static void round_trip(struct rng *rng, const struct record *record)
{
    AUTO(arena) arena = { 0 };
    AUTO(diag_list) diags = { 0 };
    AUTO(decoder) decoder = { 0 };
    AUTO(buf) before = { 0 };
    AUTO(buf) after = { 0 };
    void *structure = arena_alloc(&arena, record->size);
    void *again = arena_alloc(&arena, record->size);
    struct yaml_file file;

    fill_record(rng, &arena, record, structure);
    buf_init(&before, 1 << 20);
    canonical_record(record, structure, CANONICAL_ALL, &before);
    if (yaml_parse("f", before.data, before.size, &arena, &diags, &file) < 0)
        fail_msg("%s: %s", before.data, diags.items[0].text);
    decoder_init(&decoder, "f", &arena, &diags);
    decode_record(&decoder, record, file.documents[0], again);
    if (diags.count > 0)
        fail_msg("%s: %s", before.data, diags.items[0].text);
    buf_init(&after, 1 << 20);
    canonical_record(record, again, CANONICAL_ALL, &after);
    assert_string_equal(after.data, before.data);
}

static void canonical_text_comes_back(void **state)
{
    (void)state;
    struct rng rng = { 7 };

    for (int i = 0; i < 400; i++)
        for (enum kind kind = 0; kind < KIND_COUNT; kind++)
            round_trip(&rng, kind_record(kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(what_rolls_is_in_what_rolls),
        cmocka_unit_test(enumerations_begin_with_their_default),
        cmocka_unit_test(defaults_are_what_absence_is),
        cmocka_unit_test(canonical_text_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
