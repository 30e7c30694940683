/*
 * Tar files, by libarchive.  The only home of <archive.h>.
 *
 * The library is loaded when the first file is written or read: it brings eight others with it, C++
 * and Unicode tables among them, which are a fifth of what starting the program costs, and most
 * runs of it need no tar file.
 */
#include "drivers/docker/tar.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#define LIBRARY "libarchive.so.13"

#define LIBRARY_CALLS(X)                                                                           \
    X(archive_entry_clear)                                                                         \
    X(archive_entry_filetype)                                                                      \
    X(archive_entry_free)                                                                          \
    X(archive_entry_hardlink)                                                                      \
    X(archive_entry_new)                                                                           \
    X(archive_entry_pathname)                                                                      \
    X(archive_entry_set_filetype)                                                                  \
    X(archive_entry_set_mtime)                                                                     \
    X(archive_entry_set_pathname)                                                                  \
    X(archive_entry_set_perm)                                                                      \
    X(archive_entry_set_size)                                                                      \
    X(archive_entry_set_symlink)                                                                   \
    X(archive_errno)                                                                               \
    X(archive_error_string)                                                                        \
    X(archive_read_data)                                                                           \
    X(archive_read_free)                                                                           \
    X(archive_read_header_position)                                                                \
    X(archive_read_new)                                                                            \
    X(archive_read_next_header)                                                                    \
    X(archive_read_open_fd)                                                                        \
    X(archive_read_support_format_tar)                                                             \
    X(archive_version_string)                                                                      \
    X(archive_write_close)                                                                         \
    X(archive_write_data)                                                                          \
    X(archive_write_free)                                                                          \
    X(archive_write_header)                                                                        \
    X(archive_write_new)                                                                           \
    X(archive_write_open)                                                                          \
    X(archive_write_open_fd)                                                                       \
    X(archive_write_set_bytes_in_last_block)                                                       \
    X(archive_write_set_format_pax_restricted)

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
static struct library {
    LIBRARY_CALLS(LIBRARY_MEMBER)
} la;
#undef LIBRARY_MEMBER

#define LIBRARY_ROW(name) { #name, offsetof(struct library, name) },
static const struct {
    const char *symbol;
    size_t offset;
} library_rows[] = { LIBRARY_CALLS(LIBRARY_ROW) };
#undef LIBRARY_ROW

static int library_load(struct err *err)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; handle != NULL && i < ARRAY_COUNT(library_rows); i++) {
        void *address = dlsym(handle, library_rows[i].symbol);

        if (address == NULL)
            handle = NULL;
        /* The way that POSIX shows for functions: their addresses are data for a moment. */
        memcpy((char *)&la + library_rows[i].offset, &address, sizeof(address));
    }
    return handle != NULL ? 0
                          : err_set(err, ERR_FAILED, "tar files cannot be handled: %s", dlerror());
}

/* A failure may pass: it is not remembered. */
static int library(struct err *err)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool loaded;
    int result = 0;

    (void)pthread_mutex_lock(&mutex);
    if (!loaded)
        result = library_load(err);
    loaded = result == 0;
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

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

static struct tar *tar_new(struct err *err)
{
    struct tar *tar;

    if (library(err) < 0)
        return NULL;
    tar = mem_alloc(sizeof(*tar));
    tar->archive = la.archive_write_new();
    tar->entry = la.archive_entry_new();
    ASSERT(tar->archive != NULL && tar->entry != NULL);
    (void)la.archive_write_set_format_pax_restricted(tar->archive);
    (void)la.archive_write_set_bytes_in_last_block(tar->archive, 1);
    return tar;
}

struct tar *tar_new_buf(struct buf *out, struct err *err)
{
    struct tar *tar = tar_new(err);

    if (tar == NULL)
        return NULL;
    tar->out = out;
    (void)la.archive_write_open(tar->archive, out, NULL, write_to_buf, NULL);
    return tar;
}

struct tar *tar_new_fd(int fd, struct err *err)
{
    struct tar *tar = tar_new(err);

    if (tar != NULL)
        (void)la.archive_write_open_fd(tar->archive, fd);
    return tar;
}

static int tar_fail(const struct tar *tar, struct err *err)
{
    enum err_code code = la.archive_errno(tar->archive) == ENOSPC ? ERR_CAPACITY : ERR_FAILED;
    const char *text = la.archive_error_string(tar->archive);

    return err_set(err, code, "cannot write the tar file: %s", text != NULL ? text : "no reason");
}

