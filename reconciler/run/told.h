/*
 * What was told last of each thing that is under way, and what is due: a text only when it is
 * another one than was told last, not more often than every so often, and nothing of what is over
 * before it has lasted a moment. Pure: the caller has the clock.
 */
#ifndef RECONCILER_RUN_TOLD_H
#define RECONCILER_RUN_TOLD_H

#include "spec/base/base.h"
#include "spec/base/hash.h"

#define TOLD_FIRST_MS 1000 /* what is over sooner is not told at all */

/* A service, by "CLUSTER/SERVICE", or long work on an image. */
struct told {
    char *key;
    char *object; /* what is worked on; NULL: it is a service */
    char *text;   /* as it is now; NULL: it is over */
    char *said;   /* last; NULL: nothing yet */
    uint64_t id;  /* of that: what is said later has a higher one */
    int64_t since_ms;
    int64_t said_ms;
    bool seen; /* by the look that goes on */
    UT_hash_handle by_key;
};

/* Zeroed is empty. */
struct told_list {
    struct told *items;
    uint64_t last_id;
};

void told_release(struct told_list *list);
/* Nothing was told of anything; ids go on. */
void told_forget(struct told_list *list);

/* A look at everything that is under way: begin, one note for each, end.  Only the first line of a
 * text, and at most `size` bytes of it, count. */
void told_begin(struct told_list *list);
struct told *told_note(struct told_list *list, const char *key, const char *text, size_t size,
                       int64_t now_ms);
/* Calls `say` for each text that is due.  True: another is not due yet. */
typedef void told_say_fn(void *context, const struct told *told);
bool told_end(struct told_list *list, int64_t now_ms, told_say_fn *say, void *context);

/* Was its text, as it is now, told? */
bool told_is_current(const struct told *told);

#endif
