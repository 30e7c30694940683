/*
 * Which folders are watched is planned anew after every event that matters: from the location down
 * to the loose ref, as far as it exists.  The first folder that lacks the next step is watched for
 * its appearance, so a deleted repository or branch is found when it comes back.
 *
 * Files are never watched themselves: git replaces them by renaming a lock file over them.
 */
#include "reconciler/source/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <inotifytools/inotify.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define SPOTS_MAX     256  /* folders */
#define NAMES_MAX     16   /* of one folder that matter */
#define LINK_FILE_MAX 8192 /* bytes read of HEAD, .git and commondir */
#define REF_HOPS      5    /* of symbolic refs */
#define PLAN_ROUNDS   16

#define FOLDER_MOVES   (IN_DELETE_SELF | IN_MOVE_SELF)
#define CONTENT_LEAVES (IN_DELETE | IN_MOVED_FROM)
#define CONTENT_MOVES  (CONTENT_LEAVES | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE)

/* A folder, and which names in it matter. */
struct spot {
    char *path;
    uint32_t mask;
    int id; /* inotify's; 0 while it is only planned */
    char *names[NAMES_MAX];
    size_t name_count;
};

/* Zeroed is empty. */
struct plan {
    struct spot *spots;
    size_t count;
};

struct watch {
    char *location; /* absolute */
    char *branch;   /* NULL: HEAD */
    int fd;
    struct plan plan;
    bool incomplete; /* the last planning failed: try again */
};

static void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        for (size_t j = 0; j < plan->spots[i].name_count; j++)
            free(plan->spots[i].names[j]);
        free(plan->spots[i].path);
    }
    free(plan->spots);
    *plan = (struct plan){ 0 };
}

/* ---- Planning ------------------------------------------------------------------------------ */

static struct spot *spot_at(struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->count; i++)
        if (text_equal(plan->spots[i].path, path))
            return &plan->spots[i];
    if (plan->count == SPOTS_MAX)
        return &plan->spots[SPOTS_MAX - 1]; /* a path this deep has other problems */
    if (plan->spots == NULL)
        plan->spots = mem_alloc(SPOTS_MAX * sizeof(*plan->spots));
    plan->spots[plan->count] = (struct spot){ .path = mem_text(path) };
    return &plan->spots[plan->count++];
}

static bool spot_names(const struct spot *spot, const char *name)
{
    for (size_t i = 0; i < spot->name_count; i++)
        if (text_equal(spot->names[i], name))
            return true;
    return false;
}

static void want(struct plan *plan, const char *folder, uint32_t mask, const char *name)
{
    struct spot *spot = spot_at(plan, folder);

    spot->mask |= mask;
    if (name != NULL && !spot_names(spot, name) && spot->name_count < NAMES_MAX)
        spot->names[spot->name_count++] = mem_text(name);
}

/* Everything on the way to `path`, which is absolute.  Above `top` only the folders themselves
 * matter: places like /tmp are full of other people's events. */
static void want_path(struct plan *plan, const char *path, const char *top)
{
    AUTO_TEXT char *at = mem_text(path);
    AUTO_TEXT char *folder = mem_text("/");

    for (char *name = at + strspn(at, "/"); *name != '\0';) {
        size_t size = strcspn(name, "/");
        char *rest = name + size + strspn(name + size, "/");
        char after = name[size];
        struct stat status;
        bool quiet;
        bool is_folder;

        name[size] = '\0'; /* `at` is now the path up to and with this name */
        quiet = strlen(at) < strlen(top) && text_starts(top, at);
        is_folder = lstat(at, &status) == 0 && S_ISDIR(status.st_mode);
        if (!is_folder)
            want(plan, folder, FOLDER_MOVES | CONTENT_MOVES, name);
        else
            want(plan, folder, FOLDER_MOVES | (quiet ? 0 : CONTENT_LEAVES), name);
        if (!is_folder && (stat(at, &status) < 0 || !S_ISDIR(status.st_mode)))
            return;
        free(folder);
        folder = mem_text(at);
        name[size] = after;
        name = rest;
    }
    want(plan, folder, FOLDER_MOVES, NULL);
}

