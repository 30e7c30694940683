/*
 * Each record becomes a definition of the schema; fields refer to them.
 */
#include "spec/schema.h"

#include <stdio.h>

#include "spec/base/json.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"

/* What libyaml reads as these types may stand for text: `redeploy: 2`. */
static const char *const text_types[] = { "string", "number", "boolean", "null" };

static void set_types(struct json *schema, const char *const *types, size_t count)
{
    struct json *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_append_text(list, types[i]);
    json_set(schema, "type", list);
}

static struct json *reference_to(const char *definition)
{
    struct json *schema = json_object();
    char text[128];
    int size = snprintf(text, sizeof(text), "#/definitions/%s", definition);

    ASSERT(size > 0 && size < (int)sizeof(text));
    json_set_text(schema, "$ref", text);
    return schema;
}

static void describe_bool(struct json *schema, const struct field *field)
{
    static const char *const types[] = { "boolean", "null" };

    (void)field;
    set_types(schema, types, ARRAY_COUNT(types));
}

static void set_limit(struct json *schema, const char *key, double limit)
{
    json_set_int(schema, key, (int64_t)limit);
}

static void describe_whole(struct json *schema, const struct field *field)
{
    static const char *const types[] = { "integer", "string", "null" };
    static const char *const patterns[] = {
        [FIELD_UNIT_NONE] = "^-?[0-9]+$",
        [FIELD_UNIT_SECONDS] = "^([0-9]+|([0-9]+(d|h|m|s|ms))+)$",
        [FIELD_UNIT_MIB] = "^([0-9]+(\\.[0-9]+)?|\\.[0-9]+) *([MmGgTt][Ii]?[Bb])?$",
        [FIELD_UNIT_CPU] = "^([0-9]+(\\.[0-9]+)?|\\.[0-9]+) *([Vv][Cc][Pp][Uu])?$",
    };

    set_types(schema, types, ARRAY_COUNT(types));
    json_set_text(schema, "pattern", patterns[field->unit]);
    set_limit(schema, "minimum", field->min);
    if (field->max > 0)
        set_limit(schema, "maximum", field->max);
}

static void describe_real(struct json *schema, const struct field *field)
{
    static const char *const types[] = { "number", "string", "null" };

    set_types(schema, types, ARRAY_COUNT(types));
    json_set_real(schema, "minimum", field->min);
    if (field->max > 0)
        json_set_real(schema, "maximum", field->max);
}

static void describe_text(struct json *schema, const struct field *field)
{
    set_types(schema, text_types, ARRAY_COUNT(text_types));
    if (field->is_name)
        json_set_text(schema, "pattern", "^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$");
}

static void describe_enum(struct json *schema, const struct field *field)
{
    struct json *values = json_array();

    for (size_t i = 0; i < field->values->count; i++)
        if (field->values->texts[i] != NULL)
            json_append_text(values, field->values->texts[i]);
    if (!field->required && field->type == FIELD_ENUM)
        json_append(values, json_new_text(NULL));
    json_set(schema, "enum", values);
}

static void describe_scalar(struct json *schema, const struct field *field, enum field_type type)
{
    static void (*const describers[])(struct json * schema, const struct field *field) = {
        [FIELD_BOOL] = describe_bool, [FIELD_U32] = describe_whole, [FIELD_I64] = describe_whole,
        [FIELD_F64] = describe_real,  [FIELD_TEXT] = describe_text, [FIELD_ENUM] = describe_enum,
    };

    ASSERT((size_t)type < ARRAY_COUNT(describers));
    describers[type](schema, field);
}

static void describe_list(struct json *schema, const struct field *field)
{
    static const char *const types[] = { "array", "null" };
    struct json *items;

    if (field->element == FIELD_RECORD) {
        items = reference_to(field->record->name);
    } else {
        items = json_object();
        describe_scalar(items, field, field->element);
    }
    set_types(schema, types, ARRAY_COUNT(types));
    json_set(schema, "items", items);
    if (field->required)
        json_set_int(schema, "minItems", 1);
}

static struct json *text_values(void)
{
    struct json *schema = json_object();

    set_types(schema, text_types, ARRAY_COUNT(text_types));
    return schema;
}

/* ECS's form of a map: a list of {name, value}. */
static void describe_pairs(struct json *schema, const struct field *field)
{
    struct json *pair = json_object();
    struct json *members = json_object();
    struct json *required = json_array();

    json_set(members, field->pair_key, text_values());
    json_set(members, "value", text_values());
    json_append_text(required, field->pair_key);
    json_set_text(pair, "type", "object");
    json_set(pair, "properties", members);
    json_set(pair, "required", required);
    json_set(schema, "items", pair);
}

static void describe_map(struct json *schema, const struct field *field)
{
    static const char *const types[] = { "object", "null", "array" };

    set_types(schema, types, field->pair_key != NULL ? 3 : 2);
    json_set(schema, "additionalProperties", text_values());
    if (field->pair_key != NULL)
        describe_pairs(schema, field);
}

/* What says nothing is let through; a "$ref" of its own would hide the description beside it. */
static void describe_refused(struct json *schema)
{
    struct json *rules = json_array();

    json_append(rules, reference_to("nothing"));
    json_set(schema, "allOf", rules);
}

