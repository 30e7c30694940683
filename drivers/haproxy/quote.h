/*
 * Text of a manifest in HAProxy's configuration: whatever it is, it stays text.  Nothing here can
 * end a word, a line or a quote, begin a comment, or name a variable.
 */
#ifndef DRIVERS_HAPROXY_QUOTE_H
#define DRIVERS_HAPROXY_QUOTE_H

#include "spec/base/buf.h"

/* One word in double quotes. */
void quote_word(struct buf *out, const char *text);
/* The same where HAProxy takes `%` for a variable of a log format. */
void quote_format(struct buf *out, const char *text);
/* What may stand in a comment: one line. */
void quote_comment(struct buf *out, const char *text);

/* Of a pattern in which `*` stands for any characters and `?` for one, how it is matched: flags and
 * the quoted word, `-m beg -- "/api/"`.  Plain comparisons where they mean the same, which are
 * faster and easier to read; else an anchored regular expression. */
void quote_pattern(struct buf *out, const char *pattern, bool ignores_case);
/* Likewise of one parameter in a query string: the key as it is, the value a pattern. */
void quote_parameter(struct buf *out, const char *key, const char *value);

#endif
