/*
 * Several files as two commits, one after the other.  "--- file NAME" begins a file; "--- commit"
 * ends the first commit, and a file without content is removed by the second.  What is accepted
 * does not depend on the parent: the second commit derived from the first and from nothing give
 * the same mistakes, or the same resources and targets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/generation.h"
#include "spec/target.h"
#include "spec/variable_file.h"
#include "tests/fuzz/fuzz.h"

#define FILES_MAX 8

struct commit {
    struct file_change files[FILES_MAX];
    char *texts[FILES_MAX];
    char names[FILES_MAX][16];
    size_t count;
};

static void commit_release(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        free(commit->texts[i]);
}
DEFINE_AUTO_VALUE(commit, commit_release)

static size_t file_slot(struct commit *commit, const char *name)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (strcmp(commit->names[i], name) == 0)
            return i;
    }
    return commit->count;
}

/* Files of the input are texts of their own; an id is the digest of the text, as git's is. */
static void commit_set(struct commit *commit, const char *name, char *text, size_t size)
{
    char hex[SHA256_HEX_SIZE];
    size_t at = file_slot(commit, name);

    if (at == FILES_MAX) {
        free(text);
        return;
    }
    if (at == commit->count)
        commit->count++;
    else
        free(commit->texts[at]);
    (void)snprintf(commit->names[at], sizeof(commit->names[at]), "%s", name);
    commit->texts[at] = text;
    sha256_hex(text, size, hex);
    commit->files[at] =
        (struct file_change){ .path = commit->names[at], .bytes = text, .size = size };
    (void)snprintf(commit->files[at].blob, sizeof(commit->files[at].blob), "%.40s", hex);
}

static void read_commit(struct commit *commit, struct fuzz_input *input)
{
    static const char separator[] = "--- commit\n";
    struct fuzz_input own = *input;
    size_t size;

    free(fuzz_take(input, separator, &size));
    own.size = size;
    while (own.size > 0) {
        struct fuzz_input file;
        size_t file_size;
        AUTO_TEXT char *text = fuzz_take(&own, "--- file ", &file_size);
        char name[16];

        file = (struct fuzz_input){ (const uint8_t *)text, file_size };
        (void)snprintf(name, sizeof(name), "%u.yaml", fuzz_choice(&file, FILES_MAX));
        size_t rest_size;
        char *rest = fuzz_rest(&file, &rest_size);
        if (file_size > 0)
            commit_set(commit, name, rest, rest_size);
        else
            free(rest);
    }
}

/* What the second commit leaves: the first one's files, and its own instead of them. */
static void merge(const struct commit *first, const struct commit *second, struct commit *out)
{
    const struct commit *both[] = { first, second };

    for (size_t c = 0; c < ARRAY_COUNT(both); c++) {
        for (size_t i = 0; i < both[c]->count; i++) {
            size_t size = both[c]->files[i].size;
            char *copy = mem_alloc(size + 1);

            memcpy(copy, both[c]->texts[i], size);
            commit_set(out, both[c]->names[i], copy, size);
        }
    }
}

/* Empty files are gone. */
static size_t drop_empty(const struct commit *commit, bool from_nothing,
                         struct file_change out[FILES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < commit->count; i++) {
        out[count] = commit->files[i];
        if (out[count].size > 0) {
            count++;
        } else if (!from_nothing) {
            out[count].bytes = NULL;
            count++;
        }
    }
    return count;
}

static int derive(struct generation *parent, const struct commit *commit, struct diag_list *diags,
                  struct generation **out)
{
    struct file_change changes[FILES_MAX];
    size_t count = drop_empty(commit, parent == NULL, changes);
    struct err err = { 0 };
    int result = generation_derive(parent, "c", changes, count, diags, out, &err);

    ASSERT((result == 0) == (diags->errors == 0));
    diag_sort(diags);
    return result;
}

/* The same object for all generations, which is what tells them that it is no other. */
static void set_file(void *context, const char *path, struct pos pos)
{
    static struct variable_file *file;
    AUTO(diag_list) diags = { 0 };

    (void)pos;
    if (file == NULL)
        file = variable_file_parse("a.env", "A=1\nB=2\n", 8, &diags);
    generation_set_file(context, path, file);
}

