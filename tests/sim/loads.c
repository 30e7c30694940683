/*
 * Work is drawn for each scaled service, its tasks share it, and what they have of it is measured.
 * The policies are computed a second time from that, without a line of reconciler/plan/scale.c.
 */
#include "tests/sim/loads.h"

#include <math.h>

#include "spec/base/text.h"
#include "tests/sim/check_int.h"

#define PERIOD_MS   10000
#define COOLDOWN_MS 60000
#define POLICIES    2

static const double targets[POLICIES] = { 60, 70 };

bool loads_has(const struct people *people, size_t service)
{
    return (people->scaled >> service & 1) != 0;
}

void loads_draw(struct people *people, bool may)
{
    struct rng *rng = &people->loads;

    rng->state = people->asks.state ^ 0x9b05688c2b3e6c1f;
    if (!rng_chance(rng, 40) || !may)
        return;
    people->scaled = (uint32_t)rng_between(rng, 1, (1 << SERVICES_MAX) - 1);
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        people->least[i] = (uint32_t)rng_between(rng, 1, 2);
        people->most[i] = (uint32_t)rng_between(rng, 3, 5);
    }
}

void loads_print(const struct people *people, size_t service, struct buf *out)
{
    if (!loads_has(people, service))
        return;
    buf_printf(out,
               "  autoScaling:\n    minCapacity: %u\n    maxCapacity: %u\n"
               "    evaluationInterval: 10\n    policies:\n"
               "    - {name: cpu, targetTracking: {metric: ECSServiceAverageCPUUtilization, "
               "targetValue: 60, period: 10, scaleOutCooldown: 60, scaleInCooldown: 60}}\n"
               "    - {name: memory, targetTracking: {metric: ECSServiceAverageMemoryUtilization, "
               "targetValue: 70, period: 10, scaleOutCooldown: 60, scaleInCooldown: 60}}\n",
               people->least[service], people->most[service]);
}

/* ---- What is measured ------------------------------------------------------------------------ */

static struct load *load_of(struct check *check, const char *key)
{
    const char *slash = strchr(key, '/');

    ASSERT(slash != NULL);
    return &check->loads[check_service(slash + 1)];
}

static uint32_t running(const struct check *check, const char *key)
{
    const struct plan_input input = app_plan_input(&check->process->app);
    AUTO(arena) arena = { 0 };
    struct service_status status;

    plan_service_status(&input, key, &arena, &status);
    return status.running;
}

/* The work that there is, in percent of one task; each datapoint it may be another one. */
static void drift(struct check *check, struct load *load)
{
    struct rng *rng = &check->people->loads;

    for (size_t i = 0; i < POLICIES && !check->loads_rest; i++) {
        if (load->work[i] < 1 || rng_chance(rng, 4))
            load->work[i] = (double)rng_between(rng, 10, 320);
    }
}

/* One datapoint for each period that ends while the program looks: what it does not see is missing.
 * Now and then one is lost. */
static void measure(struct check *check, struct load *load, const char *key, int64_t now_ms)
{
    int64_t period = now_ms / PERIOD_MS - 1;
    uint32_t tasks;

    if (period == load->period)
        return;
    tasks = running(check, key);
    drift(check, load);
    for (int64_t at = load->period + 1; at <= period; at++) {
        bool lost = at < period || tasks == 0 || rng_chance(&check->people->loads, 2);

        if (period - at < LOAD_POINTS) {
            for (size_t i = 0; i < POLICIES; i++)
                load->points[at % LOAD_POINTS][i] = lost ? NAN : load->work[i] / tasks;
        } else {
            at = period - LOAD_POINTS;
        }
    }
    load->period = period;
}

/* ---- The same policy, by itself -------------------------------------------------------------- */

/* What ends within a minute may not be there yet.  The newest ones first, at most `need` of
 * need + 2; how many there are. */
static size_t newest(const struct load *load, size_t policy, size_t need, double *out,
                     int64_t *out_begin_ms)
{
    size_t first = 0;
    size_t count = 0;

    while (first < 60000 / PERIOD_MS &&
           isnan(load->points[(load->period - (int64_t)first) % LOAD_POINTS][policy]))
        first++;
    for (size_t age = first; age < first + need + 2 && count < need; age++) {
        int64_t period = load->period - (int64_t)age;
        double value = load->points[period % LOAD_POINTS][policy];

        if (isnan(value))
            continue;
        if (count == 0)
            *out_begin_ms = period * PERIOD_MS;
        out[count++] = value;
    }
    return count;
}

