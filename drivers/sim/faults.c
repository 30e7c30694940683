/*
 * What goes wrong by itself, at the rates the test has set.
 */
#include "drivers/sim/balancer.h"
#include "spec/base/text.h"

#define REBOOTS_MS     1000
#define TICK_MS        1000
#define TICKS_PER_HOUR 3600
#define DOWN_MIN_MS    500
#define DOWN_MAX_MS    120000
#define STOP_MAX_MS    50000
#define EXIT_SIGKILL   137
#define HAND_STOP_MS   10000

/* Through the engine, which tells of the signal. */
static void hand_kill(struct sim *sim, struct sim_body *body)
{
    if (!sim_is_up(body))
        return;
    sim_happened(sim, body, SIM_EVENT_KILLED);
    sim_body_end(sim, body, EXIT_SIGKILL, /* oom= */ false);
}

void sim_hand(struct sim *sim, struct sim_body *body, enum sim_hand hand)
{
    struct container_report *report = &body->seen.report;

    switch (hand) {
    case SIM_HAND_STOP:
        if (sim_is_up(body))
            sim_body_stop(sim, body, HAND_STOP_MS);
        break;
    case SIM_HAND_KILL: hand_kill(sim, body); break;
    case SIM_HAND_START: (void)sim_body_start(sim, body, /* err= */ NULL); break;
    case SIM_HAND_PAUSE:
        if (report->status == CONTAINER_RUNNING) {
            report->status = CONTAINER_PAUSED;
            sim_happened(sim, body, SIM_EVENT_CHANGED);
        }
        break;
    case SIM_HAND_UPDATE:
        report->drift = "Memory";
        sim_happened(sim, body, SIM_EVENT_CHANGED);
        break;
    case SIM_HAND_REMOVE:
        hand_kill(sim, body);
        sim_body_remove(sim, body);
        break;
    case SIM_HAND_COUNT: ASSERT(hand < SIM_HAND_COUNT);
    }
}

void sim_go_down(struct sim *sim, struct sim_instance *instance, int64_t for_ms, bool with_engine)
{
    sim_note(sim, with_engine ? "engine down" : "link down", instance->name);
    instance->down_until_ms = sim->now_ms + for_ms;
    if (instance->connected)
        sim_connection_lost(sim, instance, "connection reset by peer");
    if (!with_engine)
        return;
    /* What is foreign has a restart policy: that it was away for a moment is nobody's business
     * here. */
    for (size_t i = 0; i < sim->living_count; i++) {
        if (sim->living[i]->host == instance && sim_is_up(sim->living[i]) &&
            !sim->living[i]->seen.foreign)
            sim_body_end(sim, sim->living[i], EXIT_SIGKILL, /* oom= */ false);
    }
}

/* A moment after it said so. */
static void rebooted(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;

    instance->boots++;
    instance->needs_reboot = false;
    sim_go_down(sim, instance, rng_between(&sim->rng, DOWN_MIN_MS, DOWN_MAX_MS),
                /* with_engine= */ true);
}

const char *sim_host_ran(struct sim *sim, const struct sim_request *request)
{
    struct sim_instance *instance = request->instance;

    if (request->reboots)
        sim_later(sim, REBOOTS_MS, rebooted, instance, 0);
    else if (!text_equal(request->reference, "look"))
        instance->needs_reboot |= rng_chance(&sim->rng, 50);
    return arena_printf(&sim->arena, "boot %u", instance->boots);
}

static void engine_stopped(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;
    int64_t for_ms = instance->stopping_for_ms;

    instance->stopping_for_ms = 0;
    sim_go_down(sim, instance, for_ms, /* with_engine= */ true);
}

