/*
 * Where manifests come from: a git repository, here or behind a URL, read through libgit2.
 *
 * Every function blocks, some of them on the network: they belong in a worker thread, never on the
 * loop.  One `struct source` is used by one thread at a time; any thread will do.  Only objects
 * and refs are read: no checkout, no hooks, and a repository of another user is fine.  A repository
 * that is being repacked (`git gc`) is opened again and asked again before anything is an error.
 *
 * Commit and blob ids are 40 lower-case hexadecimal digits; paths have '/' between and none at the
 * ends.  No text that leaves here holds a password of a URL.
 */
#ifndef RECONCILER_SOURCE_SOURCE_H
#define RECONCILER_SOURCE_SOURCE_H

#include "spec/base/arena.h"
#include "spec/base/base.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/generation.h"

#define SOURCE_ID_SIZE         41 /* a commit, tree or blob id and the NUL */
#define SOURCE_REF_SIZE        256
#define SOURCE_DEPTH_MAX       64                  /* folders inside folders */
#define SOURCE_TOTAL_BYTES_MAX (256 * 1024 * 1024) /* all manifests of one answer together */
#define SOURCE_CONTEXT_FILES   200000              /* in one build context */
#define SOURCE_HISTORY_MAX     100000              /* commits looked at to answer one question */

/* Before any thread uses a source and after the last one did.  May nest. */
int source_global_init(struct err *err);
void source_global_exit(void);

/* ---- Opening ------------------------------------------------------------------------------- */

struct source_options {
    const char *location;  /* a folder, or https://, http://, ssh://, file://, user@host:path */
    const char *branch;    /* a branch, else a tag, else refs/..., else a commit id; NULL: HEAD */
    const char *path;      /* NULL or "": the whole tree */
    const char *state_dir; /* where clones of URLs live; may be NULL for a local repository */
    int64_t timeout_ms;    /* of one fetch; must be positive for a URL */
};

struct source;

/* Copies the options.  A local repository must exist (ERR_NOT_FOUND) and be one (ERR_INVALID); a
 * URL is only checked for its form: nothing is fetched yet. */
int source_open(const struct source_options *options, struct source **out, struct err *err);
void source_close(struct source *source);
DEFINE_AUTO(source, source_close)

/* Local: what watch.h takes.  Not local: to be polled. */
bool source_is_local(const struct source *source);
/* From now on the branch is followed that HEAD names now ("refs/heads/main"): who switches to
 * another one in a work tree does not mean to deploy it.  Answers what is followed, as long as the
 * source lives; NULL: still HEAD, because it names no branch that is there, or this is a URL. */
const char *source_pin(struct source *source);

/* ---- The newest commit --------------------------------------------------------------------- */

/* X(constant, text).  Only FOUND has a commit; in the others nothing is to be changed. */
#define SOURCE_STATES(X)                                                                           \
    X(FOUND, "found")                                                                              \
    X(EMPTY, "empty") /* the repository has no commit yet */                                       \
    X(GONE, "gone")   /* it has commits, but the branch is not (or no longer) there */

#define SOURCE_STATE_ENUM(name, text) SOURCE_##name,
enum source_state { SOURCE_STATES(SOURCE_STATE_ENUM) SOURCE_STATE_COUNT };
#undef SOURCE_STATE_ENUM

struct source_tip {
    enum source_state state;
    char commit[SOURCE_ID_SIZE];
    char ref[SOURCE_REF_SIZE]; /* what was followed: "refs/heads/main"; "" for a commit id */
    char text[320];            /* state for people: "branch 'main' does not exist in ..." */
};

/* Brings the newest commit here (a fetch for a URL, within timeout_ms) and says which it is.  A
 * damaged clone of a URL is thrown away and made again; a local repository that was deleted and
 * made again is opened again.  The network: ERR_UNREACHABLE, ERR_TIMEOUT, ERR_DENIED. */
int source_refresh(struct source *source, struct source_tip *out, struct err *err);

