/*
 * The simulated fleet by itself: programs behave as described, every fault does what it says, the
 * same seed gives the same trace, and when all is calm again the world is the truth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/sim/sim.h"
#include "spec/base/text.h"
#include "spec/kinds/kinds.h"
#include "spec/target.h"
#include "tests/unit/unit.h"

#define START_MS   1000000
#define TIMEOUT_MS 30000
#define MINUTE_MS  60000

/* A container that was reported gone. */
struct gone {
    struct gone *next;
    char id[80];
};

struct fixture {
    struct sim *sim;
    struct gone *gone;
    struct driver *driver;
    struct world *world;
    size_t done;
    size_t failed;
    struct err failure; /* of the last call that was done */
    uint64_t stops;     /* that reached the engine while the container ran */

    struct health_check check;
    struct container_definition definition;
    struct task_spec task;
    struct service_spec spec;
    struct target_image image;
    struct target target;
};

/* A call with an action of its own; both live until done(). */
struct owned_call {
    struct driver_call call;
    struct action action;
    char id[80];
};

static void gone_note(struct fixture *fixture, const char *id)
{
    struct gone *gone = mem_alloc(sizeof(*gone));
    text_copy(gone->id, sizeof(gone->id), id);
    gone->next = fixture->gone;
    fixture->gone = gone;
}

/* Reports of one container never go back in time, whatever way they came. */
static void goes_forward(const struct fixture *fixture, const struct container_report *report)
{
    const struct world_container *known = world_container(fixture->world, report->id);

    for (const struct gone *at = fixture->gone; at != NULL; at = at->next)
        assert_string_not_equal(at->id, report->id);
    if (known == NULL || !known->inspected || !report->inspected)
        return;
    assert_true(report->started_ms >= known->started_ms);
    if (report->started_ms == known->started_ms)
        assert_true(report->finished_ms >= known->finished_ms);
}

static void on_change(void *context, const struct world_change *change)
{
    struct fixture *fixture = context;

    if (change->kind == WORLD_CONTAINER)
        goes_forward(fixture, &change->container);
    if (change->kind == WORLD_CONTAINER_GONE)
        gone_note(fixture, change->named.name);
    (void)world_apply(fixture->world, change);
}

static void on_done(struct driver_call *call, const struct err *failure)
{
    struct fixture *fixture = call->context;

    fixture->done++;
    fixture->failed += failure != NULL;
    fixture->failure = failure == NULL ? (struct err){ 0 } : *failure;
    free(call); /* it is the first member */
}

static void before(void *context, enum action_kind kind, const char *object,
                   const struct sim_container *container)
{
    struct fixture *fixture = context;

    (void)object;
    if (container != NULL)
        assert_false(container->foreign);
    if (kind == ACTION_CONTAINER_STOP && container != NULL)
        fixture->stops += container->report.status == CONTAINER_RUNNING;
}

static void driver_open(struct fixture *fixture)
{
    world_free(fixture->world);
    fixture->world = world_new(NULL, NULL);
    fixture->driver = sim_driver(
        fixture->sim,
        &(struct sim_driver_options){
            .sink = { .change = on_change, .context = fixture }, .owner = "test", .root = "abc" });
    driver_start(fixture->driver);
}

static void target_fill(struct fixture *fixture)
{
    static const char *command[] = { "CMD", "check" };

    fixture->check = (struct health_check){
        .command = command, .command_count = 2, .interval = 5, .timeout = 1, .retries = 3
    };
    fixture->definition.name = "main";
    fixture->definition.essential = true;
    fixture->definition.health_check = &fixture->check;
    fixture->task.container_definitions = &fixture->definition;
    fixture->task.container_definitions_count = 1;
    fixture->target = (struct target){ .cluster = "c",
                                       .service = "s",
                                       .spec = &fixture->spec,
                                       .task = &fixture->task,
                                       .task_name = "t",
                                       .images = &fixture->image };
}

static struct fixture *fixture_new(uint64_t seed)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));

    fixture->sim = sim_new(&(struct sim_options){
        .seed = seed, .start_ms = START_MS, .before = before, .context = fixture });
    sim_add_instance(fixture->sim, &(struct sim_instance_options){ .name = "a",
                                                                   .cpu_units = 2048,
                                                                   .memory_mib = 4096,
                                                                   .clock_skew_ms = 5000 });
    target_fill(fixture);
    driver_open(fixture);
    sim_advance(fixture->sim, START_MS + 1000);
    return fixture;
}

