/*
 * A life, from its first moment to its end.
 */
#include "tests/sim/life.h"

#include <string.h>

#include "reconciler/run/cycle.h"
#include "spec/base/text.h"
#include "tests/sim/check.h"
#include "tests/sim/hosts.h"
#include "tests/sim/jobs.h"
#include "tests/sim/loads.h"
#include "tests/sim/scale.h"
#include "tests/sim/schedules.h"
#include "tests/sim/upkeep.h"

#define START_MS   INT64_C(1700000000000)
#define MINUTE_MS  INT64_C(60000)
#define LATENT_MS  (3 * MINUTE_MS)
#define FAILED_MS  (16 * MINUTE_MS) /* where a task failed no other one moves, for so long */
#define SCALED_MS  (15 * MINUTE_MS)
#define SETTLE_MS  (90 * MINUTE_MS)
#define QUIET_MS   (20 * MINUTE_MS)
#define MEMORY_MIB 65536
#define STEPS_MAX  500000

struct run {
    const struct switches *switches;
    struct rng rng;
    struct rng whole; /* when the whole plan is looked at */
    struct sim *sim;
    struct store store;
    struct people people;
    struct process process;
    struct check check;
    struct sim_faults faults;
    uint32_t crashes_per_hour;
    int64_t store_full_until_ms;
    uint32_t memory_mib; /* of the engine */
    int64_t claimed_ms;  /* so long it is another repository's */
    uint32_t forgets;    /* of so many crashes in a hundred nothing is remembered */
    uint32_t slow_look;
    uint32_t balancer_down;
    uint32_t vanishes_per_hour; /* of hosts */
    uint64_t steps;
    uint32_t crashes;
};

/* ---- What is drawn ---- */

/* Half of all runs are free of each fault. */
static uint32_t draw_rate(struct rng *rng, uint32_t most)
{
    return rng_chance(rng, 50) ? 0 : (uint32_t)rng_between(rng, 1, most);
}

static void draw_faults(struct run *run)
{
    struct rng *rng = &run->rng;
    uint32_t density = run->people.scale.density;

    run->faults = (struct sim_faults){
        .lose_request = draw_rate(rng, 10),
        .lose_answer = draw_rate(rng, 10),
        .slow_call = draw_rate(rng, 20),
        .fail_call = draw_rate(rng, 15),
        .fail_work = draw_rate(rng, 40),
        .lose_event = draw_rate(rng, 3),
        .repeat_listing = draw_rate(rng, 50),
        .rewrite = rng_chance(rng, 15) ? (uint32_t)rng_between(rng, 50, 100) : 0,
        .link_down = draw_rate(rng, 20),
        .engine_down = draw_rate(rng, 6),
        .engine_stop = draw_rate(rng, 10),
        .meddle = draw_rate(rng, 60),
        .crash = draw_rate(rng, 60),
        .sicken = draw_rate(rng, 30),
    };
    run->faults.slow_look = run->slow_look;
    run->faults.balancer_down = run->balancer_down;
    run->crashes_per_hour = draw_rate(rng, 30) * density;
    run->faults.meddle *= density;
    run->faults.crash *= density;
    run->faults.sicken *= density;
    /* In some lives nothing befalls programs but their engine's stops. */
    if (rng_chance(rng, 20)) {
        struct sim_faults *faults = &run->faults;
        faults->fail_call = faults->fail_work = 0;
        faults->meddle = faults->crash = faults->sicken = 0;
        faults->engine_stop = (uint32_t)rng_between(rng, 20, 60);
    }
    switches_apply(run->switches, &run->faults);
}

/* What was added later has numbers of its own: lives that do without it stay as they were. */
static void draw_more(struct run *run, uint64_t seed)
{
    const struct switches *switches = run->switches;
    struct rng *rng = &run->people.more;

    rng->state = ~seed;
    if (rng_chance(rng, 20))
        run->forgets = (uint32_t)rng_between(rng, 10, 50);
    run->people.late = rng_chance(rng, 20);
    run->memory_mib = rng_chance(rng, 20) ? (uint32_t)rng_between(rng, 8, 24) * TASK_MIB : 0;
    run->claimed_ms = rng_chance(rng, 5) ? rng_between(rng, 1, 10) * MINUTE_MS : 0;
    run->slow_look = rng_chance(rng, 20) ? (uint32_t)rng_between(rng, 1, 50) : 0;
    if (!switch_is_on(switches, SWITCH_late))
        run->people.late = false;
    if (run->memory_mib == 0 || !switch_is_on(switches, SWITCH_small))
        run->memory_mib = MEMORY_MIB;
    if (!switch_is_on(switches, SWITCH_claim))
        run->claimed_ms = 0;
    if (!switch_is_on(switches, SWITCH_forget))
        run->forgets = 0;
}

