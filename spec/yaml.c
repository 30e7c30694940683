/*
 * Events of libyaml become nodes.  The nodes that are still open are frames on a stack of fixed
 * size; their children wait in one growing list, of which each frame owns the end.  Nothing
 * recurses.
 */
#include "spec/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/tree.h"
#include "spec/yaml_source.h"

/* A list or map that is open. */
struct frame {
    struct node *node;
    const char *anchor;
    size_t first_child; /* in builder.children */
    bool has_key;       /* of a map: the next node is a value */
    struct node_member key;
    bool key_is_merge;
    bool is_bad_key; /* itself stands where a key should be; it is dropped */
};

struct child {
    struct node_member member; /* key NULL: in a list */
    bool is_merge;
};

struct builder {
    const char *file;
    struct yaml_source source;
    struct arena *arena;
    struct diag_list *diags;
    struct tree anchors; /* name -> struct node; they live as long as their document */
    struct frame frames[LIMIT_YAML_DEPTH];
    size_t depth;
    struct child *children;
    size_t child_count;
    size_t child_capacity;
    const struct node **documents;
    size_t document_count;
    size_t document_capacity;
    size_t nodes; /* aliases counted each time they expand */
    bool failed;  /* a mistake was found */
    bool stopped; /* one after which nothing makes sense */
};

static struct pos pos_of(const struct builder *builder, yaml_mark_t mark)
{
    return (struct pos){ builder->file, (uint32_t)mark.line + 1,
                         yaml_source_column(&builder->source, mark.line, mark.column) + 1 };
}

#define MISTAKE(builder, pos, ...)                                                                 \
    do {                                                                                           \
        diag_add((builder)->diags, DIAG_ERROR, (pos), __VA_ARGS__);                                \
        (builder)->failed = true;                                                                  \
    } while (0)

/* The whole list again, with room for one more; `capacity` counts elements. */
static void *grow(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    *capacity = *capacity > 0 ? *capacity * 2 : 64;
    return mem_resize(list, *capacity * size);
}

static void count_nodes(struct builder *builder, struct pos pos, size_t count)
{
    builder->nodes += count;
    if (builder->nodes > LIMIT_YAML_NODES && !builder->stopped) {
        MISTAKE(builder, pos, "the file has more than %d values, aliases written out: split it",
                LIMIT_YAML_NODES);
        builder->stopped = true;
    }
}

static struct node *new_node(struct builder *builder, enum node_type type, struct pos pos)
{
    struct node *node = arena_new(builder->arena, struct node);

    node->type = type;
    node->line = pos.line;
    node->column = pos.column;
    node->expanded = 1;
    node->height = 1;
    count_nodes(builder, pos, 1);
    return node;
}

/* ---- Tags and anchors ----------------------------------------------------------------------- */

/* Those of YAML's own tags that leave a node what it is. */
static bool tag_is_known(const char *tag)
{
    static const char *const known[] = { "str", "int", "float", "bool", "map", "seq" };
    static const char prefix[] = "tag:yaml.org,2002:";

    if (text_equal(tag, "!"))
        return true;
    if (!text_starts(tag, prefix))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (text_equal(tag + sizeof(prefix) - 1, known[i]))
            return true;
    return false;
}

static void check_tag(struct builder *builder, const yaml_char_t *tag, struct pos pos)
{
    const char *text = (const char *)tag;

    if (text == NULL || tag_is_known(text))
        return;
    if (text_equal(text, "tag:yaml.org,2002:binary"))
        MISTAKE(builder, pos, "binary data is not supported: manifests hold text only");
    else
        MISTAKE(builder, pos, "unknown tag '%s': write the value without it", text);
}

static const char *anchor_name(struct builder *builder, const yaml_char_t *anchor)
{
    return anchor != NULL ? arena_text(builder->arena, (const char *)anchor) : NULL;
}

/* YAML lets a later anchor take the name. */
static void define_anchor(struct builder *builder, const char *name, struct node *node)
{
    if (name != NULL)
        tree_put(&builder->anchors, name, node, /* owner= */ NULL);
}

/* ---- Children ------------------------------------------------------------------------------- */

static void add_child(struct builder *builder, struct node_member member, bool is_merge)
{
    builder->children = grow(builder->children, builder->child_count, &builder->child_capacity,
                             sizeof(*builder->children));
    builder->children[builder->child_count++] =
        (struct child){ .member = member, .is_merge = is_merge };
}

