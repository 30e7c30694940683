/*
 * Any bytes as a manifest, as a recorded target, as .dockerignore and as a reference: nothing may
 * crash, and every target that comes out must survive the way to text and back.  For libFuzzer:
 *
 *     clang -g -O1 -std=gnu17 -D_GNU_SOURCE -I. -fsanitize=fuzzer,address,undefined -o fuzz \
 *         tests/fuzz/fuzz_manifest.c spec/[!w]*.c spec/base/[a-z]*.c spec/kinds/kinds.c \
 *         -lyaml -ljansson -lcrypto -lm && ./fuzz CORPUS tests/golden/decode
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/dockerignore.h"
#include "spec/generation.h"
#include "spec/reference.h"
#include "spec/target.h"
#include "spec/variable_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINTED_MAX ((size_t)64 * 1024 * 1024)

static void round_trip(const struct target *target, struct arena *arena)
{
    AUTO(buf) before = { 0 };
    AUTO(buf) after = { 0 };
    struct err err = { 0 };

    buf_init(&before, PRINTED_MAX);
    buf_init(&after, PRINTED_MAX);
    target_print(target, &before);
    const struct target *again = target_parse(before.data, before.size, arena, &err);
    ASSERT(again != NULL);
    target_print(again, &after);
    ASSERT(strcmp(before.data, after.data) == 0);
}

static void set_file(void *context, const char *path, struct pos pos)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(variable_file) *file = variable_file_parse(path, "A=1\nB=2\n", 8, &diags);

    (void)pos;
    generation_set_file(context, path, file);
}

static void take_manifest(const char *bytes, size_t size, struct arena *arena)
{
    struct file_change change = { .path = "a.yaml", .blob = "1", .bytes = bytes, .size = size };
    AUTO(diag_list) diags = { 0 };
    AUTO(generation) *generation = NULL;
    struct err err = { 0 };

    if (generation_derive(NULL, "c", &change, 1, &diags, &generation, &err) < 0)
        return;
    for (size_t i = 0; i < generation_count(generation, KIND_IMAGE); i++)
        generation_set_build_key(generation, generation_at(generation, KIND_IMAGE, i)->name,
                                 "0123456789abcdef");
    generation_each_file(generation, set_file, generation);
    for (size_t i = 0; i < generation_count(generation, KIND_SERVICE); i++)
        round_trip(
            target_make(generation, generation_at(generation, KIND_SERVICE, i), NULL, NULL, arena),
            arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) arena = { 0 };
    AUTO(diag_list) diags = { 0 };
    struct image_reference reference;
    struct err err = { 0 };
    char *text = mem_alloc(size + 1);

    memcpy(text, data, size);
    take_manifest(text, size, &arena);
    (void)target_parse(text, size, &arena, &err);
    variable_file_unref(variable_file_parse("a.env", text, size, &diags));
    (void)reference_parse(text, &arena, &reference, &err);
    size_t half = strlen(text) / 2;
    const struct dockerignore *ignore = dockerignore_parse(text, half, &arena);
    (void)dockerignore_excludes(ignore, text + half);
    free(text);
    return 0;
}
