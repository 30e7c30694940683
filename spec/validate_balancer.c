/*
 * Load balancers, and what services say to them (ecs.md 1.11).  What leads to a configuration of
 * HAProxy is bounded here: no text can be more than one.
 */
#include <arpa/inet.h>
#include <string.h>

#include "spec/balancer.h"
#include "spec/base/text.h"
#include "spec/validate.h"

#define BODY_MAX      1024 /* bytes of a fixed response */
#define TEXT_MAX      128  /* characters of a pattern, ecs.md 1.11 */
#define FILE_MAX      1024 /* bytes of the path of a file */
#define CONDITION_MAX 5    /* values of all conditions of a rule */

/* ---- LoadBalancer --------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* What a header or a URL may consist of, and no more. */
static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static void validate_response(const struct validation *v, const struct node *node,
                              const struct fixed_response *response)
{
    if (response->status_code / 100 == 3)
        decode_mistake(v->decoder, node, "statusCode: of fixed-response it is 2xx, 4xx or 5xx");
    if (response->message_body != NULL && strlen(response->message_body) > BODY_MAX)
        decode_mistake(v->decoder, node, "messageBody: it has more than %d bytes", BODY_MAX);
    if (response->content_type != NULL && !is_printable(response->content_type))
        decode_mistake(v->decoder, node, "contentType: it is a media type, as text/plain");
}

static void validate_action(const struct validation *v, const struct node *node,
                            const struct listener *listener)
{
    const struct listener_action *action = listener->default_action;
    bool responds = action->type == LISTENER_ACTION_TYPE_FIXED_RESPONSE;

    if (listener->protocol == LISTENER_PROTOCOL_TCP)
        decode_mistake(v->decoder, node, "defaultAction: a TCP listener has none");
    if (responds != (action->fixed_response_config != NULL) ||
        responds == (action->redirect_config != NULL))
        decode_mistake(v->decoder, node,
                       "defaultAction: fixed-response has fixedResponseConfig, redirect has "
                       "redirectConfig, and neither has the other's");
    if (action->fixed_response_config != NULL)
        validate_response(v, node, action->fixed_response_config);
    if (action->redirect_config != NULL && action->redirect_config->location != NULL &&
        ((!text_starts(action->redirect_config->location, "http://") &&
          !text_starts(action->redirect_config->location, "https://")) ||
         !is_printable(action->redirect_config->location)))
        decode_mistake(v->decoder, node,
                       "location: it begins with http:// or https:// and has no spaces");
}

static void validate_file(const struct validation *v, const struct node *node, const char *key,
                          const char *path)
{
    if (path == NULL)
        return;
    if (path[0] != '/' || strlen(path) > FILE_MAX || !is_printable(path))
        decode_mistake(v->decoder, node,
                       "%s: it is an absolute path of at most %d printable ASCII characters, "
                       "without spaces",
                       key, FILE_MAX);
}

static void validate_certificates(const struct validation *v, size_t index,
                                  const struct listener *listener)
{
    const struct node *node = validation_node(v, "listeners[%zu]", index);

    if (listener->protocol == LISTENER_PROTOCOL_HTTPS && listener->certificates_count == 0)
        decode_mistake(v->decoder, node, "certificates: an HTTPS listener needs one");
    if (listener->protocol != LISTENER_PROTOCOL_HTTPS && listener->certificates_count > 0)
        decode_mistake(v->decoder, node, "certificates: only an HTTPS listener has them");
    for (size_t i = 0; i < listener->certificates_count; i++) {
        node = validation_node(v, "listeners[%zu].certificates[%zu]", index, i);
        validate_file(v, node, "certificateFile", listener->certificates[i].certificate_file);
        validate_file(v, node, "privateKeyFile", listener->certificates[i].private_key_file);
    }
}

static void validate_listener(const struct validation *v, const struct load_balancer_spec *balancer,
                              size_t index)
{
    const struct listener *listener = &balancer->listeners[index];
    const struct node *node = validation_node(v, "listeners[%zu]", index);

    if (listener->address == NULL || !is_address(listener->address))
        decode_mistake(v->decoder, node, "address: '%s' is no IPv4 or IPv6 address",
                       listener->address == NULL ? "" : listener->address);
    if (listener->default_action != NULL)
        validate_action(v, validation_node(v, "listeners[%zu].defaultAction", index), listener);
    validate_certificates(v, index, listener);
    for (size_t i = 0; i < index; i++)
        if (listeners_overlap(&balancer->listeners[i], listener))
            decode_mistake(v->decoder, node, "port: another listener has it already");
}

void validate_load_balancer(const struct validation *v, const struct load_balancer_spec *balancer)
{
    for (size_t i = 0; i < balancer->listeners_count; i++)
        validate_listener(v, balancer, i);
}

/* ---- What a service says -------------------------------------------------------------------- */

/* Three digits, from 200 to 499. */
static bool is_status(const char *text, uint32_t *out)
{
    char digits[4] = { 0 };

    memcpy(digits, text, strnlen(text, 3));
    return strlen(digits) == 3 && text_parse_u32(digits, out) && *out >= 200 && *out <= 499;
}

