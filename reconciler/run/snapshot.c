/*
 * It opens the repository for itself, so it may run beside the follower.
 */
#include "reconciler/run/snapshot.h"

#include "reconciler/run/builds.h"
#include "reconciler/run/environment.h"
#include "spec/base/text.h"

static int find_commit(struct source *source, bool parent, char out[SOURCE_ID_SIZE],
                       struct source_log **out_log, struct err *err)
{
    AUTO(source_log) *log = NULL;
    struct source_tip tip;

    if (source_refresh(source, &tip, err) < 0)
        return -1;
    if (tip.state != SOURCE_FOUND)
        return err_set(err, ERR_NOT_FOUND, "%s", tip.text);
    if (source_log(source, NULL, tip.commit, 1, &log, err) < 0)
        return -1;
    if (parent) {
        AUTO(source_log) *child = TAKE(log);

        if (child->items[0].parent[0] == '\0')
            return err_set(err, ERR_NOT_FOUND, "commit %.8s has no parent to compare with",
                           tip.commit);
        if (source_log(source, NULL, child->items[0].parent, 1, &log, err) < 0)
            return -1;
    }
    text_copy(out, SOURCE_ID_SIZE, log->items[0].id);
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

int snapshot_load(const struct source_options *options, const char *ref, bool parent,
                  struct secrets *secrets, struct diag_list *diags, struct snapshot *out,
                  struct err *err)
{
    struct source_options wanted = *options;
    AUTO(source) *source = NULL;
    AUTO(source_changes) *changes = NULL;
    AUTO(source_log) *log = NULL;
    AUTO(generation) *generation = NULL;
    char commit[SOURCE_ID_SIZE];

    if (ref != NULL)
        wanted.branch = ref;
    if (source_open(&wanted, &source, err) < 0 ||
        find_commit(source, parent, commit, &log, err) < 0 ||
        source_changes(source, NULL, commit, &changes, err) < 0 ||
        generation_derive(NULL, commit, changes->items, changes->count, diags, &generation, err) <
            0 ||
        set_keys(source, commit, generation, err) < 0 ||
        set_files(source, commit, generation, diags, err) < 0)
        return -1;
    out->desired = desired_make(generation, NULL, secrets == NULL ? NULL : secret_digest, secrets);
    out->commit = TAKE(log);
    return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
    desired_free(snapshot->desired);
    source_log_free(snapshot->commit);
    *snapshot = (struct snapshot){ 0 };
}
