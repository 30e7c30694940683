/*
 * Simulated load balancers. They live beside the engines, as processes of their own: whoever reads
 * their targets reads the truth, a little late. A program that its container's check would pass
 * passes a target's as well.
 */
#include "drivers/sim/balancer.h"

#include <string.h>

#include "spec/base/text.h"
#include "spec/port.h"

#define CHECK_MS      5000 /* from one health check to the next */
#define FIRST_MS      1000 /* the first one comes sooner */
#define RISE          3    /* passed checks in a row that an unhealthy target needs, */
#define FALL          2    /* and failed ones that a healthy one may not have */
#define OPEN_MAX      3    /* requests that are open to a target that leaves, */
#define OPEN_MS       4000 /* and how long each may take */
#define CHECKS_FAILED "Health checks failed"

struct sim_target {
    struct target_report report; /* the truth */
    uint32_t streak;             /* checks in a row that speak against its state */
    bool gone;                   /* it is none any more: its timers mean nothing */
    struct sim_balancer *balancer;
    struct sim_target *next;
};

struct sim_balancer {
    const char *name;
    const char *shape;
    bool runs;
    bool stopping;
    struct sim_target *targets;
    struct sim_balancer *next;
};

/* What an action wants of one: a copy. */
struct sim_wanted {
    const char *shape;
    struct target_report *targets;
    size_t count;
};

static struct sim_balancer *balancer_find(const struct sim *sim, const char *name)
{
    struct sim_balancer *at = sim->balancers;

    while (at != NULL && !text_equal(at->name, name))
        at = at->next;
    return at;
}

static struct sim_balancer *balancer_need(struct sim *sim, const char *name)
{
    struct sim_balancer *balancer = balancer_find(sim, name);

    if (balancer != NULL)
        return balancer;
    balancer = arena_new(&sim->arena, struct sim_balancer);
    balancer->name = sim_text(sim, name);
    balancer->next = sim->balancers;
    sim->balancers = balancer;
    return balancer;
}

/* ---- What the driver tells ---- */

static bool is_told(const struct sim *sim)
{
    return sim->driver != NULL && sim->driver->knows_balancers;
}

static void report(struct sim *sim, const struct sim_balancer *balancer, bool applied)
{
    AUTO(arena) scratch = { 0 };
    struct world_change change = { .kind = WORLD_BALANCER };
    struct target_report *targets;
    size_t count = 0;

    if (!balancer->runs) {
        change.kind = WORLD_BALANCER_GONE;
        change.named.name = balancer->name;
        sim_report(sim, &change);
        return;
    }
    for (const struct sim_target *at = balancer->targets; at != NULL; at = at->next)
        count++;
    targets = arena_array(&scratch, struct target_report, count + 1);
    count = 0;
    for (const struct sim_target *at = balancer->targets; at != NULL; at = at->next)
        targets[count++] = at->report;
    change.balancer = (struct balancer_report){ .name = balancer->name,
                                                .shape = balancer->shape,
                                                .stopping = balancer->stopping,
                                                .applied = applied,
                                                .targets = targets,
                                                .target_count = count };
    sim_report(sim, &change);
}

static void tell_later(struct sim *sim, const struct sim_job *job)
{
    if (is_told(sim))
        report(sim, job->subject, /* applied= */ false);
}

static void changed(struct sim *sim, struct sim_balancer *balancer)
{
    sim_later(sim, sim_latency(sim), tell_later, balancer, 0);
}

static void know(struct sim *sim, const struct sim_job *job)
{
    const struct world_change change = { .kind = WORLD_BALANCERS_KNOWN };

    if (sim->driver == NULL || sim->driver->serial != job->number)
        return;
    sim->driver->knows_balancers = true;
    for (const struct sim_balancer *at = sim->balancers; at != NULL; at = at->next)
        if (at->runs)
            report(sim, at, /* applied= */ false);
    sim_report(sim, &change);
}

void sim_balancers_look(struct sim *sim)
{
    /* Where there is none nothing is drawn, so that lives without stay as they are. */
    sim_later(sim, sim->balancers == NULL ? 1 : sim_latency(sim), know, NULL, sim->driver->serial);
}

/* ---- Targets ---- */

/* "CLUSTER:SERVICE:CONTAINER:PORT" */
static bool is_of_group(const char *group, const char *container)
{
    const char *at = strchr(group, ':');

    at = at == NULL ? NULL : strchr(at + 1, ':');
    return at != NULL && text_starts(at + 1, container) && at[1 + strlen(container)] == ':';
}

static bool has_host_port(const struct container_report *seen, uint32_t port)
{
    const char *at = seen->bindings;
    struct port_binding binding;

    while (port_binding_next(&at, &binding))
        if (binding.host == port)
            return true;
    return false;
}