static bool all_above(const double *values, size_t count, double limit)
{
    size_t above = 0;

    for (size_t i = 0; i < count; i++)
        above += values[i] > limit;
    return above == count;
}

/* The fewest tasks that bring it to the limit or below. */
static uint32_t fewest(uint32_t tasks, double value, double limit)
{
    uint32_t count = 0;

    while ((double)tasks * value > limit * count + limit * 1e-9)
        count++;
    return count;
}

static bool cools(int64_t since_ms, int64_t now_ms)
{
    int64_t whole_ms = since_ms + PERIOD_MS - 1;

    whole_ms = whole_ms - whole_ms % PERIOD_MS + PERIOD_MS;
    return since_ms != 0 && (now_ms < since_ms + COOLDOWN_MS || now_ms < whole_ms);
}

/* What one policy asks for; `ready`: it would take tasks away. `base` is what it counts from. */
static uint32_t ask(const struct load *load, size_t policy, bool *out_ready, uint32_t *out_base)
{
    double values[15] = { 0 };
    int64_t begin_ms = 0;
    uint32_t tasks = load->seen.running;
    double worst = 0;

    *out_ready = false;
    if (tasks == 0 || newest(load, policy, 3, values, &begin_ms) < 3)
        return load->seen.desired;
    if (all_above(values, 3, targets[policy])) {
        if (load->out_ms != 0 && (cools(load->out_ms, load->seen.at_ms) || begin_ms < load->out_ms))
            tasks = load->out_from;
        *out_base = tasks;
        return fewest(tasks, values[0], targets[policy]);
    }
    if (newest(load, policy, 15, values, &begin_ms) < 15)
        return load->seen.desired;
    for (size_t i = 0; i < 15; i++)
        worst = values[i] > worst ? values[i] : worst;
    if (worst >= 0.9 * targets[policy])
        return load->seen.desired;
    uint32_t wants = fewest(tasks, worst, 0.9 * targets[policy]);
    if (wants >= load->seen.desired) /* of more than are wanted, as in a rollout */
        return load->seen.desired;
    *out_ready = true;
    return wants == 0 ? 1 : wants;
}

/* So many there are to be; `base`: what a scale-out counted from. */
static uint32_t expected(const struct check *check, size_t service, uint32_t *out_base)
{
    const struct load *load = &check->loads[service];
    uint32_t most = 0;
    bool all_ready = true;

    for (size_t i = 0; i < POLICIES; i++) {
        uint32_t base = load->seen.running;
        bool ready;
        uint32_t wants = ask(load, i, &ready, &base);

        all_ready &= ready;
        if (wants > most)
            *out_base = base;
        most = wants > most ? wants : most;
    }
    if (most > check->people->most[service])
        most = check->people->most[service];
    if (most < check->people->least[service])
        most = check->people->least[service];
    if (most > load->seen.desired)
        return most;
    if (!all_ready || load->seen.deploying || cools(load->out_ms, load->seen.at_ms) ||
        cools(load->in_ms, load->seen.at_ms))
        return load->seen.desired;
    return most;
}

static void expect_answer(struct check *check, struct load *load, const char *key)
{
    uint32_t base;
    uint32_t wanted = expected(check, (size_t)(load - check->loads), &base);

    if (load->seen.at_ms != 0 && !load->seen.answered && !load->seen.full &&
        wanted != load->seen.desired)
        check_failed(check, "%s: %u tasks are to be %u, and nothing was stated", key,
                     load->seen.desired, wanted);
    load->seen.at_ms = 0;
}

void loads_read(void *context, const char *key, enum metric metric, uint32_t period_s,
                int64_t now_ms, double *out, size_t count)
{
    struct check *check = context;
    struct load *load = load_of(check, key);
    const struct deployment *primary =
        memory_primary(memory_service(check->process->app.memory, key));

    ASSERT(period_s * 1000 == PERIOD_MS && metric <= METRIC_MEMORY);
    if (metric == METRIC_CPU) {
        expect_answer(check, load, key);
        measure(check, load, key, now_ms);
        load->seen = (struct load_seen){ .at_ms = now_ms,
                                         .desired = load->count,
                                         .running = running(check, key),
                                         .deploying = primary != NULL &&
                                                      primary->state == ROLLOUT_IN_PROGRESS,
                                         .full = check->process->store->full };
    }
    for (size_t i = 0; i < count; i++) {
        int64_t period = load->period - (int64_t)(count - 1 - i);

        out[i] = load->points[period % LOAD_POINTS][metric == METRIC_CPU ? 0 : 1];
    }
}

