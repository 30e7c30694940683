/*
 * Tar files, made with libarchive: build contexts, and the image of the sandbox.  The only home of
 * <archive.h>.
 */
#include "drivers/docker/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "drivers/docker/tar.h"
#include "spec/base/limits.h"

#define TAR_ENTRY_BYTES 1536 /* more than one header block, for names that need an extension */
#define TAR_DIR         "/tmp"

struct tar {
    struct archive *archive;
    struct archive_entry *entry;
    struct buf *out; /* in memory; NULL: a file */
};

static la_ssize_t write_to_buf(struct archive *archive, void *ctx, const void *data, size_t size)
{
    struct buf *out = ctx;

    (void)archive;
    buf_add(out, data, size);
    return (la_ssize_t)size;
}

static struct tar *tar_new(void)
{
    struct tar *tar = mem_alloc(sizeof(*tar));

    tar->archive = archive_write_new();
    tar->entry = archive_entry_new();
    ASSERT(tar->archive != NULL && tar->entry != NULL);
    (void)archive_write_set_format_pax_restricted(tar->archive);
    (void)archive_write_set_bytes_in_last_block(tar->archive, 1);
    return tar;
}

struct tar *tar_new_buf(struct buf *out)
{
    struct tar *tar = tar_new();

    tar->out = out;
    (void)archive_write_open(tar->archive, out, NULL, write_to_buf, NULL);
    return tar;
}

static struct tar *tar_new_fd(int fd)
{
    struct tar *tar = tar_new();

    (void)archive_write_open_fd(tar->archive, fd);
    return tar;
}

static int tar_fail(const struct tar *tar, struct err *err)
{
    enum err_code code = archive_errno(tar->archive) == ENOSPC ? ERR_CAPACITY : ERR_FAILED;
    const char *text = archive_error_string(tar->archive);

    return err_set(err, code, "cannot write the tar file: %s", text != NULL ? text : "no reason");
}

int tar_add(struct tar *tar, const char *path, uint32_t mode, const void *bytes, size_t size,
            struct err *err)
{
    bool is_link = S_ISLNK(mode);

    archive_entry_clear(tar->entry);
    archive_entry_set_pathname(tar->entry, path);
    archive_entry_set_mtime(tar->entry, 0, 0);
    archive_entry_set_filetype(tar->entry, is_link ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(tar->entry, is_link ? 0777 : mode & 0777);
    archive_entry_set_size(tar->entry, is_link ? 0 : (la_int64_t)size);
    if (is_link) {
        char *target = mem_alloc(size + 1);
        memcpy(target, bytes, size);
        archive_entry_set_symlink(tar->entry, target);
        free(target);
    }
    if (archive_write_header(tar->archive, tar->entry) != ARCHIVE_OK)
        return tar_fail(tar, err);
    if (!is_link && size > 0 && archive_write_data(tar->archive, bytes, size) != (la_ssize_t)size)
        return tar_fail(tar, err);
    return 0;
}

int tar_finish(struct tar *tar, struct err *err)
{
    if (archive_write_close(tar->archive) != ARCHIVE_OK)
        return tar_fail(tar, err);
    if (tar->out != NULL && tar->out->truncated)
        return err_set(err, ERR_CAPACITY, "the tar file is larger than %zu bytes", tar->out->max);
    return 0;
}

void tar_free(struct tar *tar)
{
    if (tar == NULL)
        return;
    archive_entry_free(tar->entry);
    (void)archive_write_free(tar->archive);
    free(tar);
}

/* ---- Build contexts ------------------------------------------------------------------------- */

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

static int write_entries(const struct context_reader *reader, struct context_list *list,
                         struct tar *tar, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct context_entry *entry = &list->entries[i];
        const void *bytes = NULL;
        if (reader->read(reader->self, list, entry, &bytes, err) < 0)
            return err_wrap(err, "'%s'", entry->path);
        if (tar_add(tar, entry->path, entry->mode, bytes, (size_t)entry->size, err) < 0)
            return err_wrap(err, "'%s'", entry->path);
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

    AUTO(tar) *tar = tar_new_fd(fd);
    if (write_entries(reader, list, tar, err) < 0)
        return -1;
    if (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "the file of the build context");
    *out_size = status.st_size;
    *out_fd = fd_take(&fd);
    return 0;
}

const char *context_library_version(void)
{
    const char *text = archive_version_string(); /* "libarchive 3.6.2" */
    const char *blank = strchr(text, ' ');

    return blank == NULL ? text : blank + 1;
}
