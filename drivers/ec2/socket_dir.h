/*
 * A private folder for sockets: nobody else may enter it (mode 0700), its path is short, and it
 * goes with its maker.  What one left that was killed is removed by the next.
 */
#ifndef DRIVERS_EC2_SOCKET_DIR_H
#define DRIVERS_EC2_SOCKET_DIR_H

#include "spec/base/base.h"
#include "spec/base/err.h"

struct socket_dir {
    char *path; /* owned; NULL: none */
    int fd;     /* locked for as long as we live */
};

/* In RUNTIME_DIRECTORY, XDG_RUNTIME_DIR, /run (root) or TMPDIR, the first that can be used. */
int socket_dir_make(struct socket_dir *out, struct err *err);
/* With all that is in it. */
void socket_dir_release(struct socket_dir *dir);

#endif
