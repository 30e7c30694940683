/*
 * The driver's picture of the fleet: connections, events, listings.  As with a real engine an event
 * carries no data, it makes the driver look; a look and a listing are pictures of a moment that
 * arrive later, and an older picture never replaces a newer one.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/sim/sim_int.h"
#include "spec/base/text.h"

#define LOOK_MAX_MS   5000
#define PAUSE_MIN_MS  100
#define PAUSE_MAX_MS  15000
#define BREAK_MAX_MS  5000 /* from a lost event to the break of the stream */
#define REPEAT_MAX_MS 2000

/* ---- Reports ---- */

void sim_report(struct sim *sim, const struct world_change *change)
{
    struct sim_driver *driver = sim->driver;

    if (driver == NULL || driver->freeing)
        return;
    sim->counts.reports++;
    driver->sink.change(driver->sink.context, change);
}

void sim_report_named(struct sim *sim, enum world_change_kind kind,
                      const struct sim_instance *instance, const char *name)
{
    const struct world_change change = { .kind = kind,
                                         .named = { .instance = instance->name, .name = name } };
    sim_note(sim, "report", name);
    sim_report(sim, &change);
}

void sim_report_image(struct sim *sim, const struct sim_instance *instance,
                      const struct sim_image *image)
{
    struct world_change change = { .kind = WORLD_IMAGE, .image = image->report };
    change.image.instance = instance->name;
    sim_note(sim, "report", image->report.id);
    sim_report(sim, &change);
}

void sim_output(struct sim *sim, const char *object, const char *line)
{
    struct sim_driver *driver = sim->driver;
    if (driver != NULL && !driver->freeing && driver->sink.output != NULL)
        driver->sink.output(driver->sink.context, object, line);
}

static bool is_ours(const struct sim *sim, const struct sim_body *body)
{
    return sim->driver != NULL && !body->seen.foreign &&
           text_equal(body->seen.owner, sim->driver->owner);
}

/* Reports a picture that was taken at `sequence`; with inspected false, only what a listing has. */
static void picture_report(struct sim *sim, struct sim_body *body,
                           const struct container_report *picture, uint64_t sequence)
{
    struct world_change change = { .kind = WORLD_CONTAINER, .container = *picture };

    if (body->told_in == body->host->epoch && (body->told_gone || body->told > sequence))
        return;
    body->told_in = body->host->epoch;
    body->told_gone = false;
    body->told = sequence;
    sim_note(sim, container_status_text(picture->status), picture->name);
    sim_report(sim, &change);
}

static void sim_report_gone(struct sim *sim, struct sim_body *body)
{
    if (body->told_in == body->host->epoch && body->told_gone)
        return;
    body->told_in = body->host->epoch;
    body->told_gone = true;
    sim_report_named(sim, WORLD_CONTAINER_GONE, body->host, body->seen.report.id);
}

void sim_report_body(struct sim *sim, struct sim_body *body)
{
    if (!is_ours(sim, body) || !body->host->connected)
        return;
    if (body->seen.exists)
        picture_report(sim, body, &body->seen.report, ++sim->sequence);
    else
        sim_report_gone(sim, body);
}

/* ---- Events ---- */

struct sim_picture {
    struct sim_body *body;
    struct container_report report;
    uint64_t sequence;
    bool exists;
};

static struct sim_picture picture_take(struct sim *sim, struct sim_body *body)
{
    return (struct sim_picture){ .body = body,
                                 .report = body->seen.report,
                                 .sequence = ++sim->sequence,
                                 .exists = body->seen.exists };
}

static void looked(struct sim *sim, const struct sim_job *job)
{
    struct sim_picture *picture = job->subject;
    struct sim_body *body = picture->body;

    if (job->number != body->host->epoch || !body->host->connected)
        return;
    if (picture->exists)
        picture_report(sim, body, &picture->report, picture->sequence);
    else
        sim_report_gone(sim, body);
}

static void look(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;

    if (job->number != body->host->epoch)
        return;
    struct sim_picture picture = picture_take(sim, body);
    sim_later(sim, sim_latency(sim), looked, arena_copy(&sim->arena, &picture, sizeof(picture)),
              job->number);
}

static int64_t look_latency(struct sim *sim)
{
    int64_t latency_ms = sim_latency(sim);

    if (sim->faults.slow_look > 0 && rng_chance(&sim->rng, sim->faults.slow_look))
        latency_ms += rng_between(&sim->rng, 1, LOOK_MAX_MS);
    return latency_ms;
}

