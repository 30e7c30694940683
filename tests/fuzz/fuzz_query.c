/*
 * Expressions of the cluster query language: what is read can be asked, `not` of it is the
 * opposite, and an error names a character of the text.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/query.h"
#include "tests/fuzz/fuzz.h"

#define INSTANCES 4

static const char *attribute(const struct query_facts *facts, const char *name)
{
    return facts->running_tasks == 0 ? NULL : name;
}

static const char *group(const struct query_facts *facts, size_t index)
{
    static const char *const groups[] = { "service:web", "service:db" };

    return index < facts->running_tasks && index < ARRAY_COUNT(groups) ? groups[index] : NULL;
}

static void check_error(const char *text, const struct err *err)
{
    static const char prefix[] = "at character ";
    size_t position = 0;

    ASSERT(err->code == ERR_INVALID && text_starts(err->text, prefix));
    for (const char *at = err->text + strlen(prefix); *at >= '0' && *at <= '9'; at++)
        position = position * 10 + (size_t)(*at - '0');
    ASSERT(position >= 1 && position <= strlen(text) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    AUTO_TEXT char *text = fuzz_rest(&input, NULL);
    AUTO(arena) arena = { 0 };
    struct err err = { 0 };
    const struct query *query = query_parse(text, &arena, &err);
    struct query_facts facts[INSTANCES];
    bool matches[INSTANCES] = { true, true, true, false };
    bool opposite[INSTANCES] = { true, true, true, false };

    if (query == NULL) {
        check_error(text, &err);
        return 0;
    }
    for (size_t i = 0; i < INSTANCES; i++)
        facts[i] = (struct query_facts){ .name = i == 0 ? "a" : "i-1234",
                                         .connected = i != 1,
                                         .agent_version = i == 2 ? NULL : "20.10.24",
                                         .registered_ms = (int64_t)i * 1000000000000,
                                         .running_tasks = (uint32_t)i,
                                         .attribute = attribute,
                                         .group = group };
    query_select(query, facts, INSTANCES, matches);
    ASSERT(!matches[INSTANCES - 1]); /* what was not asked about is not let in */
    query = query_parse(arena_printf(&arena, "not(%s)", text), &arena, &err);
    if (query == NULL)
        return 0; /* it is as long or as deep as it may be */
    query_select(query, facts, INSTANCES, opposite);
    for (size_t i = 0; i + 1 < INSTANCES; i++)
        ASSERT(matches[i] != opposite[i]);
    return 0;
}
