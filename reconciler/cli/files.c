/*
 * Walks folders without recursion and reads what may be a manifest.
 */
#include "reconciler/cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

struct folder {
    const char *path;
    struct folder *next;
};

struct walk {
    struct arena *arena;
    struct file_change *items;
    size_t count;
    size_t capacity;
    struct folder *folders; /* still to be looked into */
};

static struct file_change *add_file(struct walk *walk, const char *path, struct err *err)
{
    if (walk->count == LIMIT_MANIFEST_FILES) {
        (void)err_set(err, ERR_CAPACITY, "more than %d manifests", LIMIT_MANIFEST_FILES);
        return NULL;
    }
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity == 0 ? 64 : walk->capacity * 2;
        struct file_change *items = arena_array(walk->arena, struct file_change, walk->capacity);
        if (walk->count > 0)
            memcpy(items, walk->items, walk->count * sizeof(*items));
        walk->items = items;
    }
    struct file_change *file = &walk->items[walk->count++];
    *file = (struct file_change){ .path = path };
    return file;
}

static void refuse(struct walk *walk, struct file_change *file, const struct err *err)
{
    file->refused = arena_copy(walk->arena, err, sizeof(*err));
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    char block[16384];

    for (;;) {
        ssize_t size = read(fd, block, sizeof(block));
        if (size < 0)
            return err_set_errno(err, ERR_INVALID, errno, "cannot be read");
        if (size == 0)
            break;
        buf_add(out, block, (size_t)size);
        if (out->truncated)
            return err_set(err, ERR_INVALID, "a manifest may have at most %d bytes",
                           LIMIT_MANIFEST_BYTES);
    }
    return 0;
}

static int read_file(struct walk *walk, const char *path, int fd, struct err *err)
{
    AUTO(buf) bytes = { 0 };
    struct err refusal = { 0 };
    struct file_change *file = add_file(walk, path, err);

    if (file == NULL)
        return -1;
    buf_init(&bytes, LIMIT_MANIFEST_BYTES);
    if (read_all(fd, &bytes, &refusal) < 0) {
        refuse(walk, file, &refusal);
        return 0;
    }
    file->bytes = arena_text_n(walk->arena, buf_text(&bytes), bytes.size);
    file->size = bytes.size;
    return 0;
}

static int open_file(struct walk *walk, const char *path, struct err *err)
{
    struct err refusal = { 0 };
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0)
        return read_file(walk, path, fd, err);
    struct file_change *file = add_file(walk, path, err);
    if (file == NULL)
        return -1;
    (void)err_set_errno(&refusal, ERR_INVALID, errno, "cannot be read");
    refuse(walk, file, &refusal);
    return 0;
}

static void add_folder(struct walk *walk, const char *path)
{
    struct folder *folder = arena_new(walk->arena, struct folder);

    folder->path = path;
    folder->next = walk->folders;
    walk->folders = folder;
}

static int look_at(struct walk *walk, const char *path, const char *name, struct err *err)
{
    struct stat status;

    if (manifest_path_is_hidden(name))
        return 0;
    if (lstat(path, &status) < 0)
        return 0; /* gone since it was listed */
    if (S_ISDIR(status.st_mode)) {
        add_folder(walk, path);
        return 0;
    }
    if (!manifest_path_is(path))
        return 0;
    if (S_ISLNK(status.st_mode) && (stat(path, &status) < 0 || !S_ISREG(status.st_mode)))
        return 0;
    return S_ISREG(status.st_mode) ? open_file(walk, path, err) : 0;
}

static int look_into(struct walk *walk, const char *path, struct err *err)
{
    DIR *directory = opendir(path);
    int result = 0;

    if (directory == NULL)
        return err_set_errno(err, ERR_NOT_FOUND, errno, "%s", path);
    const char *slash = text_ends(path, "/") ? "" : "/";
    while (result == 0) {
        const struct dirent *entry = readdir(directory);
        if (entry == NULL)
            break;
        const char *name = entry->d_name;
        const char *child = text_equal(path, ".")
                                ? arena_text(walk->arena, name)
                                : arena_printf(walk->arena, "%s%s%s", path, slash, name);
        result = look_at(walk, child, name, err);
    }
    closedir(directory);
    return result;
}

static int add_path(struct walk *walk, const char *path, struct err *err)
{
    struct stat status;

    if (text_equal(path, "-"))
        return read_file(walk, "<stdin>", STDIN_FILENO, err);
    if (stat(path, &status) < 0)
        return err_set_errno(err, ERR_NOT_FOUND, errno, "%s", path);
    if (!S_ISDIR(status.st_mode))
        return open_file(walk, path, err);
    add_folder(walk, path);
    while (walk->folders != NULL) {
        const char *folder = walk->folders->path;
        walk->folders = walk->folders->next;
        if (look_into(walk, folder, err) < 0)
            return -1;
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct file_change *left = a;
    const struct file_change *right = b;

    return strcmp(left->path, right->path);
}

int manifest_files_read(struct arena *arena, const char *const *paths, size_t count,
                        struct manifest_files *out, struct err *err)
{
    struct walk walk = { .arena = arena };
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (add_path(&walk, paths[i], err) < 0)
            return -1;
    }
    if (walk.count > 0)
        qsort(walk.items, walk.count, sizeof(*walk.items), by_path);
    for (size_t i = 0; i < walk.count; i++) {
        if (kept == 0 || !text_equal(walk.items[kept - 1].path, walk.items[i].path))
            walk.items[kept++] = walk.items[i];
    }
    *out = (struct manifest_files){ .items = walk.items, .count = kept };
    return 0;
}
