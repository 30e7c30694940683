/*
 * The cluster query language of ECS (ecs.md 1.6): which instances an expression is true for.
 *
 *     attribute:ecs.instance-type =~ g2.* and not(task:group == database)
 *
 * `not` binds closest, then `and`, then `or`; parentheses group. A value is a word, or stands in
 * quotes when it has blanks, quotes, parentheses, "&&" or "||" in it, or in a list ',' or ']'.
 * Operators that negate (!=, not_in, !~, not_exists) are true when the subject has no value, all
 * others are false then. A regular expression (POSIX, extended) has to match the whole value.
 */
#ifndef SPEC_QUERY_H
#define SPEC_QUERY_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#define QUERY_SIZE_MAX 2000 /* ecs.md 1.6 */

struct query;

/* Lies in the arena.  NULL and *err, which names the character, when it is none. */
const struct query *query_parse(const char *text, struct arena *arena, struct err *err);

/* What an expression may ask of one instance. */
struct query_facts {
    const char *name;          /* ec2InstanceId */
    bool connected;            /* agentConnected */
    const char *agent_version; /* the engine's; NULL: not known */
    int64_t registered_ms;     /* when it was connected; 0: never */
    uint32_t running_tasks;
    /* The value of an attribute; NULL: it has none. */
    const char *(*attribute)(const struct query_facts *facts, const char *name);
    /* The groups of the tasks that run there, one after the other; NULL: no more. */
    const char *(*group)(const struct query_facts *facts, size_t index);
    const void *context;
};

/* Leaves in `matches` those instances for which it is true.  All at once: a regular expression is
 * prepared once. */
void query_select(const struct query *query, const struct query_facts *facts, size_t count,
                  bool *matches);

#endif
