/*
 * Design rule 8: out of the load balancer, drained, then told to stop.
 */
#include "tests/sim/traffic.h"

#include <string.h>

#include "spec/base/text.h"
#include "tests/sim/check_int.h"
#include "tests/sim/loads.h"

#define OUT_MS  (30 * 1000) /* so long a balancer may take to hear of it */
#define GRACE_S 120         /* programs of the slow kind fail their first checks */

/* ---- People --------------------------------------------------------------------------------- */

void traffic_draw(struct people *people, struct wanted_service *service)
{
    struct rng *rng = &people->traffic;

    if (!people->balances)
        return;
    service->balanced = rng_chance(rng, 60);
    service->delay_s = (uint32_t)rng_below(rng, 12);
    service->second_port = service->balanced && rng_chance(rng, 20);
    if (service->balanced)
        service->grace_s = GRACE_S;
}

/* A DAEMON is not, whatever was drawn. */
static bool is_behind(const struct wanted_service *service)
{
    return service->exists && service->balanced && !service->daemon;
}

void traffic_print_balancer(const struct people *people, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < SERVICES_MAX; i++)
        any |= is_behind(&people->wanted.services[i]);
    if (any)
        buf_text_add(out, "---\napiVersion: berth/v1\nkind: LoadBalancer\n"
                          "metadata: {name: " TRAFFIC_BALANCER "}\n"
                          "spec: {listeners: [{port: 80}]}\n");
}

void traffic_print_ports(const struct wanted_service *service, size_t container, struct buf *out)
{
    if (is_behind(service) && container == 0)
        buf_text_add(out, "      portMappings: [{containerPort: 80}, {containerPort: 81}]\n");
}

static void print_target(const struct wanted_service *service, size_t index, uint32_t port,
                         struct buf *out)
{
    buf_printf(out,
               "    - {loadBalancer: " TRAFFIC_BALANCER ", containerName: c0, containerPort: %u, "
               "priority: %zu, pathPattern: [/%s/%u/*], deregistrationDelay: %u}\n",
               port, index * 2 + port - 79, people_service_name(index), port, service->delay_s);
}

void traffic_print_targets(const struct wanted_service *service, size_t index, struct buf *out)
{
    if (!is_behind(service))
        return;
    buf_text_add(out, "  loadBalancers:\n");
    print_target(service, index, 80, out);
    if (service->second_port)
        print_target(service, index, 81, out);
}

/* ---- Checks --------------------------------------------------------------------------------- */

/* What the task was made by; NULL: nobody ever declared it. */
static const struct service_spec *made_spec(const struct check *check,
                                            const struct world_task *task)
{
    const struct process *process = check->process;

    for (size_t i = 0; i < process->declared_count; i++)
        if (text_equal(process->declared[i]->target->revision, task->revision))
            return process->declared[i]->target->spec;
    return NULL;
}

static bool has_port(const struct service_spec *spec, uint32_t port)
{
    for (size_t i = 0; spec != NULL && i < spec->load_balancers_count; i++)
        if (spec->load_balancers[i].container_port == port)
            return true;
    return false;
}

bool traffic_is_expected(const struct check *check, const struct world_task *task)
{
    const struct service_spec *declared = check_spec(check, task->service->key);
    const struct service_spec *made = made_spec(check, task);

    return declared != NULL && declared->load_balancers_count > 0 && made != NULL &&
           made->load_balancers_count > 0;
}

/* That of the container: the last word of "CLUSTER:SERVICE:CONTAINER:PORT". */
static uint32_t port_of(const struct world_target *target)
{
    uint32_t port;

    return text_parse_u32(strrchr(target->group, ':') + 1, &port) ? port : 0;
}

bool traffic_is_healthy(const struct check *check, const struct world_task *task)
{
    const struct app *app = &check->process->app;
    const struct world_balancer *balancer = world_balancer(app->world, TRAFFIC_BALANCER);
    const struct task_record *record = memory_task(app->memory, task->id);
    const struct service_spec *declared = check_spec(check, task->service->key);
    const struct service_spec *made = made_spec(check, task);
    size_t targets = 0;

    if (balancer == NULL || !balancer->runs || balancer->stopping)
        return record != NULL && record->healthy_ms != 0;
    for (size_t i = 0; i < balancer->target_count; i++) {
        const struct world_target *target = &balancer->targets[i];

        if (text_equal(target->task, task->id) && has_port(declared, port_of(target)) &&
            has_port(made, port_of(target))) {
            if (target->state != TARGET_HEALTHY)
                return false;
            targets++;
        }
    }
    return targets > 0;
}

bool traffic_proved(const struct check *check, const struct world_task *task)
{
    const struct task_record *record = memory_task(check->process->app.memory, task->id);
    const struct service_spec *made = made_spec(check, task);

    return made != NULL && made->load_balancers_count > 0 && record != NULL &&
           record->healthy_ms != 0;
}

bool traffic_is_new(struct check *check, const struct balancer *balancer)
{
    struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];

    sha256_add_text(hash, balancer->shape);
    for (size_t g = 0; g < balancer->group_count; g++)
        for (size_t m = 0; m < balancer->groups[g].member_count; m++) {
            const struct balancer_member *member = &balancer->groups[g].members[m];

            sha256_add_text(hash, member->task);
            sha256_add_text(hash, member->drains ? "drains" : member->address);
        }
    sha256_finish(hash, hex);
    if (text_equal(check->set_up, hex))
        return false;
    text_copy(check->set_up, sizeof(check->set_up), hex);
    return true;
}

