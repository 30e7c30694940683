/*
 * Commits: who, when and why, and which of them last touched a file.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reconciler/source/git.h"
#include "spec/base/text.h"

#define MESSAGE_BYTES_MAX (64UL * 1024)

static void read_commit(struct arena *arena, git_commit *commit, struct source_commit *out)
{
    const git_signature *author = git_commit_author(commit);
    const char *subject = git_commit_summary(commit);
    const char *message = git_commit_message(commit);
    size_t size = message != NULL ? strlen(message) : 0;

    git_print_id(git_commit_id(commit), out->id);
    if (git_commit_parentcount(commit) > 0)
        git_print_id(git_commit_parent_id(commit, 0), out->parent);
    if (author != NULL) {
        out->author = git_clean_text(arena, author->name, strlen(author->name));
        out->email = git_clean_text(arena, author->email, strlen(author->email));
    } else {
        out->author = out->email = "";
    }
    out->subject = subject != NULL ? git_clean_text(arena, subject, strlen(subject)) : "";
    out->message = git_clean_text(arena, message != NULL ? message : "",
                                  size > MESSAGE_BYTES_MAX ? MESSAGE_BYTES_MAX : size);
    out->time_ms = git_commit_time(commit) * 1000;
}

static void add_commit(struct source_log *log, size_t *capacity, git_commit *commit)
{
    struct source_commit *item;

    if (log->count == *capacity) {
        *capacity = *capacity == 0 ? 16 : *capacity * 2;
        log->items = mem_resize(log->items, *capacity * sizeof(*log->items));
    }
    item = &log->items[log->count++];
    *item = (struct source_commit){ 0 };
    read_commit(&log->arena, commit, item);
}

void source_log_free(struct source_log *log)
{
    if (log == NULL)
        return;
    free(log->items);
    arena_release(&log->arena);
    free(log);
}

/* ---- A range ------------------------------------------------------------------------------- */

struct log_call {
    const char *base;
    const char *tip;
    size_t max;
    struct source_log **out;
};

/* Whether the base is here and an ancestor of the tip, or the tip itself. */
static int check_base(struct source *source, const struct log_call *call, git_revwalk *walk,
                      bool *out_diverged, struct err *err)
{
    AUTO(git_commit) *base = NULL;
    struct err failure = { 0 };
    git_oid tip;
    int code;

    if (text_is_empty(call->base))
        return 0;
    if (git_find_commit(source, call->base, &base, &failure) < 0) {
        if (failure.code != ERR_NOT_FOUND) {
            if (err != NULL)
                *err = failure;
            return -1;
        }
        *out_diverged = true;
        return 0;
    }
    if (git_parse_id(call->tip, &tip, err) < 0)
        return -1;
    code = git_oid_equal(&tip, git_commit_id(base)) != 0
               ? 1
               : git_graph_descendant_of(source->repository, &tip, git_commit_id(base));
    if (code < 0)
        return git_fail(err, code, "the history of %.12s", call->tip);
    *out_diverged = code == 0;
    code = git_revwalk_hide(walk, git_commit_id(base));
    return code < 0 ? git_fail(err, code, "the history of %.12s", call->base) : 0;
}

/* libgit2 can't walk where parents are missing: the line of first parents as far as it goes. */
static int read_shallow(const struct log_call *call, struct source_log *log, git_commit *tip,
                        struct err *err)
{
    AUTO(git_commit) *commit = NULL;
    size_t capacity = 0;
    int code = git_commit_dup(&commit, tip);

    while (code == 0) {
        char id[SOURCE_ID_SIZE];
        git_commit *parent = NULL;

        git_print_id(git_commit_id(commit), id);
        if (text_equal(id, call->base))
            return 0;
        log->truncated = log->count == call->max;
        if (log->truncated)
            return 0;
        add_commit(log, &capacity, commit);
        if (git_commit_parentcount(commit) == 0)
            code = GIT_ENOTFOUND;
        else
            code = git_commit_parent(&parent, commit, 0);
        if (code == 0) {
            git_commit_free(commit);
            commit = parent;
        }
    }
    if (code != GIT_ENOTFOUND)
        return git_fail(err, code, "the history of %.12s", call->tip);
    log->truncated = git_commit_parentcount(commit) > 0;
    log->diverged = !text_is_empty(call->base);
    return 0;
}

