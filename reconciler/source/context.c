/*
 * Build contexts: the files of a folder at a commit as an image build sees them, and the key that
 * tells whether it would see anything new.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/source/git.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/dockerignore.h"

#define PATH_BYTES_MAX   4096
#define IGNORE_BYTES_MAX ((size_t)1024 * 1024)
/* Part of every key: another one when keys are made in another way. */
#define KEY_FORMAT       "berth-build-1"

/* A request with its paths made clean, and where to put what is found. */
struct context_call {
    const char *commit;
    char *folder;     /* "": the root */
    char *dockerfile; /* from the folder */
    bool sizes;       /* ask for them: not needed for a key */
    struct source_context **out;
};

/* A context that is being listed. */
struct listing {
    struct source *source;
    const struct context_call *call;
    struct source_context *context;
    size_t capacity;                   /* of context->items, which are on the heap until the end */
    const struct dockerignore *ignore; /* NULL: nothing is ignored */
    struct arena scratch;              /* holds ignore */
    struct buf path;                   /* from the context, of the folder that is being listed */
    uint32_t depth;
};

static void listing_release(struct listing *listing)
{
    arena_release(&listing->scratch);
    buf_release(&listing->path);
    if (listing->context != NULL) {
        free(listing->context->items);
        listing->context->items = NULL;
        source_context_free(listing->context);
    }
}
DEFINE_AUTO_VALUE(listing, listing_release)

/* ---- .dockerignore ------------------------------------------------------------------------- */

/* *out_found: there is such a file, and *out are its rules. */
static int read_ignore(struct listing *listing, git_tree *folder, const char *name, bool *out_found,
                       struct err *err)
{
    AUTO(git_tree_entry) *entry = NULL;
    AUTO(source_blob) blob = { 0 };
    char id[SOURCE_ID_SIZE];

    *out_found = false;
    if (git_find_entry(folder, name, &entry, err) < 0)
        return -1;
    if (entry == NULL)
        return 0;
    if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
        git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
        return err_set(err, ERR_INVALID, "'%s' in '%s' is not a plain file", name,
                       listing->call->folder);
    git_print_id(git_tree_entry_id(entry), id);
    if (git_read_blob(listing->source, id, IGNORE_BYTES_MAX, &blob, err) < 0)
        return err_wrap(err, "'%s'", name);
    listing->ignore =
        dockerignore_parse(blob.size > 0 ? blob.bytes : "", blob.size, &listing->scratch);
    *out_found = true;
    return 0;
}

static int find_ignore(struct listing *listing, git_tree *folder, struct err *err)
{
    AUTO(buf) name;
    bool found = false;

    buf_init(&name, PATH_BYTES_MAX + 16);
    buf_printf(&name, "%s.dockerignore", listing->call->dockerfile);
    if (read_ignore(listing, folder, buf_text(&name), &found, err) < 0)
        return -1;
    return found ? 0 : read_ignore(listing, folder, ".dockerignore", &found, err);
}

/* Docker's client sends these two whatever is ignored: the builder needs them itself. */
static bool is_left_out(const struct listing *listing, const char *path)
{
    return listing->ignore != NULL && !text_equal(path, listing->call->dockerfile) &&
           !text_equal(path, ".dockerignore") && dockerignore_excludes(listing->ignore, path);
}

/* ---- Listing ------------------------------------------------------------------------------- */

static int add_entry(struct listing *listing, const git_tree_entry *entry, struct err *err)
{
    struct source_context *context = listing->context;
    const char *path = buf_text(&listing->path);
    struct source_entry *item;
    git_object_t type;
    size_t size = 0;
    int code = 0;

    if (context->count >= SOURCE_CONTEXT_FILES)
        return err_set(err, ERR_INVALID, "the build context '%s' has more than %d files",
                       listing->call->folder, SOURCE_CONTEXT_FILES);
    if (listing->call->sizes)
        code = git_odb_read_header(&size, &type, listing->source->odb, git_tree_entry_id(entry));
    if (code < 0)
        return git_fail(err, code, "'%s'", path);
    context->size += size;
    if (context->size > LIMIT_BUILD_CONTEXT)
        return err_set(err, ERR_INVALID, "the build context '%s' has more than %ld bytes",
                       listing->call->folder, LIMIT_BUILD_CONTEXT);
    if (context->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        context->items = mem_resize(context->items, listing->capacity * sizeof(*context->items));
    }
    item = &context->items[context->count++];
    *item = (struct source_entry){ .path = arena_text(&context->arena, path),
                                   .mode = (uint32_t)git_tree_entry_filemode(entry),
                                   .size = size };
    git_print_id(git_tree_entry_id(entry), item->blob);
    return 0;
}