static void complete(struct generation *generation)
{
    for (size_t i = 0; i < generation_count(generation, KIND_IMAGE); i++)
        generation_set_build_key(generation, generation_at(generation, KIND_IMAGE, i)->name,
                                 "0123456789abcdef");
    generation_each_file(generation, set_file, generation);
}

static void print_targets(const struct generation *generation, struct arena *arena, struct buf *out)
{
    buf_init(out, FUZZ_PRINTED_MAX);
    for (size_t i = 0; i < generation_count(generation, KIND_SERVICE); i++) {
        const struct resource *service = generation_at(generation, KIND_SERVICE, i);
        const struct target *target = target_make(generation, service, NULL, NULL, arena);
        size_t begin = out->size;

        ASSERT(target != NULL);
        target_print(target, out);
        struct err err = { 0 };
        AUTO(buf) again = { 0 };
        const struct target *read = target_parse(out->data + begin, out->size - begin, arena, &err);
        ASSERT(read != NULL);
        buf_init(&again, FUZZ_PRINTED_MAX);
        target_print(read, &again);
        ASSERT(strcmp(out->data + begin, again.data) == 0);
        buf_char(out, '\n');
    }
}

static void no_change(void *context, enum generation_change change, enum kind kind,
                      const char *name)
{
    (void)context;
    (void)change;
    (void)kind;
    (void)name;
    assert_failed("the same generation differs", __FILE__, __LINE__);
}

static void any_change(void *context, enum generation_change change, enum kind kind,
                       const char *name)
{
    (void)change;
    (void)kind;
    ASSERT(name[0] != '\0');
    (*(size_t *)context)++;
}

static void compare(struct generation *derived, struct generation *whole)
{
    AUTO(arena) arena = { 0 };
    AUTO(buf) one = { 0 };
    AUTO(buf) other = { 0 };

    ASSERT(generation_file_count(derived) == generation_file_count(whole));
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        size_t count = generation_count(whole, kind);

        ASSERT(generation_count(derived, kind) == count);
        for (size_t i = 0; i < count; i++) {
            const struct resource *a = generation_at(derived, kind, i);
            const struct resource *b = generation_at(whole, kind, i);

            ASSERT(strcmp(a->name, b->name) == 0 && strcmp(a->digest, b->digest) == 0);
        }
    }
    complete(derived);
    complete(whole);
    generation_diff(derived, whole, no_change, NULL);
    print_targets(derived, &arena, &one);
    print_targets(whole, &arena, &other);
    ASSERT(strcmp(buf_text(&one), buf_text(&other)) == 0);
}

/* Of two places that declare the same, the one that was there before is the other one. */
static bool has_twins(const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (strstr(diags->items[i].text, "is declared twice") != NULL)
            return true;
    }
    return false;
}

static bool same_diag(const struct diag *a, const struct diag *b)
{
    return a->level == b->level && a->line == b->line && a->column == b->column &&
           strcmp(a->text, b->text) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO(commit) first = { 0 };
    AUTO(commit) second = { 0 };
    AUTO(commit) both = { 0 };
    AUTO(generation) *parent = NULL;
    AUTO(generation) *derived = NULL;
    AUTO(generation) *whole = NULL;
    AUTO(diag_list) diags = { 0 };
    AUTO(diag_list) derived_diags = { 0 };
    AUTO(diag_list) whole_diags = { 0 };
    size_t changes = 0;

    read_commit(&first, &input);
    if (derive(NULL, &first, &diags, &parent) < 0)
        return 0;
    complete(parent);
    read_commit(&second, &input);
    merge(&first, &second, &both);
    int result = derive(parent, &second, &derived_diags, &derived);
    int whole_result = derive(NULL, &both, &whole_diags, &whole);
    ASSERT(result == whole_result);
    ASSERT(derived_diags.errors == whole_diags.errors);
    if (result == 0) {
        compare(derived, whole);
        generation_diff(parent, derived, any_change, &changes);
        return 0;
    }
    if (has_twins(&whole_diags) || whole_diags.errors >= 100)
        return 0;
    for (size_t i = 0, j = 0; i < whole_diags.count; i++) {
        if (whole_diags.items[i].level != DIAG_ERROR)
            continue;
        while (j < derived_diags.count && derived_diags.items[j].level != DIAG_ERROR)
            j++;
        ASSERT(j < derived_diags.count &&
               same_diag(&whole_diags.items[i], &derived_diags.items[j]));
        j++;
    }
    return 0;
}
