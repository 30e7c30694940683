/*
 * One frontend for each listener, one backend for each group.  Every text of a manifest goes
 * through quote.h; names of groups are made of names (text_is_name) and colons, which HAProxy takes
 * as they are.
 */
#include "drivers/haproxy/render.h"

#include <arpa/inet.h>
#include <string.h>

#include "drivers/haproxy/certificates.h"
#include "drivers/haproxy/quote.h"
#include "drivers/haproxy/rules.h"
#include "spec/base/text.h"

#define CONNECT_TIMEOUT_S 5
#define QUEUE_TIMEOUT_S   10
#define REQUEST_TIMEOUT_S 30 /* from the first byte of a request to the end of its head */

static uint32_t stop_after_s(const struct balancer *balancer)
{
    uint32_t longest = 0;

    for (size_t i = 0; i < balancer->group_count; i++) {
        if (balancer->groups[i].target->deregistration_delay > longest)
            longest = balancer->groups[i].target->deregistration_delay;
    }
    return longest + RENDER_STOP_EXTRA_S;
}

/* What `show info` tells of the process. */
static void render_description(const struct balancer *balancer, const char *owner, struct buf *out)
{
    buf_printf(out, "berth %s %s %s", owner, balancer->name, balancer->shape);
}

static void render_global(const struct balancer *balancer, const struct render_options *options,
                          struct buf *out)
{
    AUTO(buf) description = { 0 };

    buf_init(&description, 4096);
    render_description(balancer, options->owner, &description);
    buf_text_add(out, "# LoadBalancer ");
    quote_comment(out, balancer->name);
    buf_text_add(out, ". Written by Berth, and written anew at each change.\n\nglobal\n"
                      "    description ");
    quote_word(out, buf_text(&description));
    /* What the limit of the system does not allow is not asked for. */
    buf_printf(out, "\n    maxconn %u\n    no strict-limits\n", options->maxconn);
    if (options->user != NULL)
        buf_printf(out, "    user %s\n    group %s\n", options->user, options->user);
    buf_text_add(out, "    log ");
    quote_word(out, options->log);
    /* The process that a reload replaces, or that is stopped, ends then with what is open. */
    buf_printf(out, " len 1024 local0 notice\n    hard-stop-after %us\n", stop_after_s(balancer));
}

static void render_defaults(const struct balancer *balancer, struct buf *out)
{
    uint32_t idle = balancer->spec->idle_timeout;

    buf_printf(out,
               "\ndefaults\n"
               "    log global\n"
               "    option log-health-checks\n"
               "    timeout connect %ds\n"
               "    timeout queue %ds\n"
               "    timeout client %us\n"
               "    timeout server %us\n"
               "    timeout tunnel %us\n"
               "    timeout http-request %us\n"
               "    timeout http-keep-alive %us\n"
               "    option http-keep-alive\n"
               "    option idle-close-on-response\n"
               "    retries 3\n"
               "    option redispatch 1\n",
               CONNECT_TIMEOUT_S, QUEUE_TIMEOUT_S, idle, idle, idle,
               idle < REQUEST_TIMEOUT_S ? idle : REQUEST_TIMEOUT_S, idle);
}

/* `words` follow the address. */
static int render_addresses(const struct listener *listener, const char *words, struct buf *out,
                            struct err *err)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, listener->address, &v4) == 1) {
        buf_printf(out, "    bind ipv4@%s:%u%s\n", listener->address, listener->port, words);
        return 0;
    }
    if (inet_pton(AF_INET6, listener->address, &v6) != 1)
        return err_set(err, ERR_INVALID, "'%s' is no address to listen on", listener->address);
    /* Of both protocols, each with its own socket: clients of IPv4 are seen by their address. */
    if (memcmp(&v6, &in6addr_any, sizeof(v6)) == 0)
        buf_printf(out, "    bind ipv4@0.0.0.0:%u%s\n", listener->port, words);
    buf_printf(out, "    bind ipv6@[%s]:%u v6only%s\n", listener->address, listener->port, words);
    return 0;
}

static int render_bind(const struct listener *listener, const char *folder, struct buf *out,
                       struct err *err)
{
    AUTO(buf) words = { 0 };

    buf_init(&words, (size_t)64 * 1024);
    if (certificates_render(listener, out, err) < 0)
        return -1;
    certificates_render_bind(listener, folder, &words);
    return render_addresses(listener, buf_text(&words), out, err);
}

