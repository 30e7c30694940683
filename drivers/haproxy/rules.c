/*
 * ecs.md 1.11: values of one condition are alternatives, conditions hold together.  An ACL that is
 * declared several times under one name is true when one of its lines is, so each value has a line.
 */
#include "drivers/haproxy/rules.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/haproxy/quote.h"

/* The lines of one group, and the condition that they make. */
struct rule {
    struct buf *out;
    const struct balancer_group *group;
    struct buf condition; /* " r10.path r10.host" */
};
#define CONDITION_MAX 4096

static void acl_begin(struct rule *rule, const char *kind, size_t number, const char *sample)
{
    buf_printf(rule->out, "    acl r%u.%s", rule->group->target->priority, kind);
    if (number > 0)
        buf_printf(rule->out, "%zu", number);
    buf_printf(rule->out, " %s ", sample);
}

static void demand(struct rule *rule, const char *kind, size_t number)
{
    buf_printf(&rule->condition, " r%u.%s", rule->group->target->priority, kind);
    if (number > 0)
        buf_printf(&rule->condition, "%zu", number);
}

static void add_patterns(struct rule *rule, const char *kind, const char *sample,
                         const char *const *values, size_t count, bool ignores_case)
{
    for (size_t i = 0; i < count; i++) {
        acl_begin(rule, kind, 0, sample);
        quote_pattern(rule->out, values[i], ignores_case);
        buf_char(rule->out, '\n');
    }
    if (count > 0)
        demand(rule, kind, 0);
}

/* Without wildcards. */
static void add_words(struct rule *rule, const char *kind, const char *sample,
                      const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        acl_begin(rule, kind, 0, sample);
        quote_word(rule->out, values[i]);
        buf_char(rule->out, '\n');
    }
    if (count > 0)
        demand(rule, kind, 0);
}

/* RFC 9110, 5.6.2, but for the quote, which means something in the parentheses of a sample. */
static bool is_header_name(const char *name)
{
    return name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789!#$%&*+-.^_`|~") == strlen(name);
}

static int add_headers(struct rule *rule, struct err *err)
{
    const struct service_target *target = rule->group->target;

    for (size_t i = 0; i < target->http_header_count; i++) {
        const struct target_header *header = &target->http_header[i];
        AUTO(buf) name = { 0 };
        AUTO(buf) sample = { 0 };

        if (!is_header_name(header->http_header_name))
            return err_set(err, ERR_INVALID, "'%s' is no name of a header",
                           header->http_header_name);
        buf_init(&name, CONDITION_MAX);
        buf_init(&sample, CONDITION_MAX);
        buf_printf(&name, "req.fhdr(%s)", header->http_header_name);
        quote_word(&sample, buf_text(&name));
        for (size_t j = 0; j < header->values_count; j++) {
            acl_begin(rule, "header", i + 1, buf_text(&sample));
            quote_pattern(rule->out, header->values[j], true);
            buf_char(rule->out, '\n');
        }
        demand(rule, "header", i + 1);
    }
    return 0;
}

static void add_parameters(struct rule *rule)
{
    const struct service_target *target = rule->group->target;

    for (size_t i = 0; i < target->query_string_count; i++) {
        acl_begin(rule, "query", 0, "query");
        quote_parameter(rule->out, target->query_string[i].key, target->query_string[i].value);
        buf_char(rule->out, '\n');
    }
    if (target->query_string_count > 0)
        demand(rule, "query", 0);
}

static int render_rule(const struct balancer_group *group, struct buf *out, struct err *err)
{
    const struct service_target *target = group->target;
    struct rule rule = { .out = out, .group = group };
    int result;

    buf_init(&rule.condition, CONDITION_MAX);
    add_patterns(&rule, "path", "path", target->path_pattern, target->path_pattern_count, false);
    add_patterns(&rule, "host", "req.hdr(host),host_only", target->host_header,
                 target->host_header_count, true);
    add_words(&rule, "method", "method -m str --", target->http_request_method,
              target->http_request_method_count);
    add_words(&rule, "source", "src --", target->source_ip, target->source_ip_count);
    add_parameters(&rule);
    result = add_headers(&rule, err);
    if (result == 0)
        buf_printf(out, "    use_backend %s if%s\n", group->name, buf_text(&rule.condition));
    buf_release(&rule.condition);
    return result;
}

static int by_priority(const void *a, const void *b)
{
    const struct balancer_group *const *left = a;
    const struct balancer_group *const *right = b;
    uint32_t one = (*left)->target->priority;
    uint32_t other = (*right)->target->priority;

    if (one != other)
        return one < other ? -1 : 1;
    return strcmp((*left)->name, (*right)->name);
}

int rules_render(const struct balancer *balancer, const struct listener *listener, struct buf *out,
                 bool *found_default, struct err *err)
{
    const struct balancer_group **groups =
        mem_alloc((balancer->group_count + 1) * sizeof(const struct balancer_group *));
    const struct balancer_group *fallback = NULL;
    size_t count = 0;
    int result = 0;

    for (size_t i = 0; i < balancer->group_count; i++) {
        const struct balancer_group *group = &balancer->groups[i];

        if (!balancer_group_is_at(group, listener))
            continue;
        if (service_target_is_default(group->target) || listener_is_tcp(listener))
            fallback = group;
        else
            groups[count++] = group;
    }
    qsort(groups, count, sizeof(const struct balancer_group *), by_priority);
    for (size_t i = 0; i < count && result == 0; i++)
        result = render_rule(groups[i], out, err);
    free(groups);
    if (result == 0 && fallback != NULL)
        buf_printf(out, "    default_backend %s\n", fallback->name);
    *found_default = fallback != NULL;
    return result;
}
