/*
 * The shape is canonical text: what means the same has the same one.
 */
#include "spec/balancer.h"

#include <arpa/inet.h>

#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/canonical.h"

/* Another one whenever the same shape leads to another configuration. */
#define CONFIGURATION "1"

void balancer_shape(const struct balancer *balancer, char out[SHA256_HEX_SIZE])
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    buf_printf(&text, CONFIGURATION " %s ", balancer->name);
    canonical_record(&load_balancer_spec_record, balancer->spec, CANONICAL_ALL, &text);
    for (size_t i = 0; i < balancer->group_count; i++) {
        buf_printf(&text, "\n%s%s ", balancer->groups[i].name,
                   balancer->groups[i].retired ? " retired" : "");
        canonical_record(&service_target_record, balancer->groups[i].target, CANONICAL_ALL, &text);
    }
    ASSERT(!text.truncated);
    sha256_hex(text.data, text.size, out);
}

bool balancer_group_is_at(const struct balancer_group *group, const struct listener *listener)
{
    return !group->retired &&
           (group->target->listener_port == 0 || group->target->listener_port == listener->port);
}

const char *instance_address(const struct container_instance *instance)
{
    const char *address = instance->address != NULL ? instance->address : instance->host;
    struct in_addr parsed;

    return address != NULL && inet_pton(AF_INET, address, &parsed) == 1 ? address : NULL;
}

static bool is_any(const char *address)
{
    return text_equal(address, "0.0.0.0") || text_equal(address, "::");
}

bool listeners_overlap(const struct listener *a, const struct listener *b)
{
    return a->port == b->port &&
           (text_equal(a->address, b->address) || is_any(a->address) || is_any(b->address));
}

bool service_target_is_default(const struct service_target *target)
{
    return target->path_pattern_count == 0 && target->host_header_count == 0 &&
           target->http_request_method_count == 0 && target->source_ip_count == 0 &&
           target->http_header_count == 0 && target->query_string_count == 0;
}

bool listener_is_tcp(const struct listener *listener)
{
    return listener->protocol == LISTENER_PROTOCOL_TCP;
}

bool balancer_group_is_tcp(const struct balancer *balancer, const struct balancer_group *group)
{
    for (size_t i = 0; i < balancer->spec->listeners_count; i++)
        if (balancer_group_is_at(group, &balancer->spec->listeners[i]))
            return listener_is_tcp(&balancer->spec->listeners[i]);
    return false;
}

const char *target_state_text(enum target_state state)
{
#define TARGET_STATE_TEXT(name, text) [TARGET_##name] = (text),
    static const char *const texts[] = { TARGET_STATES(TARGET_STATE_TEXT) };

    ASSERT(state < TARGET_STATE_COUNT);
    return texts[state];
}