static void begin_people(struct run *run)
{
    struct people *people = &run->people;
    uint32_t services = run->switches->limits[LIMIT_services];

    people->services = services < people->scale.services ? services : people->scale.services;
    people->room = run->memory_mib / TASK_MIB;
    people->may_break = switch_is_on(run->switches, SWITCH_broken);
    people_init(people);
}

/* Some have a load balancer, which dies now and then. */
static void draw_traffic(struct run *run, uint64_t seed, enum switch_name name)
{
    struct rng *rng = &run->people.traffic;

    rng->state = seed;
    run->people.balances = rng_chance(rng, 50) && switch_is_on(run->switches, name);
    run->balancer_down =
        run->people.balances && rng_chance(rng, 40) ? (uint32_t)rng_between(rng, 1, 20) : 0;
}

/* Some lives are on several hosts; what they draw is their own. */
static void draw_hosts(struct run *run)
{
    struct rng *rng = &run->people.more;

    run->people.newest.state = rng->state ^ 0x6a09e667f3bcc908;
    if (!rng_chance(rng, 40)) {
        draw_traffic(run, rng->state ^ 0xa54ff53a5f1d36f1, SWITCH_balance);
        return;
    }
    run->people.daemons =
        rng_chance(&run->people.newest, 60) && switch_is_on(run->switches, SWITCH_daemon);
    run->people.host_count = (size_t)rng_between(rng, 1, run->people.scale.hosts);
    run->people.upkeep.state = run->people.newest.state ^ 0xbb67ae8584caa73b;
    run->people.windows.state = run->people.newest.state ^ 0x3c6ef372fe94f82b;
    run->people.maintains =
        rng_chance(&run->people.upkeep, 50) && switch_is_on(run->switches, SWITCH_maintain);
    run->people.each = rng_chance(rng, 30) ? (uint32_t)rng_between(rng, 8, 16) : 0;
    run->memory_mib = run->people.each > 0 ? run->people.each * TASK_MIB : MEMORY_MIB;
    run->claimed_ms = 0;
    run->vanishes_per_hour = rng_chance(rng, 70) ? (uint32_t)rng_between(rng, 1, 20) : 0;
    if (!switch_is_on(run->switches, SWITCH_vanish))
        run->vanishes_per_hour = 0;
    draw_traffic(run, run->people.newest.state ^ 0x9b05688c2b3e6c1f, SWITCH_edge);
}

static void add_engine(struct run *run, const char *name)
{
    sim_add_instance(run->sim, &(struct sim_instance_options){
                                   .name = name,
                                   .cpu_units = run->people.host_count > 0 ? 65536 : 8192,
                                   .memory_mib = run->memory_mib,
                                   .clock_skew_ms = rng_between(&run->rng, -5000, 5000) });
    (void)sim_run_foreign(run->sim, name, "berth-database", "postgres:16");
    (void)sim_run_foreign(run->sim, name, "somebody", "nginx:1");
    people_bring_images(&run->people, name);
}

