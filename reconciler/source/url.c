/*
 * Locations of repositories, told apart the way git does it: what has "://" is a URL, what has a
 * colon before any slash is host:path, everything else is a folder.
 */
#include "reconciler/source/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"

#define URL_BYTES_MAX 4096

static char *copy_range(const char *begin, const char *end)
{
    size_t size = (size_t)(end - begin);
    char *copy = mem_alloc(size + 1);

    memcpy(copy, begin, size);
    return copy;
}

/* Names go to ssh as arguments of their own, so a leading '-' would be read as an option. */
static int check_ssh(const struct url *url, struct err *err)
{
    ASSERT(url->host != NULL && url->path != NULL); /* parsed, however empty */
    if (text_is_empty(url->host) || text_is_empty(url->path))
        return err_set(err, ERR_INVALID, "'%s' names no %s: write ssh://user@host/path", url->shown,
                       text_is_empty(url->host) ? "host" : "path");
    if (url->host[0] == '-' || url->path[0] == '-' || (url->user != NULL && url->user[0] == '-'))
        return err_set(err, ERR_INVALID, "'%s': user, host and path may not begin with '-'",
                       url->shown);
    return 0;
}

static int parse_port(const char *text, struct url *url, struct err *err)
{
    uint32_t port;

    if (text[0] == '\0') /* "host:/path" is git's own way to write the usual port */
        return 0;
    if (!text_parse_u32(text, &port) || port == 0 || port > 65535)
        return err_set(err, ERR_INVALID, "'%s' has the port '%s': it is 1 to 65535", url->shown,
                       text);
    url->port = mem_text(text);
    return 0;
}

/* host, host:port, [v6], [v6]:port */
static int parse_host(const char *begin, const char *end, struct url *url, struct err *err)
{
    AUTO_TEXT char *text = copy_range(begin, end);
    char *after;

    if (text[0] == '[') {
        char *close = strchr(text, ']');

        if (close == NULL)
            return err_set(err, ERR_INVALID, "'%s' has a '[' without ']'", url->shown);
        url->host = copy_range(text + 1, close);
        after = close + 1;
    } else {
        after = strchr(text, ':');
        if (after == NULL)
            after = text + strlen(text);
        url->host = copy_range(text, after);
    }
    if (after[0] == ':')
        return parse_port(after + 1, url, err);
    if (after[0] != '\0')
        return err_set(err, ERR_INVALID, "'%s' has '%s' behind its host", url->shown, after);
    return 0;
}

/* What follows the "://". */
static int parse_authority(const char *rest, struct url *url, struct err *err)
{
    const char *slash = strchr(rest, '/');
    const char *end = slash != NULL ? slash : rest + strlen(rest);
    const char *at = memrchr(rest, '@', (size_t)(end - rest));

    if (at != NULL && url->kind == URL_SSH) {
        const char *colon = memchr(rest, ':', (size_t)(at - rest));

        url->user = copy_range(rest, colon != NULL ? colon : at);
    }
    if (parse_host(at != NULL ? at + 1 : rest, end, url, err) < 0)
        return -1;
    /* ssh://host/~user/repo: the remote shell expands the tilde only at the beginning. */
    if (url->kind == URL_SSH && slash != NULL && slash[1] == '~')
        slash++;
    url->path = mem_text(slash != NULL ? slash : "");
    if (url->kind == URL_SSH)
        return check_ssh(url, err);
    ASSERT(url->host != NULL);
    if (url->host[0] == '\0')
        return err_set(err, ERR_INVALID, "'%s' names no host", url->shown);
    return 0;
}

static int parse_scheme(const char *separator, struct url *url, struct err *err)
{
    url->scheme = copy_range(url->text, separator);
    for (char *c = url->scheme; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (text_equal(url->scheme, "file")) {
        url->kind = URL_FILE;
        url->path = mem_text(separator + 3);
        if (url->path[0] != '/')
            return err_set(err, ERR_INVALID, "'%s': write file:///PATH", url->shown);
        return 0;
    }
    if (text_equal(url->scheme, "https") || text_equal(url->scheme, "http"))
        url->kind = URL_HTTP;
    else if (text_equal(url->scheme, "ssh") || text_equal(url->scheme, "git+ssh"))
        url->kind = URL_SSH;
    else
        return err_set(err, ERR_INVALID, "'%s': '%s' is not one of https, http, ssh and file",
                       url->shown, url->scheme);
    return parse_authority(separator + 3, url, err);
}

static int parse_scp(const char *colon, struct url *url, struct err *err)
{
    const char *at = memchr(url->text, '@', (size_t)(colon - url->text));
    const char *host = at != NULL ? at + 1 : url->text;

    url->kind = URL_SSH;
    url->scheme = mem_text("ssh");
    if (at != NULL)
        url->user = copy_range(url->text, at);
    if (host[0] == '[' && colon[-1] == ']')
        url->host = copy_range(host + 1, colon - 1);
    else
        url->host = copy_range(host, colon);
    url->path = mem_text(colon + 1);
    return check_ssh(url, err);
}

/* The colon of host:path, or NULL for a folder. */
static const char *scp_colon(const char *text)
{
    const char *from = text;
    const char *colon;
    const char *slash = strchr(text, '/');

    if (text[0] == '[' || strstr(text, "@[") != NULL) {
        const char *close = strchr(text, ']');

        if (close != NULL)
            from = close;
    }
    colon = strchr(from, ':');
    if (colon == NULL || (slash != NULL && slash < colon))
        return NULL;
    return colon;
}

int url_parse(const char *location, struct url *out, struct err *err)
{
    AUTO(url) url = { 0 };
    const char *separator;

    if (text_is_empty(location))
        return err_set(err, ERR_INVALID, "no repository is named");
    if (strlen(location) > URL_BYTES_MAX)
        return err_set(err, ERR_INVALID, "the repository's name is longer than %d bytes",
                       URL_BYTES_MAX);
    for (const char *c = location; *c != '\0';
         c++) /* they would end a line of somebody's protocol */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_set(err, ERR_INVALID, "the repository's name has a control character");
    url.text = mem_text(location);
    url.shown = url_redact(location);
    separator = strstr(location, "://");
    if (separator != NULL) {
        if (parse_scheme(url.text + (separator - location), &url, err) < 0)
            return -1;
    } else if (scp_colon(url.text) != NULL) {
        if (parse_scp(scp_colon(url.text), &url, err) < 0)
            return -1;
    } else {
        url.path = mem_text(location);
    }
    *out = url;
    url = (struct url){ 0 };
    return 0;
}

void url_release(struct url *url)
{
    free(url->text);
    free(url->shown);
    free(url->scheme);
    free(url->user);
    free(url->host);
    free(url->port);
    free(url->path);
    *url = (struct url){ 0 };
}
