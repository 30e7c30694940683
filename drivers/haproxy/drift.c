#include "drivers/haproxy/drift.h"

#include <stdarg.h>
#include <string.h>

#include "drivers/haproxy/render.h"
#include "spec/base/text.h"

#define COMMAND_MAX 4096

/* One to be and one that is. */
struct seat {
    struct drift *drift;
    const struct balancer_group *group; /* NULL: there is no wish */
    const struct balancer_member *member;
    const struct answer_server *server;
    const struct answer_server *probe; /* NULL: none */
};

PRINTF_LIKE(2, 3) static void say(struct drift *drift, const char *format, ...)
{
    AUTO(buf) text = { 0 };
    va_list arguments;

    buf_init(&text, COMMAND_MAX);
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    if (text.truncated)
        return; /* names are short enough: a group's is below a kilobyte */
    if (drift->count == drift->capacity) {
        size_t larger = drift->capacity == 0 ? 64 : drift->capacity * 2;

        drift->commands = arena_enlarge(drift->arena, drift->commands, drift->capacity, larger,
                                        sizeof(const char *));
        drift->capacity = larger;
    }
    drift->commands[drift->count++] = arena_text(drift->arena, buf_text(&text));
}

enum target_state drift_state(const struct answer_server *server)
{
    if (server->is_drained)
        return TARGET_DRAINING;
    if (!server->is_up)
        return TARGET_UNHEALTHY;
    return server->weight == 0 ? TARGET_INITIAL : TARGET_HEALTHY;
}

/* ---- The current worker ---- */

static void remove_server(struct drift *drift, const struct answer_server *server)
{
    const char *suffix = server->is_probe ? ANSWER_PROBE_SUFFIX : "";

    if (!server->is_in_maint) {
        say(drift, "disable server %s/%s%s", server->group, server->name, suffix);
        if (!server->is_probe)
            say(drift, "shutdown sessions server %s/%s", server->group, server->name);
        drift->is_needed = true;
    }
    say(drift, "del server %s/%s%s", server->group, server->name, suffix);
}

/* A probe counts as down until its check passes: no failure of it is told, which would wake the
 * driver five times a second. */
static void add_probe(struct drift *drift, const char *group, const char *task, const char *address,
                      uint32_t port, uint32_t check_port)
{
    say(drift,
        "add server %s/%s" ANSWER_PROBE_SUFFIX
        " ipv4@%s:%u weight 0 check port %u inter %dms rise 1 fall 1",
        group, task, address, port, check_port, PROBE_INTERVAL_MS);
    say(drift, "enable health %s/%s" ANSWER_PROBE_SUFFIX, group, task);
    say(drift, "enable server %s/%s" ANSWER_PROBE_SUFFIX, group, task);
    drift->is_needed = true;
}

/* In this order nothing is sent to it before all is said. */
static void add_member(const struct seat *seat)
{
    const struct balancer_member *member = seat->member;
    const char *group = seat->group->name;
    struct drift *drift = seat->drift;
    AUTO(buf) check = { 0 };

    buf_init(&check, COMMAND_MAX);
    render_check(seat->group->target, &check);
    say(drift, "add server %s/%s ipv4@%s:%u weight 0 check port %u %s", group, member->task,
        member->address, member->port, member->check_port, buf_text(&check));
    say(drift, "enable health %s/%s", group, member->task);
    if (member->drains)
        say(drift, "set server %s/%s state drain", group, member->task);
    else
        say(drift, "set server %s/%s state ready", group, member->task);
    /* As if all of unhealthyThreshold had passed: so many have to fail. */
    say(drift, "set server %s/%s health up", group, member->task);
    drift->is_needed = true;
    if (!member->drains)
        add_probe(drift, group, member->task, member->address, member->port, member->check_port);
}

static void put_in_service(const struct seat *seat)
{
    const struct answer_server *server = seat->server;

    say(seat->drift, "set server %s/%s weight %d", server->group, server->name, RENDER_WEIGHT);
    seat->drift->is_needed = true;
    if (seat->probe != NULL)
        remove_server(seat->drift, seat->probe);
}

static bool was_unhealthy(const struct seat *seat)
{
    const struct drift *drift = seat->drift;

    return drift->was_unhealthy != NULL &&
           drift->was_unhealthy(drift->context, seat->server->group, seat->server->name);
}

static void settle_initial(const struct seat *seat)
{
    const struct answer_server *server = seat->server;

    if (seat->drift->is_fresh && was_unhealthy(seat)) {
        say(seat->drift, "set server %s/%s health down", server->group, server->name);
        put_in_service(seat);
    } else if (server->has_passed || (seat->probe != NULL && seat->probe->has_passed)) {
        put_in_service(seat);
    } else if (seat->probe == NULL) {
        add_probe(seat->drift, server->group, server->name, server->address, server->port,
                  server->check_port);
    }
}

/* As if all of unhealthyThreshold had passed, of one that a new worker began with: HAProxy lets it
 * fall at the first check that fails. */
static void settle_health(const struct seat *seat)
{
    const struct answer_server *server = seat->server;

    if (!seat->drift->is_fresh || was_unhealthy(seat))
        return;
    say(seat->drift, "set server %s/%s health up", server->group, server->name);
    seat->drift->is_needed = true;
}

