#include "tests/sim/daemons.h"

#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "tests/sim/hosts.h"

bool daemons_is(const struct check *check, const char *key)
{
    const struct service_spec *spec = check_spec(check, key);

    return spec != NULL && spec->scheduling_strategy == SCHEDULING_STRATEGY_DAEMON;
}

static size_t service_of(const char *key)
{
    return check_service(strchr(key, '/') + 1);
}

/* Bits of hosts: those that answer, or are still waited for. */
static uint32_t hosts_now(const struct check *check, const char *key)
{
    uint32_t hosts = hosts_of_daemon(check->people, service_of(key));

    for (size_t i = 0; i < check->people->host_count; i++) {
        const struct world_instance *seen =
            world_instance(check->process->app.world, hosts_name(i));

        if (seen != NULL && hosts_is_given_up(check, seen))
            hosts &= ~(1U << i);
    }
    return hosts;
}

uint32_t check_desired(const struct check *check, const char *key)
{
    const struct service_spec *spec = check_spec(check, key);

    if (spec == NULL)
        return 0;
    return daemons_is(check, key) ? (uint32_t)__builtin_popcount(hosts_now(check, key))
                                  : spec->desired_count;
}

static bool is_up(const struct world_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        enum container_status status = task->containers[i]->status;

        if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED ||
            status == CONTAINER_RESTARTING)
            return true;
    }
    return false;
}

static const struct world_service *seen_of(const struct check *check, const char *key)
{
    return world_service(check->process->app.world, PEOPLE_CLUSTER,
                         people_service_name(service_of(key)));
}

/* Bits of hosts with a healthy task (of the revision, unless it is NULL) that is not to stop. */
static uint32_t healthy_hosts(const struct check *check, const char *key, const char *revision,
                              const struct fact *facts, size_t count)
{
    const struct world_service *seen = seen_of(check, key);
    uint32_t hosts = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        const struct world_task *task = seen->tasks[i];

        if (check_is_healthy(check, task) &&
            (revision == NULL || text_equal(task->revision, revision)) &&
            !check_is_leaving(memory_task(check->process->app.memory, task->id)) &&
            !check_is_stated(facts, count, task->id))
            hosts |= 1U << hosts_index(task->instance);
    }
    return hosts & hosts_now(check, key);
}

uint32_t daemons_healthy(const struct check *check, const char *key, const char *revision)
{
    return (uint32_t)__builtin_popcount(healthy_hosts(check, key, revision, NULL, 0));
}

/* Other tasks of the service there that are not over. */
static uint32_t count_there(const struct check *check, const char *key, const char *instance,
                            const char *but)
{
    const struct world_service *seen = seen_of(check, key);
    uint32_t count = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++)
        count += text_equal(seen->tasks[i]->instance, instance) &&
                 !text_equal(seen->tasks[i]->id, but) && is_up(seen->tasks[i]);
    return count;
}

void daemons_check_new(struct check *check, const struct action *action)
{
    size_t host = hosts_index(action->instance);

    if ((hosts_now(check, action->unit) >> host & 1) == 0)
        check_failed(check, "%s: a task is made on %s, which is to have none", action->unit,
                     action->instance);
    if (count_there(check, action->unit, action->instance, action->identity.task) > 0)
        check_failed(check, "%s: a second task is made on %s", action->unit, action->instance);
}

/* What is no daemon's is still there. */
static bool has_others(const struct check *check, const struct world_instance *instance)
{
    for (const struct world_task *at = instance->tasks; at != NULL; at = at->host_next) {
        const struct memory_service *memory =
            memory_service(check->process->app.memory, at->service->key);
        const struct deployment *primary = memory_primary(memory);
        bool is_daemon =
            check_spec(check, at->service->key) != NULL
                ? daemons_is(check, at->service->key)
                : primary != NULL && primary->goal->target->spec->scheduling_strategy ==
                                         SCHEDULING_STRATEGY_DAEMON;
        if (!is_daemon && is_up(at))
            return true;
    }
    return false;
}

