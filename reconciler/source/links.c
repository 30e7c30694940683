/*
 * Symbolic links among the manifests.  A link has the content of the file that it leads to, so it
 * can change without its own entry changing: all links of a commit are kept, and resolved again for
 * the next one.  They are few; a repository without any pays nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/git.h"
#include "spec/base/buf.h"
#include "spec/base/text.h"

#define LINK_TARGET_MAX 4096

static void link_release(struct link *link)
{
    free(link->path);
    free(link->outcome);
    *link = (struct link){ 0 };
}

void link_list_release(struct link_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        link_release(&list->items[i]);
    free(list->items);
    *list = (struct link_list){ 0 };
}

/* Where the path is, or belongs. */
static size_t position_of(const struct link_list *list, const char *path)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(list->items[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct link *link_list_find(const struct link_list *list, const char *path)
{
    size_t at = position_of(list, path);

    return at < list->count && text_equal(list->items[at].path, path) ? &list->items[at] : NULL;
}

static struct link *insert_at(struct link_list *list, size_t at, const char *path)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->items = mem_resize(list->items, list->capacity * sizeof(*list->items));
    }
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(*list->items));
    list->count++;
    list->items[at] = (struct link){ .path = mem_text(path) };
    return &list->items[at];
}

void link_list_put(struct link_list *list, const char *path, const git_oid *blob)
{
    size_t at = position_of(list, path);
    struct link *link =
        link_list_find(list, path) != NULL ? &list->items[at] : insert_at(list, at, path);

    free(link->outcome);
    link->outcome = NULL;
    git_print_id(blob, link->blob);
}

void link_list_remove(struct link_list *list, const char *path)
{
    size_t at = position_of(list, path);

    if (link_list_find(list, path) == NULL)
        return;
    link_release(&list->items[at]);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof(*list->items));
}

void link_list_copy(const struct link_list *from, struct link_list *to)
{
    ASSERT(to->count == 0);
    for (size_t i = 0; i < from->count; i++) {
        struct link *link = insert_at(to, i, from->items[i].path);

        memcpy(link->blob, from->items[i].blob, sizeof(link->blob));
        if (from->items[i].outcome != NULL)
            link->outcome = mem_text(from->items[i].outcome);
    }
}

bool link_is_file(const struct link *link)
{
    return strlen(link->outcome) == SOURCE_ID_SIZE - 1 &&
           strspn(link->outcome, "0123456789abcdef") == SOURCE_ID_SIZE - 1;
}

/* False above the root. */
static bool leave_folder(struct buf *path)
{
    if (path->size == 0)
        return false;
    const char *last = memrchr(path->data, '/', path->size);

    path->size = last != NULL ? (size_t)(last - path->data) : 0;
    path->data[path->size] = '\0';
    return true;
}

/* What the link at `path` names, from the root of the repository; NULL when that is outside. */
static char *target_path(const char *path, const char *target)
{
    AUTO(buf) joined;
    const char *slash = strrchr(path, '/');
    const char *at = target;

    buf_init(&joined, LINK_TARGET_MAX * 2);
    if (target[0] == '/')
        return NULL;
    if (slash != NULL)
        buf_add(&joined, path, (size_t)(slash - path));
    while (*at != '\0') {
        size_t size = strcspn(at, "/");

        if (size == 2 && at[0] == '.' && at[1] == '.') {
            if (!leave_folder(&joined))
                return NULL;
        } else if (size > 0 && !(size == 1 && at[0] == '.')) {
            if (joined.size > 0)
                buf_char(&joined, '/');
            buf_add(&joined, at, size);
        }
        at += size;
        at += strspn(at, "/");
    }
    return joined.truncated ? NULL : mem_text(buf_text(&joined));
}

static char *outcome_of(const char *target, const git_tree_entry *entry)
{
    AUTO(buf) text;

    buf_init(&text, 256);
    if (entry == NULL) {
        buf_printf(&text, "it is a symbolic link to '%.120s', which is not in the commit", target);
        return buf_take(&text);
    }
    switch (git_tree_entry_filemode(entry)) {
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE: {
        char id[SOURCE_ID_SIZE];

        git_print_id(git_tree_entry_id(entry), id);
        return mem_text(id);
    }
    case GIT_FILEMODE_LINK:
        buf_printf(&text,
                   "it is a symbolic link to '%.120s', which is one too: only one is followed",
                   target);
        break;
    case GIT_FILEMODE_TREE:
    case GIT_FILEMODE_COMMIT:
    case GIT_FILEMODE_UNREADABLE:
        buf_printf(&text, "it is a symbolic link to '%.120s', which is not a file", target);
        break;
    }
    return buf_take(&text);
}

static int resolve(struct source *source, git_tree *root, struct link *link, struct err *err)
{
    AUTO(source_blob) target = { 0 };
    AUTO(git_tree_entry) *entry = NULL;
    AUTO_TEXT char *text = NULL;
    AUTO_TEXT char *path = NULL;
    struct err failure = { 0 };

    free(link->outcome);
    link->outcome = NULL;
    if (git_read_blob(source, link->blob, LINK_TARGET_MAX, &target, &failure) < 0) {
        if (failure.code != ERR_INVALID) {
            if (err != NULL)
                *err = failure;
            return -1;
        }
        link->outcome = mem_text("it is a symbolic link with an endless target");
        return 0;
    }
    text = mem_alloc(target.size + 1);
    if (target.size > 0)
        memcpy(text, target.bytes, target.size);
    path = text[0] != '\0' ? target_path(link->path, text) : NULL;
    if (path == NULL) {
        link->outcome = mem_text("it is a symbolic link that leaves the repository");
        return 0;
    }
    if (path[0] != '\0' && git_find_entry(root, path, &entry, err) < 0)
        return -1;
    link->outcome = outcome_of(text, entry);
    return 0;
}

int link_list_resolve(struct source *source, git_tree *root, struct link_list *list,
                      struct err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (resolve(source, root, &list->items[i], err) < 0)
            return -1;
    return 0;
}