static void settle_server(const struct seat *seat)
{
    const struct answer_server *server = seat->server;
    bool drains = seat->member != NULL ? seat->member->drains : server->is_drained;

    if (drains != server->is_drained) {
        if (drains)
            say(seat->drift, "set server %s/%s weight 0", server->group, server->name);
        say(seat->drift, "set server %s/%s state %s", server->group, server->name,
            drains ? "drain" : "ready");
        seat->drift->is_needed = true;
    }
    if (drains) {
        if (seat->probe != NULL)
            remove_server(seat->drift, seat->probe);
        return;
    }
    settle_health(seat);
    if (server->weight == 0 && (server->is_up || seat->drift->is_fresh))
        settle_initial(seat);
    else if (server->weight == 0)
        put_in_service(seat);
    else if (seat->probe != NULL)
        remove_server(seat->drift, seat->probe);
}

static bool is_elsewhere(const struct answer_server *server, const struct balancer_member *member)
{
    return !text_equal(server->address, member->address) || server->port != member->port ||
           server->check_port != member->check_port;
}

static void settle_member(struct seat *seat)
{
    const struct answers *current = seat->drift->current;

    seat->server = answers_find(current, seat->group->name, seat->member->task, false);
    seat->probe = answers_find(current, seat->group->name, seat->member->task, true);
    if (seat->server == NULL && seat->probe != NULL) {
        remove_server(seat->drift, seat->probe);
        seat->drift->is_needed = true;
    } else if (seat->server == NULL) {
        add_member(seat);
    } else if (seat->server->is_in_maint || is_elsewhere(seat->server, seat->member)) {
        /* It is removed first, and added at the next look. */
        remove_server(seat->drift, seat->server);
        if (seat->probe != NULL)
            remove_server(seat->drift, seat->probe);
        seat->drift->is_needed = true;
    } else {
        settle_server(seat);
    }
}

static const struct balancer_member *member_of(const struct balancer *balancer, const char *group,
                                               const char *task)
{
    for (size_t i = 0; i < balancer->group_count; i++) {
        const struct balancer_group *wanted = &balancer->groups[i];
        size_t low = 0;
        size_t high = wanted->member_count;

        if (!text_equal(wanted->name, group))
            continue;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            int order = strcmp(wanted->members[middle].task, task);

            if (order == 0)
                return &wanted->members[middle];
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
    }
    return NULL;
}

static void settle_as_it_is(struct drift *drift, const struct answer_server *server)
{
    struct seat seat = { .drift = drift, .server = server };

    if (server->is_in_maint || (server->is_probe && answers_find(drift->current, server->group,
                                                                 server->name, false) == NULL)) {
        remove_server(drift, server);
        return;
    }
    if (server->is_probe)
        return;
    seat.probe = answers_find(drift->current, server->group, server->name, true);
    settle_server(&seat);
}

void drift_current(struct drift *drift)
{
    const struct balancer *wanted = drift->wanted;

    for (size_t i = 0; i < drift->current->server_count; i++) {
        const struct answer_server *server = &drift->current->servers[i];

        if (wanted == NULL)
            settle_as_it_is(drift, server);
        else if (member_of(wanted, server->group, server->name) == NULL)
            remove_server(drift, server);
    }
    for (size_t i = 0; wanted != NULL && i < wanted->group_count; i++) {
        for (size_t j = 0; j < wanted->groups[i].member_count; j++) {
            struct seat seat = { .drift = drift,
                                 .group = &wanted->groups[i],
                                 .member = &wanted->groups[i].members[j] };

            settle_member(&seat);
        }
    }
}

/* ---- Workers that were replaced ---- */

static uint32_t followed_weight(const struct drift *drift, const char *group, const char *task)
{
    const struct answer_server *server = answers_find(drift->current, group, task, false);

    return server != NULL && drift_state(server) == TARGET_HEALTHY ? server->weight : 0;
}

static void follow(struct drift *drift, const struct answer_server *server, bool is_wanted,
                   bool drains)
{
    uint32_t weight = followed_weight(drift, server->group, server->name);

    if (!is_wanted) {
        if (server->is_in_maint)
            return;
        say(drift, "disable server %s/%s", server->group, server->name);
        say(drift, "shutdown sessions server %s/%s", server->group, server->name);
        drift->is_needed = true;
        return;
    }
    if (server->weight != weight && !drains) {
        say(drift, "set server %s/%s weight %u", server->group, server->name, weight);
        drift->is_needed = true;
    }
    if (server->is_in_maint || server->is_drained != drains) {
        say(drift, "set server %s/%s state %s", server->group, server->name,
            drains ? "drain" : "ready");
        drift->is_needed = true;
    }
}

static void add_to_old(struct drift *drift, const struct answers *old,
                       const struct balancer_group *group)
{
    for (size_t i = 0; i < group->member_count; i++) {
        const struct balancer_member *member = &group->members[i];

        if (member->drains || answers_find(old, group->name, member->task, false) != NULL)
            continue;
        say(drift, "add server %s/%s ipv4@%s:%u weight %u", group->name, member->task,
            member->address, member->port, followed_weight(drift, group->name, member->task));
        say(drift, "enable server %s/%s", group->name, member->task);
        drift->is_needed = true;
    }
}

void drift_old(struct drift *drift, const struct answers *old, bool adds)
{
    for (size_t i = 0; i < old->server_count; i++) {
        const struct answer_server *server = &old->servers[i];
        const struct answer_server *now =
            answers_find(drift->current, server->group, server->name, false);
        const struct balancer_member *member =
            drift->wanted == NULL ? NULL : member_of(drift->wanted, server->group, server->name);

        if (server->is_probe)
            continue;
        if (drift->wanted != NULL)
            follow(drift, server, member != NULL, member != NULL && member->drains);
        else
            follow(drift, server, now != NULL && !now->is_in_maint, now != NULL && now->is_drained);
    }
    for (size_t i = 0; adds && drift->wanted != NULL && i < drift->wanted->group_count; i++)
        add_to_old(drift, old, &drift->wanted->groups[i]);
}