/* Opens the source and says which commit a person means: a branch, a tag, an id or the first digits
 * of one, or an expression of git's like "HEAD~1"; NULL: the tip of options->branch. Of a URL an
 * unfinished id is looked for in what options->branch leads to, and in what was fetched before.
 * ERR_NOT_FOUND: there is none.  ERR_INVALID: it is ambiguous, or no commit. */
int source_open_at(const struct source_options *options, const char *expression,
                   struct source **out, char out_commit[SOURCE_ID_SIZE], struct err *err);

struct source_paths {
    const char **items; /* from the root of the repository, in an arena */
    size_t count;
};

/* Manifests under `path` that the work tree has otherwise than the newest commit, staged or not.
 * None for a URL, a bare repository, or when the work tree is of another branch. */
int source_uncommitted(struct source *source, struct arena *arena, struct source_paths *out,
                       struct err *err);

/* ---- Manifests ----------------------------------------------------------------------------- */

/* Items are what a generation is derived from (spec/generation.h): `refused` is a file that can't
 * be a manifest, and why; bytes have a NUL behind the last.  All of it lives in the arena. */
struct source_changes {
    struct arena arena;
    struct file_change *items; /* sorted by path, each path once */
    size_t count;
    bool whole;       /* every manifest is listed: whatever else the reader knows of is gone */
    bool path_exists; /* false: `path` is no longer there, and items holds what was removed */
};

/* The *.yaml, *.yml and *.json files under `path` that differ between two commits; base NULL or ""
 * means nothing, and so does a base that this repository no longer has (after a force-push and a
 * gc): `whole` is then true.  The cost follows the difference, not the repository.
 *
 * Refused, each as an item with the reason and never read: a file larger than LIMIT_MANIFEST_BYTES,
 * a submodule, a symbolic link that leaves the tree, leads nowhere, to a folder or to another link.
 * A link to a file of the tree has that file's content, and changes when it does.  Links whose own
 * name is no manifest's are not followed, and hidden files and folders below `path` not looked at.
 *
 * ERR_NOT_FOUND: `path` is not in the commit (and was not in base), or the commit is not here.
 * ERR_INVALID: `path` is a file; more than LIMIT_MANIFEST_FILES or SOURCE_TOTAL_BYTES_MAX. */
int source_changes(struct source *source, const char *base, const char *commit,
                   struct source_changes **out, struct err *err);
void source_changes_free(struct source_changes *changes);
DEFINE_AUTO(source_changes, source_changes_free)

/* ---- History ------------------------------------------------------------------------------- */

/* All text is UTF-8 (what is not was replaced by '?').  Owned by whoever got it. */
struct source_commit {
    char id[SOURCE_ID_SIZE];
    char parent[SOURCE_ID_SIZE]; /* the first; "" for a root commit */
    const char *author;
    const char *email;
    const char *subject; /* first paragraph of the message, on one line */
    const char *message; /* all of it, at most 64 KiB */
    int64_t time_ms;     /* when it was committed */
};

struct source_log {
    struct arena arena;
    struct source_commit *items; /* newest first */
    size_t count;
    bool truncated; /* there were more than `max` */
    bool diverged;  /* base is not an ancestor of tip (force-push), or not here any more */
};

/* The commits reachable from tip and not from base, at most `max` of them, which is at least 1.
 * base NULL or "": all.  With max 1 and no base: tip alone. */
int source_log(struct source *source, const char *base, const char *tip, size_t max,
               struct source_log **out, struct err *err);
/* The newest commit at or before `commit` in which `path` became what it is there, as `git log -1`
 * finds it: a log of one.  In a shallow clone the oldest commit that is there answers.
 * ERR_NOT_FOUND: no such file; ERR_CAPACITY: not within SOURCE_HISTORY_MAX commits. */
int source_last_change(struct source *source, const char *commit, const char *path,
                       struct source_log **out, struct err *err);
void source_log_free(struct source_log *log);
DEFINE_AUTO(source_log, source_log_free)

