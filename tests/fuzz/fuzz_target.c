/*
 * What comes back from the database as a goal: refused, or the same again when it is printed.
 */
#include <string.h>

#include "reconciler/plan/goal.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    AUTO(buf) before = { 0 };
    AUTO(buf) after = { 0 };
    struct err err = { 0 };
    AUTO(goal) *goal = goal_parse(text, size, &err);

    ASSERT((goal == NULL) == (err.code != ERR_OK));
    if (goal == NULL)
        return 0;
    buf_init(&before, FUZZ_PRINTED_MAX);
    buf_init(&after, FUZZ_PRINTED_MAX);
    target_print(goal->target, &before);
    AUTO(goal) *again = goal_parse(before.data, before.size, &err);
    ASSERT(again != NULL);
    target_print(again->target, &after);
    ASSERT(strcmp(before.data, after.data) == 0);
    ASSERT(strcmp(goal->target->revision, again->target->revision) == 0);
    (void)task_platform(goal->target->task);
    return 0;
}
