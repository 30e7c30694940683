/*
 * Single blobs.
 */
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/git.h"

int git_read_blob(struct source *source, const char *hex, size_t limit, struct source_blob *out,
                  struct err *err)
{
    AUTO(git_odb_object) *object = NULL;
    git_object_t type;
    git_oid id;
    size_t size;
    int code;

    if (git_parse_id(hex, &id, err) < 0)
        return -1;
    code = git_odb_read_header(&size, &type, source->odb, &id);
    if (code < 0)
        return git_fail(err, code, "blob %.12s", hex);
    if (type != GIT_OBJECT_BLOB)
        return err_set(err, ERR_INVALID, "%.12s is not a blob", hex);
    if (size > limit)
        return err_set(err, ERR_INVALID, "blob %.12s has %zu bytes: at most %zu are allowed", hex,
                       size, limit);
    code = git_odb_read(&object, source->odb, &id);
    if (code < 0)
        return git_fail(err, code, "blob %.12s", hex);
    *out = (struct source_blob){ .bytes = git_odb_object_data(object),
                                 .size = size,
                                 .object = TAKE(object) };
    return 0;
}

struct blob_call {
    const char *hex;
    size_t limit;
    struct source_blob *out;
};

/* A git_step_fn. */
static int read_blob(struct source *source, void *argument, struct err *err)
{
    const struct blob_call *call = argument;

    return git_read_blob(source, call->hex, call->limit, call->out, err);
}

int source_blob_read(struct source *source, const char *blob_hex, size_t limit,
                     struct source_blob *out, struct err *err)
{
    struct blob_call call = { .hex = blob_hex, .limit = limit, .out = out };

    return git_attempt(source, read_blob, &call, err);
}

void source_blob_release(struct source_blob *blob)
{
    git_odb_object_free(blob->object);
    *blob = (struct source_blob){ 0 };
}

struct file_call {
    const char *commit;
    const char *path;
    char *out;
};

/* A git_step_fn. */
static int find_file(struct source *source, void *argument, struct err *err)
{
    const struct file_call *call = argument;
    AUTO(git_tree) *root = NULL;
    AUTO(git_tree_entry) *entry = NULL;

    if (git_find_root(source, call->commit, &root, err) < 0 ||
        (call->path[0] != '\0' && git_find_entry(root, call->path, &entry, err) < 0))
        return -1;
    if (call->path[0] != '\0' && entry == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no file '%s' at commit %.12s", call->path,
                       call->commit);
    if (entry == NULL || git_tree_entry_type(entry) == GIT_OBJECT_TREE)
        return err_set(err, ERR_INVALID, "'%s' is a folder", call->path);
    if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT)
        return err_set(err, ERR_INVALID, "'%s' is a submodule", call->path);
    if (git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
        return err_set(err, ERR_INVALID, "'%s' is a symbolic link", call->path);
    git_print_id(git_tree_entry_id(entry), call->out);
    return 0;
}

int source_file_blob(struct source *source, const char *commit, const char *path,
                     char out_blob[SOURCE_ID_SIZE], struct err *err)
{
    AUTO_TEXT char *clean = NULL;
    struct file_call call = { .commit = commit, .out = out_blob };

    if (git_clean_path(path, "the path", &clean, err) < 0)
        return -1;
    call.path = clean;
    return git_attempt(source, find_file, &call, err);
}