/* The first line of a small file; NULL when there is none. */
static char *first_line(const char *path)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[LINK_FILE_MAX];
    ssize_t size;

    if (fd < 0)
        return NULL;
    size = read(fd, text, sizeof(text) - 1);
    if (size <= 0)
        return NULL;
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return mem_text(text);
}

static char *join(const char *folder, const char *name)
{
    AUTO(buf) path;

    buf_init(&path, PATH_MAX);
    if (name[0] != '/')
        buf_printf(&path, "%s/", folder);
    buf_text_add(&path, name);
    return buf_take(&path);
}

/* Without "..", where it exists: want_path() goes by names. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);

    return real != NULL ? real : mem_text(path);
}

/* The git directory of the location, or NULL while there is none. */
static char *find_git_dir(const char *location)
{
    AUTO_TEXT char *link = join(location, ".git");
    AUTO_TEXT char *head = join(location, "HEAD");
    AUTO_TEXT char *line = NULL;
    AUTO_TEXT char *target = NULL;
    struct stat status;

    if (stat(link, &status) == 0 && S_ISDIR(status.st_mode))
        return mem_text(link);
    line = first_line(link);
    if (line != NULL && text_starts(line, "gitdir: ")) {
        target = join(location, line + strlen("gitdir: "));
        return resolve(target);
    }
    return lstat(head, &status) == 0 ? mem_text(location) : NULL;
}

static char *find_common_dir(const char *git_dir)
{
    AUTO_TEXT char *link = join(git_dir, "commondir");
    AUTO_TEXT char *line = first_line(link);
    AUTO_TEXT char *target = NULL;

    if (line == NULL)
        return mem_text(git_dir);
    target = join(git_dir, line);
    return resolve(target);
}

/* A loose ref and, when it is a symbolic one, what it leads to. */
static void want_ref(struct plan *plan, const char *folder, const char *common_dir,
                     const char *name)
{
    AUTO_TEXT char *next = mem_text(name);

    for (int hop = 0; hop < REF_HOPS; hop++) {
        AUTO_TEXT char *path = join(hop == 0 ? folder : common_dir, next);
        AUTO_TEXT char *line = first_line(path);

        want_path(plan, path, common_dir);
        if (line == NULL || !text_starts(line, "ref: ") || line[strlen("ref: ")] == '/' ||
            strstr(line, "..") != NULL)
            return;
        free(next);
        next = mem_text(line + strlen("ref: "));
    }
}

static void want_branch(struct plan *plan, const char *branch, const char *git_dir,
                        const char *common_dir)
{
    static const char *const prefixes[] = { "refs/heads", "refs/tags" };
    AUTO_TEXT char *packed = join(common_dir, "packed-refs");

    want_path(plan, packed, common_dir);
    if (branch == NULL) {
        want_ref(plan, git_dir, common_dir, "HEAD");
        return;
    }
    if (text_starts(branch, "refs/")) {
        want_ref(plan, common_dir, common_dir, branch);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        AUTO_TEXT char *name = join(prefixes[i], branch);

        want_ref(plan, common_dir, common_dir, name);
    }
}

static void make_plan(const struct watch *watch, struct plan *out)
{
    AUTO_TEXT char *git_dir = find_git_dir(watch->location);
    AUTO_TEXT char *common_dir = NULL;
    AUTO_TEXT char *link = NULL;

    if (git_dir == NULL || !text_equal(git_dir, watch->location)) {
        AUTO_TEXT char *dot_git = join(watch->location, ".git");

        want_path(out, dot_git, watch->location);
    }
    if (git_dir == NULL) {
        AUTO_TEXT char *head = join(watch->location, "HEAD");

        want_path(out, head, watch->location);
        return;
    }
    common_dir = find_common_dir(git_dir);
    link = join(git_dir, "commondir");
    want_path(out, link, git_dir);
    want_branch(out, watch->branch, git_dir, common_dir);
}

/* ---- Watching ------------------------------------------------------------------------------ */

static bool has_id(const struct plan *plan, int id)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->spots[i].id == id)
            return true;
    return false;
}

/* Watches all of a plan.  *out_new: some were not watched before; *out_gone: some vanished since it
 * was made. */