static void fixture_free(struct fixture *fixture)
{
    driver_free(fixture->driver);
    sim_free(fixture->sim);
    world_free(fixture->world);
    while (fixture->gone != NULL) {
        struct gone *next = fixture->gone->next;
        free(fixture->gone);
        fixture->gone = next;
    }
    free(fixture);
}

static int setup(void **state)
{
    *state = fixture_new(3);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void pass(struct fixture *fixture, int64_t ms)
{
    sim_advance(fixture->sim, sim_now(fixture->sim) + ms);
}

/* True when it was accepted. */
static bool apply(struct fixture *fixture, const struct action *action)
{
    struct owned_call *owned = mem_alloc(sizeof(*owned));
    struct err err = { 0 };

    owned->action = *action;
    owned->action.instance = "a";
    if (owned->action.object == NULL)
        owned->action.object = "object";
    if (action->container_id != NULL) {
        text_copy(owned->id, sizeof(owned->id), action->container_id);
        owned->action.container_id = owned->id;
    }
    owned->call = (struct driver_call){
        .action = &owned->action, .timeout_ms = TIMEOUT_MS, .done = on_done, .context = fixture
    };
    if (driver_apply(fixture->driver, &owned->call, &err) == 0)
        return true;
    assert_int_equal(err.code, ERR_UNREACHABLE);
    free(owned);
    return false;
}

static bool observe(struct fixture *fixture)
{
    struct owned_call *owned = mem_alloc(sizeof(*owned));

    owned->call =
        (struct driver_call){ .timeout_ms = TIMEOUT_MS, .done = on_done, .context = fixture };
    if (driver_observe(fixture->driver, "a", &owned->call, NULL) == 0)
        return true;
    free(owned);
    return false;
}

static struct action create_action(const struct fixture *fixture, uint32_t slot,
                                   const char *image_id)
{
    struct action action = { .kind = ACTION_CONTAINER_CREATE,
                             .target = &fixture->target,
                             .image_id = image_id };

    action.identity.slot = slot;
    action.identity.attempt = 1;
    action.identity.deployment = "d";
    task_id_make("d", slot, 1, NULL, action.identity.task);
    return action;
}

static bool container_action(struct fixture *fixture, enum action_kind kind, const char *id,
                             uint32_t grace_s)
{
    const struct action action = { .kind = kind, .container_id = id, .stop_timeout_s = grace_s };
    return apply(fixture, &action);
}

static const struct sim_container *last_made(const struct fixture *fixture)
{
    return sim_container_at(fixture->sim, sim_container_count(fixture->sim) - 1);
}

/* Made and started; nothing may go wrong with it. */
static const struct sim_container *run_one(struct fixture *fixture, const char *reference,
                                           const struct sim_program *program)
{
    if (program != NULL)
        sim_set_program(fixture->sim, reference, program);
    const char *image_id = sim_add_image(fixture->sim, "a", reference);
    const struct action create =
        create_action(fixture, (uint32_t)sim_container_count(fixture->sim), image_id);

    assert_true(apply(fixture, &create));
    pass(fixture, 200);
    const struct sim_container *made = last_made(fixture);
    assert_true(container_action(fixture, ACTION_CONTAINER_START, made->report.id, 0));
    pass(fixture, 200);
    return made;
}

static const struct world_container *seen(const struct fixture *fixture,
                                          const struct sim_container *container)
{
    return world_container(fixture->world, container->report.id);
}

/* What the driver told is what is so. */
static void what_it_wrote_last_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program fails = { .runs_ms = 1000, .exit_code = 3 };
    const struct sim_program ends = { .runs_ms = 1000 };
    const struct sim_container *bad = run_one(fixture, "bad", &fails);
    const struct sim_container *good = run_one(fixture, "good", &ends);

    pass(fixture, 2000);
    assert_false(seen(fixture, bad)->lines_asked);
    assert_true(container_action(fixture, ACTION_CONTAINER_LAST_LINES, bad->report.id, 0));
    assert_true(container_action(fixture, ACTION_CONTAINER_LAST_LINES, good->report.id, 0));
    pass(fixture, 200);
    assert_true(seen(fixture, bad)->lines_asked);
    assert_string_equal(seen(fixture, bad)->last_lines,
                        "1970-01-01T00:00:00.000000000Z 2 this is the end\n");
    assert_true(seen(fixture, good)->lines_asked);
    assert_null(seen(fixture, good)->last_lines);
}

