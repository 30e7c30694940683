/*
 * A generation is a handful of persistent trees.  Deriving one copies the parent's trees, which
 * costs nothing, and then takes out and puts in what the commit changed.
 */
#include "spec/generation.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/generation_int.h"
#include "spec/variable_file.h"

/* ---- A manifest at its path ----------------------------------------------------------------- */

/* The resources are copies with the path in their positions; what they point to is the manifest's.
 */
struct placed_file {
    struct counted counted;
    struct manifest *manifest;
    char blob[OBJECT_ID_SIZE];
    char *path;
    size_t count;
    struct resource resources[];
};

static void placed_file_free(struct counted *self)
{
    struct placed_file *file = (struct placed_file *)(void *)self;

    manifest_unref(file->manifest);
    free(file->path);
    free(file);
}

static struct placed_file *placed_file_new(const struct file_change *change,
                                           struct manifest *manifest)
{
    size_t count;
    const struct resource *resources = manifest_resources(manifest, &count);
    struct placed_file *file = mem_alloc(sizeof(*file) + count * sizeof(struct resource));

    file->counted = (struct counted){ .refs = 1, .free = placed_file_free };
    file->manifest = manifest_ref(manifest);
    memcpy(file->blob, change->blob, sizeof(file->blob));
    file->path = mem_text(change->path);
    file->count = count;
    for (size_t i = 0; i < count; i++) {
        file->resources[i] = resources[i];
        file->resources[i].pos.file = file->path;
    }
    return file;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static struct generation *generation_new(const struct generation *parent, const char *commit)
{
    struct generation *generation = mem_alloc(sizeof(*generation));

    generation->refs = 1;
    ASSERT(strlen(commit) < sizeof(generation->commit));
    memcpy(generation->commit, commit, strlen(commit) + 1);
    if (parent == NULL)
        return generation;
    tree_copy(&generation->files, &parent->files);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        tree_copy(&generation->resources[kind], &parent->resources[kind]);
    tree_copy(&generation->edges, &parent->edges);
    tree_copy(&generation->file_users, &parent->file_users);
    tree_copy(&generation->build_keys, &parent->build_keys);
    return generation;
}

struct generation *generation_ref(struct generation *generation)
{
    if (generation != NULL) {
        ASSERT(generation->refs > 0);
        generation->refs++;
    }
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation == NULL)
        return;
    ASSERT(generation->refs > 0);
    if (--generation->refs > 0)
        return;
    tree_release(&generation->files);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        tree_release(&generation->resources[kind]);
    tree_release(&generation->edges);
    tree_release(&generation->file_users);
    tree_release(&generation->build_keys);
    tree_release(&generation->variable_files);
    free(generation);
}

/* ---- Derivation ----------------------------------------------------------------------------- */

struct derivation {
    struct generation *generation; /* the new one */
    const struct generation *parent;
    struct diag_list *diags;
    struct tree removed; /* path -> struct placed_file: their names are used to the end */
    struct tree movable; /* blob -> struct placed_file: a file that moved is not parsed again */
    struct touched *touched;
    size_t touched_count;
    size_t touched_capacity;
    size_t mistakes;
    bool is_cut;
};

static void touch(struct derivation *derivation, const struct resource *resource)
{
    if (derivation->touched_count == derivation->touched_capacity) {
        derivation->touched_capacity =
            derivation->touched_capacity > 0 ? derivation->touched_capacity * 2 : 64;
        derivation->touched =
            mem_resize(derivation->touched, derivation->touched_capacity * sizeof(struct touched));
    }
    derivation->touched[derivation->touched_count++] =
        (struct touched){ .kind = resource->kind, .name = resource->name };
}

