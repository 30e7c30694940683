/*
 * .dockerignore and the paths that it is asked about.  A line "--" ends the patterns, every further
 * line is a path.
 */
#include <string.h>

#include "spec/dockerignore.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    size_t text_size;
    AUTO_TEXT char *text = fuzz_take(&input, "\n--\n", &text_size);
    AUTO(arena) arena = { 0 };
    AUTO(buf) twice = { 0 };
    const struct dockerignore *ignore = dockerignore_parse(text, text_size, &arena);

    /* The last match decides: saying all of it again changes nothing.  (Only at its beginning a
     * text has a byte order mark.) */
    buf_init(&twice, FUZZ_PRINTED_MAX);
    buf_add(&twice, text, text_size);
    buf_char(&twice, '\n');
    size_t mark = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    buf_add(&twice, text + mark, text_size - mark);
    const struct dockerignore *again = dockerignore_parse(twice.data, twice.size, &arena);
    for (int i = 0; i < 32 && input.size > 0; i++) {
        AUTO_TEXT char *path = fuzz_take(&input, "\n", NULL);
        bool excluded = dockerignore_excludes(ignore, path);

        ASSERT(dockerignore_excludes(again, path) == excluded);
    }
    return 0;
}