static void world_is_the_truth(const struct fixture *fixture)
{
    size_t ours = 0;

    for (size_t i = 0; i < sim_container_count(fixture->sim); i++) {
        const struct sim_container *container = sim_container_at(fixture->sim, i);
        const struct container_report *report = &container->report;
        const struct world_container *known = seen(fixture, container);
        if (container->foreign) {
            assert_null(known);
            continue;
        }
        ours++;
        assert_non_null(known);
        assert_true(known->inspected);
        assert_int_equal(known->status, report->status);
        assert_int_equal(known->health, report->health);
        assert_int_equal(known->exit_code, report->exit_code);
        assert_int_equal(known->oom_killed, report->oom_killed);
        assert_int_equal(known->started_ms, report->started_ms);
        assert_int_equal(known->finished_ms, report->finished_ms);
        assert_true(text_equal(known->address, report->address));
        assert_true(text_equal(known->error, report->error));
        assert_true(text_equal(known->drift, report->drift));
        assert_string_equal(known->task->id, report->task);
        assert_int_equal(known->task->slot, report->slot);
    }
    assert_int_equal(HASH_CNT(by_id, fixture->world->containers), ours);
}

/* ---- Programs ---- */

static void health_is_checked_at_intervals(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program program = { .healthy_after_ms = 7000, .sick_after_ms = 30000 };
    const struct sim_container *container = run_one(fixture, "web:1", &program);

    assert_int_equal(seen(fixture, container)->health, HEALTH_STARTING);
    pass(fixture, 9000); /* runs at 5 s and 10 s: not yet */
    assert_int_equal(seen(fixture, container)->health, HEALTH_STARTING);
    pass(fixture, 2000);
    assert_int_equal(seen(fixture, container)->health, HEALTH_HEALTHY);
    pass(fixture, 27000); /* 30 s and 35 s failed, the third decides at 40 s */
    assert_int_equal(seen(fixture, container)->health, HEALTH_HEALTHY);
    pass(fixture, 3000);
    assert_int_equal(seen(fixture, container)->health, HEALTH_UNHEALTHY);
    world_is_the_truth(fixture);
}

static void grace_keeps_a_slow_program_from_being_unhealthy(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program program = { .healthy_after_ms = 40000 };

    fixture->check.start_period = 30;
    const struct sim_container *container = run_one(fixture, "slow:1", &program);
    pass(fixture, 31000);
    assert_int_equal(container->report.health, HEALTH_STARTING);
    pass(fixture, 10000); /* 35 s failed, 40 s passed */
    assert_int_equal(container->report.health, HEALTH_HEALTHY);

    fixture->check.start_period = 0;
    container = run_one(fixture, "slow:1", &program);
    pass(fixture, 16000);
    assert_int_equal(container->report.health, HEALTH_UNHEALTHY);
    pass(fixture, 26000); /* better late than never */
    assert_int_equal(container->report.health, HEALTH_HEALTHY);
}

static void a_sick_program_gets_unhealthy(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);

    pass(fixture, MINUTE_MS);
    assert_int_equal(seen(fixture, container)->health, HEALTH_HEALTHY);
    sim_sicken(fixture->sim, container->report.id);
    pass(fixture, 16000);
    assert_int_equal(seen(fixture, container)->health, HEALTH_UNHEALTHY);
}

