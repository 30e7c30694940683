/*
 * Preview: what a commit would do, before it is in force. It compares goals with what is remembered
 * (or with another commit), field by field, and says how the rollout would go and what it does to
 * availability, by the same arithmetic that the rollout uses.
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
    X(REMOVE, "remove", "-")

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
    const char **builds; /* tags of images that are not on the engine yet */
    size_t build_count;
    const char **pulls; /* references that are pulled and pinned */
    size_t pull_count;
};

struct preview {
    struct preview_service *services; /* in the order of execution: dependencies first */
    size_t count;
    size_t created, replaced, updated, removed, unchanged;
    size_t held;
};

/* input->desired is the commit to preview; `before` NULL: compared with what is remembered (live),
 * else with that commit (offline; world and memory may then be empty). */
void preview_compute(const struct plan_input *input, const struct desired *before,
                     struct arena *arena, struct preview *out);

bool preview_has_changes(const struct preview *preview);

/* The summary line: "Plan: 1 to create, 2 to replace, ...". */
const char *preview_summary(const struct preview *preview, struct arena *arena);
/* For a terminal; marks in column 1, so that a ```diff block colours them. */
void preview_print_text(const struct preview *preview, struct buf *out);
/* For a pull request's comment; under 65,536 characters. */
void preview_print_markdown(const struct preview *preview, const char *title, struct buf *out);
struct json *preview_json(const struct preview *preview);

#endif
