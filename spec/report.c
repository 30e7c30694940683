/*
 * The words of reports.
 */
#include "spec/report.h"

#include "spec/base/text.h"

#define WORLD_TEXT(name, text) text,
static const char *const container_texts[] = { CONTAINER_STATUSES(WORLD_TEXT) };
static const char *const health_texts[] = { HEALTH_STATUSES(WORLD_TEXT) };
#undef WORLD_TEXT

/* The index of `text`, or `count`. */
static size_t word_find(const char *const *words, size_t count, const char *text)
{
    size_t i = 0;
    while (i < count && !text_equal(words[i], text))
        i++;
    return i;
}

const char *container_status_text(enum container_status status)
{
    ASSERT((size_t)status < ARRAY_COUNT(container_texts));
    return container_texts[status];
}

bool container_status_parse(const char *text, enum container_status *out)
{
    size_t found = word_find(container_texts, ARRAY_COUNT(container_texts), text);
    if (found == ARRAY_COUNT(container_texts))
        return false;
    *out = (enum container_status)found;
    return true;
}

const char *health_status_text(enum health_status status)
{
    ASSERT((size_t)status < ARRAY_COUNT(health_texts));
    return health_texts[status];
}

bool health_status_parse(const char *text, enum health_status *out)
{
    size_t found = word_find(health_texts, ARRAY_COUNT(health_texts), text);
    if (found == ARRAY_COUNT(health_texts))
        return false;
    *out = (enum health_status)found;
    return true;
}
