/*
 * Reads, compares and, when asked to, writes golden files.
 */
#include "tests/unit/golden.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "tests/unit/unit.h"

#define GOLDEN_MAX (16 * 1024 * 1024)

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    if (file == NULL)
        fail_msg("%s cannot be written", path);
    bool is_written = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !is_written)
        fail_msg("%s cannot be written", path);
}

/* A file that is missing equals nothing. */
static bool equals_file(const char *path, const char *text)
{
    AUTO(buf) expected = { 0 };
    char block[4096];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return false;
    buf_init(&expected, GOLDEN_MAX);
    for (size_t size; (size = fread(block, 1, sizeof(block), file)) > 0;)
        buf_add(&expected, block, size);
    fclose(file);
    return strcmp(buf_text(&expected), text) == 0;
}

void golden_check(const char *path, const char *text)
{
    const char *update = getenv("UPDATE");
    char actual[4096];

    if (update != NULL && strcmp(update, "1") == 0) {
        write_file(path, text);
        return;
    }
    snprintf(actual, sizeof(actual), "%s.actual", path);
    if (equals_file(path, text)) {
        (void)unlink(actual);
        return;
    }
    write_file(actual, text);
    fail_msg("diff -u %s %s", path, actual);
}
