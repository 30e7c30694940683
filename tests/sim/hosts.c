#include "tests/sim/hosts.h"

#include "spec/base/text.h"
#include "tests/sim/check_int.h"
#include "tests/sim/daemons.h"
#include "tests/sim/upkeep.h"

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
    buf_text_add(out, "spec:\n  launchType: EC2\n");
    upkeep_print(people, out);
    buf_text_add(out, "  instances: [");
    for (size_t i = 0; i < people->host_count; i++) {
        if (has_bit(people->wanted.absent, i))
            continue;
        buf_printf(out, "%s{name: %s, host: %s, address: %s, attributes: {zone: z%zu}%s}",
                   first ? "" : ", ", hosts_name(i), hosts_name(i),
                   sim_address(people->sim, hosts_name(i)), i % 2,
                   has_bit(people->wanted.draining, i) ? ", state: DRAINING" : "");
        first = false;
    }
    buf_text_add(out, "]\n");
}

enum { STRATEGIES = 6, STRATEGY_HOST = 1, STRATEGY_PACK = 2, STRATEGY_ANY = 3, STRATEGY_ZONE = 4 };

/* By its color. */
static size_t strategy_of(const struct people *people, size_t service)
{
    return (people->wanted.services[service].color + service) % STRATEGIES;
}

/* Where a DAEMON has tasks. */
static void print_constraint(const struct people *people, size_t service, struct buf *out)
{
    switch (people->wanted.services[service].where) {
    case 1:
        buf_text_add(out,
                     "  placementConstraints: [{type: memberOf, expression: 'attribute:zone == "
                     "z0'}]\n");
        break;
    case 2:
        buf_printf(
            out,
            "  placementConstraints: [{type: memberOf, expression: 'attribute:zone exists and "
            "not(task:group == service:%s)'}]\n",
            people_service_name(service));
        break;
    default: break;
    }
}

void hosts_print_placement(const struct people *people, size_t service, struct buf *out)
{
    static const char *const strategies[STRATEGIES] = {
        "",
        "  placementStrategy: [{type: spread, field: host}]\n",
        "  placementStrategy: [{type: binpack, field: memory}]\n",
        "  placementStrategy: [{type: random}]\n",
        "  placementStrategy: [{type: spread, field: 'attribute:zone'}, {type: binpack, field: "
        "cpu}]\n",
        "  placementConstraints: [{type: memberOf, expression: 'attribute:zone exists and "
        "agentConnected == true'}]\n",
    };

    if (people->host_count == 0)
        return;
    if (people->wanted.services[service].daemon)
        print_constraint(people, service, out);
    else
        buf_text_add(out, strategies[strategy_of(people, service)]);
}

uint32_t hosts_of_daemon(const struct people *people, size_t service)
{
    uint32_t away = people->wanted.draining | people->wanted.absent | people->kept_free;
    uint32_t hosts = ((1U << people->host_count) - 1) & ~away;

    return people->wanted.services[service].where == 1 ? hosts & 5 /* of the zone z0 */ : hosts;
}

size_t hosts_index(const char *instance)
{
    size_t index = 0;

    while (index < HOSTS_MAX && !text_equal(hosts_name(index), instance))
        index++;
    return index;
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
        keeps |= people->wanted.services[i].exists && people->wanted.services[i].volume &&
                 !people->wanted.services[i].daemon;
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
    uint32_t away = people->wanted.draining | people->wanted.absent | people->kept_free;

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

static uint32_t creates_on(const struct check *check, const char *instance)
{
    uint32_t creates = 0;

    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;

        creates += action != NULL && action->kind == ACTION_CONTAINER_CREATE &&
                   text_equal(action->instance, instance) &&
                   world_task(check->process->app.world, action->identity.task) == NULL;
    }
    return creates;
}

/* All that may run, beside what does. */
static uint32_t may_get(const struct check *check)
{
    uint32_t tasks = 0;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const struct world_service *seen =
            world_service(check->process->app.world, PEOPLE_CLUSTER, people_service_name(i));
        const struct service_spec *spec = check_spec(check, key);
        uint32_t most = 0;

        if (spec != NULL)
            most = daemons_is(check, key)
                       ? HOSTS_MAX * 2
                       : check_percent(spec->desired_count,
                                       spec->deployment_configuration->maximum_percent, 0);
        uint32_t stay = 0; /* what leaves makes room for others before it is gone */
        for (size_t t = 0; seen != NULL && t < seen->task_count; t++)
            stay += !check_is_leaving(memory_task(check->process->app.memory, seen->tasks[t]->id));
        tasks += most > stay ? most - stay : 0;
    }
    return tasks;
}

bool hosts_have_room(const struct check *check, uint32_t wanted)
{
    uint32_t room = check->memory_mib / TASK_MIB;
    uint32_t more = may_get(check);
    uint32_t found = 0;

    for (const struct world_instance *at = check->process->app.world->instances; at != NULL;
         at = at->by_name.next) {
        uint32_t tasks = (uint32_t)at->task_count + creates_on(check, at->name) + more;

        if (at->state == INSTANCE_ACTIVE && at->complete && at->lost_ms == 0 &&
            !hosts_is_left(check->people, at->name) && tasks < room)
            found += room - tasks;
    }
    return found > 0 && found >= wanted;
}

