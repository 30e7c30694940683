/*
 * Options: one table (options.def), one parser.
 *
 * A value comes from the flag, else from BERTH_NAME in the environment, else from the configuration
 * file, else from the default.  `--name=value`, `--name value`, `-n value`, `-nvalue` and letters
 * run together (`-it`) all work; `--` ends the options.
 */
#ifndef RECONCILER_CLI_OPTIONS_H
#define RECONCILER_CLI_OPTIONS_H

#include "reconciler/run/options.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"

struct cli_options {
    struct run_options run;
    uint64_t given;              /* a set: those of the command line */
    const char *const *operands; /* the words that are no options, in the arena; NULL-terminated */
    bool help;
    const char *config; /* NULL: the system's, which may be missing */
    bool no_color;
    const char *server; /* NULL: the socket in run.state_dir */
    bool all;
    const char *cluster;
    const char *container;
    const char *instances; /* names, separated by commas */
    bool follow;
    uint32_t tail; /* 0: all */
    const char *since;
    bool timestamps;
    uint32_t limit;
    bool interactive;
    bool tty;
    const char *user;
    const char *workdir;
    bool retry;
    bool done;
    bool commits;
    const char *reason;
    uint32_t count;
    const char *overrides;
    const char *started_by;
    bool wait;
    const char *family;
    const char *schedule;
    const char *log;
    int64_t period_ms;
    int64_t range_ms;
};

enum option_type {
    OPTION_FLAG,     /* bool; no value on the command line, true or false elsewhere */
    OPTION_TEXT,     /* const char * */
    OPTION_NAME,     /* const char *, text_is_name() */
    OPTION_NAMES,    /* const char *, such names with commas between; given again, they are added */
    OPTION_FOLDER,   /* const char *, made absolute */
    OPTION_LISTEN,   /* const char *, HOST:PORT */
    OPTION_DURATION, /* int64_t, milliseconds above 0 */
    OPTION_SAMPLING, /* int64_t, milliseconds: 0, or whole seconds up to 60 of them */
    OPTION_COUNT,    /* uint32_t */
    OPTION_FORMAT,   /* enum output_format */
};

/* What a shell offers for a value or an operand.  X(constant, "path of the API that lists them") */
#define COMPLETIONS(X)                                                                             \
    X(NOTHING, NULL)                                                                               \
    X(FILE, NULL)                                                                                  \
    X(FOLDER, NULL)                                                                                \
    X(FORMAT, NULL)                                                                                \
    X(SHELL, NULL)                                                                                 \
    X(KIND, NULL)                                                                                  \
    X(VERB, NULL)                                                                                  \
    X(CLUSTER, "clusters")                                                                         \
    X(SERVICE, "services")                                                                         \
    X(SCHEDULE, "schedules")                                                                       \
    X(TASK, "tasks")                                                                               \
    X(INSTANCE, "instances")                                                                       \
    X(TARGET, "targets") /* services, tasks and containers */

#define COMPLETE_ENUM(name, source) COMPLETE_##name,
enum completion { COMPLETIONS(COMPLETE_ENUM) COMPLETION_COUNT };
#undef COMPLETE_ENUM

struct cli_option {
    const char *name;
    char letter; /* 0: none.  Two options may share one when no verb has both */
    enum option_type type;
    size_t offset;        /* in struct cli_options */
    const char *argument; /* NULL for a flag */
    const char *initial;  /* NULL: what a zeroed struct says */
    bool is_setting;
    enum completion complete;
    const char *help;
};

#define OPTION(name, ...) OPT_##name,
enum option_id {
#include "reconciler/cli/options.def"
    OPTION_COUNT_ALL
};
#undef OPTION

/* Sets of options are uint64_t: OPT(BRANCH) | OPT(PATH). */
#define OPT(name) ((uint64_t)1 << OPT_##name)
_Static_assert(OPTION_COUNT_ALL <= 64, "a set of options is one uint64_t");

extern const struct cli_option cli_options[OPTION_COUNT_ALL];

/* "BERTH_DOCKER_HOST" of "docker-host", in the arena. */
const char *option_environment(struct arena *arena, const struct cli_option *option);

/* Where settings come from besides the command line. */
struct option_sources {
    const char *(*environment)(const char *name); /* getenv() but in tests */
    const char *config_default;                   /* used when --config names no other */
    const char *const *variables; /* "NAME=VALUE", ended by NULL; NULL: none are looked through */
};

/* What was typed. */
struct option_words {
    const char *const *items;
    size_t count;
    /* Once so many operands came the rest are operands too, whatever they look like; 0: never. */
    size_t operands_end;
};

/* Fills *out with the options of `allowed` and the operands.  ERR_INVALID says what is wrong and
 * what would be right. */
int options_parse(struct arena *arena, const struct option_words *words, uint64_t allowed,
                  const struct option_sources *sources, struct cli_options *out, struct err *err);

/* One value, as the command line and the files give it. */
int option_set(struct arena *arena, const struct cli_option *option, const char *text,
               struct cli_options *out, struct err *err);

#endif