static void programs_end(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program job = { .runs_ms = 2000, .exit_code = 3 };
    const struct sim_program hungry = { .runs_ms = 1000, .exit_code = 137, .oom = true };
    const struct sim_container *container = run_one(fixture, "job:1", &job);

    pass(fixture, 3000);
    const struct world_container *known = seen(fixture, container);
    assert_int_equal(known->status, CONTAINER_EXITED);
    assert_int_equal(known->exit_code, 3);
    assert_int_equal(known->finished_ms - known->started_ms, 2000);
    assert_int_equal(known->started_ms, container->report.started_ms); /* the engine's clock */
    container = run_one(fixture, "hungry:1", &hungry);
    pass(fixture, 3000);
    assert_true(seen(fixture, container)->oom_killed);
}

static void a_program_that_cannot_start_says_why(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program broken = { .start_error = "exec: no such file" };
    const struct sim_container *container = run_one(fixture, "broken:1", &broken);

    assert_int_equal(fixture->failure.code, ERR_INVALID);
    assert_int_equal(seen(fixture, container)->status, CONTAINER_CREATED);
    assert_string_equal(seen(fixture, container)->error, "exec: no such file");
}

static void stopping_takes_its_grace(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program polite = { .term_ms = 3000 };
    const struct sim_program rude = { .ignores_term = true };
    const struct sim_container *container = run_one(fixture, "polite:1", &polite);
    size_t done = fixture->done;

    (void)container_action(fixture, ACTION_CONTAINER_STOP, container->report.id, 10);
    pass(fixture, 2000);
    assert_true(seen(fixture, container)->stopping);
    assert_int_equal(fixture->done, done);
    pass(fixture, 1200);
    assert_int_equal(seen(fixture, container)->exit_code, 143);
    assert_false(seen(fixture, container)->stopping);
    assert_int_equal(fixture->done, done + 1);

    container = run_one(fixture, "rude:1", &rude);
    (void)container_action(fixture, ACTION_CONTAINER_STOP, container->report.id, 10);
    pass(fixture, 9900);
    assert_int_equal(seen(fixture, container)->status, CONTAINER_RUNNING);
    pass(fixture, 300);
    assert_int_equal(seen(fixture, container)->exit_code, 137);
    assert_int_equal(fixture->stops, 2);
}

static void sandboxes_and_networks_are_needed(void **state)
{
    struct fixture *fixture = *state;
    const char *image_id = sim_add_image(fixture->sim, "a", "web:1");
    struct action create = create_action(fixture, 0, image_id);

    create.network = "berth-test-c";
    (void)apply(fixture, &create);
    pass(fixture, 200);
    const struct sim_container *container = last_made(fixture);
    (void)container_action(fixture, ACTION_CONTAINER_START, container->report.id, 0);
    pass(fixture, 200);
    assert_int_equal(fixture->failure.code, ERR_NOT_FOUND);
    const struct action network = { .kind = ACTION_NETWORK_CREATE,
                                    .name = "berth-test-c",
                                    .cluster = "c" };
    (void)apply(fixture, &network);
    pass(fixture, 200);
    (void)container_action(fixture, ACTION_CONTAINER_START, container->report.id, 0);
    pass(fixture, 200);
    assert_int_equal(fixture->failure.code, ERR_OK);
    assert_non_null(seen(fixture, container)->address);
    const struct action drop = { .kind = ACTION_NETWORK_REMOVE, .name = "berth-test-c" };
    (void)apply(fixture, &drop);
    pass(fixture, 200);
    assert_int_equal(fixture->failure.code, ERR_DENIED);

    create = create_action(fixture, 1, image_id);
    create.sandbox_id = container->report.id;
    (void)apply(fixture, &create);
    pass(fixture, 200);
    const struct sim_container *joined = last_made(fixture);
    sim_meddle(fixture->sim, container->report.id, SIM_HAND_KILL);
    (void)container_action(fixture, ACTION_CONTAINER_START, joined->report.id, 0);
    pass(fixture, 200);
    assert_int_equal(fixture->failure.code, ERR_CONFLICT);
}

static void a_moved_tag_is_another_image(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_program first = { .runs_ms = 0 };
    const struct sim_program second = { .runs_ms = 9 };
    char id[80];

    sim_set_program(fixture->sim, "hub/web:1", &first);
    text_copy(id, sizeof(id), sim_add_image(fixture->sim, "a", "hub/web:1"));
    assert_string_equal(id, sim_add_image(fixture->sim, "a", "hub/web:1"));
    sim_set_program(fixture->sim, "hub/web:1", &second);
    const char *other = sim_add_image(fixture->sim, "a", "hub/web:1");
    assert_string_not_equal(id, other);
    (void)observe(fixture);
    pass(fixture, 500);
    const struct world_instance *instance = world_instance(fixture->world, "a");
    assert_string_equal(world_image(instance, "hub/web:1")->id, other);
    assert_int_equal(world_image(instance, id)->tag_count, 0);
    assert_true(text_starts(world_image(instance, other)->digests[0], "hub/web@sha256:"));
}

