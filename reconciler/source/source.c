/*
 * A source: which repository, which branch, and which commit is the newest.
 */
#include "reconciler/source/source.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/fetch.h"
#include "reconciler/source/git.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

/* The clone's folder is named by a hash: a URL is no file name, and may hold a password. */
static char *clone_directory(const char *state_dir, const char *url)
{
    char name[SHA256_HEX_SIZE];
    AUTO(buf) path;

    buf_init(&path, PATH_MAX);
    sha256_hex(url, strlen(url), name);
    buf_printf(&path, "%s/repos/%s", state_dir, name);
    return mem_text(buf_text(&path));
}

static int check_branch(const char *branch, struct err *err)
{
    AUTO(buf) ref = { 0 };
    int valid = 0;

    if (branch == NULL)
        return 0;
    buf_init(&ref, SOURCE_REF_SIZE - 1);
    buf_printf(&ref, "%s%s", text_starts(branch, "refs/") ? "" : "refs/heads/", branch);
    if (ref.truncated || git_reference_name_is_valid(&valid, buf_text(&ref)) < 0 || valid == 0)
        return err_set(err, ERR_INVALID, "'%.64s' can't be the name of a branch", branch);
    return 0;
}

static int open_local(struct source *source, struct err *err)
{
    char *absolute = realpath(source->url.path, NULL);

    /* Kept as it was written when it is absolute: a link that is switched later is followed. */
    if (absolute == NULL && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ERR_INVALID, "there is no repository '%s'", source->url.shown);
    if (absolute == NULL)
        return err_set_errno(err, ERR_INVALID, errno, "repository '%s'", source->url.shown);
    if (source->url.path[0] == '/') {
        free(absolute);
        absolute = mem_text(source->url.path);
    }
    source->directory = absolute;
    return git_open(source, err);
}

static int open_url(struct source *source, const struct source_options *options, struct err *err)
{
    if (text_is_empty(options->state_dir) || options->timeout_ms <= 0)
        return err_set(err, ERR_INTERNAL, "a URL needs a state directory and a time limit");
    source->directory = clone_directory(options->state_dir, source->url.text);
    return 0;
}

int source_open(const struct source_options *options, struct source **out, struct err *err)
{
    AUTO(source) *source = mem_alloc(sizeof(*source));
    int users = git_libgit2_init();
    int opened;

    ASSERT(users > 1); /* else the caller forgot source_global_init() */
    ASSERT(options->location != NULL);
    if (url_parse(options->location, &source->url, err) < 0 ||
        check_branch(options->branch, err) < 0 ||
        git_clean_path(options->path, "the path", &source->path, err) < 0)
        return -1;
    source->branch = options->branch != NULL ? mem_text(options->branch) : NULL;
    source->timeout_ms = options->timeout_ms;
    opened = source_is_local(source) ? open_local(source, err) : open_url(source, options, err);
    if (opened < 0)
        return -1;
    *out = TAKE(source);
    return 0;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    git_close(source);
    for (size_t i = 0; i < ARRAY_COUNT(source->links); i++)
        link_list_release(&source->links[i].list);
    url_release(&source->url);
    free(source->branch);
    free(source->path);
    free(source->directory);
    free(source);
    (void)git_libgit2_shutdown();
}

bool source_is_local(const struct source *source)
{
    return source->url.kind == URL_LOCAL;
}

/* ---- Local: which ref, which commit -------------------------------------------------------- */

static int lookup_ref(struct source *source, const char *name, git_reference **out, struct err *err)
{
    int code = git_reference_lookup(out, source->repository, name);

    if (code == GIT_ENOTFOUND || code == GIT_EINVALIDSPEC) {
        *out = NULL;
        return 0;
    }
    return code < 0 ? git_fail(err, code, "ref '%s'", name) : 0;
}

/* A branch wins over a tag of the same name.  *out NULL: neither is there. */
static int lookup_branch(struct source *source, git_reference **out, struct err *err)
{
    static const char *const prefixes[] = { "refs/heads/", "refs/tags/" };

    if (source->branch == NULL)
        return lookup_ref(source, "HEAD", out, err);
    if (text_starts(source->branch, "refs/"))
        return lookup_ref(source, source->branch, out, err);
    *out = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(prefixes) && *out == NULL; i++) {
        AUTO(buf) full;

        buf_init(&full, SOURCE_REF_SIZE + 16);
        buf_printf(&full, "%s%s", prefixes[i], source->branch);
        if (lookup_ref(source, buf_text(&full), out, err) < 0)
            return -1;
    }
    return 0;
}

/* A git_step_fn. */
static int pin(struct source *source, void *call, struct err *err)
{
    AUTO(git_reference) *head = NULL;
    AUTO(git_reference) *branch = NULL;
    const char *target;

    (void)call;
    if (lookup_ref(source, "HEAD", &head, err) < 0)
        return -1;
    target = head == NULL ? NULL : git_reference_symbolic_target(head);
    if (target == NULL || !text_starts(target, "refs/heads/"))
        return 0;
    if (lookup_ref(source, target, &branch, err) < 0)
        return -1;
    if (branch != NULL)
        source->branch = mem_text(target);
    return 0;
}

