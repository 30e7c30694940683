/*
 * Words of a command line, one a line, and the configuration file behind a line "--".
 */
#include <string.h>

#include "reconciler/cli/cli.h"
#include "reconciler/cli/options.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 32

static const char *nothing(const char *name)
{
    return text_equal(name, "HOME") ? "/home/nobody" : NULL;
}

static void check_options(const struct cli_options *options)
{
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++) {
        const char *member = (const char *)options + cli_options[i].offset;
        int64_t duration = 0;

        if (cli_options[i].type == OPTION_DURATION) {
            memcpy(&duration, member, sizeof(duration));
            ASSERT(duration >= 0);
        }
    }
    ASSERT(options->operands != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_file file;
    struct fuzz_input input = { data, size };
    size_t words_size;
    size_t config_size;
    AUTO_TEXT char *text = fuzz_take(&input, "\n--\n", &words_size);
    AUTO_TEXT char *config = fuzz_rest(&input, &config_size);
    AUTO(arena) arena = { 0 };
    const char *items[WORDS_MAX];
    struct option_words words = { .items = items, .operands_end = config_size % 3 };
    struct option_sources sources = { .environment = nothing };
    struct cli_options options = { 0 };
    struct err err = { 0 };

    fuzz_file_set(&file, config, config_size);
    sources.config_default = file.path;
    for (char *at = text; *at != '\0' && words.count < WORDS_MAX;) {
        items[words.count++] = at;
        at += strcspn(at, "\n");
        if (*at != '\0')
            *at++ = '\0';
    }
    if (options_parse(&arena, &words, UINT64_MAX, &sources, &options, &err) == 0)
        check_options(&options);
    else
        ASSERT(err.code == ERR_INVALID);
    return 0;
}
