/*
 * Text that is nearly other text: the guess behind "did you mean".
 */
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Changes, insertions, deletions and swaps of neighbours that lead from a to b (optimal string
 * alignment); case is no difference. */
static uint32_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    uint32_t rows[3][LIMIT_NAME + 1];
    uint32_t *before = rows[0]; /* two rows up, for the swaps */
    uint32_t *above = rows[1];
    uint32_t *row = rows[2];

    ASSERT(a_size <= LIMIT_NAME && b_size <= LIMIT_NAME);
    for (size_t j = 0; j <= b_size; j++)
        above[j] = before[j] = (uint32_t)j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_size; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            uint32_t best = above[j - 1] + (same ? 0 : 1);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        uint32_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_size];
}

const char *text_nearest(const char *text, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t size = text != NULL ? strlen(text) : 0;

    if (size == 0 || size > LIMIT_NAME)
        return NULL;
    /* A third of it may be wrong, but never all of it. */
    size_t limit = (size + 2) / 3 < size ? (size + 2) / 3 : size - 1;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = candidates[i];
        size_t candidate_size = candidate != NULL ? strlen(candidate) : 0;
        if (candidate_size == 0 || candidate_size > LIMIT_NAME || candidate_size > size + limit ||
            size > candidate_size + limit)
            continue;
        size_t steps = distance(text, size, candidate, candidate_size);
        if (steps > limit || (nearest != NULL && steps == limit))
            continue;
        nearest = candidate;
        limit = steps;
    }
    return nearest;
}