/* ---- Faults ---- */

static void faults_only(struct fixture *fixture, struct sim_faults faults)
{
    sim_set_faults(fixture->sim, &faults);
}

static void a_lost_request_times_out_and_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct action create =
        create_action(fixture, 0, sim_add_image(fixture->sim, "a", "web:1"));

    faults_only(fixture, (struct sim_faults){ .lose_request = 100 });
    (void)apply(fixture, &create);
    pass(fixture, TIMEOUT_MS - 1);
    assert_int_equal(fixture->done, 0);
    pass(fixture, 1);
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->failure.code, ERR_TIMEOUT);
    assert_int_equal(sim_container_count(fixture->sim), 0);
}

static void a_lost_answer_times_out_and_is_seen_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    const struct action create =
        create_action(fixture, 0, sim_add_image(fixture->sim, "a", "web:1"));

    faults_only(fixture, (struct sim_faults){ .lose_answer = 100 });
    (void)apply(fixture, &create);
    pass(fixture, 1000);
    assert_int_equal(fixture->done, 0);
    assert_int_equal(sim_container_count(fixture->sim), 1);
    assert_non_null(seen(fixture, last_made(fixture))); /* by its event */
    pass(fixture, TIMEOUT_MS);
    assert_int_equal(fixture->failure.code, ERR_TIMEOUT);

    faults_only(fixture, (struct sim_faults){ 0 });
    (void)apply(fixture, &create); /* recognised by its name */
    pass(fixture, 1000);
    assert_int_equal(fixture->failure.code, ERR_OK);
    assert_int_equal(sim_container_count(fixture->sim), 1);
}

static void slow_and_failing_calls(void **state)
{
    struct fixture *fixture = *state;
    const struct action create =
        create_action(fixture, 0, sim_add_image(fixture->sim, "a", "web:1"));

    faults_only(fixture, (struct sim_faults){ .fail_call = 100 });
    (void)apply(fixture, &create);
    pass(fixture, 1000);
    assert_int_equal(fixture->failure.code, ERR_FAILED);
    assert_int_equal(sim_container_count(fixture->sim), 0);

    faults_only(fixture, (struct sim_faults){ .slow_call = 100 });
    (void)apply(fixture, &create);
    pass(fixture, 900);
    assert_int_equal(sim_container_count(fixture->sim), 0);
    pass(fixture, MINUTE_MS);
    assert_int_equal(sim_container_count(fixture->sim), 1);
    world_is_the_truth(fixture);
}

static void a_lost_event_breaks_the_stream(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);
    uint64_t connections = sim_counts(fixture->sim)->connections;

    faults_only(fixture, (struct sim_faults){ .lose_event = 100 });
    sim_meddle(fixture->sim, container->report.id, SIM_HAND_REMOVE);
    pass(fixture, 1);
    assert_non_null(seen(fixture, container));
    pass(fixture, 10000);
    assert_null(seen(fixture, container));
    assert_true(sim_counts(fixture->sim)->connections > connections);
    assert_true(world_instance(fixture->world, "a")->complete);
}

static void a_cut_link_loses_the_instance_not_its_containers(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);

    (void)container_action(fixture, ACTION_CONTAINER_REMOVE, container->report.id, 0);
    size_t done = fixture->done;
    sim_cut(fixture->sim, "a", 20000, /* with_engine= */ false);
    pass(fixture, 1000);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_LOST);
    assert_int_equal(fixture->done, done + 1);
    assert_int_equal(fixture->failure.code, ERR_UNREACHABLE);
    assert_false(container_action(fixture, ACTION_CONTAINER_STOP, container->report.id, 0));
    assert_int_equal(container->report.status, CONTAINER_RUNNING);
    assert_int_equal(fixture->stops, 0);
    sim_crash(fixture->sim, container->report.id, 1, false);
    pass(fixture, 40000);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_ACTIVE);
    assert_int_equal(seen(fixture, container)->status, CONTAINER_EXITED);
    world_is_the_truth(fixture);
}

