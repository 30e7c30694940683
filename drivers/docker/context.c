/*
 * Build contexts: listed by a reader, written to a temporary file without a name.
 */
#include "drivers/docker/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/docker/tar.h"
#include "spec/base/limits.h"

#define TAR_ENTRY_BYTES 1536 /* more than one header block, for names that need an extension */
#define TAR_DIR         "/tmp"
#define PLAIN_PATH_MAX  100 /* bytes in a header block */

static int check_size(const struct context_list *list, struct err *err)
{
    uint64_t total = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (__builtin_add_overflow(total, list->entries[i].size, &total) ||
            __builtin_add_overflow(total, TAR_ENTRY_BYTES, &total) || total > LIMIT_BUILD_CONTEXT)
            return err_set(err, ERR_INVALID, "the build context is larger than %ld bytes",
                           LIMIT_BUILD_CONTEXT);
    }
    return 0;
}

static int write_entry(const struct context_reader *reader, struct context_list *list, size_t index,
                       struct tar *tar, struct err *err)
{
    const struct context_entry *entry = &list->entries[index];
    const void *bytes = NULL;

    if (reader->read(reader->self, list, entry, &bytes, err) < 0)
        return err_wrap(err, "'%s'", entry->path);
    if (tar_add(tar, entry->path, entry->mode, bytes, (size_t)entry->size, err) < 0)
        return err_wrap(err, "'%s'", entry->path);
    return 0;
}

/* Its header is one block. */
static bool is_plain(const struct context_entry *entry)
{
    size_t length = strlen(entry->path);

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)entry->path[i] > 0x7f)
            return false;
    }
    return S_ISREG(entry->mode) && length <= PLAIN_PATH_MAX;
}

/* The docker client knows a context from a Dockerfile by its first block, and does not know one
 * whose name goes on in the next: the first file is a plain one, if there is any. */
static int write_entries(const struct context_reader *reader, struct context_list *list,
                         struct tar *tar, struct err *err)
{
    size_t first = 0;

    while (first < list->count && !is_plain(&list->entries[first]))
        first++;
    if (first < list->count && write_entry(reader, list, first, tar, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (i != first && write_entry(reader, list, i, tar, err) < 0)
            return -1;
    }
    return tar_finish(tar, err);
}

int context_write(const struct context_reader *reader, struct context_list *list, int *out_fd,
                  int64_t *out_size, struct err *err)
{
    const char *dir = getenv("TMPDIR");
    struct stat status;
    AUTO_FD int fd = -1;

    if (check_size(list, err) < 0)
        return -1;
    if (dir == NULL || dir[0] == '\0')
        dir = TAR_DIR;
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "a file for the build context in %s", dir);

    AUTO(tar) *tar = tar_new_fd(fd, err);
    if (tar == NULL || write_entries(reader, list, tar, err) < 0)
        return -1;
    if (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "the file of the build context");
    *out_size = status.st_size;
    *out_fd = fd_take(&fd);
    return 0;
}
