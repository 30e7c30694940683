/*
 * The key for digests of secrets.  It appears under its name only once it is whole and on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/memory/store_int.h"
#include "spec/base/digest.h"

static int key_make(const char *path, unsigned char out[STORE_KEY_BYTES], struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *draft = arena_printf(&arena, "%s.new", path);
    AUTO_FD int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    random_bytes(out, STORE_KEY_BYTES);
    if (fd < 0)
        return err_set_errno(err, ERR_DENIED, errno, "make '%s'", draft);
    if (write(fd, out, STORE_KEY_BYTES) != STORE_KEY_BYTES || fsync(fd) < 0)
        return err_set_errno(err, errno == ENOSPC || errno == EDQUOT ? ERR_CAPACITY : ERR_FAILED,
                             errno, "write '%s'", draft);
    if (rename(draft, path) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "rename '%s'", draft);
    return 0;
}

int store_secret_key(struct store *store, unsigned char out[STORE_KEY_BYTES], struct err *err)
{
    AUTO(arena) arena = { 0 };
    const char *path = arena_printf(&arena, "%s/secret.key", store->directory);
    unsigned char found[STORE_KEY_BYTES + 1]; /* one more tells a file that is too long */
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size;

    if (fd < 0 && errno == ENOENT)
        return key_make(path, out, err);
    if (fd < 0)
        return err_set_errno(err, ERR_DENIED, errno, "open '%s'", path);
    size = read(fd, found, sizeof(found));
    if (size != STORE_KEY_BYTES)
        return err_set(
            err, ERR_INVALID,
            "'%s' is not a key of %d bytes: with another one, tasks that use secrets are "
            "replaced; remove it to get one",
            path, STORE_KEY_BYTES);
    memcpy(out, found, STORE_KEY_BYTES);
    explicit_bzero(found, sizeof(found));
    return 0;
}