static void add_document(struct builder *builder, const struct node *node)
{
    struct pos pos = { builder->file, node->line, node->column };

    if (node_is_null(node))
        return;
    if (builder->document_count >= LIMIT_MANIFEST_DOCUMENTS) {
        MISTAKE(builder, pos, "the file has more than %d documents: split it",
                LIMIT_MANIFEST_DOCUMENTS);
        builder->stopped = true;
        return;
    }
    builder->documents = grow(builder->documents, builder->document_count,
                              &builder->document_capacity, sizeof(const struct node *));
    builder->documents[builder->document_count++] = node;
}

/* Takes a finished scalar, list, map or alias to where it belongs. */
static void attach(struct builder *builder, const struct node *node, bool is_bad_key)
{
    if (builder->depth == 0) {
        add_document(builder, node);
        return;
    }

    struct frame *frame = &builder->frames[builder->depth - 1];
    if (frame->node->type == NODE_LIST) {
        add_child(builder, (struct node_member){ .value = node }, /* is_merge= */ false);
    } else if (!frame->has_key) {
        frame->has_key = true;
        frame->key = (struct node_member){ .key = is_bad_key ? NULL : node->text,
                                           .line = node->line,
                                           .column = node->column };
        frame->key_is_merge = !is_bad_key && node->plain && text_equal(node->text, "<<");
    } else {
        frame->has_key = false;
        frame->key.value = node;
        if (frame->key.key != NULL)
            add_child(builder, frame->key, frame->key_is_merge);
    }
}

/* Is the next node a key? */
static bool expects_key(const struct builder *builder)
{
    if (builder->depth == 0)
        return false;
    const struct frame *frame = &builder->frames[builder->depth - 1];
    return frame->node->type == NODE_MAP && !frame->has_key;
}

/* ---- The end of a list or map --------------------------------------------------------------- */

static int compare_members(const void *a_memory, const void *b_memory)
{
    const struct node_member *a = *(const struct node_member *const *)a_memory;
    const struct node_member *b = *(const struct node_member *const *)b_memory;
    int order = strcmp(a->key, b->key);

    /* Of equal keys the one written first. */
    return order != 0 ? order : (a > b) - (a < b);
}

