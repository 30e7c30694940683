/*
 * What a run says while it works: one line per thing, on standard error.
 */
#ifndef RECONCILER_RUN_LOG_H
#define RECONCILER_RUN_LOG_H

#include "reconciler/run/options.h"

/* "12:34:56 topic  text"; further lines of the text are indented.  Quiet runs only say errors. */
void log_line(const struct run_options *options, const char *topic, const char *text);

#endif
