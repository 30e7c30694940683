/*
 * The one text that stands for a record: JSON on one line, keys sorted, what equals its default
 * left out, containers and other records with a name in the order of their names.  Two records that
 * mean the same print the same, and a field that a later version adds changes no text that does not
 * use it.
 *
 * spec/yaml.h reads it back: it is ASCII but for characters outside the basic plane.
 */
#ifndef SPEC_CANONICAL_H
#define SPEC_CANONICAL_H

#include "spec/base/buf.h"
#include "spec/field.h"

enum canonical_scope {
    CANONICAL_ALL,
    CANONICAL_ROLLS /* only fields whose change replaces tasks */
};

void canonical_record(const struct record *record, const void *structure,
                      enum canonical_scope scope, struct buf *out);
/* A JSON string with its quotes; NULL is null. */
void canonical_text(const char *text, struct buf *out);

#endif