/* Then nobody knows that it is behind one. */
static bool made_is_forgotten(const struct check *check, const struct world_task *task)
{
    const struct memory_service *memory =
        memory_service(check->process->app.memory, task->service->key);

    return check->forgot && memory_deployment(memory, task->deployment) == NULL &&
           memory_revision(memory, task->revision) == NULL;
}

/* What ended by itself answers nothing; nor does what cannot be asked. */
static bool is_beyond(const struct task_record *record)
{
    return record == NULL || record->stop_code == STOP_ESSENTIAL_CONTAINER_EXITED ||
           record->stop_code == STOP_TASK_FAILED_TO_START;
}

void traffic_check_stop(struct check *check, const struct world_container *container)
{
    const struct app *app = &check->process->app;
    const struct task_record *record = memory_task(app->memory, container->task->id);
    const struct world_balancer *balancer = world_balancer(app->world, TRAFFIC_BALANCER);
    int64_t now_ms = sim_now(check->process->sim);

    if (is_beyond(record) || made_is_forgotten(check, container->task) ||
        now_ms >= record->stopping_ms + OUT_MS || (balancer != NULL && balancer->failures > 0))
        return;
    if (sim_leads_to(check->process->sim, container->task->id))
        check_failed(check, "%s is told to stop, and a load balancer leads to it", container->name);
}

/* Is the task up, and to stay so? */
static bool is_staying(const struct check *check, const struct world_task *task)
{
    const struct sim *sim = check->process->sim;
    const struct task_record *record = memory_task(check->process->app.memory, task->id);
    size_t up = 0;

    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct container_report *report = &sim_container_at(sim, i)->report;

        if (!text_equal(report->task, task->id))
            continue;
        if (report->status != CONTAINER_RUNNING)
            return false;
        up++;
    }
    return up == task->expected && record != NULL && record->stopping_ms == 0;
}

static bool is_member(const struct balancer *balancer, const char *task)
{
    for (size_t g = 0; g < balancer->group_count; g++)
        for (size_t m = 0; m < balancer->groups[g].member_count; m++)
            if (text_equal(balancer->groups[g].members[m].task, task) &&
                !balancer->groups[g].members[m].drains)
                return true;
    return false;
}

static bool is_listed(const struct check *check, const char *host)
{
    const struct cluster_spec *spec = resource_cluster(
        generation_find(check->process->app.desired->generation, KIND_CLUSTER, PEOPLE_CLUSTER));

    for (size_t i = 0; i < spec->instances_count; i++)
        if (text_equal(spec->instances[i].name, host))
            return true;
    return false;
}

/* It runs on a host of which nobody has heard yet, and git lists both. */
static bool is_unheard(const struct check *check, const struct world_target *target)
{
    const struct sim *sim = check->process->sim;
    const struct world *world = check->process->app.world;

    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct container_report *report = &sim_container_at(sim, i)->report;
        const struct world_instance *host = world_instance(world, report->instance);
        AUTO(arena) scratch = { 0 };
        const char *key;

        if (!text_equal(report->task, target->task) || report->status != CONTAINER_RUNNING)
            continue;
        key = arena_printf(&scratch, "%s/%s", report->cluster, report->service);
        return host != NULL && !host->was_complete && is_listed(check, host->name) &&
               has_port(check_spec(check, key), port_of(target));
    }
    return false;
}

void traffic_check_apply(struct check *check, const struct balancer *balancer)
{
    const struct world *world = check->process->app.world;
    const struct world_balancer *seen = world_balancer(world, balancer->name);

    for (size_t i = 0; seen != NULL && i < seen->target_count; i++) {
        const struct world_task *task = world_task(world, seen->targets[i].task);

        if (seen->targets[i].state == TARGET_HEALTHY &&
            (task == NULL ? is_unheard(check, &seen->targets[i])
                          : traffic_is_expected(check, task) && is_staying(check, task)) &&
            !is_member(balancer, seen->targets[i].task))
            check_failed(check, "task %.12s is taken out of load balancer %s, and stays",
                         seen->targets[i].task, balancer->name);
    }
}

void traffic_check_end(struct check *check)
{
    const struct sim *sim = check->process->sim;
    const struct wanted *wanted = &check->people->wanted;
    size_t targets = 0;
    bool any = false;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        const struct wanted_service *service = &wanted->services[i];

        if (!is_behind(service))
            continue;
        any = true;
        targets += loads_count(check, i, service->count) * (service->second_port ? 2 : 1);
    }
    for (size_t i = 0; i < sim_container_count(sim); i++) {
        const struct container_report *report = &sim_container_at(sim, i)->report;
        size_t index = report->service == NULL ? SERVICES_MAX : check_service(report->service);

        if (index < SERVICES_MAX && is_behind(&wanted->services[index]) &&
            text_equal(report->container, "c0") && !sim_leads_to(sim, report->task))
            check_failed(check, "in the end no load balancer leads to %s", report->name);
    }
    if (sim_target_count(sim) != targets)
        check_failed(check, "in the end there are %zu targets, %zu are wanted",
                     sim_target_count(sim), targets);
    if (sim_balancer_runs(sim, TRAFFIC_BALANCER) != any)
        check_failed(check, "in the end there is a load balancer too many, or too few");
}