static void refuse_duplicates(struct builder *builder, const struct node_member *members,
                              size_t count)
{
    const struct node_member **sorted;

    if (count < 2)
        return;
    /* NOLINTBEGIN(bugprone-sizeof-expression): pointers are sorted */
    sorted = mem_resize(NULL, count * sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &members[i];
    qsort(sorted, count, sizeof(*sorted), compare_members);
    /* NOLINTEND(bugprone-sizeof-expression) */
    for (size_t i = 1; i < count; i++) {
        struct pos pos = { builder->file, sorted[i]->line, sorted[i]->column };
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            MISTAKE(builder, pos, "duplicate key '%s': it was given in line %u already",
                    sorted[i]->key, sorted[i - 1]->line);
    }
    free(sorted);
}

/* The members of a map that are not there yet join it. */
static void merge_map(struct builder *builder, const struct node *from, struct tree *known,
                      struct buf *members)
{
    for (size_t i = 0; i < from->count && !builder->stopped; i++) {
        const struct node_member *member = &from->members[i];
        if (tree_get(known, member->key) != NULL)
            continue;
        tree_put(known, member->key, builder, /* owner= */ NULL);
        buf_add(members, member, sizeof(*member));
        count_nodes(builder, (struct pos){ builder->file, from->line, from->column },
                    member->value->expanded);
    }
}

static void merge(struct builder *builder, const struct child *child, struct tree *known,
                  struct buf *members)
{
    const struct node *value = child->member.value;
    const struct node *const single[] = { value };
    const struct node *const *maps = value->type == NODE_LIST ? value->items : single;
    size_t count = value->type == NODE_LIST ? value->count : 1;

    for (size_t i = 0; i < count && !builder->stopped; i++) {
        struct pos pos = { builder->file, child->member.line, child->member.column };
        if (maps[i]->type == NODE_MAP)
            merge_map(builder, maps[i], known, members);
        else
            MISTAKE(builder, pos, "'<<' merges maps: give it an alias of a map, or a list of such");
    }
}

/* What "<<" brings comes behind the members that are written, which it never replaces. */
static void resolve_merges(struct builder *builder, const struct child *children, size_t count,
                           struct buf *members)
{
    AUTO(tree) known = { 0 }; /* a set: the values mean nothing */

    for (size_t i = 0; i < count; i++)
        if (!children[i].is_merge)
            tree_put(&known, children[i].member.key, builder, /* owner= */ NULL);
    for (size_t i = 0; i < count; i++)
        if (children[i].is_merge)
            merge(builder, &children[i], &known, members);
}

static void close_map(struct builder *builder, struct node *node, const struct child *children,
                      size_t count)
{
    bool any_merge = false;
    struct buf members;

    /* The written members, then the merged ones; how many these are is bounded by count_nodes(). */
    buf_init(&members, (size_t)LIMIT_YAML_NODES * 2 * sizeof(struct node_member));
    for (size_t i = 0; i < count; i++) {
        any_merge = any_merge || children[i].is_merge;
        if (!children[i].is_merge)
            buf_add(&members, &children[i].member, sizeof(children[i].member));
    }
    refuse_duplicates(builder, (const struct node_member *)(const void *)members.data,
                      members.size / sizeof(struct node_member));
    if (any_merge)
        resolve_merges(builder, children, count, &members);
    if (members.truncated)
        builder->stopped = builder->failed = true;
    node->members = arena_copy(builder->arena, members.data, members.size);
    node->count = members.size / sizeof(struct node_member);
    buf_release(&members);
}

static void measure(struct node *node, const struct node *child)
{
    node->expanded += child->expanded;
    if (node->height < child->height + 1)
        node->height = child->height + 1;
}

static void close_frame(struct builder *builder)
{
    ASSERT(builder->depth > 0);
    struct frame *frame = &builder->frames[builder->depth - 1];
    struct node *node = frame->node;
    size_t count = builder->child_count - frame->first_child;
    const struct child *children = count > 0 ? builder->children + frame->first_child : NULL;

    if (node->type == NODE_MAP) {
        close_map(builder, node, children, count);
        for (size_t i = 0; i < node->count; i++)
            measure(node, node->members[i].value);
    } else {
        const struct node **items = arena_array(builder->arena, const struct node *, count);
        for (size_t i = 0; i < count; i++) {
            items[i] = children[i].member.value;
            measure(node, items[i]);
        }
        node->items = items;
        node->count = count;
    }
    builder->child_count = frame->first_child;
    builder->depth--;
    define_anchor(builder, frame->anchor, node);
    attach(builder, node, frame->is_bad_key);
}

/* ---- Events --------------------------------------------------------------------------------- */

static void open_frame(struct builder *builder, enum node_type type, const yaml_event_t *event,
                       const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct pos pos = pos_of(builder, event->start_mark);
    bool is_bad_key = expects_key(builder);

    check_tag(builder, tag, pos);
    if (is_bad_key)
        MISTAKE(builder, pos, "a key must be plain text, not a list or a map");
    if (builder->depth >= LIMIT_YAML_DEPTH) {
        MISTAKE(builder, pos, "more than %d levels of nesting", LIMIT_YAML_DEPTH);
        builder->stopped = true;
        return;
    }
    builder->frames[builder->depth++] = (struct frame){
        .node = new_node(builder, type, pos),
        .anchor = anchor_name(builder, anchor),
        .first_child = builder->child_count,
        .is_bad_key = is_bad_key,
    };
}

static void add_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct pos pos = pos_of(builder, event->start_mark);
    struct node *node = new_node(builder, NODE_SCALAR, pos);
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    check_tag(builder, event->data.scalar.tag, pos);
    if (strlen(value) != length)
        MISTAKE(builder, pos, "a NUL character in a text: no program could read past it");
    node->plain =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    node->text = arena_text(builder->arena, value);
    if (builder->source.escape_count > 0 &&
        event->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE)
        node->text = yaml_source_restore(&builder->source, event->start_mark.index,
                                         event->end_mark.index, node->text, builder->arena);
    define_anchor(builder, anchor_name(builder, event->data.scalar.anchor), node);
    attach(builder, node, /* is_bad_key= */ false);
}

