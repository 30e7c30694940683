/*
 * A clone is a cache: whatever is wrong with it, a new one mends it.  So there is no repair here,
 * only removal of leftovers, and one pack made of many, since libgit2 has no `gc`.
 */
#include "reconciler/source/clone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define CLONE_OPEN_FILES 16 /* while walking its folders */

static int make_parents(const char *path, struct err *err)
{
    AUTO_TEXT char *parent = mem_text(path);

    for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0700) < 0 && errno != EEXIST)
            return err_set_errno(err, ERR_FAILED, errno, "'%s' can't be made", parent);
        *slash = '/';
    }
    return 0;
}

int clone_lock(const char *directory, int *out_fd, struct err *err)
{
    AUTO_FD int fd = -1;
    AUTO(buf) name;

    buf_init(&name, PATH_MAX);
    buf_printf(&name, "%s.lock", directory);
    if (make_parents(directory, err) < 0)
        return -1;
    fd = open(buf_text(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "'%s' can't be locked", buf_text(&name));
    *out_fd = fd_take(&fd);
    return 0;
}

static int remove_any(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

int clone_remove(const char *directory, struct err *err)
{
    if (nftw(directory, remove_any, CLONE_OPEN_FILES, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return err_set_errno(err, ERR_FAILED, errno, "'%s' can't be removed", directory);
    return 0;
}

/* We hold the clone's lock, so nobody else can still be writing these. */
static int remove_leftover(const char *path, const struct stat *status, int type, struct FTW *where)
{
    const char *name = path + where->base;

    (void)status;
    if (type == FTW_F && (text_ends(name, ".lock") || strstr(name, "_git2_") != NULL))
        (void)unlink(path);
    return 0;
}

/* ---- Packs --------------------------------------------------------------------------------- */

static char *pack_folder(git_repository *repository)
{
    AUTO(buf) path;

    buf_init(&path, PATH_MAX);
    buf_printf(&path, "%sobjects/pack", git_repository_path(repository));
    return buf_take(&path);
}

static size_t count_packs(const char *folder)
{
    DIR *list = opendir(folder);
    const struct dirent *entry;
    size_t count = 0;

    if (list == NULL)
        return 0;
    while ((entry = readdir(list)) != NULL)
        count += text_ends(entry->d_name, ".pack") ? 1 : 0;
    (void)closedir(list);
    return count;
}

/* The index goes first: a pack without one does not exist for git, an index without a pack is an
 * error. */
static void remove_packs_but(const char *folder, const char *keep)
{
    static const char *const endings[] = { ".idx", ".pack" };

    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        DIR *list = opendir(folder);
        const struct dirent *entry;

        if (list == NULL)
            return;
        while ((entry = readdir(list)) != NULL)
            if (text_ends(entry->d_name, endings[i]) && strstr(entry->d_name, keep) == NULL)
                (void)unlinkat(dirfd(list), entry->d_name, 0);
        (void)closedir(list);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A git_packbuilder_progress: anything but 0 stops it. */
static int within_budget(int stage, uint32_t current, uint32_t total, void *deadline_ms)
{
    (void)stage;
    (void)current;
    (void)total;
    return now_ms() < *(const int64_t *)deadline_ms ? 0 : GIT_EUSER;
}

void clone_tidy(git_repository *repository, int64_t budget_ms)
{
    AUTO_TEXT char *folder = pack_folder(repository);
    AUTO(git_packbuilder) *builder = NULL;
    AUTO(git_revwalk) *walk = NULL;
    int64_t deadline_ms = now_ms() + budget_ms;

    if (count_packs(folder) <= CLONE_PACKS)
        return;
    if (git_revwalk_new(&walk, repository) < 0 || git_revwalk_push_ref(walk, CLONE_TIP) < 0 ||
        git_packbuilder_new(&builder, repository) < 0)
        return;
    (void)git_packbuilder_set_callbacks(builder, within_budget, &deadline_ms);
    if (git_packbuilder_insert_walk(builder, walk) < 0 ||
        within_budget(0, 0, 0, &deadline_ms) != 0 ||
        git_packbuilder_write(builder, folder, 0, NULL, NULL) < 0)
        return;
    remove_packs_but(folder, git_packbuilder_name(builder));
}

/* ---- Opening and making -------------------------------------------------------------------- */

int clone_open(const char *directory, git_repository **out, struct err *err)
{
    AUTO(git_repository) *repository = NULL;
    AUTO_TEXT char *folder = NULL;
    int code;

    (void)nftw(directory, remove_leftover, CLONE_OPEN_FILES, FTW_PHYS);
    code = git_repository_open_bare(&repository, directory);
    if (code < 0)
        return err_set(err, ERR_CONFLICT, "'%s' is not a clone", directory);
    folder = pack_folder(repository);
    if (count_packs(folder) > CLONE_PACKS_MAX)
        return err_set(err, ERR_CONFLICT, "'%s' has too many packs", directory);
    *out = TAKE(repository);
    return 0;
}

int clone_create(const char *directory, git_repository **out, struct err *err)
{
    git_repository_init_options options;
    int code;

    if (clone_remove(directory, err) < 0)
        return -1;
    (void)git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
    code = git_repository_init_ext(out, directory, &options);
    return code < 0 ? git_fail(err, code, "'%s' can't be made", directory) : 0;
}

int clone_replace(const char *fresh, const char *directory, struct err *err)
{
    if (clone_remove(directory, err) < 0)
        return -1;
    if (rename(fresh, directory) < 0)
        return err_set_errno(err, ERR_FAILED, errno, "'%s' can't be put in place", directory);
    return 0;
}
