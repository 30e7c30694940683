/*
 * Text that is nearly other text: patterns, and the guess behind "did you mean".
 */
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

static const char *next_character(const char *at)
{
    at++;
    while (is_continuation(*at))
        at++;
    return at;
}

bool text_matches(const char *pattern, const char *text)
{
    const char *star = NULL; /* behind the last '*' seen */
    const char *resume = NULL;

    /* Only the last '*' ever has to take more: what an earlier one could take instead, it can too.
     * So nothing is remembered but one place to go back to. */
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?') {
            pattern++;
            text = next_character(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            resume = next_character(resume);
            text = resume;
            pattern = star;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
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
