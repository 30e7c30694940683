/*
 * Which manifests differ between two commits: both trees are walked together, and folders with the
 * same id are never opened, so that the work follows the change.  (libgit2's own tree diff builds a
 * list of everything first.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/git.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/manifest.h"

#define PATH_BYTES_MAX 4096

/* One comparison under way. */
struct walk {
    struct source *source;
    struct source_changes *changes; /* what was found so far */
    size_t capacity;                /* of changes->items, which are on the heap until the end */
    uint64_t bytes;                 /* of all contents */
    struct buf path;                /* of the folder that is being compared */
    struct link_list links;         /* of the newer commit */
    struct link_list links_before;  /* of the older one */
    bool links_only;                /* a walk that only finds links */
    uint32_t depth;
};

static void walk_release(struct walk *walk)
{
    buf_release(&walk->path);
    link_list_release(&walk->links);
    link_list_release(&walk->links_before);
    if (walk->changes != NULL) {
        free(walk->changes->items);
        walk->changes->items = NULL;
        source_changes_free(walk->changes);
    }
}
DEFINE_AUTO_VALUE(walk, walk_release)

/* ---- Items --------------------------------------------------------------------------------- */

static int add_item(struct walk *walk, const char *path, struct file_change **out, struct err *err)
{
    struct source_changes *changes = walk->changes;

    if (changes->count >= LIMIT_MANIFEST_FILES)
        return err_set(err, ERR_INVALID, "there are more than %d manifests under '%s'",
                       LIMIT_MANIFEST_FILES, walk->source->path);
    if (changes->count == walk->capacity) {
        walk->capacity = walk->capacity == 0 ? 64 : walk->capacity * 2;
        changes->items = mem_resize(changes->items, walk->capacity * sizeof(*changes->items));
    }
    *out = &changes->items[changes->count++];
    **out = (struct file_change){ .path = arena_text(&changes->arena, path) };
    return 0;
}

static int add_removed(struct walk *walk, const char *path, struct err *err)
{
    struct file_change *item;

    return add_item(walk, path, &item, err);
}

static int add_refused(struct walk *walk, const char *path, const char *reason, struct err *err)
{
    struct err *refused = arena_new(&walk->changes->arena, struct err);
    struct file_change *item = NULL;

    if (add_item(walk, path, &item, err) < 0)
        return -1;
    ASSERT(item != NULL);
    (void)err_set_at(refused, ERR_INVALID, (struct pos){ .file = item->path }, "%s", reason);
    item->refused = refused;
    return 0;
}

/* The size is asked for first: what is too large is never read. */
static int add_content(struct walk *walk, const char *path, const git_oid *id, struct err *err)
{
    struct arena *arena = &walk->changes->arena;
    AUTO(git_odb_object) *object = NULL;
    struct file_change *item = NULL;
    git_object_t type;
    size_t size;
    int code = git_odb_read_header(&size, &type, walk->source->odb, id);

    if (code < 0)
        return git_fail(err, code, "'%s'", path);
    if (size > LIMIT_MANIFEST_BYTES) {
        char reason[128];

        (void)snprintf(reason, sizeof(reason), "it has %zu bytes: a manifest has at most %d", size,
                       LIMIT_MANIFEST_BYTES);
        return add_refused(walk, path, reason, err);
    }
    walk->bytes += size;
    if (walk->bytes > SOURCE_TOTAL_BYTES_MAX)
        return err_set(err, ERR_INVALID, "the manifests under '%s' have more than %d bytes",
                       walk->source->path, SOURCE_TOTAL_BYTES_MAX);
    code = git_odb_read(&object, walk->source->odb, id);
    if (code < 0)
        return git_fail(err, code, "'%s'", path);
    if (add_item(walk, path, &item, err) < 0)
        return -1;
    ASSERT(item != NULL);
    item->bytes = arena_text_n(arena, git_odb_object_data(object), size);
    item->size = size;
    (void)git_oid_tostr(item->blob, sizeof(item->blob), id);
    return 0;
}

/* ---- The walk ------------------------------------------------------------------------------ */

