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

bool port_parse(const char *text, uint32_t *out_port, bool *out_is_udp)
{
    size_t size = text == NULL ? 0 : strcspn(text, "/");

    if (size == 0 || !parse_port(text, size, out_port))
        return false;
    *out_is_udp = text_starts(text + size, "/udp");
    return true;
}

static const char *behind_space(const char *text)
{
    const char *space = strchr(text, ' ');

    return space == NULL ? "" : space + 1;
}

bool port_key_next(const char **text, uint32_t *out_key)
{
    uint32_t port;
    bool is_udp;

    if (!port_parse(*text, &port, &is_udp))
        return false;
    *out_key = PORT_KEY(port, is_udp);
    *text = behind_space(*text);
    return true;
}

bool port_binding_next(const char **text, struct port_binding *out)
{
    const char *colon = *text == NULL ? NULL : strchr(*text, ':');
    struct port_binding binding;

    if (colon == NULL || !parse_port(*text, (size_t)(colon - *text), &binding.host) ||
        !port_parse(colon + 1, &binding.container, &binding.is_udp))
        return false;
    *out = binding;
    *text = behind_space(colon);
    return true;
}
