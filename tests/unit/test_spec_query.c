/*
 * The cluster query language: Amazon's examples, precedence, what absence means, errors.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/query.h"
#include "tests/unit/unit.h"

struct host {
    const char *zone; /* NULL: it has none */
    const char *type;
    const char *groups[3];
};

static const struct host hosts[] = {
    { "us-east-1a", "g2.2xlarge", { "service:production" } },
    { "us-east-1d", "g2.8xlarge", { "database", "service:web" } },
    { NULL, "t2.micro", { NULL } },
};

static const char *attribute(const struct query_facts *facts, const char *name)
{
    const struct host *host = facts->context;

    if (text_equal(name, "ecs.availability-zone"))
        return host->zone;
    return text_equal(name, "ecs.instance-type") ? host->type : NULL;
}

static const char *group(const struct query_facts *facts, size_t index)
{
    const struct host *host = facts->context;

    return host->groups[index];
}

/* "101": the first and the third match. */
static const char *ask(const char *text, struct arena *arena)
{
    struct err err = { 0 };
    const struct query *query = query_parse(text, arena, &err);
    struct query_facts facts[ARRAY_COUNT(hosts)];
    bool matches[] = { true, true, true };
    char *out = arena_text(arena, "000");

    if (query == NULL)
        return arena_text(arena, err.text);
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++)
        facts[i] = (struct query_facts){ .name = i == 0   ? "i-abcd1234"
                                                 : i == 1 ? "i-2"
                                                          : "i-3",
                                         .connected = i != 2,
                                         .agent_version = i == 2   ? NULL
                                                          : i == 1 ? "1.9"
                                                                   : "1.14.5",
                                         .registered_ms = i == 2 ? 0 : 1529360908000 + (int64_t)i,
                                         .running_tasks = (uint32_t)i,
                                         .attribute = attribute,
                                         .group = group,
                                         .context = &hosts[i] };
    query_select(query, facts, ARRAY_COUNT(hosts), matches);
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++)
        out[i] = matches[i] ? '1' : '0';
    return out;
}

#define assert_answer(text, expected)                                                              \
    do {                                                                                           \
        AUTO(arena) arena = { 0 };                                                                 \
        assert_string_equal(ask((text), &arena), (expected));                                      \
    } while (0)

static void amazons_examples(void **state)
{
    (void)state;
    assert_answer("attribute:ecs.instance-type =~ g2.* and "
                  "attribute:ecs.availability-zone != us-east-1d",
                  "100");
    assert_answer("task:group == service:production", "100");
    assert_answer("not(task:group == database)", "101");
    assert_answer("agentVersion < 1.14.5", "010");
    assert_answer("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", "100");
    assert_answer("registeredAt > 2018-06-18T22:28:28+00:00", "010");
    assert_answer("registeredAt >= 2018-06-18T22:28:28Z", "110");
    assert_answer("registeredAt < 2018-06-19", "110");
    assert_answer("registeredAt == 2018-06-18T22:28:28", "100");
}

static void all_operators_in_both_forms(void **state)
{
    (void)state;
    assert_answer("ec2InstanceId == i-2", "010");
    assert_answer("ec2InstanceId equals i-2", "010");
    assert_answer("ec2InstanceId!=i-2", "101");
    assert_answer("ec2InstanceId not_equals i-2", "101");
    assert_answer("ec2InstanceId !in [i-2,i-3]", "100");
    assert_answer("ec2InstanceId not_in [ i-2 , \"i-3\" ]", "100");
    assert_answer("ec2InstanceId matches i-[23]", "011");
    assert_answer("ec2InstanceId !~ 'i-(2|3)'", "100");
    assert_answer("ec2InstanceId not_matches i-.", "100");
    assert_answer("runningTasksCount > 1", "001");
    assert_answer("runningTasksCount greater_than 1", "001");
    assert_answer("runningTasksCount>=1", "011");
    assert_answer("runningTasksCount greater_than_equal 1", "011");
    assert_answer("runningTasksCount < 1", "100");
    assert_answer("runningTasksCount less_than 1", "100");
    assert_answer("runningTasksCount <= 1", "110");
    assert_answer("runningTasksCount less_than_equal 1", "110");
    assert_answer("attribute:ecs.availability-zone exists", "110");
    assert_answer("attribute:ecs.availability-zone !exists", "001");
    assert_answer("attribute:ecs.availability-zone not_exists", "001");
    assert_answer("agentConnected == true", "110");
    assert_answer("agentConnected != true", "001");
}

