/*
 * Two readers of the same tables.
 */
#include "spec/manual.h"

#include <string.h>
#include <strings.h>

#include "spec/base/text.h"

const char *manual_summary(enum kind kind)
{
    static const char *const summaries[] = {
        [KIND_IMAGE] = "Something to run: built from this repository, or taken from a registry.",
        [KIND_TASK] = "Containers that start and stop together: an ECS task definition.",
        [KIND_CLUSTER] = "Where services run.",
        [KIND_SERVICE] = "How many copies of a Task run, where, and how they are replaced.",
        [KIND_LOAD_BALANCER] = "Where requests come in that services answer.",
        [KIND_SCHEDULE] = "When a Task is run by itself, and what becomes of its runs.",
    };

    ASSERT(kind < KIND_COUNT);
    return summaries[kind];
}

static void enum_text(const struct field *field, const char *separator, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < field->values->count; i++) {
        if (field->values->texts[i] == NULL)
            continue;
        buf_printf(out, "%s%s", first ? "" : separator, field->values->texts[i]);
        first = false;
    }
}

static void number_text(const struct field *field, struct buf *out)
{
    static const char *const units[] = {
        [FIELD_UNIT_NONE] = "whole number",
        [FIELD_UNIT_SECONDS] = "seconds, or a duration as 30s",
        [FIELD_UNIT_MIB] = "MiB, or a size as 512MiB or 1GB",
        [FIELD_UNIT_CPU] = "CPU units, or as .5 vCPU",
    };

    buf_text_add(out, units[field->unit]);
    if (field->max > 0)
        buf_printf(out, ", %.15g to %.15g", field->min, field->max);
}

static void scalar_text(const struct field *field, enum field_type type, struct buf *out)
{
    switch (type) {
    case FIELD_BOOL: buf_text_add(out, "true or false"); break;
    case FIELD_U32:
    case FIELD_I64: number_text(field, out); break;
    case FIELD_F64: buf_printf(out, "number, %.15g to %.15g", field->min, field->max); break;
    case FIELD_TEXT: buf_text_add(out, field->is_name ? "name" : "text"); break;
    case FIELD_ENUM:
        buf_text_add(out, "one of ");
        enum_text(field, ", ", out);
        break;
    case FIELD_RECORD:
    case FIELD_LIST:
    case FIELD_MAP:
    case FIELD_IGNORED:
    case FIELD_REFUSED: break;
    }
}

static void type_text(const struct field *field, struct buf *out)
{
    switch (field->type) {
    case FIELD_RECORD: buf_text_add(out, "map"); break;
    case FIELD_LIST:
        buf_text_add(out, "list of ");
        if (field->element == FIELD_RECORD)
            buf_text_add(out, "maps");
        else
            scalar_text(field, field->element, out);
        break;
    case FIELD_MAP:
        buf_text_add(out, "map of text");
        if (field->pair_key != NULL)
            buf_printf(out, ", or list of {%s, value}", field->pair_key);
        break;
    case FIELD_IGNORED:
    case FIELD_REFUSED: break;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM: scalar_text(field, field->type, out); break;
    }
}

static const char *change_text(enum field_change change)
{
    switch (change) {
    case FIELD_ROLLS: return "replaces tasks";
    case FIELD_IN_PLACE: return "keeps tasks";
    case FIELD_NONE: return "nothing";
    case FIELD_CHANGE_UNSET: break;
    }
    ASSERT(false);
    return "";
}

static bool is_understood(const struct field *field)
{
    return field->type != FIELD_IGNORED && field->type != FIELD_REFUSED;
}

static bool has_default(const struct field *field)
{
    return field->initial != NULL && !text_equal(field->initial, "{}");
}

/* ---- Reference ------------------------------------------------------------------------------ */

static void field_row(const struct field *field, struct buf *out)
{
    buf_printf(out, "| `%s`%s | ", field->key, field->required ? " *" : "");
    type_text(field, out);
    buf_printf(out, " | %s%s%s | %s | %s", has_default(field) ? "`" : "",
               has_default(field) ? field->initial : "", has_default(field) ? "`" : "",
               change_text(field->change), field->help);
    if (field->refused_on != 0)
        buf_text_add(out, " Not possible on FARGATE.");
    if (field->fargate_max > 0)
        buf_printf(out, " At most %.15g on FARGATE.", field->fargate_max);
    buf_text_add(out, " |\n");
}