/* The file stays alive in `removed`, and the names touched with it. */
static void take_out(struct derivation *derivation, struct placed_file *file)
{
    struct generation *generation = derivation->generation;

    tree_put(&derivation->removed, file->path, file, &file->counted);
    tree_put(&derivation->movable, file->blob, file, &file->counted);
    for (size_t i = 0; i < file->count; i++) {
        const struct resource *resource = &file->resources[i];
        touch(derivation, resource);
        for (size_t r = 0; r < resource->reference_count; r++)
            (void)tree_remove(&generation->edges, resource->references[r].edge);
        if (resource->file_count > 0)
            (void)tree_remove(&generation->file_users, resource->name);
        bool removed = tree_remove(&generation->resources[resource->kind], resource->name);
        ASSERT(removed);
    }
    bool removed = tree_remove(&generation->files, file->path);
    ASSERT(removed);
}

static void put_resource(struct derivation *derivation, struct placed_file *file,
                         struct resource *resource)
{
    struct generation *generation = derivation->generation;
    const struct resource *other = tree_get(&generation->resources[resource->kind], resource->name);

    touch(derivation, resource);
    if (other != NULL) {
        diag_add(derivation->diags, DIAG_ERROR, resource->pos,
                 "%s '%s' is declared twice: the other one is at %s:%u:%u",
                 kind_text(resource->kind), resource->name, other->pos.file, other->pos.line,
                 other->pos.column);
        derivation->mistakes++;
        return;
    }
    tree_put(&generation->resources[resource->kind], resource->name, resource, &file->counted);
    for (size_t i = 0; i < resource->reference_count; i++)
        tree_put(&generation->edges, resource->references[i].edge, resource, &file->counted);
    if (resource->file_count > 0)
        tree_put(&generation->file_users, resource->name, resource, &file->counted);
}

/* Warnings wait in a list of their own, so that they never crowd out mistakes. */
static struct manifest *parse(struct derivation *derivation, const struct file_change *change,
                              struct diag_list *warnings)
{
    AUTO(diag_list) found = { 0 };
    struct manifest *manifest = manifest_parse(change->path, change->bytes, change->size, &found);

    size_t kept_errors = 0;
    for (size_t i = 0; i < found.count; i++) {
        const struct diag *diag = &found.items[i];
        kept_errors += diag->level == DIAG_ERROR ? 1 : 0;
        struct pos pos = { diag->file, diag->line, diag->column };
        diag_add(diag->level == DIAG_ERROR ? derivation->diags : warnings, diag->level, pos, "%s",
                 diag->text);
    }
    derivation->diags->errors += found.errors - kept_errors; /* counted, though not told */
    derivation->mistakes += found.errors;
    derivation->is_cut = derivation->is_cut || manifest_is_cut(manifest);
    return manifest;
}

static void put_in(struct derivation *derivation, const struct file_change *change,
                   struct diag_list *warnings)
{
    if (change->refused != NULL) {
        diag_add(derivation->diags, DIAG_ERROR, (struct pos){ .file = change->path }, "%s",
                 change->refused->text);
        derivation->mistakes++;
        derivation->is_cut = true;
        return;
    }
    const struct placed_file *moved = tree_get(&derivation->movable, change->blob);
    struct manifest *manifest =
        moved != NULL ? manifest_ref(moved->manifest) : parse(derivation, change, warnings);
    struct placed_file *file = placed_file_new(change, manifest);

    manifest_unref(manifest);
    ASSERT(tree_get(&derivation->generation->files, file->path) == NULL);
    tree_put(&derivation->generation->files, file->path, file, &file->counted);
    for (size_t i = 0; i < file->count; i++)
        put_resource(derivation, file, &file->resources[i]);
    counted_unref(&file->counted);
}

static bool is_present(const struct file_change *change)
{
    return change->bytes != NULL || change->refused != NULL;
}