static int list_folder(struct listing *listing, const git_tree *folder, struct err *err);

static int list_entry(struct listing *listing, const git_tree_entry *entry, struct err *err)
{
    AUTO(git_tree) *below = NULL;
    const char *path = buf_text(&listing->path);
    int result;
    int code;

    if (listing->path.truncated)
        return err_set(err, ERR_INVALID, "a path below '%.200s' is too long", path);
    if (git_tree_entry_type(entry) != GIT_OBJECT_TREE) {
        if (is_left_out(listing, path))
            return 0;
        if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT)
            return err_set(err, ERR_INVALID,
                           "'%s' in the build context '%s' is a submodule: its "
                           "files can't be read; name it in .dockerignore or commit the files",
                           path, listing->call->folder);
        return add_entry(listing, entry, err);
    }
    if (listing->depth >= SOURCE_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "'%.200s' is more than %d folders deep", path,
                       SOURCE_DEPTH_MAX);
    code = git_tree_lookup(&below, listing->source->repository, git_tree_entry_id(entry));
    if (code < 0)
        return git_fail(err, code, "folder '%s'", path);
    listing->depth++;
    result = list_folder(listing, below, err);
    listing->depth--;
    return result;
}

/* The order of git's trees is that of whole paths.  Depth is limited by SOURCE_DEPTH_MAX. */
static int list_folder(struct listing *listing, const git_tree *folder, struct err *err)
{
    size_t count = git_tree_entrycount(folder);

    for (size_t i = 0; i < count; i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(folder, i);
        size_t size = listing->path.size;
        int result;

        if (size > 0)
            buf_char(&listing->path, '/');
        buf_text_add(&listing->path, git_tree_entry_name(entry));
        result = list_entry(listing, entry, err);
        listing->path.size = size;
        listing->path.data[size] = '\0';
        if (result < 0)
            return -1;
    }
    return 0;
}

static int open_context(struct source *source, const char *commit, const char *path, git_tree **out,
                        struct err *err)
{
    AUTO(git_tree) *root = NULL;
    git_tree *folder = NULL;

    if (git_find_root(source, commit, &root, err) < 0 ||
        git_find_folder(source, root, path, &folder, err) < 0)
        return -1;
    if (folder == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no folder '%s' at commit %.12s", path, commit);
    *out = folder;
    return 0;
}

/* A git_step_fn; call is a struct context_call. */
static int list_context(struct source *source, void *argument, struct err *err)
{
    const struct context_call *call = argument;
    AUTO(listing) listing = { .source = source, .call = call };
    AUTO(git_tree) *folder = NULL;
    AUTO(git_tree_entry) *dockerfile = NULL;
    struct source_context *context;

    if (open_context(source, call->commit, call->folder, &folder, err) < 0 ||
        git_find_entry(folder, call->dockerfile, &dockerfile, err) < 0)
        return -1;
    if (dockerfile == NULL || git_tree_entry_type(dockerfile) != GIT_OBJECT_BLOB)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no '%s' in the build context '%s' at commit "
                       "%.12s",
                       call->dockerfile, call->folder, call->commit);
    listing.context = mem_alloc(sizeof(*listing.context));
    buf_init(&listing.path, PATH_BYTES_MAX);
    if (find_ignore(&listing, folder, err) < 0 || list_folder(&listing, folder, err) < 0)
        return -1;
    context = TAKE(listing.context);
    ASSERT(context->count > 0); /* the Dockerfile, at least */
    struct source_entry *items = context->items;
    context->items = arena_copy(&context->arena, items, context->count * sizeof(*items));
    free(items);
    *call->out = context;
    return 0;
}

