/*
 * One function for each shape a field can have.  Structs begin as record_init() makes them, so a
 * field that is not written, or written wrongly, has its default.
 */
#include "spec/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

/* Keys of one record. */
#define KEYS_MAX 128

/* Elements of one list: some rules compare each with each. */
#define RECORDS_MAX 1000
#define SCALARS_MAX 10000

static struct pos pos_at(const struct decoder *decoder, uint32_t line, uint32_t column)
{
    return (struct pos){ decoder->file, line, column };
}

static struct pos pos_of(const struct decoder *decoder, const struct node *node)
{
    return pos_at(decoder, node->line, node->column);
}

/* Something is wrong that says nothing about any value. */
#define COMPLAIN(decoder, pos, ...)                                                                \
    do {                                                                                           \
        diag_add((decoder)->diags, DIAG_ERROR, (pos), __VA_ARGS__);                                \
        (decoder)->mistakes++;                                                                     \
    } while (0)

/* A value is lost. */
#define MISTAKE(decoder, pos, ...)                                                                 \
    do {                                                                                           \
        COMPLAIN(decoder, pos, __VA_ARGS__);                                                       \
        (decoder)->lost++;                                                                         \
    } while (0)

void decoder_init(struct decoder *decoder, const char *file, struct arena *arena,
                  struct diag_list *diags)
{
    *decoder = (struct decoder){ .file = file, .arena = arena, .diags = diags };
    buf_init(&decoder->refusals, LIMIT_YAML_NODES * sizeof(struct refusal));
}

void decoder_release(struct decoder *decoder)
{
    buf_release(&decoder->refusals);
}

void decode_mistake(struct decoder *decoder, const struct node *node, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, 4096);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    COMPLAIN(decoder, pos_of(decoder, node), "%s", buf_text(&text));
}

void decode_warning(struct decoder *decoder, const struct node *node, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, 4096);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    diag_add(decoder->diags, DIAG_WARNING, pos_of(decoder, node), "%s", buf_text(&text));
}

static void add_refusal(struct decoder *decoder, enum launch_type on, bool is_warning,
                        const struct node *node, const char *text)
{
    struct refusal refusal = { on, is_warning, node->line, node->column, text };

    buf_add(&decoder->refusals, &refusal, sizeof(refusal));
}

void decode_refusal(struct decoder *decoder, const struct node *node, const char *text)
{
    add_refusal(decoder, LAUNCH_TYPE_FARGATE, /* is_warning= */ false, node, text);
}

void decode_refusal_on(struct decoder *decoder, enum launch_type on, const struct node *node,
                       const char *text)
{
    add_refusal(decoder, on, /* is_warning= */ false, node, text);
}

void decode_warning_on(struct decoder *decoder, enum launch_type on, const struct node *node,
                       const char *text)
{
    add_refusal(decoder, on, /* is_warning= */ true, node, text);
}

static const char *shape_text(enum node_type type)
{
    switch (type) {
    case NODE_SCALAR: return "a single value";
    case NODE_LIST: return "a list";
    case NODE_MAP: return "a map";
    }
    ASSERT(false);
    return "";
}

static void wrong_shape(struct decoder *decoder, const char *key, const struct node *node,
                        const char *right)
{
    MISTAKE(decoder, pos_of(decoder, node), "%s: %s where %s is needed", key,
            shape_text(node->type), right);
}

static void decode_scalar(struct decoder *decoder, const struct field *field, enum field_type type,
                          const struct node *node, void *slot)
{
    if (node->type != NODE_SCALAR) {
        wrong_shape(decoder, field->key, node, "a single value");
        return;
    }
    const char *complaint = field_parse(field, type, node->text, slot, decoder->arena);
    if (complaint != NULL)
        MISTAKE(decoder, pos_of(decoder, node), "%s: %s", field->key, complaint);
}

static void decode_list(struct decoder *decoder, const struct field *field, const struct node *node,
                        void *structure)
{
    if (node->type != NODE_LIST) {
        wrong_shape(decoder, field->key, node, "a list");
        return;
    }
    if (node->count == 0) {
        if (field->required)
            MISTAKE(decoder, pos_of(decoder, node), "%s: the list is empty", field->key);
        return;
    }
    size_t max = field->max > 0                   ? (size_t)field->max
                 : field->element == FIELD_RECORD ? RECORDS_MAX
                                                  : SCALARS_MAX;
    if (node->count > max) {
        MISTAKE(decoder, pos_of(decoder, node), "%s: more than %zu elements", field->key, max);
        return;
    }
    size_t size = field_element_size(field);
    char *elements = arena_alloc_array(decoder->arena, node->count, size);
    for (size_t i = 0; i < node->count; i++) {
        void *element = elements + i * size;
        if (node_is_null(node->items[i]))
            MISTAKE(decoder, pos_of(decoder, node->items[i]), "%s: an element of the list is null",
                    field->key);
        else if (field->element == FIELD_RECORD)
            decode_record(decoder, field->record, node->items[i], element);
        else
            decode_scalar(decoder, field, field->element, node->items[i], element);
    }
    field_set_elements(field, structure, elements, node->count);
}

