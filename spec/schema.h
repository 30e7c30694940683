/*
 * The tables as JSON Schema (draft 7), for editors.  It describes all kinds; what it accepts is
 * what spec/decode.h accepts of single fields, rules across fields are not in it.
 */
#ifndef SPEC_SCHEMA_H
#define SPEC_SCHEMA_H

#include "spec/base/buf.h"

/* Pretty-printed, ends with a line break. */
void schema_print(struct buf *out);

#endif
