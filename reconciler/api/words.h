/*
 * Words of programs: what containers, health checks and builds write may hold their secrets.
 * Whoever may open the socket in the state directory may read their logs too; on TCP anybody on
 * this machine asks, and is answered without them.
 */
#ifndef RECONCILER_API_WORDS_H
#define RECONCILER_API_WORDS_H

#include "spec/base/buf.h"
#include "spec/base/json.h"

/* "Task failed container health checks (web: exit code 1: no route to db)" loses what follows the
 * exit code, up to the end of its line; and all that a build printed last goes. */
void words_cut_text(const char *text, struct buf *out);
/* A copy in which every text is cut so, and nothing is left of members that hold nothing else. */
struct json *words_cut_json(const struct json *value);

#endif