/* Whether the message ends in a trailer "key: value": the key in any case, the value exactly. */
bool source_commit_has_trailer(const struct source_commit *commit, const char *key,
                               const char *value);

/* The root commit (of the first-parent line) of `commit`: the same for all clones of a repository,
 * but cut off where a shallow clone ends. */
int source_root_commit(struct source *source, const char *commit, char out_id[SOURCE_ID_SIZE],
                       struct err *err);

/* ---- Build contexts ------------------------------------------------------------------------ */

struct source_build_arg {
    const char *name;
    const char *value; /* NULL: unset */
};

struct source_context_request {
    const char *context;    /* folder from the root of the repository; NULL, "" or ".": the root */
    const char *dockerfile; /* from the context; NULL: "Dockerfile" */
    const struct source_build_arg *args; /* in any order */
    size_t arg_count;
    const char *platform; /* NULL: the engine's own */
    const char *target;   /* NULL: the last stage */
};

struct source_entry {
    const char *path; /* from the context */
    uint32_t mode;    /* 0100644, 0100755, or 0120000: a link whose blob is its target */
    char blob[SOURCE_ID_SIZE];
    uint64_t size; /* of the blob, in bytes */
};

struct source_context {
    struct arena arena;
    struct source_entry *items; /* sorted by path; folders are not listed */
    size_t count;
    uint64_t size; /* of all blobs */
};

/* The id of the folder `context` (NULL, "" or ".": the root) at a commit.  While it is the same, so
 * is everything below: neither list nor key need be asked for again. */
int source_tree_id(struct source *source, const char *commit, const char *context,
                   char out_id[SOURCE_ID_SIZE], struct err *err);

/* The files of a build context at a commit, without those that DOCKERFILE.dockerignore or else
 * .dockerignore names; the Dockerfile and .dockerignore themselves are always in.
 * ERR_NOT_FOUND: no such folder or no such Dockerfile in it.
 * ERR_INVALID: a submodule inside, too many files, a path outside of the repository. */
int source_context_list(struct source *source, const char *commit,
                        const struct source_context_request *request, struct source_context **out,
                        struct err *err);
void source_context_free(struct source_context *context);
DEFINE_AUTO(source_context, source_context_free)

/* The revision of a built image: SHA-256 over (path, mode, blob id) of every file of the context,
 * the name of the Dockerfile, the args sorted by name, the platform and the target.  Reads trees
 * and .dockerignore only. */
int source_context_key(struct source *source, const char *commit,
                       const struct source_context_request *request, char out_hex[SHA256_HEX_SIZE],
                       struct err *err);

/* The content of one blob.  Zeroed is empty. */
struct source_blob {
    const char *bytes; /* NULL when empty */
    size_t size;
    void *object; /* keeps bytes alive */
};

/* ERR_INVALID when it is larger than `limit` bytes, found out without reading it. */
int source_blob_read(struct source *source, const char *blob_hex, size_t limit,
                     struct source_blob *out, struct err *err);
void source_blob_release(struct source_blob *blob);
DEFINE_AUTO_VALUE(source_blob, source_blob_release)

/* The blob of one plain file at a commit.  ERR_NOT_FOUND: nothing is there.  ERR_INVALID: a folder,
 * a symbolic link or a submodule, or a path outside of the repository. */
int source_file_blob(struct source *source, const char *commit, const char *path,
                     char out_blob[SOURCE_ID_SIZE], struct err *err);

/* ---- Fetching ------------------------------------------------------------------------------ */

/* libgit2 knows no timeouts.  So a fetch is this program run once more with SOURCE_FETCH_VERB as
 * its only argument, and killed when its time is over.  main() must hand that verb to
 * source_fetch_main() before anything else and return what it returns; and it must ignore SIGPIPE.
 * The child dies with the thread that started it: a worker has to live as long as the process. */
#define SOURCE_FETCH_VERB "fetch-child"
int source_fetch_main(void);

/* Of the library below, as it was built with: "1.5.1". */
const char *source_library_version(void);

#endif