static void other_fields(const struct record *record, enum field_type type, const char *title,
                         struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (field->type != type)
            continue;
        if (!any)
            buf_printf(out, "\n%s\n\n", title);
        any = true;
        buf_printf(out, "- `%s`: %s\n", field->key,
                   field->ignored != NULL ? field->ignored : field->refused);
    }
}

/* A section, and then those of the maps in it; as deep as the tables. */
static void section(const struct record *record, const char *title, struct buf *out)
{
    buf_printf(out,
               "\n## %s\n\n| key | value | default | a change | meaning |\n"
               "| --- | --- | --- | --- | --- |\n",
               title);
    for (size_t i = 0; i < record->field_count; i++)
        if (is_understood(&record->fields[i]))
            field_row(&record->fields[i], out);
    other_fields(record, FIELD_IGNORED, "Accepted with a warning, without effect:", out);
    other_fields(record, FIELD_REFUSED, "Not possible:", out);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        AUTO(buf) child = { 0 };
        if (field->record == NULL)
            continue;
        buf_init(&child, 512);
        buf_printf(&child, "%s.%s%s", title, field->key, field->type == FIELD_LIST ? "[]" : "");
        section(field->record, buf_text(&child), out);
    }
}

void manual_kind(enum kind kind, struct buf *out)
{
    buf_printf(out, "# %s\n\n%s\n\nKeys with a * are required.\n", kind_text(kind),
               manual_summary(kind));
    section(&metadata_record, "metadata", out);
    section(kind_record(kind), "spec", out);
}

/* ---- Explanation ---------------------------------------------------------------------------- */

static void explain_children(const struct record *record, struct buf *out)
{
    size_t width = 0;

    for (size_t i = 0; i < record->field_count; i++)
        if (is_understood(&record->fields[i]) && strlen(record->fields[i].key) > width)
            width = strlen(record->fields[i].key);
    buf_text_add(out, "\nFields:\n");
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (!is_understood(field))
            continue;
        buf_printf(out, "  %-*s  %s%s\n", (int)width, field->key,
                   field->required ? "(required) " : "", field->help);
    }
}

static void explain_field(const struct field *field, struct buf *out)
{
    buf_printf(out, "%s\n", field->help);
    if (field->ignored != NULL)
        buf_printf(out, "Accepted with a warning, without effect: %s.\n", field->ignored);
    if (field->refused != NULL)
        buf_printf(out, "Not possible: %s.\n", field->refused);
    if (!is_understood(field))
        return;
    buf_text_add(out, "\nValue:     ");
    type_text(field, out);
    buf_text_add(out, field->required ? " (required)\n" : "\n");
    if (has_default(field))
        buf_printf(out, "Default:   %s\n", field->initial);
    buf_printf(out, "A change:  %s\n", change_text(field->change));
    if (field->refused_on != 0)
        buf_text_add(out, "FARGATE:   not possible\n");
    if (field->fargate_max > 0)
        buf_printf(out, "FARGATE:   at most %.15g\n", field->fargate_max);
    if (field->record != NULL)
        explain_children(field->record, out);
}

static bool equal_but_case(const char *key, const char *part, size_t size)
{
    return strlen(key) == size && strncasecmp(key, part, size) == 0;
}

static const struct field *find_field(const struct record *record, const char *part, size_t size)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (equal_but_case(record->fields[i].key, part, size))
            return &record->fields[i];
    return NULL;
}

static int no_field(const struct record *record, const char *part, size_t size, struct err *err)
{
    const char *keys[128];
    char name[256];

    ASSERT(record->field_count <= ARRAY_COUNT(keys));
    if (size >= sizeof(name))
        size = sizeof(name) - 1;
    memcpy(name, part, size);
    name[size] = '\0';
    for (size_t i = 0; i < record->field_count; i++)
        keys[i] = record->fields[i].key;
    const char *near = text_nearest(name, keys, record->field_count);
    if (near != NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no field '%s': did you mean '%s'?", name,
                       near);
    return err_set(err, ERR_NOT_FOUND, "there is no field '%s'", name);
}

/* What a path leads to: a field, or with none a record of the kind. */
struct place {
    enum kind kind;
    const struct record *record; /* NULL: the field has no fields */
    const struct field *field;   /* NULL: the kind itself, or its metadata */
};