static bool is_folder(const git_tree_entry *entry)
{
    return git_tree_entry_type(entry) == GIT_OBJECT_TREE;
}

static bool is_link(const git_tree_entry *entry)
{
    return git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK;
}

/* A submodule could hide manifests, whatever its name. */
static bool is_submodule(const git_tree_entry *entry)
{
    return git_tree_entry_type(entry) == GIT_OBJECT_COMMIT;
}

static bool is_wanted(const git_tree_entry *entry)
{
    return entry != NULL && !is_folder(entry) &&
           (is_submodule(entry) || manifest_path_is(git_tree_entry_name(entry)));
}

/* The order of a git tree: a folder sorts as if its name ended in '/'.  NULL, the end, is last. */
static int compare_entries(const git_tree_entry *a, const git_tree_entry *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? 1 : -1;

    const char *name_a = git_tree_entry_name(a);
    const char *name_b = git_tree_entry_name(b);
    size_t size_a = strlen(name_a);
    size_t size_b = strlen(name_b);
    int order = memcmp(name_a, name_b, size_a < size_b ? size_a : size_b);
    unsigned char end_a;
    unsigned char end_b;

    if (order != 0)
        return order;
    if (size_a == size_b && is_folder(a) == is_folder(b))
        return 0;
    end_a = (unsigned char)(size_a > size_b ? name_a[size_b] : is_folder(a) ? '/' : '\0');
    end_b = (unsigned char)(size_b > size_a ? name_b[size_a] : is_folder(b) ? '/' : '\0');
    return (int)end_a - (int)end_b;
}

/* One file that is on one side only or differs; either may be NULL. */
static int walk_file(struct walk *walk, const git_tree_entry *before, const git_tree_entry *after,
                     struct err *err)
{
    const char *path = buf_text(&walk->path);

    if (before != NULL && is_wanted(before) && is_link(before))
        link_list_remove(&walk->links, path);
    if (is_wanted(after) && is_link(after)) {
        if (walk->links.count >= LIMIT_MANIFEST_FILES)
            return err_set(err, ERR_INVALID, "there are more than %d symbolic links",
                           LIMIT_MANIFEST_FILES);
        link_list_put(&walk->links, path, git_tree_entry_id(after));
        return 0; /* reported once it is known where it leads */
    }
    if (walk->links_only)
        return 0;
    if (is_wanted(after) && is_submodule(after))
        return add_refused(
            walk, path,
            "it is a submodule: manifests in it can't be read; move it elsewhere, or "
            "point --path at a folder without it",
            err);
    if (is_wanted(after))
        return add_content(walk, path, git_tree_entry_id(after), err);
    if (is_wanted(before))
        return add_removed(walk, path, err);
    return 0;
}

static int walk_folders(struct walk *walk, const git_tree *before, const git_tree *after,
                        struct err *err);

static int open_folder(struct walk *walk, const git_tree_entry *entry, git_tree **out,
                       struct err *err)
{
    int code;

    if (entry == NULL)
        return 0;
    code = git_tree_lookup(out, walk->source->repository, git_tree_entry_id(entry));
    return code < 0 ? git_fail(err, code, "folder '%s'", buf_text(&walk->path)) : 0;
}

static int walk_subfolder(struct walk *walk, const git_tree_entry *before,
                          const git_tree_entry *after, struct err *err)
{
    AUTO(git_tree) *old = NULL;
    AUTO(git_tree) *new = NULL;
    int result;

    if (walk->depth >= SOURCE_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "'%.200s' is more than %d folders deep",
                       buf_text(&walk->path), SOURCE_DEPTH_MAX);
    if (open_folder(walk, before, &old, err) < 0 || open_folder(walk, after, &new, err) < 0)
        return -1;
    walk->depth++;
    result = walk_folders(walk, old, new, err);
    walk->depth--;
    return result;
}

/* One name that is in either folder or in both; the kinds are the same when it is in both. */
static int walk_entry(struct walk *walk, const git_tree_entry *before, const git_tree_entry *after,
                      struct err *err)
{
    const git_tree_entry *any = after != NULL ? after : before;
    size_t size = walk->path.size;
    int result;

