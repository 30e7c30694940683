/*
 * Where a repository is: what goes to ssh is no option of it, what people see has no password.  The
 * first line is the location; the rest is .netrc and the answer of a credential helper.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/login.h"
#include "reconciler/source/url.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

static void check_url(const struct url *url)
{
    AUTO_TEXT char *again = url_redact(url->shown);

    ASSERT(strcmp(again, url->shown) == 0);
    if (url->kind == URL_SSH) {
        ASSERT(url->host[0] != '\0' && url->host[0] != '-');
        ASSERT(url->path[0] != '\0' && url->path[0] != '-');
        ASSERT(url->user == NULL || url->user[0] != '-');
    } else if (url->kind == URL_HTTP) {
        ASSERT(url->host[0] != '\0' && url->user == NULL);
    } else {
        ASSERT(url->path[0] != '\0' && url->host == NULL);
    }
}

/* "https://user:SECRET@host/" never shows what stands between colon and '@'. */
static void check_redacted(const char *word)
{
    AUTO(buf) text = { 0 };
    AUTO_TEXT char *shown = NULL;

    if (word[strcspn(word, "/ \t\r\n'\"@")] != '\0' || strlen(word) > 1000)
        return;
    buf_init(&text, 4096);
    buf_printf(&text, "fetch of https://user:%sQ7secret@host/path?x failed", word);
    shown = url_redact(text.data);
    ASSERT(strstr(shown, "Q7secret") == NULL);
    ASSERT(text_ends(shown, "@host/path?x failed"));
}

static void check_login(const struct login *login)
{
    ASSERT(login->user != NULL && login->password != NULL);
    ASSERT(strchr(login->user, '\n') == NULL && strchr(login->password, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *location = fuzz_take(&input, "\n", NULL);
    AUTO_TEXT char *rest = fuzz_rest(&input, NULL);
    AUTO(url) url = { 0 };
    AUTO(login) any = { 0 };
    AUTO(login) asked = { 0 };
    AUTO(login) helper = { 0 };
    struct err err = { 0 };

    check_redacted(location);
    free(url_redact(rest));
    if (url_parse(location, &url, &err) == 0)
        check_url(&url);
    else
        ASSERT(err.code == ERR_INVALID && url.text == NULL);
    if (login_from_netrc(rest, "example.com", NULL, &any))
        check_login(&any);
    if (login_from_netrc(rest, "example.com", "bob", &asked)) {
        check_login(&asked);
        ASSERT(strcmp(asked.user, "bob") == 0);
    }
    if (login_from_helper(rest, &helper))
        check_login(&helper);
    return 0;
}
