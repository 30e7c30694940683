/*
 * ~/.netrc as curl and git read it, and the answer of a git credential helper.
 * Source: https://everything.curl.dev/usingcurl/netrc, git-credential(1) (input/output format).
 */
#include "reconciler/source/login.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"

void login_release(struct login *login)
{
    text_wipe(login->user);
    text_wipe(login->password);
    *login = (struct login){ 0 };
}

static void login_move(struct login *from, struct login *to)
{
    *to = *from;
    *from = (struct login){ 0 };
}

static void set(char **slot, const char *text, size_t size)
{
    text_wipe(*slot);
    *slot = mem_alloc(size + 1);
    memcpy(*slot, text, size);
}

/* ---- ~/.netrc ------------------------------------------------------------------------------ */

struct token {
    const char *text;
    size_t size;
};

/* The next word, with or without double quotes; false at the end.  '#' begins a comment. */
static bool next_token(const char **at, struct token *out)
{
    const char *c = *at;

    for (;;) {
        while (isspace((unsigned char)*c))
            c++;
        if (*c != '#')
            break;
        c += strcspn(c, "\n");
    }
    if (*c == '\0')
        return false;
    if (*c == '"') {
        out->text = c + 1;
        out->size = strcspn(c + 1, "\"\n");
        c += out->size + 1;
        *at = *c == '"' ? c + 1 : c;
        return true;
    }
    out->text = c;
    out->size = strcspn(c, " \t\r\n");
    *at = c + out->size;
    return true;
}

static bool token_is(const struct token *token, const char *text)
{
    return strlen(text) == token->size && strncmp(token->text, text, token->size) == 0;
}

bool login_from_netrc(const char *text, const char *host, const char *user, struct login *out)
{
    AUTO(login) found = { 0 };
    struct token token;
    struct token value;
    bool matches = false;

    while (next_token(&text, &token)) {
        bool starts = token_is(&token, "machine") || token_is(&token, "default");

        if (starts && matches && found.password != NULL)
            break;
        if (token_is(&token, "default")) {
            login_release(&found);
            matches = true;
        } else if (token_is(&token, "macdef")) {
            const char *end = strstr(text, "\n\n"); /* a macro ends with an empty line */

            text = end != NULL ? end : text + strlen(text);
        } else if (next_token(&text, &value)) {
            if (token_is(&token, "machine")) {
                login_release(&found);
                matches = token_is(&value, host);
            } else if (token_is(&token, "login")) {
                set(&found.user, value.text, value.size);
                matches = matches && (user == NULL || text_equal(user, found.user));
            } else if (token_is(&token, "password")) {
                set(&found.password, value.text, value.size);
            }
        }
    }
    if (!matches || found.user == NULL || found.password == NULL)
        return false;
    login_move(&found, out);
    return true;
}

/* ---- git credential fill --------------------------------------------------------------------- */

bool login_from_helper(const char *text, struct login *out)
{
    AUTO(login) found = { 0 };

    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");

        if (text_starts(line, "username="))
            set(&found.user, line + 9, size - 9);
        else if (text_starts(line, "password="))
            set(&found.password, line + 9, size - 9);
        line += size;
        line += *line == '\n' ? 1 : 0;
    }
    if (found.user == NULL || found.password == NULL)
        return false;
    login_move(&found, out);
    return true;
}