static void not_binds_closest_then_and_then_or(void **state)
{
    (void)state;
    assert_answer("ec2InstanceId == i-2 or ec2InstanceId == i-3 and runningTasksCount == 9", "010");
    assert_answer("(ec2InstanceId == i-2 or ec2InstanceId == i-3) and runningTasksCount == 2",
                  "001");
    assert_answer("not ec2InstanceId == i-2 and runningTasksCount == 2", "001");
    assert_answer("!(ec2InstanceId == i-2 && runningTasksCount == 1) || agentConnected == false",
                  "101");
    assert_answer("not not ec2InstanceId == i-2", "010");
}

static void a_value_that_is_not_there_equals_nothing(void **state)
{
    (void)state;
    assert_answer("attribute:ecs.availability-zone == us-east-1a", "100");
    assert_answer("attribute:ecs.availability-zone != us-east-1a", "011");
    assert_answer("attribute:ecs.availability-zone !~ us.*", "001");
    assert_answer("attribute:ecs.availability-zone not_in [us-east-1a]", "011");
    assert_answer("agentVersion >= 0", "110");
    assert_answer("task:group != database", "101");
}

static void an_expression_matches_the_whole_value(void **state)
{
    (void)state;
    assert_answer("attribute:ecs.instance-type =~ g2", "000");
    assert_answer("attribute:ecs.instance-type =~ g2.*|t2.*", "111");
    assert_answer("attribute:ecs.instance-type =~ '[gt]2[.].{5}'", "001");
}

static void errors_name_the_character(void **state)
{
    AUTO(arena) texts = { 0 };
    char deep[200];

    (void)state;
    assert_answer("", "at character 1: a subject is missing: attribute:NAME, task:group, "
                      "ec2InstanceId, agentConnected, agentVersion, registeredAt or "
                      "runningTasksCount");
    assert_answer("ec2InstanceId", "at character 14: an operator is missing, as ==, !=, in, =~ or "
                                   "exists");
    assert_answer("ec2InstanceId > a", "at character 15: the subject has no such operator");
    assert_answer("task:group exists", "at character 12: the subject has no such operator");
    assert_answer("ec2InstanceId == ", "at character 18: a value is missing");
    assert_answer("ec2InstanceId == 'a", "at character 18: the quote is not closed");
    assert_answer("ec2InstanceId in a", "at character 18: a list is missing, as [a, b]");
    assert_answer("ec2InstanceId in [a b]", "at character 21: ']' or ',' is missing");
    assert_answer("ec2InstanceId == a b", "at character 20: 'and' or 'or' is missing");
    assert_answer("(ec2InstanceId == a", "at character 20: ')' is missing");
    assert_answer("ec2InstanceId =~ a(b)", "at character 19: a value with this character stands "
                                           "in quotes");
    assert_answer("ec2InstanceId =~ '(a'", "at character 18: no regular expression: Unmatched ( or "
                                           "\\(");
    assert_answer("ec2InstanceId =~ '(a)\\1'", "at character 18: a regular expression cannot refer "
                                               "back to a group");
    assert_answer("ec2InstanceId =~ '((a{40}){40})'", "at character 18: the regular expression "
                                                      "repeats too much of itself");
    assert_answer("runningTasksCount == many", "at character 22: the value is a number");
    assert_answer("agentConnected == yes", "at character 19: the value is true or false");
    assert_answer("registeredAt == today", "at character 17: the value is a date, as "
                                           "2018-06-18T22:28:28+00:00");
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_string_equal(ask(deep, &texts), "at character 33: the expression is nested too deeply");
    char *text = arena_alloc(&texts, QUERY_SIZE_MAX + 2);
    memset(text, ' ', QUERY_SIZE_MAX + 1);
    assert_string_equal(ask(text, &texts),
                        "at character 2001: an expression has at most 2000 characters");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(amazons_examples),
        cmocka_unit_test(all_operators_in_both_forms),
        cmocka_unit_test(not_binds_closest_then_and_then_or),
        cmocka_unit_test(a_value_that_is_not_there_equals_nothing),
        cmocka_unit_test(an_expression_matches_the_whole_value),
        cmocka_unit_test(errors_name_the_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