void sim_stop_engine(struct sim *sim, const char *name, int64_t after_ms, int64_t for_ms)
{
    struct sim_instance *instance = sim_instance_find(sim, name);

    ASSERT(instance != NULL && after_ms > 0 && for_ms > 0);
    if (instance->stopping_for_ms > 0 || instance->down_until_ms > sim->now_ms)
        return;
    sim_note(sim, "engine stops", instance->name);
    instance->stopping_for_ms = for_ms;
    for (size_t i = 0; i < sim->living_count; i++) {
        if (sim->living[i]->host == instance && sim_is_up(sim->living[i]) &&
            !sim->living[i]->seen.foreign)
            sim_body_stop(sim, sim->living[i], after_ms);
    }
    sim_later(sim, after_ms, engine_stopped, instance, 0);
}

/* A container that is not foreign: hands and weather leave those alone, so that a test can tell. */
static struct sim_body *draw_body(struct sim *sim, bool up)
{
    if (sim->living_count == 0)
        return NULL;
    struct sim_body *body = sim->living[rng_below(&sim->rng, sim->living_count)];
    return body->seen.foreign || (up && !sim_is_up(body)) ? NULL : body;
}

static struct sim_instance *draw_instance(struct sim *sim)
{
    size_t count = 0;
    for (struct sim_instance *at = sim->instances; at != NULL; at = at->next)
        count++;
    if (count == 0)
        return NULL;
    struct sim_instance *instance = sim->instances;
    for (uint64_t skip = rng_below(&sim->rng, count); skip > 0; skip--) {
        ASSERT(instance->next != NULL);
        instance = instance->next;
    }
    return instance;
}

static bool draw_rate(struct sim *sim, uint32_t per_hour)
{
    return per_hour > 0 && rng_below(&sim->rng, TICKS_PER_HOUR) < per_hour;
}

static void weather_containers(struct sim *sim)
{
    const struct sim_faults *faults = &sim->faults;
    struct sim_body *body;

    if (draw_rate(sim, faults->meddle)) {
        body = draw_body(sim, /* up= */ false);
        if (body != NULL)
            sim_hand(sim, body, (enum sim_hand)rng_below(&sim->rng, SIM_HAND_COUNT));
    }
    if (draw_rate(sim, faults->crash)) {
        bool oom = rng_chance(&sim->rng, 25);
        body = draw_body(sim, /* up= */ true);
        if (body != NULL)
            sim_body_end(sim, body, oom ? EXIT_SIGKILL : (int)rng_below(&sim->rng, 3), oom);
    }
    if (draw_rate(sim, faults->sicken)) {
        body = draw_body(sim, /* up= */ true);
        if (body != NULL)
            sim_body_sicken(sim, body);
    }
}

static void tick(struct sim *sim, const struct sim_job *job)
{
    const struct sim_faults *faults = &sim->faults;

    (void)job;
    sim->weather = false;
    weather_containers(sim);
    bool link = draw_rate(sim, faults->link_down);
    bool engine = draw_rate(sim, faults->engine_down);
    struct sim_instance *instance = link || engine ? draw_instance(sim) : NULL;
    if (instance != NULL)
        sim_go_down(sim, instance, rng_between(&sim->rng, DOWN_MIN_MS, DOWN_MAX_MS), engine);
    instance = draw_rate(sim, faults->engine_stop) ? draw_instance(sim) : NULL;
    if (instance != NULL)
        sim_stop_engine(sim, instance->name, rng_between(&sim->rng, DOWN_MIN_MS, STOP_MAX_MS),
                        rng_between(&sim->rng, DOWN_MIN_MS, DOWN_MAX_MS));
    if (draw_rate(sim, faults->balancer_down))
        sim_balancer_kill(sim, rng_next(&sim->rng));
    sim_weather(sim);
}

void sim_weather(struct sim *sim)
{
    const struct sim_faults *faults = &sim->faults;
    bool any = faults->link_down + faults->engine_down + faults->engine_stop + faults->meddle +
                   faults->crash + faults->sicken + faults->balancer_down >
               0;

    if (any && !sim->weather) {
        sim->weather = true;
        sim_later(sim, TICK_MS, tick, NULL, 0);
    }
}
