#include "spec/port.h"

#include <string.h>

#include "spec/base/text.h"

#define PORT_DIGITS 5
#define PORT_MAX    65535

static bool parse_port(const char *digits, size_t size, uint32_t *out)
{
    char text[PORT_DIGITS + 1] = "";

    if (size > PORT_DIGITS)
        return false;
    memcpy(text, digits, size);
    return text_parse_u32(text, out) && *out >= 1 && *out <= PORT_MAX;
}

bool port_range_parse(const char *text, uint32_t *out_first, uint32_t *out_last)
{
    const char *dash = strchr(text, '-');

    return dash != NULL && parse_port(text, (size_t)(dash - text), out_first) &&
           parse_port(dash + 1, strlen(dash + 1), out_last) && *out_first <= *out_last;
}

bool port_key_next(const char **text, uint32_t *out_key)
{
    const char *at = *text;
    size_t size = at == NULL ? 0 : strcspn(at, "/");
    uint32_t port;

    if (size == 0 || !parse_port(at, size, &port))
        return false;
    *out_key = PORT_KEY(port, text_starts(at + size, "/udp"));
    at = strchr(at, ' ');
    *text = at == NULL ? "" : at + 1;
    return true;
}
