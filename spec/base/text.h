/*
 * Text in, values out: the only home of number, duration, size and time parsing.  All text is UTF-8
 * without NUL inside.  Parsers accept the whole text or nothing and never touch outputs on failure.
 */
#ifndef SPEC_BASE_TEXT_H
#define SPEC_BASE_TEXT_H

#include "spec/base/base.h"

/* NULL equals only NULL. */
bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
bool text_is_empty(const char *text); /* NULL or "" */
/* Into an array of `size` >= 1 bytes, cut where it does not fit; always NUL-terminated. */
void text_copy(char *out, size_t size, const char *text);

/* Decimal digits only; a sign only where the type has one. */
MUST_USE bool text_parse_u32(const char *text, uint32_t *out);
MUST_USE bool text_parse_u64(const char *text, uint64_t *out);
MUST_USE bool text_parse_i64(const char *text, int64_t *out);
MUST_USE bool text_parse_f64(const char *text, double *out); /* finite, '.', any locale */

/* "30", "30s", "5m", "1h", "1d12h", "500ms" -> milliseconds, large units first; a bare number is
 * seconds.  At most 10 years. */
MUST_USE bool text_parse_duration_ms(const char *text, int64_t *out);
/* "512", "512MiB", "1GB", "1 GB", "0.5 GiB" -> MiB (GB counts as 1024 MiB, as ECS does); a bare
 * number is MiB.  Fails when it is not a whole number of MiB. */
MUST_USE bool text_parse_mib(const char *text, uint32_t *out);
/* "256", "1 vCPU", ".5 vcpu" -> CPU units (1024 = 1 vCPU), ecs.md 1.2. */
MUST_USE bool text_parse_cpu_units(const char *text, uint32_t *out);

/* RFC 3339, any fraction, "Z" or an offset -> milliseconds since 1970; the engine's zero time
 * ("0001-01-01T00:00:00Z") is 0. */
MUST_USE bool text_parse_time_ms(const char *text, int64_t *out);
#define TEXT_TIME_SIZE 32
/* "2026-11-22T19:02:42.123Z" into out (at least TEXT_TIME_SIZE bytes). */
void text_print_time(int64_t ms, char *out);
/* "1h12m", "43s", "250ms": the two largest units (days to milliseconds), for people. */
void text_print_duration(int64_t ms, char *out /* TEXT_TIME_SIZE */);

/* Without a NUL, too. */
bool text_is_utf8(const char *text, size_t size);
/* Letters, digits, '-' and '_', 1 to 255 of them, beginning with a letter or digit. */
bool text_is_name(const char *text);

/* Text from elsewhere, to be shown: what a terminal would obey (C0 and C1 of ECMA-48, DEL) becomes
 * '?', but tabs and line ends stay. */
void text_disarm(char *text);

/* Overwrites a secret and frees it.  NULL is allowed. */
void text_wipe(char *text);

/* The candidate nearest to `text` when it is near enough to be what the user meant, else NULL. */
const char *text_nearest(const char *text, const char *const *candidates, size_t count);

#endif
