/*
 * The stream of a build, pull or push, from an Engine (a value a line) or from the docker client
 * (plain lines): the first line chooses.  Nothing that a terminal obeys comes out, and every text
 * ends within its room.
 */
#include <string.h>

#include "drivers/docker/progress.h"
#include "tests/fuzz/fuzz.h"

static void check_plain(void *ctx, const char *line)
{
    (*(size_t *)ctx)++;
    for (; *line != '\0'; line++)
        ASSERT((unsigned char)*line >= ' ' || *line == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    bool is_client = fuzz_choice(&input, 2) == 1;
    struct progress progress = { 0 };
    struct err err = { 0 };
    char shown[300];
    size_t lines = 0;

    while (input.size > 0) {
        size_t line_size;
        AUTO_TEXT char *line = fuzz_take(&input, "\n", &line_size);

        if (is_client) {
            progress_client_line(&progress, line, check_plain, &lines);
        } else {
            AUTO(json) *value = json_parse(line, line_size, NULL);
            progress_feed(&progress, value, check_plain, &lines);
        }
        progress_text(&progress, shown, sizeof(shown));
        ASSERT(strlen(shown) < sizeof(shown) && progress.layer_count <= PROGRESS_LAYERS_MAX);
        ASSERT(progress.tail.size <= PROGRESS_TAIL_BYTES);
    }
    if (is_client)
        progress_client_error(&progress);
    (void)progress_needs_buildkit(&progress);
    int result = progress_fail(&progress, &err);
    ASSERT(result == -1 && err.code != ERR_OK);
    progress_release(&progress);
    return 0;
}