static int apply(int fd, const struct plan *before, struct plan *plan, bool *out_new,
                 bool *out_gone, struct err *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct spot *spot = &plan->spots[i];

        /* IN_MASK_ADD: two paths may lead to one folder. */
        spot->id = inotify_add_watch(fd, spot->path, spot->mask | IN_ONLYDIR | IN_MASK_ADD);
        if (spot->id >= 0) {
            *out_new = *out_new || !has_id(before, spot->id);
        } else if (errno == ENOENT || errno == ENOTDIR) {
            spot->id = 0;
            *out_gone = true;
        } else {
            int number = errno;

            spot->id = 0;
            return err_set_errno(err, number == EACCES ? ERR_DENIED : ERR_CAPACITY, number,
                                 "'%s' can't be watched", spot->path);
        }
    }
    return 0;
}

static void drop_old(int fd, const struct plan *old, const struct plan *new)
{
    for (size_t i = 0; i < old->count; i++)
        if (old->spots[i].id > 0 && !has_id(new, old->spots[i].id))
            (void)inotify_rm_watch(fd, old->spots[i].id);
}

/* Until a plan was watched completely before anything in it moved: a folder that appears between
 * planning and watching would otherwise be missed. */
static int arm(struct watch *watch, bool *out_changed, struct err *err)
{
    int result = 0;

    for (int round = 0; round < PLAN_ROUNDS && result == 0; round++) {
        struct plan plan = { 0 };
        bool is_new = false;
        bool gone = false;

        make_plan(watch, &plan);
        result = apply(watch->fd, &watch->plan, &plan, &is_new, &gone, err);
        drop_old(watch->fd, &watch->plan, &plan);
        plan_release(&watch->plan);
        watch->plan = plan;
        *out_changed = *out_changed || is_new || gone;
        if (!is_new && !gone)
            break;
    }
    watch->incomplete = result < 0;
    return result;
}

static bool matters(const struct watch *watch, const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        return true;
    for (size_t i = 0; i < watch->plan.count; i++) {
        const struct spot *spot = &watch->plan.spots[i];

        if (spot->id != event->wd)
            continue;
        if ((event->mask & (FOLDER_MOVES | IN_IGNORED | IN_UNMOUNT)) != 0)
            return true;
        if (event->len > 0 && spot_names(spot, event->name))
            return true;
    }
    return false;
}

/* Whether any of the events that are there matters. */
static bool take_events(struct watch *watch)
{
    _Alignas(struct inotify_event) char events[16384];
    bool found = false;
    ssize_t size;

    while ((size = read(watch->fd, events, sizeof(events))) > 0) {
        for (const char *at = events; at < events + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            found = found || matters(watch, event);
            at += sizeof(*event) + event->len;
        }
    }
    return found;
}

int watch_new(const char *location, const char *branch, struct watch **out, struct err *err)
{
    AUTO(watch) *watch = mem_alloc(sizeof(*watch));
    bool changed = false;
    char *folder;

    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0)
        return err_set_errno(err, ERR_CAPACITY, errno, "inotify");
    folder = location[0] == '/' ? mem_text("/") : getcwd(NULL, 0);
    if (folder == NULL)
        return err_set_errno(err, ERR_FAILED, errno, "the current folder");
    watch->location = join(folder, location);
    free(folder);
    if (location[0] != '/') {
        folder = resolve(watch->location);
        free(watch->location);
        watch->location = folder;
    }
    for (size_t size = strlen(watch->location); size > 1 && watch->location[size - 1] == '/';)
        watch->location[--size] = '\0';
    watch->branch = branch != NULL ? mem_text(branch) : NULL;
    if (arm(watch, &changed, err) < 0)
        return -1;
    *out = TAKE(watch);
    return 0;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        (void)close(watch->fd);
    plan_release(&watch->plan);
    free(watch->location);
    free(watch->branch);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

int watch_drain(struct watch *watch, bool *out_changed, struct err *err)
{
    bool changed = take_events(watch);

    if ((changed || watch->incomplete) && arm(watch, &changed, err) < 0)
        return -1;
    *out_changed = changed;
    return 0;
}
