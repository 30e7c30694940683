/*
 * A user name and password in the two forms in which others have them.  Pure.
 */
#ifndef RECONCILER_SOURCE_LOGIN_H
#define RECONCILER_SOURCE_LOGIN_H

#include "spec/base/base.h"

/* Zeroed is none.  Overwritten before it is freed. */
struct login {
    char *user;
    char *password;
};

void login_release(struct login *login);
DEFINE_AUTO_VALUE(login, login_release)

/* Of a .netrc the first entry for the host (and user, when one is asked for); "default" matches all
 * hosts.  *out must be none. */
bool login_from_netrc(const char *text, const char *host, const char *user, struct login *out);
/* Of what `git credential fill` prints.  *out must be none. */
bool login_from_helper(const char *text, struct login *out);

#endif