/* A git_step_fn. */
static int read_log(struct source *source, void *argument, struct err *err)
{
    const struct log_call *call = argument;
    AUTO(source_log) *log = mem_alloc(sizeof(*log));
    AUTO(git_revwalk) *walk = NULL;
    AUTO(git_commit) *tip = NULL;
    size_t capacity = 0;
    /* By topology all that is reachable is read first: with a base that is little. */
    unsigned sorting =
        text_is_empty(call->base) ? GIT_SORT_TIME : GIT_SORT_TIME | GIT_SORT_TOPOLOGICAL;
    git_oid id;
    int code;

    if (git_find_commit(source, call->tip, &tip, err) < 0)
        return -1;
    if (text_is_empty(call->base) && call->max == 1) {
        add_commit(log, &capacity, tip);
        log->truncated = git_commit_parentcount(tip) > 0;
        *call->out = TAKE(log);
        return 0;
    }
    if (git_repository_is_shallow(source->repository) == 1) {
        if (read_shallow(call, log, tip, err) < 0)
            return -1;
        *call->out = TAKE(log);
        return 0;
    }
    code = git_revwalk_new(&walk, source->repository);
    if (code == 0)
        code = git_revwalk_sorting(walk, sorting);
    if (code == 0)
        code = git_revwalk_push(walk, git_commit_id(tip));
    if (code < 0)
        return git_fail(err, code, "the history of %.12s", call->tip);
    if (check_base(source, call, walk, &log->diverged, err) < 0)
        return -1;
    while ((code = git_revwalk_next(&id, walk)) == 0) {
        AUTO(git_commit) *commit = NULL;

        if (log->count == call->max) {
            log->truncated = true;
            break;
        }
        code = git_commit_lookup(&commit, source->repository, &id);
        if (code < 0)
            break;
        add_commit(log, &capacity, commit);
    }
    if (code < 0 && code != GIT_ITEROVER)
        return git_fail(err, code, "the history of %.12s", call->tip);
    *call->out = TAKE(log);
    return 0;
}

int source_log(struct source *source, const char *base, const char *tip, size_t max,
               struct source_log **out, struct err *err)
{
    struct log_call call = { .base = base, .tip = tip, .max = max, .out = out };

    ASSERT(max >= 1);
    return git_attempt(source, read_log, &call, err);
}

/* ---- The last change of a file -------------------------------------------------------------- */

/* What a path is in one commit. */
struct version {
    bool exists;
    git_oid id;
    git_filemode_t mode;
};

static int version_of(git_commit *commit, const char *path, struct version *out, struct err *err)
{
    AUTO(git_tree) *root = NULL;
    AUTO(git_tree_entry) *entry = NULL;
    int code = git_commit_tree(&root, commit);

    if (code < 0)
        return git_fail(err, code, "the tree of a commit");
    if (git_find_entry(root, path, &entry, err) < 0)
        return -1;
    *out = (struct version){ .exists = entry != NULL };
    if (entry != NULL) {
        (void)git_oid_cpy(&out->id, git_tree_entry_id(entry));
        out->mode = git_tree_entry_filemode(entry);
    }
    return 0;
}

static bool version_equal(const struct version *a, const struct version *b)
{
    if (!a->exists || !b->exists)
        return a->exists == b->exists;
    return git_oid_equal(&a->id, &b->id) != 0 && a->mode == b->mode;
}

/* The first parent that has the same version, *out NULL when none has.  A parent that a shallow
 * clone lacks is like none. */
