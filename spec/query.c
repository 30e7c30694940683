/*
 * The cluster query language: asking.
 */
#include "spec/query.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/text.h"
#include "spec/query_int.h"

/* Of one test: what it needs for every instance alike. */
struct asking {
    const struct query *test;
    regex_t regex; /* MATCHES, NOT_MATCHES */
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Versions compare piece by piece, numbers as numbers: 1.9 < 1.14.5. */
static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            size_t left = strspn(a, "0123456789");
            size_t right = strspn(b, "0123456789");
            int order = left != right ? (left < right ? -1 : 1) : strncmp(a, b, left);
            if (order != 0)
                return order;
            a += left;
            b += right;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return 0;
}

static bool holds(enum query_operator operator, int order)
{
    if (operator== OPERATOR_GREATER)
        return order > 0;
    if (operator== OPERATOR_GREATER_EQUAL)
        return order >= 0;
    if (operator== OPERATOR_LESS)
        return order < 0;
    if (operator== OPERATOR_LESS_EQUAL)
        return order <= 0;
    return order == 0;
}

static bool is_listed(const struct query *test, const char *text)
{
    for (size_t i = 0; i < test->value_count; i++) {
        if (text_equal(test->values[i], text))
            return true;
    }
    return false;
}

/* A test of a text that is there; one that negates is asked for its opposite. */
static bool text_passes(const struct asking *asking, const char *text)
{
    const struct query *test = asking->test;
    enum query_operator operator= test->operator;
    bool equality = operator== OPERATOR_EQUALS || operator== OPERATOR_NOT_EQUALS;

    if (operator== OPERATOR_EXISTS || operator== OPERATOR_NOT_EXISTS)
        return true;
    if (operator== OPERATOR_MATCHES || operator== OPERATOR_NOT_MATCHES)
        return regexec(&asking->regex, text, 0, NULL, 0) == 0;
    if (operator== OPERATOR_IN || operator== OPERATOR_NOT_IN)
        return is_listed(test, text);
    if (equality && query_subject_value(test->subject) != VALUE_VERSION)
        return text_equal(test->values[0], text);
    return holds(operator, compare_versions(text, test->values[0]));
}

static bool number_passes(const struct asking *asking, int64_t number)
{
    int64_t value = asking->test->number;

    return holds(asking->test->operator,(number > value) - (number < value));
}

static bool any_group_passes(const struct asking *asking, const struct query_facts *facts)
{
    const char *group;

    for (size_t i = 0; (group = facts->group(facts, i)) != NULL; i++) {
        if (text_passes(asking, group))
            return true;
    }
    return false;
}

static bool negates(enum query_operator operator)
{
    return operator== OPERATOR_NOT_EQUALS || operator== OPERATOR_NOT_EXISTS || operator==
        OPERATOR_NOT_IN ||
        operator== OPERATOR_NOT_MATCHES;
}

static bool passes(const struct asking *asking, const struct query_facts *facts)
{
    const char *text = NULL;

    switch (asking->test->subject) {
    case SUBJECT_AGENT_CONNECTED: return number_passes(asking, facts->connected);
    case SUBJECT_RUNNING_TASKS: return number_passes(asking, facts->running_tasks);
    case SUBJECT_REGISTERED_AT:
        return facts->registered_ms != 0 && number_passes(asking, facts->registered_ms);
    case SUBJECT_GROUP: return any_group_passes(asking, facts);
    case SUBJECT_AGENT_VERSION: text = facts->agent_version; break;
    case SUBJECT_INSTANCE_ID: text = facts->name; break;
    case SUBJECT_ATTRIBUTE: text = facts->attribute(facts, asking->test->attribute); break;
    case SUBJECT_COUNT: break;
    }
    return text != NULL && text_passes(asking, text);
}

static void select_test(const struct query *test, const struct query_facts *facts, size_t count,
                        bool *matches)
{
    struct asking asking = { .test = test };
    bool has_regex = test->operator== OPERATOR_MATCHES || test->operator== OPERATOR_NOT_MATCHES;

    if (has_regex) {
        AUTO(arena) scratch = { 0 };
        const char *wrong = query_regex_compile(&asking.regex, test->values[0], &scratch);
        ASSERT(wrong == NULL); /* it was tried when the expression was read */
    }
    for (size_t i = 0; i < count; i++)
        matches[i] = matches[i] && passes(&asking, &facts[i]) != negates(test->operator);
    if (has_regex)
        regfree(&asking.regex);
}

static void select_or(const struct query *query, const struct query_facts *facts, size_t count,
                      bool *matches)
{
    bool *right = mem_alloc(count + 1);

    memcpy(right, matches, count);
    query_select(query->left, facts, count, matches);
    query_select(query->right, facts, count, right);
    for (size_t i = 0; i < count; i++)
        matches[i] = matches[i] || right[i];
    free(right);
}

static void select_not(const struct query *query, const struct query_facts *facts, size_t count,
                       bool *matches)
{
    bool *inner = mem_alloc(count + 1);

    memset(inner, true, count);
    query_select(query->left, facts, count, inner);
    for (size_t i = 0; i < count; i++)
        matches[i] = matches[i] && !inner[i];
    free(inner);
}

/* As deep as the expression is nested, which query_parse() limits. */
void query_select(const struct query *query, const struct query_facts *facts, size_t count,
                  bool *matches)
{
    for (; query->kind == QUERY_AND; query = query->right)
        query_select(query->left, facts, count, matches);
    if (query->kind == QUERY_OR)
        select_or(query, facts, count, matches);
    else if (query->kind == QUERY_NOT)
        select_not(query, facts, count, matches);
    else
        select_test(query, facts, count, matches);
}