/* By an address of its own, or through a port of its host. */
static bool is_at(const struct sim_body *body, const struct target_report *target)
{
    return text_equal(body->seen.report.address, target->address) ||
           (text_equal(body->host->address, target->address) &&
            has_host_port(&body->seen.report, target->port));
}

/* Somebody of the task has the address, and the program behind it is well. */
static bool passes(const struct sim *sim, const struct sim_target *target)
{
    bool reached = false;
    bool well = false;

    for (size_t i = 0; i < sim->living_count; i++) {
        const struct sim_body *body = sim->living[i];
        const struct container_report *seen = &body->seen.report;

        if (!text_equal(seen->task, target->report.task) || seen->status != CONTAINER_RUNNING)
            continue;
        reached |= is_at(body, &target->report);
        if (is_of_group(target->report.group, seen->container))
            well = sim_body_is_well(sim, body);
    }
    return reached && well;
}

static void turn(struct sim *sim, struct sim_target *target, enum target_state state)
{
    target->report.state = state;
    target->report.reason = state == TARGET_UNHEALTHY ? CHECKS_FAILED : NULL;
    target->streak = 0;
    sim_note(sim, target_state_text(state), target->report.task);
    changed(sim, target->balancer);
}

static void check(struct sim *sim, const struct sim_job *job)
{
    struct sim_target *target = job->subject;
    enum target_state state = target->report.state;
    bool well;

    if (target->gone || state == TARGET_DRAINING)
        return;
    well = passes(sim, target);
    target->streak = well == (state == TARGET_HEALTHY) ? 0 : target->streak + 1;
    if (well && (state == TARGET_INITIAL || (state == TARGET_UNHEALTHY && target->streak >= RISE)))
        turn(sim, target, TARGET_HEALTHY);
    else if (!well && state != TARGET_UNHEALTHY && target->streak >= FALL)
        turn(sim, target, TARGET_UNHEALTHY);
    sim_later(sim, CHECK_MS, check, target, 0);
}

static void request_ended(struct sim *sim, const struct sim_job *job)
{
    struct sim_target *target = job->subject;

    if (target->gone || target->report.connections == 0)
        return;
    target->report.connections--;
    changed(sim, target->balancer);
}

static void drain(struct sim *sim, struct sim_target *target)
{
    bool served = target->report.state == TARGET_HEALTHY;

    if (target->report.state == TARGET_DRAINING)
        return;
    turn(sim, target, TARGET_DRAINING);
    target->report.connections = served ? (uint32_t)rng_below(&sim->rng, OPEN_MAX + 1) : 0;
    for (uint32_t i = 0; i < target->report.connections; i++)
        sim_later(sim, rng_between(&sim->rng, 1, OPEN_MS), request_ended, target, 0);
}

static bool is_target(const struct target_report *seen, const struct target_report *wanted)
{
    return text_equal(seen->group, wanted->group) && text_equal(seen->task, wanted->task) &&
           text_equal(seen->address, wanted->address) && seen->port == wanted->port &&
           seen->check_port == wanted->check_port;
}

static struct sim_target *target_new(struct sim *sim, struct sim_balancer *balancer,
                                     const struct target_report *wanted)
{
    struct sim_target *target = arena_new(&sim->arena, struct sim_target);

    target->report = *wanted;
    target->report.state = TARGET_INITIAL;
    target->balancer = balancer;
    sim_later(sim, rng_between(&sim->rng, 1, FIRST_MS), check, target, 0);
    return target;
}

static void end_all(struct sim_balancer *balancer)
{
    for (struct sim_target *at = balancer->targets; at != NULL; at = at->next)
        at->gone = true;
    balancer->targets = NULL;
}

/* ---- What is asked ---- */

/* Takes it out of those that there were; NULL: it is not among them. */
static struct sim_target *target_take(struct sim_balancer *balancer,
                                      const struct target_report *wanted)
{
    struct sim_target **at = &balancer->targets;
    struct sim_target *found;

    while (*at != NULL && !is_target(&(*at)->report, wanted))
        at = &(*at)->next;
    found = *at;
    if (found != NULL)
        *at = found->next;
    return found;
}

static void apply(struct sim *sim, struct sim_balancer *balancer, const struct sim_wanted *wanted)
{
    struct sim_target *kept = NULL;

    for (size_t i = 0; i < wanted->count; i++) {
        const struct target_report *want = &wanted->targets[i];
        struct sim_target *target = target_take(balancer, want);

        if (target == NULL) {
            target = target_new(sim, balancer, want);
        } else if (target->report.state == TARGET_DRAINING && want->state != TARGET_DRAINING) {
            turn(sim, target, TARGET_INITIAL);
            sim_later(sim, FIRST_MS, check, target, 0);
        }
        if (want->state == TARGET_DRAINING)
            drain(sim, target);
        target->next = kept;
        kept = target;
    }
    end_all(balancer);
    balancer->targets = kept;
    balancer->shape = wanted->shape;
    balancer->runs = true;
}

