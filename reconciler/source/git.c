/*
 * Opening a repository and finding things in it.
 *
 * libgit2 maps packs and lists them once.  `git gc` writes a new pack and deletes the old ones: an
 * object can then be "missing" from what we have open although it is there.  So whatever reads
 * objects is a step that can be run again after opening the repository anew.
 */
#include "reconciler/source/git.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/source/git_memory.h"
#include "spec/base/buf.h"
#include "spec/base/redact.h"
#include "spec/base/text.h"

#define GIT_ATTEMPTS    4
#define GIT_CACHE_BYTES (4 * 1024 * 1024) /* of parsed objects; libgit2's own default is 256 MiB */
#define GIT_PATH_MAX    4096

int source_global_init(struct err *err)
{
    git_take_memory();
    if (git_libgit2_init() < 0)
        return git_fail(err, -1, "libgit2 does not start");
    /* Hooks and configuration are never run or obeyed, so whose files they are does not matter. */
    (void)git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    (void)git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)GIT_CACHE_BYTES);
    return 0;
}

void source_global_exit(void)
{
    (void)git_libgit2_shutdown();
}

static enum err_code code_of(int git_code, int git_class)
{
    switch (git_code) {
    case GIT_EAUTH:
    case GIT_ECERTIFICATE: return ERR_DENIED;
    case GIT_EINVALIDSPEC: return ERR_INVALID;
    case GIT_ELOCKED: return ERR_FAILED;
    default: break;
    }
    switch (git_class) {
    case GIT_ERROR_NET:
    case GIT_ERROR_SSL:
    case GIT_ERROR_SSH:
    case GIT_ERROR_HTTP: return ERR_UNREACHABLE;
    default: return ERR_CONFLICT;
    }
}

int git_fail(struct err *err, int git_code, const char *format, ...)
{
    const git_error *last = git_error_last();
    const char *said = last != NULL && last->message != NULL ? last->message : "no reason given";
    AUTO_TEXT char *clean = url_redact(said);
    char context[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(context, sizeof(context), format, arguments);
    va_end(arguments);
    return err_set(err, code_of(git_code, last != NULL ? last->klass : GIT_ERROR_NONE), "%s: %s",
                   context, clean);
}

static int identity_of(const char *path, struct identity *out)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return -1;
    out->device = status.st_dev;
    out->inode = status.st_ino;
    return 0;
}

