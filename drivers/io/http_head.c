/*
 * "HTTP/1.1 101 UPGRADED", lines of "Name: value", an empty line; every line ends with CR and LF.
 * Source: RFC 9112, sections 2.1, 4 and 5; RFC 9110, section 8.6 (Content-Length).
 */
#include "drivers/io/http_head.h"

#include <string.h>
#include <strings.h>

#include "spec/base/text.h"

static const char version[] = "HTTP/1.";

/* A decimal number that ends where the digits do; false: none, or more than 32 bits. */
static bool number_at(const char *text, size_t size, uint32_t *out)
{
    char digits[11]; /* of 2^32 */
    size_t count = 0;

    while (count < size && text[count] >= '0' && text[count] <= '9')
        count++;
    if (count == 0 || count >= sizeof(digits))
        return false;
    memcpy(digits, text, count);
    digits[count] = '\0';
    return text_parse_u32(digits, out);
}

static size_t content_length(const char *head, size_t size)
{
    static const char name[] = "\r\nContent-Length:";
    size_t name_size = strlen(name);
    uint32_t length;

    for (size_t at = 0; at + name_size <= size; at++) {
        if (head[at] != '\r' || strncasecmp(head + at, name, name_size) != 0)
            continue;
        at += name_size;
        while (at < size && (head[at] == ' ' || head[at] == '\t'))
            at++;
        return number_at(head + at, size - at, &length) ? length : SIZE_MAX;
    }
    return SIZE_MAX;
}

enum http_head_state http_head_parse(const char *data, size_t size, struct http_head *out)
{
    size_t begin = strlen(version);
    size_t known = size < begin ? size : begin;
    const char *end;
    const char *line_end;
    const char *blank;
    uint32_t status;

    if (memcmp(data, version, known) != 0)
        return HTTP_HEAD_NONE;
    end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL)
        return HTTP_HEAD_PART;
    line_end = memmem(data, size, "\r\n", 2);
    blank = memchr(data, ' ', (size_t)(line_end - data));
    if (blank == NULL || line_end - blank < 4 || !number_at(blank + 1, 3, &status) || status < 100)
        return HTTP_HEAD_NONE;
    *out = (struct http_head){ .status = (int)status,
                               .size = (size_t)(end - data) + 4,
                               .body_size = content_length(data, (size_t)(end - data)) };
    return HTTP_HEAD_WHOLE;
}