static void ended(struct sim *sim, const struct sim_job *job)
{
    struct sim_balancer *balancer = job->subject;

    if (!balancer->runs || !balancer->stopping)
        return;
    end_all(balancer);
    balancer->runs = false;
    balancer->stopping = false;
    changed(sim, balancer);
}

static void stop(struct sim *sim, struct sim_balancer *balancer)
{
    if (!balancer->runs || balancer->stopping)
        return;
    balancer->stopping = true;
    for (struct sim_target *at = balancer->targets; at != NULL; at = at->next)
        drain(sim, at);
    sim_later(sim, OPEN_MS, ended, balancer, 0);
}

struct sim_wanted *sim_balancer_wanted(struct sim *sim, const struct balancer *balancer)
{
    struct sim_wanted *wanted = arena_new(&sim->arena, struct sim_wanted);
    size_t count = 0;

    for (size_t g = 0; g < balancer->group_count; g++)
        count += balancer->groups[g].member_count;
    wanted->shape = sim_text(sim, balancer->shape);
    wanted->targets = arena_array(&sim->arena, struct target_report, count + 1);
    for (size_t g = 0; g < balancer->group_count; g++) {
        const struct balancer_group *group = &balancer->groups[g];
        const char *name = sim_text(sim, group->name);

        for (size_t m = 0; m < group->member_count; m++) {
            const struct balancer_member *member = &group->members[m];

            wanted->targets[wanted->count++] = (struct target_report){
                .group = name,
                .task = sim_text(sim, member->task),
                .address = sim_text(sim, member->address),
                .port = member->port,
                .check_port = member->check_port,
                .state = member->drains ? TARGET_DRAINING : TARGET_INITIAL,
            };
        }
    }
    return wanted;
}

void sim_balancer_arrived(struct sim *sim, struct sim_request *request)
{
    struct sim_balancer *balancer = balancer_need(sim, request->object);

    if (rng_chance(&sim->rng, sim->faults.fail_call)) {
        request->failed = true;
        (void)err_set(&request->failure, ERR_FAILED, "cannot bind socket");
    } else if (request->kind == ACTION_BALANCER_STOP) {
        stop(sim, balancer);
        changed(sim, balancer);
    } else if (balancer->stopping) {
        request->failed = true;
        (void)err_set(&request->failure, ERR_CONFLICT, "it is stopping");
    } else {
        apply(sim, balancer, request->wanted);
        changed(sim, balancer); /* also when its answer is lost */
    }
    sim_answer(sim, request);
}

void sim_balancer_answered(struct sim *sim, const struct sim_request *request)
{
    struct world_change change = { .kind = WORLD_BALANCER_FAILED };

    if (!request->failed) {
        report(sim, balancer_need(sim, request->object), /* applied= */ true);
        return;
    }
    change.lost.instance = request->object;
    change.lost.failure = request->failure.text;
    change.lost.at_ms = sim->now_ms;
    sim_report(sim, &change);
}

void sim_balancer_kill(struct sim *sim, uint64_t draw)
{
    size_t count = 0;

    for (struct sim_balancer *at = sim->balancers; at != NULL; at = at->next)
        count += at->runs;
    if (count == 0)
        return;
    draw %= count;
    for (struct sim_balancer *at = sim->balancers; at != NULL; at = at->next) {
        if (!at->runs || draw-- > 0)
            continue;
        sim_note(sim, "balancer dies", at->name);
        end_all(at);
        at->runs = false;
        at->stopping = false;
        changed(sim, at);
        return;
    }
}

/* ---- The truth ---- */

bool sim_leads_to(const struct sim *sim, const char *task)
{
    for (const struct sim_balancer *at = sim->balancers; at != NULL; at = at->next)
        for (const struct sim_target *target = at->targets; target != NULL; target = target->next)
            if (text_equal(target->report.task, task) && target->report.state == TARGET_HEALTHY)
                return true;
    return false;
}

size_t sim_target_count(const struct sim *sim)
{
    size_t count = 0;

    for (const struct sim_balancer *at = sim->balancers; at != NULL; at = at->next)
        for (const struct sim_target *target = at->targets; target != NULL; target = target->next)
            count++;
    return count;
}

bool sim_balancer_runs(const struct sim *sim, const char *name)
{
    const struct sim_balancer *balancer = balancer_find(sim, name);

    return balancer != NULL && balancer->runs;
}