static void a_request_dies_with_its_connection(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);

    (void)container_action(fixture, ACTION_CONTAINER_STOP, container->report.id, 1);
    sim_cut(fixture->sim, "a", 0, /* with_engine= */ false);
    pass(fixture, 10000);
    assert_int_equal(fixture->failure.code, ERR_UNREACHABLE);
    assert_int_equal(container->report.status, CONTAINER_RUNNING);
    assert_int_equal(fixture->stops, 0);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_ACTIVE);
}

static void an_engine_that_stops_takes_its_containers(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);

    sim_cut(fixture->sim, "a", 20000, /* with_engine= */ true);
    assert_int_equal(container->report.status, CONTAINER_EXITED);
    assert_int_equal(seen(fixture, container)->status, CONTAINER_RUNNING);
    pass(fixture, MINUTE_MS);
    assert_int_equal(seen(fixture, container)->exit_code, 137);
}

static void an_engine_that_stops_in_order_signals_first(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *container = run_one(fixture, "web:1", NULL);

    sim_stop_engine(fixture->sim, "a", /* after_ms= */ 10000, /* for_ms= */ 20000);
    pass(fixture, 1000);
    assert_true(seen(fixture, container)->signalled);
    assert_int_equal(container->report.exit_code, 143);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_ACTIVE);
    pass(fixture, 10000);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_LOST);
    pass(fixture, MINUTE_MS);
    assert_int_equal(world_instance(fixture->world, "a")->state, INSTANCE_ACTIVE);
}

static void foreign_containers_are_never_told(void **state)
{
    struct fixture *fixture = *state;
    const struct sim_container *foreign = sim_run_foreign(fixture->sim, "a", "db", "postgres:16");

    faults_only(fixture, (struct sim_faults){ .meddle = 3600, .crash = 3600 });
    (void)observe(fixture);
    pass(fixture, 10 * MINUTE_MS);
    assert_true(foreign->exists && foreign->report.status == CONTAINER_RUNNING);
    assert_null(fixture->world->containers);
}

static void a_killed_process_leaves_its_requests_on_their_way(void **state)
{
    struct fixture *fixture = *state;
    const struct action create =
        create_action(fixture, 0, sim_add_image(fixture->sim, "a", "web:1"));
    struct owned_call owned = { .action = create };
    const struct sim_counts *counts = sim_counts(fixture->sim);

    owned.action.instance = "a";
    owned.action.object = "x";
    owned.call = (struct driver_call){
        .action = &owned.action, .timeout_ms = TIMEOUT_MS, .done = on_done, .context = fixture
    };
    assert_int_equal(driver_apply(fixture->driver, &owned.call, NULL), 0);
    while (counts->done[ACTION_CONTAINER_CREATE] == 0)
        pass(fixture, 1); /* the answer takes longer than that */
    sim_driver_kill(fixture->driver);
    assert_int_equal(fixture->done, 0);
    driver_open(fixture);
    pass(fixture, 1000);
    assert_int_equal(sim_container_count(fixture->sim), 1);
    world_is_the_truth(fixture);
}

/* ---- Soak ---- */

static void random_action(struct fixture *fixture, struct rng *rng, const char *const *images)
{
    size_t count = sim_container_count(fixture->sim);
    const struct sim_container *container =
        count == 0 ? NULL : sim_container_at(fixture->sim, (size_t)rng_below(rng, count));

    if (container == NULL || container->foreign || rng_chance(rng, 30)) {
        const struct action create =
            create_action(fixture, (uint32_t)rng_below(rng, 40), images[rng_below(rng, 4)]);
        (void)apply(fixture, &create);
        return;
    }
    static const enum action_kind kinds[] = { ACTION_CONTAINER_START, ACTION_CONTAINER_START,
                                              ACTION_CONTAINER_STOP, ACTION_CONTAINER_REMOVE };
    (void)container_action(fixture, kinds[rng_below(rng, ARRAY_COUNT(kinds))], container->report.id,
                           (uint32_t)rng_below(rng, 20));
}

