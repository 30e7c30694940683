#include "drivers/haproxy/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/digest.h"
#include "spec/base/text.h"

#define PATH_SIZE   512
/* Of a name that is too long so much stays, and digits of its digest follow. */
#define NAME_KEPT   11
#define NAME_DIGITS 12

void folder_name(const char *name, char out[FOLDER_NAME_SIZE])
{
    char digest[SHA256_HEX_SIZE];

    if (strlen(name) < FOLDER_NAME_SIZE) {
        text_copy(out, FOLDER_NAME_SIZE, name);
        return;
    }
    sha256_hex(name, strlen(name), digest);
    /* No name has a dot. */
    (void)snprintf(out, FOLDER_NAME_SIZE, "%.*s.%.*s", NAME_KEPT, name, NAME_DIGITS, digest);
}

bool folder_has_user(void)
{
    return geteuid() == 0 && getpwnam(FOLDER_USER) != NULL && getgrnam(FOLDER_USER) != NULL;
}

/* Ours alone; the workers' group may pass through. */
static int make(const char *path, struct err *err)
{
    const struct group *group = folder_has_user() ? getgrnam(FOLDER_USER) : NULL;
    struct stat stat;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(err, ERR_DENIED, errno, "cannot make '%s'", path);
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot open '%s'", path);
    if (stat.st_uid != geteuid())
        return err_set(err, ERR_DENIED, "'%s' belongs to someone else", path);
    if (group != NULL && fchown(fd, geteuid(), group->gr_gid) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot give '%s' its group", path);
    if (fchmod(fd, group != NULL ? 0710 : 0700) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot protect '%s'", path);
    return 0;
}

int folder_base(const char *path, struct err *err)
{
    if (path[0] != '/' || strlen(path) > FOLDER_BASE_MAX)
        return err_set(err, ERR_INVALID,
                       "the folder of load balancers must be an absolute path of at most %d "
                       "bytes, not '%s'",
                       FOLDER_BASE_MAX, path);
    return make(path, err);
}

int folder_make(const char *path, struct err *err)
{
    return make(path, err);
}

void folder_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        (void)unlinkat(fd, entry->d_name, 0); /* "." and ".." refuse */
    (void)closedir(dir);
    (void)rmdir(path);
}

/* ---- Files ---- */

static void join(char out[PATH_SIZE], const char *folder, const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", folder, name);
}

int folder_write(const char *folder, const char *name, const struct buf *text, struct err *err)
{
    char path[PATH_SIZE];
    size_t done = 0;

    join(path, folder, name);
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot write '%s'", path);
    while (done < text->size) {
        ssize_t written = write(fd, text->data + done, text->size - done);

        if (written < 0 && errno != EINTR)
            return err_set_errno(err, ERR_CAPACITY, errno, "cannot write '%s'", path);
        if (written > 0)
            done += (size_t)written;
    }
    return 0;
}

int folder_rename(const char *folder, const char *from, const char *to, struct err *err)
{
    char old_path[PATH_SIZE];
    char new_path[PATH_SIZE];

    join(old_path, folder, from);
    join(new_path, folder, to);
    if (rename(old_path, new_path) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot write '%s'", new_path);
    return 0;
}

void folder_read_end(const char *folder, const char *name, size_t max, struct buf *out)
{
    char path[PATH_SIZE];
    char chunk[4096];
    struct stat stat;
    ssize_t got;

    join(path, folder, name);
    AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0)
        return;
    if (stat.st_size > (off_t)max && lseek(fd, stat.st_size - (off_t)max, SEEK_SET) < 0)
        return;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        buf_add(out, chunk, (size_t)got);
}

void folder_trim(const char *folder, const char *name, size_t max)
{
    char path[PATH_SIZE];
    struct stat found;

    join(path, folder, name);
    if (lstat(path, &found) < 0 || !S_ISREG(found.st_mode) || found.st_size <= (off_t)max)
        return;
    if (truncate(path, 0) < 0)
        return; /* it only stays long */
}

/* ---- Sockets and processes ---- */

static void address_of(const char *path, struct sockaddr_un *out)
{
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    text_copy(out->sun_path, sizeof(out->sun_path), path);
}

int folder_log_socket(const char *folder, const char *name, struct err *err)
{
    const struct group *group = folder_has_user() ? getgrnam(FOLDER_USER) : NULL;
    char path[PATH_SIZE];
    struct sockaddr_un address;

    join(path, folder, name);
    address_of(path, &address);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "cannot make '%s'", path);
    (void)unlink(path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot make '%s'", path);
    if (group != NULL && chown(path, geteuid(), group->gr_gid) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot give '%s' its group", path);
    if (chmod(path, group != NULL ? 0620 : 0600) < 0)
        return err_set_errno(err, ERR_DENIED, errno, "cannot protect '%s'", path);
    return fd_take(&fd);
}

bool folder_is_refused(const char *path)
{
    struct sockaddr_un address;

    address_of(path, &address);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return false;
    return errno == ECONNREFUSED || errno == ENOENT;
}

bool folder_is_alive(uint32_t pid)
{
    char path[PATH_SIZE];
    char stat[256];
    const char *state;
    ssize_t got;

    if (pid == 0 || kill((pid_t)pid, 0) < 0)
        return false;
    /* One whose parent does not look at its end stays as a zombie. */
    (void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
    if (got <= 0)
        return fd < 0 && errno != ENOENT;
    stat[got] = '\0';
    state = strrchr(stat, ')');
    return state == NULL || strlen(state) < 3 || (state[2] != 'Z' && state[2] != 'X');
}