void loads_freeze(struct check *check)
{
    check->loads_rest = true;
}

/* ---- What is stated -------------------------------------------------------------------------- */

static void check_decision(struct check *check, size_t service, const struct fact *fact)
{
    struct load *load = &check->loads[service];
    const struct scaling *scaling = fact->scaling;
    uint32_t wanted;
    uint32_t base;

    if (load->seen.at_ms != fact->at_ms) {
        check_failed(check, "%s is scaled by a policy that did not look", fact->service);
        return;
    }
    wanted = expected(check, service, &base);
    if (scaling->desired != wanted || wanted == load->seen.desired)
        check_failed(check, "%s is scaled from %u to %u, its policies say %u", fact->service,
                     load->seen.desired, scaling->desired, wanted);
    load->seen.answered = true;
    if (scaling->desired > load->seen.desired) {
        load->out_from = base;
        load->out_ms = fact->at_ms;
        load->in_ms = 0;
    } else {
        load->in_ms = fact->at_ms;
    }
}

/* With nothing remembered it begins with what runs: no healthy task has to go. */
static void check_begin(struct check *check, size_t service, const struct fact *fact)
{
    const struct world_service *seen =
        world_service(check->process->app.world, fact->cluster, fact->service);
    uint32_t kept = 0;

    for (size_t i = 0; seen != NULL && i < seen->task_count; i++) {
        if (check_is_healthy(check, seen->tasks[i]) && seen->tasks[i]->slot + 1 > kept)
            kept = seen->tasks[i]->slot + 1;
    }
    if (kept > check->people->most[service])
        kept = check->people->most[service];
    if (check->process->forgot && fact->scaling->desired < kept)
        check_failed(check, "%s begins with %u tasks, and %u are to be kept", fact->service,
                     fact->scaling->desired, kept);
}

void loads_check_fact(struct check *check, const struct fact *fact)
{
    size_t service;
    struct load *load;

    if (fact->kind != FACT_SCALE && fact->kind != FACT_FORGET)
        return;
    service = check_service(fact->service);
    load = &check->loads[service];
    if (fact->kind == FACT_FORGET || !fact->scaling->set) {
        load->count = 0;
        load->out_ms = load->in_ms = load->seen.at_ms = 0;
        return;
    }
    if (fact->words != NULL && !fact->durable)
        check_failed(check, "%s: a count that a crash may lose", fact->service);
    if (fact->scaling->desired < check->people->least[service] ||
        fact->scaling->desired > check->people->most[service])
        check_failed(check, "%s is scaled to %u, outside of %u and %u", fact->service,
                     fact->scaling->desired, check->people->least[service],
                     check->people->most[service]);
    if (fact->words != NULL && text_starts(fact->words->cause, "monitor alarm "))
        check_decision(check, service, fact);
    else if (load->count == 0)
        check_begin(check, service, fact);
    load->count = fact->scaling->desired;
}

uint32_t loads_count(const struct check *check, size_t service, uint32_t declared)
{
    if (!loads_has(check->people, service) || check->loads[service].count == 0)
        return declared;
    return check->loads[service].count;
}

void loads_check_reborn(struct check *check)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const struct memory_service *memory = memory_service(check->process->app.memory, key);
        const struct load *load = &check->loads[i];

        check->loads[i].seen.at_ms = 0;
        if (load->count == 0)
            continue;
        if (memory == NULL || memory->scaling.desired != load->count ||
            memory->scaling.out_ms != load->out_ms || memory->scaling.in_ms != load->in_ms)
            check_failed(check, "%s: its scaling was forgotten", key);
    }
}

void loads_forgotten(struct check *check)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        check->loads[i].count = 0;
        check->loads[i].out_ms = check->loads[i].in_ms = 0;
    }
}

void loads_check_end(struct check *check)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        const struct load *load = &check->loads[i];
        bool high = false;
        bool low = true;

        if (load->count == 0 || !loads_has(check->people, i) ||
            !check->people->wanted.services[i].exists)
            continue;
        for (size_t k = 0; k < POLICIES; k++) {
            high |= load->work[k] > targets[k] * load->count * 1.000001;
            low &= load->work[k] < 0.9 * targets[k] * (load->count - 1) * 0.999999;
        }
        if ((high && load->count < check->people->most[i]) ||
            (low && load->count > check->people->least[i]))
            check_failed(check, "in the end %s has %u tasks for work of %.1f and %.1f",
                         people_service_name(i), load->count, load->work[0], load->work[1]);
    }
}
