/*
 * User names and passwords for https, from where git and curl have them.  They are never printed.
 */
#ifndef RECONCILER_SOURCE_CREDENTIAL_H
#define RECONCILER_SOURCE_CREDENTIAL_H

#include "reconciler/source/git.h"

/* What was tried already: each source once, so that a wrong password ends in an error. */
struct credential {
    const struct url *url; /* must outlive it */
    uint32_t tried;
};

/* A git_credential_acquire_cb; payload is a struct credential.  In this order: the password in the
 * URL (libgit2 does that one itself), ~/.netrc (or $NETRC), the user's git credential helpers. */
int credential_acquire(git_credential **out, const char *url, const char *user, unsigned allowed,
                       void *payload);

#endif
