/*
 * The text of a file as libyaml can read it, and the way back.
 *
 * libyaml refuses the escape of a surrogate pair ("\ud83d\ude00"), which is how JSON writes
 * characters outside the basic plane.  Each pair is replaced by YAML's own escape ("\U0001F600")
 * before parsing. That one is two columns shorter, and it means nothing outside double quotes:
 * columns are mapped back and scalars in other styles get their text back.
 */
#ifndef SPEC_YAML_SOURCE_H
#define SPEC_YAML_SOURCE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

/* A "\U" in the text, ours or the user's own.  Only looked for when there is one of ours. */
struct yaml_escape {
    size_t index;  /* in characters */
    uint32_t line; /* from 0, as libyaml counts */
    uint32_t column;
    uint32_t ours_before; /* on the same line */
    const char *original; /* 12 bytes; NULL: the user's own */
};

struct yaml_source {
    const char *text;
    size_t size;
    const struct yaml_escape *escapes; /* in order */
    size_t escape_count;
};

/* Checks that the text is UTF-8 without NUL, drops a byte order mark, and replaces surrogate pairs.
 * On a mistake adds it to diags and answers -1. */
MUST_USE int yaml_source_make(const char *file, const char *text, size_t size, struct arena *arena,
                              struct diag_list *diags, struct yaml_source *out);

/* The column (from 0) in the user's text of a place in ours. */
uint32_t yaml_source_column(const struct yaml_source *source, size_t line, size_t column);

/* The value of a scalar that stood between two indexes, not in double quotes, as the user wrote it.
 */
const char *yaml_source_restore(const struct yaml_source *source, size_t start, size_t end,
                                const char *value, struct arena *arena);

#endif
