/*
 * The tables as text for people: the reference of a kind, and the answer to `berth explain`.
 */
#ifndef SPEC_MANUAL_H
#define SPEC_MANUAL_H

#include "spec/base/buf.h"
#include "spec/base/err.h"
#include "spec/base/json.h"
#include "spec/kinds/kinds.h"

/* Markdown: every field of the kind, one section for each structure. */
void manual_kind(enum kind kind, struct buf *out);
/* One sentence of what the kind is. */
const char *manual_summary(enum kind kind);

/*
 * Plain text about KIND or KIND.FIELD.FIELD, in any case: "service.deploymentConfiguration".  An
 * unknown name is ERR_NOT_FOUND with the nearest one.
 */
MUST_USE int manual_explain(const char *path, struct buf *out, struct err *err);

/* Likewise as JSON, with the fields of the kind or the field; and all kinds. */
MUST_USE int manual_explain_json(const char *path, struct json **out, struct err *err);
struct json *manual_kinds_json(void);

#endif