static void event_changed(struct sim *sim, const struct sim_job *job)
{
    const struct sim_body *body = job->subject;
    if (job->number == body->host->epoch)
        sim_later(sim, look_latency(sim), look, job->subject, job->number);
}

static void event_killed(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;
    if (job->number == body->host->epoch)
        sim_report_named(
            sim, sim_has_stop(sim, body) ? WORLD_CONTAINER_STOPPING : WORLD_CONTAINER_SIGNALLED,
            body->host, body->seen.report.id);
}

static void event_gone(struct sim *sim, const struct sim_job *job)
{
    struct sim_body *body = job->subject;
    if (job->number == body->host->epoch)
        sim_report_gone(sim, body);
}

static void stream_broken(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;
    if (job->number == instance->epoch && instance->connected)
        sim_connection_lost(sim, instance, "the event stream ended");
}

/* In the order in which they happened; or it is lost, and the stream soon breaks. */
static void send_event(struct sim *sim, struct sim_instance *instance, sim_job_fn *arrive,
                       void *subject)
{
    int64_t at_ms = sim->now_ms + sim_latency(sim);

    if (rng_chance(&sim->rng, sim->faults.lose_event)) {
        sim_later(sim, rng_between(&sim->rng, 1, BREAK_MAX_MS), stream_broken, instance,
                  instance->epoch);
        return;
    }
    if (at_ms < instance->stream_ms)
        at_ms = instance->stream_ms;
    instance->stream_ms = at_ms;
    sim_later(sim, at_ms - sim->now_ms, arrive, subject, instance->epoch);
}

void sim_happened(struct sim *sim, struct sim_body *body, enum sim_event event)
{
    static sim_job_fn *const arrive[] = { [SIM_EVENT_CHANGED] = event_changed,
                                          [SIM_EVENT_KILLED] = event_killed,
                                          [SIM_EVENT_GONE] = event_gone };

    if (is_ours(sim, body) && body->host->connected)
        send_event(sim, body->host, arrive[event], body);
}

struct ground_event {
    struct sim_instance *instance;
    enum world_change_kind kind;
    const char *name;
};

static void ground_event(struct sim *sim, const struct sim_job *job)
{
    const struct ground_event *event = job->subject;

    if (job->number == event->instance->epoch && event->instance->connected)
        sim_report_named(sim, event->kind, event->instance, event->name);
}

/* A network or volume went away. */
void sim_named_gone(struct sim *sim, struct sim_instance *at, bool network, const char *name)
{
    struct ground_event *event = arena_new(&sim->arena, struct ground_event);

    *event = (struct ground_event){ at, network ? WORLD_NETWORK_GONE : WORLD_VOLUME_GONE,
                                    arena_text(&sim->arena, name) };
    if (sim->driver != NULL && at->connected)
        send_event(sim, at, ground_event, event);
}

/* ---- Listings ---- */

struct listing {
    struct sim_instance *instance;
    struct sim_picture *pictures;
    size_t count;
};

static void listing_begin(struct sim *sim, struct sim_instance *instance);

static void list_job(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;
    if (job->number == instance->epoch && instance->connected)
        (void)sim_list(sim, instance);
}

static void listing_end(struct sim *sim, struct sim_instance *instance)
{
    instance->listing = false;
    instance->pause_ms = PAUSE_MIN_MS;
    sim_report_named(sim, WORLD_LISTING_END, instance, NULL);
    sim_calls_listed(sim, instance);
    if (sim->driver == NULL || !instance->connected || instance->listing)
        return; /* a done() ended it, or began the next one */
    if (instance->list_again)
        listing_begin(sim, instance);
    else if (rng_chance(&sim->rng, sim->faults.repeat_listing))
        sim_later(sim, rng_between(&sim->rng, 0, REPEAT_MAX_MS), list_job, instance,
                  instance->epoch);
}

/* Everything that the listing named was looked at one by one. */
static void listing_looked(struct sim *sim, const struct sim_job *job)
{
    struct listing *listing = job->subject;
    struct sim_instance *instance = listing->instance;

    if (job->number != instance->epoch || !instance->listing)
        return;
    for (size_t i = 0; i < listing->count; i++)
        sim_report_body(sim, listing->pictures[i].body);
    listing_end(sim, instance);
}

