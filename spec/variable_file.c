/*
 * A file is read line by line; what is not a variable is a mistake, not something to be skipped.
 */
#include "spec/variable_file.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

struct variable_file {
    struct counted counted;
    struct arena arena;
    struct tree values; /* name -> text */
};

static void variable_file_free(struct counted *self)
{
    struct variable_file *file = (struct variable_file *)(void *)self;

    tree_release(&file->values);
    arena_release(&file->arena);
    free(file);
}

struct variable_file *variable_file_ref(struct variable_file *file)
{
    if (file != NULL)
        (void)counted_ref(&file->counted);
    return file;
}

void variable_file_unref(struct variable_file *file)
{
    if (file != NULL)
        counted_unref(&file->counted);
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* A value is never part of a mistake's text: it may be a secret. */
static void read_line(struct variable_file *file, const char *text, size_t size, struct pos pos,
                      struct diag_list *diags)
{
    const char *equals = memchr(text, '=', size);
    char *name;

    if (!text_is_utf8(text, size)) {
        diag_add(diags, DIAG_ERROR, pos, "it is not UTF-8, or has a NUL");
        return;
    }
    if (equals == NULL) {
        diag_add(diags, DIAG_ERROR, pos, "it is no VAR=VALUE: there is no '='");
        return;
    }
    if (equals - text > LIMIT_NAME) {
        diag_add(diags, DIAG_ERROR, pos, "the name before '=' has more than %d bytes", LIMIT_NAME);
        return;
    }
    name = arena_text_n(&file->arena, text, (size_t)(equals - text));
    if (name[0] == '\0') {
        diag_add(diags, DIAG_ERROR, pos, "no name stands before '='");
    } else if (strpbrk(name, " \t") != NULL) {
        diag_add(diags, DIAG_ERROR, pos,
                 "'%s' is no name of an environment variable: it has a blank, and this is no shell",
                 name);
    } else if (tree_get(&file->values, name) != NULL) {
        diag_add(diags, DIAG_ERROR, pos, "'%s' is given twice", name);
    } else {
        size_t length = size - (size_t)(equals + 1 - text);
        tree_put(&file->values, name, arena_text_n(&file->arena, equals + 1, length),
                 /* owner= */ NULL);
    }
}

static void read_lines(struct variable_file *file, const char *path, const char *bytes, size_t size,
                       struct diag_list *diags)
{
    struct pos pos = { .file = path, .line = 0, .column = 1 };
    const char *end = bytes + size;

    for (const char *at = bytes; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline != NULL ? newline + 1 : end;
        size_t length = (size_t)((newline != NULL ? newline : end) - at);

        pos.line++;
        if (length > 0 && at[length - 1] == '\r')
            length--;
        if (length > 0 && at[0] != '#')
            read_line(file, at, length, pos, diags);
        at = next;
    }
}

struct variable_file *variable_file_parse(const char *path, const char *bytes, size_t size,
                                          struct diag_list *diags)
{
    AUTO(variable_file) *file = mem_alloc(sizeof(*file));
    size_t errors = diags->errors;

    file->counted = (struct counted){ .refs = 1, .free = variable_file_free };
    if (size > LIMIT_VARIABLE_FILE_BYTES)
        diag_add(diags, DIAG_ERROR, (struct pos){ .file = path },
                 "an environment file may have at most %d bytes", LIMIT_VARIABLE_FILE_BYTES);
    else if (size > 0)
        read_lines(file, path, bytes, size, diags);
    return diags->errors == errors ? TAKE(file) : NULL;
}

/* ---- Merging -------------------------------------------------------------------------------- */

void variable_files_merge(const struct container_definition *container,
                          const struct variable_file *const *files, struct arena *arena,
                          struct container_definition *out)
{
    AUTO(tree) merged = { 0 };
    struct pair *environment;

    for (size_t f = container->environment_files_count; f-- > 0;) {
        for (size_t i = 0; i < tree_count(&files[f]->values); i++) {
            const char *name;
            const char *value = tree_at(&files[f]->values, i, &name);
            char *copy = arena_text(arena, value); /* the file may go before the target does */
            tree_put(&merged, arena_text(arena, name), copy, /* owner= */ NULL);
        }
    }
    for (size_t i = 0; i < container->secrets_count; i++)
        (void)tree_remove(&merged, container->secrets[i].name);
    for (size_t i = 0; i < container->environment_count; i++) {
        char *value = arena_text(arena, container->environment[i].value);
        tree_put(&merged, container->environment[i].key, value, /* owner= */ NULL);
    }
    environment = arena_array(arena, struct pair, tree_count(&merged));
    for (size_t i = 0; i < tree_count(&merged); i++)
        environment[i].value = tree_at(&merged, i, &environment[i].key);
    *out = *container;
    out->environment_count = tree_count(&merged);
    out->environment = environment;
    out->environment_files = NULL;
    out->environment_files_count = 0;
}
