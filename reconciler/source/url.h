/*
 * What a location says about where a repository is.  Pure text: nothing is looked up.
 */
#ifndef RECONCILER_SOURCE_URL_H
#define RECONCILER_SOURCE_URL_H

#include "spec/base/base.h"
#include "spec/base/err.h"

enum url_kind { URL_LOCAL, URL_FILE, URL_HTTP, URL_SSH };

/* Zeroed is empty.  All text is owned. */
struct url {
    enum url_kind kind;
    char *text;   /* as given */
    char *shown;  /* as given, but without a password: the only form for people */
    char *scheme; /* "https"; NULL for URL_LOCAL */
    char *user;   /* ssh only; NULL: none */
    char *host;   /* http and ssh */
    char *port;   /* digits; NULL: the usual one */
    char *path;   /* ssh: as the remote shell shall see it; others: with the leading '/' */
};

/* A folder, file://, http://, https://, ssh://[user@]host[:port]/path or [user@]host:path.
 * ERR_INVALID: another scheme, no host, a host or path that ssh would take for an option. */
int url_parse(const char *location, struct url *out, struct err *err);
void url_release(struct url *url);
DEFINE_AUTO_VALUE(url, url_release)

#endif
