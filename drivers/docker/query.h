/*
 * Parts of an Engine URL.
 */
#ifndef DRIVERS_DOCKER_QUERY_H
#define DRIVERS_DOCKER_QUERY_H

#include "spec/base/buf.h"
#include "spec/base/json.h"

/* Appends text with every byte but letters, digits, '-', '.', '_', '~' (RFC 3986 section 2.3) and
 * those of `keep` as %XX. */
void docker_url_add(struct buf *out, const char *text, const char *keep);

/* Appends "key=value", with '&' in between, to a query.  A NULL value adds nothing. */
void docker_query_add(struct buf *query, const char *key, const char *value);
void docker_query_add_int(struct buf *query, const char *key, int64_t value);
void docker_query_add_bool(struct buf *query, const char *key, bool value);
/* The value is JSON text. */
void docker_query_add_json(struct buf *query, const char *key, const struct json *value);

/* {"key": ["value", ...], ...}: adds a value to a key's list, as every `filters` parameter
 * has it. */
void docker_filter_add(struct json *filters, const char *key, const char *value);

#endif
