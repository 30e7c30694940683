/*
 * The state directory: made when it is missing, and held by one process at a time.  The lock is the
 * kernel's (flock), so it goes with the process that held it, however that ended; the text in the
 * file only says who that is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/memory/store_int.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define LOCK_TEXT_MAX 4096

static enum err_code code_of_errno(int number)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG || number == EMFILE ||
        number == ENFILE)
        return ERR_CAPACITY;
    return number == EACCES || number == EPERM || number == EROFS ? ERR_DENIED : ERR_FAILED;
}

static int directory_make_one(const char *path, mode_t mode, struct err *err)
{
    struct stat status;

    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    return err_set_errno(err, code_of_errno(errno), errno, "make directory '%s'", path);
}

int directory_make(const char *path, struct err *err)
{
    AUTO_TEXT char *copy = mem_text(path);

    if (copy[0] == '\0')
        return err_set(err, ERR_INVALID, "the state directory has no name");
    for (char *at = strchr(copy + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (directory_make_one(copy, 0755, err) < 0)
            return -1;
        *at = '/';
    }
    return directory_make_one(path, 0700, err);
}

/* "process 4711 ('berth run /srv/infra'), running since 2026-11-22T19:02:42.123Z" */
static int report_holder(const char *directory, int fd, struct err *err)
{
    char text[LOCK_TEXT_MAX + 1];
    char since[TEXT_TIME_SIZE];
    ssize_t size = pread(fd, text, LOCK_TEXT_MAX, 0);
    char *rest = text;
    const char *pid;
    const char *started;
    const char *command;
    int64_t started_ms;

    text[size < 0 ? 0 : size] = '\0';
    pid = strsep(&rest, "\n");
    started = strsep(&rest, "\n");
    command = strsep(&rest, "\n");
    /* The holder has the lock before it has written who it is. */
    if (command == NULL || !text_parse_i64(started, &started_ms))
        return err_set(err, ERR_CONFLICT, "state directory '%s' is held by another process",
                       directory);
    text_print_time(started_ms, since);
    return err_set(err, ERR_CONFLICT,
                   "state directory '%s' is held by process %s ('%s'), running since %s", directory,
                   pid, command, since);
}

static int holder_write(int fd, const struct store_identity *identity)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LOCK_TEXT_MAX);
    buf_printf(&text, "%ld\n%" PRId64 "\n%s\n", (long)getpid(), identity->started_ms,
               identity->command);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, buf_text(&text), text.size, 0) != (ssize_t)text.size)
        return -1;
    return 0;
}

int directory_lock(const char *directory, const struct store_identity *identity, struct err *err)
{
    AUTO(buf) path = { 0 };
    AUTO_FD int fd = -1;

    buf_init(&path, strlen(directory) + 16);
    buf_printf(&path, "%s/lock", directory);
    fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_errno(err, code_of_errno(errno), errno, "open '%s'", buf_text(&path));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return report_holder(directory, fd, err);
        return err_set_errno(err, code_of_errno(errno), errno, "lock '%s'", buf_text(&path));
    }
    if (holder_write(fd, identity) < 0)
        return err_set_errno(err, code_of_errno(errno), errno, "write '%s'", buf_text(&path));
    return fd_take(&fd);
}
