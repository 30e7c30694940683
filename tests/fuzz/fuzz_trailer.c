/*
 * Messages of commits: the word of a person is a trailer, at the end of a line of its own.
 */
#include <string.h>

#include "reconciler/run/confirm.h"
#include "tests/fuzz/fuzz.h"

/* Somewhere a line is "Berth-Confirm: prune", in any case and with any blanks. */
static bool has_line(const char *message)
{
    static const char key[] = "berth-confirm";

    for (const char *line = message; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        const char *at = line;

        if (strncasecmp(at, key, strlen(key)) != 0)
            continue;
        at += strlen(key);
        at += strspn(at, " \t");
        if (*at != ':')
            continue;
        at++;
        at += strspn(at, " \t\r\n\v\f");
        if (strncmp(at, "prune", 5) == 0 && (at[5] == '\0' || strchr(" \t\r\n\v\f", at[5]) != NULL))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *message = fuzz_rest(&input, NULL);
    struct source_commit commit = { .message = message };
    struct source_log log = { .items = &commit, .count = 1 };

    /* Never without the words of a person. */
    if (confirm_is_given(&log))
        ASSERT(has_line(message));
    return 0;
}