static int list(struct source *source, const char *commit,
                const struct source_context_request *request, bool sizes,
                struct source_context **out, struct err *err)
{
    AUTO_TEXT char *folder = NULL;
    AUTO_TEXT char *dockerfile = NULL;
    struct context_call call = { .commit = commit, .sizes = sizes, .out = out };

    if (git_clean_path(request->context, "the build context", &folder, err) < 0 ||
        git_clean_path(request->dockerfile, "the Dockerfile", &dockerfile, err) < 0)
        return -1;
    if (dockerfile[0] == '\0') {
        free(dockerfile);
        dockerfile = mem_text("Dockerfile");
    }
    call.folder = folder;
    call.dockerfile = dockerfile;
    return git_attempt(source, list_context, &call, err);
}

int source_context_list(struct source *source, const char *commit,
                        const struct source_context_request *request, struct source_context **out,
                        struct err *err)
{
    return list(source, commit, request, /* sizes */ true, out, err);
}

void source_context_free(struct source_context *context)
{
    if (context == NULL)
        return;
    arena_release(&context->arena);
    free(context);
}

/* ---- The key ------------------------------------------------------------------------------- */

static int compare_args(const void *a, const void *b)
{
    const struct source_build_arg *left = a;
    const struct source_build_arg *right = b;

    return strcmp(left->name, right->name);
}

static void add_args(struct sha256 *hash, const struct source_context_request *request)
{
    size_t size = request->arg_count * sizeof(*request->args);
    struct source_build_arg *sorted = mem_alloc(size > 0 ? size : 1);

    if (size > 0) {
        memcpy(sorted, request->args, size);
        qsort(sorted, request->arg_count, sizeof(*sorted), compare_args);
    }
    for (size_t i = 0; i < request->arg_count; i++) {
        sha256_add_text(hash, sorted[i].name);
        sha256_add_text(hash, sorted[i].value);
    }
    sha256_add_text(hash, NULL); /* the end of the args */
    free(sorted);
}

int source_context_key(struct source *source, const char *commit,
                       const struct source_context_request *request, char out_hex[SHA256_HEX_SIZE],
                       struct err *err)
{
    AUTO(source_context) *context = NULL;
    AUTO_TEXT char *dockerfile = NULL;
    struct sha256 *hash;

    if (git_clean_path(request->dockerfile, "the Dockerfile", &dockerfile, err) < 0 ||
        list(source, commit, request, /* sizes */ false, &context, err) < 0)
        return -1;
    hash = sha256_new();
    sha256_add_text(hash, KEY_FORMAT);
    for (size_t i = 0; i < context->count; i++) {
        char mode[16];

        (void)snprintf(mode, sizeof(mode), "%o", context->items[i].mode);
        sha256_add_text(hash, context->items[i].path);
        sha256_add_text(hash, mode);
        sha256_add_text(hash, context->items[i].blob);
    }
    sha256_add_text(hash, NULL); /* the end of the files */
    sha256_add_text(hash, dockerfile[0] != '\0' ? dockerfile : "Dockerfile");
    add_args(hash, request);
    sha256_add_text(hash, request->platform);
    sha256_add_text(hash, request->target);
    sha256_finish(hash, out_hex);
    return 0;
}

/* ---- The folder's id ------------------------------------------------------------------------- */

struct tree_call {
    const char *commit;
    const char *path;
    char *out;
};

/* A git_step_fn. */
static int find_tree(struct source *source, void *argument, struct err *err)
{
    const struct tree_call *call = argument;
    AUTO(git_tree) *folder = NULL;

    if (open_context(source, call->commit, call->path, &folder, err) < 0)
        return -1;
    git_print_id(git_tree_id(folder), call->out);
    return 0;
}

int source_tree_id(struct source *source, const char *commit, const char *context,
                   char out_id[SOURCE_ID_SIZE], struct err *err)
{
    AUTO_TEXT char *path = NULL;
    struct tree_call call = { .commit = commit, .out = out_id };

    if (git_clean_path(context, "the build context", &path, err) < 0)
        return -1;
    call.path = path;
    return git_attempt(source, find_tree, &call, err);
}
