/*
 * Secrets: their values are read on this machine only when a container is created; everything else
 * sees a keyed digest, so that a new value is a new revision and nothing can be learnt from it.
 */
#ifndef RECONCILER_RUN_SECRETS_H
#define RECONCILER_RUN_SECRETS_H

#include "spec/base/base.h"
#include "spec/base/buf.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"

#define SECRET_BYTES_MAX (64 * 1024)

struct secrets;

struct secrets *secrets_new(const void *key, size_t key_size);
void secrets_free(struct secrets *secrets);

/* "file:PATH" (absolute; one trailing newline is not part of it) or "env:NAME". Errors name where
 * it was looked for, never what was found. */
int secret_read(void *secrets, const char *value_from, struct buf *out, struct err *err);

/* A secret_digest_fn: NULL when the value cannot be read; the text lives until the next call. */
const char *secret_digest(void *context, const char *value_from);

#endif
