/*
 * Walks two structs side by side, one of which may be missing: then every value that is not the
 * default differs.
 */
#include "spec/diff.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/canonical.h"

struct diffing {
    record_diff_fn *callback;
    void *context;
    struct buf path;
};

static void diff_records(struct diffing *diffing, const struct record *record, const void *old,
                         const void *new);

/* ---- Texts ---------------------------------------------------------------------------------- */

static void list_text(const struct field *field, const void *structure, struct buf *out)
{
    const char *elements = field_elements(field, structure);

    buf_char(out, '[');
    for (size_t i = 0; i < field_count(field, structure); i++) {
        const void *element = elements + i * field_element_size(field);
        buf_text_add(out, i > 0 ? ", " : "");
        if (field->element == FIELD_TEXT)
            canonical_text(*(const char *const *)element, out);
        else
            field_print(field, field->element, element, out);
    }
    buf_char(out, ']');
}

/* False when there is nothing to show: absent, or the default of a record that is itself absent. */
static bool value_text(const struct field *field, const void *structure, struct buf *out)
{
    if (structure == NULL)
        return false;
    if (field->type == FIELD_LIST) {
        if (field_count(field, structure) == 0)
            return false;
        list_text(field, structure, out);
        return true;
    }
    const void *slot = field_slot_const(field, structure);
    if (field->type == FIELD_TEXT && *(const char *const *)slot == NULL)
        return false;
    field_print(field, field->type, slot, out);
    return out->size > 0 || field->type == FIELD_TEXT;
}

static void tell(struct diffing *diffing, const struct field *field, bool secret,
                 const char *old_text, const char *new_text)
{
    struct field_diff diff = {
        .path = buf_text(&diffing->path),
        .old_text = old_text != NULL && secret ? DIFF_SENSITIVE : old_text,
        .new_text = new_text != NULL && secret ? DIFF_SENSITIVE : new_text,
        .change = field->change,
        .secret = secret,
    };

    diffing->callback(diffing->context, &diff);
}

static void diff_value(struct diffing *diffing, const struct field *field, const void *old,
                       const void *new)
{
    bool differs = old != NULL && new != NULL ? !field_equal(field, old, new)
                                              : !field_is_initial(field, old != NULL ? old : new);
    AUTO(buf) old_text = { 0 };
    AUTO(buf) new_text = { 0 };

    if (!differs)
        return;
    buf_init(&old_text, LIMIT_OUTPUT);
    buf_init(&new_text, LIMIT_OUTPUT);
    bool has_old = value_text(field, old, &old_text);
    bool has_new = value_text(field, new, &new_text);
    tell(diffing, field, field->secret, has_old ? buf_text(&old_text) : NULL,
         has_new ? buf_text(&new_text) : NULL);
}

/* ---- Maps ----------------------------------------------------------------------------------- */

static void diff_pair(struct diffing *diffing, const struct field *field, const struct pair *old,
                      const struct pair *new)
{
    ASSERT(old != NULL || new != NULL);
    const char *key = old != NULL ? old->key : new->key;
    size_t path_size = diffing->path.size;
    bool secret = field->secret || (field->secret_by_name && field_name_is_secret(key));

    if (old != NULL && new != NULL && text_equal(old->value, new->value))
        return;
    buf_printf(&diffing->path, "[%s]", key);
    tell(diffing, field, secret, old != NULL ? old->value : NULL, new != NULL ? new->value : NULL);
    diffing->path.size = path_size;
    diffing->path.data[path_size] = '\0';
}

