#include "spec/base/redact.h"

#include <string.h>

#include "spec/base/base.h"
#include "spec/base/buf.h"

/* The '@' that ends the user part of a URL whose "://" was just passed, or NULL. */
static const char *user_end(const char *text)
{
    size_t length = strcspn(text, "/ \t\r\n'\"");

    return memrchr(text, '@', length);
}

char *url_redact(const char *text)
{
    AUTO(buf) out;
    const char *at = text;

    buf_init(&out, 64UL * 1024);
    for (;;) {
        const char *separator = strstr(at, "://");
        const char *user;
        const char *end;

        if (separator == NULL)
            break;
        user = separator + 3;
        buf_add(&out, at, (size_t)(user - at));
        end = user_end(user);
        at = user;
        if (end == NULL)
            continue;
        /* A user alone is how ssh is written; with https it may be a token. */
        if (separator - text >= 3 && strncmp(separator - 3, "ssh", 3) == 0) {
            size_t name = strcspn(user, ":@");

            buf_add(&out, user, name);
            if (user[name] == ':')
                buf_text_add(&out, ":***");
        } else {
            buf_text_add(&out, "***");
        }
        at = end;
    }
    buf_text_add(&out, at);
    return mem_text(buf_text(&out));
}