/* ---- Maps ----------------------------------------------------------------------------------- */

struct placed_pair {
    struct pair pair;
    const struct node *value;
};

static int compare_pairs(const void *a_memory, const void *b_memory)
{
    const struct placed_pair *a = a_memory;
    const struct placed_pair *b = b_memory;

    return strcmp(a->pair.key, b->pair.key);
}

/* The value as text, or NULL when it is null or wrong. */
static const char *pair_value(struct decoder *decoder, const struct field *field, const char *key,
                              const struct node *value)
{
    if (node_is_null(value))
        return NULL;
    if (value->type != NODE_SCALAR) {
        MISTAKE(decoder, pos_of(decoder, value), "%s: %s as the value of '%s': it must be text",
                field->key, shape_text(value->type), key);
        return NULL;
    }
    return arena_text(decoder->arena, value->text);
}

static bool key_is_good(struct decoder *decoder, const struct field *field, const char *key,
                        struct pos pos)
{
    if (key[0] != '\0' && strlen(key) <= LIMIT_NAME)
        return true;
    MISTAKE(decoder, pos, "%s: a key must have 1 to %d bytes", field->key, LIMIT_NAME);
    return false;
}

/* One element of ECS's form, {name: ..., value: ...}; false when it is no pair. */
static bool decode_listed_pair(struct decoder *decoder, const struct field *field,
                               const struct node *node, struct placed_pair *out)
{
    const struct node *key = node_get(node, field->pair_key);
    const struct node *value = node_get(node, "value");

    if (node->type != NODE_MAP || key == NULL || key->type != NODE_SCALAR) {
        MISTAKE(decoder, pos_of(decoder, node), "%s: an element must be a map of '%s' and 'value'",
                field->key, field->pair_key);
        return false;
    }
    for (size_t i = 0; i < node->count; i++)
        if (!text_equal(node->members[i].key, field->pair_key) &&
            !text_equal(node->members[i].key, "value") && !text_starts(node->members[i].key, "x-"))
            MISTAKE(decoder, pos_at(decoder, node->members[i].line, node->members[i].column),
                    "unknown key '%s': an element of %s has '%s' and 'value'", node->members[i].key,
                    field->key, field->pair_key);
    if (!key_is_good(decoder, field, key->text, pos_of(decoder, key)))
        return false;
    out->pair.key = arena_text(decoder->arena, key->text);
    out->pair.value = pair_value(decoder, field, key->text, value);
    out->value = node;
    return out->pair.value != NULL;
}

static size_t collect_pairs(struct decoder *decoder, const struct field *field,
                            const struct node *node, struct placed_pair *pairs)
{
    size_t count = 0;

    for (size_t i = 0; i < node->count; i++) {
        struct placed_pair *pair = &pairs[count];
        if (node->type == NODE_LIST) {
            count += decode_listed_pair(decoder, field, node->items[i], pair) ? 1 : 0;
            continue;
        }
        const struct node_member *member = &node->members[i];
        if (!key_is_good(decoder, field, member->key,
                         pos_at(decoder, member->line, member->column)))
            continue;
        pair->pair.value = pair_value(decoder, field, member->key, member->value);
        pair->value = member->value;
        if (pair->pair.value == NULL)
            continue;
        pair->pair.key = arena_text(decoder->arena, member->key);
        count++;
    }
    return count;
}

static void decode_map(struct decoder *decoder, const struct field *field, const struct node *node,
                       void *structure)
{
    if (node->type == NODE_SCALAR || (node->type == NODE_LIST && field->pair_key == NULL)) {
        wrong_shape(decoder, field->key, node, "a map");
        return;
    }
    struct placed_pair *placed = mem_alloc((node->count + 1) * sizeof(*placed));
    size_t count = collect_pairs(decoder, field, node, placed);
    struct pair *pairs = arena_array(decoder->arena, struct pair, count);
    size_t kept = 0;

    qsort(placed, count, sizeof(*placed), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_pairs(&placed[i - 1], &placed[i]) == 0)
            MISTAKE(decoder, pos_of(decoder, placed[i].value), "%s: '%s' is given twice",
                    field->key, placed[i].pair.key);
        else
            pairs[kept++] = placed[i].pair;
    }
    free(placed);
    field_set_elements(field, structure, pairs, kept);
}

/* ---- Records -------------------------------------------------------------------------------- */

/* What the user may have meant: a key that other tools call so, one that is spelt nearly so, or one
 * that begins so. */