/* Both are sorted by key. */
static void diff_maps(struct diffing *diffing, const struct field *field, const void *old,
                      const void *new)
{
    const struct pair *a = old != NULL ? field_elements(field, old) : NULL;
    const struct pair *b = new != NULL ? field_elements(field, new) : NULL;
    size_t a_left = old != NULL ? field_count(field, old) : 0;
    size_t b_left = new != NULL ? field_count(field, new) : 0;

    while (a_left > 0 || b_left > 0) {
        int order = a_left == 0 ? 1 : b_left == 0 ? -1 : strcmp(a->key, b->key);
        diff_pair(diffing, field, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        if (order <= 0) {
            a++;
            a_left--;
        }
        if (order >= 0) {
            b++;
            b_left--;
        }
    }
}

/* ---- Lists of records ----------------------------------------------------------------------- */

static const char *element_name(const struct field *name, const void *element)
{
    const char *text;

    memcpy(&text, field_slot_const(name, element), sizeof(text));
    return text;
}

static const void *find_element(const struct field *field, const void *structure, const char *name)
{
    const struct field *name_field = record_name_field(field->record);
    const char *elements = field_elements(field, structure);

    for (size_t i = 0; i < field_count(field, structure); i++)
        if (text_equal(element_name(name_field, elements + i * field->record->size), name))
            return elements + i * field->record->size;
    return NULL;
}

static void diff_element(struct diffing *diffing, const struct field *field, const char *label,
                         const void *old, const void *new)
{
    size_t path_size = diffing->path.size;

    buf_printf(&diffing->path, "[%s]", label);
    diff_records(diffing, field->record, old, new);
    diffing->path.size = path_size;
    diffing->path.data[path_size] = '\0';
}

static void diff_named(struct diffing *diffing, const struct field *field, const void *old,
                       const void *new)
{
    const struct field *name = record_name_field(field->record);
    size_t size = field->record->size;

    for (size_t i = 0; old != NULL && i < field_count(field, old); i++) {
        const void *element = (const char *)field_elements(field, old) + i * size;
        const char *label = element_name(name, element);
        diff_element(diffing, field, label, element,
                     new != NULL ? find_element(field, new, label) : NULL);
    }
    for (size_t i = 0; new != NULL &&i < field_count(field, new); i++) {
        const void *element = (const char *)field_elements(field, new) + i * size;
        const char *label = element_name(name, element);
        if (old == NULL || find_element(field, old, label) == NULL)
            diff_element(diffing, field, label, NULL, element);
    }
}

static void diff_by_position(struct diffing *diffing, const struct field *field, const void *old,
                             const void *new)
{
    size_t old_count = old != NULL ? field_count(field, old) : 0;
    size_t new_count = new != NULL ? field_count(field, new) : 0;
    size_t size = field->record->size;
    char label[24];

    for (size_t i = 0; i < old_count || i < new_count; i++) {
        size_t length = 0;
        char digits[24];
        for (size_t rest = i; length == 0 || rest > 0; rest /= 10)
            digits[length++] = (char)('0' + rest % 10);
        for (size_t d = 0; d < length; d++)
            label[d] = digits[length - 1 - d];
        label[length] = '\0';
        diff_element(diffing, field, label,
                     i < old_count ? (const char *)field_elements(field, old) + i * size : NULL,
                     i < new_count ? (const char *)field_elements(field, new) + i * size : NULL);
    }
}

/* ---- Records -------------------------------------------------------------------------------- */

static const void *child_of(const struct field *field, const void *structure)
{
    const void *child = NULL;

    if (structure != NULL)
        memcpy(&child, field_slot_const(field, structure), sizeof(child));
    return child;
}

static void diff_field(struct diffing *diffing, const struct field *field, const void *old,
                       const void *new)
{
    switch (field->type) {
    case FIELD_IGNORED:
    case FIELD_REFUSED: return;
    case FIELD_RECORD:
        diff_records(diffing, field->record, child_of(field, old), child_of(field, new));
        return;
    case FIELD_MAP: diff_maps(diffing, field, old, new); return;
    case FIELD_LIST:
        if (field->element != FIELD_RECORD)
            break;
        if (record_name_field(field->record) != NULL)
            diff_named(diffing, field, old, new);
        else
            diff_by_position(diffing, field, old, new);
        return;
    case FIELD_BOOL:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_TEXT:
    case FIELD_ENUM: break;
    }
    diff_value(diffing, field, old, new);
}

/* As deep as the tables. */
static void diff_records(struct diffing *diffing, const struct record *record, const void *old,
                         const void *new)
{
    for (size_t i = 0; i < record->field_count && (old != NULL || new != NULL); i++) {
        size_t path_size = diffing->path.size;
        buf_printf(&diffing->path, "%s%s", path_size > 0 ? "." : "", record->fields[i].key);
        diff_field(diffing, &record->fields[i], old, new);
        diffing->path.size = path_size;
        diffing->path.data[path_size] = '\0';
    }
}

void record_diff(const struct record *record, const void *old, const void *new,
                 record_diff_fn *callback, void *context)
{
    struct diffing diffing = { .callback = callback, .context = context };

    buf_init(&diffing.path, LIMIT_OUTPUT);
    diff_records(&diffing, record, old, new);
    buf_release(&diffing.path);
}