/* Codes and ranges of them, "200,202" or "200-299". */
static bool is_matcher(const char *text)
{
    while (true) {
        uint32_t first;
        uint32_t last;

        if (!is_status(text, &first))
            return false;
        text += 3;
        last = first;
        if (*text == '-') {
            if (!is_status(text + 1, &last))
                return false;
            text += 4;
        }
        if (last < first)
            return false;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static bool is_network(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *slash = strchr(text, '/');
    char address[INET6_ADDRSTRLEN];
    uint32_t bits;

    if (slash == NULL || (size_t)(slash - text) >= sizeof(address) ||
        !text_parse_u32(slash + 1, &bits))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    return (inet_pton(AF_INET, address, bytes) == 1 && bits <= 32) ||
           (inet_pton(AF_INET6, address, bytes) == 1 && bits <= 128);
}

static bool is_token(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (strchr("()<>@,;:\\\"/[]?={} \t", *at) != NULL || *at <= ' ' || *at > '~')
            return false;
    return text[0] != '\0';
}

static void validate_text(const struct validation *v, const struct node *node, const char *key,
                          const char *text)
{
    if (text == NULL)
        return;
    if (text[0] == '\0' || strlen(text) > TEXT_MAX || !is_printable(text))
        decode_mistake(v->decoder, node,
                       "%s: each has 1 to %d printable ASCII characters, without spaces", key,
                       TEXT_MAX);
}

static void validate_texts(const struct validation *v, const struct node *node, const char *key,
                           const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        validate_text(v, node, key, texts[i]);
}

static void validate_conditions(const struct validation *v, const struct node *node,
                                const struct service_target *target)
{
    size_t values = target->path_pattern_count + target->host_header_count +
                    target->http_request_method_count + target->source_ip_count +
                    target->query_string_count;

    validate_texts(v, node, "pathPattern", target->path_pattern, target->path_pattern_count);
    validate_texts(v, node, "hostHeader", target->host_header, target->host_header_count);
    for (size_t i = 0; i < target->http_request_method_count; i++)
        if (target->http_request_method[i] != NULL && !is_token(target->http_request_method[i]))
            decode_mistake(v->decoder, node, "httpRequestMethod: '%s' is no method",
                           target->http_request_method[i]);
    for (size_t i = 0; i < target->source_ip_count; i++)
        if (target->source_ip[i] != NULL && !is_network(target->source_ip[i]))
            decode_mistake(v->decoder, node, "sourceIp: '%s' is no network, as 10.0.0.0/8",
                           target->source_ip[i]);
    for (size_t i = 0; i < target->http_header_count; i++) {
        const struct target_header *header = &target->http_header[i];

        values += header->values_count;
        if (header->http_header_name != NULL && !is_token(header->http_header_name))
            decode_mistake(v->decoder, node, "httpHeaderName: '%s' is no name of a header",
                           header->http_header_name);
        validate_texts(v, node, "httpHeader", header->values, header->values_count);
    }
    for (size_t i = 0; i < target->query_string_count; i++) {
        validate_text(v, node, "queryString", target->query_string[i].key);
        validate_text(v, node, "queryString", target->query_string[i].value);
    }
    if (values > CONDITION_MAX)
        decode_mistake(v->decoder, node, "its conditions have %zu values together: %d are possible",
                       values, CONDITION_MAX);
    if (service_target_is_default(target) != (target->priority == 0))
        decode_mistake(v->decoder, node,
                       target->priority == 0
                           ? "priority: it is needed where there is a condition"
                           : "priority: without a condition the service takes what the others "
                             "leave, and has none");
}

static void validate_check(const struct validation *v, const struct node *node,
                           const struct target_health_check *check)
{
    if (check->path != NULL && (check->path[0] != '/' || !is_printable(check->path)))
        decode_mistake(v->decoder, node, "path: it begins with / and has no spaces");
    if (check->matcher != NULL && !is_matcher(check->matcher))
        decode_mistake(v->decoder, node,
                       "matcher: '%s': it has statuses from 200 to 499, as 200,202 or 200-299",
                       check->matcher);
}

void validate_targets(const struct validation *v, const struct service_spec *service)
{
    for (size_t i = 0; i < service->load_balancers_count; i++) {
        const struct service_target *target = &service->load_balancers[i];
        const struct node *node = validation_node(v, "loadBalancers[%zu]", i);

        validate_conditions(v, node, target);
        if (target->health_check != NULL)
            validate_check(v, validation_node(v, "loadBalancers[%zu].healthCheck", i),
                           target->health_check);
        for (size_t j = 0; j < i; j++) {
            const struct service_target *other = &service->load_balancers[j];

            if (text_equal(other->load_balancer, target->load_balancer) &&
                text_equal(other->container_name, target->container_name) &&
                other->container_port == target->container_port)
                decode_mistake(v->decoder, node,
                               "loadBalancer '%s' has this port of the container already: give "
                               "all its patterns there",
                               target->load_balancer);
        }
    }
}