static const char *nearest_key(const struct record *record, const char *key)
{
    const char *keys[KEYS_MAX];

    ASSERT(record->field_count <= KEYS_MAX);
    for (size_t i = 0; i < record->field_count; i++) {
        if (text_equal(record->fields[i].elsewhere, key))
            return record->fields[i].key;
        keys[i] = record->fields[i].key;
    }
    const char *near = text_nearest(key, keys, record->field_count);
    for (size_t i = 0; i < record->field_count && near == NULL && strlen(key) >= 4; i++)
        near = text_starts(keys[i], key) ? keys[i] : NULL;
    return near;
}

static void unknown_key(struct decoder *decoder, const struct record *record,
                        const struct node_member *member)
{
    struct pos pos = pos_at(decoder, member->line, member->column);
    const char *near = nearest_key(record, member->key);
    AUTO(buf) known = { 0 };

    if (near != NULL) {
        COMPLAIN(decoder, pos, "unknown key '%s': did you mean '%s'?", member->key, near);
        return;
    }
    buf_init(&known, 4096);
    for (size_t i = 0; i < record->field_count; i++)
        if (record->fields[i].type != FIELD_IGNORED && record->fields[i].type != FIELD_REFUSED)
            buf_printf(&known, "%s%s", known.size > 0 ? ", " : "", record->fields[i].key);
    COMPLAIN(decoder, pos, "unknown key '%s': known are %s", member->key, buf_text(&known));
}

static void ignore(struct decoder *decoder, const struct field *field, struct pos pos)
{
    for (size_t i = 0; i < decoder->warned_count; i++)
        if (decoder->warned[i] == field)
            return;
    if (decoder->warned_count == ARRAY_COUNT(decoder->warned))
        return;
    decoder->warned[decoder->warned_count++] = field;
    diag_add(decoder->diags, DIAG_WARNING, pos, "%s is ignored: %s", field->key, field->ignored);
}

/* What is written but cannot be done on FARGATE. */
static void refuse_on_fargate(struct decoder *decoder, const struct field *field,
                              const struct node *node, const void *structure)
{
    uint32_t number;

    if (field->refused_on != 0 && !field_is_initial(field, structure))
        decode_refusal(decoder, node,
                       arena_printf(decoder->arena, "%s is not possible on FARGATE", field->key));
    if (field->fargate_max <= 0)
        return;
    ASSERT(field->type == FIELD_U32);
    memcpy(&number, field_slot_const(field, structure), sizeof(number));
    if (number > field->fargate_max)
        decode_refusal(decoder, node,
                       arena_printf(decoder->arena, "%s: FARGATE allows at most %.15g", field->key,
                                    field->fargate_max));
}

static void decode_field(struct decoder *decoder, const struct field *field,
                         const struct node_member *member, void *structure)
{
    const struct node *node = member->value;
    struct pos key_pos = pos_at(decoder, member->line, member->column);

    switch (field->type) {
    case FIELD_IGNORED:
        if (!node_says_nothing(node))
            ignore(decoder, field, key_pos);
        return;
    case FIELD_REFUSED:
        if (!node_says_nothing(node))
            COMPLAIN(decoder, key_pos, "%s: %s", field->key, field->refused);
        return;
    case FIELD_LIST: decode_list(decoder, field, node, structure); break;
    case FIELD_MAP: decode_map(decoder, field, node, structure); break;
    case FIELD_RECORD:
        if (node->type != NODE_MAP) {
            wrong_shape(decoder, field->key, node, "a map");
        } else {
            void *child = arena_alloc(decoder->arena, field->record->size);
            decode_record(decoder, field->record, node, child);
            memcpy(field_slot(field, structure), &child, sizeof(child));
        }
        break;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM:
        decode_scalar(decoder, field, field->type, node, field_slot(field, structure));
        break;
    }
    refuse_on_fargate(decoder, field, node, structure);
}

static void check_required(struct decoder *decoder, const struct record *record,
                           const struct node *node)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (field->required && node_get(node, field->key) == NULL)
            MISTAKE(decoder, pos_of(decoder, node), "missing key '%s'", field->key);
    }
}

/* Depth is that of the tables. */
void decode_record(struct decoder *decoder, const struct record *record, const struct node *node,
                   void *structure)
{
    record_init(record, structure, decoder->arena);
    if (node->type != NODE_MAP) {
        MISTAKE(decoder, pos_of(decoder, node), "%s where a map is needed", shape_text(node->type));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct node_member *member = &node->members[i];
        if (text_starts(member->key, "x-"))
            continue;
        const struct field *field = record_field(record, member->key);
        if (field == NULL)
            unknown_key(decoder, record, member);
        else if (!node_is_null(member->value))
            decode_field(decoder, field, member, structure);
    }
    check_required(decoder, record, node);
}
