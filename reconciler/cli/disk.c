/*
 * Follows no symbolic link below the root, as the reader of commits does not.
 */
#include "reconciler/cli/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/variable_file.h"

struct check {
    struct generation *generation;
    struct diag_list *diags;
    size_t mistakes;
};

/* ---- The root of the repository -------------------------------------------------------------- */

/* The nearest folder above `file`, itself without links, that has a .git. */
static bool find_root(const char *file, char out[PATH_MAX])
{
    char git[PATH_MAX + 8];
    char *slash;

    if (realpath(file, out) == NULL)
        return false;
    while ((slash = strrchr(out, '/')) != NULL) {
        *slash = '\0';
        (void)snprintf(git, sizeof(git), "%s/.git", out);
        if (access(git, F_OK) == 0)
            return true;
    }
    return false;
}

/* A descriptor, or -1. */
static int open_root(const char *manifest)
{
    char root[PATH_MAX];

    if (!find_root(manifest, root))
        text_copy(root, sizeof(root), ".");
    return open(root[0] != '\0' ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- One file -------------------------------------------------------------------------------- */

static int refuse(struct err *err, const char *path, int number)
{
    if (number == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
    if (number == ELOOP)
        return err_set(err, ERR_INVALID, "'%s' is or goes through a symbolic link", path);
    return err_set_errno(err, ERR_INVALID, number, "'%s'", path);
}

/* Takes `folder` over; `flags` open the last part of the path, which is relative. */
static int open_below(int folder, const char *path, int last_flags, int *out_fd, struct err *err)
{
    char name[NAME_MAX + 1];

    for (const char *at = path;; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");
        bool is_last = at[length + strspn(at + length, "/")] == '\0';
        int flags = is_last ? last_flags : O_DIRECTORY;
        int next;

        if (length > NAME_MAX) {
            (void)close(folder);
            return refuse(err, path, ENAMETOOLONG);
        }
        (void)snprintf(name, sizeof(name), "%.*s", (int)length, at);
        next = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
        int number = errno;
        (void)close(folder);
        if (next < 0)
            return refuse(err, path, number);
        if (is_last) {
            *out_fd = next;
            return 0;
        }
        folder = next;
        at += length;
    }
}

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    struct stat status;
    char block[16384];
    ssize_t got = 0;

    if (fstat(fd, &status) < 0)
        return refuse(err, path, errno);
    if (S_ISDIR(status.st_mode))
        return err_set(err, ERR_INVALID, "'%s' is a folder", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID, "'%s' is no plain file", path);
    while (!out->truncated && (got = read(fd, block, sizeof(block))) > 0)
        buf_add(out, block, (size_t)got);
    if (got < 0)
        return refuse(err, path, errno);
    return 0;
}

static int check_file(struct check *check, const char *path, const char *manifest, struct err *err)
{
    AUTO(buf) bytes = { 0 };
    AUTO_FD int fd = -1;
    size_t before = check->diags->errors;
    int root = open_root(manifest);

    if (root < 0)
        return refuse(err, path, errno);
    if (open_below(root, path, O_NONBLOCK | O_NOCTTY, &fd, err) < 0)
        return -1;
    /* One byte more than is allowed, so that too many are seen. */
    buf_init(&bytes, LIMIT_VARIABLE_FILE_BYTES + 1);
    if (read_all(fd, path, &bytes, err) < 0)
        return -1;
    struct variable_file *file =
        variable_file_parse(path, buf_text(&bytes), bytes.size, check->diags);
    if (file != NULL)
        generation_set_file(check->generation, path, file);
    variable_file_unref(file);
    check->mistakes += check->diags->errors - before;
    return 0;
}

static void on_file(void *context, const char *path, struct pos pos)
{
    struct check *check = context;
    struct err err = { 0 };

    if (check_file(check, path, pos.file, &err) == 0)
        return;
    diag_add(check->diags, DIAG_ERROR, pos, "environmentFiles: %s", err.text);
    check->mistakes++;
}

/* ---- One build context ----------------------------------------------------------------------- */

/* Without "." and doubled slashes, "" for the root itself.  No path that a manifest may have leads
 * upwards. */
static char *clean_path(const char *path)
{
    AUTO(buf) clean = { 0 };

    buf_init(&clean, LIMIT_MANIFEST_BYTES);
    for (const char *at = path; *at != '\0'; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");

        if (length > 0 && !(length == 1 && at[0] == '.'))
            buf_printf(&clean, "%s%.*s", clean.size > 0 ? "/" : "", (int)length, at);
        at += length;
    }
    return buf_take(&clean);
}

/* It may be a link, as in a commit: the builder follows it.  Takes `folder` over. */
static int find_dockerfile(int folder, const char *context, const char *dockerfile, struct err *err)
{
    AUTO_FD int fd = -1;
    struct stat status;

    if (open_below(folder, dockerfile, O_PATH, &fd, NULL) == 0 && fstat(fd, &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "there is no '%s' in the build context '%s'", dockerfile,
                   context);
}

static int check_context(const struct image_build *build, const char *root, struct err *err)
{
    AUTO_TEXT char *context = clean_path(build->context);
    AUTO_TEXT char *dockerfile = clean_path(build->dockerfile);
    int folder = open(root[0] != '\0' ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return refuse(err, root, errno);
    if (context[0] == '\0' || open_below(folder, context, O_DIRECTORY, &folder, err) == 0)
        return find_dockerfile(folder, context, dockerfile, err);
    if (err->code == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no folder '%s'", context);
    return err_set(err, ERR_INVALID, "'%s' is not a folder", context);
}

static void check_contexts(struct check *check)
{
    for (size_t i = 0; i < generation_count(check->generation, KIND_IMAGE); i++) {
        const struct resource *image = generation_at(check->generation, KIND_IMAGE, i);
        const struct image_build *build = resource_image(image)->build;
        char root[PATH_MAX];
        struct err err = { 0 };

        if (build == NULL || !find_root(image->pos.file, root) ||
            check_context(build, root, &err) == 0)
            continue;
        diag_add(check->diags, DIAG_ERROR, image->pos, "image '%s': %s", image->name, err.text);
        check->mistakes++;
    }
}

bool disk_check(struct generation *generation, struct diag_list *diags)
{
    struct check check = { .generation = generation, .diags = diags };

    generation_each_file(generation, on_file, &check);
    check_contexts(&check);
    return check.mistakes == 0;
}