/* node_says_nothing() as a schema. */
static struct json *describe_nothing(void)
{
    static const char text[] =
        "{\"anyOf\": [{\"enum\": [null, 0, false, \"\"]},"
        " {\"type\": \"array\", \"items\": {\"$ref\": \"#/definitions/nothing\"}},"
        " {\"type\": \"object\","
        " \"additionalProperties\": {\"$ref\": \"#/definitions/nothing\"}}]}";
    struct json *schema = json_parse(text, sizeof(text) - 1, NULL);

    ASSERT(schema != NULL);
    return schema;
}

static void describe_child(struct json *schema, const struct field *field)
{
    struct json *choices = json_array();
    struct json *null = json_object();

    json_set_text(null, "type", "null");
    json_append(choices, reference_to(field->record->name));
    json_append(choices, null);
    json_set(schema, "anyOf", choices);
}

static void set_description(struct json *schema, const struct field *field)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, 4096);
    buf_text_add(&text, field->help);
    if (field->ignored != NULL)
        buf_printf(&text, " Ignored: %s.", field->ignored);
    if (field->refused != NULL)
        buf_printf(&text, " Not possible: %s.", field->refused);
    if (field->refused_on != 0)
        buf_text_add(&text, " Not possible on FARGATE.");
    if (field->initial != NULL && !text_equal(field->initial, "{}"))
        buf_printf(&text, " Default: %s.", field->initial);
    json_set_text(schema, "description", buf_text(&text));
}

static struct json *describe_field(const struct field *field)
{
    struct json *schema = json_object();

    set_description(schema, field);
    switch (field->type) {
    case FIELD_RECORD: describe_child(schema, field); break;
    case FIELD_LIST: describe_list(schema, field); break;
    case FIELD_MAP: describe_map(schema, field); break;
    case FIELD_REFUSED: describe_refused(schema); break;
    case FIELD_IGNORED: break;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM: describe_scalar(schema, field, field->type); break;
    }
    return schema;
}

/* An object that takes what is the user's own, and else only what it names. */
static struct json *closed_object(struct json *members, struct json *required)
{
    struct json *schema = json_object();
    struct json *own = json_object();

    json_set_text(schema, "type", "object");
    json_set(schema, "properties", members);
    json_set(own, "^x-", json_object());
    json_set(schema, "patternProperties", own);
    json_set_bool(schema, "additionalProperties", false);
    if (json_count(required) > 0)
        json_set(schema, "required", required);
    else
        json_free(required);
    return schema;
}

static struct json *describe_record(const struct record *record)
{
    struct json *members = json_object();
    struct json *required = json_array();

    for (size_t i = 0; i < record->field_count; i++) {
        json_set(members, record->fields[i].key, describe_field(&record->fields[i]));
        if (record->fields[i].required)
            json_append_text(required, record->fields[i].key);
    }
    return closed_object(members, required);
}

static struct json *constant(const char *text)
{
    struct json *schema = json_object();

    json_set_text(schema, "const", text);
    return schema;
}

/* if the kind is this one, then the spec is that one's */
static struct json *kind_rule(enum kind kind)
{
    struct json *rule = json_object();
    struct json *condition = json_object();
    struct json *condition_members = json_object();
    struct json *consequence = json_object();
    struct json *consequence_members = json_object();

    json_set(condition_members, "kind", constant(kind_text(kind)));
    json_set(condition, "properties", condition_members);
    json_set(consequence_members, "spec", reference_to(kind_record(kind)->name));
    json_set(consequence, "properties", consequence_members);
    json_set(rule, "if", condition);
    json_set(rule, "then", consequence);
    return rule;
}

static struct json *describe_envelope(void)
{
    struct json *members = json_object();
    struct json *required = json_array();
    struct json *kind = json_object();
    struct json *kinds = json_array();
    struct json *rules = json_array();

    for (enum kind k = 0; k < KIND_COUNT; k++) {
        json_append_text(kinds, kind_text(k));
        json_append(rules, kind_rule(k));
    }
    json_set(kind, "enum", kinds);
    json_set(members, "apiVersion", constant("berth/v1"));
    json_set(members, "kind", kind);
    json_set(members, "metadata", reference_to(metadata_record.name));
    json_set(members, "spec", json_object());
    json_append_text(required, "apiVersion");
    json_append_text(required, "kind");
    json_append_text(required, "metadata");

    struct json *schema = closed_object(members, required);
    json_set(schema, "allOf", rules);
    return schema;
}

void schema_print(struct buf *out)
{
#define RECORD_ROW(name, FIELDS) &name##_record,
    static const struct record *const records[] = { ALL_RECORDS(RECORD_ROW) };
    struct json *schema = describe_envelope();
    struct json *definitions = json_object();

    json_set_text(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    json_set_text(schema, "title", "Berth manifest");
    json_set(definitions, "nothing", describe_nothing());
    for (size_t i = 0; i < ARRAY_COUNT(records); i++)
        json_set(definitions, records[i]->name, describe_record(records[i]));
    json_set(schema, "definitions", definitions);
    json_print(schema, JSON_STYLE_PRETTY, out);
    buf_char(out, '\n');
    json_free(schema);
}
