/*
 * A trailer of git's.
 */
#include "reconciler/run/confirm.h"

#define CONFIRM_KEY   "Berth-Confirm"
#define CONFIRM_VALUE "prune"

bool confirm_is_given(const struct source_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        if (source_commit_has_trailer(&log->items[i], CONFIRM_KEY, CONFIRM_VALUE))
            return true;
    }
    return false;
}
