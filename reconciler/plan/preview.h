/*
 * Preview: what a commit would do, before it is in force. It compares goals with what is remembered
 * and with what runs (or with another commit), field by field, and says how the rollout would go
 * and what it does to availability, by the same arithmetic that the rollout uses. What a service
 * would wait for is asked of the planner itself, on a memory that is thrown away. Images and
 * Clusters are compared with those of the commit before.
 */
#ifndef RECONCILER_PLAN_PREVIEW_H
#define RECONCILER_PLAN_PREVIEW_H

#include "reconciler/plan/plan.h"
#include "spec/base/json.h"

/* X(constant, text, mark): what happens to a service. */
#define PREVIEW_VERDICTS(X)                                                                        \
    X(NONE, "no change", " ")                                                                      \
    X(CREATE, "create", "+")                                                                       \
    X(REPLACE, "replace", "-/+")                                                                   \
    X(UPDATE, "update in place", "~")                                                              \
    X(REMOVE, "remove", "-")                                                                       \
    X(CONTINUE, "rollout under way", "~") /* it was begun by a commit before */                    \
    X(REPAIR, "repair", "~")              /* what runs is not what is declared */                  \
    X(SUSPENDED, "suspended", " ")        /* nothing happens until it is resumed */                \
    X(QUARANTINED, "quarantined", " ")    /* its revision failed and is not tried again */         \
    X(LEFT, "left as it is", " ")         /* all that could be done is done, and not all is well */

#define PREVIEW_ENUM(name, text, mark) PREVIEW_##name,
enum preview_verdict { PREVIEW_VERDICTS(PREVIEW_ENUM) PREVIEW_VERDICT_COUNT };
#undef PREVIEW_ENUM

const char *preview_verdict_text(enum preview_verdict verdict);
const char *preview_verdict_mark(enum preview_verdict verdict);

struct preview_field {
    const char *path;
    const char *old_text; /* NULL: absent */
    const char *new_text; /* NULL: absent */
    bool rolls;           /* it forces new tasks */
};

/* So many new tasks go there. */
struct preview_place {
    const char *instance;
    uint32_t tasks;
};

struct preview_service {
    const char *key;
    enum preview_verdict verdict;
    const char *cause;   /* "fields marked 'new tasks' cannot change in a running task" */
    const char *rollout; /* "3 tasks, new before old: at most 6 run, never fewer than 3 healthy" */
    const char *file;    /* of the manifest; NULL: it is gone */
    uint32_t line;
    bool downtime; /* fewer than the desired tasks serve for a while */
    bool held;     /* its removal would wait for a confirmation */
    struct preview_field *fields;
    size_t field_count;
    const char **builds; /* tags of images that are not on an engine yet, */
    bool builds_for_all; /* by one instance for all that need them */
    size_t build_count;
    const char **pulls; /* references that are pulled and pinned */
    size_t pull_count;
    const char **deletes; /* volumes that go with it, by their names on the engine */
    size_t delete_count;
    struct preview_place *places; /* on several instances; in the order of the manifest */
    size_t place_count;
    const char **notes; /* what else is to be known, one sentence each */
    size_t note_count;
    const char *wait; /* what is in its way; NULL: nothing */
};

/* An Image or a Cluster that is new, gone or written in another way. */
struct preview_resource {
    enum kind kind;
    const char *name;
    enum preview_verdict verdict; /* CREATE, UPDATE or REMOVE */
    const char *cause;
    const char *effect; /* NULL: what services say of themselves is all */
    const char *file;   /* of the manifest; NULL: it is gone */
    uint32_t line;
    bool held; /* its removal would wait for a confirmation */
    struct preview_field *fields;
    size_t field_count;
};

struct preview {
    struct preview_service *services; /* in the order of execution: dependencies first */
    size_t count;
    struct preview_resource *resources; /* those that go are last, as they go after all else */
    size_t resource_count;
    size_t counts[PREVIEW_VERDICT_COUNT]; /* of both */
    size_t held;
    const char *blocked;    /* why nothing can be done and what runs is not known; NULL: it can */
    const char *uncompared; /* why Images and Clusters are not in it; NULL: they are */
};

/* What a commit is compared with. */
struct preview_base {
    const struct desired *before; /* offline: another commit, and nothing else; NULL: live, with
                                   * what is remembered and what runs, and */
    const struct generation *in_force; /* the commit that is in force; NULL: there is none, or */
    const char *unreadable;            /* it cannot be read, for this reason */
};

/* input->desired is the commit to preview, prune_allowed says of it that removals are confirmed.
 * Offline world and memory may be empty. */
void preview_compute(const struct plan_input *input, const struct preview_base *base,
                     struct arena *arena, struct preview *out);

/* Something would happen. */
bool preview_has_changes(const struct preview *preview);

/* For a terminal; marks in column 1, so that a ```diff block colours them. */
void preview_print_text(const struct preview *preview, struct buf *out);
/* For a pull request's comment: under 65,536 characters, and nothing that the repository says is
 * taken for markup, a mention or the end of a block. */
void preview_print_markdown(const struct preview *preview, const char *commit, const char *subject,
                            struct buf *out);
struct json *preview_json(const struct preview *preview);

#endif