static void run_begin(struct run *run, uint64_t seed, FILE *log)
{
    run->people.scale = run->switches->large ? scale_large() : scale_draw(seed);
    run->rng.state = seed;
    run->whole.state = seed;
    draw_more(run, seed);
    draw_hosts(run);
    run->sim = sim_new(&(struct sim_options){ .seed = rng_next(&run->rng),
                                              .start_ms = START_MS,
                                              .before = check_engine,
                                              .context = &run->check });
    run->people.rng = &run->rng;
    run->people.sim = run->sim;
    if (run->people.host_count == 0)
        add_engine(run, "local");
    for (size_t i = 0; i < run->people.host_count; i++)
        add_engine(run, hosts_name(i));
    draw_faults(run);
    jobs_draw(&run->people, switch_is_on(run->switches, SWITCH_jobs));
    schedules_draw(&run->people, switch_is_on(run->switches, SWITCH_plans));
    loads_draw(&run->people, run->people.host_count == 0 && run->memory_mib == MEMORY_MIB &&
                                 switch_is_on(run->switches, SWITCH_scaling));
    begin_people(run);
    run->check = (struct check){ .process = &run->process,
                                 .people = &run->people,
                                 .memory_mib = run->memory_mib,
                                 .programs_fail = run->faults.fail_call + run->faults.fail_work +
                                                      run->faults.meddle + run->faults.crash +
                                                      run->faults.sicken >
                                                  0 };
    run->check.claimed = run->claimed_ms > 0;
    if (run->check.claimed)
        sim_claim(run->sim, "local", PEOPLE_OWNER, "another repository");
    run->store.see = check_facts;
    run->store.context = &run->check;
    run->process.sim = run->sim;
    run->process.store = &run->store;
    run->process.hooks = (struct process_hooks){ .apply = check_apply,
                                                 .settled = check_rest,
                                                 .context = &run->check };
    run->process.log = log;
    if (run->people.scaled != 0)
        run->process.reader = (struct metric_reader){ .read = loads_read, .context = &run->check };
    process_start(&run->process, run->people.tip, /* confirmed= */ false);
}

/* ---- Time passes ---- */

static void suspend_or_resume(struct run *run, bool suspend, size_t index)
{
    struct app *app = &run->process.app;
    AUTO(arena) arena = { 0 };
    const char *name = people_service_name(index);
    struct fact facts[2] = { { .kind = FACT_SUSPEND, .text = suspend ? "by hand" : "" },
                             { .kind = FACT_FREEZE, .text = "" } };

    for (size_t i = 0; i < ARRAY_COUNT(facts); i++) {
        facts[i].durable = true;
        facts[i].cluster = PEOPLE_CLUSTER;
        facts[i].service = name;
        facts[i].at_ms = sim_now(run->sim);
    }
    if (memory_service(app->memory, unit_key(&arena, PEOPLE_CLUSTER, name)) == NULL)
        return;
    (void)cycle_state(app->cycle, facts, suspend ? 1 : 2, /* err= */ NULL);
    check_renew(&run->check, index);
}

static bool drawn(struct run *run, int64_t passed_ms, uint32_t per_hour)
{
    return per_hour > 0 && (int64_t)rng_below(&run->rng, (uint64_t)(60 * MINUTE_MS)) <
                               passed_ms * (int64_t)per_hour;
}

static void crash(struct run *run)
{
    run->crashes++;
    process_crash(&run->process);
    journal_crash(&run->store, &run->rng);
    if (run->forgets > 0 && rng_chance(&run->rng, run->forgets)) {
        journal_forget(&run->store);
        check_forgotten(&run->check);
        loads_forgotten(&run->check);
    }
    process_step(&run->process, sim_now(run->sim) + rng_between(&run->rng, 0, MINUTE_MS));
    process_start(&run->process, run->people.tip, /* confirmed= */ false);
    check_reborn(&run->check);
    schedules_renew(&run->check);
    loads_check_reborn(&run->check);
    for (size_t i = 0; i < SERVICES_MAX; i++)
        check_renew(&run->check, i);
}

/* The other repository gives the engine up. */
static void release_claim(struct run *run)
{
    run->check.claimed = false;
    sim_claim(run->sim, "local", PEOPLE_OWNER, /* root= */ NULL);
    sim_cut(run->sim, "local", /* for_ms= */ 1000, /* with_engine= */ false);
}

static void adopt(struct run *run, bool confirmed)
{
    check_adopt(&run->check, confirmed);
    process_adopt(&run->process, run->people.tip, confirmed);
    schedules_renew(&run->check);
    for (size_t i = 0; i < SERVICES_MAX; i++)
        check_renew(&run->check, i);
}

