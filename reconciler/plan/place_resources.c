/*
 * Resources (ecs.md 1.6, step 1): CPU, MEMORY, PORTS and PORTS_UDP, the architecture, and what an
 * instance must be to take a task at all.
 */
#include <string.h>

#include "reconciler/plan/placing.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/port.h"

/* A Linux bridge carries little more than a thousand ports. */
#define NETWORK_TASKS_MAX 1000

/* Of memory or CPU, with what is kept for daemons, unless it is for one of them. */
static uint64_t used_memory(const struct placing *placing, const struct host *host)
{
    uint64_t used = host->use->memory_mib;

    for (const struct kept *at = host->use->kept; at != NULL && !placing->is_daemon; at = at->next)
        used += *at->placed ? 0 : at->memory_mib;
    return used;
}

static uint64_t used_cpu(const struct placing *placing, const struct host *host)
{
    uint64_t used = host->use->cpu_units;

    for (const struct kept *at = host->use->kept; at != NULL && !placing->is_daemon; at = at->next)
        used += *at->placed ? 0 : at->cpu_units;
    return used;
}

static bool has_port(const char *ports, uint32_t port)
{
    uint32_t key;

    while (port_key_next(&ports, &key)) {
        if (key == port)
            return true;
    }
    return false;
}

static bool is_kept_port(const struct placing *placing, const struct host *host, uint32_t port)
{
    for (const struct kept *at = host->use->kept; at != NULL && !placing->is_daemon;
         at = at->next) {
        if (!*at->placed && has_port(at->host_ports, port))
            return true;
    }
    return false;
}

static uint64_t left(uint64_t capacity, uint64_t used)
{
    return used > capacity ? 0 : capacity - used;
}

uint32_t host_left(const struct host *host, enum packed packed)
{
    if (host->seen == NULL)
        return 0;
    return (uint32_t)(packed == PACKED_CPU
                          ? left(host->seen->cpu_units, host->use->cpu_units)
                          : left(host->seen->memory_mib,
                                 host->use->memory_mib + host->listed->reserved_memory));
}

/* The first port that is taken; false: none. */
static bool taken_port(const struct placing *placing, const struct host *host, const char **out)
{
    const char *text = placing->host_ports;
    const char *at = text;
    uint32_t key;

    for (; port_key_next(&text, &key); at = text) {
        if (use_has_port(placing->planner, host->use, key) || is_kept_port(placing, host, key)) {
            *out = at;
            return true;
        }
    }
    return false;
}

enum fit resources_fit(const struct placing *placing, size_t index)
{
    const struct host *host = &placing->pool->hosts[index];
    const struct runtime_platform *platform = placing->target->task->runtime_platform;
    const char *port;

    if (host->why_not != NULL)
        return FIT_STATE;
    if (platform != NULL && !is_architecture(platform->cpu_architecture, host->seen->architecture))
        return FIT_ARCHITECTURE;
    if (!constraints_allow(placing, index) && !placing->is_daemon) /* which has its instances so */
        return FIT_CONSTRAINTS;
    if (placing->holds != NULL && !placing->holds[index])
        return FIT_VOLUME;
    if (placing->is_distinct && sparse_get(&placing->present, index) > 0)
        return FIT_DISTINCT;
    if (taken_port(placing, host, &port))
        return FIT_PORTS;
    if (used_cpu(placing, host) + placing->cpu_units > host->cpu_units)
        return FIT_CPU;
    if (used_memory(placing, host) + placing->memory_mib > host->memory_mib)
        return FIT_MEMORY;
    if (host->use->tasks >= NETWORK_TASKS_MAX && joins_network(placing->target))
        return FIT_NETWORK;
    return FIT_YES;
}

bool resources_suffice(const struct placing *placing, size_t index)
{
    const struct host *host = &placing->pool->hosts[index];

    return placing->cpu_units <= host->cpu_units && placing->memory_mib <= host->memory_mib;
}

/* The fixed ports of the task but those. */
static const char *ports_but(const struct placing *placing, const char *but)
{
    const char *text = placing->host_ports;
    const char *at = text;
    AUTO(buf) left = { 0 };
    uint32_t key;

    if (text == NULL || but == NULL)
        return text;
    buf_init(&left, LIMIT_OUTPUT);
    for (; port_key_next(&text, &key); at = text) {
        if (!has_port(but, key))
            buf_printf(&left, "%s%.*s", left.size > 0 ? " " : "", (int)strcspn(at, " "), at);
    }
    return left.size == 0 ? NULL : arena_text(placing->arena, buf_text(&left));
}

enum fit resources_fit_without(struct placing *placing, size_t index, const struct world_task *gone)
{
    struct host_use *use = placing->pool->hosts[index].use;
    const struct host_use before = *use;
    const char *ports = placing->host_ports;
    bool is_distinct = placing->is_distinct;
    enum fit fit;

    placing->is_distinct = is_distinct && sparse_get(&placing->present, index) > 1;
    use->memory_mib = left(use->memory_mib, gone->memory_mib);
    use->cpu_units = left(use->cpu_units, gone->cpu_units);
    placing->host_ports = ports_but(placing, gone->host_ports);
    fit = resources_fit(placing, index);
    placing->is_distinct = is_distinct;
    placing->host_ports = ports;
    use->memory_mib = before.memory_mib;
    use->cpu_units = before.cpu_units;
    return fit;
}

uint64_t resources_left(const struct placing *placing, size_t index, enum fit fit)
{
    const struct host *host = &placing->pool->hosts[index];

    if (fit == FIT_CPU)
        return left(host->cpu_units, used_cpu(placing, host));
    return fit == FIT_MEMORY ? left(host->memory_mib, used_memory(placing, host)) : 0;
}

const char *resources_lack(const struct placing *placing, size_t index, enum fit fit)
{
    const struct host *host = &placing->pool->hosts[index];
    struct arena *arena = placing->planner->arena;
    const char *port = "";

    switch (fit) {
    case FIT_STATE: return pool_why_not(placing->pool, index, placing->planner);
    case FIT_ARCHITECTURE:
        return arena_printf(
            arena, "is missing an attribute required by your task: it has the architecture %s",
            host->seen->architecture == NULL ? "none" : host->seen->architecture);
    case FIT_CONSTRAINTS:
        return "does not meet the placement constraints of the task: no memberOf is true for it";
    case FIT_VOLUME: return "has no volume of the service, which another one has";
    case FIT_DISTINCT:
        return "runs a task of the service already, and its tasks are on distinct instances";
    case FIT_PORTS:
        (void)taken_port(placing, host, &port);
        return arena_printf(arena, "is already using a port required by your task: %.*s",
                            (int)strcspn(port, " "), port);
    case FIT_CPU:
        return arena_printf(
            arena, "has insufficient CPU units available: the task needs %u, %llu of %u are left",
            placing->cpu_units, (unsigned long long)left(host->cpu_units, used_cpu(placing, host)),
            host->seen->cpu_units);
    case FIT_MEMORY:
        return arena_printf(
            arena,
            "has insufficient memory available: the task needs %u MiB, %llu of %llu are left",
            placing->memory_mib,
            (unsigned long long)left(host->memory_mib, used_memory(placing, host)),
            (unsigned long long)host->memory_mib);
    case FIT_NETWORK:
        return arena_printf(arena, "runs %d tasks, as many as its network holds",
                            NETWORK_TASKS_MAX);
    case FIT_YES: break;
    }
    return "";
}
