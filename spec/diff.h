/*
 * The difference of two records, field by field, for plans and for people.
 */
#ifndef SPEC_DIFF_H
#define SPEC_DIFF_H

#include "spec/base/err.h"
#include "spec/field.h"

/* What stands for a value that must not be shown. */
#define DIFF_SENSITIVE "(sensitive)"

struct field_diff {
    const char *path;         /* "containerDefinitions[web].image", "environment[COLOR]" */
    const char *old_text;     /* NULL: absent */
    const char *new_text;     /* NULL: absent.  Both are DIFF_SENSITIVE of a secret */
    enum field_change change; /* what it does to running tasks */
    bool secret;
};

/* The texts live until it returns. */
typedef void record_diff_fn(void *context, const struct field_diff *diff);

/*
 * Calls back for each value that differs, in the order of the table.  old NULL: all that is not the
 * default is new; new NULL: all of it goes.  Records in lists are matched by their name where they
 * have one, and by their position otherwise.
 */
void record_diff(const struct record *record, const void *old, const void *new,
                 record_diff_fn *callback, void *context);

#endif