/* What people, power and disks do in the time that has passed. */
static void disturb(struct run *run, int64_t passed_ms)
{
    const struct switches *switches = run->switches;
    const uint32_t *limits = switches->limits;
    int64_t now_ms = sim_now(run->sim);
    uint32_t density = run->people.scale.density;

    if (drawn(run, passed_ms, 20 * density) && run->people.tries < limits[LIMIT_commits] &&
        people_commit(&run->people))
        adopt(run, rng_chance(&run->rng, 20) && switch_is_on(switches, SWITCH_confirm));
    if (drawn(run, passed_ms, run->crashes_per_hour) && run->crashes < limits[LIMIT_crashes])
        crash(run);
    if (drawn(run, passed_ms, switch_is_on(switches, SWITCH_suspend) ? 6 * density : 0))
        suspend_or_resume(run, rng_chance(&run->rng, 40),
                          (size_t)rng_below(&run->rng, run->people.scale.services));
    if (drawn(run, passed_ms, run->vanishes_per_hour))
        sim_cut(run->sim, hosts_name((size_t)rng_below(&run->rng, run->people.host_count)),
                rng_between(&run->rng, 10 * 1000, 5 * MINUTE_MS), rng_chance(&run->rng, 30));
    jobs_disturb(&run->check, passed_ms);
    schedules_disturb(&run->check, passed_ms);
    bool may_fill = run->faults.lose_answer > 0 && switch_is_on(switches, SWITCH_full);
    if (drawn(run, passed_ms, may_fill ? 4 : 0))
        run->store_full_until_ms = now_ms + rng_between(&run->rng, 1, MINUTE_MS);
    run->store.full = now_ms < run->store_full_until_ms;
    if (run->check.claimed && now_ms >= START_MS + run->claimed_ms)
        release_claim(run);
}

static void check_steady(struct run *run)
{
    check_whole_plan(&run->check);
    check_pauses(&run->check);
}

static bool looks_now(struct run *run)
{
    const struct scale *scale = &run->people.scale;

    return rng_below(scale->is_large ? &run->rng : &run->whole, scale->whole_every) == 0;
}

/* Until then, or until something is wrong, or, with `until_converged`, until all is at rest. */
static void pass(struct run *run, int64_t to_ms, bool troubled, bool until_converged)
{
    while (sim_now(run->sim) < to_ms && !run->check.failed) {
        int64_t before_ms = sim_now(run->sim);
        int64_t at_most_ms = before_ms + 1000 < to_ms ? before_ms + 1000 : to_ms;

        if (!troubled && !run->people.scale.is_large)
            at_most_ms = to_ms; /* nothing is drawn by the second */
        process_step(&run->process, at_most_ms);
        if (run->process.stuck)
            check_failed(&run->check, "the plan does not settle");
        if (++run->steps > STEPS_MAX)
            check_failed(&run->check, "it never rests");
        bool store_works = sim_now(run->sim) > run->store_full_until_ms + 2000;
        if (looks_now(run) && store_works)
            check_steady(run);
        if (troubled)
            disturb(run, sim_now(run->sim) - before_ms);
        if (until_converged && cycle_is_converged(run->process.app.cycle) &&
            !upkeep_is_awaited(&run->check))
            return;
    }
}

/* ---- The end ---- */

/* Without the removal of images: one in use by others is tried again, and nothing waits for that.
 * */
static uint64_t calls_made(const struct run *run)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ACTION_KIND_COUNT; i++)
        sum += i == ACTION_IMAGE_REMOVE ? 0 : sim_counts(run->sim)->accepted[i];
    return sum;
}

static void tell_waits(struct run *run)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const char *wait = cycle_wait(run->process.app.cycle, key);
        if (wait != NULL)
            check_failed(&run->check, "does not converge: %s: %s", key, wait);
    }
    check_failed(&run->check, "does not converge, and nobody says why");
}

/* What failed stays failed until its revision is another one (design rule 5), and what has begun
 * to may yet fail by what the faults left behind. A difference that came back is left alone
 * likewise. */
static bool is_failing(const struct deployment *primary)
{
    return primary->state == ROLLOUT_FAILED ||
           (primary->state == ROLLOUT_IN_PROGRESS && primary->failed_tasks > 0);
}

static uint32_t failed_services(const struct run *run)
{
    uint32_t failed = 0;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const struct memory_service *memory = memory_service(run->process.app.memory, key);
        const struct deployment *primary = memory_primary(memory);
        if (primary != NULL &&
            (is_failing(primary) || memory->quarantined[0] != '\0' || memory->frozen != NULL))
            failed |= 1U << i;
    }
    return failed;
}

static bool has_long_call(const struct run *run)
{
    for (const struct process_call *at = run->process.calls; at != NULL; at = at->next) {
        if (at->inner.action != NULL && action_kind_is_long(at->inner.action->kind))
            return true;
    }
    return false;
}

