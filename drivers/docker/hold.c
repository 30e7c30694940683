#include "drivers/docker/hold.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/digest.h"

static socklen_t make_address(const char *engine_id, const char *owner, struct sockaddr_un *out)
{
    struct sha256 *hash = sha256_new();
    char digest[SHA256_HEX_SIZE];
    int size;

    sha256_add_text(hash, engine_id);
    sha256_add_text(hash, owner);
    sha256_finish(hash, digest);
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX }; /* its path begins with a NUL: abstract */
    size = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, "berth-engine-%s", digest);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
}

/* Who listens there; its process is 0 when it is not ours to see.  Nobody answers those who ask, so
 * after thousands of them (EAGAIN) all that is known is that somebody listens still. */
static bool is_held(const struct sockaddr_un *address, socklen_t size, struct ucred *out)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t out_size = sizeof(*out);
    bool held = false;

    *out = (struct ucred){ 0 };
    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)address, size) == 0)
        held = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, out, &out_size) == 0 &&
               (out->uid == 0 || out->uid == geteuid());
    else
        held = errno == EAGAIN;
    (void)close(fd);
    return held;
}

int hold_engine(const char *engine_id, const char *owner, int *fd, struct err *err)
{
    struct sockaddr_un address;
    socklen_t size = make_address(engine_id, owner, &address);
    struct ucred holder;
    int held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *fd = -1;
    if (held < 0)
        return 0;
    if (bind(held, (const struct sockaddr *)&address, size) == 0 && listen(held, SOMAXCONN) == 0) {
        *fd = held;
        return 0;
    }
    (void)close(held);
    if (!is_held(&address, size, &holder))
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "process %d looks after this engine as owner '%s' already, with a state "
                   "directory of its own: stop it, or use another --owner",
                   (int)holder.pid, owner);
}