    if (manifest_path_is_hidden(git_tree_entry_name(any)))
        return 0;
    if (before != NULL && after != NULL &&
        git_oid_equal(git_tree_entry_id(before), git_tree_entry_id(after)) != 0 &&
        git_tree_entry_type(before) == git_tree_entry_type(after) &&
        is_link(before) == is_link(after))
        return 0;
    if (size > 0)
        buf_char(&walk->path, '/');
    buf_text_add(&walk->path, git_tree_entry_name(any));
    if (walk->path.truncated)
        result = err_set(err, ERR_INVALID, "a path below '%.200s' is longer than %d bytes",
                         buf_text(&walk->path), PATH_BYTES_MAX);
    else if (is_folder(any))
        result = walk_subfolder(walk, before, after, err);
    else
        result = walk_file(walk, before, after, err);
    walk->path.size = size;
    walk->path.data[size] = '\0';
    return result;
}

/* Depth is limited by SOURCE_DEPTH_MAX.  Either may be NULL. */
static int walk_folders(struct walk *walk, const git_tree *before, const git_tree *after,
                        struct err *err)
{
    size_t before_count = before != NULL ? git_tree_entrycount(before) : 0;
    size_t after_count = after != NULL ? git_tree_entrycount(after) : 0;
    size_t i = 0;
    size_t j = 0;

    while (i < before_count || j < after_count) {
        const git_tree_entry *old = i < before_count ? git_tree_entry_byindex(before, i) : NULL;
        const git_tree_entry *new = j < after_count ? git_tree_entry_byindex(after, j) : NULL;
        int order = compare_entries(old, new);

        if (walk_entry(walk, order <= 0 ? old : NULL, order >= 0 ? new : NULL, err) < 0)
            return -1;
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    return 0;
}

/* ---- Links --------------------------------------------------------------------------------- */

/* All links under the path at a commit: those we know of already, or those that a full walk finds
 * (once, when the reader's base is not what it asked for last). */
static int links_of(struct source *source, const char *commit, git_tree *root, git_tree *folder,
                    struct link_list *out, struct err *err)
{
    AUTO(walk) walk = { .source = source, .links_only = true };

