/*
 * Text to nodes: what YAML and JSON have in common, with the position of everything.  The only home
 * of libyaml.
 *
 * A scalar stays text; what it means is decided by the table of the field it is for (decode.h).
 * Strict: duplicate keys, keys that are no scalars, tags of one's own, invalid UTF-8, NUL, and more
 * depth, nodes or documents than spec/base/limits.h allows are mistakes.  Anchors, aliases and
 * merges ("<<") are resolved here; an alias shares the nodes of its anchor, and counts as if it
 * were written.
 *
 * Escaped surrogate pairs, which JSON has for characters outside the basic plane and libyaml
 * refuses, are understood.
 */
#ifndef SPEC_YAML_H
#define SPEC_YAML_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node_member;

struct node {
    enum node_type type;
    uint32_t line; /* from 1 */
    uint32_t column;
    bool plain;                        /* a scalar without quotes */
    const char *text;                  /* of a scalar; UTF-8 without NUL */
    const struct node *const *items;   /* of a list */
    const struct node_member *members; /* of a map, in the order written; keys differ */
    size_t count;                      /* of items or members */
    size_t expanded;                   /* nodes of the whole subtree, aliases written out */
    uint32_t height;                   /* levels of the subtree, 1 for a scalar */
};

struct node_member {
    const char *key;
    uint32_t line; /* of the key */
    uint32_t column;
    const struct node *value;
};

struct yaml_file {
    const struct node **documents; /* the roots; empty documents are left out */
    size_t document_count;
};

/*
 * Parses all documents of one file.  Mistakes are added to diags with `file` in their positions;
 * then the answer is -1 and *out is untouched.  Mistakes of syntax end the file, others are all
 * found. Nodes lie in the arena, texts too.
 */
MUST_USE int yaml_parse(const char *file, const char *text, size_t size, struct arena *arena,
                        struct diag_list *diags, struct yaml_file *out);

/* The value of a map's key; NULL when there is none or it is null. */
const struct node *node_get(const struct node *map, const char *key);
/* Empty, "~" or "null", without quotes.  NULL is null too. */
bool node_is_null(const struct node *node);
/* Null, an empty list or map, an empty text, 0 or false, or made of nothing else. */
bool node_says_nothing(const struct node *node);

/* Of the library below, as it is loaded: "2.14". */
const char *yaml_library_version(void);

#endif
