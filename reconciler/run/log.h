/*
 * What a run says while it works: one line per thing. For people on standard error; as JSON, one
 * object a line, on standard output.
 */
#ifndef RECONCILER_RUN_LOG_H
#define RECONCILER_RUN_LOG_H

#include "reconciler/run/options.h"

/* What a line is about; NULL: nothing of that kind. */
struct log_fields {
    const char *service; /* "CLUSTER/SERVICE" */
    const char *commit;
    const char *deployment;
    const char *instance;
    const char *object; /* an image, a container ... that is worked on */
    int64_t time_ms;    /* when it happened; 0: now */
};

/* "12:34:56 topic  text"; further lines of the text are indented.  Quiet runs only say errors and
 * warnings. `fields`, which may be NULL, are part of JSON alone. */
void log_line(const struct run_options *options, const char *topic, const struct log_fields *fields,
              const char *text);

#endif
