/*
 * The configuration file: one `key: value` per setting, the keys being names of options.
 */
#ifndef RECONCILER_CLI_CONFIG_H
#define RECONCILER_CLI_CONFIG_H

#include "reconciler/cli/options.h"

/* Sets what is in the file options->config (it must exist) or sources->config_default (it may not),
 * for options of `allowed` that are not in *seen, and adds them there.  A key that no option has is
 * an error with its place; a key of another verb's option is only checked. */
int config_read(struct arena *arena, const struct option_sources *sources, uint64_t allowed,
                uint64_t *seen, struct cli_options *options, struct err *err);

#endif