const char *source_pin(struct source *source)
{
    struct err err;

    if (source->branch == NULL && source_is_local(source))
        (void)git_attempt(source, pin, NULL, &err); /* looking at it tells what is wrong */
    return source->branch;
}

static bool has_any_branch(struct source *source)
{
    git_reference_iterator *iterator = NULL;
    const char *name = NULL;
    bool found = false;

    if (git_reference_iterator_glob_new(&iterator, source->repository, "refs/heads/*") < 0)
        return false;
    found = git_reference_next_name(&name, iterator) == 0;
    git_reference_iterator_free(iterator);
    return found;
}

static void say(struct source_tip *tip, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct source_tip *tip, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(tip->text, sizeof(tip->text), format, arguments);
    va_end(arguments);
}

static void say_missing(struct source *source, const char *ref, struct source_tip *tip)
{
    if (!has_any_branch(source)) {
        tip->state = SOURCE_EMPTY;
        say(tip, "'%.120s' has no commit yet", source->url.shown);
    } else {
        tip->state = SOURCE_GONE;
        say(tip, "branch '%.120s' does not exist in '%.120s'", ref, source->url.shown);
    }
}

/* A branch that is none may be a commit. */
static int find_by_id(struct source *source, struct source_tip *tip, struct err *err)
{
    AUTO(git_commit) *commit = NULL;
    git_oid id;

    if (source->branch == NULL || git_parse_id(source->branch, &id, NULL) < 0 ||
        git_find_commit(source, source->branch, &commit, NULL) < 0) {
        say_missing(source, source->branch != NULL ? source->branch : "HEAD", tip);
        return 0;
    }
    (void)err;
    git_print_id(git_commit_id(commit), tip->commit);
    say(tip, "commit %.12s", tip->commit);
    return 0;
}

/* A git_step_fn; call is a struct source_tip. */
static int find_tip(struct source *source, void *call, struct err *err)
{
    struct source_tip tip = { .state = SOURCE_FOUND };
    AUTO(git_reference) *named = NULL;
    AUTO(git_reference) *direct = NULL;
    AUTO(git_object) *commit = NULL;
    int code;

    if (lookup_branch(source, &named, err) < 0)
        return -1;
    if (named == NULL) {
        if (find_by_id(source, &tip, err) < 0)
            return -1;
        *(struct source_tip *)call = tip;
        return 0;
    }
    code = git_reference_resolve(&direct, named);
    if (code == GIT_ENOTFOUND) { /* HEAD names a branch without a commit */
        const char *target = git_reference_symbolic_target(named);

        say_missing(source, target != NULL ? target : "HEAD", &tip);
        *(struct source_tip *)call = tip;
        return 0;
    }
    if (code < 0)
        return git_fail(err, code, "ref '%s'", git_reference_name(named));
    code = git_reference_peel(&commit, direct, GIT_OBJECT_COMMIT);
    if (code == GIT_EPEEL || code == GIT_EINVALIDSPEC)
        return err_set(err, ERR_INVALID, "'%s' is not a commit", git_reference_name(direct));
    if (code < 0)
        return git_fail(err, code, "the commit of '%s'", git_reference_name(direct));
    git_print_id(git_object_id(commit), tip.commit);
    say(&tip, "commit %.12s", tip.commit);
    (void)snprintf(tip.ref, sizeof(tip.ref), "%s", git_reference_name(direct));
    *(struct source_tip *)call = tip;
    return 0;
}

/* ---- URLs: a fetch, then a look at what came ------------------------------------------------ */

/* A git_step_fn; call is the commit.  What can't be read now would fail later in a worse place. */
static int check_tip(struct source *source, void *call, struct err *err)
{
    AUTO(git_tree) *root = NULL;

    return git_find_root(source, call, &root, err);
}

static int fetch_tip(struct source *source, struct source_tip *out, struct err *err)
{
    struct fetch_request request = { .location = source->url.text,
                                     .branch = source->branch,
                                     .directory = source->directory,
                                     .afresh = source->damaged,
                                     .timeout_ms = source->timeout_ms };
    struct source_tip tip = { 0 };

    if (source->damaged)
        git_close(source);
    if (fetch_run(&request, &tip, err) < 0)
        return err_wrap(err, "%s", source->url.shown);
    source->damaged = false;
    if (tip.state == SOURCE_FOUND && git_attempt(source, check_tip, tip.commit, err) < 0) {
        source->damaged = true;
        return -1;
    }
    *out = tip;
    return 0;
}

int source_refresh(struct source *source, struct source_tip *out, struct err *err)
{
    struct err first = { 0 };

    if (source_is_local(source))
        return git_attempt(source, find_tip, out, err);
    if (fetch_tip(source, out, &first) == 0)
        return 0;
    if (source->damaged) /* the second time with a new clone */
        return fetch_tip(source, out, err);
    if (err != NULL)
        *err = first;
    return -1;
}

const char *source_library_version(void)
{
    return LIBGIT2_VERSION;
}
