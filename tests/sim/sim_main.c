/*
 * Simulated lives of the program: a seed draws the manifests and their changes, the faults, the
 * delays and the crashes. Rules are checked at every step; when faults have ended and the last
 * commit is a good one, everything must come to rest as it says.
 *
 *     sim FIRST COUNT [FILE]    runs the seeds of the file, then those; the last line is
 *                               `N passed, N failed`
 *     sim SEED                  runs one, and tells what happens
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reconciler/run/cycle.h"
#include "spec/base/text.h"
#include "tests/sim/check.h"

#define START_MS       INT64_C(1700000000000)
#define MINUTE_MS      INT64_C(60000)
#define LATENT_MS      (3 * MINUTE_MS)
#define SETTLE_MS      (90 * MINUTE_MS)
#define QUIET_MS       (20 * MINUTE_MS)
#define STEPS_MAX      200000
#define FOREIGN_IMAGES 10
#define WHOLE_EVERY    25 /* steps, on average, between two looks at the whole plan */

struct run {
    struct rng rng;
    struct sim *sim;
    struct store store;
    struct people people;
    struct process process;
    struct check check;
    struct sim_faults faults;
    uint32_t crashes_per_hour;
    uint32_t forgets; /* of so many crashes in a hundred nothing is remembered */
    int64_t store_full_until_ms;
    uint64_t steps;
};

/* The seed that runs, for whoever reads what an abort leaves behind. */
static volatile sig_atomic_t running_seed;