static int find_same_parent(git_commit *commit, bool shallow, const char *path,
                            const struct version *version, git_commit **out, struct err *err)
{
    *out = NULL;
    for (unsigned i = 0; i < git_commit_parentcount(commit); i++) {
        AUTO(git_commit) *parent = NULL;
        struct version theirs = { 0 };
        int code = git_commit_parent(&parent, commit, i);

        if (code == GIT_ENOTFOUND && shallow)
            continue;
        if (code < 0)
            return git_fail(err, code, "a parent of a commit");
        if (version_of(parent, path, &theirs, err) < 0)
            return -1;
        if (version_equal(&theirs, version)) {
            *out = TAKE(parent);
            return 0;
        }
    }
    return 0;
}

struct change_call {
    const char *commit;
    const char *path;
    struct source_log **out;
};

/* A git_step_fn.  Follows whoever has the same version, as git's history simplification does. */
static int find_last_change(struct source *source, void *argument, struct err *err)
{
    const struct change_call *call = argument;
    AUTO(source_log) *log = NULL;
    AUTO(git_commit) *commit = NULL;
    bool shallow = git_repository_is_shallow(source->repository) == 1;
    struct version version = { 0 };
    size_t capacity = 0;

    if (git_find_commit(source, call->commit, &commit, err) < 0 ||
        version_of(commit, call->path, &version, err) < 0)
        return -1;
    if (!version.exists)
        return err_set(err, ERR_NOT_FOUND, "there is no '%s' at commit %.12s", call->path,
                       call->commit);
    for (uint32_t i = 0; i < SOURCE_HISTORY_MAX; i++) {
        git_commit *parent = NULL;

        if (find_same_parent(commit, shallow, call->path, &version, &parent, err) < 0)
            return -1;
        if (parent == NULL) {
            log = mem_alloc(sizeof(*log));
            add_commit(log, &capacity, commit);
            *call->out = TAKE(log);
            return 0;
        }
        git_commit_free(commit);
        commit = parent;
    }
    return err_set(err, ERR_CAPACITY, "'%s' did not change in the last %d commits", call->path,
                   SOURCE_HISTORY_MAX);
}

int source_last_change(struct source *source, const char *commit, const char *path,
                       struct source_log **out, struct err *err)
{
    AUTO_TEXT char *clean = NULL;
    struct change_call call = { .commit = commit, .out = out };

    if (git_clean_path(path, "the path", &clean, err) < 0)
        return -1;
    if (clean[0] == '\0')
        return err_set(err, ERR_INVALID, "no file is named");
    call.path = clean;
    return git_attempt(source, find_last_change, &call, err);
}

bool source_commit_has_trailer(const struct source_commit *commit, const char *key,
                               const char *value)
{
    git_message_trailer_array trailers = { 0 };
    bool found = false;

    if (git_message_trailers(&trailers, commit->message) < 0)
        return false;
    for (size_t i = 0; i < trailers.count && !found; i++)
        found = strcasecmp(trailers.trailers[i].key, key) == 0 &&
                text_equal(trailers.trailers[i].value, value);
    git_message_trailer_array_free(&trailers);
    return found;
}

/* ---- The root ------------------------------------------------------------------------------ */

struct root_call {
    const char *commit;
    char *out;
};

/* A git_step_fn. */
static int find_root_commit(struct source *source, void *argument, struct err *err)
{
    const struct root_call *call = argument;
    AUTO(git_commit) *commit = NULL;
    bool shallow = git_repository_is_shallow(source->repository) == 1;

    if (git_find_commit(source, call->commit, &commit, err) < 0)
        return -1;
    while (git_commit_parentcount(commit) > 0) {
        git_commit *parent = NULL;
        int code = git_commit_parent(&parent, commit, 0);

        if (code == GIT_ENOTFOUND && shallow)
            break;
        if (code < 0)
            return git_fail(err, code, "the history of %.12s", call->commit);
        git_commit_free(commit);
        commit = parent;
    }
    git_print_id(git_commit_id(commit), call->out);
    return 0;
}

int source_root_commit(struct source *source, const char *commit, char out_id[SOURCE_ID_SIZE],
                       struct err *err)
{
    struct root_call call = { .commit = commit, .out = out_id };

    return git_attempt(source, find_root_commit, &call, err);
}
