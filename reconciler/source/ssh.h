/*
 * Fetching through the user's own ssh program, because libgit2's ssh knows neither ~/.ssh/config
 * nor RSA signatures with SHA-2.
 */
#ifndef RECONCILER_SOURCE_SSH_H
#define RECONCILER_SOURCE_SSH_H

#include <sys/types.h>

#include "reconciler/source/git.h"

#define SSH_TRANSPORT "berth-ssh" /* the scheme under which libgit2 finds it */

/* One connection at a time.  Zeroed is a valid unconnected one; url must outlive it. */
struct ssh {
    const struct url *url;
    git_smart_subtransport_definition definition; /* what libgit2 keeps */
    pid_t pid;                                    /* 0: none */
    int status;                                   /* of waitpid(), once pid has ended */
    bool used;
};

/* Registers the transport with libgit2, for this process and as long as *ssh lives. */
int ssh_register(struct ssh *ssh, const struct url *url, struct err *err);
/* Replaces *err, if ssh's exit status says better what went wrong. */
void ssh_explain(const struct ssh *ssh, struct err *err);

#endif
