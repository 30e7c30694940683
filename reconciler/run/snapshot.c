/*
 * It opens the repository for itself, so it may run beside the follower.
 */
#include "reconciler/run/snapshot.h"

#include "reconciler/run/builds.h"
#include "reconciler/run/confirm.h"
#include "reconciler/run/environment.h"
#include "reconciler/run/zones.h"
#include "spec/base/text.h"

/* Replaces the commit by its parent where that is asked for; *out_log is NULL where there is none.
 */
static int read_commit(struct source *source, bool parent, char commit[SOURCE_ID_SIZE],
                       struct source_log **out_log, struct err *err)
{
    AUTO(source_log) *log = NULL;

    if (source_log(source, NULL, commit, 1, &log, err) < 0)
        return -1;
    if (parent) {
        AUTO(source_log) *child = TAKE(log);

        if (child->items[0].parent[0] == '\0')
            return 0;
        if (source_log(source, NULL, child->items[0].parent, 1, &log, err) < 0)
            return -1;
    }
    text_copy(commit, SOURCE_ID_SIZE, log->items[0].id);
    *out_log = TAKE(log);
    return 0;
}

static int set_files(struct source *source, const char *commit, struct generation *generation,
                     struct diag_list *diags, struct err *err)
{
    AUTO(environment) environment = { 0 };

    environment_prepare(&environment, generation);
    environment_read(&environment, source, commit);
    if (!environment_judge(&environment, diags, err) || diags->errors > 0)
        return -1;
    environment_give(&environment, generation);
    return 0;
}

/* As a run judges it that has `since` in force. */
static int read_confirmed(struct source *source, const struct snapshot_request *request,
                          const char *commit, bool *out_confirmed, struct err *err)
{
    AUTO(source_log) *log = NULL;
    const char *since = request->since;
    size_t max = text_is_empty(since) ? 1 : CONFIRM_LOG_MAX;

    if (source_log(source, since, commit, max, &log, err) < 0)
        return -1;
    *out_confirmed = confirm_is_given(log) || text_equal(request->confirmed, commit);
    return 0;
}

static int read_root(struct source *source, const struct snapshot_request *request,
                     const char *commit, char out[SOURCE_ID_SIZE], struct err *err)
{
    if (text_is_empty(request->root))
        return source_root_commit(source, commit, out, err);
    text_copy(out, SOURCE_ID_SIZE, request->root);
    return 0;
}

static int set_keys(struct source *source, const char *commit, struct generation *generation,
                    struct err *err)
{
    for (size_t i = 0; i < generation_count(generation, KIND_IMAGE); i++) {
        const struct resource *image = generation_at(generation, KIND_IMAGE, i);
        AUTO(arena) scratch = { 0 };
        char key[SHA256_HEX_SIZE];

        if (resource_image(image)->build == NULL)
            continue;
        const struct source_context_request request =
            builds_request(resource_image(image)->build, &scratch);
        if (source_context_key(source, commit, &request, key, err) < 0)
            return err_wrap(err, "image '%s'", image->name);
        generation_set_build_key(generation, image->name, key);
    }
    return 0;
}

/* Without the keys of what it builds and the environment files. It may have left the repository, or
 * be none that this version accepts, and then all else is still true. */
static int read_since(struct source *source, const char *since, struct generation **out,
                      struct err *err)
{
    AUTO(source_changes) *changes = NULL;
    AUTO(diag_list) diags = { 0 };

    if (source_changes(source, NULL, since, &changes, err) < 0)
        return -1;
    return generation_derive(NULL, since, changes->items, changes->count, &diags, out, err);
}

/* What there was before the first commit. */
static int load_nothing(struct diag_list *diags, struct snapshot *out, struct err *err)
{
    AUTO(generation) *nothing = NULL;

    if (generation_derive(NULL, "", NULL, 0, diags, &nothing, err) < 0)
        return -1;
    out->desired = desired_make(nothing, NULL, NULL, NULL, NULL, diags);
    return 0;
}

int snapshot_load(const struct snapshot_request *request, struct diag_list *diags,
                  struct snapshot *out, struct err *err)
{
    AUTO(source) *source = NULL;
    AUTO(source_changes) *changes = NULL;
    AUTO(source_log) *log = NULL;
    AUTO(generation) *generation = NULL;
    char commit[SOURCE_ID_SIZE];
    char root[SOURCE_ID_SIZE];
    bool confirmed;

    if (source_open_at(request->source, request->ref, &source, commit, err) < 0 ||
        read_commit(source, request->parent, commit, &log, err) < 0)
        return -1;
    if (log == NULL)
        return load_nothing(diags, out, err);
    if (read_confirmed(source, request, commit, &confirmed, err) < 0 ||
        read_root(source, request, commit, root, err) < 0 ||
        source_changes(source, NULL, commit, &changes, err) < 0 ||
        generation_derive(NULL, commit, changes->items, changes->count, diags, &generation, err) <
            0 ||
        set_keys(source, commit, generation, err) < 0 ||
        set_files(source, commit, generation, diags, err) < 0)
        return -1;
    out->desired =
        desired_make(generation, NULL, NULL, request->secrets == NULL ? NULL : secret_digest,
                     request->secrets, diags);
    if (out->desired == NULL || desired_read_zones(out->desired, zone_read, NULL, diags) < 0)
        return err_set(err, ERR_INVALID, "mistakes in the manifests");
    out->commit = TAKE(log);
    out->confirmed = confirmed;
    if (request->read_since && !text_is_empty(request->since))
        (void)read_since(source, request->since, &out->since, &out->since_err);
    text_copy(out->root, sizeof(out->root), root);
    return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
    desired_free(snapshot->desired);
    source_log_free(snapshot->commit);
    generation_unref(snapshot->since);
    *snapshot = (struct snapshot){ 0 };
}