static int find_place(const char *path, struct place *place, struct err *err)
{
    const struct record *whole = kind_record(place->kind);

    place->record = whole;
    while (*path != '\0') {
        size_t size = strcspn(path, ".");
        bool is_envelope = place->field == NULL && place->record == whole;
        const struct field *next =
            place->record != NULL ? find_field(place->record, path, size) : NULL;
        if (next == NULL && is_envelope && equal_but_case("metadata", path, size)) {
            place->record = &metadata_record;
        } else if (next == NULL && is_envelope && equal_but_case("spec", path, size)) {
            place->record = whole;
        } else if (next == NULL) {
            ASSERT(place->record != NULL || place->field != NULL);
            return place->record != NULL
                       ? no_field(place->record, path, size, err)
                       : err_set(err, ERR_NOT_FOUND, "'%s' has no fields", place->field->key);
        } else {
            place->field = next;
            place->record = next->record;
        }
        path += size;
        path += *path == '.' ? 1 : 0;
    }
    return 0;
}

static int find_kind(const char *path, struct place *out, struct err *err)
{
    size_t size = strcspn(path, ".");
    const char *kinds[KIND_COUNT];

    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        kinds[kind] = kind_text(kind);
        if (!equal_but_case(kinds[kind], path, size))
            continue;
        *out = (struct place){ .kind = kind };
        return find_place(path[size] == '.' ? path + size + 1 : "", out, err);
    }
    const char *near = text_nearest(path, kinds, KIND_COUNT);
    if (near != NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no kind '%s': did you mean '%s'?", path, near);
    return err_set(err, ERR_NOT_FOUND, "there is no kind '%.*s': Image, Task, Cluster or Service",
                   size > 64 ? 64 : (int)size, path);
}

int manual_explain(const char *path, struct buf *out, struct err *err)
{
    struct place place;

    if (find_kind(path, &place, err) < 0)
        return -1;
    if (place.field != NULL) {
        explain_field(place.field, out);
        return 0;
    }
    buf_printf(out, "%s\n", manual_summary(place.kind));
    explain_children(place.record, out);
    return 0;
}

/* ---- As JSON --------------------------------------------------------------------------------- */

static void describe_field(const struct field *field, struct json *out)
{
    AUTO(buf) type = { 0 };

    json_set_text(out, "help", field->help);
    json_set_text(out, "ignored", field->ignored);
    json_set_text(out, "refused", field->refused);
    if (!is_understood(field))
        return;
    buf_init(&type, 4096);
    type_text(field, &type);
    json_set_text(out, "value", buf_text(&type));
    json_set_bool(out, "required", field->required);
    json_set_text(out, "default", has_default(field) ? field->initial : NULL);
    json_set_text(out, "change", change_text(field->change));
    json_set_bool(out, "possibleOnFargate", field->refused_on == 0);
    if (field->fargate_max > 0)
        json_set_real(out, "maximumOnFargate", field->fargate_max);
}

struct json *manual_kinds_json(void)
{
    struct json *object = json_object();
    struct json *kinds = json_array();

    json_set_text(object, "apiVersion", "berth/v1");
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        struct json *item = json_object();

        json_set_text(item, "kind", kind_text(kind));
        json_set_text(item, "help", manual_summary(kind));
        json_append(kinds, item);
    }
    json_set(object, "kinds", kinds);
    return object;
}

int manual_explain_json(const char *path, struct json **out, struct err *err)
{
    struct json *object;
    struct json *fields;
    struct place place;

    if (find_kind(path, &place, err) < 0)
        return -1;
    object = json_object();
    json_set_text(object, "apiVersion", "berth/v1");
    json_set_text(object, "kind", kind_text(place.kind));
    if (place.field != NULL) {
        json_set_text(object, "field", place.field->key);
        describe_field(place.field, object);
    } else {
        json_set_text(object, "help", manual_summary(place.kind));
    }
    fields = json_array();
    for (size_t i = 0; place.record != NULL && i < place.record->field_count; i++) {
        struct json *item = json_object();

        json_set_text(item, "field", place.record->fields[i].key);
        describe_field(&place.record->fields[i], item);
        json_append(fields, item);
    }
    json_set(object, "fields", fields);
    *out = object;
    return 0;
}
