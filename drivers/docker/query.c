/*
 * Percent-encoding, and the two shapes of parameter that the Engine has: text and JSON.
 */
#include "drivers/docker/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(unsigned char c, const char *keep)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || strchr(keep, c) != NULL;
}

void docker_url_add(struct buf *out, const char *text, const char *keep)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (is_plain(c, keep))
            buf_char(out, *text);
        else
            buf_printf(out, "%%%02X", c);
    }
}

void docker_query_add(struct buf *query, const char *key, const char *value)
{
    if (value == NULL)
        return;
    if (query->size > 0)
        buf_char(query, '&');
    docker_url_add(query, key, "");
    buf_char(query, '=');
    docker_url_add(query, value, "");
}

void docker_query_add_int(struct buf *query, const char *key, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    docker_query_add(query, key, text);
}

void docker_query_add_bool(struct buf *query, const char *key, bool value)
{
    docker_query_add(query, key, value ? "1" : "0");
}

void docker_query_add_json(struct buf *query, const char *key, const struct json *value)
{
    AUTO_TEXT char *text = json_print_text(value, JSON_STYLE_CANONICAL);

    docker_query_add(query, key, text);
}

void docker_filter_add(struct json *filters, const char *key, const char *value)
{
    const struct json *old = json_get(filters, key);
    struct json *values = old != NULL ? json_copy(old) : json_array();

    json_append_text(values, value);
    json_set(filters, key, values);
}
