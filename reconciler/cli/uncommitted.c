/*
 * Commits count, files do not.
 */
#include "reconciler/cli/uncommitted.h"

#include "reconciler/run/follow.h"
#include "reconciler/source/source.h"
#include "spec/base/buf.h"

#define NAMED_MAX 5

static void warn(struct cli *cli, const struct source_paths *paths)
{
    AUTO(buf) names = { 0 };

    buf_init(&names, 64 * 1024);
    for (size_t i = 0; i < paths->count && i < NAMED_MAX; i++)
        buf_printf(&names, "%s%s", i == 0 ? "" : ", ", paths->items[i]);
    if (paths->count > NAMED_MAX)
        buf_printf(&names, " and %zu more", paths->count - NAMED_MAX);
    cli_print(cli->errors, "warning: changed, but not committed, so no part of this: %s\n",
              buf_text(&names));
}

void uncommitted_warn(struct cli *cli)
{
    const struct source_options options = follow_options(&cli->options.run);
    AUTO(source) *source = NULL;
    struct source_paths paths;

    if (cli->options.run.is_quiet || source_global_init(NULL) < 0)
        return;
    if (source_open(&options, &source, NULL) == 0 &&
        source_uncommitted(source, cli->arena, &paths, NULL) == 0 && paths.count > 0)
        warn(cli, &paths);
    source_close(TAKE(source));
    source_global_exit();
}