/* First everything that goes, so that what moves from file to file is not there twice. */
static void apply_changes(struct derivation *derivation, const struct file_change *changes,
                          size_t count, struct diag_list *warnings)
{
    bool *same = mem_alloc(count + 1);

    for (size_t i = 0; i < count; i++) {
        struct placed_file *file = tree_get(&derivation->generation->files, changes[i].path);
        same[i] = file != NULL && changes[i].refused == NULL && changes[i].bytes != NULL &&
                  text_equal(file->blob, changes[i].blob);
        if (file != NULL && !same[i])
            take_out(derivation, file);
    }
    for (size_t i = 0; i < count; i++)
        if (!same[i] && is_present(&changes[i]))
            put_in(derivation, &changes[i], warnings);
    free(same);
}

static void check_limits(struct derivation *derivation)
{
    const struct generation *generation = derivation->generation;
    size_t resources = 0;

    for (enum kind kind = 0; kind < KIND_COUNT; kind++)
        resources += tree_count(&generation->resources[kind]);
    if (tree_count(&generation->files) > LIMIT_MANIFEST_FILES) {
        diag_add(derivation->diags, DIAG_ERROR, (struct pos){ 0 }, "more than %d manifest files",
                 LIMIT_MANIFEST_FILES);
        derivation->mistakes++;
    }
    if (resources > LIMIT_RESOURCES) {
        diag_add(derivation->diags, DIAG_ERROR, (struct pos){ 0 }, "more than %d resources",
                 LIMIT_RESOURCES);
        derivation->mistakes++;
    }
}

static void check_across(struct derivation *derivation)
{
    struct generation_check check = {
        .generation = derivation->generation,
        .touched = derivation->touched,
        .touched_count = derivation->touched_count,
        .is_cut = derivation->is_cut,
        .diags = derivation->diags,
    };

    generation_check(&check);
    derivation->mistakes += check.mistakes;
}

/* Keys of Images that are not what they were, or not there any more. */
static void forget_build_keys(struct derivation *derivation)
{
    struct generation *generation = derivation->generation;

    for (size_t i = 0; i < derivation->touched_count && derivation->parent != NULL; i++) {
        const struct touched *touched = &derivation->touched[i];
        if (touched->kind != KIND_IMAGE)
            continue;
        const struct resource *now = generation_find(generation, KIND_IMAGE, touched->name);
        const struct resource *before =
            generation_find(derivation->parent, KIND_IMAGE, touched->name);
        if (now == NULL || before == NULL || !text_equal(now->digest, before->digest))
            (void)tree_remove(&generation->build_keys, touched->name);
    }
}

/* NOLINTNEXTLINE(readability-function-size): changes and their count are one thing */
int generation_derive(struct generation *parent, const char *commit,
                      const struct file_change *changes, size_t count, struct diag_list *diags,
                      struct generation **out, struct err *err)
{
    AUTO(generation) *generation = generation_new(parent, commit);
    AUTO(diag_list) warnings = { 0 };
    struct derivation derivation = { .generation = generation, .parent = parent, .diags = diags };

    apply_changes(&derivation, changes, count, &warnings);
    check_limits(&derivation);
    check_across(&derivation);
    forget_build_keys(&derivation);
    for (size_t i = 0; i < warnings.count; i++)
        diag_add(diags, DIAG_WARNING,
                 (struct pos){ warnings.items[i].file, warnings.items[i].line,
                               warnings.items[i].column },
                 "%s", warnings.items[i].text);
    diag_sort(diags);
    free(derivation.touched);
    tree_release(&derivation.movable);
    tree_release(&derivation.removed);
    if (derivation.mistakes > 0)
        return err_set(err, ERR_INVALID, "%zu mistake%s in the manifests", derivation.mistakes,
                       derivation.mistakes == 1 ? "" : "s");
    *out = TAKE(generation);
    return 0;
}

/* ---- Reading -------------------------------------------------------------------------------- */

const char *generation_commit(const struct generation *generation)
{
    return generation->commit;
}

const struct resource *generation_find(const struct generation *generation, enum kind kind,
                                       const char *name)
{
    ASSERT(kind < KIND_COUNT);
    return tree_get(&generation->resources[kind], name);
}

size_t generation_count(const struct generation *generation, enum kind kind)
{
    ASSERT(kind < KIND_COUNT);
    return tree_count(&generation->resources[kind]);
}

