/*
 * The program: hands its words to the command line.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "reconciler/source/source.h"
#include "spec/base/libraries.h"

static const char *environment(const char *name)
{
    return getenv(name);
}

int main(int argc, char **argv)
{
    struct cli_start start = {
        .words = (const char *const *)argv + 1,
        .word_count = argc > 1 ? (size_t)argc - 1 : 0,
        .sources = { .environment = environment,
                     .config_default = "/etc/berth/berth.yaml",
                     .variables = (const char *const *)environ },
        .out = stdout,
        .errors = stderr,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
    };

    libraries_take_memory();
    if (argc == 2 && strcmp(argv[1], SOURCE_FETCH_VERB) == 0)
        return source_fetch_main();
    /* A closed pipe is an error of the write, not a death. */
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_run(&start);
}