static void on_abort(int number)
{
    char text[] = "aborted in seed 0000000000\n";
    sig_atomic_t seed = running_seed;

    (void)number;
    for (size_t at = sizeof(text) - 3; seed > 0; at--, seed /= 10)
        text[at] = (char)('0' + seed % 10);
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

/* ---- What is drawn ---- */

/* Half of all runs are free of each fault. */
static uint32_t draw_rate(struct rng *rng, uint32_t most)
{
    return rng_chance(rng, 50) ? 0 : (uint32_t)rng_between(rng, 1, most);
}

static void draw_faults(struct run *run)
{
    struct rng *rng = &run->rng;

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
    run->crashes_per_hour = draw_rate(rng, 30);
    /* In some lives nothing befalls programs but their engine's stops. */
    if (rng_chance(rng, 20)) {
        struct sim_faults *faults = &run->faults;
        faults->fail_call = faults->fail_work = 0;
        faults->meddle = faults->crash = faults->sicken = 0;
        faults->engine_stop = (uint32_t)rng_between(rng, 20, 60);
    }
}

/* Not from the stream of all else, so that it changes no other life. */
static void draw_forgetting(struct run *run, uint64_t seed)
{
    struct rng rng = { .state = ~seed };

    if (rng_chance(&rng, 20))
        run->forgets = (uint32_t)rng_between(&rng, 10, 50);
}

static void run_begin(struct run *run, uint64_t seed, FILE *log)
{
    run->rng.state = seed;
    run->sim = sim_new(&(struct sim_options){ .seed = rng_next(&run->rng),
                                              .start_ms = START_MS,
                                              .before = check_engine,
                                              .context = &run->check });
    sim_add_instance(run->sim, &(struct sim_instance_options){
                                   .name = "local",
                                   .cpu_units = 8192,
                                   .memory_mib = 65536,
                                   .clock_skew_ms = rng_between(&run->rng, -5000, 5000) });
    (void)sim_run_foreign(run->sim, "local", "berth-database", "postgres:16");
    (void)sim_run_foreign(run->sim, "local", "somebody", "nginx:1");
    for (size_t i = 0; i < FOREIGN_IMAGES; i++) {
        AUTO(arena) arena = { 0 };
        (void)sim_add_image(run->sim, "local",
                            arena_printf(&arena, "registry.internal/good:%zu", i));
    }
    draw_faults(run);
    draw_forgetting(run, seed);
    people_init(&run->people, run->sim, &run->rng);
    run->check = (struct check){ .process = &run->process,
                                 .people = &run->people,
                                 .programs_fail = run->faults.fail_call + run->faults.fail_work +
                                                      run->faults.meddle + run->faults.crash +
                                                      run->faults.sicken >
                                                  0 };
    run->store.see = check_facts;
    run->store.context = &run->check;
    run->process.sim = run->sim;
    run->process.store = &run->store;
    run->process.hooks = (struct process_hooks){ .apply = check_apply, .context = &run->check };
    run->process.log = log;
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
    process_crash(&run->process);
    journal_crash(&run->store, &run->rng);
    if (run->forgets > 0 && rng_chance(&run->rng, run->forgets)) {
        journal_forget(&run->store);
        check_forgotten(&run->check);
    }
    process_step(&run->process, sim_now(run->sim) + rng_between(&run->rng, 0, MINUTE_MS));
    process_start(&run->process, run->people.tip, /* confirmed= */ false);
    for (size_t i = 0; i < SERVICES_MAX; i++)
        check_renew(&run->check, i);
}

static void adopt(struct run *run, bool confirmed)
{
    process_adopt(&run->process, run->people.tip, confirmed);
    for (size_t i = 0; i < SERVICES_MAX; i++)
        check_renew(&run->check, i);
}

/* What people, power and disks do in the time that has passed. */
static void disturb(struct run *run, int64_t passed_ms)
{
    int64_t now_ms = sim_now(run->sim);

    if (drawn(run, passed_ms, 20) && people_commit(&run->people))
        adopt(run, rng_chance(&run->rng, 20));
    if (drawn(run, passed_ms, run->crashes_per_hour))
        crash(run);
    if (drawn(run, passed_ms, 6))
        suspend_or_resume(run, rng_chance(&run->rng, 40),
                          (size_t)rng_below(&run->rng, SERVICES_MAX));
    if (drawn(run, passed_ms, run->faults.lose_answer > 0 ? 4 : 0))
        run->store_full_until_ms = now_ms + rng_between(&run->rng, 1, MINUTE_MS);
    run->store.full = now_ms < run->store_full_until_ms;
}

/* Until then, or until something is wrong, or, with `until_converged`, until all is at rest. */
static void pass(struct run *run, int64_t to_ms, bool troubled, bool until_converged)
{
    while (sim_now(run->sim) < to_ms && !run->check.failed) {
        int64_t before_ms = sim_now(run->sim);
        int64_t at_most_ms = before_ms + 1000 < to_ms ? before_ms + 1000 : to_ms;

        process_step(&run->process, at_most_ms);
        if (run->process.stuck)
            check_failed(&run->check, "the plan does not settle");
        if (++run->steps > STEPS_MAX)
            check_failed(&run->check, "it never rests");
        bool store_works = sim_now(run->sim) > run->store_full_until_ms + 2000;
        if (rng_below(&run->rng, WHOLE_EVERY) == 0 && store_works)
            check_whole_plan(&run->check);
        if (troubled)
            disturb(run, sim_now(run->sim) - before_ms);
        if (until_converged && cycle_is_converged(run->process.app.cycle))
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

/* What failed stays failed until its revision is another one (design rule 5). */
static uint32_t failed_services(const struct run *run)
{
    uint32_t failed = 0;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        AUTO(arena) arena = { 0 };
        const char *key = unit_key(&arena, PEOPLE_CLUSTER, people_service_name(i));
        const struct memory_service *memory = memory_service(run->process.app.memory, key);
        const struct deployment *primary = memory_primary(memory);
        if (primary != NULL && (primary->state == ROLLOUT_FAILED || memory->quarantined[0] != '\0'))
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

static void settle(struct run *run)
{
    sim_set_faults(run->sim, &(struct sim_faults){ 0 });
    run->store.full = false;
    for (size_t i = 0; i < SERVICES_MAX; i++)
        suspend_or_resume(run, /* suspend= */ false, i);
    /* What has happened already comes to light: checks fail late, links are still down, and work
     * whose answer was lost fails after an hour. */
    do
        pass(run, sim_now(run->sim) + LATENT_MS, /* troubled= */ false,
             /* until_converged= */ false);
    while (has_long_call(run) && !run->check.failed);
    people_commit_fine(&run->people, failed_services(run));
    adopt(run, /* confirmed= */ true);
    pass(run, sim_now(run->sim) + SETTLE_MS, /* troubled= */ false, /* until_converged= */ true);
    if (run->check.failed)
        return;
    if (!cycle_is_converged(run->process.app.cycle)) {
        tell_waits(run);
        return;
    }
    check_end(&run->check);
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

/* True when all was well. */
static bool sim_run(uint64_t seed, FILE *log)
{
    struct run run = { 0 };

    running_seed = (sig_atomic_t)seed;
    run_begin(&run, seed, log);
    sim_set_faults(run.sim, &run.faults);
    pass(&run, START_MS + rng_between(&run.rng, 5, 60) * MINUTE_MS, /* troubled= */ true,
         /* until_converged= */ false);
    if (!run.check.failed)
        settle(&run);
    if (run.check.failed)
        (void)printf("seed %llu: %s\n", (unsigned long long)seed, run.check.text);
    run_end(&run);
    return !run.check.failed;
}

struct score {
    size_t run;
    size_t failed;
};

/* Seeds of a file: a line begins with one, or with '#'. */
static int run_file(const char *path, struct score *score)
{
    FILE *file = fopen(path, "re");
    char line[256];

    if (file == NULL) {
        perror(path);
        return -1;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        uint32_t seed;
        line[strcspn(line, " \n")] = '\0';
        if (!text_parse_u32(line, &seed))
            continue;
        score->run++;
        score->failed += !sim_run(seed, /* log= */ NULL);
    }
    (void)fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    uint32_t first = 1;
    uint32_t count = 1;
    struct score score = { 0 };

    if (argc < 2 || argc > 4 || !text_parse_u32(argv[1], &first) ||
        (argc > 2 && !text_parse_u32(argv[2], &count))) {
        (void)fprintf(stderr, "usage: %s SEED | FIRST COUNT [FILE]\n", argv[0]);
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGABRT, on_abort);
    if (argc == 4 && run_file(argv[3], &score) < 0)
        return 2;
    for (uint32_t i = 0; i < count; i++)
        score.failed += !sim_run(first + i, argc == 2 ? stdout : NULL);
    score.run += count;
    (void)printf("%zu passed, %zu failed\n", score.run - score.failed, score.failed);
    return score.failed == 0 ? 0 : 1;
}