void daemons_check_stop(struct check *check, const struct fact *facts, size_t index,
                        const struct world_task *stopped)
{
    const char *key = stopped->service->key;
    const struct service_spec *spec = check_spec(check, key);
    const struct deployment *primary =
        memory_primary(memory_service(check->process->app.memory, key));
    const char *instance = stopped->instance;
    uint32_t lower = check_percent(check_desired(check, key),
                                   spec->deployment_configuration->minimum_healthy_percent, 99);
    uint32_t healthy;

    if (hosts_is_left(check->people, instance)) {
        if (has_others(check, stopped->host))
            check_failed(check, "%s: it leaves %s before the others", key, instance);
        return;
    }
    if ((hosts_now(check, key) >> hosts_index(instance) & 1) == 0)
        return; /* a constraint is not true any more */
    healthy = (uint32_t)__builtin_popcount(healthy_hosts(check, key, NULL, facts, index));
    if (count_there(check, key, instance, stopped->id) == 0 && healthy <= lower)
        check_failed(check, "%s: a task is stopped while %u hosts have one and %u must", key,
                     healthy, lower);
    if (text_equal(stopped->revision, primary->goal->target->revision) &&
        count_there(check, key, instance, stopped->id) == 0)
        check_failed(check, "%s: the task that %s is to have is stopped", key, instance);
}

void daemons_check_end(struct check *check, size_t service, size_t each)
{
    const struct sim *sim = check->process->sim;
    const char *name = people_service_name(service);
    uint32_t hosts = hosts_of_daemon(check->people, service);

    for (size_t host = 0; host < check->people->host_count; host++) {
        size_t wanted = (hosts >> host & 1) != 0 ? each : 0;
        size_t there = 0;

        for (size_t i = 0; i < sim_container_count(sim); i++) {
            const struct sim_container *container = sim_container_at(sim, i);

            there += !container->foreign && text_equal(container->report.service, name) &&
                     text_equal(container->report.instance, hosts_name(host));
        }
        if (there != wanted)
            check_failed(check, "in the end %s has %zu containers on %s, which is to have %zu",
                         name, there, hosts_name(host), wanted);
    }
}

/* Of the service a task is there, or is being made. */
static bool is_there(const struct check *check, const char *key, const char *instance)
{
    const struct world_service *seen = seen_of(check, key);

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        if (text_equal(seen->tasks[i]->instance, instance))
            return true;
    }
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *action = at->inner.action;

        if (action != NULL && action->kind == ACTION_CONTAINER_CREATE &&
            text_equal(action->unit, key) && text_equal(action->instance, instance))
            return true;
    }
    return false;
}

/* Daemons that lack a task there which they are about to get. */
static uint32_t missing_on(const struct check *check, const char *instance)
{
    uint32_t missing = 0;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const struct memory_service *memory = memory_service(check->process->app.memory, key);
        const struct deployment *primary = memory_primary(memory);

        missing += daemons_is(check, key) && primary != NULL && primary->state != ROLLOUT_FAILED &&
                   (hosts_now(check, key) >> hosts_index(instance) & 1) != 0 &&
                   !is_there(check, key, instance);
    }
    return missing;
}

void daemons_check_room(struct check *check, const struct action *action)
{
    const struct world_instance *host = world_instance(check->process->app.world, action->instance);
    uint32_t tasks = 1 + (uint32_t)host->task_count;

    if (check->people->each == 0 || daemons_is(check, action->unit))
        return;
    for (const struct process_call *at = check->process->calls; at != NULL; at = at->next) {
        const struct action *other = at->inner.action;

        tasks += other != NULL && other->kind == ACTION_CONTAINER_CREATE &&
                 text_equal(other->instance, action->instance) &&
                 !text_equal(other->identity.task, action->identity.task) &&
                 world_task(check->process->app.world, other->identity.task) == NULL;
    }
    if (tasks + missing_on(check, action->instance) > check->memory_mib / TASK_MIB)
        check_failed(check, "%s: a task takes the room on %s that a daemon's is to have",
                     action->unit, action->instance);
}
