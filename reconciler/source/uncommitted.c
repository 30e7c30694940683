/*
 * What a person has changed and not committed.  Nothing is ever taken from a work tree; this is
 * only to say so.
 */
#include <string.h>

#include "reconciler/source/git.h"
#include "spec/base/text.h"
#include "spec/manifest.h"

DEFINE_AUTO(git_status_list, git_status_list_free)

struct uncommitted {
    const char *ref; /* what is followed */
    struct arena *arena;
    struct source_paths *out;
};

/* Another branch may be checked out: what is changed there has nothing to do with this one. */
static bool is_checked_out(struct source *source, const char *ref)
{
    AUTO(git_reference) *head = NULL;

    return git_repository_is_bare(source->repository) == 0 &&
           git_repository_head(&head, source->repository) == 0 &&
           text_equal(git_reference_name(head), ref);
}

/* The pathspec lets nothing through that is not below the folder. */
static bool is_manifest(const char *path, const char *folder)
{
    return manifest_path_is(path) &&
           !manifest_path_is_hidden(path + strlen(folder) + (folder[0] != '\0' ? 1 : 0));
}

static const char *path_of(const git_status_entry *entry)
{
    const git_diff_delta *delta =
        entry->index_to_workdir != NULL ? entry->index_to_workdir : entry->head_to_index;

    return delta->new_file.path;
}

/* A git_step_fn; call is a struct uncommitted. */
static int look(struct source *source, void *call, struct err *err)
{
    const struct uncommitted *looking = call;
    git_status_options options;
    AUTO(git_status_list) *list = NULL;
    struct source_paths found = { 0 };
    char *folder = source->path;
    int code;

    if (!is_checked_out(source, looking->ref))
        return 0;
    (void)git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
    options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                    GIT_STATUS_OPT_EXCLUDE_SUBMODULES | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
    if (folder[0] != '\0')
        options.pathspec = (git_strarray){ .strings = &folder, .count = 1 };
    code = git_status_list_new(&list, source->repository, &options);
    if (code < 0)
        return git_fail(err, code, "the work tree");
    size_t count = git_status_list_entrycount(list);
    found.items = arena_array(looking->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const char *path = path_of(git_status_byindex(list, i));

        if (is_manifest(path, folder))
            found.items[found.count++] = git_clean_text(looking->arena, path, strlen(path));
    }
    *looking->out = found;
    return 0;
}

int source_uncommitted(struct source *source, struct arena *arena, struct source_paths *out,
                       struct err *err)
{
    struct source_tip tip;
    struct uncommitted looking = { .ref = tip.ref, .arena = arena, .out = out };

    *out = (struct source_paths){ 0 };
    if (!source_is_local(source))
        return 0;
    if (source_refresh(source, &tip, err) < 0)
        return -1;
    return tip.state == SOURCE_FOUND ? git_attempt(source, look, &looking, err) : 0;
}