/* A task that stays last on a host that is to be maintained leaves when the others have. Whether
 * one of those stays last as well may change with a commit; that is seen when something ends. */
static bool leaves_last(const struct check *check, const struct fact *fact)
{
    if (fact->kind != FACT_TASK || fact->task->stopping_ms == 0 ||
        !hosts_is_left(check->people, fact->task->instance))
        return false;
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        if (at->inner.action != NULL &&
            text_equal(at->inner.action->instance, fact->task->instance))
            return true;
    }
    return false;
}

/* A task of which nothing is left on an instance that is not listed any more: nobody waits for that
 * one, so its end is stated when all is looked at again. */
static bool ended_where_nobody_waits(const struct check *check, const struct fact *fact)
{
    return fact->kind == FACT_TASK && fact->task->stopped_ms != 0 &&
           world_task(check->process->app.world, fact->task->id) == NULL &&
           has_bit(check->people->wanted.absent, hosts_index(fact->task->instance));
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
    return fact->kind == FACT_EVENT || leaves_last(check, fact) ||
           ended_where_nobody_waits(check, fact) ||
           (before != NULL && before->state == fact->deployment->state);
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

/* ---- Balance ---- */

static uint32_t tasks_on(const struct check *check, size_t service, const char *instance)
{
    const struct sim *sim = check->process->sim;
    const struct wanted_service *wanted = &check->people->wanted.services[service];
    uint32_t containers = 0;

    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct sim_container *container = sim_container_at(sim, i);

        containers += !container->foreign &&
                      text_equal(container->report.service, people_service_name(service)) &&
                      text_equal(container->report.instance, instance);
    }
    return containers / (wanted->container_count + (wanted->container_count > 1 ? 1 : 0));
}

static bool may_move(const struct people *people, size_t service)
{
    const struct wanted_service *wanted = &people->wanted.services[service];
    size_t strategy = strategy_of(people, service);

    return !wanted->volume && !wanted->stays && !wanted->daemon && strategy != STRATEGY_PACK &&
           strategy != STRATEGY_ANY && wanted->count * wanted->maximum / 100 > wanted->count;
}

void hosts_check_known(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct cluster_spec *cluster =
        check->people->host_count == 0
            ? NULL
            : resource_cluster(
                  generation_find(app->desired->generation, KIND_CLUSTER, PEOPLE_CLUSTER));

    for (size_t i = 0; cluster != NULL && i < cluster->instances_count; i++) {
        const char *name = cluster->instances[i].name;
        const struct world_instance *seen = world_instance(app->world, name);
        const struct host_record *record = memory_host(app->memory, name);

        if ((seen == NULL || !(seen->was_complete || hosts_is_given_up(check, seen))) &&
            (record == NULL || record->forgotten_ms == 0))
            check_failed(check, "%s: a task is placed before %s was seen", action->unit, name);
    }
}

void hosts_check_move(struct check *check, const struct action *action)
{
    const struct app *app = &check->process->app;
    const struct memory_service *memory = memory_service(app->memory, action->unit);
    const struct deployment *primary = memory_primary(memory);
    const struct world_service *seen =
        world_service(app->world, action->target->cluster, action->target->service);
    size_t service = check_service(action->target->service);
    uint32_t slots = 0; /* two of one slot are one too many: another one comes for the second */
    uint32_t healthy;

    if (check->people->host_count == 0 || primary == NULL ||
        check->people->wanted.services[service].daemon)
        return;
    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        const struct world_task *task = seen->tasks[i];

        if (check_is_healthy(check, task) &&
            text_equal(task->revision, primary->goal->target->revision) &&
            !hosts_is_left(check->people, task->instance) &&
            !check_is_leaving(memory_task(app->memory, task->id)))
            slots |= 1U << task->slot;
    }
    healthy = (uint32_t)__builtin_popcount(slots);
    if (healthy < check_desired(check, action->unit) ||
        !text_equal(action->target->revision, primary->goal->target->revision))
        return;
    if (!may_move(check->people, service) || primary->state != ROLLOUT_COMPLETED)
        check_failed(check, "%s: a task is to move that must not (%s)", action->unit,
                     action->cause);
    if (healthy > check_desired(check, action->unit))
        check_failed(check, "%s: more than one task moves at a time", action->unit);
}

void hosts_check_even(struct check *check, size_t service)
{
    const struct people *people = check->people;
    bool by_zone = strategy_of(people, service) == STRATEGY_ZONE;
    uint32_t counts[HOSTS_MAX] = { 0 };
    uint32_t open = 0;

    if (people->host_count == 0 || people->each > 0 || !may_move(people, service))
        return;
    for (size_t i = 0; i < people->host_count; i++) {
        size_t group = by_zone ? i % 2 : i;

        counts[group] += tasks_on(check, service, hosts_name(i));
        if (!hosts_is_left(people, hosts_name(i)))
            open |= 1U << group;
    }
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        for (size_t j = 0; j < HOSTS_MAX; j++) {
            if (has_bit(open, i) && has_bit(open, j) && counts[i] > counts[j] + 1)
                check_failed(check, "in the end %s has %u tasks in one place and %u in another",
                             people_service_name(service), counts[i], counts[j]);
        }
    }
}
