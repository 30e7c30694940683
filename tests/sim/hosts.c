#include "tests/sim/hosts.h"

#include "spec/base/text.h"

#define LOST_TIMEOUT_MS 60000 /* instanceLostTimeout when nobody says more */

const char *hosts_name(size_t index)
{
    static const char *const names[HOSTS_MAX] = { "host-a", "host-b", "host-c", "host-d" };

    ASSERT(index < HOSTS_MAX);
    return names[index];
}

/* ---- What is declared ---- */

static bool has_bit(uint32_t bits, size_t index)
{
    return (bits >> index & 1) != 0;
}

void hosts_print_cluster(const struct people *people, struct buf *out)
{
    bool first = true;

    buf_text_add(out,
                 "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: " PEOPLE_CLUSTER "}\n");
    if (people->host_count == 0) {
        buf_text_add(out, "spec: {launchType: FARGATE}\n");
        return;
    }
    buf_text_add(out, "spec:\n  launchType: EC2\n  instances: [");
    for (size_t i = 0; i < people->host_count; i++) {
        if (has_bit(people->wanted.absent, i))
            continue;
        buf_printf(out, "%s{name: %s, host: %s, attributes: {zone: z%zu}%s}", first ? "" : ", ",
                   hosts_name(i), hosts_name(i), i % 2,
                   has_bit(people->wanted.draining, i) ? ", state: DRAINING" : "");
        first = false;
    }
    buf_text_add(out, "]\n");
}

void hosts_print_placement(const struct people *people, size_t service, struct buf *out)
{
    static const char *const strategies[] = {
        "",
        "  placementStrategy: [{type: spread, field: host}]\n",
        "  placementStrategy: [{type: binpack, field: memory}]\n",
        "  placementStrategy: [{type: random}]\n",
        "  placementStrategy: [{type: spread, field: 'attribute:zone'}, {type: binpack, field: "
        "cpu}]\n",
        "  placementConstraints: [{type: memberOf, expression: 'attribute:zone exists and "
        "agentConnected == true'}]\n",
    };

    if (people->host_count > 0)
        buf_text_add(out, strategies[(people->wanted.services[service].color + service) %
                                     ARRAY_COUNT(strategies)]);
}

size_t hosts_active(const struct people *people)
{
    uint32_t away = people->wanted.draining | people->wanted.absent;
    size_t active = 0;

    for (size_t i = 0; i < people->host_count; i++)
        active += !has_bit(away, i);
    return active;
}

void hosts_change(struct people *people)
{
    const struct wanted before = people->wanted;
    struct rng *rng = &people->more;
    uint32_t bit;

    if (people->host_count == 0 || !rng_chance(rng, 40))
        return;
    bit = 1U << rng_below(rng, people->host_count);
    if (rng_chance(rng, 60))
        people->wanted.draining ^= bit;
    else
        people->wanted.absent ^= bit;
    if (hosts_active(people) == 0)
        people->wanted = before;
}

void hosts_settle(struct people *people)
{
    bool keeps = false;

    people->wanted.draining = 0;
    people->wanted.absent = 0;
    for (size_t i = 0; i < SERVICES_MAX; i++)
        keeps |= people->wanted.services[i].exists && people->wanted.services[i].volume;
    if (people->host_count < 2 || keeps || !rng_chance(&people->more, 60))
        return;
    if (rng_chance(&people->more, 50))
        people->wanted.draining = 1U << rng_below(&people->more, people->host_count);
    else
        people->wanted.absent = 1U << rng_below(&people->more, people->host_count);
}

/* ---- For the checks ---- */

bool hosts_is_left(const struct people *people, const char *instance)
{
    uint32_t away = people->wanted.draining | people->wanted.absent;

    for (size_t i = 0; i < people->host_count; i++) {
        if (has_bit(away, i) && text_equal(hosts_name(i), instance))
            return true;
    }
    return false;
}

bool hosts_is_given_up(const struct check *check, const struct world_instance *instance)
{
    return check->people->host_count > 0 && instance->lost_ms != 0 &&
           sim_now(check->process->sim) >= instance->lost_ms + LOST_TIMEOUT_MS;
}

const char *hosts_engine(const struct check *check, const char *engine_id)
{
    for (const struct world_instance *at = check->process->app.world->instances; at != NULL;
         at = at->by_name.next) {
        if (text_equal(at->engine_id, engine_id))
            return at->name;
    }
    return "local";
}

bool hosts_have_volume(const struct check *check, const char *name)
{
    const struct people *people = check->people;

    if (people->host_count == 0)
        return sim_has_volume(check->process->sim, "local", name);
    for (size_t i = 0; i < people->host_count; i++) {
        if (sim_has_volume(check->process->sim, hosts_name(i), name))
            return true;
    }
    return false;
}

bool hosts_decide(const struct check *check, const struct fact *fact)
{
    AUTO(arena) arena = { 0 };
    const struct deployment *before = NULL;

    if (check->people->host_count == 0)
        return false;
    if (fact->kind == FACT_DEPLOYMENT)
        before = memory_deployment(memory_service(check->process->app.memory,
                                                  unit_key(&arena, fact->cluster, fact->service)),
                                   fact->deployment->id);
    return fact->kind == FACT_EVENT || (before != NULL && before->state == fact->deployment->state);
}

bool hosts_are_seen(const struct check *check)
{
    for (const struct world_instance *at = check->process->app.world->instances;
         at != NULL && check->people->host_count > 0; at = at->by_name.next) {
        if (at->state != INSTANCE_ACTIVE || !at->complete)
            return false;
    }
    return true;
}
