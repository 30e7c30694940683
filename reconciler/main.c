/*
 * The program: hands its words to the command line.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"

static const char *environment(const char *name)
{
    return getenv(name);
}

int main(int argc, char **argv)
{
    struct cli_start start = {
        .words = (const char *const *)argv + 1,
        .word_count = argc > 1 ? (size_t)argc - 1 : 0,
        .sources = { .environment = environment, .config_default = "/etc/berth/berth.yaml" },
        .out = stdout,
        .errors = stderr,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
    };

    /* A closed pipe is an error of the write, not a death. */
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_run(&start);
}
