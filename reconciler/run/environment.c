/*
 * What is known of a file is known by its blob: the same bytes at another path or commit are not
 * read and parsed again.
 */
#include "reconciler/run/environment.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/variable_file.h"

struct environment_entry {
    char *path;
    struct pos pos; /* where a manifest names it; until it is judged */
    char blob[SOURCE_ID_SIZE];
    struct variable_file *file; /* what that blob says; NULL: not parsed yet */
    char *bytes;                /* heap: read, to be parsed */
    size_t size;
    bool failed;
    struct err err;
};

static void release_entry(struct environment_entry *entry)
{
    free(entry->path);
    free(entry->bytes);
    variable_file_unref(entry->file);
}

void environment_release(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        release_entry(&environment->entries[i]);
    free(environment->entries);
    *environment = (struct environment){ 0 };
}

/* ---- Preparing ------------------------------------------------------------------------------- */

struct preparing {
    struct tree known; /* path -> struct environment_entry */
    struct environment next;
    size_t capacity;
};

static void prepare_file(void *context, const char *path, struct pos pos)
{
    struct preparing *preparing = context;
    struct environment *next = &preparing->next;
    struct environment_entry *entry;

    if (next->count == preparing->capacity) {
        preparing->capacity = preparing->capacity == 0 ? 16 : preparing->capacity * 2;
        next->entries = mem_resize(next->entries, preparing->capacity * sizeof(*next->entries));
    }
    entry = &next->entries[next->count++];
    *entry = (struct environment_entry){ .path = mem_text(path), .pos = pos };

    const struct environment_entry *known = tree_get(&preparing->known, path);
    if (known == NULL)
        return;
    text_copy(entry->blob, sizeof(entry->blob), known->blob);
    entry->file = variable_file_ref(known->file);
}

void environment_prepare(struct environment *environment, const struct generation *generation)
{
    struct preparing preparing = { 0 };

    for (size_t i = 0; i < environment->count; i++) {
        struct environment_entry *entry = &environment->entries[i];

        if (entry->file != NULL && entry->bytes == NULL) /* not while a round was cut short */
            tree_put(&preparing.known, entry->path, entry, /* owner= */ NULL);
    }
    generation_each_file(generation, prepare_file, &preparing);
    tree_release(&preparing.known);
    environment_release(environment);
    *environment = preparing.next;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int read_file(struct environment_entry *entry, struct source *source, const char *commit)
{
    AUTO(source_blob) blob = { 0 };
    char id[SOURCE_ID_SIZE];

    if (source_file_blob(source, commit, entry->path, id, &entry->err) < 0)
        return -1;
    if (entry->file != NULL && text_equal(entry->blob, id))
        return 0;
    if (source_blob_read(source, id, LIMIT_VARIABLE_FILE_BYTES, &blob, &entry->err) < 0)
        return err_wrap(&entry->err, "'%s'", entry->path);
    entry->bytes = mem_alloc(blob.size + 1);
    entry->size = blob.size;
    if (blob.size > 0)
        memcpy(entry->bytes, blob.bytes, blob.size);
    text_copy(entry->blob, sizeof(entry->blob), id);
    return 0;
}

void environment_read(struct environment *environment, struct source *source, const char *commit)
{
    for (size_t i = 0; i < environment->count; i++)
        environment->entries[i].failed = read_file(&environment->entries[i], source, commit) < 0;
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* parsed: blob -> struct variable_file. */
static bool parse(struct environment_entry *entry, struct tree *parsed, struct diag_list *diags)
{
    struct variable_file *same = tree_get(parsed, entry->blob);

    variable_file_unref(entry->file);
    if (same != NULL)
        entry->file = variable_file_ref(same);
    else
        entry->file = variable_file_parse(entry->path, entry->bytes, entry->size, diags);
    if (entry->file != NULL)
        tree_put(parsed, entry->blob, entry->file, /* owner= */ NULL);
    free(TAKE(entry->bytes));
    return entry->file != NULL;
}

bool environment_judge(struct environment *environment, struct diag_list *diags,
                       struct err *out_err)
{
    AUTO(tree) parsed = { 0 };
    bool readable = true;

    for (size_t i = 0; i < environment->count; i++) {
        struct environment_entry *entry = &environment->entries[i];

        if (entry->file != NULL && entry->bytes == NULL)
            tree_put(&parsed, entry->blob, entry->file, /* owner= */ NULL);
    }
    for (size_t i = 0; i < environment->count; i++) {
        struct environment_entry *entry = &environment->entries[i];

        if (entry->failed) {
            diag_add(diags, DIAG_ERROR, entry->pos, "environmentFiles: %s", entry->err.text);
            *out_err = entry->err;
            if (entry->err.code != ERR_NOT_FOUND && entry->err.code != ERR_INVALID)
                readable = false;
        } else if (entry->bytes != NULL && !parse(entry, &parsed, diags)) {
            (void)err_set(out_err, ERR_INVALID, "mistakes in '%s'", entry->path);
        }
    }
    return readable;
}

void environment_give(const struct environment *environment, struct generation *generation)
{
    for (size_t i = 0; i < environment->count; i++)
        generation_set_file(generation, environment->entries[i].path, environment->entries[i].file);
}