static void add_alias(struct builder *builder, const yaml_event_t *event)
{
    struct pos pos = pos_of(builder, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    struct node *node = tree_get(&builder->anchors, name);

    if (node == NULL) {
        MISTAKE(builder, pos, "no anchor '&%s' is complete before this alias", name);
        node = new_node(builder, NODE_SCALAR, pos);
        node->text = "";
    } else {
        count_nodes(builder, pos, node->expanded);
        if (builder->depth + node->height > LIMIT_YAML_DEPTH)
            MISTAKE(builder, pos, "more than %d levels of nesting, the alias written out",
                    LIMIT_YAML_DEPTH);
    }
    bool is_bad_key = expects_key(builder) && node->type != NODE_SCALAR;
    if (is_bad_key)
        MISTAKE(builder, pos, "a key must be plain text, not a list or a map");
    attach(builder, node, is_bad_key);
}

static void take_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: add_scalar(builder, event); break;
    case YAML_ALIAS_EVENT: add_alias(builder, event); break;
    case YAML_SEQUENCE_START_EVENT:
        open_frame(builder, NODE_LIST, event, event->data.sequence_start.anchor,
                   event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        open_frame(builder, NODE_MAP, event, event->data.mapping_start.anchor,
                   event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_frame(builder); break;
    case YAML_DOCUMENT_END_EVENT: tree_release(&builder->anchors); break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT: break;
    }
}

/* Does a tab stand there?  libyaml calls it a character that cannot start any token. */
static bool is_tab_at(const struct yaml_source *source, yaml_mark_t mark)
{
    const char *at = source->text;
    const char *end = source->text + source->size;

    for (size_t line = 0; line < mark.line && at != NULL; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL || (size_t)(end - at) <= mark.column || at[mark.column] != '\t')
        return false;
    for (size_t i = 0; i < mark.column; i++)
        if (at[i] != ' ' && at[i] != '\t')
            return false; /* not indentation; and then columns need not be bytes */
    return true;
}

/* What libyaml says, where it says it. */
static void syntax_mistake(struct builder *builder, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";

    if (parser->error == YAML_READER_ERROR) {
        struct pos pos = pos_of(builder, parser->mark);
        MISTAKE(builder, pos, "not valid YAML: %s (U+%04X) in or behind this line", problem,
                (unsigned)parser->problem_value);
        return;
    }
    struct pos pos = pos_of(builder, parser->problem_mark);
    if (is_tab_at(&builder->source, parser->problem_mark))
        MISTAKE(builder, pos, "a tab cannot indent: use spaces");
    else if (parser->context != NULL)
        MISTAKE(builder, pos, "not valid YAML: %s, %s that began in line %zu", problem,
                parser->context, parser->context_mark.line + 1);
    else
        MISTAKE(builder, pos, "not valid YAML: %s", problem);
}

static void parse_events(struct builder *builder)
{
    yaml_parser_t parser;
    bool ended = false;

    if (yaml_parser_initialize(&parser) == 0) {
        MISTAKE(builder, ((struct pos){ builder->file, 0, 0 }), "out of memory");
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)builder->source.text,
                                 builder->source.size);
    while (!ended && !builder->stopped) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            syntax_mistake(builder, &parser);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        take_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

int yaml_parse(const char *file, const char *text, size_t size, struct arena *arena,
               struct diag_list *diags, struct yaml_file *out)
{
    struct builder builder = { .file = file, .arena = arena, .diags = diags };

    if (yaml_source_make(file, text, size, arena, diags, &builder.source) < 0)
        return -1;
    parse_events(&builder);
    tree_release(&builder.anchors);
    if (!builder.failed) {
        out->documents = arena_copy(arena, builder.documents,
                                    builder.document_count * sizeof(const struct node *));
        out->document_count = builder.document_count;
    }
    free(builder.children);
    free(builder.documents);
    return builder.failed ? -1 : 0;
}

/* ---- Reading nodes -------------------------------------------------------------------------- */

const struct node *node_get(const struct node *map, const char *key)
{
    if (map == NULL || map->type != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->members[i].key, key) == 0)
            return node_is_null(map->members[i].value) ? NULL : map->members[i].value;
    return NULL;
}

bool node_is_null(const struct node *node)
{
    return node == NULL || (node->type == NODE_SCALAR && node->plain &&
                            (node->text[0] == '\0' || text_equal(node->text, "~") ||
                             text_equal(node->text, "null")));
}

/* The depth is bounded by LIMIT_YAML_DEPTH, the work by LIMIT_YAML_NODES. */
bool node_says_nothing(const struct node *node)
{
    if (node_is_null(node))
        return true;
    ASSERT(node->height <= LIMIT_YAML_DEPTH);
    if (node->type == NODE_SCALAR)
        return node->text[0] == '\0' || text_equal(node->text, "0") ||
               text_equal(node->text, "false");
    for (size_t i = 0; i < node->count; i++)
        if (!node_says_nothing(node->type == NODE_MAP ? node->members[i].value : node->items[i]))
            return false;
    return true;
}

const char *yaml_library_version(void)
{
    return yaml_get_version_string();
}
