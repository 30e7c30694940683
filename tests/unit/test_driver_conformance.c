/*
 * The simulated fleet keeps the contract of drivers.
 */
#include "drivers/sim/sim.h"
#include "tests/unit/driver_conformance.h"

struct simulated {
    struct sim *sim;
};

static struct driver *open_sim(void *context, const struct driver_sink *sink)
{
    struct simulated *simulated = context;
    const struct sim_program stubborn = { .ignores_term = true, .work_ms = 800 };
    const struct sim_program missing = { .work_error = "manifest unknown", .work_ms = 100 };

    simulated->sim = sim_new(&(struct sim_options){ .seed = 5, .start_ms = 1000000 });
    sim_add_instance(simulated->sim, &(struct sim_instance_options){
                                         .name = "local", .cpu_units = 2048, .memory_mib = 4096 });
    sim_set_program(simulated->sim, "stubborn:1", &stubborn);
    sim_set_program(simulated->sim, "missing:1", &missing);
    (void)sim_add_image(simulated->sim, "local", "stubborn:1");
    return sim_driver(simulated->sim, &(struct sim_driver_options){
                                          .sink = *sink, .owner = "test", .root = "abcdef" });
}

static void close_sim(void *context)
{
    struct simulated *simulated = context;
    sim_free(TAKE(simulated->sim));
}

static void turn_sim(void *context)
{
    const struct simulated *simulated = context;
    sim_advance(simulated->sim, sim_now(simulated->sim) + 10);
}

static int64_t now_sim(void *context)
{
    const struct simulated *simulated = context;
    return sim_now(simulated->sim);
}

static void remove_in_sim(void *context, const char *id)
{
    const struct simulated *simulated = context;
    if (sim_container(simulated->sim, id)->exists)
        sim_meddle(simulated->sim, id, SIM_HAND_REMOVE);
}

int main(void)
{
    struct simulated simulated = { 0 };
    const struct conformance conformance = { .name = "sim",
                                             .open = open_sim,
                                             .close = close_sim,
                                             .turn = turn_sim,
                                             .now_ms = now_sim,
                                             .remove_by_hand = remove_in_sim,
                                             .context = &simulated,
                                             .instance = "local",
                                             .owner = "test",
                                             .root = "abcdef",
                                             .image = "stubborn:1",
                                             .pull = "library/redis:7",
                                             .missing = "missing:1" };
    return conformance_run(&conformance);
}
