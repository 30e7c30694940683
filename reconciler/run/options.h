/*
 * What `berth run`, `apply` and `plan` were asked to do, as plain values: the command line fills it
 * (flag > BERTH_* environment > configuration file > default), the run reads it.
 *
 * All texts live as long as the process.  Everything is already checked for its form: durations are
 * positive, folders absolute.  A NULL text means "not given" where that is allowed.
 */
#ifndef RECONCILER_RUN_OPTIONS_H
#define RECONCILER_RUN_OPTIONS_H

#include "spec/base/base.h"

/* X(constant, text).  How a plan, a status or a list is printed. */
#define OUTPUT_FORMATS(X)                                                                          \
    X(TEXT, "text")                                                                                \
    X(JSON, "json")                                                                                \
    X(MARKDOWN, "markdown")

#define OUTPUT_ENUM(name, text) OUTPUT_##name,
enum output_format { OUTPUT_FORMATS(OUTPUT_ENUM) OUTPUT_FORMAT_COUNT };
#undef OUTPUT_ENUM

struct run_options {
    /* The source. */
    const char *repo;       /* a folder or a URL, as given; never NULL */
    const char *branch;     /* NULL: HEAD */
    const char *path;       /* folder of the manifests in the repository; "": all of it */
    int64_t interval_ms;    /* between two looks at a URL; a local repository is watched */
    int64_t git_timeout_ms; /* of one fetch */

    /* Who we are and what we remember. */
    const char *owner;     /* a name, text_is_name() */
    const char *state_dir; /* absolute; may not exist yet */
    bool take_over;        /* an engine that another repository claimed becomes ours */

    /* The local engine. */
    const char *docker_host;      /* "unix:///var/run/docker.sock" or "tcp://HOST:PORT" */
    const char *docker_cert_path; /* folder of ca.pem, cert.pem, key.pem; NULL: plain */

    int64_t metrics_interval_ms; /* between two samples, 1 to 60 s; 0: none are taken */

    /* The API besides STATE/berth.sock. */
    const char *listen; /* "HOST:PORT"; NULL: the socket only */

    /* `apply`: until converged; `run`: until a signal. */
    bool once;
    int64_t timeout_ms;    /* of an apply; 0: none */
    bool confirm_removals; /* a held commit's removals are wanted, as `berth confirm` says */

    /* `plan`. */
    const char *ref;  /* the commit to plan; NULL: the tip of the branch */
    const char *base; /* compared with; NULL: what runs now */
    bool offline;     /* compare two commits, ask no engine */
    bool detailed_exitcode;

    /* How to speak. */
    enum output_format output;
    bool is_quiet;   /* no progress, only results and errors */
    bool is_verbose; /* `run` logs each action with its cause */
    bool has_color;  /* of standard output */
};

#endif
