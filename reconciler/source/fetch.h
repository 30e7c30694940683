/*
 * A fetch in a child process with a deadline.  The two ends of the pipe between them.
 */
#ifndef RECONCILER_SOURCE_FETCH_H
#define RECONCILER_SOURCE_FETCH_H

#include "reconciler/source/source.h"

#define FETCH_RECORD_MAX 16384 /* bytes of a request, of an answer and of the child's own words */

struct fetch_request {
    const char *location;  /* a URL; goes to the child's standard input, never to a command line */
    const char *branch;    /* as in source_options */
    const char *directory; /* of the bare clone; made when it is not there */
    bool afresh;           /* throw away what is there */
    int64_t timeout_ms;
};

/* Runs the child, waits for it at most timeout_ms, kills it and all that it started (ssh) then. */
int fetch_run(const struct fetch_request *request, struct source_tip *out, struct err *err);

/* What the child does: brings the branch's newest commit into the clone.  May run only in a process
 * of its own: it blocks without limit and sets global options of libgit2. */
int fetch_perform(const struct fetch_request *request, struct source_tip *out, struct err *err);

#endif
