/*
 * The parsed form of an expression, for the files of the query language.
 */
#ifndef SPEC_QUERY_INT_H
#define SPEC_QUERY_INT_H

#include <regex.h>

#include "spec/query.h"

/* X(constant, text, what its values are) */
#define QUERY_SUBJECTS(X)                                                                          \
    X(AGENT_CONNECTED, "agentConnected", BOOL)                                                     \
    X(AGENT_VERSION, "agentVersion", VERSION)                                                      \
    X(INSTANCE_ID, "ec2InstanceId", TEXT)                                                          \
    X(REGISTERED_AT, "registeredAt", TIME)                                                         \
    X(RUNNING_TASKS, "runningTasksCount", NUMBER)                                                  \
    X(GROUP, "task:group", TEXT)                                                                   \
    X(ATTRIBUTE, "attribute:", ATTRIBUTE)

/* X(constant, sign, word, number of values: none, one, a list) */
#define QUERY_OPERATORS(X)                                                                         \
    X(NOT_EXISTS, "!exists", "not_exists", NONE)                                                   \
    X(NOT_IN, "!in", "not_in", LIST)                                                               \
    X(NOT_EQUALS, "!=", "not_equals", ONE)                                                         \
    X(NOT_MATCHES, "!~", "not_matches", ONE)                                                       \
    X(EQUALS, "==", "equals", ONE)                                                                 \
    X(MATCHES, "=~", "matches", ONE)                                                               \
    X(GREATER_EQUAL, ">=", "greater_than_equal", ONE)                                              \
    X(GREATER, ">", "greater_than", ONE)                                                           \
    X(LESS_EQUAL, "<=", "less_than_equal", ONE)                                                    \
    X(LESS, "<", "less_than", ONE)                                                                 \
    X(EXISTS, "exists", "exists", NONE)                                                            \
    X(IN, "in", "in", LIST)

enum query_value {
    VALUE_BOOL,
    VALUE_VERSION,
    VALUE_TEXT,
    VALUE_TIME,
    VALUE_NUMBER,
    VALUE_ATTRIBUTE
};
enum query_arity { ARITY_NONE, ARITY_ONE, ARITY_LIST };

#define QUERY_ENUM_SUBJECT(name, text, value) SUBJECT_##name,
enum query_subject { QUERY_SUBJECTS(QUERY_ENUM_SUBJECT) SUBJECT_COUNT };
#undef QUERY_ENUM_SUBJECT
#define QUERY_ENUM_OPERATOR(name, sign, word, arity) OPERATOR_##name,
enum query_operator { QUERY_OPERATORS(QUERY_ENUM_OPERATOR) OPERATOR_COUNT };
#undef QUERY_ENUM_OPERATOR

enum query_kind { QUERY_TEST, QUERY_NOT, QUERY_AND, QUERY_OR };

struct query {
    enum query_kind kind;
    const struct query *left;  /* NOT, AND, OR */
    const struct query *right; /* AND, OR */

    /* TEST */
    enum query_subject subject;
    enum query_operator operator;
    const char *attribute; /* its name */
    const char **values;
    size_t value_count;
    int64_t number; /* of a NUMBER, TIME or BOOL: the value */
};

enum query_value query_subject_value(enum query_subject subject);

/* A regular expression that has to match the whole of a text; NULL, or what is wrong with it. */
const char *query_regex_compile(regex_t *regex, const char *pattern, struct arena *arena);

#endif
