/*
 * Prints what one refresh of a repository answers, for test_fetch.sh:
 *
 *     source_tip URL STATE-DIRECTORY
 *
 * This program is its own fetching child, as berth is.
 */
#include <stdio.h>

#include "reconciler/source/source.h"
#include "spec/base/text.h"

#define TIMEOUT_MS 60000

static int print_tip(const char *url, const char *state_dir)
{
    struct source_options options = { .location = url,
                                      .state_dir = state_dir,
                                      .timeout_ms = TIMEOUT_MS };
    AUTO(source) *source = NULL;
    struct source_tip tip = { 0 };
    struct err err = { 0 };
    int result;

    if (source_global_init(&err) < 0 || source_open(&options, &source, &err) < 0)
        return 1;
    result = source_refresh(source, &tip, &err);
    if (result < 0)
        (void)printf("%s: %s\n", err_code_text(err.code), err.text);
    else
        (void)printf("%s\n", tip.state == SOURCE_FOUND ? tip.commit : tip.text);
    source_close(TAKE(source));
    source_global_exit();
    return result < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && text_equal(argv[1], SOURCE_FETCH_VERB))
        return source_fetch_main();
    if (argc == 3)
        return print_tip(argv[1], argv[2]);
    (void)fprintf(stderr, "usage: source_tip URL STATE-DIRECTORY\n");
    return 2;
}