/* Once all is at rest, what could not move to where a task had failed does. */
static void come_to_rest(struct run *run)
{
    pass(run, sim_now(run->sim) + SETTLE_MS + upkeep_windows_ms(&run->people),
         /* troubled= */ false, /* until_converged= */ true);
    if (run->people.scaled != 0) { /* what was measured meanwhile leads to a count that stays */
        pass(run, sim_now(run->sim) + SCALED_MS, /* troubled= */ false,
             /* until_converged= */ false);
        pass(run, sim_now(run->sim) + SETTLE_MS, /* troubled= */ false,
             /* until_converged= */ true);
    }
    if (run->people.host_count == 0)
        return;
    pass(run, sim_now(run->sim) + FAILED_MS, /* troubled= */ false, /* until_converged= */ false);
    pass(run, sim_now(run->sim) + SETTLE_MS, /* troubled= */ false, /* until_converged= */ true);
}

static void settle(struct run *run)
{
    int rounds = 0;

    sim_set_faults(run->sim, &(struct sim_faults){ 0 });
    run->store.full = false;
    loads_freeze(&run->check);
    if (run->check.claimed)
        release_claim(run);
    for (size_t i = 0; i < SERVICES_MAX; i++)
        suspend_or_resume(run, /* suspend= */ false, i);
    /* What has happened already comes to light: checks fail late, hosts are still away, and work
     * whose answer was lost fails after an hour. */
    if (run->people.runs_plans) /* so that each is known */
        pass(run, sim_now(run->sim) + 2000, /* troubled= */ false, /* until_converged= */ false);
    do {
        schedules_give_up(&run->check);
        jobs_give_up(&run->check, /* all= */ rounds++ > 0);
        pass(run, sim_now(run->sim) + (run->people.host_count > 0 ? FAILED_MS : LATENT_MS),
             /* troubled= */ false, /* until_converged= */ false);
    } while ((has_long_call(run) || !hosts_are_seen(&run->check) || jobs_are_left(&run->check)) &&
             !run->check.failed);
    people_commit_fine(&run->people, failed_services(run));
    adopt(run, /* confirmed= */ true);
    come_to_rest(run);
    if (run->check.failed)
        return;
    if (!cycle_is_converged(run->process.app.cycle)) {
        tell_waits(run);
        return;
    }
    check_end(&run->check);
    loads_check_end(&run->check);
    uint64_t calls = calls_made(run);
    pass(run, sim_now(run->sim) + QUIET_MS, /* troubled= */ false, /* until_converged= */ false);
    if (calls_made(run) != calls)
        check_failed(&run->check, "having converged it did more");
    check_end(&run->check);
}

static void run_end(struct run *run)
{
    process_stop(&run->process);
    process_release(&run->process);
    people_release(&run->people);
    journal_release(&run->store);
    check_release(&run->check);
    sim_free(run->sim);
}

static void tell(const struct run *run, int64_t trouble_ms, struct outcome *out)
{
    out->failed = run->check.failed;
    text_copy(out->rule, sizeof(out->rule), run->check.rule == NULL ? "" : run->check.rule);
    text_copy(out->text, sizeof(out->text), run->check.text);
    out->steps = run->steps;
    out->trace = run->check.trace;
    out->counts[LIMIT_commits] = run->people.tries;
    out->counts[LIMIT_crashes] = run->crashes;
    out->counts[LIMIT_services] = run->people.scale.services;
    out->counts[LIMIT_minutes] = (uint32_t)(trouble_ms / MINUTE_MS) + 1;
}

void life_run(uint64_t seed, const struct switches *switches, FILE *log, struct outcome *out)
{
    struct run run = { .switches = switches };

    run_begin(&run, seed, log);
    sim_set_faults(run.sim, &run.faults);
    int64_t minutes =
        run.people.scale.is_large ? rng_between(&run.rng, 5, 60) : run.people.scale.minutes;
    if (minutes > (int64_t)switches->limits[LIMIT_minutes])
        minutes = switches->limits[LIMIT_minutes];
    pass(&run, START_MS + minutes * MINUTE_MS, /* troubled= */ true,
         /* until_converged= */ false);
    int64_t trouble_ms = sim_now(run.sim) - START_MS;
    if (!run.check.failed)
        settle(&run);
    tell(&run, trouble_ms, out);
    run_end(&run);
}
