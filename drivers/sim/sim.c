/*
 * The virtual clock, and what a test may do and ask.
 */
#include "drivers/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/sim/images.h"
#include "spec/base/text.h"
#include "spec/names.h"

#define LATENCY_MAX_MS 40

/* ---- Time ---- */

static bool job_before(const struct sim_job *a, const struct sim_job *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

void sim_later(struct sim *sim, int64_t delay_ms, sim_job_fn *run, void *subject, uint64_t number)
{
    ASSERT(delay_ms >= 0);
    if (sim->job_count == sim->job_capacity) {
        sim->job_capacity = sim->job_capacity == 0 ? 64 : sim->job_capacity * 2;
        sim->jobs = mem_resize(sim->jobs, sim->job_capacity * sizeof(*sim->jobs));
    }
    const struct sim_job job = { .at_ms = sim->now_ms + delay_ms,
                                 .order = ++sim->sequence,
                                 .run = run,
                                 .subject = subject,
                                 .number = number };
    size_t at = sim->job_count++;
    while (at > 0 && job_before(&job, &sim->jobs[(at - 1) / 2])) {
        sim->jobs[at] = sim->jobs[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->jobs[at] = job;
}

static struct sim_job job_take(struct sim *sim)
{
    ASSERT(sim->job_count > 0);
    const struct sim_job first = sim->jobs[0];
    const struct sim_job last = sim->jobs[--sim->job_count];
    size_t at = 0;

    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= sim->job_count)
            break;
        if (child + 1 < sim->job_count && job_before(&sim->jobs[child + 1], &sim->jobs[child]))
            child++;
        if (!job_before(&sim->jobs[child], &last))
            break;
        sim->jobs[at] = sim->jobs[child];
        at = child;
    }
    sim->jobs[at] = last;
    return first;
}

int64_t sim_now(const struct sim *sim)
{
    return sim->now_ms;
}

int64_t sim_next(const struct sim *sim)
{
    return sim->job_count == 0 ? INT64_MAX : sim->jobs[0].at_ms;
}

void sim_advance(struct sim *sim, int64_t to_ms)
{
    ASSERT(to_ms >= sim->now_ms);
    while (sim->job_count > 0 && sim->jobs[0].at_ms <= to_ms) {
        const struct sim_job job = job_take(sim);
        ASSERT(job.at_ms >= sim->now_ms);
        sim->now_ms = job.at_ms;
        job.run(sim, &job);
    }
    sim->now_ms = to_ms;
}

int64_t sim_latency(struct sim *sim)
{
    return rng_between(&sim->rng, 1, LATENCY_MAX_MS);
}

/* FNV-1a, 64 bits. */
static void trace_add(struct sim *sim, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        sim->trace = (sim->trace ^ bytes[i]) * UINT64_C(1099511628211);
}

void sim_note(struct sim *sim, const char *what, const char *of)
{
    trace_add(sim, &sim->now_ms, sizeof(sim->now_ms));
    trace_add(sim, what, strlen(what) + 1);
    if (of != NULL)
        trace_add(sim, of, strlen(of) + 1);
}

uint64_t sim_trace(const struct sim *sim)
{
    return sim->trace;
}

/* ---- Life ---- */

const char *sim_text(struct sim *sim, const char *text)
{
    return text == NULL ? NULL : arena_text(&sim->arena, text);
}

struct named_report sim_named_copy(struct sim *sim, const struct named_report *report)
{
    return (struct named_report){ .instance = sim_text(sim, report->instance),
                                  .name = sim_text(sim, report->name),
                                  .owner = sim_text(sim, report->owner),
                                  .cluster = sim_text(sim, report->cluster),
                                  .service = sim_text(sim, report->service),
                                  .root = sim_text(sim, report->root) };
}

struct sim *sim_new(const struct sim_options *options)
{
    ASSERT(options->start_ms > 0);
    struct sim *sim = mem_alloc(sizeof(*sim));
    sim->options = *options;
    sim->rng.state = options->seed;
    sim->now_ms = options->start_ms;
    sim->trace = UINT64_C(14695981039346656037);
    return sim;
}

void sim_free(struct sim *sim)
{
    if (sim == NULL)
        return;
    ASSERT(sim->driver == NULL);
    HASH_CLEAR(by_id, sim->bodies);
    HASH_CLEAR(by_reference, sim->sources);
    free(sim->living);
    free(sim->jobs);
    arena_release(&sim->arena);
    free(sim);
}

struct sim_instance *sim_instance_find(const struct sim *sim, const char *name)
{
    struct sim_instance *instance = sim->instances;
    while (instance != NULL && !text_equal(instance->name, name))
        instance = instance->next;
    return instance;
}

static struct sim_instance *instance_of(const struct sim *sim, const char *name)
{
    struct sim_instance *instance = sim_instance_find(sim, name);
    ASSERT(instance != NULL);
    return instance;
}

const char *sim_address(const struct sim *sim, const char *instance)
{
    const struct sim_instance *found = sim_instance_find(sim, instance);

    ASSERT(found != NULL);
    return found->address;
}

void sim_add_instance(struct sim *sim, const struct sim_instance_options *options)
{
    ASSERT(options->name != NULL && sim_instance_find(sim, options->name) == NULL);
    struct sim_instance *instance = arena_new(&sim->arena, struct sim_instance);
    struct sim_instance **last = &sim->instances;

    instance->name = sim_text(sim, options->name);
    instance->engine_id =
        options->engine_id != NULL
            ? sim_text(sim, options->engine_id)
            : arena_printf(&sim->arena, "ENGINE:%016llX", (unsigned long long)rng_next(&sim->rng));
    instance->address = arena_printf(&sim->arena, "10.9.0.%u", ++sim->instance_count);
    instance->architecture =
        sim_text(sim, options->architecture == NULL ? "x86_64" : options->architecture);
    instance->cpu_units = options->cpu_units;
    instance->memory_mib = options->memory_mib;
    instance->clock_skew_ms = options->clock_skew_ms;
    while (*last != NULL)
        last = &(*last)->next;
    *last = instance;
    if (sim->driver != NULL && sim->driver->started)
        sim_dial(sim, instance, /* delay_ms= */ 0);
}

void sim_set_faults(struct sim *sim, const struct sim_faults *faults)
{
    sim->faults = *faults;
    sim_weather(sim);
}

const struct sim_counts *sim_counts(const struct sim *sim)
{
    return &sim->counts;
}

/* ---- By hand ---- */

const struct sim_container *sim_run_foreign(struct sim *sim, const char *instance, const char *name,
                                            const char *reference)
{
    struct sim_body *body = arena_new(&sim->arena, struct sim_body);
    struct err err = { 0 };

    body->host = instance_of(sim, instance);
    struct sim_image *image = sim_image_had(sim, body->host, reference);
    image->foreign = true;
    body->seen.foreign = true;
    body->seen.program = *image->program;
    body->seen.report = (struct container_report){ .instance = body->host->name,
                                                   .name = sim_text(sim, name),
                                                   .image_id = image->report.id };
    sim_body_add(sim, body);
    int started = sim_body_start(sim, body, &err);
    ASSERT(started == 0);
    return &body->seen;
}

static struct sim_body *living_body(const struct sim *sim, const char *id)
{
    struct sim_body *body = sim_body_find(sim, id);
    ASSERT(body != NULL && body->seen.exists);
    return body;
}

void sim_meddle(struct sim *sim, const char *container_id, enum sim_hand hand)
{
    sim_hand(sim, living_body(sim, container_id), hand);
}

void sim_crash(struct sim *sim, const char *container_id, int exit_code, bool oom)
{
    struct sim_body *body = living_body(sim, container_id);
    ASSERT(sim_is_up(body));
    sim_body_end(sim, body, exit_code, oom);
}

void sim_sicken(struct sim *sim, const char *container_id)
{
    sim_body_sicken(sim, living_body(sim, container_id));
}

void sim_cut(struct sim *sim, const char *instance, int64_t for_ms, bool with_engine)
{
    sim_go_down(sim, instance_of(sim, instance), for_ms, with_engine);
}

void sim_claim(struct sim *sim, const char *instance, const char *owner, const char *root)
{
    AUTO(arena) arena = { 0 };
    const struct named_report claim = {
        .instance = instance, .name = claim_volume_name(&arena, owner), .owner = owner, .root = root
    };
    const struct named_report copy = sim_named_copy(sim, &claim);

    sim_named_replace(sim, &instance_of(sim, instance)->volumes, &copy);
}

const char *sim_add_image(struct sim *sim, const char *instance, const char *reference)
{
    struct sim_image *image = sim_image_had(sim, instance_of(sim, instance), reference);

    image->foreign = true;
    return image->report.id;
}

void sim_call_image(struct sim *sim, const char *instance, const char *reference, const char *name)
{
    sim_image_called(sim, instance_of(sim, instance), reference, name)->foreign = true;
}

/* ---- The truth ---- */

size_t sim_container_count(const struct sim *sim)
{
    return sim->living_count;
}

const struct sim_container *sim_container_at(const struct sim *sim, size_t index)
{
    return index < sim->living_count ? &sim->living[index]->seen : NULL;
}

const struct sim_container *sim_container(const struct sim *sim, const char *id)
{
    const struct sim_body *body = sim_body_find(sim, id);
    return body == NULL ? NULL : &body->seen;
}

bool sim_image_is_foreign(const struct sim *sim, const char *instance, const char *id)
{
    const struct sim_image *image = sim_image_find(instance_of(sim, instance), id);
    return image != NULL && image->foreign;
}

bool sim_has_volume(const struct sim *sim, const char *instance, const char *name)
{
    return sim_named_find(instance_of(sim, instance)->volumes, name) != NULL;
}