static uint64_t soak(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);
    struct rng rng = { seed + 1 };
    const struct sim_program programs[] = {
        { .healthy_after_ms = 9000 },
        { .runs_ms = 20000, .exit_code = 1 },
        { .ignores_term = true, .sick_after_ms = 60000 },
        { .start_error = "no" },
    };
    const char *const names[] = { "p:0", "p:1", "p:2", "p:3" };
    const char *images[ARRAY_COUNT(programs)];
    const struct sim_faults faults = { .lose_request = (uint32_t)rng_below(&rng, 20),
                                       .lose_answer = (uint32_t)rng_below(&rng, 20),
                                       .slow_call = (uint32_t)rng_below(&rng, 20),
                                       .fail_call = (uint32_t)rng_below(&rng, 20),
                                       .lose_event = (uint32_t)rng_below(&rng, 5),
                                       .repeat_listing = (uint32_t)rng_below(&rng, 50),
                                       .link_down = (uint32_t)rng_below(&rng, 100),
                                       .engine_down = (uint32_t)rng_below(&rng, 50),
                                       .meddle = (uint32_t)rng_below(&rng, 1000),
                                       .crash = (uint32_t)rng_below(&rng, 500),
                                       .sicken = (uint32_t)rng_below(&rng, 500) };

    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        sim_set_program(fixture->sim, names[i], &programs[i]);
        images[i] = sim_add_image(fixture->sim, "a", names[i]);
    }
    (void)sim_run_foreign(fixture->sim, "a", "db", "postgres:16");
    sim_set_faults(fixture->sim, &faults);
    int64_t pace_ms = rng_chance(&rng, 50) ? 1500 : 20;
    for (int i = 0; i < 1500; i++) {
        random_action(fixture, &rng, images);
        if (rng_chance(&rng, 2))
            (void)observe(fixture);
        if (rng_chance(&rng, 1)) {
            driver_free(fixture->driver);
            driver_open(fixture);
        }
        pass(fixture, rng_between(&rng, 0, pace_ms));
    }
    sim_set_faults(fixture->sim, &(struct sim_faults){ 0 });
    pass(fixture, 10 * MINUTE_MS);
    /* Calm: whatever was lost, the driver knows everything now, without being asked. */
    world_is_the_truth(fixture);
    assert_true(observe(fixture));
    pass(fixture, 1000);
    world_is_the_truth(fixture);
    uint64_t accepted = 0;
    for (size_t i = 0; i < ACTION_KIND_COUNT; i++)
        accepted += sim_counts(fixture->sim)->accepted[i];
    assert_int_equal(fixture->done, accepted + sim_counts(fixture->sim)->observes);
    uint64_t trace = sim_trace(fixture->sim);
    fixture_free(fixture);
    return trace;
}

static void when_all_is_calm_the_world_is_the_truth(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        (void)soak(seed);
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    uint64_t first = soak(99);
    assert_true(first == soak(99));
    assert_true(first != soak(100));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(health_is_checked_at_intervals),
        TEST(what_it_wrote_last_is_told_once),
        TEST(grace_keeps_a_slow_program_from_being_unhealthy),
        TEST(a_sick_program_gets_unhealthy),
        TEST(programs_end),
        TEST(a_program_that_cannot_start_says_why),
        TEST(stopping_takes_its_grace),
        TEST(sandboxes_and_networks_are_needed),
        TEST(a_moved_tag_is_another_image),
        TEST(a_lost_request_times_out_and_does_nothing),
        TEST(a_lost_answer_times_out_and_is_seen_all_the_same),
        TEST(slow_and_failing_calls),
        TEST(a_lost_event_breaks_the_stream),
        TEST(a_cut_link_loses_the_instance_not_its_containers),
        TEST(a_request_dies_with_its_connection),
        TEST(an_engine_that_stops_takes_its_containers),
        TEST(an_engine_that_stops_in_order_signals_first),
        TEST(foreign_containers_are_never_told),
        TEST(a_killed_process_leaves_its_requests_on_their_way),
        cmocka_unit_test(when_all_is_calm_the_world_is_the_truth),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