static void list_named(struct sim *sim, const struct sim_named *all, enum world_change_kind kind)
{
    for (const struct sim_named *at = all; at != NULL; at = at->next) {
        const struct world_change change = { .kind = kind, .named = at->report };
        if (text_equal(at->report.owner, sim->driver->owner)) {
            sim_note(sim, "listed", at->report.name);
            sim_report(sim, &change);
        }
    }
}

static void listing_arrived(struct sim *sim, const struct sim_job *job)
{
    struct listing *listing = job->subject;
    struct sim_instance *instance = listing->instance;

    if (job->number != instance->epoch || !instance->listing)
        return;
    for (size_t i = 0; i < listing->count; i++) {
        struct container_report report = listing->pictures[i].report;
        report.inspected = false;
        picture_report(sim, listing->pictures[i].body, &report, listing->pictures[i].sequence);
    }
    for (const struct sim_image *image = instance->images; image != NULL; image = image->next)
        sim_report_image(sim, instance, image);
    list_named(sim, instance->networks, WORLD_NETWORK);
    list_named(sim, instance->volumes, WORLD_VOLUME);
    sim_later(sim, look_latency(sim), listing_looked, listing, job->number);
}

static void listing_taken(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;

    if (job->number != instance->epoch || !instance->listing)
        return;
    struct listing *listing = arena_new(&sim->arena, struct listing);
    listing->instance = instance;
    listing->pictures = arena_array(&sim->arena, struct sim_picture, sim->living_count + 1);
    for (size_t i = 0; i < sim->living_count; i++) {
        if (sim->living[i]->host == instance && is_ours(sim, sim->living[i]))
            listing->pictures[listing->count++] = picture_take(sim, sim->living[i]);
    }
    sim_later(sim, sim_latency(sim), listing_arrived, listing, job->number);
}

static void listing_begin(struct sim *sim, struct sim_instance *instance)
{
    ASSERT(!instance->listing && instance->connected);
    instance->listing = true;
    instance->list_again = false;
    instance->listings++;
    /* Before it is asked for: what is reported from here on is not swept at its end. */
    sim_report_named(sim, WORLD_LISTING_BEGIN, instance, NULL);
    sim_later(sim, sim_latency(sim), listing_taken, instance, instance->epoch);
}

uint64_t sim_list(struct sim *sim, struct sim_instance *instance)
{
    if (instance->listing) {
        instance->list_again = true;
        return instance->listings + 1;
    }
    listing_begin(sim, instance);
    return instance->listings;
}

/* ---- Connections ---- */

static void dial(struct sim *sim, const struct sim_job *job)
{
    struct sim_instance *instance = job->subject;
    struct world_change change = { .kind = WORLD_INSTANCE };

    if (job->number != instance->epoch || sim->driver == NULL)
        return;
    if (instance->down_until_ms > sim->now_ms) {
        sim_connection_lost(sim, instance, "connection refused");
        return;
    }
    instance->connected = true;
    instance->stream_ms = sim->now_ms;
    sim->counts.connections++;
    change.instance = (struct instance_report){ .instance = instance->name,
                                                .engine_id = instance->engine_id,
                                                .engine_version = "20.10.24",
                                                .architecture = instance->architecture,
                                                .cpu_units = instance->cpu_units,
                                                .memory_mib = instance->memory_mib,
                                                .clock_skew_ms = instance->clock_skew_ms,
                                                .connected_ms = sim->now_ms };
    sim_note(sim, "connected", instance->name);
    sim_report(sim, &change);
    (void)sim_list(sim, instance);
}

void sim_dial(struct sim *sim, struct sim_instance *instance, int64_t delay_ms)
{
    instance->epoch++;
    if (instance->pause_ms == 0)
        instance->pause_ms = PAUSE_MIN_MS;
    sim_later(sim, delay_ms + sim_latency(sim), dial, instance, instance->epoch);
}

void sim_connection_lost(struct sim *sim, struct sim_instance *instance, const char *why)
{
    int64_t pause_ms = instance->pause_ms;

    instance->connected = false;
    instance->listing = false;
    instance->list_again = false;
    if (sim->driver == NULL || !sim->driver->started)
        return;
    sim_calls_lost(sim, instance);
    const struct world_change change = {
        .kind = WORLD_INSTANCE_LOST,
        .lost = { .instance = instance->name, .failure = why, .at_ms = sim->now_ms }
    };
    sim_note(sim, why, instance->name);
    sim_report(sim, &change);
    instance->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    sim_dial(sim, instance, pause_ms / 2 + rng_between(&sim->rng, 0, pause_ms / 2));
}
