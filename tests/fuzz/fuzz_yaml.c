/*
 * Any bytes as YAML: what is refused has a mistake at a place that exists, what is accepted keeps
 * the limits, and whatever is JSON by the other parser is YAML by this one.
 */
#include <string.h>

#include "spec/base/json.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/yaml.h"
#include "tests/fuzz/fuzz.h"

static uint32_t line_count(const char *text, size_t size)
{
    uint32_t count = 1;

    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n' || text[i] == '\r' ? 1 : 0;
    return count;
}

/* NEL, LS and PS end lines too, of which none has less than two bytes. */
static void check_place(uint32_t line, uint32_t column, const char *text, size_t size)
{
    ASSERT(line >= 1 && column >= 1);
    ASSERT(line <= line_count(text, size) + size / 2 + 1);
    ASSERT(column <= size + 2);
}

static size_t check_node(const struct node *node, const char *text, size_t size, uint32_t *height)
{
    size_t nodes = 1;
    uint32_t below = 0;

    check_place(node->line, node->column, text, size);
    for (size_t i = 0; i < node->count; i++) {
        uint32_t depth = 0;

        if (node->type == NODE_MAP) {
            ASSERT(text_is_utf8(node->members[i].key, strlen(node->members[i].key)));
            check_place(node->members[i].line, node->members[i].column, text, size);
            nodes += 1 + check_node(node->members[i].value, text, size, &depth);
        } else {
            nodes += check_node(node->items[i], text, size, &depth);
        }
        below = depth > below ? depth : below;
    }
    if (node->type == NODE_SCALAR)
        ASSERT(node->count == 0 && text_is_utf8(node->text, strlen(node->text)));
    *height = below + 1;
    ASSERT(*height == node->height && *height <= LIMIT_YAML_DEPTH);
    return nodes;
}

/* Keys that libyaml takes; not deeper than is allowed; no key twice, which JSON leaves open. */
static bool is_plain_json(const struct json *value, unsigned depth)
{
    const struct json *child;
    const char *key;

    if (depth > LIMIT_YAML_DEPTH)
        return false;
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++) {
        if (!is_plain_json(json_at(value, i), depth + 1))
            return false;
    }
    if (!json_is_object(value))
        return true;
    for (void *at = NULL; (at = json_next(value, at, &key, &child)) != NULL;) {
        if (strlen(key) > 200 || text_equal(key, "<<") || !is_plain_json(child, depth + 1))
            return false;
    }
    return true;
}

static void check_same(const struct json *value, const struct node *node)
{
    if (json_is_object(value) || json_is_array(value)) {
        ASSERT(node->type == (json_is_object(value) ? NODE_MAP : NODE_LIST));
        ASSERT(node->count == json_count(value));
        for (size_t i = 0; json_is_array(value) && i < node->count; i++)
            check_same(json_at(value, i), node->items[i]);
        for (size_t i = 0; json_is_object(value) && i < node->count; i++)
            check_same(json_get(value, node->members[i].key), node->members[i].value);
        return;
    }
    ASSERT(node->type == NODE_SCALAR);
    if (json_as_text(value, NULL) != NULL)
        ASSERT(strcmp(json_as_text(value, NULL), node->text) == 0);
}

/* JSON of one line and printable ASCII, printed anew so that no key is there twice. */
static void check_json(const char *text, size_t size)
{
    AUTO(json) *value = json_parse(text, size, NULL);
    AUTO(diag_list) diags = { 0 };
    AUTO(arena) arena = { 0 };
    AUTO(buf) printed = { 0 };
    struct yaml_file file;

    /* A document that is null is no document. */
    if (json_count(value) == 0 || !is_plain_json(value, 1))
        return;
    buf_init(&printed, FUZZ_PRINTED_MAX);
    json_print(value, JSON_STYLE_PRETTY, &printed);
    for (size_t i = 0; i < printed.size; i++) {
        if ((unsigned char)printed.data[i] >= 0x7f)
            return;
    }
    int result = yaml_parse("a.json", printed.data, printed.size, &arena, &diags, &file);
    ASSERT(result == 0);
    ASSERT(file.document_count == 1);
    check_same(value, file.documents[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    AUTO(diag_list) diags = { 0 };
    AUTO(arena) arena = { 0 };
    struct yaml_file file = { 0 };
    int result = yaml_parse("a.yaml", text, size, &arena, &diags, &file);
    size_t nodes = 0;

    ASSERT((result == 0) == (diags.errors == 0));
    for (size_t i = 0; i < diags.count; i++) {
        ASSERT(strcmp(diags.items[i].file, "a.yaml") == 0);
        if (diags.items[i].line != 0)
            check_place(diags.items[i].line, diags.items[i].column, text, size);
    }
    for (size_t i = 0; i < file.document_count; i++) {
        uint32_t height;
        size_t counted = check_node(file.documents[i], text, size, &height);

        nodes += counted;
        ASSERT(nodes <= (size_t)2 * LIMIT_YAML_NODES);
    }
    if (size <= 64UL * 1024)
        check_json(text, size);
    return 0;
}
