/*
 * Verbs: one table (verbs.def) that dispatch, help, completion, the man page and the reference
 * read.
 */
#ifndef RECONCILER_CLI_VERBS_H
#define RECONCILER_CLI_VERBS_H

#include "reconciler/cli/cli.h"

/* X(constant, title in help), in the order help prints them. */
#define VERB_GROUPS(X)                                                                             \
    X(RECONCILE, "Reconcile a repository")                                                         \
    X(LOOK, "Look at what runs")                                                                   \
    X(STEER, "Steer")                                                                              \
    X(WRITE, "Write manifests")                                                                    \
    X(OTHER, "Other")                                                                              \
    X(HIDDEN, NULL)

#define VERB_GROUP_ENUM(name, title) VERBS_##name,
enum verb_group { VERB_GROUPS(VERB_GROUP_ENUM) VERB_GROUP_COUNT };
#undef VERB_GROUP_ENUM

struct cli_verb {
    const char *name; /* one word, or two with a space between: then the first is a verb too */
    enum verb_group group;
    int (*handler)(struct cli *cli);
    uint64_t options;     /* besides those that every verb has */
    const char *operands; /* "SERVICE", "[PATH...]"; NULL: none */
    size_t operands_min;
    size_t operands_max;
    size_t operands_end; /* struct option_words */
    enum completion complete;
    const char *summary;  /* begins with a verb, no full stop */
    const char *details;  /* full sentences in paragraphs; NULL: the summary says it all */
    const char *examples; /* lines "berth ...", without the prompt; may be NULL */
};

#define VERBS_ANY ((size_t)1 << 20)

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;

#define OPTS_EVERY (OPT(HELP) | OPT(CONFIG) | OPT(NO_COLOR))

const struct cli_verb *verb_find(const char *name); /* NULL: there is none */
/* The longest that the first words are, one or two: *out_taken.  NULL: none; *out_taken is 0. */
const struct cli_verb *verb_of_words(const char *const *words, size_t count, size_t *out_taken);
const char *verb_nearest(const char *name); /* NULL: nothing is near */
/* What is done here instead of a verb that other tools have; NULL: we know of none. */
const char *verb_instead(const char *name);
const char *verb_group_title(enum verb_group group);

#define VERB(id, ...) int cmd_##id(struct cli *cli);
#include "reconciler/cli/verbs.def"
#undef VERB

#endif