int tar_add(struct tar *tar, const char *path, uint32_t mode, const void *bytes, size_t size,
            struct err *err)
{
    bool is_link = S_ISLNK(mode);

    la.archive_entry_clear(tar->entry);
    la.archive_entry_set_pathname(tar->entry, path);
    la.archive_entry_set_mtime(tar->entry, 0, 0);
    la.archive_entry_set_filetype(tar->entry, is_link ? AE_IFLNK : AE_IFREG);
    la.archive_entry_set_perm(tar->entry, is_link ? 0777 : mode & 0777);
    la.archive_entry_set_size(tar->entry, is_link ? 0 : (la_int64_t)size);
    if (is_link) {
        char *target = mem_alloc(size + 1);
        memcpy(target, bytes, size);
        la.archive_entry_set_symlink(tar->entry, target);
        free(target);
    }
    /* In the C locale it warns of every name that is not ASCII, and writes its bytes as they are,
     * which is what git and the engine take a name for.  (To ask for just that, as
     * "hdrcharset=BINARY", would cost every file two blocks more.) */
    if (la.archive_write_header(tar->archive, tar->entry) < ARCHIVE_WARN)
        return tar_fail(tar, err);
    if (!is_link && size > 0 &&
        la.archive_write_data(tar->archive, bytes, size) != (la_ssize_t)size)
        return tar_fail(tar, err);
    return 0;
}

int tar_finish(struct tar *tar, struct err *err)
{
    if (la.archive_write_close(tar->archive) != ARCHIVE_OK)
        return tar_fail(tar, err);
    if (tar->out != NULL && tar->out->truncated)
        return err_set(err, ERR_CAPACITY, "the tar file is larger than %zu bytes", tar->out->max);
    return 0;
}

void tar_free(struct tar *tar)
{
    if (tar == NULL)
        return;
    la.archive_entry_free(tar->entry);
    (void)la.archive_write_free(tar->archive);
    free(tar);
}

/* ---- Reading ---- */

#define READ_BLOCK ((size_t)64 * 1024)

struct tar_reader {
    struct archive *archive;
};

struct tar_reader *tar_reader_new(int fd, struct err *err)
{
    struct tar_reader *reader;

    if (library(err) < 0)
        return NULL;
    if (lseek(fd, 0, SEEK_SET) < 0) {
        (void)err_set_errno(err, ERR_FAILED, errno, "the tar file");
        return NULL;
    }
    reader = mem_alloc(sizeof(*reader));
    reader->archive = la.archive_read_new();
    ASSERT(reader->archive != NULL);
    (void)la.archive_read_support_format_tar(reader->archive);
    (void)la.archive_read_open_fd(reader->archive, fd, READ_BLOCK); /* the first read tells */
    return reader;
}

static int reader_fail(const struct tar_reader *reader, struct err *err)
{
    const char *text = la.archive_error_string(reader->archive);

    return err_set(err, ERR_INVALID, "it is no tar file: %s", text != NULL ? text : "no reason");
}

int tar_reader_next(struct tar_reader *reader, struct tar_member *out, struct err *err)
{
    struct archive_entry *entry = NULL;
    int status = la.archive_read_next_header(reader->archive, &entry);

    if (status < ARCHIVE_WARN)
        return reader_fail(reader, err);
    *out = (struct tar_member){ .at = la.archive_read_header_position(reader->archive) };
    if (status == ARCHIVE_EOF)
        return 0;
    out->path = la.archive_entry_pathname(entry);
    out->is_file =
        la.archive_entry_filetype(entry) == AE_IFREG && la.archive_entry_hardlink(entry) == NULL;
    if (out->path == NULL)
        out->path = "";
    return 1;
}

int tar_reader_content(struct tar_reader *reader, struct buf *out, struct err *err)
{
    char block[4096];
    la_ssize_t count;

    while ((count = la.archive_read_data(reader->archive, block, sizeof(block))) > 0) {
        buf_add(out, block, (size_t)count);
        if (out->truncated)
            return err_set(err, ERR_CAPACITY, "a file in it is larger than %zu bytes", out->max);
    }
    return count < 0 ? reader_fail(reader, err) : 0;
}

void tar_reader_free(struct tar_reader *reader)
{
    if (reader == NULL)
        return;
    (void)la.archive_read_free(reader->archive);
    free(reader);
}

const char *tar_library_version(void)
{
    const char *text = library(/* err= */ NULL) < 0 ? "none" : la.archive_version_string();
    const char *blank = strchr(text, ' '); /* "libarchive 3.6.2" */

    return blank == NULL ? text : blank + 1;
}
