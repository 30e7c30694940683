/*
 * Who lives is known by a lock on the folder: the kernel takes it back at any death.
 */
#include "drivers/ec2/socket_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define PREFIX    "berth-ssh."
#define PATH_SIZE 4096
#define BASE_MAX  70 /* what a socket's address takes, less our names */
#define TRIES_MAX 16

static void empty_and_remove(int base, const char *name)
{
    int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)unlinkat(base, name, AT_REMOVEDIR);
    (void)closedir(dir);
}

static bool is_ours(int fd)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && stat.st_uid == geteuid() && (stat.st_mode & 077) == 0;
}

/* Folders whose makers are dead. */
static void sweep(const char *base)
{
    int base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = base_fd < 0 ? NULL : fdopendir(base_fd);
    const struct dirent *entry;

    if (dir == NULL) {
        if (base_fd >= 0)
            (void)close(base_fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        AUTO_FD int fd = -1;

        if (!text_starts(entry->d_name, PREFIX))
            continue;
        fd = openat(base_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && is_ours(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0)
            empty_and_remove(base_fd, entry->d_name);
    }
    (void)closedir(dir);
}

/* -1: somebody swept it before we had locked it. */
static int lock(const char *path, int *out)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat stat;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &stat) < 0 || stat.st_nlink == 0)
        return -1;
    *out = fd;
    fd = -1;
    return 0;
}

static int make_in(const char *base, struct socket_dir *out)
{
    AUTO(buf) path = { 0 };

    if (text_is_empty(base) || base[0] != '/' || strlen(base) > BASE_MAX)
        return -1;
    sweep(base);
    buf_init(&path, PATH_SIZE);
    for (int i = 0; i < TRIES_MAX; i++) {
        buf_reset(&path);
        buf_printf(&path, "%s/" PREFIX "XXXXXX", base);
        if (mkdtemp(path.data) == NULL)
            return -1;
        if (lock(path.data, &out->fd) == 0) {
            out->path = buf_take(&path);
            return 0;
        }
    }
    return -1;
}

int socket_dir_make(struct socket_dir *out, struct err *err)
{
    const char *temporary = getenv("TMPDIR");
    const char *const bases[] = { getenv("RUNTIME_DIRECTORY"), getenv("XDG_RUNTIME_DIR"),
                                  geteuid() == 0 ? "/run" : NULL, temporary, "/tmp" };

    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        if (make_in(bases[i], out) == 0)
            return 0;
    }
    return err_set(err, ERR_DENIED,
                   "no folder for the sockets of hosts can be made in XDG_RUNTIME_DIR, TMPDIR or "
                   "/tmp");
}

void socket_dir_release(struct socket_dir *dir)
{
    if (dir->path == NULL)
        return;
    empty_and_remove(AT_FDCWD, dir->path);
    (void)close(dir->fd);
    free(TAKE(dir->path));
}