static bool identity_equal(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* Deleted and made again, moved away, or a link that leads elsewhere now. */
static bool was_replaced(const struct source *source)
{
    struct identity top;
    struct identity git;

    return identity_of(source->directory, &top) < 0 || !identity_equal(&top, &source->top) ||
           identity_of(git_repository_path(source->repository), &git) < 0 ||
           !identity_equal(&git, &source->git);
}

void git_close(struct source *source)
{
    git_odb_free(source->odb);
    git_repository_free(source->repository);
    source->odb = NULL;
    source->repository = NULL;
}

int git_open(struct source *source, struct err *err)
{
    AUTO(git_repository) *repository = NULL;
    git_odb *odb = NULL;
    struct identity top;
    struct identity git;
    int code;

    if (source->repository != NULL && !was_replaced(source))
        return 0;
    git_close(source);
    if (identity_of(source->directory, &top) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no repository '%s'", source->url.shown);
    code = git_repository_open_ext(&repository, source->directory, GIT_REPOSITORY_OPEN_NO_SEARCH,
                                   NULL);
    if (code == GIT_ENOTFOUND && euidaccess(source->directory, R_OK | X_OK) < 0)
        return err_set_errno(err, ERR_INVALID, errno, "repository '%s'", source->url.shown);
    if (code == GIT_ENOTFOUND)
        return err_set(err, ERR_INVALID, "'%s' is not a git repository", source->url.shown);
    if (code < 0)
        return git_fail(err, code, "'%s' can't be opened", source->url.shown);
    if (identity_of(git_repository_path(repository), &git) < 0)
        return err_set(err, ERR_CONFLICT, "'%s' was removed", source->url.shown);
    code = git_repository_odb(&odb, repository);
    if (code < 0)
        return git_fail(err, code, "the objects of '%s' can't be read", source->url.shown);
    source->repository = TAKE(repository);
    source->odb = odb;
    source->top = top;
    source->git = git;
    return 0;
}

int git_attempt(struct source *source, git_step_fn *step, void *call, struct err *err)
{
    struct err failure = { 0 };

    for (int attempt = 0; attempt < GIT_ATTEMPTS; attempt++) {
        if (git_open(source, &failure) == 0 && step(source, call, &failure) == 0)
            return 0;
        /* A commit that is not there may have moved as well: that is worth one more look. */
        if (failure.code != ERR_CONFLICT && (failure.code != ERR_NOT_FOUND || attempt > 0))
            break;
        git_close(source);
    }
    if (failure.code == ERR_CONFLICT) {
        source->damaged = true;
        failure.code = ERR_FAILED;
    }
    if (err != NULL)
        *err = failure;
    return -1;
}

int git_parse_id(const char *hex, git_oid *out, struct err *err)
{
    if (hex == NULL || strlen(hex) != SOURCE_ID_SIZE - 1 || git_oid_fromstr(out, hex) < 0)
        return err_set(err, ERR_INVALID, "'%.64s' is not an id of 40 hexadecimal digits",
                       hex != NULL ? hex : "");
    return 0;
}

void git_print_id(const git_oid *id, char out[SOURCE_ID_SIZE])
{
    (void)git_oid_tostr(out, SOURCE_ID_SIZE, id);
}

int git_find_commit(struct source *source, const char *hex, git_commit **out, struct err *err)
{
    git_oid id;
    int code;

    if (git_parse_id(hex, &id, err) < 0)
        return -1;
    code = git_commit_lookup(out, source->repository, &id);
    if (code == GIT_ENOTFOUND)
        return err_set(err, ERR_NOT_FOUND, "commit %.12s is not in '%s'", hex, source->url.shown);
    if (code < 0)
        return git_fail(err, code, "commit %.12s", hex);
    return 0;
}

int git_find_root(struct source *source, const char *hex, git_tree **out, struct err *err)
{
    AUTO(git_commit) *commit = NULL;
    int code;

    if (git_find_commit(source, hex, &commit, err) < 0)
        return -1;
    code = git_commit_tree(out, commit);
    if (code < 0)
        return git_fail(err, code, "the tree of commit %.12s", hex);
    return 0;
}

int git_find_entry(git_tree *root, const char *path, git_tree_entry **out, struct err *err)
{
    int code = git_tree_entry_bypath(out, root, path);
    const git_error *last = code < 0 ? git_error_last() : NULL;

    if (code == 0)
        return 0;
    /* The same code for "no such name" and for "the object of a folder above is missing". */
    if (code == GIT_ENOTFOUND && last != NULL && last->klass != GIT_ERROR_ODB) {
        *out = NULL;
        return 0;
    }
    return git_fail(err, code, "'%s'", path);
}

int git_find_folder(struct source *source, git_tree *root, const char *path, git_tree **out,
                    struct err *err)
{
    AUTO(git_tree_entry) *entry = NULL;
    int code;

    if (path[0] == '\0') {
        code = git_tree_dup(out, root);
        return code < 0 ? git_fail(err, code, "the root tree") : 0;
    }
    if (git_find_entry(root, path, &entry, err) < 0)
        return -1;
    if (entry == NULL) {
        *out = NULL;
        return 0;
    }
    if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
        return err_set(err, ERR_INVALID, "'%s' is not a folder", path);
    code = git_tree_lookup(out, source->repository, git_tree_entry_id(entry));
    return code < 0 ? git_fail(err, code, "folder '%s'", path) : 0;
}

int git_clean_path(const char *path, const char *what, char **out, struct err *err)
{
    AUTO(buf) clean;
    const char *at = path != NULL ? path : "";

    buf_init(&clean, GIT_PATH_MAX);
    while (*at != '\0') {
        size_t length = strcspn(at, "/");

        if (length == 2 && at[0] == '.' && at[1] == '.')
            return err_set(err, ERR_INVALID,
                           "%s '%s' has a '..': it is a path inside of the "
                           "repository",
                           what, path);
        if (length > 0 && !(length == 1 && at[0] == '.')) {
            if (clean.size > 0)
                buf_char(&clean, '/');
            buf_add(&clean, at, length);
        }
        at += length;
        at += strspn(at, "/");
    }
    if (clean.truncated)
        return err_set(err, ERR_INVALID, "%s is longer than %d bytes", what, GIT_PATH_MAX);
    *out = mem_text(buf_text(&clean));
    return 0;
}

char *git_clean_text(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_text_n(arena, text, size);

    if (text_is_utf8(copy, size))
        return copy;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)copy[i] >= 0x80)
            copy[i] = '?';
    return copy;
}
