/*
 * Environment files: refused with mistakes at lines that exist, or every name is there once.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/variable_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    AUTO(diag_list) diags = { 0 };
    AUTO(variable_file) *file = variable_file_parse("a.env", text, size, &diags);
    AUTO(arena) arena = { 0 };

    ASSERT((file == NULL) == (diags.errors > 0));
    for (size_t i = 0; i < diags.count; i++)
        ASSERT(diags.items[i].line <= size + 1);
    if (file == NULL)
        return 0;
    const struct variable_file *const files[] = { file };
    const struct container_definition container = { .environment_files_count = 1 };
    struct container_definition merged;

    variable_files_merge(&container, files, &arena, &merged);
    for (size_t i = 0; i < merged.environment_count; i++) {
        const struct pair *pair = &merged.environment[i];

        ASSERT(pair->key[0] != '\0' && strchr(pair->key, '=') == NULL);
        ASSERT(strchr(pair->value, '\n') == NULL);
        ASSERT(text_is_utf8(pair->value, strlen(pair->value)));
        ASSERT(i == 0 || strcmp(pair[-1].key, pair->key) < 0);
    }
    return 0;
}
