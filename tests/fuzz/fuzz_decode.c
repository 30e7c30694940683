/*
 * Any bytes as any record of the tables, which the first line names ("task_spec").  What has no
 * mistake survives the way to its canonical text and back.
 */
#include <string.h>

#include "spec/canonical.h"
#include "spec/decode.h"
#include "spec/diff.h"
#include "spec/kinds/kinds.h"
#include "tests/fuzz/fuzz.h"

#define RECORD_ADDRESS(name, fields) &name##_record,
static const struct record *const records[] = { ALL_RECORDS(RECORD_ADDRESS) };
#undef RECORD_ADDRESS

static const struct record *find_record(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        if (strcmp(records[i]->name, name) == 0)
            return records[i];
    }
    return &task_spec_record;
}

/* NULL: it has mistakes. */
static void *decode(const struct record *record, const char *text, size_t size, struct arena *arena)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(decoder) decoder = { 0 };
    struct yaml_file file = { 0 };
    void *structure;

    if (yaml_parse("a.yaml", text, size, arena, &diags, &file) < 0 || file.document_count != 1)
        return NULL;
    structure = arena_alloc(arena, record->size);
    decoder_init(&decoder, "a.yaml", arena, &diags);
    decode_record(&decoder, record, file.documents[0], structure);
    ASSERT((decoder.mistakes > 0) == (diags.errors > 0));
    return decoder.mistakes == 0 ? structure : NULL;
}

static void no_difference(void *context, const struct field_diff *diff)
{
    (void)context;
    (void)diff;
    assert_failed("the same record differs", __FILE__, __LINE__);
}

static void count_difference(void *context, const struct field_diff *diff)
{
    (*(size_t *)context)++;
    ASSERT(diff->old_text == NULL || diff->new_text == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *name = fuzz_take(&input, "\n", NULL);
    const struct record *record = find_record(name);
    size_t text_size;
    AUTO_TEXT char *text = fuzz_rest(&input, &text_size);
    AUTO(arena) arena = { 0 };
    AUTO(buf) first = { 0 };
    AUTO(buf) second = { 0 };
    AUTO(buf) rolls = { 0 };
    const void *structure = decode(record, text, text_size, &arena);
    size_t differences = 0;

    if (structure == NULL)
        return 0;
    buf_init(&first, FUZZ_PRINTED_MAX);
    buf_init(&second, FUZZ_PRINTED_MAX);
    buf_init(&rolls, FUZZ_PRINTED_MAX);
    canonical_record(record, structure, CANONICAL_ALL, &first);
    canonical_record(record, structure, CANONICAL_ROLLS, &rolls);
    ASSERT(!first.truncated && rolls.size <= first.size);
    const void *again = decode(record, first.data, first.size, &arena);
    ASSERT(again != NULL);
    canonical_record(record, again, CANONICAL_ALL, &second);
    ASSERT(strcmp(first.data, second.data) == 0);
    record_diff(record, again, again, no_difference, NULL);
    record_diff(record, NULL, again, count_difference, &differences);
    ASSERT((differences == 0) == (strcmp(first.data, "{}") == 0));
    return 0;
}