    for (size_t i = 0; i < ARRAY_COUNT(source->links); i++) {
        if (text_equal(source->links[i].commit, commit)) {
            link_list_copy(&source->links[i].list, out);
            return 0;
        }
    }
    buf_init(&walk.path, PATH_BYTES_MAX);
    buf_text_add(&walk.path, source->path);
    if (walk_folders(&walk, NULL, folder, err) < 0 ||
        link_list_resolve(source, root, &walk.links, err) < 0)
        return -1;
    *out = walk.links;
    walk.links = (struct link_list){ 0 };
    return 0;
}

/* A commit that was rejected is not the base of the next one, so both sides are kept. */
static void keep_links(struct commit_links *slot, const char *commit, struct link_list *list)
{
    link_list_release(&slot->list);
    slot->list = *list;
    *list = (struct link_list){ 0 };
    (void)snprintf(slot->commit, sizeof(slot->commit), "%s", commit != NULL ? commit : "");
}

static int add_links(struct walk *walk, const struct link_list *before, struct err *err)
{
    for (size_t i = 0; i < walk->links.count; i++) {
        const struct link *link = &walk->links.items[i];
        const struct link *old = link_list_find(before, link->path);
        git_oid id;

        if (old != NULL && text_equal(old->outcome, link->outcome))
            continue;
        if (!link_is_file(link)) {
            if (add_refused(walk, link->path, link->outcome, err) < 0)
                return -1;
        } else if (git_parse_id(link->outcome, &id, err) < 0 ||
                   add_content(walk, link->path, &id, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- The answer ---------------------------------------------------------------------------- */

struct changes_call {
    const char *base;
    const char *commit;
    struct source_changes **out;
};

/* The trees on one side; all NULL when there is none. */
struct side {
    git_tree *root;
    git_tree *folder;
};

static void side_release(struct side *side)
{
    git_tree_free(side->root);
    git_tree_free(side->folder);
}
DEFINE_AUTO_VALUE(side, side_release)

/* A base that is gone, or in which the path was no folder, is like none. */
static int open_base(struct source *source, const char *base, struct side *out, struct err *err)
{
    struct err failure = { 0 };

    if (text_is_empty(base))
        return 0;
    if (git_find_root(source, base, &out->root, &failure) == 0 &&
        git_find_folder(source, out->root, source->path, &out->folder, &failure) == 0)
        return 0;
    if (failure.code == ERR_NOT_FOUND || (failure.code == ERR_INVALID && out->root != NULL))
        return 0;
    if (err != NULL)
        *err = failure;
    return -1;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const struct file_change *)a)->path, ((const struct file_change *)b)->path);
}

/* Moves the items into the arena and hands them out. */
static void finish(struct walk *walk, struct source_changes **out)
{
    struct source_changes *changes = walk->changes;
    struct file_change *items = changes->items;

    if (changes->count > 0) {
        changes->items = arena_copy(&changes->arena, items, changes->count * sizeof(*items));
        qsort(changes->items, changes->count, sizeof(*items), compare_items);
    } else {
        changes->items = NULL;
    }
    free(items);
    walk->changes = NULL;
    *out = changes;
}

/* A git_step_fn; call is a struct changes_call. */
static int find_changes(struct source *source, void *argument, struct err *err)
{
    const struct changes_call *call = argument;
    AUTO(walk) walk = { .source = source };
    AUTO(side) before = { 0 };
    AUTO(side) after = { 0 };

    if (git_find_root(source, call->commit, &after.root, err) < 0 ||
        git_find_folder(source, after.root, source->path, &after.folder, err) < 0 ||
        open_base(source, call->base, &before, err) < 0)
        return -1;
    if (after.folder == NULL && before.folder == NULL)
        return err_set(err, ERR_NOT_FOUND,
                       "no manifests under '%s' at commit %.12s: there is no "
                       "such folder",
                       source->path, call->commit);
    walk.changes = mem_alloc(sizeof(*walk.changes));
    walk.changes->whole = before.folder == NULL;
    walk.changes->path_exists = after.folder != NULL;
    buf_init(&walk.path, PATH_BYTES_MAX);
    buf_text_add(&walk.path, source->path);
    if (before.folder != NULL &&
        links_of(source, call->base, before.root, before.folder, &walk.links_before, err) < 0)
        return -1;
    link_list_copy(&walk.links_before, &walk.links);
    if (walk_folders(&walk, before.folder, after.folder, err) < 0 ||
        link_list_resolve(source, after.root, &walk.links, err) < 0 ||
        add_links(&walk, &walk.links_before, err) < 0)
        return -1;
    keep_links(&source->links[0], walk.changes->whole ? NULL : call->base, &walk.links_before);
    keep_links(&source->links[1], call->commit, &walk.links);
    finish(&walk, call->out);
    return 0;
}

int source_changes(struct source *source, const char *base, const char *commit,
                   struct source_changes **out, struct err *err)
{
    struct changes_call call = { .base = base, .commit = commit, .out = out };
    struct err failure = { 0 };
    bool damaged = source->damaged;

    if (git_attempt(source, find_changes, &call, &failure) < 0) {
        /* Of a base that was pushed away and collected, libgit2's cache may still have a part. */
        call.base = NULL;
        if (failure.code != ERR_FAILED || text_is_empty(base) ||
            git_attempt(source, find_changes, &call, &failure) < 0) {
            if (err != NULL)
                *err = failure;
            return -1;
        }
        source->damaged = damaged;
    }
    /* Reading everything fills libgit2's cache of packed bases, up to 16 MiB for each pack. */
    if ((*out)->whole)
        git_close(source);
    return 0;
}

void source_changes_free(struct source_changes *changes)
{
    if (changes == NULL)
        return;
    arena_release(&changes->arena);
    free(changes);
}