/* Headers and methods that ALB has, in the words of HAProxy. */
static void render_http(const struct listener *listener, struct buf *out)
{
    buf_printf(out,
               "    mode http\n"
               "    # Each line that came is continued: its last address is the client's.\n"
               "    http-request replace-header X-Forwarded-For \"^(.*)\\$\" \"\\\\1, %%[src]\"\n"
               "    http-request set-header X-Forwarded-For \"%%[src]\" unless "
               "{ req.hdr(X-Forwarded-For) -m found }\n"
               "    http-request set-header X-Forwarded-Proto %s\n"
               "    http-request set-header X-Forwarded-Port \"%%[dst_port]\"\n"
               "    # What was sent to a task is sent to another one only if that changes "
               "nothing.\n"
               "    http-request disable-l7-retry unless METH_GET or METH_HEAD or METH_OPTIONS\n",
               listener->protocol == LISTENER_PROTOCOL_HTTPS ? "https" : "http");
}

static int refuse_controls(const char *what, const char *text, struct err *err)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return err_set(err, ERR_INVALID, "%s has a control character", what);
    }
    return 0;
}

static int render_fixed(const struct fixed_response *fixed, struct buf *out, struct err *err)
{
    const char *type = fixed->content_type != NULL ? fixed->content_type : "text/plain";

    if (refuse_controls("contentType", type, err) < 0)
        return -1;
    buf_printf(out, "    http-request return status %u", fixed->status_code);
    if (!text_is_empty(fixed->message_body)) {
        buf_text_add(out, " content-type ");
        quote_word(out, type);
        buf_text_add(out, " string ");
        quote_word(out, fixed->message_body);
    }
    buf_char(out, '\n');
    return 0;
}

static int render_redirect(const struct redirect *redirect, struct buf *out, struct err *err)
{
    AUTO_TEXT char *location = mem_text(redirect->location);
    size_t size = strlen(location);

    if (refuse_controls("location", location, err) < 0)
        return -1;
    /* The path brings its own slash. */
    if (size > 1 && location[size - 1] == '/')
        location[size - 1] = '\0';
    buf_text_add(out, "    http-request redirect prefix ");
    quote_format(out, location);
    buf_printf(out, " code %d\n", redirect->status_code == REDIRECT_STATUS_HTTP_301 ? 301 : 302);
    return 0;
}

/* A backend without servers that answers by itself. */
static int render_default(const struct listener *listener, size_t index, struct buf *out,
                          struct err *err)
{
    const struct listener_action *action = listener->default_action;

    buf_printf(out, "\n# What no service takes of port %u.\nbackend default.%zu\n", listener->port,
               index);
    if (listener_is_tcp(listener)) {
        buf_text_add(out, "    mode tcp\n");
        return 0;
    }
    buf_text_add(out, "    mode http\n");
    if (action != NULL && action->type == LISTENER_ACTION_TYPE_FIXED_RESPONSE &&
        action->fixed_response_config != NULL)
        return render_fixed(action->fixed_response_config, out, err);
    if (action != NULL && action->type == LISTENER_ACTION_TYPE_REDIRECT &&
        action->redirect_config != NULL)
        return render_redirect(action->redirect_config, out, err);
    buf_text_add(out, "    http-request return status 404\n");
    return 0;
}

