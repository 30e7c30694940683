/*
 * The two go the same way, side by side.
 */
#include "reconciler/run/commit_files.h"

void commit_files_prepare(struct commit_files *files, const struct generation *generation)
{
    context_keys_prepare(&files->keys, generation);
    environment_prepare(&files->environment, generation);
}

void commit_files_read(struct commit_files *files, struct source *source, const char *commit)
{
    context_keys_compute(&files->keys, source, commit);
    environment_read(&files->environment, source, commit);
}

bool commit_files_judge(struct commit_files *files, struct diag_list *diags, struct err *out_err)
{
    struct err err;

    if (!environment_judge(&files->environment, diags, &err)) {
        *out_err = err;
        return false;
    }
    return context_keys_judge(&files->keys, diags, out_err);
}

void commit_files_give(const struct commit_files *files, struct generation *generation)
{
    context_keys_give(&files->keys, generation);
    environment_give(&files->environment, generation);
}

void commit_files_release(struct commit_files *files)
{
    context_keys_release(&files->keys);
    environment_release(&files->environment);
}
