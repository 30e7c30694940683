/*
 * In double quotes HAProxy obeys `"`, `\` and `$` only (configuration manual, 2.2); a byte can be
 * written as `\xHH`.  All but a few harmless ones are.
 */
#include "drivers/haproxy/quote.h"

#include <string.h>

#define PATTERN_MAX ((size_t)64 * 1024)

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void quote_char(struct buf *out, char c)
{
    if (is_alphanumeric(c) || strchr(" -_./:=,;@!?*()[]{}|^+<>&~", c) != NULL)
        buf_char(out, c);
    else if (c == '\\' || c == '"' || c == '$')
        buf_printf(out, "\\%c", c);
    else
        buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
}

void quote_word(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (; *text != '\0'; text++)
        quote_char(out, *text);
    buf_char(out, '"');
}

void quote_format(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (; *text != '\0'; text++) {
        quote_char(out, *text);
        if (*text == '%')
            quote_char(out, '%');
    }
    buf_char(out, '"');
}

void quote_comment(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_char(out, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

/* A character of a regular expression that means itself. */
static void literal(struct buf *out, char c)
{
    if ((unsigned char)c < 0x80 && !is_alphanumeric(c) && (unsigned char)c > ' ' && c != '/')
        buf_char(out, '\\');
    buf_char(out, c);
}

static void translate(struct buf *out, const char *pattern, const char *one)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '*')
            buf_printf(out, "%s*", one);
        else if (*pattern == '?')
            buf_text_add(out, one);
        else
            literal(out, *pattern);
    }
}

static void quote_regex(struct buf *out, const char *pattern)
{
    AUTO(buf) regex = { 0 };

    buf_init(&regex, PATTERN_MAX);
    buf_char(&regex, '^');
    translate(&regex, pattern, ".");
    buf_char(&regex, '$');
    buf_text_add(out, "-m reg -- ");
    quote_word(out, buf_text(&regex));
}

void quote_pattern(struct buf *out, const char *pattern, bool ignores_case)
{
    size_t size = strlen(pattern);
    size_t wild = strcspn(pattern, "*?");
    AUTO(buf) part = { 0 };

    buf_init(&part, PATTERN_MAX);
    if (ignores_case)
        buf_text_add(out, "-i ");
    if (wild == size) {
        buf_text_add(out, "-m str -- ");
        quote_word(out, pattern);
    } else if (size > 1 && wild == size - 1 && pattern[wild] == '*') {
        buf_text_add(out, "-m beg -- ");
        buf_add(&part, pattern, size - 1);
        quote_word(out, buf_text(&part));
    } else if (size > 1 && pattern[0] == '*' && strcspn(pattern + 1, "*?") == size - 1) {
        buf_text_add(out, "-m end -- ");
        quote_word(out, pattern + 1);
    } else {
        quote_regex(out, pattern);
    }
}

void quote_parameter(struct buf *out, const char *key, const char *value)
{
    AUTO(buf) regex = { 0 };

    buf_init(&regex, PATTERN_MAX);
    buf_text_add(&regex, "(^|&)");
    for (; *key != '\0'; key++)
        literal(&regex, *key);
    buf_char(&regex, '=');
    translate(&regex, value, "[^&]");
    buf_text_add(&regex, "(&|$)");
    buf_text_add(out, "-i -m reg -- ");
    quote_word(out, buf_text(&regex));
}