static int render_listener(const struct balancer *balancer, size_t index,
                           const struct render_options *options, struct buf *out, struct err *err)
{
    const struct listener *listener = &balancer->spec->listeners[index];
    bool found_default = false;

    buf_printf(out, "\n# listeners[%zu] of LoadBalancer ", index);
    quote_comment(out, balancer->name);
    buf_printf(out, ".\nfrontend listener.%zu\n", index);
    if (render_bind(listener, options->folder, out, err) < 0)
        return -1;
    if (listener_is_tcp(listener))
        buf_text_add(out, "    mode tcp\n");
    else
        render_http(listener, out);
    if (rules_render(balancer, listener, out, &found_default, err) < 0)
        return -1;
    if (found_default)
        return 0;
    buf_printf(out, "    default_backend default.%zu\n", index);
    return render_default(listener, index, out, err);
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static const char *algorithm_text(enum target_algorithm algorithm)
{
    switch (algorithm) {
    case TARGET_ALGORITHM_LEAST_OUTSTANDING_REQUESTS: return "leastconn";
    case TARGET_ALGORITHM_WEIGHTED_RANDOM: return "random";
    case TARGET_ALGORITHM_ROUND_ROBIN: break;
    }
    return "roundrobin";
}

void render_check(const struct service_target *target, struct buf *out)
{
    const struct target_health_check *check = target->health_check;

    buf_printf(out, "inter %us rise %u fall %u", check->interval, check->healthy_threshold,
               check->unhealthy_threshold);
}

/* A path in a request line: what may not stand there is written as %XX. */
static void render_path(const char *path, struct buf *out)
{
    AUTO(buf) escaped = { 0 };

    buf_init(&escaped, (size_t)64 * 1024);
    if (path[0] != '/')
        buf_char(&escaped, '/');
    for (; *path != '\0'; path++) {
        if ((unsigned char)*path <= ' ' || (unsigned char)*path >= 0x7f)
            buf_printf(&escaped, "%%%02X", (unsigned)(unsigned char)*path);
        else
            buf_char(&escaped, *path);
    }
    quote_word(out, buf_text(&escaped));
}

static int render_health(const struct target_health_check *check, bool passes, struct buf *out,
                         struct err *err)
{
    bool is_tcp = check->protocol == TARGET_PROTOCOL_TCP ||
                  (check->protocol == TARGET_PROTOCOL_UNSET && passes);

    buf_printf(out, "    timeout check %us\n", check->timeout);
    if (is_tcp)
        return 0;
    if (check->matcher[0] == '\0' ||
        strspn(check->matcher, "0123456789,-") != strlen(check->matcher))
        return err_set(err, ERR_INVALID, "'%s' is no list of statuses", check->matcher);
    buf_text_add(out, "    option httpchk\n    http-check send meth GET uri ");
    render_path(check->path, out);
    buf_printf(out,
               " ver HTTP/1.1 hdr Host localhost hdr User-Agent Berth-HealthChecker\n"
               "    http-check expect status %s\n",
               check->matcher);
    return 0;
}

static int render_member(const struct balancer_group *group, const struct balancer_member *member,
                         const struct render_options *options, struct buf *out, struct err *err)
{
    bool is_in = !member->drains && options->is_in_service(options->context, group->name, member);
    struct in_addr address;

    if (inet_pton(AF_INET, member->address, &address) != 1)
        return err_set(err, ERR_INVALID, "'%s' of task %s is no address", member->address,
                       member->task);
    buf_printf(out, "    server %s ipv4@%s:%u check port %u weight %d\n", member->task,
               member->address, member->port, member->check_port, is_in ? RENDER_WEIGHT : 0);
    return 0;
}

static int render_group(const struct balancer *balancer, const struct balancer_group *group,
                        const struct render_options *options, struct buf *out, struct err *err)
{
    const struct service_target *target = group->target;
    bool passes = balancer_group_is_tcp(balancer, group);

    buf_text_add(out, "\n# Container ");
    quote_comment(out, target->container_name);
    buf_printf(out, ", port %u, of the service in the name.\nbackend %s\n", target->container_port,
               group->name);
    buf_printf(out, "    mode %s\n    balance %s\n", passes ? "tcp" : "http",
               algorithm_text(target->load_balancing_algorithm));
    if (!passes)
        buf_text_add(out, "    retry-on conn-failure empty-response 0rtt-rejected\n");
    if (render_health(target->health_check, passes, out, err) < 0)
        return -1;
    buf_text_add(out, "    default-server ");
    render_check(target, out);
    buf_text_add(out, "\n    # A weight of 0: no health check has passed, or it drains.\n");
    for (size_t i = 0; i < group->member_count; i++) {
        if (render_member(group, &group->members[i], options, out, err) < 0)
            return -1;
    }
    return 0;
}

int render(const struct balancer *balancer, const struct render_options *options, struct buf *out,
           struct err *err)
{
    render_global(balancer, options, out);
    render_defaults(balancer, out);
    for (size_t i = 0; i < balancer->spec->listeners_count; i++) {
        if (render_listener(balancer, i, options, out, err) < 0)
            return err_wrap(err, "listeners[%zu] of LoadBalancer '%s'", i, balancer->name);
    }
    for (size_t i = 0; i < balancer->group_count; i++) {
        if (render_group(balancer, &balancer->groups[i], options, out, err) < 0)
            return err_wrap(err, "group '%s'", balancer->groups[i].name);
    }
    if (out->truncated)
        return err_set(err, ERR_CAPACITY, "the configuration of LoadBalancer '%s' is too long",
                       balancer->name);
    return 0;
}
