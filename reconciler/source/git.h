/*
 * What the files of this folder share: the only place that includes libgit2.
 */
#ifndef RECONCILER_SOURCE_GIT_H
#define RECONCILER_SOURCE_GIT_H

#include <sys/types.h>

#include <git2.h>
#include <git2/sys/transport.h>

#include "reconciler/source/source.h"
#include "reconciler/source/url.h"

DEFINE_AUTO(git_blob, git_blob_free)
DEFINE_AUTO(git_commit, git_commit_free)
DEFINE_AUTO(git_object, git_object_free)
DEFINE_AUTO(git_odb, git_odb_free)
DEFINE_AUTO(git_odb_object, git_odb_object_free)
DEFINE_AUTO(git_packbuilder, git_packbuilder_free)
DEFINE_AUTO(git_reference, git_reference_free)
DEFINE_AUTO(git_remote, git_remote_free)
DEFINE_AUTO(git_repository, git_repository_free)
DEFINE_AUTO(git_revwalk, git_revwalk_free)
DEFINE_AUTO(git_tree, git_tree_free)
DEFINE_AUTO(git_tree_entry, git_tree_entry_free)

/* Which file or folder a path named when it was opened: noticed when it is another one now. */
struct identity {
    dev_t device;
    ino_t inode;
};

/* A symbolic link among the manifests, and what it gave. */
struct link {
    char *path;
    char *outcome;             /* the blob id of the file it leads to, or why it was refused */
    char blob[SOURCE_ID_SIZE]; /* of the link itself: its target as text */
};

/* All links among the manifests of one commit, sorted by path.  Zeroed is empty. */
struct link_list {
    struct link *items;
    size_t count;
    size_t capacity;
};

struct commit_links {
    char commit[SOURCE_ID_SIZE]; /* "": of none */
    struct link_list list;
};

struct source {
    struct url url;
    char *branch;    /* NULL: HEAD */
    char *path;      /* "": the whole tree */
    char *directory; /* the repository, or the clone of a URL */
    int64_t timeout_ms;
    git_repository *repository; /* NULL: closed, git_open() opens it */
    git_odb *odb;
    struct identity top;          /* of directory, when it was opened */
    struct identity git;          /* of its git directory, when it was opened */
    struct commit_links links[2]; /* of the last base and the last commit that were asked for */
    bool damaged;                 /* the clone of a URL lacks something: clone anew */
};

/* Sets *err from what libgit2 just said.  Objects that are missing or unreadable are ERR_CONFLICT:
 * git_attempt() opens the repository again and tries once more. */
int git_fail(struct err *err, int git_code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Opens the repository when it is closed.  ERR_NOT_FOUND, ERR_INVALID. */
int git_open(struct source *source, struct err *err);
void git_close(struct source *source);

/* Something that reads the repository, with its arguments in `call`.  It may run several times, and
 * has no effect when it fails. */
typedef int git_step_fn(struct source *source, void *call, struct err *err);

/* Runs the step with the repository open, again on ERR_CONFLICT (and once on ERR_NOT_FOUND): a
 * `git gc` that ran meanwhile moved all objects into a pack that was not there before.  What still
 * is ERR_CONFLICT then becomes ERR_FAILED. */
int git_attempt(struct source *source, git_step_fn *step, void *call, struct err *err);

int git_parse_id(const char *hex, git_oid *out, struct err *err);
void git_print_id(const git_oid *id, char out[SOURCE_ID_SIZE]);
/* ERR_NOT_FOUND when this repository has no such commit. */
int git_find_commit(struct source *source, const char *hex, git_commit **out, struct err *err);
/* The root tree of a commit. */
int git_find_root(struct source *source, const char *hex, git_tree **out, struct err *err);
/* The folder `path` of a tree ("": the tree itself).  *out NULL: nothing is there.  ERR_INVALID: it
 * is no folder. */
int git_find_folder(struct source *source, git_tree *root, const char *path, git_tree **out,
                    struct err *err);
/* The entry at `path`, which is not "".  *out NULL: nothing is there. */
int git_find_entry(git_tree *root, const char *path, git_tree_entry **out, struct err *err);

/* source_blob_read() for a step, with the repository open. */
int git_read_blob(struct source *source, const char *hex, size_t limit, struct source_blob *out,
                  struct err *err);

/* Heap text without "./", doubled and outer slashes; "" for NULL, "." and "/".  ERR_INVALID: has a
 * "..". `what` is its name in the error. */
int git_clean_path(const char *path, const char *what, char **out, struct err *err);
/* Text in an arena, what is not UTF-8 in it replaced by '?'. */
char *git_clean_text(struct arena *arena, const char *text, size_t size);

/* links.c */
void link_list_release(struct link_list *list);
/* Adds or replaces. */
void link_list_put(struct link_list *list, const char *path, const git_oid *blob);
void link_list_remove(struct link_list *list, const char *path);
const struct link *link_list_find(const struct link_list *list, const char *path);
void link_list_copy(const struct link_list *from, struct link_list *to);
/* Finds out where each of them leads in the tree `root`. */
int link_list_resolve(struct source *source, git_tree *root, struct link_list *list,
                      struct err *err);
/* Whether outcome is a blob id. */
bool link_is_file(const struct link *link);

#endif