const struct resource *generation_at(const struct generation *generation, enum kind kind,
                                     size_t index)
{
    ASSERT(kind < KIND_COUNT);
    return tree_at(&generation->resources[kind], index, NULL);
}

size_t generation_file_count(const struct generation *generation)
{
    return tree_count(&generation->files);
}

const struct resource *generation_next_referrer(const struct generation *generation, enum kind kind,
                                                const char *name, size_t *cursor)
{
    char prefix[LIMIT_NAME + 32];
    const char *edge;

    if (strlen(name) > LIMIT_NAME)
        return NULL; /* no resource has such a name */
    size_t size = 0;
    for (const char *at = kind_text(kind); *at != '\0'; at++)
        prefix[size++] = *at;
    prefix[size++] = ' ';
    memcpy(prefix + size, name, strlen(name));
    size += strlen(name);
    prefix[size++] = '\x01';
    prefix[size] = '\0';

    size_t index = tree_rank(&generation->edges, prefix) + *cursor;
    if (index >= tree_count(&generation->edges))
        return NULL;
    const struct resource *referrer = tree_at(&generation->edges, index, &edge);
    if (strncmp(edge, prefix, size) != 0)
        return NULL;
    (*cursor)++;
    return referrer;
}

/* ---- Build keys ----------------------------------------------------------------------------- */

struct build_key {
    struct counted counted;
    char *image;
    char *key;
};

static void build_key_free(struct counted *self)
{
    struct build_key *key = (struct build_key *)(void *)self;

    free(key->image);
    free(key->key);
    free(key);
}

void generation_set_build_key(struct generation *generation, const char *image, const char *key)
{
    ASSERT(generation_find(generation, KIND_IMAGE, image) != NULL);
    if (text_equal(generation_build_key(generation, image), key))
        return;

    struct build_key *entry = mem_alloc(sizeof(*entry));
    entry->counted = (struct counted){ .refs = 1, .free = build_key_free };
    entry->image = mem_text(image);
    entry->key = mem_text(key);
    tree_put(&generation->build_keys, entry->image, entry->key, &entry->counted);
    counted_unref(&entry->counted);
}

const char *generation_build_key(const struct generation *generation, const char *image)
{
    return tree_get(&generation->build_keys, image);
}

/* ---- Environment files ----------------------------------------------------------------------- */

void generation_each_file(const struct generation *generation, generation_file_fn *callback,
                          void *context)
{
    AUTO(tree) told = { 0 };

    for (size_t i = 0; i < tree_count(&generation->file_users); i++) {
        const struct resource *task = tree_at(&generation->file_users, i, NULL);

        for (size_t f = 0; f < task->file_count; f++) {
            const struct file_use *use = &task->files[f];

            if (tree_get(&told, use->path) != NULL)
                continue;
            tree_put(&told, use->path, &told, /* owner= */ NULL);
            callback(context, use->path, resource_pos(task, use->line, use->column));
        }
    }
}

/* The path as a key that lives as long as the entry. */
struct placed_variables {
    struct counted counted;
    char *path;
    struct variable_file *file;
};

static void placed_variables_free(struct counted *self)
{
    struct placed_variables *placed = (struct placed_variables *)(void *)self;

    variable_file_unref(placed->file);
    free(placed->path);
    free(placed);
}

void generation_set_file(struct generation *generation, const char *path,
                         struct variable_file *file)
{
    struct placed_variables *placed = mem_alloc(sizeof(*placed));

    placed->counted = (struct counted){ .refs = 1, .free = placed_variables_free };
    placed->path = mem_text(path);
    placed->file = variable_file_ref(file);
    tree_put(&generation->variable_files, placed->path, file, &placed->counted);
    counted_unref(&placed->counted);
}

const struct variable_file *generation_file(const struct generation *generation, const char *path)
{
    return tree_get(&generation->variable_files, path);
}
